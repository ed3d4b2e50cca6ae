//! Client certificates (RFC 8705), shown to the server itself: what tokens are bound to, and what
//! authenticates clients.

mod authentication;
mod binding;
mod command_line_clients;
mod renewal;

use rcgen::CertificateParams;
use serde_json::{Value, json};
use tokenbind_tests::{Authority, Client, Identity, Server, subject};
use tokio::sync::OnceCell;

const FORMATS: [&str; 2] = ["opaque", "jwt"];

/// A server that trusts the tests' authority to say who a client is.
async fn trusting_server() -> &'static Server {
    static SHARED: OnceCell<Server> = OnceCell::const_new();
    SHARED
        .get_or_init(|| async {
            // The file is read at the start alone.
            let folder = tempfile::tempdir().expect("a folder");
            let files = Authority::shared().write_into(folder.path());
            let toml = format!("mtls.client_trust_anchors = \"{}\"", files.ca.display());
            Server::serve(&toml, &[]).await
        })
        .await
}

/// The settings of an application that authenticates by a certificate of this name, with these besides.
fn by_subject(name: &str, more: &Value) -> Value {
    let mut metadata = json!({
        "grant_types": ["client_credentials", "password", "refresh_token"],
        "token_endpoint_auth_method": "tls_client_auth",
        "tls_client_auth_subject_dn": format!("CN={name},O=Tests"),
        "token_binding_types": ["certificate"],
    });
    extend(&mut metadata, more);
    metadata
}

fn extend(metadata: &mut Value, more: &Value) {
    if let (Value::Object(metadata), Value::Object(more)) = (metadata, more) {
        metadata.extend(more.clone());
    }
}

/// A certificate of the trusted authority.
fn issued(params: &CertificateParams) -> Identity {
    Identity::by(Authority::shared(), params)
}

/// A certificate of the trusted authority for this name.
fn named(name: &str) -> Identity {
    issued(&subject(name))
}

/// The same application, showing this certificate.
fn showing(server: &Server, client: &Client, identity: &Identity) -> Client {
    client.over(server.http_showing(identity))
}
