//! What a document may say, and how it is fetched.

use reqwest::header::RETRY_AFTER;
use serde_json::{Value, json};
use tokenbind_tests::{Client, Published, Publisher, Server};

use crate::{ON, shared};

/// What the user is told where the application cannot be let in.
async fn page_of(server: &Server, client: &Client, status: u16) -> String {
    let browser = server.browser(&server.operator().user().await);
    let page = browser.get(&client.authorization_request(&[]).path()).await;
    page.refused(status).to_owned()
}

/// A document with these members besides or instead is refused, for this reason, at both endpoints.
async fn assert_refused(members: Value, reason: &str) {
    let publisher = Publisher::start().await;
    let server = shared().await;
    let client = publisher.client(server.http(), "/client.json", &members);
    assert_refused_as_published(&client, reason).await;
}

async fn assert_refused_as_published(client: &Client, reason: &str) {
    let text = page_of(shared().await, client, 400).await;
    assert!(text.contains(reason), "{text}");
    let description = client.refresh("tb_rt_x", &[]).await.refused(401, "invalid_client");
    assert!(description.contains(reason), "{description}");
}

#[tokio::test]
async fn cimd_section_4_a_document_of_another_client_is_refused() {
    assert_refused(json!({ "client_id": "https://other.example/c" }), "its client_id must be")
        .await;
    assert_refused(json!({ "client_id": null }), "its client_id must be").await;
}

#[tokio::test]
async fn cimd_section_4_1_shared_secrets_are_refused() {
    for method in ["client_secret_basic", "client_secret_post", "client_secret_jwt"] {
        let members = json!({ "token_endpoint_auth_method": method });
        assert_refused(members, "token_endpoint_auth_method").await;
    }
    assert_refused(json!({ "client_secret": "x" }), "client_secret").await;
}

#[tokio::test]
async fn cimd_section_8_1_redirect_uris_elsewhere_are_refused() {
    let elsewhere = json!({ "redirect_uris": ["https://other.example/cb"] });
    assert_refused(elsewhere, "redirect_uris").await;
    let scheme = json!({ "redirect_uris": ["com.example.app:/cb"] });
    assert_refused(scheme, "redirect_uris").await;
}

#[tokio::test]
async fn cimd_section_8_7_a_document_that_is_too_large_is_refused() {
    assert_refused(json!({ "padding": "x".repeat(5 * 1024) }), "at most 5120 bytes").await;
}

#[tokio::test]
async fn cimd_section_4_what_is_no_json_is_refused() {
    let publisher = Publisher::start().await;
    let client = publisher.client(shared().await.http(), "/client.json", &json!({}));
    let html = Published {
        status: 200,
        content_type: "text/html",
        location: None,
        body: "<h1>Hello</h1>".into(),
    };
    publisher.put("/client.json", html.clone());
    assert_refused_as_published(&client, "application/json").await;
    let client = publisher.client(shared().await.http(), "/array.json", &json!({}));
    publisher.put("/array.json", Published { content_type: "application/json", ..html });
    assert_refused_as_published(&client, "must be a JSON object").await;
}

#[tokio::test]
async fn cimd_section_5_only_status_200_counts_and_no_redirect_is_followed() {
    let publisher = Publisher::start().await;
    let server = shared().await;
    let client = publisher.client(server.http(), "/moved.json", &json!({}));
    let found = publisher.url("/found.json");
    let good = json!({ "client_id": client.id, "redirect_uris": [publisher.url("/callback")] });
    publisher.put("/found.json", Published::json(&good));
    for (path, status) in [("/moved.json", 302), ("/created.json", 201), ("/gone.json", 404)] {
        let client = publisher.client(server.http(), path, &json!({}));
        let location = Some(found.clone());
        publisher.put(path, Published { status, location, ..Published::json(&good) });
        let text = page_of(server, &client, 503).await;
        assert!(text.contains("Not available just now"), "{text}");
        let _ = client.refresh("tb_rt_x", &[]).await.refused(503, "temporarily_unavailable");
        let answer = client.refresh("tb_rt_x", &[]).await;
        assert_eq!(answer.header(&RETRY_AFTER), Some("1"));
    }
    assert_eq!(publisher.asked(), 3, "one call to each, and none to where they lead");
}

#[tokio::test]
async fn cimd_section_3_a_url_that_breaks_a_rule_is_never_called() {
    let publisher = Publisher::start().await;
    let server = shared().await;
    let client = publisher.client(server.http(), "/client.json", &json!({}));
    let origin = publisher.url("");
    for id in [
        origin.clone(),
        format!("{origin}/"),
        format!("{origin}/a/../client.json"),
        format!("{origin}/client.json?x=1"),
        format!("{origin}/client.json#f"),
        client.id.replace("https://", "https://user@"),
        client.id.replace("https://", "http://"),
        client.id.replace("localhost", "LOCALHOST"),
        format!("{origin}/{}", "c".repeat(255)),
    ] {
        let text = page_of(server, &Client { id: id.clone(), ..client.clone() }, 400).await;
        assert!(text.contains("application of this client_id is registered here"), "{id}: {text}");
    }
    assert_eq!(publisher.asked(), 0);
}

#[tokio::test]
async fn cimd_section_8_6_this_machine_is_not_called_unless_the_operator_says_so() {
    let environment = [("TOKENBIND_OUTBOUND__ALLOW_LOOPBACK", "false")];
    let server = Server::serve(ON, &environment).await;
    let publisher = Publisher::start().await;
    let client = publisher.client(server.http(), "/client.json", &json!({}));
    let text = page_of(&server, &client, 503).await;
    assert!(!text.contains("public address"), "nobody learns what the server can reach: {text}");
    assert_eq!(publisher.asked(), 0);
    let (_, log) = server.output();
    assert!(log.contains("is not a public address"), "{log}");
    assert!(log.contains(&client.id), "{log}");
}

#[tokio::test]
async fn strangers_cannot_have_the_server_call_without_end() {
    let server = Server::serve(ON, &[]).await;
    let publisher = Publisher::start().await;
    let known = publisher.client(server.http(), "/known.json", &json!({}));
    let browser = server.new_browser().await;
    let before = browser.authorize(&known, &[]).await;
    let mut refused = 0;
    for number in 0..70 {
        let url = publisher.url(&format!("/{number}"));
        let answer = Client { id: url, ..known.clone() }.refresh("tb_rt_x", &[]).await;
        match answer.status {
            503 => {}
            429 => refused += 1,
            status => panic!("{status}: {}", answer.text()),
        }
    }
    // The known one was a stranger too, once; and some of it comes back meanwhile.
    assert!((1..=11).contains(&refused), "{refused}");
    assert_eq!(publisher.asked(), 1 + 70 - refused);
    let _ = known.redeem(&before).await.tokens();
}

#[tokio::test]
async fn of_64_that_come_at_once_one_has_the_document_fetched() {
    let publisher = Publisher::start().await;
    let server = shared().await;
    let client = publisher.client(server.http(), "/busy.json", &json!({}));
    let asking: Vec<_> = (0..64)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { client.refresh("tb_rt_x", &[]).await })
        })
        .collect();
    for asked in asking {
        let _ = asked.await.expect("an answer").refused(400, "invalid_grant");
    }
    assert_eq!(publisher.asked(), 1);
}

#[tokio::test]
async fn cimd_section_8_4_a_changed_document_counts_for_what_comes_then() {
    let mut server = Server::serve(ON, &[]).await;
    let publisher = Publisher::start().await;
    let client = publisher.client(server.http(), "/client.json", &json!({}));
    let browser = server.new_browser().await;
    let tokens = client.redeem(&browser.authorize(&client, &[]).await).await.tokens();
    let renamed = json!({
        "client_name": "Diary",
        "redirect_uris": [publisher.url("/elsewhere")],
        "token_binding_types": ["sso-session"],
    });
    publisher.describe("/client.json", &renamed);
    let _ = browser.authorize(&client, &[]).await;
    // What the server remembers of documents does not outlive it.
    server.restart().await;
    assert!(page_of(&server, &client, 400).await.contains("redirect_uri"));
    let moved = Client { redirect_uri: Some(publisher.url("/elsewhere")), ..client.clone() };
    let page = browser.open(&moved.authorization_request(&[]).path()).await;
    assert!(page.html.text.contains("Diary of localhost"), "{}", page.html.text);
    let observer = server.registrar().observer().await;
    assert!(observer.is_active(&tokens.access_token).await);
    // In an outage nobody is let in who is not known, but what lives goes on living.
    let gone = Published { status: 500, ..Published::json(&json!({})) };
    publisher.put("/client.json", gone);
    server.restart().await;
    assert!(page_of(&server, &client, 503).await.contains("Not available"));
    let _ = client.userinfo(&tokens.access_token).await.refused(503, "temporarily_unavailable");
    assert!(observer.is_active(&tokens.access_token).await);
}
