//! `POST /oauth2/introspect` (RFC 7662).

use axum::{body::Body, extract::State, response::Response};
use http::{Request, StatusCode};
use tokenbind_issuer::{Endpoint, form::Form};

use super::{App, counted, private_json};
use crate::request::read_form;

pub(super) async fn answer(State(app): State<App>, request: Request<Body>) -> Response {
    counted(&app.introspect, async {
        let incoming = read_form(request, app.limits).await?;
        let form = Form::parse(&incoming.body)?;
        let introspection =
            app.issuer.introspect(incoming.evidence(&form, Endpoint::Introspection)?).await?;
        private_json(StatusCode::OK, &introspection)
    })
    .await
}
