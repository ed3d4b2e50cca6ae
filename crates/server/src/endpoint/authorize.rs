//! `/oauth2/authorize` (RFC 6749 section 3.1, OpenID Connect Core section 3.1.2).

use axum::{body::Body, extract::State, response::Response};
use http::Request;
use tokenbind_issuer::{
    authorization::{Decision, UserAnswer},
    form::Form,
};
use url::form_urlencoded;

use super::{
    App, answer, consent,
    refusal::{Refusal, counted_page},
    sign_in::{self, Asked},
};
use crate::{
    request::{Visitor, read_form},
    response::see_other,
};

pub(super) async fn by_get(State(app): State<App>, request: Request<Body>) -> Response {
    counted_page(&app, &app.authorize, async {
        let (request, _) = request.into_parts();
        let query = request.uri.query().unwrap_or_default();
        app.limits.check_query(query)?;
        decide(&app, &Visitor::of(&request)?, query, UserAnswer::None).await
    })
    .await
}

/// Browsers do not show the session's cookie to a form that another site posts (`SameSite=Lax`), but do
/// when they are led here by GET. OpenID Connect Core section 3.1.2.1 asks for both methods.
pub(super) async fn by_post(State(app): State<App>, request: Request<Body>) -> Response {
    counted_page(&app, &app.authorize, async {
        let incoming = read_form(request, app.limits).await?;
        let parameters = Form::parse_with_repeats(&incoming.body)?;
        Ok(see_other(app.site.authorize(Some(&query_of(&parameters))))?)
    })
    .await
}

/// The parameters as a query.
pub(super) fn query_of(parameters: &Form<'_>) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters.pairs()).finish()
}

/// Decides on `request`, the query of an authorization request, and does what comes of it.
pub(super) async fn decide(
    app: &App,
    visitor: &Visitor,
    request: &str,
    user_answer: UserAnswer,
) -> Result<Response, Refusal> {
    // The application is told of a repeated parameter (RFC 6749 section 4.1.2.1).
    let parameters = Form::parse_with_repeats(request.as_bytes())?;
    let decision = app.issuer.authorize(&parameters, visitor.browser(), user_answer).await?;
    carry_out(app, visitor, request, decision)
}

/// Shows the page, or sends the browser to where it belongs.
pub(super) fn carry_out(
    app: &App,
    visitor: &Visitor,
    request: &str,
    decision: Decision,
) -> Result<Response, Refusal> {
    match decision {
        Decision::Refused(error) => Err(error.into()),
        Decision::SignIn(prompt) => Ok(sign_in::page(app, visitor, &Asked::by(request, &prompt))?),
        Decision::Consent(prompt) => Ok(consent::page(app, visitor, request, &prompt)?),
        Decision::Answer(answer) => Ok(answer::send(app, &answer)?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_posted_request_is_a_query_with_the_same_parameters() {
        let body = b"scope=openid%20email&state=%26%3d\n&empty=&n=%C3%A9&n=2";
        let query = query_of(&Form::parse_with_repeats(body).unwrap());
        assert_eq!(query, "scope=openid+email&state=%26%3D&empty=&n=%C3%A9&n=2");
    }
}
