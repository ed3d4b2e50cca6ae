//! HTTP Basic: any id and secret survive the encoding of RFC 6749 section 2.3.1, and whatever is read
//! is of the scheme and names a client.
#![no_main]

use base64::{Engine as _, engine::general_purpose::STANDARD};
use libfuzzer_sys::fuzz_target;
use tokenbind_issuer::basic::{BasicCredentials, MalformedBasic};
use url::form_urlencoded::byte_serialize;

fuzz_target!(|text: &str| {
    let basic = text.get(..6).is_some_and(|scheme| scheme.eq_ignore_ascii_case("basic "));
    match BasicCredentials::parse(text) {
        Ok(shown) => {
            assert!(basic && !shown.client_id.is_empty());
            assert_survives(&shown.client_id, &shown.client_secret);
        }
        Err(error) => assert_eq!(error == MalformedBasic::OtherScheme, !basic),
    }
    if let Some((client_id, client_secret)) = text.split_once('\n') {
        assert_survives(client_id, client_secret);
    }
});

fn assert_survives(client_id: &str, client_secret: &str) {
    let encode = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
    let joined = STANDARD.encode(format!("{}:{}", encode(client_id), encode(client_secret)));
    match BasicCredentials::parse(&format!("Basic {joined}")) {
        Ok(shown) => {
            assert_eq!(shown.client_id, client_id);
            assert_eq!(*shown.client_secret, client_secret);
        }
        Err(error) => assert!(client_id.is_empty(), "{client_id:?} was refused: {error}"),
    }
}
