//! Who may exchange what, for which resources.

use serde_json::json;
use tokenbind_tests::{Client, Identity, Login, Server, Signer};

use crate::{REFRESH_TOKEN, exchanged, front, login, service};

#[tokio::test]
async fn tokens_of_others_are_exchanged_by_those_that_name_them_or_that_they_are_meant_for() {
    let server = Server::shared().await;
    let login = login(server, &json!({})).await;
    let token = &login.tokens.access_token;
    let stranger = service(server, &[], &json!({})).await;
    let description = stranger.exchange(token, &[]).await.refused(400, "invalid_request");
    assert!(description.contains("token_exchange_subject_clients"), "{description}");
    let listing = service(server, &[&login.client], &json!({})).await;
    let _ = exchanged(&listing.exchange(token, &[]).await);
    let uri = server.operator().resource_of(&stranger.id, &[]).await;
    let meant = Login::asking(&login.client, &login.browser, &[("resource", &uri)]).await;
    let _ = exchanged(&stranger.exchange(&meant.tokens.access_token, &[]).await);
}

#[tokio::test]
async fn a_refresh_token_is_exchanged_by_its_own_application_alone() {
    let server = Server::shared().await;
    let login = login(server, &json!({})).await;
    let listing = service(server, &[&login.client], &json!({})).await;
    let more = [("subject_token_type", REFRESH_TOKEN)];
    let answer = listing.exchange(login.tokens.refresh_token(), &more).await;
    let description = answer.refused(400, "invalid_request");
    assert_eq!(description, "the subject token was issued to another application");
}

#[tokio::test]
async fn a_new_audience_is_for_those_whose_settings_name_it() {
    let server = Server::shared().await;
    let operator = server.operator();
    let callee = service(server, &[], &json!({})).await;
    let uri = operator.resource_of(&callee.id, &["scopes=email"]).await;
    let login = login(server, &json!({})).await;
    let asked = [("scope", "openid email")];
    let login = Login::asking(&login.client, &login.browser, &asked).await;
    let token = &login.tokens.access_token;
    let silent = service(server, &[&login.client], &json!({})).await;
    for target in [("resource", &*uri), ("audience", &*uri), ("audience", &*callee.id)] {
        let description = silent.exchange(token, &[target]).await.refused(400, "invalid_target");
        assert!(description.contains("token_exchange_audiences"), "{description}");
        for named in [&*uri, &*callee.id] {
            let settings = json!({ "token_exchange_audiences": [named] });
            let exchanger = service(server, &[&login.client], &settings).await;
            let tokens = exchanged(&exchanger.exchange(token, &[target]).await);
            assert_eq!(exchanger.introspect(&tokens.access_token).await["aud"], *uri);
            assert_eq!(tokens.scope.as_deref(), Some("email"), "what the resource knows");
        }
    }
}

#[tokio::test]
async fn what_a_resource_asks_of_its_tokens_is_asked_of_exchanged_ones() {
    let server = Server::shared().await;
    let (operator, user) = (server.operator(), server.new_browser().await);
    let callee = service(server, &[], &json!({})).await;
    let members =
        ["required_binding_types=dpop", "access_token_format=jwt", "access_token_lifetime=30"];
    let uri = operator.resource_of(&callee.id, &members).await;
    let naming = json!({ "token_exchange_audiences": [callee.id] });
    let login = Login::to(&front(server, &naming).await, &user).await;
    let unbound = login.client.exchange(&login.tokens.access_token, &[("resource", &uri)]).await;
    let description = unbound.refused(400, "invalid_target");
    assert!(description.contains("dpop"), "{description}");
    let bound = crate::merged(naming, &json!({ "token_binding_types": ["dpop"] }));
    let service = service(server, &[&login.client], &bound).await.proving(&Signer::es256());
    let tokens = service.exchange(&login.tokens.access_token, &[("resource", &uri)]).await;
    let tokens = exchanged(&tokens);
    assert!(tokens.expires_in <= 30 && tokens.access_token.contains('.'), "{tokens:?}");
    // Not either where the audience is inherited.
    let naming =
        json!({ "token_exchange_subject_clients": [service.id], "grant_types": [crate::EXCHANGE] });
    let certificate = Identity::self_signed("app");
    let settings = crate::merged(naming, &json!({ "token_binding_types": ["certificate"] }));
    let other = server.registrar().application(&settings).await;
    let key = service.dpop.clone().expect("a key");
    let other = other.over(server.http_showing(&certificate)).proving(&key);
    let answer = other.exchange(&tokens.access_token, &[]).await;
    let _ = answer.refused(400, "invalid_target");
}

/// A public application that may exchange its tokens.
async fn public(server: &Server, types: &[&str]) -> Client {
    let settings = json!({ "token_endpoint_auth_method": "none", "token_binding_types": types });
    let grants = json!({ "grant_types": ["authorization_code", "refresh_token", crate::EXCHANGE] });
    server.registrar().sign_in(&crate::merged(grants, &settings)).await
}

#[tokio::test]
async fn a_public_application_exchanges_what_it_can_prove_and_nothing_else() {
    let server = Server::shared().await;
    let user = server.new_browser().await;
    let unbound = public(server, &[]).await;
    let login = Login::to(&unbound, &user).await;
    let answer = unbound.exchange(&login.tokens.access_token, &[]).await;
    let description = answer.refused(400, "invalid_request");
    assert!(description.contains("only an application that authenticates"), "{description}");
    let bound = public(server, &["dpop"]).await.proving(&Signer::es256());
    let login = Login::to(&bound, &user).await;
    let _ = exchanged(&bound.exchange(&login.tokens.access_token, &[]).await);
    let thief = bound.proving(&Signer::es256());
    let stolen = thief.exchange(&login.tokens.access_token, &[]).await;
    let _ = stolen.refused(400, "invalid_request");
}
