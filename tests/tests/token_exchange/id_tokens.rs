//! ID tokens as subject: of the application's own users, while they are signed in.

use serde_json::{Value, json};
use tokenbind_tests::{Answer, Client, Login, Server, flipped};

use crate::{EXCHANGE, FORMATS, ID_TOKEN, exchanged, front, login, merged, service};

async fn exchange(client: &Client, id_token: &str, more: &[(&str, &str)]) -> Answer {
    let kind = [("subject_token_type", ID_TOKEN)];
    client.exchange(id_token, &[&kind[..], more].concat()).await
}

#[tokio::test]
async fn an_application_exchanges_the_id_token_of_its_user() {
    let server = Server::shared().await;
    for format in FORMATS {
        let login = login(server, &json!({ "access_token_format": format })).await;
        let answer = exchange(&login.client, login.tokens.id_token(), &[("scope", "email")]).await;
        let tokens = exchanged(&answer);
        let told = login.client.introspect(&tokens.access_token).await;
        assert_eq!(told["sub"], login.browser.user.sub);
        assert_eq!((&told["sid"], &told["scope"]), (&json!(login.sid().await), &json!("email")));
        login.browser.sign_out().await;
        assert!(!login.client.is_active(&tokens.access_token).await);
        let answer = exchange(&login.client, login.tokens.id_token(), &[]).await;
        let description = answer.refused(400, "invalid_request");
        assert_eq!(description, "the login session of the subject token is over");
    }
}

#[tokio::test]
async fn another_application_s_is_refused_whatever_the_settings_say() {
    let server = Server::shared().await;
    let login = login(server, &json!({})).await;
    let listing = service(server, &[&login.client], &json!({})).await;
    let answer = exchange(&listing, login.tokens.id_token(), &[]).await;
    let description = answer.refused(400, "invalid_request");
    assert_eq!(description, "the subject token is an ID token for another application");
}

#[tokio::test]
async fn a_public_application_proves_nothing_by_it() {
    let server = Server::shared().await;
    for types in [json!([]), json!(["dpop"])] {
        let settings =
            json!({ "token_endpoint_auth_method": "none", "token_binding_types": types });
        let public = public(server, &settings).await;
        let signer = tokenbind_tests::Signer::es256();
        let public = if types == json!([]) { public } else { public.proving(&signer) };
        let login = Login::to(&public, &server.new_browser().await).await;
        let answer = exchange(&public, login.tokens.id_token(), &[]).await;
        let description = answer.refused(400, "invalid_request");
        assert!(description.contains("only an application that authenticates"), "{description}");
    }
}

async fn public(server: &Server, more: &Value) -> Client {
    let grants = json!({ "grant_types": ["authorization_code", "refresh_token", EXCHANGE] });
    server.registrar().sign_in(&merged(grants, more)).await
}

#[tokio::test]
async fn what_is_no_id_token_of_ours_is_refused() {
    let server = Server::shared().await;
    let login = login(server, &json!({ "access_token_format": "jwt" })).await;
    let id_token = login.tokens.id_token();
    let forged = flipped(id_token, id_token.find('.').expect("a dot") + 5);
    for text in [&*forged, &login.tokens.access_token, login.tokens.refresh_token(), "x", "a.b.c"] {
        let answer = exchange(&login.client, text, &[]).await;
        let description = answer.refused(400, "invalid_request");
        assert_eq!(description, "the subject token is no ID token of this server");
    }
}

#[tokio::test]
async fn an_expired_one_is_refused() {
    let server = Server::shared().await;
    let login = login(server, &json!({ "id_token_lifetime": 1 })).await;
    tokenbind_tests::seconds_pass(1).await;
    let answer = exchange(&login.client, login.tokens.id_token(), &[]).await;
    assert_eq!(answer.refused(400, "invalid_request"), "the subject token is dead: expired");
}

#[tokio::test]
async fn the_scope_is_what_the_user_consented_to() {
    let server = Server::shared().await;
    let client = front(server, &json!({ "skip_consent": false })).await;
    let browser = server.new_browser().await;
    let login = Login::asking(&client, &browser, &[("scope", "openid email")]).await;
    let all = exchanged(&exchange(&client, login.tokens.id_token(), &[]).await);
    assert_eq!(all.scope.as_deref(), Some("email openid"));
    let wider = exchange(&client, login.tokens.id_token(), &[("scope", "profile")]).await;
    let _ = wider.refused(400, "invalid_scope");
}

#[tokio::test]
async fn what_comes_of_it_is_bound_as_all_tokens_of_the_application() {
    let server = Server::shared().await;
    let key = tokenbind_tests::Signer::es256();
    let client = front(server, &json!({ "token_binding_types": ["dpop"] })).await.proving(&key);
    let login = Login::to(&client, &server.new_browser().await).await;
    let unproved = exchange(&client.proving_nothing(), login.tokens.id_token(), &[]).await;
    let _ = unproved.refused(400, "invalid_dpop_proof");
    let tokens = exchanged(&exchange(&client, login.tokens.id_token(), &[]).await);
    let told = client.introspect(&tokens.access_token).await;
    assert_eq!(told["cnf"]["jkt"], key.thumbprint());
}
