//! DPoP proofs: nothing is accepted but what its own key signed, and never for another request.
#![no_main]

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use tokenbind_binding::{
    Timestamp,
    dpop::{
        htu::Htu,
        proof::{LEEWAY, MAX_AGE, Proof, ProvenRequest},
    },
};

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    assert_one_form(text);
    if let Ok(proof) = Proof::parse(text) {
        assert_means_what_it_says(text, &proof);
    }
});

/// A URL that is read is its own normal form, and has neither query nor fragment.
fn assert_one_form(text: &str) {
    let Ok(htu) = Htu::parse(text) else { return };
    assert!(text.is_ascii(), "{text}");
    for tail in ["", "?query", "#fragment"] {
        let cut = text.find(['?', '#']).map_or(text, |end| &text[..end]);
        assert_eq!(Htu::parse(&format!("{cut}{tail}")).as_ref(), Ok(&htu), "{text}");
    }
}

/// What another reader finds in it. Only this one request at this one time it is good for.
fn assert_means_what_it_says(text: &str, proof: &Proof) {
    let parts: Vec<_> = text.split('.').map(|part| URL_SAFE_NO_PAD.decode(part)).collect();
    let [Ok(header), Ok(claims), Ok(_)] = &parts[..] else { panic!("not three parts: {text}") };
    let header: Value = serde_json::from_slice(header).expect("a header is JSON");
    let claims: Value = serde_json::from_slice(claims).expect("claims are JSON");
    assert_eq!(header["typ"], "dpop+jwt");
    let alg = header["alg"].as_str().expect("alg");
    assert!(["ES256", "PS256", "EdDSA", "Ed25519"].contains(&alg), "{alg}");
    assert!(header["jwk"].get("d").is_none() && header["jwk"].get("k").is_none());
    let (method, url) =
        (claims["htm"].as_str().expect("htm"), claims["htu"].as_str().expect("htu"));
    let urls = [Htu::parse(url).expect("a URL")];
    let Some(iat) = claims["iat"].as_u64() else { return };
    let at = |now| ProvenRequest {
        method,
        urls: &urls,
        nonces: None,
        access_token: None,
        now: Timestamp::from_secs(now),
    };
    assert!(proof.clone().check(&ProvenRequest { urls: &[], ..at(iat) }).is_err());
    assert!(proof.clone().check(&ProvenRequest { method: "x y", ..at(iat) }).is_err());
    if let Some(later) = iat.checked_add(MAX_AGE + 1) {
        assert!(proof.clone().check(&at(later)).is_err());
    }
    if let Some(earlier) = iat.checked_sub(LEEWAY + 1) {
        assert!(proof.clone().check(&at(earlier)).is_err());
    }
}
