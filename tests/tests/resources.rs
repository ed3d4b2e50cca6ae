//! Resource indicators (RFC 8707): what a token is for, and that it is worth nothing elsewhere.

use serde_json::{Value, json};
use tokenbind_tests::{Answer, Browser, Client, Server, Signer, Tokens, VerifiedJwt};

/// Two resources that know one scope each.
async fn two() -> (String, String) {
    let operator = Server::shared().await.operator();
    let orders = operator.resource(&["scopes=profile"]).await;
    (orders, operator.resource(&["scopes=email"]).await)
}

async fn resource(members: &[&str]) -> String {
    Server::shared().await.operator().resource(members).await
}

async fn application(more: Value) -> Client {
    Server::shared().await.registrar().sign_in(&more).await
}

async fn signed_in() -> Browser {
    let browser = Server::shared().await.new_browser().await;
    browser.sign_in().await;
    browser
}

/// What introspection tells of a token: its `aud` and its scope.
async fn told(client: &Client, token: &str) -> (Value, Value) {
    let told = client.introspect(token).await;
    (told["aud"].clone(), told["scope"].clone())
}

/// The tokens of a login for these resources.
async fn login(client: &Client, browser: &Browser, scope: &str, resources: &[&str]) -> Answer {
    let mut request = client.authorization_request(&[("scope", scope)]);
    for resource in resources {
        request = request.also("resource", resource);
    }
    let callback = browser.complete(&request).await;
    client.redeem(&callback).await
}

mod authorized {
    use super::*;

    #[tokio::test]
    async fn rfc8707_section_2_the_token_is_for_the_resource_and_has_no_scope_but_its_own() {
        for format in ["opaque", "jwt"] {
            let (orders, _) = two().await;
            let client = application(json!({ "access_token_format": format })).await;
            let browser = signed_in().await;
            let tokens =
                login(&client, &browser, "openid profile email", &[&orders]).await.tokens();
            assert_eq!(tokens.scope.as_deref(), Some("profile"));
            let (aud, scope) = told(&client, &tokens.access_token).await;
            assert_eq!((aud, scope), (json!(orders), json!("profile")));
            if format == "jwt" {
                let claims = tokenbind_tests::unverified_claims(&tokens.access_token);
                assert_eq!((&claims["aud"], &claims["scope"]), (&json!(orders), &json!("profile")));
            }
            // OpenID Connect Core section 3.1.3.3: the login was granted, whatever the resource knows.
            let id_token = client.id_token(&tokens).await.claims;
            assert_eq!(id_token["sub"], *browser.user.sub);
        }
    }

    #[tokio::test]
    async fn rfc8707_section_2_2_each_token_of_a_grant_is_narrowed_for_itself() {
        let (orders, mail) = two().await;
        let client = application(json!({})).await;
        let browser = signed_in().await;
        let request = client
            .authorization_request(&[("scope", "openid profile email")])
            .also("resource", &orders)
            .also("resource", &mail);
        let callback = browser.complete(&request).await;
        let first = client.redeem_with(&callback, &[("resource", &orders)]).await.tokens();
        assert_eq!(told(&client, &first.access_token).await, (json!(orders), json!("profile")));
        let _ = client.id_token(&first).await;
        for (resources, aud, scope) in [
            (&[("resource", &*mail)][..], json!(mail), "email"),
            (&[("resource", &orders), ("resource", &mail)], json!([orders, mail]), "email profile"),
            (&[], json!([orders, mail]), "email profile"),
            (&[("resource", &orders), ("scope", "openid profile")], json!(orders), "profile"),
        ] {
            let fresh = client.refresh(first.refresh_token(), resources).await.tokens();
            assert_eq!(told(&client, &fresh.access_token).await, (aud, json!(scope)));
            assert_eq!(fresh.scope.as_deref(), Some(scope));
            let _ = client.id_token(&fresh).await;
        }
        let narrow = [("resource", &*orders), ("scope", "profile")];
        let fresh = client.refresh(first.refresh_token(), &narrow).await.tokens();
        assert_eq!(fresh.id_token, None, "openid was not asked for");
        let stray = [("resource", &*orders), ("scope", "email")];
        let refused = client.refresh(first.refresh_token(), &stray).await;
        let _ = refused.refused(400, "invalid_scope");
    }

    #[tokio::test]
    async fn rfc8707_section_2_2_a_resource_that_was_not_authorized_is_refused() {
        let (orders, mail) = two().await;
        let client = application(json!({})).await;
        let browser = signed_in().await;
        for asked in [&[&*orders][..], &[]] {
            let mut request = client.authorization_request(&[("scope", "openid profile email")]);
            for resource in asked {
                request = request.also("resource", resource);
            }
            let callback = browser.complete(&request).await;
            let stray = client.redeem_with(&callback, &[("resource", &mail)]).await;
            let description = stray.refused(400, "invalid_target");
            assert!(description.contains(&mail) && description.contains("not authorized"));
            let tokens = client.redeem(&callback).await.tokens();
            let both = [("resource", &*orders), ("resource", &mail)];
            let stray = client.refresh(tokens.refresh_token(), &both).await;
            let _ = stray.refused(400, "invalid_target");
        }
    }

    #[tokio::test]
    async fn without_a_resource_tokens_are_for_the_default_audience() {
        let client = application(json!({})).await;
        let issuer = json!(Server::shared().await.issuer());
        let tokens = login(&client, &signed_in().await, "openid email", &[]).await.tokens();
        assert_eq!(
            told(&client, &tokens.access_token).await,
            (issuer.clone(), json!("email openid"))
        );
        let fresh = client.refresh(tokens.refresh_token(), &[("resource", "")]).await.tokens();
        assert_eq!(told(&client, &fresh.access_token).await.0, issuer, "empty is omitted");
    }

    #[tokio::test]
    async fn a_resource_is_known_by_any_spelling_and_shown_by_its_own() {
        let orders = resource(&[]).await;
        let client = application(json!({})).await;
        let browser = signed_in().await;
        let shouted =
            orders.replace("https://api", "HTTPS://API").replace(".example/", ".example:443/");
        assert_ne!(shouted, orders);
        let tokens = login(&client, &browser, "openid", &[&shouted, &orders]).await.tokens();
        assert_eq!(told(&client, &tokens.access_token).await, (json!(orders), json!("openid")));
        let fresh = client.refresh(tokens.refresh_token(), &[("resource", &shouted)]).await;
        let _ = fresh.tokens();
    }

    #[tokio::test]
    async fn a_resource_that_is_removed_gets_no_more_tokens() {
        let (orders, mail) = two().await;
        let client = application(json!({})).await;
        let answer = login(&client, &signed_in().await, "profile email", &[&orders, &mail]).await;
        let tokens = answer.tokens();
        Server::shared().await.operator().json(&["resource", "delete", &mail]).await;
        let refresh =
            async |more: &[(&str, &str)]| client.refresh(tokens.refresh_token(), more).await;
        let _ = refresh(&[]).await.refused(400, "invalid_target");
        let _ = refresh(&[("resource", &mail)]).await.refused(400, "invalid_target");
        let left = refresh(&[("resource", &orders)]).await.tokens();
        assert_eq!(told(&client, &left.access_token).await.0, json!(orders));
    }
}

mod asked_for {
    use super::*;

    /// What no endpoint takes: the resources, the scope, the error, and a word of the description.
    async fn wrong() -> Vec<(Vec<String>, &'static str, &'static str, &'static str)> {
        let (orders, _) = two().await;
        let opaque = resource(&["access_token_format=opaque"]).await;
        let jwt = resource(&["access_token_format=jwt"]).await;
        let bound = resource(&["required_binding_types=dpop,certificate"]).await;
        let one = |uri: &str| vec![uri.to_owned()];
        vec![
            (one("https://nobody.example"), "email", "invalid_target", "knows"),
            (vec![orders.clone(), "urn:nobody".into()], "profile", "invalid_target", "knows"),
            (one("api"), "email", "invalid_target", "absolute"),
            (one("//api.example"), "email", "invalid_target", "absolute"),
            (one(&format!("{orders}#top")), "profile", "invalid_target", "fragment"),
            (one(&format!("{orders} ")), "profile", "invalid_target", "ASCII"),
            (vec![opaque, jwt], "email", "invalid_target", "format"),
            (one(&orders), "email", "invalid_scope", "profile"),
            (one(&bound), "email", "invalid_target", "dpop or certificate"),
        ]
    }

    #[tokio::test]
    async fn rfc8707_section_2_what_cannot_be_is_told_to_the_application_by_way_of_the_browser() {
        let signer = Signer::es256();
        let client = application(json!({ "jwks": signer.jwks() })).await;
        let browser = signed_in().await;
        for (resources, scope, error, word) in wrong().await {
            let base = client.authorization_request(&[("scope", scope)]);
            let request =
                resources.iter().fold(base.clone(), |request, one| request.also("resource", one));
            let description = browser.ask(&request).await.refused(error);
            assert!(description.contains(word), "{resources:?}: {description}");

            let page = browser.post("/oauth2/authorize", &pairs(&request)).await;
            let page = browser.follow(page).await;
            let posted = page.callback(&request, client.http.base()).expect("an answer");
            assert_eq!(posted.refused(error), description);

            let object =
                signer.request_object(&base, client.http.base(), &json!({ "resource": resources }));
            let by_value = [("client_id", &*client.id), ("request", &object)];
            let page = browser.post("/oauth2/authorize", &by_value).await;
            let page = browser.follow(page).await;
            let by_value = page.callback(&base, client.http.base()).expect("an answer");
            assert_eq!(by_value.refused(error), description);
        }
    }

    fn pairs(request: &tokenbind_tests::AuthorizationRequest) -> Vec<(&str, &str)> {
        request.parameters.iter().map(|(name, value)| (&**name, &**value)).collect()
    }

    #[tokio::test]
    async fn rfc8707_section_2_what_cannot_be_is_told_where_the_application_asks_itself() {
        let grants = ["authorization_code", "password", "client_credentials", "refresh_token"];
        let client = application(json!({ "grant_types": grants })).await;
        let server = Server::shared().await;
        let user = server.operator().user().await;
        for (resources, scope, error, word) in wrong().await {
            let mut fields: Vec<_> = resources.iter().map(|one| ("resource", &**one)).collect();
            fields.push(("scope", scope));
            let request = fields.iter().fold(
                client.authorization_request(&[]).without("scope"),
                |request, (name, value)| request.also(name, value),
            );
            for answer in [
                client.push(&request).await,
                client.client_credentials(&fields).await,
                client.password(&user, &fields).await,
            ] {
                let description = answer.refused(400, error);
                assert!(description.contains(word), "{resources:?}: {description}");
            }
        }
    }

    #[tokio::test]
    async fn rfc8707_section_2_1_a_signed_request_names_one_or_several() {
        let (orders, mail) = two().await;
        let signer = Signer::es256();
        let client = application(json!({ "jwks": signer.jwks() })).await;
        let browser = signed_in().await;
        let request = client.authorization_request(&[("scope", "profile email")]);
        for (resource, aud) in [
            (json!(orders), json!(orders)),
            (json!([mail]), json!(mail)),
            (json!([orders, mail]), json!([orders, mail])),
        ] {
            let object = signer.request_object(
                &request,
                client.http.base(),
                &json!({ "resource": resource }),
            );
            let query = form_urlencoded::Serializer::new(String::new())
                .append_pair("client_id", &client.id)
                .append_pair("request", &object)
                .finish();
            let page = browser.get(&format!("/oauth2/authorize?{query}")).await;
            let callback = browser.go_on(&request, page).await;
            let tokens = client.redeem(&callback).await.tokens();
            assert_eq!(told(&client, &tokens.access_token).await.0, aud);
        }
    }

    #[tokio::test]
    async fn rfc9126_a_pushed_request_keeps_its_resources() {
        let (orders, mail) = two().await;
        let client = application(json!({})).await;
        let browser = Server::shared().await.new_browser().await;
        let request = client
            .authorization_request(&[("scope", "profile email")])
            .also("resource", &orders)
            .also("resource", &mail);
        let pushed = client.pushed(&request).await;
        let page = browser.get(&pushed.path()).await;
        let callback = browser.go_on(&request, page).await;
        let tokens = client.redeem(&callback).await.tokens();
        assert_eq!(told(&client, &tokens.access_token).await.0, json!([orders, mail]));
    }

    #[tokio::test]
    async fn the_consent_page_names_where_the_access_is_used() {
        let named = resource(&["name=Orders <and> returns"]).await;
        let unnamed = resource(&[]).await;
        let client = application(json!({ "skip_consent": false })).await;
        let browser = signed_in().await;
        let request =
            client.authorization_request(&[]).also("resource", &named).also("resource", &unnamed);
        let page = browser.open(&request.path()).await;
        for name in ["Orders <and> returns", &unnamed] {
            assert!(page.html.text.contains(name), "{}", page.html.text);
        }
        let _ = browser.go_on(&request, page).await.code();
    }
}

mod at_the_token_endpoint {
    use super::*;

    #[tokio::test]
    async fn the_grants_without_a_browser_name_resources_too() {
        let (orders, mail) = two().await;
        let server = Server::shared().await;
        let grants = ["password", "client_credentials", "refresh_token"];
        let client = server.registrar().application(&json!({ "grant_types": grants })).await;
        let user = server.operator().user().await;
        let both = [("resource", &*orders), ("resource", &mail)];
        let own = client.client_credentials(&both).await.tokens();
        let expected = (json!([orders, mail]), json!("email profile"));
        assert_eq!(told(&client, &own.access_token).await, expected);
        let tokens = client.password(&user, &both).await.tokens();
        assert_eq!(told(&client, &tokens.access_token).await, expected);
        let fresh = client.refresh(tokens.refresh_token(), &[("resource", &mail)]).await.tokens();
        assert_eq!(told(&client, &fresh.access_token).await, (json!(mail), json!("email")));
    }

    #[tokio::test]
    async fn a_resource_has_its_own_format_and_its_tokens_live_no_longer_than_it_says() {
        let server = Server::shared().await;
        let jwt = resource(&["access_token_format=jwt", "access_token_lifetime=60"]).await;
        let long = resource(&["access_token_lifetime=100000"]).await;
        let client = server
            .registrar()
            .application(
                &json!({ "grant_types": ["client_credentials"], "access_token_format": "opaque" }),
            )
            .await;
        let tokens = client.client_credentials(&[("resource", &jwt)]).await.tokens();
        let claims = verified(&client, &jwt, &tokens).await;
        let lifetime = claims["exp"].as_u64().expect("exp") - claims["iat"].as_u64().expect("iat");
        assert_eq!(lifetime, 60);
        assert!((50..=60).contains(&tokens.expires_in), "{}", tokens.expires_in);
        let tokens = client.client_credentials(&[("resource", &long)]).await.tokens();
        assert!(tokens.access_token.starts_with("tb_at_"), "the application's format");
        assert!(tokens.expires_in <= 3600, "never longer than the application's");
        let jwts = server
            .registrar()
            .application(
                &json!({ "grant_types": ["client_credentials"], "access_token_format": "jwt" }),
            )
            .await;
        let opaque = resource(&["access_token_format=opaque"]).await;
        let tokens = jwts.client_credentials(&[("resource", &opaque)]).await.tokens();
        assert!(tokens.access_token.starts_with("tb_at_"));
    }

    async fn verified(client: &Client, audience: &str, tokens: &Tokens) -> Value {
        let http = &client.http;
        let required = ["exp", "nbf", "aud", "iss", "sub"];
        VerifiedJwt::verify_for(http, http.base(), audience, &required, &tokens.access_token)
            .await
            .claims
    }

    #[tokio::test]
    async fn bindings_resource_that_wants_a_stronger_binding_says_what_would_do() {
        let server = Server::shared().await;
        let bound = resource(&["required_binding_types=dpop,certificate"]).await;
        let settings = |types: Value| json!({ "grant_types": ["client_credentials"], "token_binding_types": types });
        for (types, has) in [(json!([]), "nothing"), (json!(["client-request"]), "client-request")]
        {
            let weak = server.registrar().application(&settings(types)).await;
            let fields = [("resource", &*bound), ("tokenBindingId", "tv")];
            let description = weak.client_credentials(&fields).await.refused(400, "invalid_target");
            for part in [&*bound, "dpop or certificate", has] {
                assert!(description.contains(part), "{description}");
            }
        }
        let strong = server.registrar().application(&settings(json!(["dpop"]))).await;
        let strong = strong.proving(&Signer::es256());
        let tokens = strong.client_credentials(&[("resource", &bound)]).await.dpop_tokens();
        assert_eq!(told(&strong.proving_nothing(), &tokens.access_token).await.0, json!(bound));
    }

    #[tokio::test]
    async fn a_resource_that_asks_for_more_from_now_on_gets_no_weaker_token_by_a_refresh() {
        let orders = resource(&[]).await;
        let client = application(json!({})).await;
        let tokens = login(&client, &signed_in().await, "email", &[&orders]).await.tokens();
        let operator = Server::shared().await.operator();
        let types = "required_binding_types=dpop";
        operator.json(&["resource", "update", &orders, "--set", types]).await;
        let refused = client.refresh(tokens.refresh_token(), &[]).await;
        let _ = refused.refused(400, "invalid_target");
    }

    #[tokio::test]
    async fn rfc9470_a_token_without_a_login_is_not_issued_where_one_is_needed() {
        let server = Server::shared().await;
        let grants = ["password", "client_credentials"];
        let client = server.registrar().application(&json!({ "grant_types": grants })).await;
        let user = server.operator().user().await;
        for member in ["max_age=3600", "acr=pwd"] {
            let fresh = resource(&[member]).await;
            let fields = [("resource", &*fresh)];
            for answer in
                [client.client_credentials(&fields).await, client.password(&user, &fields).await]
            {
                let description = answer.refused(400, "invalid_target");
                assert!(description.contains("signed in"), "{description}");
            }
        }
    }

    #[tokio::test]
    async fn each_resource_has_slots_of_its_own() {
        let (orders, mail) = two().await;
        let server = Server::shared().await;
        let client = server.registrar().slotted("opaque").await;
        let user = server.operator().user().await;
        let ask = async |resource: &str| {
            let fields = [("resource", resource), ("tokenBindingId", "tv")];
            client.password(&user, &fields).await.tokens()
        };
        let (first, other) = (ask(&orders).await, ask(&mail).await);
        assert_ne!(first.access_token, other.access_token);
        assert_ne!(first.refresh_token, other.refresh_token);
        let again = ask(&orders).await;
        assert_eq!(
            (again.access_token, again.refresh_token),
            (first.access_token, first.refresh_token)
        );
    }
}

mod at_use {
    use super::*;

    #[tokio::test]
    async fn a_token_for_one_resource_is_refused_at_another() {
        let orders = resource(&[]).await;
        let issuer = Server::shared().await.issuer();
        for format in ["opaque", "jwt"] {
            let client = application(json!({ "access_token_format": format })).await;
            let browser = signed_in().await;
            let tokens = login(&client, &browser, "openid", &[&orders]).await.tokens();
            let description =
                client.userinfo(&tokens.access_token).await.challenged("invalid_token");
            assert!(description.contains("not meant for this resource"), "{description}");

            let both = login(&client, &browser, "openid", &[&orders, &issuer]).await.tokens();
            assert_eq!(client.userinfo(&both.access_token).await.status, 200);
            let narrow = client.refresh(both.refresh_token(), &[("resource", &orders)]).await;
            let refused = client.userinfo(&narrow.tokens().access_token).await;
            let _ = refused.challenged("invalid_token");
            let own = client.refresh(both.refresh_token(), &[("resource", &issuer)]).await.tokens();
            assert_eq!(client.userinfo(&own.access_token).await.status, 200);
        }
    }

    /// RFC 9728 section 3.3 has clients name what the document of userinfo says.
    #[tokio::test]
    async fn rfc8707_section_2_2_the_url_of_userinfo_names_this_server() {
        let server = Server::shared().await;
        let client = application(json!({})).await;
        let path = "/.well-known/oauth-protected-resource/oauth2/userinfo";
        let document = client.http.get(path).await.expect(200);
        let resource = document["resource"].as_str().expect("a URL");
        let tokens = login(&client, &signed_in().await, "openid", &[resource]).await.tokens();
        assert_eq!(told(&client, &tokens.access_token).await.0, json!(server.issuer()));
        assert_eq!(client.userinfo(&tokens.access_token).await.status, 200);
        let fresh =
            client.refresh(tokens.refresh_token(), &[("resource", resource)]).await.tokens();
        assert_eq!(client.userinfo(&fresh.access_token).await.status, 200);
    }

    #[tokio::test]
    async fn rfc9449_section_7_1_the_refusal_is_by_the_scheme_of_the_token() {
        let orders = resource(&[]).await;
        let client = application(json!({ "token_binding_types": ["dpop"] })).await;
        let client = client.proving(&Signer::es256());
        let answer = login(&client, &signed_in().await, "openid", &[&orders]).await;
        let refused = client.userinfo(&answer.dpop_tokens().access_token).await;
        let _ = refused.challenged_by("DPoP", "invalid_token");
    }
}
