//! TLS of both listeners, as seen from its first bytes.

use std::time::Duration;

use tokenbind_tests::Server;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

/// A `ClientHello` of this version (RFC 5246 section 7.4.1.2), as a client without TLS 1.3 sends it.
fn client_hello(version: [u8; 2], cipher_suites: &[u8]) -> Vec<u8> {
    const EXTENSIONS: [u8; 28] = [
        0x00, 0x0a, 0, 6, 0, 4, 0x00, 0x1d, 0x00, 0x17, // groups: x25519, secp256r1
        0x00, 0x0d, 0, 8, 0, 6, 0x04, 0x03, 0x08, 0x04, 0x04,
        0x01, // ECDSA, PSS and RSA, SHA-256
        0x00, 0x0b, 0, 2, 1, 0, // points: uncompressed
    ];
    let mut body = version.to_vec();
    body.extend([7; 32]);
    body.push(0); // no session
    body.extend(length(cipher_suites));
    body.extend(cipher_suites);
    body.extend([1, 0]); // no compression
    body.extend(length(&EXTENSIONS));
    body.extend(EXTENSIONS);
    let mut handshake = vec![1, 0];
    handshake.extend(length(&body));
    handshake.extend(body);
    let mut record = vec![22, 3, 1];
    record.extend(length(&handshake));
    record.extend(handshake);
    record
}

fn length(bytes: &[u8]) -> [u8; 2] {
    u16::try_from(bytes.len()).expect("a short hello").to_be_bytes()
}

/// The ports: the first asks for no client certificate, the second does.
fn ports(server: &Server) -> [u16; 2] {
    [server.port(), server.port() + 1]
}

/// The first seven bytes that the server answers: a record's head and what it begins with.
async fn answer_to(port: u16, hello: &[u8]) -> [u8; 7] {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.expect("a connection");
    stream.write_all(hello).await.expect("the hello is sent");
    let mut answer = [0; 7];
    let read = timeout(Duration::from_secs(10), stream.read_exact(&mut answer)).await;
    read.expect("an answer in time").expect("an answer");
    answer
}

/// ECDHE with AES-GCM, then two of the kinds that TLS 1.2 knows and nobody should use any more.
const ECDHE_ECDSA_AES_128_GCM: [u8; 2] = [0xc0, 0x2b];
const ECDHE_ECDSA_AES_128_CBC: [u8; 2] = [0xc0, 0x09];
const RSA_AES_128_GCM: [u8; 2] = [0x00, 0x9c];

/// Good, but FAPI 2.0 (section 5.2.2) wants none but AES-GCM in TLS 1.2.
const ECDHE_ECDSA_CHACHA20: [u8; 2] = [0xcc, 0xa9];

#[tokio::test]
async fn tls_1_2_with_forward_secrecy_and_aes_gcm_is_taken() {
    for port in ports(Server::shared().await) {
        let answer = answer_to(port, &client_hello([3, 3], &ECDHE_ECDSA_AES_128_GCM)).await;
        assert_eq!((answer[0], answer[5]), (22, 2), "a ServerHello");
    }
}

#[tokio::test]
async fn tls_1_1_and_1_0_are_refused() {
    let suites = [ECDHE_ECDSA_AES_128_GCM, ECDHE_ECDSA_AES_128_CBC].concat();
    for port in ports(Server::shared().await) {
        for version in [[3, 2], [3, 1]] {
            let answer = answer_to(port, &client_hello(version, &suites)).await;
            assert_eq!((answer[0], &answer[5..]), (21, &[2, 70][..]), "the alert protocol_version");
        }
    }
}

#[tokio::test]
async fn tls_1_2_with_weak_cipher_suites_is_refused() {
    for port in ports(Server::shared().await) {
        for suite in [ECDHE_ECDSA_AES_128_CBC, RSA_AES_128_GCM, ECDHE_ECDSA_CHACHA20] {
            let answer = answer_to(port, &client_hello([3, 3], &suite)).await;
            let alert = (answer[0], &answer[5..]);
            assert_eq!(alert, (21, &[2, 40][..]), "the alert handshake_failure");
        }
    }
}
