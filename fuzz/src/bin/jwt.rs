//! JWTs: nothing but what this server signed is accepted, and only as the type that it was signed as.
#![no_main]

use std::sync::{Arc, LazyLock};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use tokenbind_issuer::{
    jwt,
    keys::{KeyId, KeyRing, KeyUse, ServerKey, SigningAlgorithm, SigningKey},
    store::StoredKey,
};

/// An Ed25519 private key up to its 32 secret bytes (RFC 8410 section 7).
const PKCS8_PREFIX: &[u8] = b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20";

/// The key ring that signed the seeds. Ed25519, so that signing again gives the same text.
static RING: LazyLock<KeyRing> = LazyLock::new(|| {
    let server_key = ServerKey::new(&[9; 32]);
    let secret = [PKCS8_PREFIX, &[5; 32]].concat();
    let stored = [
        stored(&server_key, KeyId(1), KeyUse::Handle, &[1; 32]),
        stored(&server_key, KeyId(2), KeyUse::Pairwise, &[2; 32]),
        stored(&server_key, KeyId(0x2a), KeyUse::Signing(SigningAlgorithm::EdDSA), &secret),
    ];
    KeyRing::open(&stored, &server_key).expect("a whole ring")
});

fn stored(server_key: &ServerKey, id: KeyId, key_use: KeyUse, secret: &[u8]) -> StoredKey {
    let sealed = server_key.seal(id, key_use, secret).expect("a key is sealed");
    StoredKey { id, key_use, sealed, retired: false }
}

fn key() -> &'static Arc<SigningKey> {
    RING.signing_key(SigningAlgorithm::EdDSA).expect("the ring signs by EdDSA")
}

fuzz_target!(|data: &[u8]| {
    if let Ok(text) = std::str::from_utf8(data) {
        assert_accepts_only_own(text);
    }
    if let Some(end) = data.iter().position(|&byte| byte == b'\n') {
        assert_header_rules(&data[..end], &data[end + 1..]);
    }
});

fn assert_accepts_only_own(text: &str) {
    if let Ok(claims) = jwt::verify::<Value>(&RING, "at+jwt", text) {
        assert_eq!(jwt::sign(key(), "at+jwt", &claims).as_deref(), Ok(text));
        assert_eq!(jwt::verify::<Value>(&RING, "JWT", text), Err(jwt::JwtError::OtherType));
    }
}

/// Any header and claims: refused unsigned, and even under a signature that fits unless the header
/// names type, algorithm and key (RFC 8725 sections 3.1 and 3.11).
fn assert_header_rules(header: &[u8], claims: &[u8]) {
    let message = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part)).join(".");
    assert!(jwt::verify::<Value>(&RING, "at+jwt", &format!("{message}.")).is_err());
    assert!(jwt::verify::<Value>(&RING, "at+jwt", &message).is_err());

    let signature = URL_SAFE_NO_PAD.encode(key().sign(message.as_bytes()).expect("signs"));
    let signed = format!("{message}.{signature}");
    let Ok(accepted) = jwt::verify::<Value>(&RING, "at+jwt", &signed) else { return };
    let header: Value = serde_json::from_slice(header).expect("a header is JSON");
    assert_eq!(header["typ"], "at+jwt");
    assert_eq!(header["alg"], "EdDSA");
    let kid = header["kid"].as_str().and_then(|kid| u32::from_str_radix(kid, 16).ok());
    assert_eq!(kid, Some(0x2a));
    assert_eq!(serde_json::from_slice::<Value>(claims).ok(), Some(accepted));
}
