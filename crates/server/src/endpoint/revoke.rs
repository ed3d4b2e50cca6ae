//! `POST /oauth2/revoke` (RFC 7009).

use axum::{
    body::Body,
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, Request, StatusCode};
use tokenbind_issuer::{Endpoint, form::Form};

use super::{App, counted};
use crate::{
    cors::{self, Page},
    request::read_form,
};

pub(super) async fn answer(State(app): State<App>, request: Request<Body>) -> Response {
    let mut page = Page::of(request.headers());
    let response = counted(&app.revoke, async {
        let incoming = read_form(request, app.limits).await?;
        let form = Form::parse(&incoming.body)?;
        let shown = incoming.evidence(&form, Endpoint::Revocation)?;
        page.of_client(&app.issuer, shown).await;
        app.issuer.revoke(shown).await?;
        Ok(StatusCode::OK.into_response())
    })
    .await;
    page.may_read(&app.issuer, response).await
}

pub(super) async fn preflight(State(app): State<App>, headers: HeaderMap) -> Response {
    cors::preflight(&app.issuer, &headers, "POST").await
}
