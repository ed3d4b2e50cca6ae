//! `/account`: what users see and end of their own.

use std::sync::Arc;

use axum::{body::Body, extract::State, response::Response};
use http::{Request, StatusCode};
use tokenbind_binding::{ClientId, Clock, Timestamp};
use tokenbind_issuer::{
    ErrorCode, OAuthError,
    account::{Account, ConnectedApplication},
    form::Form,
    session::LoginSession,
};

use super::{
    App, logout,
    refusal::{Refusal, counted_page, must_be_own},
    sign_in::{self, Asked},
};
use crate::{
    csrf::CsrfToken,
    error_response::error_response,
    pages::{
        AccountPage, ApplicationRow, Moment, Notice, PasswordError, PasswordField, Permission,
        Policy, SessionRow, browser_name, html, sentence,
    },
    request::{Incoming, Visitor, read_form},
    response::see_other,
    system::{SystemClock, SystemRandom},
};

/// The parameter of the page's address that says what was just done.
const DONE: &str = "done";

/// What somebody wants who visits the server without a path.
pub(super) async fn lead_here(State(app): State<App>) -> Response {
    back(&app, None).unwrap_or_else(|error| error_response(&error))
}

pub(super) async fn show(State(app): State<App>, request: Request<Body>) -> Response {
    counted_page(&app, &app.account, async {
        let (request, _) = request.into_parts();
        let visitor = Visitor::of(&request)?;
        let query = Form::parse(request.uri.query().unwrap_or_default().as_bytes())?;
        let notice = query.get(DONE).and_then(Notice::find);
        match app.issuer.account(&visitor.cookies).await? {
            Some(account) => Ok(page(&app, &visitor, &account, notice, None)?),
            None => Ok(sign_in::page(&app, &visitor, &Asked::for_account(notice))?),
        }
    })
    .await
}

pub(super) async fn end_session(State(app): State<App>, request: Request<Body>) -> Response {
    counted_page(&app, &app.account, async {
        let incoming = read_form(request, app.limits).await?;
        let form = Form::parse(&incoming.body)?;
        let Some(current) = signed_in(&app, &incoming, &form).await? else {
            return Ok(back(&app, None)?);
        };
        let id = form.get("session").and_then(|text| text.parse().ok());
        let id = id.ok_or_else(|| refuse("session must be the id of one of your sessions"))?;
        if id == current.session.id {
            return logout::sign_out(&app, &incoming.visitor).await;
        }
        match app.issuer.end_own_session(&current, id).await {
            Ok(()) => Ok(back(&app, Some(Notice::SessionEnded))?),
            // It is over already, as was wanted.
            Err(error) if error.code == ErrorCode::InvalidRequest => Ok(back(&app, None)?),
            Err(error) => Err(error.into()),
        }
    })
    .await
}

pub(super) async fn end_other_sessions(State(app): State<App>, request: Request<Body>) -> Response {
    counted_page(&app, &app.account, async {
        let incoming = read_form(request, app.limits).await?;
        let form = Form::parse(&incoming.body)?;
        let Some(current) = signed_in(&app, &incoming, &form).await? else {
            return Ok(back(&app, None)?);
        };
        let account = app.issuer.account(&incoming.visitor.cookies).await?;
        let sessions = account.into_iter().flat_map(|account| account.sessions);
        for session in sessions.filter(|session| session.session.id != current.session.id) {
            match app.issuer.end_own_session(&current, session.session.id).await {
                Err(error) if error.code != ErrorCode::InvalidRequest => return Err(error.into()),
                _ => {}
            }
        }
        Ok(back(&app, Some(Notice::OthersEnded))?)
    })
    .await
}

pub(super) async fn end_application(State(app): State<App>, request: Request<Body>) -> Response {
    counted_page(&app, &app.account, async {
        let incoming = read_form(request, app.limits).await?;
        let form = Form::parse(&incoming.body)?;
        let Some(current) = signed_in(&app, &incoming, &form).await? else {
            return Ok(back(&app, None)?);
        };
        let client_id = form.get("application").ok_or_else(|| refuse("application is missing"))?;
        app.issuer.end_own_connection(&current, &ClientId::from(client_id)).await?;
        Ok(back(&app, Some(Notice::ApplicationEnded))?)
    })
    .await
}

pub(super) async fn change_password(State(app): State<App>, request: Request<Body>) -> Response {
    counted_page(&app, &app.account, async {
        let incoming = read_form(request, app.limits).await?;
        let form = Form::parse(&incoming.body)?;
        let Some(current) = signed_in(&app, &incoming, &form).await? else {
            return Ok(back(&app, None)?);
        };
        match try_password(&app, &current, &incoming.visitor, &form).await {
            Ok(()) => Ok(back(&app, Some(Notice::PasswordChanged))?),
            Err((_, error)) if error.code == ErrorCode::TemporarilyUnavailable => Err(error.into()),
            Err((field, error)) => password_again(&app, &incoming.visitor, field, &error).await,
        }
    })
    .await
}

/// Changes the password, or says which field is at fault.
async fn try_password(
    app: &App,
    current: &LoginSession,
    visitor: &Visitor,
    form: &Form<'_>,
) -> Result<(), (PasswordField, OAuthError)> {
    let refuse =
        |field, description| Err((field, OAuthError::new(ErrorCode::InvalidRequest, description)));
    let Some(old) = form.get("current") else {
        return refuse(PasswordField::Current, "enter your current password");
    };
    let Some(new) = form.get("new") else {
        return refuse(PasswordField::New, "enter a new password");
    };
    if form.get("repeated") != Some(new) {
        return refuse(PasswordField::Repeated, "this is not the same as the new password");
    }
    let changed = app.issuer.change_own_password(current, visitor.address(), old, new).await;
    changed.map_err(|error| match error.code {
        ErrorCode::InvalidRequest => (PasswordField::New, error),
        ErrorCode::InvalidGrant => {
            let description = "this is not your current password".into();
            (PasswordField::Current, OAuthError { description, ..error })
        }
        _ => (PasswordField::Current, error),
    })
}

async fn password_again(
    app: &App,
    visitor: &Visitor,
    field: PasswordField,
    error: &OAuthError,
) -> Result<Response, Refusal> {
    let Some(account) = app.issuer.account(&visitor.cookies).await? else {
        return Ok(back(app, None)?);
    };
    let fault = PasswordError { field, sentence: sentence(&error.description) };
    let page = page(app, visitor, &account, None, Some(fault))?;
    Err(Refusal::Page(error.code, Box::new(page)))
}

/// The session of whoever posts a form of the account page; none if it is over.
async fn signed_in(
    app: &App,
    incoming: &Incoming,
    form: &Form<'_>,
) -> Result<Option<Arc<LoginSession>>, Refusal> {
    must_be_own(form, &incoming.visitor, || app.site.at("/account"))?;
    Ok(app.issuer.current_session(&incoming.visitor.cookies).await?)
}

/// Back to the page, by GET, so that to load it again repeats nothing.
fn back(app: &App, notice: Option<Notice>) -> Result<Response, OAuthError> {
    let done = notice.map(|notice| format!("?{DONE}={}", notice.word())).unwrap_or_default();
    see_other(app.site.at("/account") + &done)
}

fn refuse(description: &'static str) -> Refusal {
    OAuthError::new(ErrorCode::InvalidRequest, description).into()
}

fn page(
    app: &App,
    visitor: &Visitor,
    account: &Account,
    notice: Option<Notice>,
    password_error: Option<PasswordError>,
) -> Result<Response, OAuthError> {
    let csrf = CsrfToken::of(&visitor.csrf, &SystemRandom);
    let now = SystemClock.now().timestamp();
    let idle = app.issuer.config().session_idle;
    let mut sessions: Vec<_> =
        account.sessions.iter().map(|each| session_row(each, account, idle, now)).collect();
    sessions.sort_by_key(|row| !row.current);
    let page = AccountPage {
        site: &app.site,
        csrf: csrf.field(),
        username: &account.current.facts.username,
        notice: notice.map(Notice::sentence),
        sessions,
        applications: account.applications.iter().map(|each| application_row(each, now)).collect(),
        password_error,
    };
    csrf.keep(html(StatusCode::OK, &page, &Policy::own())?)
}

fn session_row(session: &LoginSession, account: &Account, idle: u64, now: Timestamp) -> SessionRow {
    let LoginSession { session, facts } = session;
    // A use puts the idle end `idle` seconds off.
    let used = Timestamp::from_secs(session.idle_until.as_secs().saturating_sub(idle));
    SessionRow {
        id: session.id.to_string(),
        browser: browser_name(facts.user_agent.as_deref()),
        current: session.id == account.current.session.id,
        since: Moment::of(session.id.instant().timestamp(), now),
        used: Moment::of(used.min(now), now),
    }
}

fn application_row(application: &ConnectedApplication, now: Timestamp) -> ApplicationRow {
    let ConnectedApplication { name, connection } = application;
    ApplicationRow {
        client_id: connection.client_id.to_string(),
        name: name.clone(),
        since: Moment::of(connection.since, now),
        permissions: Permission::list(connection.scope.words()),
    }
}
