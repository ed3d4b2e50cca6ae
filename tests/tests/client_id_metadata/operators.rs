//! What operators and users decide of such applications.

use serde_json::json;
use tokenbind_tests::{Publisher, Server};

use crate::{ON, calendar, shared};

#[tokio::test]
async fn off_by_default_a_url_is_an_unknown_application_and_nobody_is_called() {
    let server = Server::shared().await;
    let publisher = Publisher::start().await;
    let client = publisher.client(server.http(), "/client.json", &json!({}));
    let browser = server.new_browser().await;
    let page = browser.get(&client.authorization_request(&[]).path()).await;
    assert!(page.refused(400).contains("application of this client_id is registered here"));
    let told = client.refresh("tb_rt_x", &[]).await.refused(401, "invalid_client");
    assert!(told.contains("not known"), "{told}");
    assert_eq!(publisher.asked(), 0);
    let metadata = server.http().get("/.well-known/openid-configuration").await.expect(200);
    assert_eq!(metadata.get("client_id_metadata_document_supported"), None);
}

#[tokio::test]
async fn cimd_section_6_the_metadata_tell_that_documents_count() {
    let path = "/.well-known/oauth-authorization-server";
    let metadata = shared().await.http().get(path).await.expect(200);
    assert_eq!(metadata["client_id_metadata_document_supported"], true);
}

#[tokio::test]
async fn an_operator_names_the_hosts_whose_documents_count() {
    let toml = format!("{ON}\nclients.metadata_document_hosts = [\"app.example\"]");
    let server = Server::serve(&toml, &[]).await;
    let publisher = Publisher::start().await;
    let client = publisher.client(server.http(), "/client.json", &json!({}));
    let _ = client.refresh("tb_rt_x", &[]).await.refused(401, "invalid_client");
    assert_eq!(publisher.asked(), 0);
}

#[tokio::test]
async fn a_stranger_asks_for_no_more_than_the_operator_allows() {
    let publisher = Publisher::start().await;
    let client = calendar(&publisher).await;
    let browser = shared().await.new_browser().await;
    let callback = browser.ask(&client.authorization_request(&[("scope", "openid admin")])).await;
    let _ = callback.refused("invalid_scope");
}

#[tokio::test]
async fn a_user_takes_the_access_back_whatever_became_of_the_document() {
    let mut server = Server::serve(ON, &[]).await;
    let publisher = Publisher::start().await;
    let client = publisher.client(server.http(), "/client.json", &json!({}));
    let browser = server.new_browser().await;
    let tokens = client.redeem(&browser.authorize(&client, &[]).await).await.tokens();
    let observer = server.registrar().observer().await;
    drop(publisher);
    server.restart().await;
    let page = browser.open("/account").await;
    assert!(page.html.text.contains(&client.id), "{}", page.html.text);
    let form = page.html.form_to("/account/applications/end").expect("a way to end it");
    let page = browser.submit(&page, form, form.buttons.first()).await;
    let page = browser.follow(page).await;
    assert!(page.html.text.contains("no access any more"), "{}", page.html.text);
    assert!(!observer.is_active(&tokens.access_token).await);
}

#[tokio::test]
async fn an_operator_ends_what_such_an_application_holds() {
    let publisher = Publisher::start().await;
    let client = calendar(&publisher).await;
    let server = shared().await;
    let observer = server.registrar().observer().await;
    let browser = server.new_browser().await;
    let tokens = client.redeem(&browser.authorize(&client, &[]).await).await.tokens();
    let other = publisher.client(server.http(), "/other.json", &json!({}));
    let others = other.redeem(&browser.authorize(&other, &[]).await).await.tokens();
    server.operator().end(&["app", &client.id]).await;
    assert!(!observer.is_active(&tokens.access_token).await);
    assert!(observer.is_active(&others.access_token).await);
    let _ = client.refresh(tokens.refresh_token(), &[]).await.refused(400, "invalid_grant");
    // It may come again, with the user.
    let again = client.redeem(&browser.authorize(&client, &[]).await).await.tokens();
    assert!(observer.is_active(&again.access_token).await);
}
