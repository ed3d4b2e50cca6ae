//! Certificate headers of proxies: nothing panics, what was forwarded is what is read, and in Envoy's header
//! nothing that stands before the proxy's own element is believed.
#![no_main]

use base64::{Engine as _, engine::general_purpose::STANDARD};
use libfuzzer_sys::fuzz_target;
use tokenbind_binding::certificate_header::{
    UnreadableHeader, client_cert, escaped_pem, x_forwarded_client_cert,
};

fuzz_target!(|text: &str| {
    let _ = client_cert(Some(text), &[]);
    let _ = escaped_pem(Some(text));
    let _ = x_forwarded_client_cert(Some(text));
    if let Some((certificate, chain)) = text.split_once('\n') {
        let _ = client_cert(Some(certificate), &chain.lines().collect::<Vec<_>>());
    }
    assert_survives(text);
    assert_only_the_last_counts(text);
});

fn pem(der: &[u8]) -> String {
    let body = STANDARD.encode(der).replace('+', "%2B");
    format!("-----BEGIN%20CERTIFICATE-----%0A{body}%0A-----END%20CERTIFICATE-----%0A")
}

/// Whatever a proxy forwards is read as it was.
fn assert_survives(text: &str) {
    let der = text.as_bytes();
    if der.is_empty() {
        return;
    }
    let plain = client_cert(Some(&format!(":{}:", STANDARD.encode(der))), &[]);
    let escaped = escaped_pem(Some(&pem(der)));
    let envoy = x_forwarded_client_cert(Some(&format!("Hash=a;Cert=\"{}\";URI=b", pem(der))));
    for read in [plain, escaped, envoy] {
        let found = read.expect("it can be read").expect("it is there");
        assert_eq!(found.certificate.as_ref(), der);
        assert!(found.intermediates.is_empty());
    }
}

/// A stranger writes `text`, and the proxy adds its element.
fn assert_only_the_last_counts(text: &str) {
    let own = format!("By=a;Hash=b;Cert=\"{}\";Subject=\"CN=c\"", pem(b"own"));
    match x_forwarded_client_cert(Some(&format!("{text},{own}"))) {
        Ok(found) => {
            let found = found.expect("it is there");
            assert_eq!(found.certificate.as_ref(), b"own");
        }
        Err(error) => assert!(
            matches!(error, UnreadableHeader::Malformed | UnreadableHeader::TooMany),
            "{error}"
        ),
    }
}
