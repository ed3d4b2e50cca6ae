//! What was exchanged dies with what it came of.

use serde_json::json;
use tokenbind_tests::{
    Client, DEVICE_CODE, Identity, Login, LogoutReceiver, Server, Signer, eventually,
};

use crate::{FORMATS, exchanged, front, login, service};

/// A login, and what came of it in two exchanges.
struct Family {
    login: Login,
    service: Client,
    tokens: Vec<String>,
}

impl Family {
    /// Of a login with these settings; `holder` is its application where everything is at hand.
    async fn of(server: &Server, login: Login, holder: &Client) -> Self {
        let first = exchanged(&holder.exchange(&login.tokens.access_token, &[]).await);
        let service = service(server, &[&login.client], &json!({})).await;
        let mut tokens = vec![first.access_token];
        // A service of its own kind where it cannot prove what the login is bound to.
        let next = service.exchange(&tokens[0], &[]).await;
        if next.status == 200 {
            tokens.push(exchanged(&next).access_token);
        } else {
            tokens.push(exchanged(&holder.exchange(&tokens[0], &[]).await).access_token);
        }
        Self { login, service, tokens }
    }

    async fn alive(&self, observer: &Client) -> Vec<bool> {
        let tokens: Vec<_> = self.tokens.iter().map(String::as_str).collect();
        observer.which_active(&tokens).await
    }

    /// All of it is dead, and nothing more comes of it.
    async fn assert_dead(&self, observer: &Client, why: &str) {
        assert_eq!(self.alive(observer).await, [false, false], "{why}");
        for token in &self.tokens {
            assert_eq!(self.service.exchange(token, &[]).await.status, 400, "{why}");
        }
    }
}

async fn unbound(server: &Server, format: &str) -> Family {
    let login = login(server, &json!({ "access_token_format": format })).await;
    let client = login.client.clone();
    Family::of(server, login, &client).await
}

#[tokio::test]
async fn the_session_s_end_ends_it_whatever_revoke_tokens_on_logout_says() {
    let server = Server::shared().await;
    let observer = server.registrar().observer().await;
    for format in FORMATS {
        let family = unbound(server, format).await;
        assert_eq!(family.alive(&observer).await, [true, true]);
        family.login.browser.sign_out().await;
        family.assert_dead(&observer, "logout").await;
        let subject = &family.login.tokens.access_token;
        assert!(observer.is_active(subject).await, "as the setting says");
        let refused = family.service.exchange(subject, &[]).await;
        assert!(refused.refused(400, "invalid_request").contains("the login session"));
        let family = unbound(server, format).await;
        server.operator().end(&["session", &family.login.sid().await]).await;
        family.assert_dead(&observer, "the session was ended").await;
    }
}

#[tokio::test]
async fn every_end_of_the_subject_token_ends_it() {
    let server = Server::shared().await;
    let (observer, operator) = (server.registrar().observer().await, server.operator());
    for format in FORMATS {
        for what in ["access token", "grant", "user", "lock", "app"] {
            let family = unbound(server, format).await;
            let Login { client, browser, tokens } = &family.login;
            match what {
                "access token" => drop(client.revoke(&tokens.access_token).await),
                "grant" => drop(client.revoke(tokens.refresh_token()).await),
                "user" => drop(operator.end(&["user", &browser.user.username]).await),
                "lock" => drop(operator.json(&["user", "lock", &browser.user.username]).await),
                _ => drop(operator.end(&["app", &client.id]).await),
            }
            family.assert_dead(&observer, what).await;
        }
    }
}

#[tokio::test]
async fn the_end_of_a_device_a_key_or_a_certificate_ends_what_came_of_it() {
    let server = Server::shared().await;
    let (observer, operator) = (server.registrar().observer().await, server.operator());
    for format in FORMATS {
        for binding in ["client-request", "dpop", "certificate"] {
            let (key, identity) = (Signer::es256(), Identity::self_signed("app"));
            let settings =
                json!({ "access_token_format": format, "token_binding_types": [binding] });
            let client = front(server, &settings).await;
            let client = match binding {
                "dpop" => client.proving(&key),
                "certificate" => client.over(server.http_showing(&identity)),
                _ => client,
            };
            let browser = server.new_browser().await;
            let callback = browser.authorize(&client, &[]).await;
            let answer = client.redeem_with(&callback, &[("tokenBindingId", "tv")]).await;
            let tokens = client.tokens_of(&answer);
            let login = Login { client: client.clone(), browser, tokens };
            // Bound to another instance, key or certificate, where that can be.
            let elsewhere = service(server, &[&client], &json!({})).await;
            let family = if binding == "client-request" {
                let mut family = Family::of(server, login, &elsewhere).await;
                family.service = elsewhere;
                family
            } else {
                Family::of(server, login, &client).await
            };
            assert_eq!(family.alive(&observer).await, [true, true], "{binding}");
            let id = &*client.id;
            let ended = match binding {
                "client-request" => operator.end(&["device", "--client", id, "tv"]).await,
                "dpop" => operator.end(&["key", "--client", id, &key.thumbprint()]).await,
                _ => operator.end(&["certificate", "--client", id, &identity.thumbprint()]).await,
            };
            assert!(ended.is_object(), "{ended}");
            family.assert_dead(&observer, binding).await;
        }
    }
}

#[tokio::test]
async fn a_token_that_needed_its_session_gives_one_that_idles_out_with_it() {
    let server = Server::serve("session.idle = \"3s\"\nsession.absolute = \"1h\"", &[]).await;
    let observer = server.registrar().observer().await;
    let mut families = Vec::new();
    for format in FORMATS {
        let bound =
            json!({ "access_token_format": format, "token_binding_types": ["sso-session"] });
        let login = login(&server, &bound).await;
        let client = login.client.clone();
        families.push(Family::of(&server, login, &client).await);
    }
    let free = unbound(&server, "opaque").await;
    for family in &families {
        eventually("the session idles out", async || {
            let alive = family.alive(&observer).await;
            (alive == [false, false]).then_some(())
        })
        .await;
        family.assert_dead(&observer, "idle").await;
    }
    assert_eq!(free.alive(&observer).await, [true, true], "it never needed the session");
}

#[tokio::test]
async fn an_exchanged_token_is_revoked_alone() {
    let server = Server::shared().await;
    let observer = server.registrar().observer().await;
    for format in FORMATS {
        let family = unbound(server, format).await;
        let client = &family.login.client;
        assert_eq!(family.service.revoke(&family.tokens[1]).await.status, 200);
        assert_eq!(family.alive(&observer).await, [true, false]);
        assert_eq!(client.revoke(&family.tokens[0]).await.status, 200);
        assert_eq!(family.alive(&observer).await, [false, false]);
        family.login.assert_alive(&observer).await;
    }
}

#[tokio::test]
async fn a_logout_is_told_to_those_that_the_user_came_to_and_to_no_service() {
    let server = Server::serve("", &[]).await;
    let (told, untold) = (LogoutReceiver::start().await, LogoutReceiver::start().await);
    let listening = |receiver: &LogoutReceiver| json!({ "backchannel_logout_uri": receiver.uri() });
    let login = login(&server, &listening(&told)).await;
    let service = service(&server, &[&login.client], &listening(&untold)).await;
    let tokens = exchanged(&service.exchange(&login.tokens.access_token, &[]).await);
    let page = login.browser.get("/account").await.answer.text();
    assert!(page.contains(&service.id), "it is among the user's applications");
    login.browser.sign_out().await;
    assert_eq!(told.receives(1).await.len(), 1);
    assert!(untold.received().is_empty());
    assert!(!service.is_active(&tokens.access_token).await);
}

#[tokio::test]
async fn the_end_of_a_connected_device_ends_what_came_of_its_tokens_alone() {
    let server = Server::shared().await;
    let (observer, operator) = (server.registrar().observer().await, server.operator());
    for format in FORMATS {
        let client = server
            .registrar()
            .devices(&json!({
                "access_token_format": format,
                "token_binding_types": ["device-flow"],
                "token_endpoint_auth_method": "client_secret_basic",
                "grant_types": [DEVICE_CODE, "refresh_token"],
            }))
            .await;
        let service = service(server, &[&client], &json!({})).await;
        let browser = server.new_browser().await;
        let (device, tokens) = client.connected(&browser, &[]).await;
        let (_, others) = client.connected(&browser, &[]).await;
        let own = exchanged(&service.exchange(&tokens.access_token, &[]).await);
        let other = exchanged(&service.exchange(&others.access_token, &[]).await);
        let both = [&*own.access_token, &*other.access_token];
        assert_eq!(observer.which_active(&both).await, [true, true]);
        operator.end(&["device-code", "--client", &client.id, &device.device_code]).await;
        assert_eq!(observer.which_active(&both).await, [false, true]);
        assert_eq!(service.exchange(&tokens.access_token, &[]).await.status, 400);
    }
}
