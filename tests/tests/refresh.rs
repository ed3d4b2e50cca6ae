//! Refresh tokens: rotation, a lost reply, reuse, and what a refresh can never do.

use std::collections::HashSet;

use serde_json::{Value, json};
use tokenbind_tests::{Client, Server, Tokens, User, binding_ref, eventually};
use tokio::task::JoinSet;

async fn user(server: &Server) -> User {
    server.operator().user().await
}

#[tokio::test]
async fn each_use_gives_a_public_client_a_successor() {
    let server = Server::shared().await;
    let observer = server.registrar().observer().await;
    for format in ["opaque", "jwt"] {
        let client = server.registrar().public(format).await;
        let mut tokens = client.password(&user(server).await, &[]).await.tokens();
        let mut seen = HashSet::from([tokens.refresh_token().to_owned()]);
        for _ in 0..3 {
            let spent = tokens.refresh_token().to_owned();
            tokens = client.refresh(&spent, &[]).await.tokens();
            assert!(seen.insert(tokens.refresh_token().to_owned()), "a new one each time");
            let both = [&*spent, tokens.refresh_token()];
            assert_eq!(observer.which_active(&both).await, [false, true]);
        }
    }
}

#[tokio::test]
async fn a_confidential_client_keeps_its_refresh_token_unless_it_asks_for_rotation() {
    let server = Server::shared().await;
    let (client, user) = (server.registrar().slotted("jwt").await, user(server).await);
    let first = client.password(&user, &[]).await.tokens();
    for _ in 0..3 {
        let next = client.refresh(first.refresh_token(), &[]).await.tokens();
        assert_eq!(next.refresh_token, first.refresh_token);
        assert!(client.is_active(&next.access_token).await);
    }
}

#[tokio::test]
async fn a_lost_reply_gets_the_same_successor_again() {
    let server = Server::shared().await;
    let client = server.registrar().public("opaque").await;
    let first = client.password(&user(server).await, &[]).await.tokens();
    let lost = client.refresh(first.refresh_token(), &[]).await.tokens();
    let again = client.refresh(first.refresh_token(), &[]).await.tokens();
    assert_eq!(again.refresh_token, lost.refresh_token);
    let next = client.refresh(again.refresh_token(), &[]).await.tokens();
    assert_ne!(next.refresh_token, again.refresh_token);
}

#[tokio::test]
async fn parallel_uses_of_one_refresh_token_all_get_one_successor() {
    let server = Server::shared().await;
    let (client, observer) =
        (server.registrar().public("jwt").await, server.registrar().observer().await);
    let first = client.password(&user(server).await, &[]).await.tokens();
    let mut refreshing = JoinSet::new();
    for _ in 0..20 {
        let (client, token) = (client.clone(), first.refresh_token().to_owned());
        refreshing.spawn(async move { client.refresh(&token, &[]).await.tokens() });
    }
    let answers = refreshing.join_all().await;
    let successors: HashSet<_> = answers.iter().map(Tokens::refresh_token).collect();
    assert_eq!(successors.len(), 1);
    for tokens in &answers {
        assert!(observer.is_active(&tokens.access_token).await);
    }
}

/// Everything of a grant is dead once a spent token was shown.
async fn assert_reuse_ends(client: &Client, observer: &Client, spent: &str, others: &[&str]) {
    let description = client.refresh(spent, &[]).await.refused(400, "invalid_grant");
    assert!(description.contains("used before"), "{description}");
    for token in others.iter().chain([&spent]) {
        assert!(!observer.is_active(token).await, "the whole grant is dead");
    }
}

#[tokio::test]
async fn the_old_token_after_its_successor_was_used_ends_the_grant() {
    let server = Server::shared().await;
    let observer = server.registrar().observer().await;
    for format in ["opaque", "jwt"] {
        let (client, user) = (server.registrar().public(format).await, user(server).await);
        let bystander = client.password(&user, &[]).await.tokens();
        let first = client.password(&user, &[]).await.tokens();
        let second = client.refresh(first.refresh_token(), &[]).await.tokens();
        let third = client.refresh(second.refresh_token(), &[]).await.tokens();
        let all = [
            &*first.access_token,
            &*second.access_token,
            &*third.access_token,
            third.refresh_token(),
        ];
        assert_eq!(observer.which_active(&all).await, [true; 4]);
        assert_reuse_ends(&client, &observer, first.refresh_token(), &all).await;
        let refused = client.refresh(third.refresh_token(), &[]).await;
        let _ = refused.refused(400, "invalid_grant");
        let untouched = [&*bystander.access_token, bystander.refresh_token()];
        assert_eq!(observer.which_active(&untouched).await, [true, true], "another login's grant");
    }
}

#[tokio::test]
async fn a_token_of_long_ago_ends_the_grant() {
    let server = Server::shared().await;
    let (client, observer) =
        (server.registrar().public("jwt").await, server.registrar().observer().await);
    let first = client.password(&user(server).await, &[]).await.tokens();
    let second = client.refresh(first.refresh_token(), &[]).await.tokens();
    let third = client.refresh(second.refresh_token(), &[]).await.tokens();
    let fourth = client.refresh(third.refresh_token(), &[]).await.tokens();
    let all = [&*fourth.access_token, fourth.refresh_token()];
    assert_reuse_ends(&client, &observer, first.refresh_token(), &all).await;
}

#[tokio::test]
async fn without_a_grace_every_reuse_ends_the_grant() {
    let grace = [("TOKENBIND_TOKENS__REFRESH_TOKEN_REUSE_GRACE", "0s")];
    let server = Server::serve("", &grace).await;
    let (client, observer) =
        (server.registrar().public("opaque").await, server.registrar().observer().await);
    let first = client.password(&user(&server).await, &[]).await.tokens();
    let second = client.refresh(first.refresh_token(), &[]).await.tokens();
    let all = [&*second.access_token, second.refresh_token()];
    assert_reuse_ends(&client, &observer, first.refresh_token(), &all).await;
}

#[tokio::test]
async fn the_grace_ends_after_as_long_as_is_configured() {
    let server = Server::serve("tokens.refresh_token_reuse_grace = \"1s\"", &[]).await;
    let client = server.registrar().public("opaque").await;
    let first = client.password(&user(&server).await, &[]).await.tokens();
    let _ = client.refresh(first.refresh_token(), &[]).await.tokens();
    let refused = eventually("the grace ends", async || {
        let answer = client.refresh(first.refresh_token(), &[]).await;
        (answer.status != 200).then_some(answer)
    })
    .await;
    let _ = refused.refused(400, "invalid_grant");
}

#[tokio::test]
async fn rfc6749_section_6_another_applications_refresh_token_is_refused_and_stays_good() {
    let server = Server::shared().await;
    let registrar = server.registrar();
    let (owner, thief) = (registrar.slotted("opaque").await, registrar.slotted("opaque").await);
    let public = server.registrar().public("opaque").await;
    let tokens = owner.password(&user(server).await, &[]).await.tokens();
    for client in [&thief, &public] {
        let answer = client.refresh(tokens.refresh_token(), &[]).await;
        let description = answer.refused(400, "invalid_grant");
        assert!(description.contains("another application"), "{description}");
    }
    let _ = owner.refresh(tokens.refresh_token(), &[]).await.tokens();
}

#[tokio::test]
async fn a_different_token_binding_id_is_refused_and_none_keeps_the_binding() {
    let server = Server::shared().await;
    let user = user(server).await;
    for format in ["opaque", "jwt"] {
        let client = server.registrar().slotted(format).await;
        let tokens = client.password(&user, &[("tokenBindingId", "tv")]).await.tokens();
        let description = client
            .refresh(tokens.refresh_token(), &[("tokenBindingId", "phone")])
            .await
            .refused(400, "invalid_grant");
        assert!(!description.contains("phone") && !description.contains("tv"), "{description}");
        assert!(client.is_active(&tokens.access_token).await, "nothing ended by the refusal");
        for shown in [&[][..], &[("tokenBindingId", "")], &[("tokenBindingId", "tv")]] {
            let fresh = client.refresh(tokens.refresh_token(), shown).await.tokens();
            let told = client.introspect(&fresh.access_token).await;
            assert_eq!(told["binding_ref"], binding_ref(&client.id, "tv"), "{shown:?}");
        }
    }
}

#[tokio::test]
async fn a_refresh_never_gains_a_binding() {
    let server = Server::shared().await;
    let client = server.registrar().slotted("opaque").await;
    let tokens = client.password(&user(server).await, &[]).await.tokens();
    let answer = client.refresh(tokens.refresh_token(), &[("tokenBindingId", "tv")]).await;
    if answer.status == 200 {
        let told = client.introspect(&answer.tokens().access_token).await;
        assert!(told.get("binding_type").is_none(), "{told}");
    } else {
        let _ = answer.refused(400, "invalid_grant");
    }
}

#[tokio::test]
async fn changed_settings_do_not_remove_the_check_of_a_live_grant() {
    let server = Server::shared().await;
    let client = server.registrar().slotted("opaque").await;
    let tokens = client.password(&user(server).await, &[("tokenBindingId", "tv")]).await.tokens();
    let unset = ["app", "update", &client.id, "--set", "token_binding_types=[]"];
    let settings = server.operator().json(&unset).await;
    assert_eq!(settings["token_binding_types"], json!([]));
    let shown = [("tokenBindingId", "phone")];
    let _ = client.refresh(tokens.refresh_token(), &shown).await.refused(400, "invalid_grant");
    let fresh = client.refresh(tokens.refresh_token(), &[]).await.tokens();
    let told = client.introspect(&fresh.access_token).await;
    assert_eq!(told["binding_ref"], binding_ref(&client.id, "tv"));
}

#[tokio::test]
async fn rfc6749_section_6_the_scope_can_shrink_but_never_grow() {
    let server = Server::shared().await;
    let client = server.registrar().public("jwt").await;
    let tokens = client.password(&user(server).await, &[("scope", "profile email")]).await.tokens();
    let narrow = client.refresh(tokens.refresh_token(), &[("scope", "email")]).await.tokens();
    assert_eq!(narrow.scope.as_deref(), Some("email"));
    let wider = [("scope", "profile email offline_access")];
    let description =
        client.refresh(narrow.refresh_token(), &wider).await.refused(400, "invalid_scope");
    assert!(description.contains("offline_access"), "{description}");
    let whole = client.refresh(narrow.refresh_token(), &[]).await.tokens();
    assert_eq!(whole.scope.as_deref(), Some("email profile"), "the scope of the grant");
}

#[tokio::test]
async fn a_revoked_refresh_token_is_refused() {
    let server = Server::shared().await;
    let client = server.registrar().public("opaque").await;
    let tokens = client.password(&user(server).await, &[]).await.tokens();
    assert_eq!(client.revoke(tokens.refresh_token()).await.status, 200);
    let answer = client.refresh(tokens.refresh_token(), &[]).await;
    let description = answer.refused(400, "invalid_grant");
    assert!(description.contains("grant was ended"), "{description}");
}

#[tokio::test]
async fn an_expired_refresh_token_is_refused_and_inactive() {
    let server = Server::shared().await;
    let user = user(server).await;
    for rotation in [true, false] {
        let settings: Value =
            json!({ "refresh_token_lifetime": 1, "refresh_token_rotation": rotation });
        let client = server.registrar().with_slots("opaque", &settings).await;
        let tokens = client.password(&user, &[]).await.tokens();
        eventually("the refresh token expires", async || {
            (!client.is_active(tokens.refresh_token()).await).then_some(())
        })
        .await;
        let answer = client.refresh(tokens.refresh_token(), &[]).await;
        let description = answer.refused(400, "invalid_grant");
        assert!(description.contains("expired"), "{description}");
        assert!(
            client.is_active(&tokens.access_token).await,
            "the access token lives its own life"
        );
        let login = client.password(&user, &[]).await.tokens();
        assert_ne!(login.refresh_token, tokens.refresh_token, "a login gives a live one");
        assert_eq!(login.access_token, tokens.access_token, "and the slot's token again");
    }
}

#[tokio::test]
async fn an_application_without_the_grant_gets_no_refresh_token_and_cannot_use_one() {
    let server = Server::shared().await;
    let user = user(server).await;
    let metadata = json!({ "grant_types": ["password"] });
    let client = server.registrar().application(&metadata).await;
    let tokens = client.password(&user, &[]).await.tokens();
    assert_eq!(tokens.refresh_token, None);
    let foreign = server.registrar().public("opaque").await.password(&user, &[]).await.tokens();
    let answer = client.refresh(foreign.refresh_token(), &[]).await;
    let description = answer.refused(400, "unauthorized_client");
    assert!(description.contains("refresh_token"), "{description}");
}

#[tokio::test]
async fn an_access_token_is_no_refresh_token() {
    let server = Server::shared().await;
    let user = user(server).await;
    for format in ["opaque", "jwt"] {
        let client = server.registrar().public(format).await;
        let tokens = client.password(&user, &[]).await.tokens();
        let _ = client.refresh(&tokens.access_token, &[]).await.refused(400, "invalid_grant");
        let renamed = tokens.access_token.replace("tb_at_", "tb_rt_");
        let _ = client.refresh(&renamed, &[]).await.refused(400, "invalid_grant");
    }
}
