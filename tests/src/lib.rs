//! What the end-to-end tests share: the real server, and clients typed by the role they play.
//!
//! A test that changes nothing about the server itself uses [`Server::shared`] and makes its own
//! applications and users there. One that kills, restarts or configures it starts its own.

#![expect(clippy::missing_panics_doc, reason = "all of it panics where the server misbehaves")]

mod answer;
mod apache;
mod authority;
mod authorization;
mod binary;
mod browser;
mod chromium;
mod client;
mod cookies;
mod device;
mod dpop;
mod html;
mod http;
mod identity;
mod jwt;
mod key_server;
mod log;
mod login;
mod logout_receiver;
mod nginx;
mod operator;
mod port;
mod process;
mod publisher;
mod registrar;
mod relying_party;
mod scripted;
mod server;
mod signer;
mod wait;
mod web_app;

pub use answer::{Answer, Tokens};
pub use apache::Apache;
pub use authority::{Authority, Files};
pub use authorization::{AuthorizationRequest, Callback, ResponseMode};
pub use binary::binary as server_binary;
pub use browser::{Browser, Page, SESSION_COOKIE};
pub use chromium::{BrowserCookie, Chromium};
pub use client::{Assertions, Client, Pushed};
pub use cookies::Cookies;
pub use device::{DEVICE_CODE, Device};
pub use dpop::DpopProof;
pub use html::{Button, Field, Form, Html};
pub use http::{Http, send};
pub use identity::{Identity, subject};
pub use jwt::{VerifiedJwt, flipped, unverified_claims};
pub use key_server::KeyServer;
pub use login::Login;
pub use logout_receiver::LogoutReceiver;
pub use nginx::{Nginx, NginxAddress, RunningNginx};
pub use operator::{Operator, Ran, User};
pub use publisher::{Published, Publisher};
pub use registrar::{Registrar, Registration};
pub use relying_party::{RelyingParty, SignIn, Visit};
pub use scripted::{Call, Failure, ScriptedApplication, arrive};
pub use server::{Quickstart, QuickstartApplication, QuickstartUser, Server};
pub use signer::{Signer, now};
pub use wait::{eventually, seconds_pass};
pub use web_app::{Library, WebApp};

use std::fmt::Write as _;

use aws_lc_rs::digest;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

/// The reference of a `tokenBindingId`.
#[must_use]
pub fn binding_ref(client_id: &str, token_binding_id: &str) -> String {
    reference("client-request", client_id, token_binding_id)
}

/// The reference of a binding, worked out from its definition in words:
/// `base64url(SHA-256("tokenbind/" type "/" client_id "/" value))`. Of a `client_id` that is a URL slashes and percent
/// signs are percent-encoded.
#[must_use]
pub fn reference(binding_type: &str, client_id: &str, value: &str) -> String {
    let client_id = client_id.replace('%', "%25").replace('/', "%2F");
    sha256(&format!("tokenbind/{binding_type}/{client_id}/{value}"))
}

/// The SHA-256 of a text, in base64url.
#[must_use]
pub fn sha256(text: &str) -> String {
    sha256_of(text.as_bytes())
}

pub(crate) fn sha256_of(bytes: &[u8]) -> String {
    base64url(digest::digest(&digest::SHA256, bytes).as_ref())
}

pub(crate) fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Every byte in percent encoding, also those that would not need it.
#[must_use]
pub fn percent_encoded(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "%{byte:02x}");
        text
    })
}
