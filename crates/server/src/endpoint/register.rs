//! `/oauth2/register` (RFC 7591) and `/oauth2/register/{client_id}` (RFC 7592).

use std::convert::Infallible;

use axum::{
    body::Body,
    extract::{FromRequestParts, Path, State},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, Request, StatusCode, request::Parts};

use super::{App, counted, private_json};
use crate::request::{bearer_token, read_json};

/// The `client_id` in the path. One that is not UTF-8 is nobody's, and refused like any other such.
pub(super) struct ManagedId(String);

impl<S: Send + Sync> FromRequestParts<S> for ManagedId {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let id = Path::<String>::from_request_parts(parts, state).await;
        Ok(Self(id.map_or_else(|_| String::new(), |Path(id)| id)))
    }
}

pub(super) async fn create(State(app): State<App>, request: Request<Body>) -> Response {
    counted(&app.register, async {
        let headers = request.headers().clone();
        let metadata = read_json(request, app.limits).await?;
        let token = bearer_token(&headers)?;
        let information = app.issuer.register(token.as_deref(), metadata).await?;
        private_json(StatusCode::CREATED, &information)
    })
    .await
}

pub(super) async fn read(
    State(app): State<App>,
    ManagedId(client_id): ManagedId,
    headers: HeaderMap,
) -> Response {
    counted(&app.register, async {
        let token = bearer_token(&headers)?;
        let information = app.issuer.read_registration(&client_id, token.as_deref()).await?;
        private_json(StatusCode::OK, &information)
    })
    .await
}

pub(super) async fn update(
    State(app): State<App>,
    ManagedId(client_id): ManagedId,
    request: Request<Body>,
) -> Response {
    counted(&app.register, async {
        let headers = request.headers().clone();
        let metadata = read_json(request, app.limits).await?;
        let token = bearer_token(&headers)?;
        let information =
            app.issuer.update_registration(&client_id, token.as_deref(), metadata).await?;
        private_json(StatusCode::OK, &information)
    })
    .await
}

pub(super) async fn delete(
    State(app): State<App>,
    ManagedId(client_id): ManagedId,
    headers: HeaderMap,
) -> Response {
    counted(&app.register, async {
        let token = bearer_token(&headers)?;
        app.issuer.delete_registration(&client_id, token.as_deref()).await?;
        Ok(StatusCode::NO_CONTENT.into_response())
    })
    .await
}
