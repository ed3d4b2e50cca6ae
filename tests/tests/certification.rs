//! What OpenID Connect certification asks of a server (basic and config profiles), rule by rule. Those
//! of logout are in `logout.rs`.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use reqwest::Method;
use serde_json::{Map, Value, json};
use tokenbind_tests::{
    Browser, Callback, Client, Page, Server, Tokens, User, VerifiedJwt, percent_encoded,
    seconds_pass, send,
};

/// The scopes of the certification's clients.
const SCOPE: &str = "openid profile email address phone offline_access";

/// All standard claims (OpenID Connect Core section 5.1).
const CLAIMS: [&str; 19] = [
    "name=Ada Lovelace",
    "given_name=Ada",
    "family_name=Lovelace",
    "middle_name=King",
    "nickname=ada",
    "preferred_username=ada.lovelace",
    "profile=https://people.example/ada",
    "picture=https://people.example/ada.png",
    "website=https://ada.example",
    "gender=female",
    "birthdate=1815-12-10",
    "zoneinfo=Europe/London",
    "locale=en-GB",
    "updated_at=1700000000",
    "email=ada@example.com",
    "email_verified=true",
    "phone_number=+44 20 7946 0000",
    "phone_number_verified=false",
    r#"address={"street_address":"12 St James's Square","locality":"London","country":"GB"}"#,
];

const PROFILE: [&str; 14] = [
    "name",
    "given_name",
    "family_name",
    "middle_name",
    "nickname",
    "preferred_username",
    "profile",
    "picture",
    "website",
    "gender",
    "birthdate",
    "zoneinfo",
    "locale",
    "updated_at",
];

async fn client_with(more: Value) -> Client {
    let mut metadata = json!({
        "redirect_uris": ["https://rp.example/cb", "https://rp.example/cb2"],
        "scope": SCOPE,
        "require_pkce": false,
    });
    metadata
        .as_object_mut()
        .expect("an object")
        .extend(more.as_object().expect("an object").clone());
    Server::shared().await.registrar().sign_in(&metadata).await
}

/// Client A, which authenticates by a Basic header.
async fn client() -> Client {
    client_with(json!({})).await
}

async fn browser() -> Browser {
    let server = Server::shared().await;
    server.browser(&server.operator().user_with(&CLAIMS).await)
}

async fn login(browser: &Browser, client: &Client, more: &[(&str, &str)]) -> Tokens {
    client.redeem(&browser.authorize(client, more).await).await.tokens()
}

async fn discovery() -> Map<String, Value> {
    let http = Server::shared().await.http();
    let document = http.get("/.well-known/openid-configuration").await.expect(200);
    document.as_object().expect("an object").clone()
}

fn texts(value: &Value) -> BTreeSet<String> {
    let list = value.as_array().unwrap_or_else(|| panic!("a list: {value}"));
    list.iter().map(|text| text.as_str().expect("a text").to_owned()).collect()
}

mod discovery_document {
    use super::*;

    #[tokio::test]
    async fn issuer_is_where_it_was_found_and_every_address_is_https() {
        let server = Server::shared().await;
        let document = discovery().await;
        assert_eq!(document["issuer"], server.issuer(), "Discovery section 4.3");
        for (name, value) in &document {
            if name.ends_with("_endpoint") || name.ends_with("_uri") {
                let url = value.as_str().expect("an address");
                assert!(url.starts_with("https://"), "{name}: {url}");
            }
        }
    }

    #[tokio::test]
    async fn required_members_are_there() {
        let document = discovery().await;
        let has = |name: &str, value: &str| {
            assert!(texts(&document[name]).contains(value), "{name}: {}", document[name]);
        };
        has("response_types_supported", "code");
        has("subject_types_supported", "public");
        has("subject_types_supported", "pairwise");
        for algorithm in ["RS256", "PS256", "ES256", "EdDSA"] {
            has("id_token_signing_alg_values_supported", algorithm);
        }
        for method in ["client_secret_basic", "client_secret_post"] {
            has("token_endpoint_auth_methods_supported", method);
        }
        for scope in ["openid", "profile", "email", "address", "phone", "offline_access"] {
            has("scopes_supported", scope);
        }
        for mode in ["query", "fragment", "form_post"] {
            has("response_modes_supported", mode);
        }
        for grant in ["authorization_code", "refresh_token"] {
            has("grant_types_supported", grant);
        }
        has("code_challenge_methods_supported", "S256");
        let claims = texts(&document["claims_supported"]);
        for claim in PROFILE.iter().chain(&["sub", "email", "address", "phone_number"]) {
            assert!(claims.contains(*claim), "{claim}");
        }
        for endpoint in ["authorization", "token", "userinfo", "end_session"] {
            assert!(document[&format!("{endpoint}_endpoint")].is_string(), "{endpoint}");
        }
        assert_eq!(document["authorization_response_iss_parameter_supported"], true);
    }

    #[tokio::test]
    async fn what_is_announced_by_absence_is_announced_as_it_is() {
        let document = discovery().await;
        // Discovery section 3: absent means true.
        assert_eq!(document["request_uri_parameter_supported"], false);
        assert_ne!(document.get("request_parameter_supported"), Some(&json!(true)));
        assert_eq!(document["claims_parameter_supported"], true);
        assert!(!texts(&document["code_challenge_methods_supported"]).contains("plain"));
    }

    #[tokio::test]
    async fn every_member_is_registered_and_of_its_type() {
        // The IANA registry "OAuth Authorization Server Metadata".
        let types: BTreeMap<&str, fn(&Value) -> bool> = [
            ("_supported", is_list_of_texts as fn(&Value) -> bool),
            ("_endpoint", Value::is_string),
            ("_uri", Value::is_string),
            ("issuer", Value::is_string),
        ]
        .into();
        let booleans = [
            "authorization_response_iss_parameter_supported",
            "backchannel_logout_session_supported",
            "backchannel_logout_supported",
            "claims_parameter_supported",
            "frontchannel_logout_session_supported",
            "frontchannel_logout_supported",
            "request_parameter_supported",
            "request_uri_parameter_supported",
            "require_request_uri_registration",
        ];
        let others = [
            "acr_values_supported",
            "authorization_endpoint",
            "claim_types_supported",
            "claims_supported",
            "code_challenge_methods_supported",
            "display_values_supported",
            "end_session_endpoint",
            "grant_types_supported",
            "id_token_signing_alg_values_supported",
            "introspection_endpoint",
            "introspection_endpoint_auth_methods_supported",
            "issuer",
            "jwks_uri",
            "prompt_values_supported",
            "registration_endpoint",
            "response_modes_supported",
            "response_types_supported",
            "revocation_endpoint",
            "revocation_endpoint_auth_methods_supported",
            "scopes_supported",
            "service_documentation",
            "subject_types_supported",
            "token_endpoint",
            "token_endpoint_auth_methods_supported",
            "ui_locales_supported",
            "userinfo_endpoint",
        ];
        for (name, value) in &discovery().await {
            if booleans.contains(&&**name) {
                assert!(value.is_boolean(), "{name}: {value}");
                continue;
            }
            assert!(others.contains(&&**name), "{name} is not registered");
            let (_, is_right) =
                types.iter().find(|(end, _)| name.ends_with(**end)).expect("a type");
            assert!(is_right(value), "{name}: {value}");
        }
    }

    fn is_list_of_texts(value: &Value) -> bool {
        value.as_array().is_some_and(|list| !list.is_empty() && list.iter().all(Value::is_string))
    }
}

mod jwks {
    use super::*;

    async fn keys() -> Vec<Value> {
        let set = Server::shared().await.http().get("/oauth2/jwks").await.expect(200);
        set["keys"].as_array().expect("keys").clone()
    }

    #[tokio::test]
    async fn every_key_has_its_own_kid_and_no_private_or_odd_member() {
        let mut kids = HashSet::new();
        for key in keys().await {
            let members = key.as_object().expect("an object");
            let expected: &[&str] = match key["kty"].as_str().expect("kty") {
                "RSA" => &["alg", "e", "kid", "kty", "n", "use"],
                "EC" => &["alg", "crv", "kid", "kty", "use", "x", "y"],
                "OKP" => &["alg", "crv", "kid", "kty", "use", "x"],
                other => panic!("kty {other}"),
            };
            let names: BTreeSet<_> = members.keys().map(String::as_str).collect();
            assert_eq!(names, expected.iter().copied().collect());
            assert!(kids.insert(key["kid"].as_str().expect("kid").to_owned()), "{key}");
        }
    }

    #[tokio::test]
    async fn every_algorithm_that_id_tokens_may_have_has_its_key_and_names_it() {
        let algorithms: HashSet<_> =
            keys().await.iter().map(|key| key["alg"].as_str().expect("alg").to_owned()).collect();
        let browser = browser().await;
        for algorithm in ["RS256", "PS256", "ES256", "EdDSA"] {
            let client = client_with(json!({ "id_token_signed_response_alg": algorithm })).await;
            let tokens = login(&browser, &client, &[]).await;
            // The key is found by `kid`, and its `alg` is that of the header.
            let id_token = client.id_token(&tokens).await;
            assert_eq!(format!("{:?}", id_token.header.alg), algorithm);
            assert!(algorithms.contains(algorithm), "{algorithms:?}");
        }
    }
}

mod id_token {
    use super::*;

    #[tokio::test]
    async fn is_for_this_client_from_this_issuer_of_now_and_answers_the_nonce() {
        let (client, browser) = (client().await, browser().await);
        let callback = browser.authorize(&client, &[("scope", SCOPE)]).await;
        let tokens = client.redeem(&callback).await.tokens();
        let VerifiedJwt { header, claims } = client.id_token(&tokens).await;
        assert_eq!(format!("{:?}", header.alg), "RS256", "the default");
        assert_eq!(claims["iss"], Server::shared().await.issuer());
        assert_eq!(claims["aud"], client.id);
        assert_eq!(claims["nonce"].as_str(), callback.request.get("nonce"));
        let (iat, exp) = (claims["iat"].as_u64().expect("iat"), claims["exp"].as_u64());
        assert_eq!(exp, Some(iat + 3600));
        let told = client.introspect(&tokens.access_token).await;
        assert!(told["iat"].as_u64().expect("iat").abs_diff(iat) <= 1, "of now");
        assert!(claims["acr"].as_str().is_none_or(|acr| !acr.is_empty()));
    }

    #[tokio::test]
    async fn has_no_claim_that_was_not_asked_for() {
        let (client, browser) = (client().await, browser().await);
        let tokens = login(&browser, &client, &[("scope", SCOPE)]).await;
        let claims = client.id_token(&tokens).await.claims;
        let protocol = [
            "acr",
            "amr",
            "at_hash",
            "aud",
            "auth_time",
            "azp",
            "exp",
            "iat",
            "iss",
            "jti",
            "nonce",
            "sid",
            "sub",
        ];
        for name in claims.as_object().expect("an object").keys() {
            assert!(protocol.contains(&&**name), "{name}: {claims}");
        }
    }

    #[tokio::test]
    async fn has_no_nonce_where_none_was_sent() {
        let (client, browser) = (client().await, browser().await);
        let request = client.authorization_request(&[]).without("nonce");
        let tokens = client.redeem(&browser.complete(&request).await).await.tokens();
        assert_eq!(client.id_token(&tokens).await.claims.get("nonce"), None);
    }

    #[tokio::test]
    async fn names_the_user_alike_in_every_login_and_each_user_differently() {
        let (client, first) = (client().await, browser().await);
        let server = Server::shared().await;
        let again = server.browser(&first.user);
        let other = server.new_browser().await;
        let mut subs = Vec::new();
        for browser in [&first, &again, &other] {
            let tokens = login(browser, &client, &[]).await;
            subs.push(client.id_token(&tokens).await.claims["sub"].clone());
        }
        assert_eq!(subs[0], subs[1]);
        assert_ne!(subs[0], subs[2]);
        let sub = subs[0].as_str().expect("sub");
        assert!(sub.len() <= 255 && sub.is_ascii(), "Core section 2");
    }

    #[tokio::test]
    async fn has_auth_time_where_max_age_is_asked_or_the_claim_is_essential() {
        let (client, browser) = (client().await, browser().await);
        let essential = r#"{"id_token":{"auth_time":{"essential":true}}}"#;
        for more in [("max_age", "10000"), ("claims", essential)] {
            let tokens = login(&browser, &client, &[more]).await;
            let claims = client.id_token(&tokens).await.claims;
            assert!(claims["auth_time"].is_u64(), "{claims}");
            assert!(claims["auth_time"].as_u64() <= claims["iat"].as_u64());
        }
    }
}

mod authorization_endpoint {
    use super::*;

    #[tokio::test]
    async fn takes_post_as_it_takes_get() {
        let (client, browser) = (client().await, browser().await);
        let request = client.authorization_request(&[("scope", SCOPE)]);
        let fields: Vec<_> =
            request.parameters.iter().map(|(name, value)| (&**name, &**value)).collect();
        let page = browser.post("/oauth2/authorize", &fields).await;
        let callback = browser.go_on(&request, page).await;
        let _ = client.redeem(&callback).await.tokens();
    }

    #[tokio::test]
    async fn ignores_parameters_that_nobody_knows() {
        let (client, browser) = (client().await, browser().await);
        let _ = login(&browser, &client, &[("extra", "foobar"), ("acme_option", "%00")]).await;
    }

    #[tokio::test]
    async fn does_not_mind_the_order_of_parameters_and_scopes() {
        let (client, browser) = (client().await, browser().await);
        let mut request = client.authorization_request(&[("scope", "email profile openid")]);
        request.parameters.reverse();
        let tokens = client.redeem(&browser.complete(&request).await).await.tokens();
        assert!(tokens.id_token.is_some());
        let scope = tokens.scope.expect("scope");
        let words: BTreeSet<_> = scope.split(' ').collect();
        assert_eq!(words, ["email", "openid", "profile"].into());
    }

    #[tokio::test]
    async fn takes_pkce_but_does_not_insist_where_the_client_does_not() {
        let (client, browser) = (client().await, browser().await);
        let with = client.authorization_request(&[]);
        for request in [with.clone(), with.without_pkce()] {
            let _ = client.redeem(&browser.complete(&request).await).await.tokens();
        }
    }

    #[tokio::test]
    async fn takes_wishes_about_looks_and_language_and_who_it_will_be() {
        let (client, browser) = (client().await, browser().await);
        for more in [
            ("display", "page"),
            ("display", "popup"),
            ("display", "touch"),
            ("display", "wap"),
            ("ui_locales", "se"),
            ("ui_locales", "fr-CA fr en"),
            ("claims_locales", "se"),
            ("acr_values", "1 2"),
            ("login_hint", "bob@example.com"),
            ("login_hint", "\"><script>alert(1)</script>"),
        ] {
            let _ = login(&browser, &client, &[more]).await;
        }
    }

    #[tokio::test]
    async fn tells_the_acr_that_was_reached_where_one_is_asked_for() {
        let (client, browser) = (client().await, browser().await);
        let tokens = login(&browser, &client, &[("acr_values", "gold pwd")]).await;
        let claims = client.id_token(&tokens).await.claims;
        assert_eq!((&claims["acr"], &claims["amr"]), (&json!("pwd"), &json!(["pwd"])));
    }

    #[tokio::test]
    async fn answers_by_form_post_where_asked_with_a_button_for_browsers_without_script() {
        let (client, browser) = (client().await, browser().await);
        let request = client.authorization_request(&[("response_mode", "form_post")]);
        let page = browser.get(&request.path()).await;
        let page = browser.fill_in_password(&page).await;
        let page = browser.follow(page).await;
        let form = page.html.form_to("https://rp.example/cb").expect("the form");
        assert!(!form.buttons.is_empty(), "{form:?}");
        let callback = page.callback(&request, browser.http.base()).expect("an answer");
        let _ = client.redeem(&callback).await.tokens();
    }
}

mod prompt_and_max_age {
    use super::*;

    async fn auth_time(client: &Client, callback: &Callback) -> u64 {
        let tokens = client.redeem(callback).await.tokens();
        client.id_token(&tokens).await.claims["auth_time"].as_u64().expect("auth_time")
    }

    /// Opens the request, which must show the sign-in page, and goes on from there.
    async fn reauthenticates(
        browser: &Browser,
        client: &Client,
        more: &[(&str, &str)],
    ) -> Callback {
        let request = client.authorization_request(more);
        let page = browser.open(&request.path()).await;
        assert!(page.html.sign_in_form().is_some(), "{more:?}: {}", page.html.text);
        browser.go_on(&request, page).await
    }

    #[tokio::test]
    async fn prompt_login_has_the_user_sign_in_again() {
        let (client, browser) = (client().await, browser().await);
        let callback = browser.authorize(&client, &[("max_age", "1000")]).await;
        let first = auth_time(&client, &callback).await;
        seconds_pass(1).await;
        let callback = reauthenticates(&browser, &client, &[("prompt", "login")]).await;
        assert!(auth_time(&client, &callback).await > first);
    }

    #[tokio::test]
    async fn prompt_none_without_a_session_is_login_required() {
        let (client, browser) = (client().await, browser().await);
        let _ = browser.authorize_silently(&client, &[]).await.refused("login_required");
    }

    #[tokio::test]
    async fn prompt_none_with_a_session_succeeds_in_silence_and_keeps_auth_time() {
        let (client, browser) = (client().await, browser().await);
        let callback = browser.authorize(&client, &[("max_age", "1000")]).await;
        let first = auth_time(&client, &callback).await;
        seconds_pass(1).await;
        let again = browser.authorize_silently(&client, &[("max_age", "1000")]).await;
        assert_eq!(auth_time(&client, &again).await, first);
    }

    #[tokio::test]
    async fn prompt_none_without_consent_is_consent_required() {
        let (client, browser) =
            (client_with(json!({ "skip_consent": false })).await, browser().await);
        browser.sign_in().await;
        let _ = browser.authorize_silently(&client, &[]).await.refused("consent_required");
    }

    #[tokio::test]
    async fn prompt_none_together_with_another_is_invalid() {
        let (client, browser) = (client().await, browser().await);
        browser.sign_in().await;
        for prompt in ["none login", "consent none", "none none login"] {
            let request = client.authorization_request(&[("prompt", prompt)]);
            let _ = browser.ask(&request).await.refused("invalid_request");
        }
    }

    #[tokio::test]
    async fn max_age_that_has_passed_has_the_user_sign_in_again() {
        let (client, browser) = (client().await, browser().await);
        let first = auth_time(&client, &browser.authorize(&client, &[]).await).await;
        seconds_pass(2).await;
        let silent = browser.authorize_silently(&client, &[("max_age", "1")]).await;
        let _ = silent.refused("login_required");
        let callback = reauthenticates(&browser, &client, &[("max_age", "1")]).await;
        assert!(auth_time(&client, &callback).await > first);
    }

    #[tokio::test]
    async fn max_age_that_has_not_passed_is_silent() {
        let (client, browser) = (client().await, browser().await);
        let first = auth_time(&client, &browser.authorize(&client, &[]).await).await;
        let request = client.authorization_request(&[("max_age", "10000")]);
        assert_eq!(auth_time(&client, &browser.ask(&request).await).await, first);
    }

    #[tokio::test]
    async fn id_token_hint_of_the_user_with_prompt_none_is_silent() {
        let (client, browser) = (client().await, browser().await);
        let tokens = login(&browser, &client, &[]).await;
        let hint = ("id_token_hint", tokens.id_token());
        let callback = browser.authorize_silently(&client, &[hint]).await;
        let again = client.redeem(&callback).await.tokens();
        let sub = async |tokens: &Tokens| client.id_token(tokens).await.claims["sub"].clone();
        assert_eq!(sub(&tokens).await, sub(&again).await);
    }

    #[tokio::test]
    async fn id_token_hint_of_another_user_with_prompt_none_is_login_required() {
        let (client, browser) = (client().await, browser().await);
        let other = login(&Server::shared().await.new_browser().await, &client, &[]).await;
        browser.sign_in().await;
        let hint = ("id_token_hint", other.id_token());
        let _ = browser.authorize_silently(&client, &[hint]).await.refused("login_required");
    }
}

mod request_object {
    use super::*;

    /// A request object that is not signed (OpenID Connect Core section 6.1).
    fn unsigned(claims: &Value) -> String {
        let [header, claims] = [&json!({ "alg": "none" }), claims]
            .map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        format!("{header}.{claims}.")
    }

    #[tokio::test]
    async fn by_value_is_refused_rather_than_ignored() {
        let (client, browser) = (client().await, browser().await);
        let object = unsigned(&json!({ "scope": "openid email", "state": "of the object" }));
        let request = client.authorization_request(&[("request", &object)]);
        let _ = browser.ask(&request).await.refused("request_not_supported");
    }

    #[tokio::test]
    async fn with_a_foreign_redirect_uri_in_it_leads_nowhere_else() {
        let (client, browser) = (client().await, browser().await);
        let object = unsigned(&json!({ "redirect_uri": "https://evil.example/" }));
        let request = client.authorization_request(&[("request", &object)]);
        let callback = browser.ask(&request).await;
        assert_eq!(callback.redirect_uri, "https://rp.example/cb");
        let _ = callback.refused("request_not_supported");
        let page = browser.get(&request.without("redirect_uri").path()).await;
        let _ = page.refused(400);
    }

    #[tokio::test]
    async fn by_reference_is_refused_and_not_fetched() {
        let (client, browser) = (client().await, browser().await);
        let request = client.authorization_request(&[("request_uri", "https://rp.example/r.jwt")]);
        let _ = browser.ask(&request).await.refused("request_uri_not_supported");
    }
}

mod claims_parameter {
    use super::*;

    #[tokio::test]
    async fn an_essential_claim_comes_from_userinfo() {
        let (client, browser) = (client().await, browser().await);
        let claims = r#"{"userinfo":{"name":{"essential":true}}}"#;
        let tokens = login(&browser, &client, &[("claims", claims)]).await;
        let told = client.userinfo(&tokens.access_token).await.expect(200);
        assert_eq!(told["name"], "Ada Lovelace");
    }

    #[tokio::test]
    async fn a_claim_that_nobody_has_does_not_fail() {
        let (client, browser) = (client().await, browser().await);
        let claims = r#"{"userinfo":{"shoe_size":{"essential":true}},"id_token":{"x":null}}"#;
        let tokens = login(&browser, &client, &[("claims", claims)]).await;
        let told = client.userinfo(&tokens.access_token).await.expect(200);
        assert_eq!(told.get("shoe_size"), None);
    }
}

mod errors {
    use super::*;

    #[tokio::test]
    async fn a_missing_response_type_is_told_to_the_client_with_its_state() {
        let (client, browser) = (client().await, browser().await);
        let request = client.authorization_request(&[("extra", "1")]).without("response_type");
        // The answer's members, the description's characters, `state` and `iss` are checked within.
        let _ = browser.ask(&request).await.refused("invalid_request");
        let request = request.with("response_type", "token");
        let _ = browser.ask(&request).await.refused("unsupported_response_type");
    }

    #[tokio::test]
    async fn an_unregistered_redirect_uri_is_a_page_and_no_redirect() {
        let (client, browser) = (client().await, browser().await);
        for uri in
            ["https://rp.example/cb3", "https://rp.example/cb?x=1", "https://evil.example/cb"]
        {
            let request = client.authorization_request(&[("redirect_uri", uri)]);
            let page: Page = browser.get(&request.path()).await;
            assert!(page.refused(400).contains("redirect"), "{}", page.html.text);
        }
    }

    #[tokio::test]
    async fn a_redirect_uri_with_a_query_keeps_it() {
        let uri = "https://rp.example/cb?foo=bar&x=%20";
        let client = client_with(json!({ "redirect_uris": [uri] })).await;
        let callback = browser().await.authorize(&client, &[]).await;
        assert_eq!(callback.redirect_uri, uri);
        let _ = client.redeem(&callback).await.tokens();
    }
}

mod code {
    use super::*;

    #[tokio::test]
    async fn is_good_once_and_its_reuse_ends_what_came_of_it() {
        let (client, browser) = (client().await, browser().await);
        let callback = browser.authorize(&client, &[]).await;
        let tokens = client.redeem(&callback).await.tokens();
        assert!(client.is_active(&tokens.access_token).await);
        let _ = client.redeem(&callback).await.refused(400, "invalid_grant");
        let all = [&*tokens.access_token, tokens.refresh_token()];
        assert_eq!(client.which_active(&all).await, [false, false], "RFC 6749 section 4.1.2");
        assert_eq!(client.userinfo(&tokens.access_token).await.status, 401);
        let _ = client.redeem(&callback).await.refused(400, "invalid_grant");
    }

    #[tokio::test]
    async fn is_no_good_for_long_and_its_reuse_counts_however_late() {
        let server = Server::serve("tokens.authorization_code_lifetime = \"2s\"", &[]).await;
        let client = server.registrar().sign_in(&json!({})).await;
        let browser = server.new_browser().await;
        let spent = browser.authorize(&client, &[]).await;
        let tokens = client.redeem(&spent).await.tokens();
        let late = browser.authorize(&client, &[]).await;
        seconds_pass(3).await;
        let description = client.redeem(&late).await.refused(400, "invalid_grant");
        assert!(description.contains("expired"), "{description}");
        assert!(client.is_active(&tokens.access_token).await);
        let _ = client.redeem(&spent).await.refused(400, "invalid_grant");
        assert!(!client.is_active(&tokens.access_token).await, "RFC 6749 section 4.1.2");
    }
}

mod userinfo {
    use super::*;

    #[tokio::test]
    async fn answers_get_and_post_by_header_and_post_by_body() {
        let (client, browser) = (client().await, browser().await);
        let tokens = login(&browser, &client, &[("scope", SCOPE)]).await;
        let by_get = client.userinfo(&tokens.access_token).await.expect(200);
        let bearer = format!("Bearer {}", tokens.access_token);
        let path = "/oauth2/userinfo";
        let post = client.http.request(Method::POST, path).header("authorization", &bearer);
        let by_post = send(post).await.expect(200);
        let in_body = [("access_token", &*tokens.access_token)];
        let by_body = client.http.form(path, None, &in_body).await.expect(200);
        assert_eq!((&by_get, &by_get), (&by_post, &by_body));
        assert_eq!(by_get["sub"], client.id_token(&tokens).await.claims["sub"]);
    }

    #[tokio::test]
    async fn gives_the_claims_of_each_scope_and_no_others() {
        let (client, browser) = (client().await, browser().await);
        let scopes: [(&str, &[&str]); 4] = [
            ("profile", &PROFILE),
            ("email", &["email", "email_verified"]),
            ("address", &["address"]),
            ("phone", &["phone_number", "phone_number_verified"]),
        ];
        for (scope, claims) in scopes {
            let tokens = login(&browser, &client, &[("scope", &format!("openid {scope}"))]).await;
            let told = client.userinfo(&tokens.access_token).await.expect(200);
            let names: BTreeSet<_> =
                told.as_object().expect("an object").keys().map(String::as_str).collect();
            assert_eq!(names, claims.iter().copied().chain(["sub"]).collect(), "{scope}");
        }
    }

    #[tokio::test]
    async fn claims_are_of_their_types() {
        let (client, browser) = (client().await, browser().await);
        let tokens = login(&browser, &client, &[("scope", SCOPE)]).await;
        let told = client.userinfo(&tokens.access_token).await.expect(200);
        assert_eq!(told["updated_at"], 1_700_000_000);
        assert_eq!(told["email_verified"], true);
        assert_eq!(told["phone_number_verified"], false);
        assert_eq!(told["address"]["locality"], "London");
    }
}

mod refresh_token {
    use super::*;

    #[tokio::test]
    async fn comes_with_offline_access_and_works_with_and_without_scope() {
        let (client, browser) = (client().await, browser().await);
        let more = [("scope", SCOPE), ("prompt", "consent")];
        let tokens = login(&browser, &client, &more).await;
        for more in [&[][..], &[("scope", SCOPE)]] {
            // `tokens` checks `token_type` and `Cache-Control: no-store`.
            let fresh = client.refresh(tokens.refresh_token(), more).await.tokens();
            assert_ne!(fresh.access_token, tokens.access_token);
            let _ = client.userinfo(&fresh.access_token).await.expect(200);
        }
    }

    #[tokio::test]
    async fn brings_an_id_token_of_the_same_login() {
        let (client, browser) = (client().await, browser().await);
        let tokens = login(&browser, &client, &[("max_age", "1000")]).await;
        let first = client.id_token(&tokens).await.claims;
        seconds_pass(1).await;
        let fresh = client.refresh(tokens.refresh_token(), &[]).await.tokens();
        let second = client.id_token(&fresh).await.claims;
        // OpenID Connect Core section 12.2.
        for name in ["iss", "sub", "aud", "auth_time"] {
            assert_eq!(first[name], second[name], "{name}");
        }
        assert!(second["iat"].as_u64() > first["iat"].as_u64());
        assert_eq!(second.get("nonce"), None);
    }

    #[tokio::test]
    async fn is_bound_to_its_client() {
        let (client, other, browser) = (client().await, client().await, browser().await);
        let tokens = login(&browser, &client, &[("scope", SCOPE)]).await;
        let answer = other.refresh(tokens.refresh_token(), &[]).await;
        let _ = answer.refused(400, "invalid_grant");
        let _ = client.refresh(tokens.refresh_token(), &[]).await.tokens();
    }
}

mod client_authentication {
    use super::*;

    #[tokio::test]
    async fn by_basic_with_id_and_secret_in_percent_encoding() {
        let (client, browser) = (client().await, browser().await);
        let callback = browser.authorize(&client, &[]).await;
        let secret = client.secret.as_deref().expect("a secret");
        let [id, secret] = [&client.id, secret].map(|text| percent_encoded(text.as_bytes()));
        let pair = base64::engine::general_purpose::STANDARD.encode(format!("{id}:{secret}"));
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", callback.code()),
            ("redirect_uri", "https://rp.example/cb"),
            ("code_verifier", &callback.request.verifier),
        ];
        let basic = format!("Basic {pair}");
        let _ = client.http.form("/oauth2/token", Some(&basic), &fields).await.tokens();
    }

    #[tokio::test]
    async fn by_post() {
        let method = json!({ "token_endpoint_auth_method": "client_secret_post" });
        let (client, browser) = (client_with(method).await, browser().await);
        assert!(client.in_form);
        let _ = login(&browser, &client, &[]).await;
    }

    #[tokio::test]
    async fn by_a_wrong_secret_is_invalid_client_and_spends_no_code() {
        let (client, browser) = (client().await, browser().await);
        let callback = browser.authorize(&client, &[]).await;
        let answer = client.with_secret("wrong").redeem(&callback).await;
        let _ = answer.refused(401, "invalid_client");
        let _ = client.redeem(&callback).await.tokens();
    }

    #[tokio::test]
    async fn of_another_client_gets_nothing_for_the_code() {
        let (client, other, browser) = (client().await, client().await, browser().await);
        let callback = browser.authorize(&client, &[]).await;
        let _ = other.redeem(&callback).await.refused(400, "invalid_grant");
        let _ = client.redeem(&callback).await.tokens();
    }
}

#[tokio::test]
async fn one_user_at_two_browsers_has_two_logins() {
    let (client, first) = (client().await, browser().await);
    let second = Server::shared().await.browser(&User::clone(&first.user));
    let mut sids = HashSet::new();
    for browser in [&first, &second] {
        let tokens = login(browser, &client, &[]).await;
        let told = client.introspect(&tokens.access_token).await;
        assert!(sids.insert(told["sid"].as_str().expect("sid").to_owned()));
    }
}
