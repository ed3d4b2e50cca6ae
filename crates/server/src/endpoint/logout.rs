//! `/oauth2/logout` (OpenID Connect RP-Initiated Logout 1.0), and the page that asks the user first.

use axum::{body::Body, extract::State, response::Response};
use http::{Request, StatusCode, header};
use tokenbind_binding::ShownCookie;
use tokenbind_issuer::{
    OAuthError,
    form::Form,
    logout::{Confirmation, LoggedOut, LogoutDecision},
};

use super::{
    App,
    authorize::query_of,
    refusal::{Refusal, counted_page, must_be_own},
};
use crate::{
    cookies,
    csrf::CsrfToken,
    pages::{Link, MessagePage, Policy, SignOutPage, SignedOutPage, html, origin_source, sentence},
    request::{Visitor, read_form},
    response::see_other,
    system::SystemRandom,
};

pub(super) async fn by_get(State(app): State<App>, request: Request<Body>) -> Response {
    counted_page(&app, &app.logout, async {
        let (request, _) = request.into_parts();
        let query = request.uri.query().unwrap_or_default();
        app.limits.check_query(query)?;
        decide(&app, &Visitor::of(&request)?, query, Confirmation::None).await
    })
    .await
}

/// RP-Initiated Logout section 2 asks for both methods. Browsers do not show the session's cookie to a form
/// that another site posts (`SameSite=Lax`), but do when they are led here by GET.
pub(super) async fn by_post(State(app): State<App>, request: Request<Body>) -> Response {
    counted_page(&app, &app.logout, async {
        let incoming = read_form(request, app.limits).await?;
        let parameters = Form::parse(&incoming.body)?;
        Ok(see_other(address(&app, &query_of(&parameters)))?)
    })
    .await
}

/// The form of the page that asks.
pub(super) async fn confirmed(State(app): State<App>, request: Request<Body>) -> Response {
    counted_page(&app, &app.logout, async {
        let incoming = read_form(request, app.limits).await?;
        let form = Form::parse(&incoming.body)?;
        let request = form.get("request").unwrap_or_default();
        must_be_own(&form, &incoming.visitor, || address(&app, request))?;
        decide(&app, &incoming.visitor, request, Confirmation::Given).await
    })
    .await
}

/// Signs the user of this browser out, who asked for it on a page of ours.
pub(super) async fn sign_out(app: &App, visitor: &Visitor) -> Result<Response, Refusal> {
    decide(app, visitor, "", Confirmation::Given).await
}

async fn decide(
    app: &App,
    visitor: &Visitor,
    request: &str,
    confirmation: Confirmation,
) -> Result<Response, Refusal> {
    let parameters = Form::parse(request.as_bytes())?;
    match app.issuer.log_out(&parameters, &visitor.cookies, confirmation).await? {
        LogoutDecision::Refused(error) => Err(refused(app, &error)?),
        LogoutDecision::Confirm { username, redirect_uri } => {
            Ok(ask(app, visitor, request, &username, redirect_uri.as_deref())?)
        }
        LogoutDecision::LoggedOut(logged_out) => Ok(done(app, visitor, &logged_out)?),
    }
}

fn address(app: &App, query: &str) -> String {
    let separator = if query.is_empty() { "" } else { "?" };
    format!("{}{separator}{query}", app.site.at("/oauth2/logout"))
}

fn refused(app: &App, error: &OAuthError) -> Result<Refusal, OAuthError> {
    let page = MessagePage {
        site: &app.site,
        heading: "This sign-out cannot be answered",
        text: "Nobody was signed out, since something is wrong with the request that brought you \
               here. You can sign out here, and tell whoever runs the application what is written \
               here:",
        detail: Some((error.code.as_str(), sentence(&error.description))),
        link: Some(Link { address: address(app, ""), text: "Sign out" }),
    };
    let page = html(StatusCode::BAD_REQUEST, &page, &Policy::own())?;
    Ok(Refusal::Page(error.code, Box::new(page)))
}

fn ask(
    app: &App,
    visitor: &Visitor,
    request: &str,
    username: &str,
    redirect_uri: Option<&str>,
) -> Result<Response, OAuthError> {
    let csrf = CsrfToken::of(&visitor.csrf, &SystemRandom);
    let page = SignOutPage { site: &app.site, csrf: csrf.field(), request, username };
    let policy = match redirect_uri.and_then(origin_source) {
        Some(source) => Policy::towards(&source),
        None => Policy::own(),
    };
    csrf.keep(html(StatusCode::OK, &page, &policy)?)
}

/// Straight on to where the application wants the browser, unless a page has to embed others first
/// (OpenID Connect Front-Channel Logout 1.0 section 3).
fn done(app: &App, visitor: &Visitor, logged_out: &LoggedOut) -> Result<Response, OAuthError> {
    let mut response = match &logged_out.redirect_uri {
        Some(uri) if logged_out.frontchannel.is_empty() => see_other(uri.clone())?,
        uri => signed_out(app, &logged_out.frontchannel, uri.as_deref())?,
    };
    if visitor.cookies.session != ShownCookie::Absent {
        response.headers_mut().append(header::SET_COOKIE, cookies::no_session()?);
    }
    Ok(response)
}

fn signed_out(
    app: &App,
    frontchannel: &[String],
    redirect_uri: Option<&str>,
) -> Result<Response, OAuthError> {
    let page = SignedOutPage { site: &app.site, frontchannel, redirect_uri };
    let policy = Policy::own().embedding(frontchannel.iter().map(String::as_str));
    html(StatusCode::OK, &page, &policy)
}
