//! `POST /oauth2/device_authorization` (RFC 8628 section 3.1).

use axum::{body::Body, extract::State, response::Response};
use http::{HeaderMap, Request, StatusCode};
use tokenbind_issuer::{Endpoint, form::Form};

use super::{App, counted, private_json};
use crate::{
    cors::{self, Page},
    error_response::with_dpop_nonce,
    request::read_form,
};

pub(super) async fn answer(State(app): State<App>, request: Request<Body>) -> Response {
    let mut page = Page::of(request.headers());
    let response = counted(&app.device_authorization, async {
        let incoming = read_form(request, app.limits).await?;
        let form = Form::parse(&incoming.body)?;
        let shown = incoming.evidence(&form, Endpoint::DeviceAuthorization)?;
        page.of_client(&app.issuer, shown).await;
        let visitor = &incoming.visitor;
        let user_agent = visitor.browser().user_agent;
        let started = app.issuer.authorize_device(shown, visitor.sender(), user_agent).await?;
        let response = private_json(StatusCode::OK, &started)?;
        Ok(with_dpop_nonce(response, started.dpop_nonce()))
    })
    .await;
    page.may_read(&app.issuer, response).await
}

pub(super) async fn preflight(State(app): State<App>, headers: HeaderMap) -> Response {
    cors::preflight(&app.issuer, &headers, "POST").await
}
