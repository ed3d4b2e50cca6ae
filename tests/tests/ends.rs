//! Ends: what an operator ends is dead at once, everything that hangs from it and nothing else.

use serde_json::json;
use tokenbind_tests::{Client, Operator, Server, Tokens, User, unverified_claims};

/// Two users on two devices with one application, the application itself, and another application.
struct Scene {
    operator: Operator,
    observer: Client,
    client: Client,
    alice: User,
    bob: User,
    alice_tv: Tokens,
    alice_phone: Tokens,
    bob_tv: Tokens,
    own: Tokens,
    elsewhere: Tokens,
}

impl Scene {
    async fn set(server: &Server, format: &str) -> Self {
        let (registrar, operator) = (server.registrar(), server.operator());
        let client = registrar.slotted(format).await;
        let other = registrar.slotted(format).await;
        let (alice, bob) = (operator.user().await, operator.user().await);
        let (tv, phone) = ([("tokenBindingId", "tv")], [("tokenBindingId", "phone")]);
        Self {
            observer: registrar.observer().await,
            alice_tv: client.password(&alice, &tv).await.tokens(),
            alice_phone: client.password(&alice, &phone).await.tokens(),
            bob_tv: client.password(&bob, &tv).await.tokens(),
            own: client.own_token(None).await,
            elsewhere: other.password(&alice, &tv).await.tokens(),
            operator,
            client,
            alice,
            bob,
        }
    }

    /// Which access tokens are alive: alice on tv and phone, bob on tv, the application's own, and
    /// alice with the other application. A refresh token lives and dies with its access token here.
    async fn alive(&self) -> [bool; 5] {
        let all = [&self.alice_tv, &self.alice_phone, &self.bob_tv, &self.own, &self.elsewhere];
        let mut alive = [false; 5];
        for (tokens, alive) in all.into_iter().zip(&mut alive) {
            *alive = self.observer.is_active(&tokens.access_token).await;
            if let Some(refresh_token) = &tokens.refresh_token {
                assert_eq!(self.observer.is_active(refresh_token).await, *alive);
            }
        }
        alive
    }
}

#[tokio::test]
async fn the_end_of_a_user_ends_all_that_speaks_for_the_user() {
    let server = Server::shared().await;
    for format in ["opaque", "jwt"] {
        let scene = Scene::set(server, format).await;
        assert_eq!(scene.alive().await, [true; 5]);
        let ended = scene.operator.end(&["user", &scene.alice.username]).await;
        assert_eq!(ended["ended"], "user");
        assert_eq!(scene.alive().await, [false, false, true, true, false], "{format}");
        let fresh = scene.client.password(&scene.alice, &[]).await.tokens();
        assert!(scene.client.is_active(&fresh.access_token).await, "issued after the end");
    }
}

#[tokio::test]
async fn the_end_of_an_application_ends_all_that_it_holds() {
    let server = Server::shared().await;
    for format in ["opaque", "jwt"] {
        let scene = Scene::set(server, format).await;
        let ended = scene.operator.end(&["app", &scene.client.id]).await;
        assert_eq!(ended["ended"], "app");
        assert_eq!(scene.alive().await, [false, false, false, false, true], "{format}");
        let fresh = scene.client.own_token(None).await;
        assert!(scene.client.is_active(&fresh.access_token).await, "issued after the end");
    }
}

#[tokio::test]
async fn the_end_of_a_device_ends_all_that_it_holds_with_that_application() {
    let server = Server::shared().await;
    for format in ["opaque", "jwt"] {
        let scene = Scene::set(server, format).await;
        let ended = scene.operator.end(&["device", "--client", &scene.client.id, "tv"]).await;
        assert_eq!(ended["ended"], "device");
        assert_eq!(scene.alive().await, [false, true, false, true, true], "{format}");
        let id = [("tokenBindingId", "tv")];
        let fresh = scene.client.password(&scene.bob, &id).await.tokens();
        assert_ne!(fresh.access_token, scene.bob_tv.access_token);
        assert!(scene.client.is_active(&fresh.access_token).await, "issued after the end");
        let answer = scene.client.refresh(scene.alice_tv.refresh_token(), &[]).await;
        let _ = answer.refused(400, "invalid_grant");
    }
}

#[tokio::test]
async fn the_end_of_a_grant_ends_its_access_tokens() {
    let server = Server::shared().await;
    for format in ["opaque", "jwt"] {
        let scene = Scene::set(server, format).await;
        let ended = scene.operator.end(&["grant", scene.alice_tv.refresh_token()]).await;
        assert_eq!(ended["ended"], "grant");
        assert_eq!(scene.alive().await, [false, true, true, true, true], "{format}");
        let told = scene.observer.introspect(&scene.bob_tv.access_token).await;
        let grant_id = told["grant_id"].as_str().expect("grant_id");
        scene.operator.end(&["grant", grant_id]).await;
        assert_eq!(scene.alive().await, [false, true, false, true, true], "{format}");
    }
}

#[tokio::test]
async fn the_end_of_a_token_ends_that_token_alone() {
    let server = Server::shared().await;
    for format in ["opaque", "jwt"] {
        let scene = Scene::set(server, format).await;
        let ended = scene.operator.end(&["token", &scene.own.access_token]).await;
        assert_eq!(ended["ended"], "token");
        assert_eq!(scene.alive().await, [true, true, true, false, true], "{format}");
        let told = scene.observer.introspect(&scene.bob_tv.access_token).await;
        let jti = told["jti"].as_str().expect("jti");
        scene.operator.end(&["token", jti]).await;
        assert!(!scene.observer.is_active(&scene.bob_tv.access_token).await);
        let refreshed = scene.client.refresh(scene.bob_tv.refresh_token(), &[]).await.tokens();
        assert!(scene.observer.is_active(&refreshed.access_token).await, "the grant lives on");
    }
}

#[tokio::test]
async fn an_end_is_on_one_side_and_what_is_issued_right_after_it_on_the_other() {
    let server = Server::shared().await;
    for format in ["opaque", "jwt"] {
        let client = server.registrar().slotted(format).await;
        let mut before = client.own_token(Some("tv")).await;
        // Many times within one second: seconds alone could not tell them apart.
        for _ in 0..20 {
            server.operator().end(&["device", "--client", &client.id, "tv"]).await;
            let after = client.own_token(Some("tv")).await;
            let both = [&*before.access_token, &*after.access_token];
            assert_eq!(client.which_active(&both).await, [false, true], "{format}");
            before = after;
        }
    }
}

#[tokio::test]
async fn a_locked_user_is_out_and_comes_back_without_the_old_tokens() {
    let server = Server::shared().await;
    let scene = Scene::set(server, "jwt").await;
    let name = &*scene.alice.username;
    assert_eq!(scene.operator.json(&["user", "lock", name]).await, json!({ "locked": name }));
    assert_eq!(scene.alive().await, [false, false, true, true, false]);
    let description = scene.client.password(&scene.alice, &[]).await.refused(400, "invalid_grant");
    assert!(description.contains("locked"), "{description}");
    let answer = scene.client.refresh(scene.alice_tv.refresh_token(), &[]).await;
    let _ = answer.refused(400, "invalid_grant");

    assert_eq!(scene.operator.json(&["user", "unlock", name]).await, json!({ "unlocked": name }));
    assert_eq!(scene.alive().await, [false, false, true, true, false], "ended stays ended");
    let fresh = scene.client.password(&scene.alice, &[]).await.tokens();
    assert!(scene.client.is_active(&fresh.access_token).await);
}

#[tokio::test]
async fn whether_a_user_is_locked_is_told_only_to_who_knows_the_password() {
    let server = Server::shared().await;
    let client = server.registrar().slotted("opaque").await;
    let user = server.operator().user().await;
    server.operator().json(&["user", "lock", &user.username]).await;
    let stranger = User { password: "wrong".into(), ..user };
    let description = client.password(&stranger, &[]).await.refused(400, "invalid_grant");
    assert!(!description.contains("locked"), "{description}");
}

#[tokio::test]
async fn a_deleted_user_is_gone_and_a_namesake_inherits_nothing() {
    let server = Server::shared().await;
    let scene = Scene::set(server, "opaque").await;
    let User { username, password, sub } = &scene.alice;
    scene.operator.json(&["user", "delete", username]).await;
    assert_eq!(scene.alive().await, [false, false, true, true, false]);
    let _ = scene.client.password(&scene.alice, &[]).await.refused(400, "invalid_grant");

    let add = ["user", "add", username, "--password-stdin"];
    let namesake = scene.operator.json_with(&add, password).await;
    assert_ne!(namesake["sub"], **sub);
    assert_eq!(scene.alive().await, [false, false, true, true, false]);
    let id = [("tokenBindingId", "tv")];
    let fresh = scene.client.password(&scene.alice, &id).await.tokens();
    assert_ne!(fresh.access_token, scene.alice_tv.access_token);
    assert_eq!(scene.observer.introspect(&fresh.access_token).await["sub"], namesake["sub"]);
}

#[tokio::test]
async fn a_new_password_ends_the_users_tokens_and_the_old_password() {
    let server = Server::shared().await;
    let scene = Scene::set(server, "jwt").await;
    let set = ["user", "set-password", &scene.alice.username, "--password-stdin"];
    // The newline that ends a line is no part of the password.
    scene.operator.json_with(&set, "new password\n").await;
    assert_eq!(scene.alive().await, [false, false, true, true, false]);
    let _ = scene.client.password(&scene.alice, &[]).await.refused(400, "invalid_grant");
    let changed = User { password: "new password".into(), ..scene.alice.clone() };
    let fresh = scene.client.password(&changed, &[]).await.tokens();
    assert!(scene.client.is_active(&fresh.access_token).await);
}

#[tokio::test]
async fn a_deleted_application_is_gone_and_a_namesake_inherits_nothing() {
    let server = Server::shared().await;
    let scene = Scene::set(server, "opaque").await;
    scene.operator.json(&["app", "delete", &scene.client.id]).await;
    assert_eq!(scene.alive().await, [false, false, false, false, true]);
    let _ = scene.client.client_credentials(&[]).await.refused(401, "invalid_client");

    let again = ["app", "add", "--client-id", &scene.client.id];
    scene.operator.json(&again).await;
    assert_eq!(scene.alive().await, [false, false, false, false, true]);
    let _ = scene.client.client_credentials(&[]).await.refused(401, "invalid_client");
}

#[tokio::test]
async fn a_slot_shares_no_token_that_was_ended() {
    let server = Server::shared().await;
    let client = server.registrar().slotted("opaque").await;
    let first = client.own_token(None).await;
    assert_eq!(client.revoke(&first.access_token).await.status, 200);
    let second = client.own_token(None).await;
    assert_ne!(second.access_token, first.access_token);
    server.operator().end(&["app", &client.id]).await;
    let third = client.own_token(None).await;
    assert_ne!(third.access_token, second.access_token);
    let all = [&*first.access_token, &*second.access_token, &*third.access_token];
    assert_eq!(client.which_active(&all).await, [false, false, true]);
}

#[tokio::test]
async fn ends_made_while_the_server_does_not_run_hold_when_it_runs_again() {
    let mut server = Server::quickstart().await;
    let mut scenes = Vec::new();
    for format in ["opaque", "jwt", "opaque", "jwt", "opaque", "jwt", "jwt"] {
        scenes.push(Scene::set(&server, format).await);
    }
    let observer = server.registrar().observer().await;
    let jti = unverified_claims(&scenes[1].own.access_token)["jti"].as_str().map(str::to_owned);
    let jti = jti.expect("jti");
    server.stop().await;

    let operator = server.operator();
    operator.end(&["user", &scenes[0].alice.username]).await;
    operator.end(&["token", &jti]).await;
    operator.end(&["app", &scenes[2].client.id]).await;
    operator.end(&["device", "--client", &scenes[3].client.id, "tv"]).await;
    operator.end(&["grant", scenes[4].alice_tv.refresh_token()]).await;
    operator.json(&["user", "lock", &scenes[5].alice.username]).await;
    operator.json(&["app", "delete", &scenes[6].client.id]).await;

    server.restart().await;
    let expected = [
        [false, false, true, true, false],
        [true, true, true, false, true],
        [false, false, false, false, true],
        [false, true, false, true, true],
        [false, true, true, true, true],
        [false, false, true, true, false],
        [false, false, false, false, true],
    ];
    let observer = observer.over(server.http());
    for (number, (scene, expected)) in scenes.iter_mut().zip(expected).enumerate() {
        scene.observer = observer.clone();
        assert_eq!(scene.alive().await, expected, "scene {number}");
    }
    let after = scenes[2].client.over(server.http()).own_token(None).await;
    assert!(observer.is_active(&after.access_token).await, "issued after the end");
}

#[tokio::test]
async fn what_is_not_there_cannot_be_ended() {
    let server = Server::shared().await;
    let operator = server.operator();
    for (arguments, named) in [
        (&["end", "user", "nobody-here"][..], "nobody-here"),
        (&["end", "app", "no-such-app"], "no-such-app"),
        (&["end", "device", "--client", "no-such-app", "tv"], "no-such-app"),
        (&["end", "token", "garbage"], "jti"),
        (&["end", "grant", "garbage"], "grant_id"),
        (&["end", "device", "--client", "quickstart-jwt", " "], "blank"),
        (&["user", "lock", "nobody-here"], "nobody-here"),
        (&["user", "delete", "nobody-here"], "nobody-here"),
        (&["app", "delete", "no-such-app"], "no-such-app"),
    ] {
        let complaint = operator.refused(arguments, "").await;
        assert!(complaint.contains(named), "{arguments:?}: {complaint}");
    }
}
