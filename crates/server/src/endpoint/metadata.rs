//! What anybody may know: the metadata documents and the public keys.

use axum::{Json, extract::State, response::Response};
use http::header;

use super::App;
use crate::cors;

/// `/.well-known/oauth-authorization-server` (RFC 8414) and `/.well-known/openid-configuration`.
pub(super) async fn server(State(app): State<App>) -> Response {
    cors::for_everybody(Json(app.issuer.metadata()))
}

/// `/oauth2/jwks` (RFC 7517 section 5). A minute in caches, so that a rotated key is soon known everywhere.
pub(super) async fn jwks(State(app): State<App>) -> Response {
    let minute = [(header::CACHE_CONTROL, "public, max-age=60")];
    cors::for_everybody((minute, Json(app.issuer.keys().jwks())))
}

pub(super) async fn preflight() -> Response {
    cors::preflight_for_everybody()
}
