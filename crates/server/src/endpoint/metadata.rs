//! What anybody may know: the metadata documents and the public keys.

use axum::{Json, extract::State, response::Response};
use http::{HeaderMap, StatusCode, Uri, header};

use super::{App, NO_SUCH_ENDPOINT, refusal::nothing_here};
use crate::{cors, error_response::error_response};

pub(super) const OAUTH_SERVER: &str = "/.well-known/oauth-authorization-server";
pub(super) const OPENID_PROVIDER: &str = "/.well-known/openid-configuration";

/// `/.well-known/oauth-authorization-server` (RFC 8414) and `/.well-known/openid-configuration`.
pub(super) async fn server(State(app): State<App>) -> Response {
    cors::for_everybody(Json(app.issuer.metadata()))
}

/// The same where the issuer has a path: RFC 8414 section 3.1 has the well-known name between the host and the path.
pub(super) async fn server_by_path(
    State(app): State<App>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let named = |name: &str| uri.path().strip_prefix(name) == Some(&app.site.base);
    if named(OAUTH_SERVER) || named(OPENID_PROVIDER) {
        return server(State(app)).await;
    }
    nothing_here(&app.site, &headers, StatusCode::NOT_FOUND, NO_SUCH_ENDPOINT)
}

/// `/.well-known/oauth-protected-resource/…` (RFC 9728 section 3) of the one protected resource here.
pub(super) async fn resource(State(app): State<App>, uri: Uri, headers: HeaderMap) -> Response {
    let url = app.issuer.userinfo_metadata_url().and_then(|url| url.parse::<Uri>().ok());
    if url.is_some_and(|url| url.path() == uri.path()) {
        let document = app.issuer.userinfo_metadata().await.map(Json);
        return cors::for_everybody(document.map_err(|error| error_response(&error)));
    }
    nothing_here(&app.site, &headers, StatusCode::NOT_FOUND, NO_SUCH_ENDPOINT)
}

/// `/oauth2/jwks` (RFC 7517 section 5). A minute in caches, so that a rotated key is soon known everywhere.
pub(super) async fn jwks(State(app): State<App>) -> Response {
    let minute = [(header::CACHE_CONTROL, "public, max-age=60")];
    cors::for_everybody((minute, Json(app.issuer.keys().jwks())))
}

pub(super) async fn preflight() -> Response {
    cors::preflight_for_everybody()
}
