//! What userinfo, the protected resource of this server, tells of itself (RFC 9728), and where the documents of an
//! issuer with a path are (RFC 8414).

use reqwest::header::{ACCESS_CONTROL_ALLOW_ORIGIN, WWW_AUTHENTICATE};
use serde_json::json;
use tokenbind_tests::{Answer, Http, Server};

const USERINFO: &str = "/oauth2/userinfo";

/// The values of `resource_metadata` in the challenges of an answer.
fn metadata_of(answer: &Answer) -> Vec<String> {
    let challenge = answer.header(&WWW_AUTHENTICATE).expect("a challenge");
    let after = challenge.split("resource_metadata=\"").skip(1);
    after.map(|rest| rest.split('"').next().expect("a value").to_owned()).collect()
}

async fn shown(http: &Http, authorization: &str) -> Answer {
    let request = http.request(reqwest::Method::GET, USERINFO);
    tokenbind_tests::send(request.header("authorization", authorization)).await
}

#[tokio::test]
async fn rfc9728_section_5_1_every_challenge_leads_to_the_document() {
    let server = Server::shared().await;
    let http = server.http();
    let url = format!("{}/.well-known/oauth-protected-resource{USERINFO}", server.issuer());
    assert_eq!(metadata_of(&http.get(USERINFO).await), [&*url, &*url], "one for each scheme");
    for authorization in ["Bearer x", "DPoP x", "Bearer a b"] {
        assert_eq!(metadata_of(&shown(&http, authorization).await), [&*url], "{authorization}");
    }
}

#[tokio::test]
async fn rfc9728_section_3_3_the_document_names_the_url_that_was_called() {
    let server = Server::shared().await;
    let http = server.http();
    let answer = http.get(&format!("/.well-known/oauth-protected-resource{USERINFO}")).await;
    assert_eq!(answer.header(&ACCESS_CONTROL_ALLOW_ORIGIN), Some("*"));
    let document = answer.expect(200);
    assert_eq!(document["resource"], format!("{}{USERINFO}", server.issuer()));
    assert_eq!(document["authorization_servers"], json!([server.issuer()]));
    assert_eq!(document["bearer_methods_supported"], json!(["header", "body"]));
    let metadata = http.get("/.well-known/oauth-authorization-server").await.expect(200);
    for name in [
        "scopes_supported",
        "dpop_signing_alg_values_supported",
        "tls_client_certificate_bound_access_tokens",
    ] {
        assert_eq!(document[name], metadata[name], "{name}");
    }
}

#[tokio::test]
async fn rfc8707_section_2_a_token_for_the_resource_of_the_document_is_taken_there() {
    let server = Server::shared().await;
    let client = server.registrar().sign_in(&json!({})).await;
    let userinfo = format!("{}{USERINFO}", server.issuer());
    let browser = server.new_browser().await;
    let callback = browser.authorize(&client, &[("resource", &userinfo)]).await;
    let tokens = client.redeem_with(&callback, &[("resource", &userinfo)]).await.tokens();
    assert_eq!(client.introspect(&tokens.access_token).await["aud"], server.issuer());
    assert_eq!(client.userinfo(&tokens.access_token).await.status, 200);
}

#[tokio::test]
async fn what_is_declared_of_this_server_is_told_of_userinfo() {
    let server = Server::serve("", &[]).await;
    let issuer = server.issuer();
    let bound = "required_binding_types=dpop";
    let add =
        ["resource", "add", &*issuer, "--set", bound, "--set", "scopes=openid", "--set", "name=Me"];
    server.operator().json(&add).await;
    let path = format!("/.well-known/oauth-protected-resource{USERINFO}");
    let document = server.http().get(&path).await.expect(200);
    assert_eq!(document["resource"], format!("{issuer}{USERINFO}"));
    assert_eq!(document["dpop_bound_access_tokens_required"], true);
    assert_eq!(document["scopes_supported"], json!(["openid"]));
    assert_eq!(document["resource_name"], "Me");
}

#[tokio::test]
async fn there_is_no_document_of_anything_else() {
    let http = Server::shared().await.http();
    for path in [
        "/.well-known/oauth-protected-resource",
        "/.well-known/oauth-protected-resource/",
        "/.well-known/oauth-protected-resource/oauth2/token",
        "/.well-known/oauth-protected-resource/oauth2/userinfo/",
        "/.well-known/oauth-authorization-server/tenants/a",
        "/.well-known/openid-configuration/tenants/a",
    ] {
        assert_eq!(http.get(path).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn rfc8414_section_3_1_the_path_of_the_issuer_comes_after_the_name() {
    let issuer = "https://id.example.com/tenants/a";
    let server = Server::serve("", &[("TOKENBIND_ISSUER", issuer)]).await;
    let http = server.http();
    for name in ["oauth-authorization-server", "openid-configuration"] {
        let document = http.get(&format!("/.well-known/{name}/tenants/a")).await.expect(200);
        assert_eq!(document["issuer"], issuer);
        for other in ["/tenants/b", "/tenants/a/", "/tenants"] {
            assert_eq!(http.get(&format!("/.well-known/{name}{other}")).await.status, 404);
        }
    }
    let path = format!("/.well-known/oauth-protected-resource/tenants/a{USERINFO}");
    let document = http.get(&path).await.expect(200);
    assert_eq!(document["resource"], format!("{issuer}{USERINFO}"));
    assert_eq!(
        metadata_of(&shown(&http, "Bearer x").await),
        [format!("https://id.example.com{path}")]
    );
}
