//! Clients that people have: curl, with a certificate as one would type it, and `openssl s_client`.

use std::process::Stdio;

use serde_json::{Value, json};
use tokenbind_tests::{Identity, Server};
use tokio::process::Command;

#[tokio::test]
async fn curl_gets_and_uses_a_token_that_is_bound_to_its_certificate() {
    let server = Server::shared().await;
    let settings = json!({
        "grant_types": ["client_credentials"],
        "tls_client_certificate_bound_access_tokens": true,
    });
    let client = server.registrar().application(&settings).await;
    let folder = tempfile::tempdir().expect("a folder");
    let identity = Identity::self_signed("curl");
    let (certificate, key) = identity.write_into(folder.path());
    let secret = client.secret.as_deref().expect("a secret");
    let output = Command::new("curl")
        .args(["--silent", "--show-error", "--noproxy", "*", "--cacert"])
        .arg(server.ca())
        .arg("--cert")
        .arg(&certificate)
        .arg("--key")
        .arg(&key)
        .args(["-u", &format!("{}:{secret}", client.id), "-d", "grant_type=client_credentials"])
        .arg(format!("{}/oauth2/token", server.mtls_origin()))
        .output()
        .await
        .expect("curl runs");
    let answer: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    let token = answer["access_token"].as_str().expect("a token");
    let told = client.introspect(token).await;
    assert_eq!(told["cnf"]["x5t#S256"], json!(identity.thumbprint()));
}

/// What `openssl s_client` says of a handshake with these arguments.
async fn s_client(server: &Server, arguments: &[&str]) -> (bool, String) {
    let port = server.mtls_origin().replace("https://", "");
    let output = Command::new("openssl")
        .args(["s_client", "-connect", &port, "-CAfile"])
        .arg(server.ca())
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .await
        .expect("openssl runs");
    let told = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&told).into_owned())
}

#[tokio::test]
async fn openssl_is_asked_for_a_certificate_of_anybody_and_may_go_without() {
    let server = Server::shared().await;
    for version in ["-tls1_3", "-tls1_2"] {
        let (connected, told) = s_client(server, &[version]).await;
        assert!(connected, "{told}");
        assert!(told.contains("No client certificate CA names sent"), "{told}");
        assert!(told.contains("equested Signature Algorithms"), "it is asked: {told}");
        assert!(told.contains("Verify return code: 0 (ok)"), "{told}");
    }
}

#[tokio::test]
async fn openssl_is_refused_with_old_versions_and_weak_suites() {
    let server = Server::shared().await;
    for old in ["-tls1_1", "-tls1"] {
        let (connected, told) = s_client(server, &[old, "-cipher", "ALL:@SECLEVEL=0"]).await;
        assert!(!connected, "{told}");
        assert!(told.contains("SSL alert number"), "{old}: {told}");
    }
    for suite in ["ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-ECDSA-AES128-SHA", "AES128-GCM-SHA256"] {
        let (connected, told) = s_client(server, &["-tls1_2", "-cipher", suite]).await;
        assert!(!connected, "{told}");
        assert!(told.contains("handshake failure"), "{suite}: {told}");
    }
    for suite in ["ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384"] {
        let (connected, told) = s_client(server, &["-tls1_2", "-cipher", suite]).await;
        assert!(connected && told.contains(suite), "{told}");
    }
}
