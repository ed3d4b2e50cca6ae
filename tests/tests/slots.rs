//! The slots of `client-request`: one live access token each.

use std::collections::HashSet;

use serde_json::json;
use tokenbind_tests::{Client, Server, Tokens, eventually};
use tokio::task::JoinSet;

/// Sends this many requests at once over several connections and collects the answers.
async fn at_once(
    server: &Server,
    client: &Client,
    requests: usize,
    id: &'static str,
) -> Vec<Tokens> {
    let connections: Vec<_> = (0..4).map(|_| client.over(server.http())).collect();
    let mut asking = JoinSet::new();
    for number in 0..requests {
        let client = connections[number % connections.len()].clone();
        asking.spawn(async move { client.own_token(Some(id)).await });
    }
    asking.join_all().await
}

#[tokio::test]
async fn a_hundred_parallel_requests_to_one_opaque_slot_get_one_token() {
    let server = Server::shared().await;
    let client = server.registrar().slotted("opaque").await;
    let tokens = at_once(server, &client, 100, "tv").await;
    let distinct: HashSet<_> = tokens.iter().map(|tokens| &tokens.access_token).collect();
    assert_eq!((tokens.len(), distinct.len()), (100, 1));
    assert!(client.is_active(&tokens[0].access_token).await);
}

#[tokio::test]
async fn a_hundred_parallel_requests_to_one_jwt_slot_leave_exactly_one_alive() {
    let server = Server::shared().await;
    let client = server.registrar().slotted("jwt").await;
    let untouched = client.own_token(Some("phone")).await;
    let tokens = at_once(server, &client, 100, "tv").await;
    let distinct: HashSet<_> = tokens.iter().map(|tokens| &*tokens.access_token).collect();
    assert_eq!(distinct.len(), 100);
    let active = client.which_active(&distinct.into_iter().collect::<Vec<_>>()).await;
    assert_eq!(active.into_iter().filter(|active| *active).count(), 1);
    assert!(client.is_active(&untouched.access_token).await);
}

#[tokio::test]
async fn parallel_logins_to_one_slot_share_the_token_and_the_refresh_token() {
    let server = Server::shared().await;
    let client = server.registrar().slotted("opaque").await;
    let user = server.operator().user().await;
    let mut asking = JoinSet::new();
    for _ in 0..8 {
        let (client, user) = (client.clone(), user.clone());
        asking.spawn(async move { client.password(&user, &[]).await.tokens() });
    }
    let pairs: HashSet<_> = asking
        .join_all()
        .await
        .into_iter()
        .map(|tokens| (tokens.access_token, tokens.refresh_token))
        .collect();
    assert_eq!(pairs.len(), 1, "{pairs:?}");
}

#[tokio::test]
async fn the_grants_current_refresh_token_comes_with_every_token_of_the_slot() {
    let server = Server::shared().await;
    let user = server.operator().user().await;
    let settings = json!({ "refresh_token_rotation": true });
    for format in ["opaque", "jwt"] {
        let client = server.registrar().with_slots(format, &settings).await;
        let first = client.password(&user, &[]).await.tokens();
        let refreshed = client.refresh(first.refresh_token(), &[]).await.tokens();
        assert_ne!(refreshed.refresh_token, first.refresh_token);
        let again = client.password(&user, &[]).await.tokens();
        assert_eq!(again.access_token == refreshed.access_token, format == "opaque");
        assert_eq!(again.refresh_token, refreshed.refresh_token, "{format}");
    }
}

#[tokio::test]
async fn two_users_and_two_applications_have_slots_of_their_own() {
    let server = Server::shared().await;
    let (registrar, operator) = (server.registrar(), server.operator());
    let (one, other) = (registrar.slotted("jwt").await, registrar.slotted("jwt").await);
    let (alice, bob) = (operator.user().await, operator.user().await);
    let id = [("tokenBindingId", "tv")];
    let kept = [
        one.password(&alice, &id).await.tokens(),
        one.password(&bob, &id).await.tokens(),
        one.client_credentials(&id).await.tokens(),
    ];
    let foreign = other.password(&alice, &id).await.tokens();
    for tokens in kept {
        assert!(one.is_active(&tokens.access_token).await);
    }
    assert!(other.is_active(&foreign.access_token).await);
}

#[tokio::test]
async fn each_scope_has_a_slot_of_its_own_whatever_its_order() {
    let server = Server::shared().await;
    let client = server.registrar().slotted("opaque").await;
    let wide = client.client_credentials(&[("scope", "profile email")]).await.tokens();
    let turned = client.client_credentials(&[("scope", "email profile")]).await.tokens();
    let narrow = client.client_credentials(&[("scope", "email")]).await.tokens();
    assert_eq!(wide.access_token, turned.access_token);
    assert_ne!(wide.access_token, narrow.access_token);
    assert_eq!(narrow.scope.as_deref(), Some("email"));
    assert!(client.is_active(&wide.access_token).await);
}

#[tokio::test]
async fn expires_in_counts_down_while_the_token_stays_the_same() {
    let server = Server::shared().await;
    let client = server.registrar().slotted("opaque").await;
    let first = client.own_token(None).await;
    assert!((3598..=3600).contains(&first.expires_in), "{}", first.expires_in);
    let later = eventually("expires_in counts down", async || {
        let again = client.own_token(None).await;
        assert_eq!(again.access_token, first.access_token);
        assert!(again.expires_in <= first.expires_in);
        (again.expires_in < first.expires_in).then_some(again)
    })
    .await;
    let told = client.introspect(&later.access_token).await;
    let lifetime = told["exp"].as_u64().zip(told["iat"].as_u64()).map(|(exp, iat)| exp - iat);
    assert_eq!(lifetime, Some(3600), "the life of the token itself does not change");
}

#[tokio::test]
async fn a_token_that_expired_is_followed_by_a_new_one() {
    let server = Server::shared().await;
    let user = server.operator().user().await;
    let settings = json!({ "user_access_token_lifetime": 2 });
    let client = server.registrar().with_slots("opaque", &settings).await;
    let first = client.password(&user, &[]).await.tokens();
    assert!(first.expires_in <= 2);
    eventually("the token expires", async || {
        (!client.is_active(&first.access_token).await).then_some(())
    })
    .await;
    let second = client.password(&user, &[]).await.tokens();
    assert_ne!(second.access_token, first.access_token);
    assert!((1..=2).contains(&second.expires_in));
    assert_eq!(second.refresh_token, first.refresh_token, "the grant lives on");
    assert!(!client.is_active(&first.access_token).await);
}

#[tokio::test]
async fn the_same_token_comes_again_after_a_restart_and_jwts_are_superseded_across_it() {
    let mut server = Server::quickstart().await;
    let user = server.operator().user().await;
    let registrar = server.registrar();
    let (opaque, jwt) = (registrar.slotted("opaque").await, registrar.slotted("jwt").await);
    let kept = opaque.password(&user, &[("tokenBindingId", "tv")]).await.tokens();
    let before = jwt.own_token(Some("tv")).await;

    server.restart().await;
    let (opaque, jwt) = (opaque.over(server.http()), jwt.over(server.http()));
    let again = opaque.password(&user, &[("tokenBindingId", "tv")]).await.tokens();
    assert_eq!(again.access_token, kept.access_token);
    assert_eq!(again.refresh_token, kept.refresh_token);
    assert!(again.expires_in <= kept.expires_in);
    assert!(jwt.is_active(&before.access_token).await);
    let after = jwt.own_token(Some("tv")).await;
    assert!(!jwt.is_active(&before.access_token).await);
    assert!(jwt.is_active(&after.access_token).await);
}

#[tokio::test]
async fn a_refresh_for_less_scope_leaves_the_wider_slot_alone() {
    let server = Server::shared().await;
    let user = server.operator().user().await;
    for format in ["opaque", "jwt"] {
        let client = server.registrar().slotted(format).await;
        let wide = client.password(&user, &[("scope", "profile email")]).await.tokens();
        let narrow = client.refresh(wide.refresh_token(), &[("scope", "email")]).await.tokens();
        assert_eq!(narrow.scope.as_deref(), Some("email"));
        let both = [&*wide.access_token, &*narrow.access_token];
        assert_eq!(client.which_active(&both).await, [true, true], "{format}");

        // The slot of less scope hands out no refresh token for more.
        let login = client.password(&user, &[("scope", "email")]).await.tokens();
        assert_eq!(login.access_token == narrow.access_token, format == "opaque");
        let told = client.introspect(login.refresh_token()).await;
        assert_eq!(told["scope"], "email", "{format}");
        let description = client
            .refresh(login.refresh_token(), &[("scope", "profile")])
            .await
            .refused(400, "invalid_scope");
        assert!(description.contains("profile"), "{description}");
    }
}

#[tokio::test]
async fn an_application_without_client_request_ignores_the_parameter() {
    let server = Server::shared().await;
    let user = server.operator().user().await;
    let long = "x".repeat(300);
    for format in ["opaque", "jwt"] {
        let client = server
            .registrar()
            .application(&json!({
                "grant_types": ["password", "client_credentials", "refresh_token"],
                "access_token_format": format,
            }))
            .await;
        let id = [("tokenBindingId", "tv")];
        let mut tokens = vec![
            client.client_credentials(&id).await.tokens(),
            client.client_credentials(&id).await.tokens(),
            client.client_credentials(&[("tokenBindingId", &long)]).await.tokens(),
            client.password(&user, &id).await.tokens(),
        ];
        let refresh_token = tokens[3].refresh_token().to_owned();
        tokens.push(client.refresh(&refresh_token, &[("tokenBindingId", "other")]).await.tokens());
        let distinct: HashSet<_> = tokens.iter().map(|tokens| &tokens.access_token).collect();
        assert_eq!(distinct.len(), tokens.len(), "{format}: a fresh token for each request");
        for tokens in &tokens {
            let told = client.introspect(&tokens.access_token).await;
            assert_eq!(told["active"], true, "{format}: no request touches another token");
            assert!(told.get("binding_type").is_none() && told.get("binding_ref").is_none());
        }
    }
}

#[tokio::test]
async fn an_id_has_at_most_255_unicode_characters() {
    let server = Server::shared().await;
    let client = server.registrar().slotted("opaque").await;
    for character in ["x", "é", "漢", "🦀"] {
        let longest = character.repeat(255);
        let token = client.own_token(Some(&longest)).await;
        let told = client.introspect(&token.access_token).await;
        assert_eq!(told["binding_ref"], tokenbind_tests::binding_ref(&client.id, &longest));
        let too_long = character.repeat(256);
        let description = client
            .client_credentials(&[("tokenBindingId", &too_long)])
            .await
            .refused(400, "invalid_request");
        assert!(description.contains("255") && description.contains("256"), "{description}");
    }
}

#[tokio::test]
async fn an_id_sent_twice_is_refused() {
    let server = Server::shared().await;
    let client = server.registrar().slotted("jwt").await;
    for ids in [["tv", "tv"], ["tv", "phone"], ["", "tv"]] {
        let fields = ids.map(|id| ("tokenBindingId", id));
        let description = client.client_credentials(&fields).await.refused(400, "invalid_request");
        assert!(description.contains("tokenBindingId"), "{description}");
    }
}

#[tokio::test]
async fn a_blank_id_counts_as_absent() {
    let server = Server::shared().await;
    let client = server.registrar().slotted("opaque").await;
    let unnamed = client.own_token(None).await;
    for blank in ["", " ", "\t\n", "\u{a0}\u{3000}"] {
        let token = client.own_token(Some(blank)).await;
        assert_eq!(token.access_token, unnamed.access_token, "{blank:?}");
    }
    let told = client.introspect(&unnamed.access_token).await;
    assert!(told.get("binding_type").is_none(), "{told}");
}

#[tokio::test]
async fn an_id_is_compared_exactly() {
    let server = Server::shared().await;
    let client = server.registrar().slotted("opaque").await;
    let mut seen = HashSet::new();
    // The last two look alike: one character, and a letter with a combining accent.
    for id in ["tv", "TV", " tv", "tv ", "t\u{200b}v", "tv\0", "\u{e9}", "e\u{301}"] {
        assert!(seen.insert(client.own_token(Some(id)).await.access_token), "{id:?}");
    }
}
