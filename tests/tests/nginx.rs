//! The server behind nginx, which tells of client certificates in a header: rightly, wrongly, and with a
//! path that it takes away.

use serde_json::{Value, json};
use tokenbind_tests::{
    Authority, Client, Http, Identity, Nginx, NginxAddress, Operator, RunningNginx, Server,
    eventually, send, subject,
};

const HEADER: &str = "x-client-cert";

/// A server behind this address, of which it only knows the name yet.
async fn server_behind(address: &NginxAddress, more: &[(&'static str, String)]) -> Server {
    let environment = [address.environment(), more.to_vec()].concat();
    let environment: Vec<_> = environment.iter().map(|(name, value)| (*name, &**value)).collect();
    Server::serve("", &environment).await
}

/// What the server says of a request with this client, and these header fields.
async fn report(http: &Http, fields: &[(&str, &str)]) -> Value {
    let mut request = http.request(reqwest::Method::GET, "/oauth2/client-certificate");
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    send(request).await.expect(200)
}

/// Waits until headers count.
async fn header_mode_is_on(nginx: &RunningNginx<'_>) {
    let http = nginx.address().http();
    eventually("header mode is on", async || {
        let told = report(&http, &[]).await;
        (told["proxy"]["counts"] == true).then_some(())
    })
    .await;
}

async fn bound(server: &Server) -> Client {
    let metadata = json!({
        "grant_types": ["client_credentials"],
        "tls_client_certificate_bound_access_tokens": true,
    });
    server.registrar().application(&metadata).await
}

#[tokio::test]
async fn certificates_that_nginx_tells_of_count() {
    let address = NginxAddress::new("");
    let folder = tempfile::tempdir().expect("a folder");
    let anchors = Authority::shared().write_into(folder.path()).ca.display().to_string();
    let trust = ("TOKENBIND_MTLS__CLIENT_TRUST_ANCHORS", anchors);
    let server = server_behind(&address, &[trust]).await;
    let nginx = address.run(&server, Nginx::AsDocumented).await;
    header_mode_is_on(&nginx).await;

    let client = bound(&server).await;
    let identity = Identity::self_signed("app");
    let http = address.http_showing(&identity);
    let tokens = client.over(http).client_credentials(&[]).await.tokens();
    let told = client.introspect(&tokens.access_token).await;
    assert_eq!(told["cnf"]["x5t#S256"], json!(identity.thumbprint()));
    let bare = client.over(address.http_showing_nothing()).client_credentials(&[]).await;
    let _ = bare.refused(400, "invalid_request");

    // And a trusted authority's authenticate.
    let by_name = json!({
        "grant_types": ["client_credentials"],
        "token_endpoint_auth_method": "tls_client_auth",
        "tls_client_auth_subject_dn": "CN=behind nginx,O=Tests",
    });
    let by_name = server.registrar().application(&by_name).await;
    let named = Identity::by(Authority::shared(), &subject("behind nginx"));
    let _ = by_name.over(address.http_showing(&named)).client_credentials(&[]).await.tokens();
    let forged = Identity::self_signed("behind nginx");
    let refused = by_name.over(address.http_showing(&forged)).client_credentials(&[]).await;
    let _ = refused.refused(401, "invalid_client");
}

#[tokio::test]
async fn rfc9440_section_4_what_a_client_writes_in_the_header_is_never_believed() {
    let address = NginxAddress::new("");
    let server = server_behind(&address, &[]).await;
    let nginx = address.run(&server, Nginx::AsDocumented).await;
    header_mode_is_on(&nginx).await;
    let [own, stolen] = ["own", "stolen"].map(Identity::self_signed);
    let escaped = stolen.escaped();
    let forged = [(HEADER, &*escaped)];

    // Through nginx it is overwritten.
    assert_eq!(report(&address.http(), &forged).await["certificate"], Value::Null);
    let told = report(&address.http_showing_nothing(), &forged).await;
    assert_eq!(told["certificate"], Value::Null);
    let told = report(&address.http_showing(&own), &forged).await;
    assert_eq!(told["certificate"]["x5t#S256"], json!(own.thumbprint()));
    assert_eq!(told["certificate"]["shown_by"], "header");

    // From who is no proxy it is ignored, counted and logged.
    let elsewhere = server.http_from(66);
    for fields in [forged, [("client-cert", "::")], [("X-Forwarded-Client-Cert", "Hash=a")]] {
        assert_eq!(report(&elsewhere, &fields).await, json!({ "certificate": null }));
    }
    let counted = "tokenbind_ignored_certificate_headers_total 3";
    let metrics = server.metrics().await;
    assert!(metrics.contains(counted), "{metrics}");
    let (_, log) = server.output();
    let lines = log.lines().filter(|line| line.contains("trusted_proxies")).count();
    assert_eq!(lines, 1, "one line for all of them: {log}");

    // On the listener that asks, a proxy's own certificate is not its client's.
    let told = report(&server.http_showing(&own), &[]).await;
    assert_eq!(told["certificate"], Value::Null);
}

#[tokio::test]
async fn what_a_trusted_proxy_says_must_be_readable_and_said_once() {
    let address = NginxAddress::new("");
    let server = server_behind(&address, &[]).await;
    let nginx = address.run(&server, Nginx::AsDocumented).await;
    header_mode_is_on(&nginx).await;
    let client = bound(&server).await;
    let identity = Identity::self_signed("app");
    let escaped = identity.escaped();
    // Whoever is at this address is the proxy.
    let ask = async |fields: &[&str]| {
        let mut request =
            client.http.form_of("/oauth2/token", &[("grant_type", "client_credentials")]);
        request = request.header("authorization", client.authorization().expect("a secret"));
        for value in fields {
            request = request.header(HEADER, *value);
        }
        send(request).await
    };
    let _ = ask(&[&escaped]).await.tokens();
    for fields in [&["nonsense"][..], &["%2D%2D"], &[&escaped, &escaped], &["", &escaped], &["é"]]
    {
        let description = ask(fields).await.refused(400, "invalid_request");
        assert!(description.contains("cannot be read from the proxy"), "{fields:?}: {description}");
    }
    assert_eq!(server.http().get("/healthz").await.status, 200);
}

#[tokio::test]
async fn headers_do_not_count_before_the_proxy_was_seen_to_drop_forged_ones() {
    let address = NginxAddress::new("");
    let server = server_behind(&address, &[]).await;
    // Nobody answers at the public address yet.
    let escaped = Identity::self_signed("app").escaped();
    let told = report(&server.http(), &[(HEADER, &escaped)]).await;
    assert_eq!((&told["certificate"], &told["proxy"]["counts"]), (&Value::Null, &json!(false)));
    let said = eventually("the log says so", async || {
        let (_, log) = server.output();
        log.lines().find(|line| line.contains("do not count yet")).map(str::to_owned)
    })
    .await;
    assert!(said.contains("no answer"), "{said}");
    let nginx = address.run(&server, Nginx::AsDocumented).await;
    header_mode_is_on(&nginx).await;
}

#[tokio::test]
async fn a_proxy_that_passes_on_what_clients_write_is_caught() {
    let address = NginxAddress::new("");
    let mut server = server_behind(&address, &[]).await;
    let nginx = address.run(&server, Nginx::PassingOn).await;
    let complaint = server.fails().await;
    assert!(complaint.starts_with("tokenbind: "), "{complaint}");
    assert!(complaint.contains("forged certificate in the header x-client-cert"), "{complaint}");
    assert!(complaint.contains("have the proxy remove that header"), "{complaint}");
    drop(nginx);
}

/// Runs `tokenbind doctor` with the server's configuration.
async fn doctor(server: &Server, address: &NginxAddress) -> (Option<i32>, Value) {
    let environment = address.environment();
    let environment: Vec<_> = environment.iter().map(|(name, value)| (*name, &**value)).collect();
    let file = server.config_file().display().to_string();
    let ran = Operator::tokenbind(&["doctor", "--config", &file, "--json"], &environment, "").await;
    let told = serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{ran:?}"));
    (ran.code, told)
}

#[tokio::test]
async fn the_doctor_finds_what_comes_through() {
    let address = NginxAddress::new("");
    let server = server_behind(&address, &[]).await;
    let (code, told) = doctor(&server, &address).await;
    assert_eq!((code, told["findings"][0]["good"].clone()), (Some(1), json!(false)), "no nginx");

    let nginx = address.run(&server, Nginx::AsDocumented).await;
    header_mode_is_on(&nginx).await;
    let (code, told) = doctor(&server, &address).await;
    assert_eq!(code, Some(0), "{told}");
    assert_eq!(told["findings"].as_array().map(Vec::len), Some(2), "{told}");
    assert!(told["findings"][0]["finding"].as_str().expect("text").contains("keeps"), "{told}");

    drop(nginx);
    let _broken = address.run(&server, Nginx::PassingOn).await;
    let (code, told) = doctor(&server, &address).await;
    assert_eq!(code, Some(1), "{told}");
    let finding = told["findings"][0]["finding"].as_str().expect("text");
    assert!(finding.contains("comes through"), "{told}");
}

#[tokio::test]
async fn the_doctor_of_a_quickstart_finds_nothing() {
    let server = Server::shared().await;
    let told = server.operator().json(&["doctor"]).await;
    let findings = told["findings"].as_array().expect("findings");
    let addresses: Vec<_> = findings.iter().map(|finding| finding["address"].clone()).collect();
    assert_eq!(addresses, [server.issuer(), server.mtls_origin()]);
    assert!(findings.iter().all(|finding| finding["good"] == true), "{told}");
    let ran = server.operator().run(&["doctor"], "").await;
    assert!(ran.stdout.starts_with("good  https://localhost:"), "{ran:?}");
}

#[tokio::test]
async fn an_issuer_with_a_path_works_behind_nginx() {
    let address = NginxAddress::new("/tenant");
    let server = server_behind(&address, &[]).await;
    let nginx = address.run(&server, Nginx::WithPath).await;
    header_mode_is_on(&nginx).await;
    let document = address.http().get("/.well-known/openid-configuration").await.expect(200);
    assert_eq!(document["issuer"], json!(address.issuer()));
    let alias = document["mtls_endpoint_aliases"]["token_endpoint"].clone();
    assert_eq!(alias, json!(format!("{}/oauth2/token", address.mtls_base())));
    let client = bound(&server).await;
    let identity = Identity::self_signed("app");
    let client = client.over(address.http_showing(&identity));
    let tokens = client.client_credentials(&[]).await.tokens();
    let told = client.introspect(&tokens.access_token).await;
    assert_eq!(told["cnf"]["x5t#S256"], json!(identity.thumbprint()));
    assert_eq!(told["iss"], json!(address.issuer()));
}
