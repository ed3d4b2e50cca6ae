//! What applications sign (assertions, request objects, proofs): claims come out only under a signature that fits,
//! by the algorithm that was asked for.
#![no_main]

use std::sync::LazyLock;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value};
use tokenbind_binding::{
    jwk::{JwsAlgorithm, PublicKey},
    jws::UnverifiedJws,
};
use tokenbind_issuer::keys::{KeyId, SigningAlgorithm, SigningKey};

/// An Ed25519 private key up to its 32 secret bytes (RFC 8410 section 7).
const PKCS8_PREFIX: &[u8] = b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20";

/// The application's key, and a stranger's.
static KEYS: LazyLock<[SigningKey; 2]> = LazyLock::new(|| [5, 6].map(key));

fn key(byte: u8) -> SigningKey {
    let secret = [PKCS8_PREFIX, &[byte; 32]].concat();
    let algorithm = SigningAlgorithm::EdDSA;
    SigningKey::from_pkcs8(KeyId(byte.into()), algorithm, &secret).expect("a key")
}

fn public(key: &SigningKey) -> PublicKey {
    PublicKey::from_jwk(key.jwk().as_object().expect("an object")).expect("a public key")
}

fuzz_target!(|data: &[u8]| {
    if let Ok(text) = std::str::from_utf8(data) {
        assert_is_signed(text);
    }
    if let Some(end) = data.iter().position(|&byte| byte == b'\n') {
        assert_header_rules(&data[..end], &data[end + 1..]);
    }
});

/// A text that verifies is one that the application's key signs.
fn assert_is_signed(text: &str) {
    let Ok(jws) = UnverifiedJws::parse(text) else { return };
    let [own, stranger] = &*KEYS;
    assert!(jws.clone().verify(&public(stranger), JwsAlgorithm::EdDSA).is_err());
    for algorithm in [JwsAlgorithm::ES256, JwsAlgorithm::PS256, JwsAlgorithm::RS256] {
        assert!(jws.clone().verify(&public(own), algorithm).is_err());
    }
    if jws.verify(&public(own), JwsAlgorithm::EdDSA).is_ok() {
        let (message, _) = text.rsplit_once('.').expect("three parts");
        let signature = URL_SAFE_NO_PAD.encode(own.sign(message.as_bytes()).expect("signs"));
        assert_eq!(format!("{message}.{signature}"), text);
    }
}

/// Any header and claims: refused unsigned, and even under a signature that fits unless the header names the
/// algorithm and asks for nothing that is not understood (RFC 7515 section 4.1.11).
fn assert_header_rules(header: &[u8], claims: &[u8]) {
    let own = &KEYS[0];
    let message = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part)).join(".");
    let verified = |text: &str| -> Option<Map<String, Value>> {
        UnverifiedJws::parse(text).ok()?.verify(&public(own), JwsAlgorithm::EdDSA).ok()
    };
    assert!(verified(&format!("{message}.")).is_none());
    assert!(verified(&message).is_none());
    let signature = URL_SAFE_NO_PAD.encode(own.sign(message.as_bytes()).expect("signs"));
    let Some(accepted) = verified(&format!("{message}.{signature}")) else { return };
    let header: Value = serde_json::from_slice(header).expect("a header is JSON");
    assert!(header["alg"] == "EdDSA" || header["alg"] == "Ed25519");
    assert!(header.get("crit").is_none());
    assert_eq!(serde_json::from_slice::<Map<_, _>>(claims).ok(), Some(accepted));
}
