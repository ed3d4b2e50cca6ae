//! TLS of both listeners as `openssl s_client` finds it, one version and one cipher suite at a time: what FAPI 2.0
//! Security Profile section 5.2 lets through, and nothing else.

use std::process::{Output, Stdio};

use tokenbind_tests::Server;
use tokio::process::Command;

/// The most that the tool can do, weak as it may be, so that it is the server that says no.
const EVERYTHING: &str = "ALL:eNULL:@SECLEVEL=0";

/// FAPI 2.0 Security Profile section 5.2.2: of TLS 1.2 the suites that BCP 195 recommends.
const ALLOWED: [&str; 4] = [
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES256-GCM-SHA384",
];

/// RFC 5246 section 7.2: the numbers of alerts.
const HANDSHAKE_FAILURE: &str = "SSL alert number 40";
const PROTOCOL_VERSION: &str = "SSL alert number 70";

async fn openssl(arguments: &[&str]) -> Output {
    let mut command = Command::new("openssl");
    command.args(arguments).stdin(Stdio::null());
    command.output().await.expect("openssl runs")
}

fn text(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes)).concat()
}

/// The ports of a server: the one that browsers use, and the one that asks for certificates.
fn ports(server: &Server) -> [u16; 2] {
    [server.port(), server.port() + 1]
}

/// A handshake, and whether it came to be.
async fn handshake(server: &Server, port: u16, more: &[&str]) -> (bool, String) {
    let (ca, address) = (server.ca(), format!("localhost:{port}"));
    let ca = ca.to_str().expect("a path in UTF-8");
    let usual = ["s_client", "-connect", &address, "-CAfile", ca, "-verify_return_error", "-brief"];
    let output = openssl(&[&usual[..], more].concat()).await;
    (output.status.success(), text(&output))
}

#[tokio::test]
async fn tls_1_3_is_what_is_agreed_on() {
    let server = Server::shared().await;
    for port in ports(server) {
        let (agreed, told) = handshake(server, port, &[]).await;
        assert!(agreed && told.contains("TLSv1.3"), "{told}");
        assert!(told.contains("Verification: OK"), "{told}");
    }
}

#[tokio::test]
async fn tls_1_1_and_1_0_are_refused_by_an_alert() {
    let server = Server::shared().await;
    for port in ports(server) {
        for version in ["-tls1_1", "-tls1"] {
            let (agreed, told) = handshake(server, port, &[version, "-cipher", EVERYTHING]).await;
            let by_alert = [PROTOCOL_VERSION, HANDSHAKE_FAILURE];
            let refused = by_alert.iter().any(|alert| told.contains(alert));
            assert!(!agreed && refused, "{version}: {told}");
        }
    }
}

#[tokio::test]
async fn fapi_security_profile_section_5_2_2_of_tls_1_2_only_ecdhe_with_aes_gcm_is_taken() {
    let server = Server::shared().await;
    let list = openssl(&["ciphers", "-s", "-tls1_2", EVERYTHING]).await;
    let list = text(&list);
    let suites: Vec<_> = list.trim().split(':').collect();
    assert!(suites.len() > 50, "the tool knows many: {list}");
    assert!(ALLOWED.iter().all(|suite| suites.contains(suite)), "{list}");
    for port in ports(server) {
        let mut taken = Vec::new();
        for suite in &suites {
            let only = format!("{suite}:@SECLEVEL=0");
            let (agreed, told) = handshake(server, port, &["-tls1_2", "-cipher", &only]).await;
            if agreed {
                taken.push(*suite);
            } else {
                assert!(told.contains(HANDSHAKE_FAILURE), "{suite}: {told}");
            }
        }
        assert!(!taken.is_empty(), "TLS 1.2 is spoken");
        assert!(taken.iter().all(|suite| ALLOWED.contains(suite)), "{taken:?}");
    }
}
