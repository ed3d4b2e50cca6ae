//! Redirect URIs: whatever matches a registered one leads to the same place, but for the port of a
//! loopback address, as another implementation reads both.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tokenbind_issuer::redirect_uri::matches;
use url::Url;

fuzz_target!(|pair: &str| {
    let Some((registered, named)) = pair.split_once('\n') else { return };
    assert!(matches(registered, registered));
    if registered != named && matches(registered, named) {
        assert!(matches(named, registered), "it is the same the other way round");
        assert_loopback(registered, named);
    }
    // A stranger's host never matches one of ours, whatever comes after it.
    assert!(!matches("http://127.0.0.1/cb", &format!("http://127.0.0.1{named}@evil.example/cb")));
});

fn assert_loopback(registered: &str, named: &str) {
    let (Ok(registered), Ok(named)) = (Url::parse(registered), Url::parse(named)) else {
        panic!("{registered} and {named} match, but one is no URL");
    };
    assert_eq!(registered.scheme(), "http");
    assert!(matches!(named.host_str(), Some("127.0.0.1" | "[::1]" | "localhost")), "{named}");
    assert_eq!(registered.host_str(), named.host_str());
    assert_eq!(registered.path(), named.path());
    assert_eq!(registered.query(), named.query());
    assert_eq!(registered.fragment(), named.fragment());
    assert!(named.username().is_empty() && named.password().is_none());
}
