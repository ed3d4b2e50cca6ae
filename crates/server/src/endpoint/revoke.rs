//! `POST /oauth2/revoke` (RFC 7009).

use axum::{
    body::Body,
    extract::State,
    response::{IntoResponse, Response},
};
use http::{Request, StatusCode};
use tokenbind_issuer::form::Form;

use super::{App, counted};
use crate::request::read_form;

pub(super) async fn answer(State(app): State<App>, request: Request<Body>) -> Response {
    counted(&app.revoke, async {
        let incoming = read_form(request, app.limits).await?;
        let form = Form::parse(&incoming.body)?;
        app.issuer.revoke(incoming.evidence(&form)?).await?;
        Ok(StatusCode::OK.into_response())
    })
    .await
}
