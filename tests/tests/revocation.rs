//! Revocation (RFC 7009).

use tokenbind_tests::{Client, Server, User};

async fn scene(server: &Server, format: &str) -> (Client, User) {
    (server.registrar().slotted(format).await, server.operator().user().await)
}

#[tokio::test]
async fn a_revoked_access_token_ends_alone() {
    let server = Server::shared().await;
    for format in ["opaque", "jwt"] {
        let (client, user) = scene(server, format).await;
        let tv = client.password(&user, &[("tokenBindingId", "tv")]).await.tokens();
        let phone = client.password(&user, &[("tokenBindingId", "phone")]).await.tokens();
        let answer = client.revoke(&tv.access_token).await;
        assert_eq!((answer.status, answer.body.len()), (200, 0));
        let all =
            [&*tv.access_token, tv.refresh_token(), &*phone.access_token, phone.refresh_token()];
        assert_eq!(client.which_active(&all).await, [false, true, true, true], "{format}");
        let fresh = client.refresh(tv.refresh_token(), &[]).await.tokens();
        assert!(client.is_active(&fresh.access_token).await, "the grant lives on");
    }
}

#[tokio::test]
async fn a_revoked_refresh_token_ends_its_grant() {
    let server = Server::shared().await;
    for format in ["opaque", "jwt"] {
        let (client, user) = scene(server, format).await;
        let tv = client.password(&user, &[("tokenBindingId", "tv")]).await.tokens();
        let phone = client.password(&user, &[("tokenBindingId", "phone")]).await.tokens();
        assert_eq!(client.revoke(tv.refresh_token()).await.status, 200);
        let all =
            [&*tv.access_token, tv.refresh_token(), &*phone.access_token, phone.refresh_token()];
        assert_eq!(client.which_active(&all).await, [false, false, true, true], "{format}");
        let _ = client.refresh(tv.refresh_token(), &[]).await.refused(400, "invalid_grant");
        let again = client.password(&user, &[("tokenBindingId", "tv")]).await.tokens();
        assert_ne!(again.refresh_token, tv.refresh_token);
        assert!(client.is_active(&again.access_token).await, "a new login is a new grant");
    }
}

#[tokio::test]
async fn a_public_client_revokes_its_own_tokens() {
    let server = Server::shared().await;
    let registrar = server.registrar();
    let client = registrar.public("opaque").await;
    let observer = registrar.observer().await;
    let tokens = client.password(&server.operator().user().await, &[]).await.tokens();
    assert_eq!(client.revoke(&tokens.access_token).await.status, 200);
    let both = [&*tokens.access_token, tokens.refresh_token()];
    assert_eq!(observer.which_active(&both).await, [false, true]);
}

#[tokio::test]
async fn rfc7009_section_2_2_an_unknown_token_is_no_error() {
    let server = Server::shared().await;
    let client = server.registrar().slotted("opaque").await;
    let gone = client.own_token(None).await.access_token;
    for token in ["garbage", "tb_at_", "tb_rt_AAAA", "a.b.c", &gone, &gone] {
        assert_eq!(client.revoke(token).await.status, 200, "{token}");
    }
    assert!(!client.is_active(&gone).await);
}

#[tokio::test]
async fn a_wrong_hint_does_not_keep_a_token_alive() {
    let server = Server::shared().await;
    let client = server.registrar().slotted("jwt").await;
    for hint in ["refresh_token", "access_token", "no-such-type"] {
        let token = client.own_token(None).await.access_token;
        let fields = [("token", &*token), ("token_type_hint", hint)];
        assert_eq!(client.post("/oauth2/revoke", &fields).await.status, 200);
        assert!(!client.is_active(&token).await, "{hint}");
    }
}

#[tokio::test]
async fn rfc7009_section_2_1_another_applications_token_is_refused_and_stays_alive() {
    let server = Server::shared().await;
    for format in ["opaque", "jwt"] {
        let (owner, user) = scene(server, format).await;
        let stranger = server.registrar().slotted(format).await;
        let tokens = owner.password(&user, &[]).await.tokens();
        let both = [&*tokens.access_token, tokens.refresh_token()];
        for token in both {
            let _ = stranger.revoke(token).await.refused(400, "invalid_grant");
        }
        assert_eq!(owner.which_active(&both).await, [true, true], "{format}");
    }
}
