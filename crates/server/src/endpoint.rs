//! The endpoints: from HTTP to the rules and back.

mod health;
mod introspect;
mod metadata;
mod register;
mod revoke;
mod token;

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use tokenbind_binding::Clock;
use tokenbind_issuer::{ErrorCode, Issuer, OAuthError};

use crate::{
    error_response::{error_response, not_served},
    metrics::EndpointMetrics,
    request::RequestLimits,
    system::SystemClock,
};

/// What all endpoints share.
#[derive(Clone)]
struct App(Arc<Shared>);

struct Shared {
    issuer: Arc<Issuer>,
    limits: RequestLimits,
    token: EndpointMetrics,
    introspect: EndpointMetrics,
    revoke: EndpointMetrics,
    register: EndpointMetrics,
}

impl std::ops::Deref for App {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

/// All endpoints of the authorization server.
pub(crate) fn router(issuer: Arc<Issuer>, limits: RequestLimits) -> Router {
    let app = App(Arc::new(Shared {
        issuer,
        limits,
        token: EndpointMetrics::new("token"),
        introspect: EndpointMetrics::new("introspect"),
        revoke: EndpointMetrics::new("revoke"),
        register: EndpointMetrics::new("register"),
    }));
    Router::new()
        .route("/oauth2/token", post(token::answer))
        .route("/oauth2/introspect", post(introspect::answer))
        .route("/oauth2/revoke", post(revoke::answer))
        .route("/oauth2/jwks", get(metadata::jwks))
        .route("/oauth2/register", post(register::create))
        .route(
            "/oauth2/register/{client_id}",
            get(register::read).put(register::update).delete(register::delete),
        )
        .route("/.well-known/openid-configuration", get(metadata::server))
        .route("/.well-known/oauth-authorization-server", get(metadata::server))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .method_not_allowed_fallback(async || {
            not_served(StatusCode::METHOD_NOT_ALLOWED, "this endpoint does not take that method")
        })
        .fallback(async || not_served(StatusCode::NOT_FOUND, "there is no such endpoint"))
        .with_state(app)
}

/// Waits for an answer, counts it, and turns a refusal into its response.
async fn counted(
    metrics: &EndpointMetrics,
    answer: impl Future<Output = Result<Response, OAuthError>>,
) -> Response {
    let began = SystemClock.now();
    let answer = answer.await;
    let code = answer.as_ref().err().map(|error| error.code);
    let response = answer.unwrap_or_else(|error| error_response(&error));
    metrics.record(code, began, SystemClock.now());
    response
}

/// A JSON answer that no cache may keep (RFC 6749 section 5.1, RFC 7662 section 4).
fn private_json(status: StatusCode, body: &impl Serialize) -> Result<Response, OAuthError> {
    let body = serde_json::to_vec(body).map_err(|error| OAuthError {
        log: Some(error.to_string()),
        ..OAuthError::new(ErrorCode::TemporarilyUnavailable, "the answer could not be written")
    })?;
    let mut response = (status, Body::from(body)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    Ok(response)
}
