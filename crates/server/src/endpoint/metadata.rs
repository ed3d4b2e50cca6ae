//! What anybody may know: the metadata documents and the public keys.

use axum::{Json, extract::State, response::IntoResponse};
use http::header;

use super::App;

/// `/.well-known/oauth-authorization-server` (RFC 8414) and `/.well-known/openid-configuration`.
pub(super) async fn server(State(app): State<App>) -> impl IntoResponse {
    Json(app.issuer.metadata())
}

/// `/oauth2/jwks` (RFC 7517 section 5). A minute in caches, so that a rotated key is soon known everywhere.
pub(super) async fn jwks(State(app): State<App>) -> impl IntoResponse {
    ([(header::CACHE_CONTROL, "public, max-age=60")], Json(app.issuer.keys().jwks()))
}
