//! What a document may say of its application (draft-ietf-oauth-client-id-metadata-document-02, section 4).

use serde_json::{Map, Value};
use tokenbind_binding::GrantType;
use url::Url;

use super::ClientUrl;
use crate::{
    fetch::Document,
    scope::Scope,
    settings::{ClientAuthMethod, InvalidMetadata, Settings},
};

/// The most that a document may have, in bytes (section 8.7: "The recommended maximum size to read is 5 kilobytes").
pub const MAX_BYTES: usize = 5 * 1024;

/// The settings that a stranger decides. All else has its default: nothing here makes the application trusted, shortens what
/// is asked of it, or has the server call anybody but its own origin.
const TAKEN: [&str; 12] = [
    "client_name",
    "redirect_uris",
    "grant_types",
    "token_endpoint_auth_method",
    "token_endpoint_auth_signing_alg",
    "scope",
    "jwks",
    "jwks_uri",
    "token_binding_types",
    "dpop_bound_access_tokens",
    "tls_client_certificate_bound_access_tokens",
    "require_pushed_authorization_requests",
];

/// The settings of the application that the document at `url` describes. It may ask for no more than `allowed`.
///
/// # Errors
/// The rule that the document breaks.
pub fn read(url: &ClientUrl<'_>, document: &Document, allowed: &Scope) -> Result<Settings, String> {
    if !is_json(document.content_type.as_deref()) {
        return Err("it must be served as application/json".into());
    }
    if document.body.len() > MAX_BYTES {
        return Err(format!("it must have at most {MAX_BYTES} bytes"));
    }
    let members: Map<String, Value> = serde_json::from_slice(&document.body)
        .map_err(|_| "it must be a JSON object".to_owned())?;
    // Section 4: its client_id "MUST match the Client Identifier URL, which MUST also match the URL that the
    // authorization server used to fetch the document", by simple string comparison.
    if members.get("client_id").and_then(Value::as_str) != Some(url.as_str()) {
        return Err("its client_id must be the URL of the document".into());
    }
    settings(url, members, allowed).map_err(|error| error.to_string())
}

/// Section 4: "as long as the response is JSON and conforms to application/<AS-defined>+json".
fn is_json(content_type: Option<&str>) -> bool {
    let essence = content_type.and_then(|text| text.split(';').next()).unwrap_or_default();
    let essence = essence.trim().to_ascii_lowercase();
    let subtype = essence.strip_prefix("application/").unwrap_or_default();
    subtype == "json" || subtype.ends_with("+json")
}

fn settings(
    url: &ClientUrl<'_>,
    members: Map<String, Value>,
    allowed: &Scope,
) -> Result<Settings, InvalidMetadata> {
    // Section 4.1: "the client_secret and client_secret_expires_at properties MUST NOT be used".
    for name in ["client_secret", "client_secret_expires_at"] {
        if members.contains_key(name) {
            return Err(InvalidMetadata::new(name, "must not be in a document"));
        }
    }
    let mut taken: Map<String, Value> =
        members.into_iter().filter(|(name, _)| TAKEN.contains(&&**name)).collect();
    check_method(&mut taken)?;
    narrow_grants(&mut taken)?;
    narrow_scope(&mut taken, allowed)?;
    let settings = Settings::from_metadata(taken)?;
    check_origins(url, &settings)?;
    Ok(settings)
}

/// RFC 7591 section 2: the server may have other values than those that were asked for. One document is for many servers,
/// so it may name grants that such an application does not get here.
fn narrow_grants(taken: &mut Map<String, Value>) -> Result<(), InvalidMetadata> {
    let Some(Value::Array(grants)) = taken.get_mut("grant_types") else { return Ok(()) };
    let given = |grant: &Value| {
        let grant = serde_json::from_value::<GrantType>(grant.clone());
        matches!(grant, Ok(GrantType::AuthorizationCode | GrantType::RefreshToken))
    };
    grants.retain(given);
    if grants.contains(&Value::from(GrantType::AuthorizationCode.as_str())) {
        return Ok(());
    }
    Err(InvalidMetadata::new("grant_types", "must name authorization_code"))
}

fn narrow_scope(taken: &mut Map<String, Value>, allowed: &Scope) -> Result<(), InvalidMetadata> {
    let scope = match taken.get("scope") {
        None | Some(Value::Null) => allowed.clone(),
        Some(Value::String(asked)) => {
            let asked = Scope::parse(asked)
                .map_err(|error| InvalidMetadata::new("scope", error.to_string()))?;
            asked.intersection(allowed)
        }
        Some(_) => return Err(InvalidMetadata::new("scope", "must be a string")),
    };
    if scope.is_empty() {
        let rule = format!("must have some of what such applications may ask for here: {allowed}");
        return Err(InvalidMetadata::new("scope", rule));
    }
    taken.insert("scope".into(), scope.as_str().into());
    Ok(())
}

/// Section 4.1: no method "based around a shared symmetric secret". Certificates say nothing of a stranger.
fn check_method(taken: &mut Map<String, Value>) -> Result<(), InvalidMetadata> {
    const NAME: &str = "token_endpoint_auth_method";
    // RFC 7591 section 2 has client_secret_basic where nothing is said, which cannot be here.
    let method = taken.entry(NAME).or_insert_with(|| ClientAuthMethod::None.as_str().into());
    let methods = [ClientAuthMethod::None, ClientAuthMethod::PrivateKeyJwt];
    if methods.iter().any(|known| method == known.as_str()) {
        return Ok(());
    }
    Err(InvalidMetadata::new(NAME, "must be none or private_key_jwt"))
}

/// Section 8.1: without a relationship between them, an application could pretend to be a better-known one. Users see the
/// host of the `client_id`, so that is where they are sent back to, or to this very device.
fn check_origins(url: &ClientUrl<'_>, settings: &Settings) -> Result<(), InvalidMetadata> {
    if settings.redirect_uris.is_empty() {
        return Err(InvalidMetadata::new("redirect_uris", "must hold at least one URI"));
    }
    let own = |uri: &String| Url::parse(uri).is_ok_and(|uri| url.shares_origin(&uri));
    // All that the settings let through of http is on a loopback address (RFC 8252 section 7.3).
    let on_this_device = |uri: &String| uri.starts_with("http://");
    if !settings.redirect_uris.iter().all(|uri| own(uri) || on_this_device(uri)) {
        return Err(InvalidMetadata::new(
            "redirect_uris",
            "must have the scheme, host and port of the client_id, or be on a loopback address",
        ));
    }
    if !settings.jwks_uri.as_ref().is_none_or(own) {
        let rule = "must have the scheme, host and port of the client_id";
        return Err(InvalidMetadata::new("jwks_uri", rule));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tokenbind_binding::BindingType;

    use super::*;
    use crate::settings::IntrospectionRight;

    const URL: &str = "https://app.example/client.json";

    fn served(content_type: Option<&str>, body: impl Into<Vec<u8>>) -> Result<Settings, String> {
        let document = Document { content_type: content_type.map(Into::into), body: body.into() };
        let allowed = Scope::parse("openid profile mcp:tools").unwrap();
        read(&ClientUrl::parse(URL).unwrap(), &document, &allowed)
    }

    /// A good document with these members besides, or instead.
    fn with(members: Value) -> Result<Settings, String> {
        let mut document = json!({
            "client_id": URL,
            "client_name": "App",
            "redirect_uris": ["https://app.example/cb", "http://127.0.0.1/cb"],
        });
        let Value::Object(members) = members else { panic!("not an object") };
        document.as_object_mut().unwrap().extend(members);
        served(Some("application/json"), document.to_string())
    }

    #[track_caller]
    fn assert_refused(members: Value, field: &str) {
        let shown = members.to_string();
        let rule = with(members).unwrap_err();
        assert!(rule.starts_with(field), "{shown}: {rule}");
    }

    #[test]
    fn a_document_describes_a_public_client_with_pkce() {
        let settings = with(json!({})).unwrap();
        assert!(settings.is_public() && settings.require_pkce && settings.refresh_token_rotation);
        assert_eq!(settings.client_name.as_deref(), Some("App"));
        assert_eq!(settings.scope.as_str(), "mcp:tools openid profile");
    }

    #[test]
    fn cimd_section_4_the_client_id_is_compared_as_text() {
        for other in [
            json!("https://app.example/client.json/"),
            json!("https://APP.example/client.json"),
            json!("https://app.example/other.json"),
            json!(null),
            json!([URL]),
        ] {
            assert_refused(json!({ "client_id": other }), "its client_id");
        }
    }

    #[test]
    fn cimd_section_4_a_document_is_json_and_says_so() {
        let document = json!({ "client_id": URL, "redirect_uris": ["https://app.example/cb"] });
        for content_type in
            ["application/json", "application/JSON; charset=utf-8", "application/oauth-client+json"]
        {
            assert!(served(Some(content_type), document.to_string()).is_ok(), "{content_type}");
        }
        for content_type in [None, Some("text/html"), Some("text/json"), Some("application/jsonp")]
        {
            assert!(served(content_type, document.to_string()).is_err(), "{content_type:?}");
        }
        for body in ["", "[]", "<html>", "{", "\"\""] {
            assert!(served(Some("application/json"), body).is_err(), "{body}");
        }
    }

    #[test]
    fn cimd_section_8_7_a_document_has_at_most_5_kilobytes() {
        let start = json!({ "client_id": URL, "redirect_uris": ["https://app.example/cb"] });
        let padded = |length| format!("{:<length$}", start.to_string());
        assert!(served(Some("application/json"), padded(5 * 1024)).is_ok());
        assert!(served(Some("application/json"), padded(5 * 1024 + 1)).is_err());
    }

    #[test]
    fn cimd_section_4_1_no_shared_secret_is_taken() {
        for method in [
            "client_secret_basic",
            "client_secret_post",
            "client_secret_jwt",
            "tls_client_auth",
            "self_signed_tls_client_auth",
        ] {
            let members = json!({
                "token_endpoint_auth_method": method,
                "jwks_uri": "https://app.example/jwks",
            });
            assert_refused(members, "token_endpoint_auth_method");
        }
        let silent = json!({ "token_endpoint_auth_method": null });
        assert_refused(silent, "token_endpoint_auth_method");
        assert_refused(json!({ "client_secret": "x" }), "client_secret");
        assert_refused(json!({ "client_secret_expires_at": 0 }), "client_secret_expires_at");
    }

    #[test]
    fn cimd_section_4_1_a_private_key_is_refused() {
        let key = json!({ "kty": "EC", "crv": "P-256", "x": "x", "y": "y", "d": "d" });
        assert_refused(json!({ "jwks": { "keys": [key] } }), "jwks");
    }

    #[test]
    fn cimd_section_8_2_a_client_with_keys_authenticates_by_them() {
        let members = json!({
            "token_endpoint_auth_method": "private_key_jwt",
            "jwks_uri": "https://app.example/jwks",
        });
        assert!(!with(members).unwrap().is_public());
        let without_keys = json!({ "token_endpoint_auth_method": "private_key_jwt" });
        assert_refused(without_keys, "token_endpoint_auth_method");
        let elsewhere = json!({ "jwks_uri": "https://other.example/jwks" });
        assert_refused(elsewhere, "jwks_uri");
    }

    #[test]
    fn cimd_section_8_1_users_are_sent_back_to_its_origin_or_to_their_own_device() {
        for uri in ["http://localhost/cb", "http://[::1]/cb", "http://127.0.0.1:4000/cb"] {
            assert!(with(json!({ "redirect_uris": [uri] })).is_ok(), "{uri}");
        }
        for uri in [
            "https://other.example/cb",
            "https://app.example.other.example/cb",
            "https://app.example:8443/cb",
            "https://localhost/cb",
            "http://app.example/cb",
            "com.example.app:/cb",
            "javascript:alert(1)",
            "https://app.example/cb#f",
        ] {
            assert_refused(
                json!({ "redirect_uris": ["https://app.example/cb", uri] }),
                "redirect_uris",
            );
        }
        assert_refused(json!({ "redirect_uris": [] }), "redirect_uris");
        assert_refused(json!({ "redirect_uris": null }), "redirect_uris");
    }

    #[test]
    fn a_stranger_asks_for_no_more_than_the_operator_allows() {
        let settings = with(json!({ "scope": "mcp:tools email admin" })).unwrap();
        assert_eq!(settings.scope.as_str(), "mcp:tools");
        assert_refused(json!({ "scope": "admin" }), "scope");
        assert_refused(json!({ "scope": "" }), "scope");
        assert_refused(json!({ "scope": ["openid"] }), "scope");
    }

    #[test]
    fn a_stranger_gets_no_grant_that_asks_no_user() {
        let grants = json!({
            "grant_types": [
                "authorization_code",
                "refresh_token",
                "client_credentials",
                "password",
                "urn:ietf:params:oauth:grant-type:token-exchange",
                "urn:example:unknown",
            ],
        });
        let settings = with(grants).unwrap();
        assert_eq!(settings.grant_types, [GrantType::AuthorizationCode, GrantType::RefreshToken]);
        assert_refused(json!({ "grant_types": ["client_credentials"] }), "grant_types");
        assert_refused(json!({ "grant_types": [] }), "grant_types");
        assert_refused(json!({ "grant_types": "authorization_code" }), "grant_types");
    }

    #[test]
    fn a_stranger_is_not_trusted_whatever_the_document_says() {
        let settings = with(json!({
            "skip_consent": true,
            "introspection": "any",
            "require_pkce": false,
            "validate_token_bindings": false,
            "allowed_origins": ["https://app.example"],
            "backchannel_logout_uri": "https://app.example/logout",
            "post_logout_redirect_uris": ["https://app.example/bye"],
            "user_access_token_lifetime": 1_000_000,
            "unbound_grants": ["authorization_code"],
        }))
        .unwrap();
        let plain = with(json!({})).unwrap();
        assert_eq!(settings, plain);
        assert_eq!(settings.introspection, IntrospectionRight::Own);
    }

    #[test]
    fn a_stranger_may_ask_for_bound_tokens() {
        let settings = with(json!({ "dpop_bound_access_tokens": true })).unwrap();
        assert_eq!(settings.token_binding_types, [BindingType::Dpop]);
        assert_refused(json!({ "dpop_bound_access_tokens": "yes" }), "dpop_bound_access_tokens");
    }
}
