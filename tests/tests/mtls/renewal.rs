//! A renewed certificate logs nobody out who authenticates by it; anybody else's refresh token stays with
//! its certificate.

use serde_json::json;
use tokenbind_tests::{Identity, Server, User};

use crate::{FORMATS, by_subject, extend, named, showing, trusting_server};

#[tokio::test]
async fn rfc8705_section_6_3_the_refresh_token_follows_the_authentication() {
    let server = trusting_server().await;
    let user = server.operator().user().await;
    for format in FORMATS {
        let settings = by_subject("renewing", &json!({ "access_token_format": format }));
        let client = server.registrar().application(&settings).await;
        let (old, new) = (named("renewing"), named("renewing"));
        let before = showing(server, &client, &old).password(&user, &[]).await.tokens();
        let renewed = showing(server, &client, &new);
        let after = renewed.refresh(before.refresh_token(), &[]).await.tokens();
        let told = renewed.introspect(&after.access_token).await;
        assert_eq!(told["cnf"]["x5t#S256"], json!(new.thumbprint()));
        let told = renewed.introspect(after.refresh_token()).await;
        assert_eq!(told["cnf"]["x5t#S256"], json!(new.thumbprint()));
        // One who does not authenticate gets nowhere.
        let stranger = showing(server, &client, &Identity::self_signed("renewing"));
        let refused = stranger.refresh(after.refresh_token(), &[]).await;
        let _ = refused.refused(401, "invalid_client");
        let _ = renewed.refresh(after.refresh_token(), &[]).await.tokens();
    }
}

#[tokio::test]
async fn a_newly_registered_key_refreshes() {
    let server = Server::shared().await;
    let (old, new) = (Identity::self_signed("app"), Identity::self_signed("app"));
    let settings = |identity: &Identity| {
        json!({
            "grant_types": ["password", "refresh_token"],
            "token_endpoint_auth_method": "self_signed_tls_client_auth",
            "token_binding_types": ["certificate"],
            "jwks": { "keys": [identity.jwk(true)] },
        })
    };
    let registration = server.registrar().register(&settings(&old)).await;
    let user = server.operator().user().await;
    let client = showing(server, &registration.client, &old);
    let before = client.password(&user, &[]).await.tokens();
    let mut renewed = settings(&new);
    extend(&mut renewed, &json!({ "client_id": client.id }));
    let _ = registration.update(&renewed).await.expect(200);
    let _ = client.refresh(before.refresh_token(), &[]).await.refused(401, "invalid_client");
    let renewed = showing(server, &client, &new);
    let after = renewed.refresh(before.refresh_token(), &[]).await.tokens();
    let told = renewed.introspect(&after.access_token).await;
    assert_eq!(told["cnf"]["x5t#S256"], json!(new.thumbprint()));
}

#[tokio::test]
async fn in_a_slot_the_token_of_the_old_certificate_is_superseded() {
    let server = trusting_server().await;
    let user: User = server.operator().user().await;
    let types = json!({ "token_binding_types": ["client-request", "certificate"] });
    let client = server.registrar().application(&by_subject("slotted", &types)).await;
    let [old, new] = [(); 2].map(|()| showing(server, &client, &named("slotted")));
    let before = old.password(&user, &[("tokenBindingId", "tv")]).await.tokens();
    let after = new.refresh(before.refresh_token(), &[]).await.tokens();
    assert_eq!(new.which_active(&[&before.access_token, &after.access_token]).await, [false, true]);
    let shared = new.password(&user, &[("tokenBindingId", "tv")]).await.tokens();
    assert_eq!(shared.access_token, after.access_token, "it is in the slot of the new one");
}

#[tokio::test]
async fn a_client_with_a_secret_stays_with_its_certificate() {
    let server = trusting_server().await;
    let user = server.operator().user().await;
    let settings = json!({
        "grant_types": ["password", "refresh_token"],
        "token_binding_types": ["certificate"],
    });
    let client = server.registrar().application(&settings).await;
    let before = showing(server, &client, &named("app")).password(&user, &[]).await.tokens();
    let other = showing(server, &client, &named("app"));
    let _ = other.refresh(before.refresh_token(), &[]).await.refused(400, "invalid_grant");
}
