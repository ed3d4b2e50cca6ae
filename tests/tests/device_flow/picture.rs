//! The picture of the verification page's address.

use reqwest::header;
use serde_json::json;
use tokenbind_tests::Server;

use crate::television;

#[tokio::test]
async fn is_drawn_whether_there_is_such_a_code_or_not() {
    let server = Server::shared().await;
    let device = television(json!({})).await.device(&[]).await;
    let path = device.verification_uri_qr.strip_prefix(&server.issuer()).expect("an address");
    let known = server.http().get(path).await;
    let unknown = server.http().get("/device/qr?user_code=BBBB-BBBB").await;
    for answer in [&known, &unknown] {
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header(&header::CONTENT_TYPE), Some("image/svg+xml"));
        assert_eq!(answer.header(&header::CACHE_CONTROL), Some("no-store"));
        let policy = answer.header(&header::CONTENT_SECURITY_POLICY).expect("a policy");
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        assert!(answer.text().starts_with("<svg "), "{}", answer.text());
    }
    assert_ne!(known.body, unknown.body);
    assert_eq!(known.headers.len(), unknown.headers.len());
}

#[tokio::test]
async fn of_what_is_no_code_there_is_none() {
    let http = Server::shared().await.http();
    for path in ["/device/qr", "/device/qr?user_code=", "/device/qr?user_code=%3Csvg%3E"] {
        let _ = http.get(path).await.refused(400, "invalid_request");
    }
}
