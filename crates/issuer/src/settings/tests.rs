//! What settings are read, refused and changed.

use serde_json::json;

use super::*;

fn read(metadata: Value) -> Result<Settings, InvalidMetadata> {
    match metadata {
        Value::Object(metadata) => Settings::from_metadata(metadata),
        _ => panic!("not an object"),
    }
}

fn refused_field(metadata: Value) -> String {
    read(metadata).unwrap_err().field
}

#[test]
fn nothing_given_means_the_defaults() {
    assert_eq!(read(json!({})).unwrap(), Settings::default());
    assert_eq!(read(json!({ "scope": null })).unwrap(), Settings::default());
}

#[test]
fn settings_read_back_from_their_metadata() {
    let settings = read(json!({
        "client_name": "TV",
        "grant_types": ["password", "refresh_token"],
        "token_binding_types": ["client-request"],
        "validate_token_bindings": false,
        "access_token_format": "jwt",
        "refresh_token_lifetime": 5,
    }))
    .unwrap();
    assert_eq!(read(Value::Object(settings.to_metadata())).unwrap(), settings);
}

#[test]
fn members_that_are_not_known_are_ignored() {
    assert!(read(json!({ "software_version": "7" })).is_ok());
}

#[test]
fn wrong_types_name_the_field() {
    assert_eq!(refused_field(json!({ "refresh_token_lifetime": "1h" })), "refresh_token_lifetime");
    assert_eq!(refused_field(json!({ "grant_types": ["pass"] })), "grant_types[0]");
    assert_eq!(refused_field(json!({ "scope": "a\u{7}" })), "scope");
}

#[test]
fn a_grant_that_cannot_carry_the_type_is_refused_unless_it_may_go_unbound() {
    let refused = read(json!({
        "token_binding_types": ["cookie"],
        "grant_types": ["authorization_code", "password"],
    }))
    .unwrap_err();
    assert!(refused.rule.contains("password cannot be bound by cookie"), "{refused}");
    let allowed = read(json!({
        "token_binding_types": ["cookie"],
        "grant_types": ["authorization_code", "password"],
        "unbound_grants": ["password"],
    }));
    assert!(allowed.is_ok());
}

#[test]
fn every_type_is_offered_where_the_grants_carry_it() {
    let refused = read(json!({ "token_binding_types": ["device-flow"] })).unwrap_err();
    assert_eq!(refused.field, "token_binding_types");
    assert!(refused.rule.contains("authorization_code cannot be bound"), "{refused}");
    let devices = read(json!({
        "token_binding_types": ["device-flow", "dpop"],
        "grant_types": ["urn:ietf:params:oauth:grant-type:device_code", "refresh_token"],
    }));
    assert!(devices.is_ok(), "{devices:?}");
    for kind in ["cookie", "sso-session", "certificate", "client-request", "dpop"] {
        assert!(read(json!({ "token_binding_types": [kind] })).is_ok(), "{kind}");
    }
}

#[test]
fn rfc9449_section_7_1_possession_cannot_go_unchecked() {
    for kind in ["dpop", "certificate"] {
        let with = |validate: Value| {
            read(json!({
                "token_binding_types": ["client-request", kind],
                "validate_token_bindings": validate,
            }))
        };
        let refused = with(false.into()).unwrap_err();
        assert_eq!(refused.field, "validate_token_bindings");
        assert!(refused.rule.contains(kind), "{refused}");
        assert!(with(true.into()).is_ok() && with(Value::Null).is_ok());
    }
    let by_alias = json!({ "dpop_bound_access_tokens": true, "validate_token_bindings": false });
    assert_eq!(refused_field(by_alias), "validate_token_bindings");
}

fn types_after(mut metadata: Value, before: Option<&Settings>) -> Value {
    let Some(metadata) = metadata.as_object_mut() else { panic!("not an object") };
    apply_boolean_aliases(metadata, before).unwrap();
    metadata["token_binding_types"].clone()
}

#[test]
fn a_boolean_alias_names_its_type() {
    let alone = read(json!({ "dpop_bound_access_tokens": true })).unwrap();
    assert_eq!(alone.token_binding_types, [BindingType::Dpop]);
    assert_eq!(alone.to_metadata()["dpop_bound_access_tokens"], true);
    let named = json!({ "token_binding_types": ["cookie"], "dpop_bound_access_tokens": true });
    assert_eq!(types_after(named, None), json!(["cookie", "dpop"]));
}

#[test]
fn a_boolean_alias_that_denies_what_the_list_names_is_refused() {
    let metadata = json!({
        "token_binding_types": ["client-request", "dpop"],
        "dpop_bound_access_tokens": false,
    });
    assert_eq!(refused_field(metadata), "dpop_bound_access_tokens");
}

#[test]
fn taking_back_either_name_of_a_type_removes_it_and_no_other() {
    let bound = Settings {
        token_binding_types: vec![BindingType::ClientRequest, BindingType::Dpop],
        ..Settings::default()
    };
    let boolean_taken_back = json!({
        "token_binding_types": ["client-request", "dpop"],
        "dpop_bound_access_tokens": false,
    });
    assert_eq!(types_after(boolean_taken_back, Some(&bound)), json!(["client-request"]));
    let list_taken_back = json!({
        "token_binding_types": ["client-request"],
        "dpop_bound_access_tokens": true,
    });
    assert_eq!(types_after(list_taken_back, Some(&bound)), json!(["client-request"]));
}

#[test]
fn a_type_that_is_added_to_what_was_read_is_never_dropped() {
    let before = Settings::default();
    let mut metadata = before.to_metadata();
    metadata.insert("token_binding_types".into(), json!(["dpop"]));
    let read = before.replaced_by(metadata).unwrap();
    assert_eq!(read.token_binding_types, [BindingType::Dpop]);
    let changes = [("token_binding_types".to_owned(), json!(["client-request", "dpop"]))];
    let bound = before.changed_by(changes.into_iter().collect()).unwrap();
    assert_eq!(bound.token_binding_types, [BindingType::ClientRequest, BindingType::Dpop]);
}

#[test]
fn rotation_is_on_for_public_clients_unless_said_otherwise() {
    assert!(!read(json!({})).unwrap().refresh_token_rotation);
    let public = json!({ "token_endpoint_auth_method": "none" });
    assert!(read(public).unwrap().refresh_token_rotation);
    let off = json!({ "token_endpoint_auth_method": "none", "refresh_token_rotation": false });
    assert!(!read(off).unwrap().refresh_token_rotation);
}

#[test]
fn rotation_is_off_for_public_clients_that_are_bound_to_a_key_or_certificate() {
    let public = |more: Value| {
        let mut metadata = json!({ "token_endpoint_auth_method": "none" });
        metadata.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        read(metadata).unwrap().refresh_token_rotation
    };
    assert!(!public(json!({ "token_binding_types": ["sso-session", "dpop"] })));
    assert!(!public(json!({ "token_binding_types": ["certificate"] })));
    assert!(!public(json!({ "dpop_bound_access_tokens": true })));
    assert!(public(json!({ "dpop_bound_access_tokens": false })));
    assert!(public(json!({ "dpop_bound_access_tokens": true, "refresh_token_rotation": true })));
}

#[test]
fn rfc6749_section_4_4_a_public_client_cannot_have_client_credentials() {
    let metadata = json!({
        "token_endpoint_auth_method": "none",
        "grant_types": ["client_credentials"],
    });
    assert_eq!(refused_field(metadata), "grant_types");
}

#[test]
fn rfc6749_section_3_1_2_a_redirect_uri_with_a_fragment_is_refused() {
    assert_eq!(
        refused_field(json!({ "redirect_uris": ["https://a.example/#x"] })),
        "redirect_uris"
    );
}

#[test]
fn rfc7591_section_2_jwks_holds_public_keys() {
    let with = |member: &str| json!({ "jwks": { "keys": [{ "kty": "OKP", member: "secret" }] } });
    assert!(read(with("x")).is_ok());
    for member in ["d", "k"] {
        assert_eq!(refused_field(with(member)), "jwks");
    }
}

#[test]
fn rfc7591_section_2_jwks_and_jwks_uri_together_are_refused() {
    let metadata = json!({ "jwks": { "keys": [] }, "jwks_uri": "https://a.example/jwks" });
    assert_eq!(refused_field(metadata), "jwks");
}

#[test]
fn rfc9700_section_2_1_1_a_public_client_cannot_do_without_pkce() {
    let public = json!({ "token_endpoint_auth_method": "none", "require_pkce": false });
    assert_eq!(refused_field(public), "require_pkce");
    assert!(read(json!({ "require_pkce": false })).is_ok());
}

#[test]
fn frontchannel_logout_section_2_the_uri_is_of_the_origin_of_a_redirect_uri() {
    let with = |uri: &str| {
        read(json!({
            "redirect_uris": ["com.example.app:/cb", "https://a.example:8443/cb"],
            "frontchannel_logout_uri": uri,
        }))
    };
    assert!(with("https://a.example:8443/out").is_ok());
    for stray in ["https://a.example/out", "https://b.example:8443/out"] {
        assert_eq!(with(stray).unwrap_err().field, "frontchannel_logout_uri", "{stray}");
    }
}

#[test]
fn oidc_core_section_8_1_pairwise_subjects_need_redirect_uris_of_one_host() {
    let with = |uris: Value| read(json!({ "subject_type": "pairwise", "redirect_uris": uris }));
    assert!(with(json!(["https://a.example/1", "https://a.example:8443/2"])).is_ok());
    assert!(with(json!([])).is_ok(), "the application is a sector of its own");
    for uris in [json!(["https://a.example/", "https://b.example/"]), json!(["com.example:/"])] {
        assert_eq!(with(uris.clone()).unwrap_err().field, "subject_type", "{uris}");
    }
}

#[test]
fn rfc7591_section_2_1_response_types_go_with_the_grants() {
    let told = |metadata| read(metadata).unwrap().to_metadata()["response_types"].clone();
    assert_eq!(told(json!({})), json!(["code"]));
    assert_eq!(told(json!({ "response_types": ["code"] })), json!(["code"]));
    assert_eq!(told(json!({ "grant_types": ["password"] })), json!([]));
    for stray in [json!(["token"]), json!(["code", "id_token"]), json!("code"), json!(["none"])] {
        assert_eq!(refused_field(json!({ "response_types": stray })), "response_types", "{stray}");
    }
}

#[test]
fn contradictions_are_refused() {
    let cases = [
        (json!({ "token_endpoint_auth_method": "none", "introspection": "any" }), "introspection"),
        (json!({ "jwks": [] }), "jwks"),
        (json!({ "certificate": "x" }), "certificate"),
        (json!({ "request_object_signing_alg": "none" }), "request_object_signing_alg"),
        (json!({ "user_access_token_lifetime": 0 }), "user_access_token_lifetime"),
        (json!({ "redirect_uris": ["http://a.example/"] }), "redirect_uris"),
        (json!({ "redirect_uris": ["javascript:alert(1)"] }), "redirect_uris"),
        (json!({ "allowed_origins": ["https://a.example/"] }), "allowed_origins"),
        (json!({ "backchannel_logout_uri": "http://a.example/" }), "backchannel_logout_uri"),
        (json!({ "grant_types": ["password", "password"] }), "grant_types"),
        (json!({ "access_token_claims": ["email", "sub"] }), "access_token_claims"),
        (json!({ "fapi_profile": "fapi1-advanced" }), "fapi_profile"),
        (json!({ "fapi_profile": "fapi2-security" }), "token_endpoint_auth_method"),
        (
            json!({ "require_pushed_authorization_requests": 1 }),
            "require_pushed_authorization_requests",
        ),
        // OpenID Connect Core section 10.1: the server verifies by the keys that the application registers.
        (json!({ "request_object_signing_alg": "ES256" }), "request_object_signing_alg"),
        (json!({ "jwks": { "keys": [] }, "jwks_uri": "https://a.example/" }), "jwks"),
        (json!({ "token_endpoint_auth_method": "private_key_jwt" }), "token_endpoint_auth_method"),
    ];
    for (metadata, field) in cases {
        assert_eq!(refused_field(metadata.clone()), field, "{metadata}");
    }
}

#[test]
fn rfc8705_section_2_1_2_exactly_one_name_tells_a_client_of_tls_client_auth() {
    let by_name = |more: Value| {
        let mut metadata = json!({ "token_endpoint_auth_method": "tls_client_auth" });
        metadata.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        read(metadata)
    };
    for good in [
        json!({ "tls_client_auth_subject_dn": "CN=app,O=Example" }),
        json!({ "tls_client_auth_san_dns": "app.example" }),
        json!({ "tls_client_auth_san_uri": "spiffe://example/app" }),
        json!({ "tls_client_auth_san_ip": "2001:db8::1" }),
        json!({ "tls_client_auth_san_email": "app@example.com" }),
    ] {
        assert!(by_name(good.clone()).is_ok(), "{good}");
    }
    for (bad, field) in [
        (json!({}), "tls_client_auth_subject_dn"),
        (json!({ "tls_client_auth_subject_dn": "app" }), "tls_client_auth_subject_dn"),
        (json!({ "tls_client_auth_subject_dn": "" }), "tls_client_auth_subject_dn"),
        (json!({ "tls_client_auth_san_dns": "a b" }), "tls_client_auth_san_dns"),
        (json!({ "tls_client_auth_san_uri": "app" }), "tls_client_auth_san_uri"),
        (json!({ "tls_client_auth_san_ip": "1.2.3" }), "tls_client_auth_san_ip"),
        (json!({ "tls_client_auth_san_email": "example.com" }), "tls_client_auth_san_email"),
        (
            json!({ "tls_client_auth_subject_dn": "CN=app", "tls_client_auth_san_ip": "::1" }),
            "tls_client_auth_san_ip",
        ),
        (
            json!({ "tls_client_auth_san_dns": "a.example", "tls_client_auth_san_uri": "a:b" }),
            "tls_client_auth_san_uri",
        ),
    ] {
        assert_eq!(by_name(bad.clone()).unwrap_err().field, field, "{bad}");
    }
}

#[test]
fn rfc8705_section_2_1_2_no_other_client_has_such_a_name() {
    for method in ["client_secret_basic", "none", "self_signed_tls_client_auth"] {
        let metadata = json!({
            "token_endpoint_auth_method": method,
            "jwks_uri": "https://app.example/jwks",
            "tls_client_auth_san_dns": "app.example",
        });
        assert_eq!(refused_field(metadata), "tls_client_auth_san_dns", "{method}");
    }
}

#[test]
fn rfc8705_section_2_2_2_a_self_signed_certificate_has_to_be_registered() {
    let metadata = json!({ "token_endpoint_auth_method": "self_signed_tls_client_auth" });
    assert_eq!(refused_field(metadata), "jwks");
    for registered in [("jwks", json!({ "keys": [] })), ("jwks_uri", json!("https://a.example/k"))]
    {
        let (name, value) = registered;
        let mut metadata = json!({ "token_endpoint_auth_method": "self_signed_tls_client_auth" });
        metadata[name] = value;
        assert!(read(metadata).is_ok(), "{name}");
    }
}
