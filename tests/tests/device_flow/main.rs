//! Devices without a browser (RFC 8628): what they ask for, what their user sees, and what they get.

mod asking;
mod binding;
mod keys;
mod page;
mod picture;
mod polling;
mod resources;

use serde_json::{Value, json};
use tokenbind_tests::{Browser, Client, Server};

/// A public application for devices, with these settings besides.
async fn television(more: Value) -> Client {
    Server::shared().await.registrar().devices(&more).await
}

/// One that authenticates.
async fn confidential(more: Value) -> Client {
    let mut settings = json!({ "token_endpoint_auth_method": "client_secret_basic" });
    if let (Value::Object(settings), Value::Object(more)) = (&mut settings, more) {
        settings.extend(more);
    }
    television(settings).await
}

async fn browser() -> Browser {
    Server::shared().await.new_browser().await
}

async fn observer() -> Client {
    Server::shared().await.registrar().observer().await
}
