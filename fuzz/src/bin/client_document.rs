//! Documents that describe applications, and the URLs that name them: a stranger decides nothing but what makes the
//! application stricter, and a URL has one spelling.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tokenbind_binding::GrantType;
use tokenbind_issuer::{
    client_document::{ClientUrl, MAX_BYTES, read},
    fetch::Document,
    scope::Scope,
    settings::{IntrospectionRight, Settings},
};
use url::Url;

const URL: &str = "https://a.example/c";

// A URL, or a document; the two have different grammars.
fuzz_target!(|data: &[u8]| {
    if let Ok(text) = std::str::from_utf8(data)
        && let Some(url) = ClientUrl::parse(text)
    {
        assert_one_spelling(text, &url);
    }
    let Some(url) = ClientUrl::parse(URL) else { panic!("{URL}") };
    let allowed = Scope::parse("openid tools").unwrap_or_default();
    let document = Document { content_type: Some("application/json".into()), body: data.to_vec() };
    match read(&url, &document, &allowed) {
        Ok(settings) => {
            assert!(data.len() <= MAX_BYTES);
            assert_is_a_stranger(&settings, &allowed);
        }
        Err(rule) => assert!(!rule.is_empty()),
    }
});

/// Another parser, by the letters: the draft's rules in other words than the code's.
fn assert_one_spelling(text: &str, url: &ClientUrl<'_>) {
    assert_eq!(url.as_str(), text);
    assert!(text.len() <= 255 && text.bytes().all(|byte| byte.is_ascii_graphic()), "{text}");
    let rest = text.strip_prefix("https://").expect("https");
    let (authority, path) = rest.split_once('/').expect("a path");
    assert!(!path.is_empty() && !text.contains(['?', '#', '\\']), "{text}");
    assert!(!authority.contains('@'), "{text}");
    assert!(path.split('/').all(|segment| segment != "." && segment != ".."), "{text}");
    assert_eq!(authority.to_ascii_lowercase(), authority);
    assert!(authority == url.host() || authority.starts_with(&format!("{}:", url.host())));
}

fn assert_is_a_stranger(settings: &Settings, allowed: &Scope) {
    let Settings { grant_types, redirect_uris, .. } = settings;
    let asks_users =
        |grant: &GrantType| matches!(grant, GrantType::AuthorizationCode | GrantType::RefreshToken);
    assert!(grant_types.iter().all(asks_users), "{grant_types:?}");
    assert!(settings.require_pkce && !settings.skip_consent);
    assert_eq!(settings.introspection, IntrospectionRight::Own);
    assert!(!settings.token_endpoint_auth_method.uses_secret());
    assert!(settings.scope.is_within(allowed) && !settings.scope.is_empty());
    assert!(settings.allowed_origins.is_empty() && settings.unbound_grants.is_empty());
    assert!(
        settings.backchannel_logout_uri.is_none() && settings.frontchannel_logout_uri.is_none()
    );
    assert!(!redirect_uris.is_empty());
    for uri in redirect_uris.iter().chain(&settings.jwks_uri) {
        let uri = Url::parse(uri).expect("a URL");
        let host = uri.host_str().expect("a host");
        let here = uri.scheme() == "http" && ["127.0.0.1", "[::1]", "localhost"].contains(&host);
        assert!(here || uri.as_str().starts_with("https://a.example/"), "{uri}");
    }
}
