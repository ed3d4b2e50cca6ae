//! Polling: what a device is told until its user has answered, and afterwards.

use serde_json::{Value, json};
use tokenbind_tests::{Client, DEVICE_CODE, Device, Server, seconds_pass, unverified_claims};
use tokio::task::JoinSet;

use crate::{browser, confidential, observer, television};

#[tokio::test]
async fn rfc8628_section_3_5_pending_slow_down_and_then_the_tokens() {
    let (client, browser) = (television(json!({})).await, browser().await);
    let device = client.device(&[("scope", "openid email offline_access")]).await;
    let _ = client.poll(&device).await.refused(400, "authorization_pending");
    for _ in 0..2 {
        let description = client.poll(&device).await.refused(400, "slow_down");
        assert!(description.contains("5 seconds longer"), "{description}");
    }
    browser.approve(&device).await;
    let tokens = client.poll(&device).await.tokens();
    assert_eq!(tokens.scope.as_deref(), Some("email offline_access openid"));
    let told = observer().await.introspect(&tokens.access_token).await;
    assert_eq!(
        (&told["sub"], &told["username"]),
        (&json!(browser.user.sub), &json!(browser.user.username))
    );
    let refreshed = client.refresh(tokens.refresh_token(), &[]).await.tokens();
    assert_ne!(refreshed.access_token, tokens.access_token);
}

#[tokio::test]
async fn rfc8628_section_3_5_a_user_who_says_no_is_heard() {
    let (client, browser) = (television(json!({})).await, browser().await);
    let device = client.device(&[]).await;
    let page = browser.device_page(&device).await;
    let page = browser.answer_device(&page, "deny").await;
    assert!(page.html.text.contains("You said no"), "{}", page.html.text);
    for _ in 0..2 {
        let _ = client.poll(&device).await.refused(400, "access_denied");
    }
}

#[tokio::test]
async fn rfc8628_section_3_5_a_code_expires_approved_or_not() {
    let (client, browser) =
        (television(json!({ "device_code_lifetime": 2 })).await, browser().await);
    browser.sign_in().await;
    let (waiting, approved) = (client.device(&[]).await, client.device(&[]).await);
    assert_eq!(waiting.expires_in, 2);
    browser.approve(&approved).await;
    seconds_pass(3).await;
    for device in [&waiting, &approved] {
        let _ = client.poll(device).await.refused(400, "expired_token");
    }
    let page = browser.device_page(&waiting).await;
    assert!(page.html.text.contains("its time is over"), "{}", page.html.text);
}

#[tokio::test]
async fn a_poll_by_another_application_is_refused_and_leaves_the_code_as_it_is() {
    let (client, browser) = (television(json!({})).await, browser().await);
    let (other, device) = (television(json!({})).await, client.device(&[]).await);
    let description = other.poll(&device).await.refused(400, "invalid_grant");
    assert!(description.contains("another application"), "{description}");
    let _ = client.poll(&device).await.refused(400, "authorization_pending");
    browser.approve(&device).await;
    let _ = other.poll(&device).await.refused(400, "invalid_grant");
    let _ = client.poll(&device).await.tokens();
}

#[tokio::test]
async fn what_is_no_device_code_is_refused() {
    let client = television(json!({})).await;
    let device = client.device(&[]).await;
    let (all, last) = device.device_code.split_at(device.device_code.len() - 1);
    let forged = format!("{all}{}", if last == "A" { "B" } else { "A" });
    for code in ["x", "tb_dc_", &device.user_code, &forged] {
        let fields = [("grant_type", DEVICE_CODE), ("device_code", code)];
        let _ = client.token(&fields).await.refused(400, "invalid_grant");
    }
    let _ = client.token(&[("grant_type", DEVICE_CODE)]).await.refused(400, "invalid_request");
    let grant = [("grant_type", "device_code"), ("device_code", &*device.device_code)];
    let _ = client.token(&grant).await.refused(400, "unsupported_grant_type");
}

async fn polls_at_once(client: &Client, device: &Device) -> Vec<Value> {
    let mut polls = JoinSet::new();
    for _ in 0..64 {
        let (client, device) = (client.clone(), device.clone());
        polls.spawn(async move { client.poll(&device).await });
    }
    let answers = polls.join_all().await;
    answers
        .into_iter()
        .map(|answer| {
            assert!([200, 400].contains(&answer.status), "{}", answer.text());
            answer.json()
        })
        .collect()
}

#[tokio::test]
async fn of_64_polls_of_an_approved_code_one_gets_a_token_and_nobody_ends_it() {
    for settings in [json!({}), json!({ "token_binding_types": ["device-flow", "client-request"] })]
    {
        let (client, browser) = (confidential(settings).await, browser().await);
        let device = client.device(&[]).await;
        browser.approve(&device).await;
        let answers = polls_at_once(&client, &device).await;
        let (won, lost): (Vec<_>, Vec<_>) =
            answers.iter().partition(|answer| answer["access_token"].is_string());
        assert_eq!((won.len(), lost.len()), (1, 63));
        assert!(lost.iter().all(|answer| answer["error"] == "invalid_grant"), "{lost:?}");
        let both = ["access_token", "refresh_token"].map(|name| won[0][name].as_str().expect(name));
        assert_eq!(client.which_active(&both).await, [true, true]);
    }
}

#[tokio::test]
async fn approve_and_deny_at_once_have_one_outcome() {
    let (client, browser) = (television(json!({})).await, browser().await);
    browser.sign_in().await;
    for _ in 0..4 {
        let device = client.device(&[]).await;
        let page = browser.device_page(&device).await;
        let mut answers = JoinSet::new();
        for number in 0..8 {
            let (browser, page) = (browser.clone(), page.clone());
            let decision = if number % 2 == 0 { "approve" } else { "deny" };
            answers.spawn(async move { browser.answer_device(&page, decision).await });
        }
        let pages = answers.join_all().await;
        let approved = pages.iter().filter(|page| page.html.text.contains("is connected")).count();
        let denied = pages.iter().filter(|page| page.html.text.contains("You said no")).count();
        let late = pages.iter().filter(|page| page.html.text.contains("used already")).count();
        assert_eq!((approved + denied, late), (1, 7), "{pages:?}");
        let answer = client.poll(&device).await;
        if approved == 1 {
            let _ = answer.tokens();
        } else {
            let _ = answer.refused(400, "access_denied");
        }
    }
}

#[tokio::test]
async fn what_an_approval_hangs_from_ends_it() {
    let server = Server::shared().await;
    let client = television(json!({})).await;
    for how in ["logout", "lock", "access removed"] {
        let browser = browser().await;
        let device = client.device(&[]).await;
        browser.approve(&device).await;
        match how {
            "logout" => browser.sign_out().await,
            "lock" => {
                server.operator().json(&["user", "lock", &browser.user.username]).await;
            }
            _ => {
                let _ = client.connected(&browser, &[]).await;
                let page = browser.get("/account").await;
                let form = page.html.form_to("/account/applications/end").expect("a form");
                browser.submit(&page, form, form.buttons.first()).await;
            }
        }
        let _ = client.poll(&device).await.refused(400, "invalid_grant");
    }
}

#[tokio::test]
async fn the_tokens_carry_the_login_as_those_of_a_code_do() {
    let client =
        television(json!({ "access_token_format": "jwt", "revoke_tokens_on_logout": true })).await;
    let browser = browser().await;
    let (_, tokens) = client.connected(&browser, &[("scope", "openid email")]).await;
    let id_token = client.id_token(&tokens).await.claims;
    assert_eq!(id_token["sub"], *browser.user.sub);
    assert_eq!((&id_token["acr"], &id_token["amr"]), (&json!("pwd"), &json!(["pwd"])));
    assert!(id_token["auth_time"].is_u64() && id_token.get("nonce").is_none(), "{id_token:?}");
    let access_token = unverified_claims(&tokens.access_token);
    for name in ["sid", "auth_time", "acr"] {
        assert_eq!(access_token[name], id_token[name], "{name}");
    }
    assert_eq!(client.userinfo(&tokens.access_token).await.expect(200)["sub"], *browser.user.sub);
    let observer = observer().await;
    let both = [&*tokens.access_token, tokens.refresh_token()];
    assert_eq!(observer.which_active(&both).await, [true, true]);
    browser.sign_out().await;
    assert_eq!(observer.which_active(&both).await, [false, false]);
}

#[tokio::test]
async fn tokens_outlive_the_logout_unless_the_application_says_otherwise() {
    let (client, browser) = (television(json!({})).await, browser().await);
    let (_, tokens) = client.connected(&browser, &[]).await;
    browser.sign_out().await;
    let both = [&*tokens.access_token, tokens.refresh_token()];
    assert_eq!(observer().await.which_active(&both).await, [true, true]);
}

#[tokio::test]
async fn an_approval_survives_a_restart_and_a_rotation_of_keys() {
    let mut server = Server::quickstart().await;
    let client = server.registrar().devices(&json!({})).await;
    let browser = server.new_browser().await;
    let (approved, waiting) = (client.device(&[]).await, client.device(&[]).await);
    browser.approve(&approved).await;
    server.operator().json(&["key", "rotate"]).await;
    server.restart().await;
    let client = client.over(server.http());
    let _ = client.poll(&waiting).await.refused(400, "authorization_pending");
    let browser = server.new_browser().await;
    browser.approve(&waiting).await;
    for device in [&approved, &waiting] {
        let _ = client.poll(device).await.tokens();
    }
}
