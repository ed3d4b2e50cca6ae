//! `POST /consent`: the form of the consent page.

use axum::{body::Body, extract::State, response::Response};
use http::{Request, StatusCode};
use tokenbind_issuer::{
    ErrorCode, OAuthError,
    authorization::{ConsentPrompt, UserAnswer},
    form::Form,
};

use super::{
    App,
    authorize::{decide, query_of},
    refusal::{Refusal, counted_page, must_be_own},
};
use crate::{
    csrf::CsrfToken,
    pages::{ConsentPage, Permission, Policy, html},
    request::{Visitor, read_form},
    response::see_other,
    system::SystemRandom,
};

/// The consent page.
pub(super) fn page(
    app: &App,
    visitor: &Visitor,
    request: &str,
    prompt: &ConsentPrompt,
) -> Result<Response, OAuthError> {
    let csrf = CsrfToken::of(&visitor.csrf, &SystemRandom);
    let page = ConsentPage {
        site: &app.site,
        csrf: csrf.field(),
        request: prompt.request.as_deref().unwrap_or(request),
        application: &prompt.application,
        username: &prompt.username,
        permissions: Permission::list(prompt.scope.iter().map(String::as_str)),
        resources: &prompt.resources,
    };
    let policy = Policy::towards(&prompt.application.form_action);
    csrf.keep(html(StatusCode::OK, &page, &policy)?)
}

pub(super) async fn answer(State(app): State<App>, request: Request<Body>) -> Response {
    counted_page(&app, &app.consent, async {
        let incoming = read_form(request, app.limits).await?;
        let form = Form::parse(&incoming.body)?;
        let request = form.get("request");
        must_be_own(&form, &incoming.visitor, || app.site.authorize(request))?;
        let request = request.ok_or_else(|| refuse("the form has no request"))?;
        let answer = match form.get("decision") {
            Some("allow") => UserAnswer::Consented,
            Some("deny") => UserAnswer::Denied,
            Some("switch") => UserAnswer::OtherAccount,
            _ => return Err(refuse("decision must be allow, deny or switch")),
        };
        let switches = answer == UserAnswer::OtherAccount;
        if switches || is_who_was_asked(&app, &incoming.visitor, &form).await? {
            decide(&app, &incoming.visitor, request, answer).await
        } else {
            let parameters = Form::parse_with_repeats(request.as_bytes())?;
            Ok(see_other(app.site.authorize(Some(&query_of(&parameters))))?)
        }
    })
    .await
}

fn refuse(description: &'static str) -> Refusal {
    OAuthError::new(ErrorCode::InvalidRequest, description).into()
}

/// Whether the page was shown to the user who is signed in. Meanwhile somebody else may have signed in, in
/// another tab: one user's word is not the other's.
async fn is_who_was_asked(app: &App, visitor: &Visitor, form: &Form<'_>) -> Result<bool, Refusal> {
    let session = app.issuer.current_session(&visitor.cookies).await?;
    Ok(session.is_some_and(|session| form.get("username") == Some(&*session.facts.username)))
}
