//! `POST /sign-in`: the form of the sign-in page.

use axum::{body::Body, extract::State, response::Response};
use http::{Request, StatusCode, header};
use tokenbind_issuer::{
    ErrorCode, OAuthError,
    authorization::{Decision, SignInPrompt, UserAnswer, request_after_sign_in},
    device::USER_CODE,
    form::Form,
};

use super::{
    App, authorize,
    refusal::{Refusal, counted_page, must_be_own},
};
use crate::{
    cookies,
    csrf::CsrfToken,
    error_response::page_status,
    pages::{Notice, Policy, SignInPage, html, sentence},
    request::{Visitor, read_form},
    response::see_other,
    system::SystemRandom,
};

/// What the sign-in page says and carries along.
#[derive(Default)]
pub(super) struct Asked<'a> {
    request: Option<&'a str>,
    prompt: Option<&'a SignInPrompt>,
    device: Option<&'a str>,
    tried: Option<&'a str>,
    error: Option<&'a str>,
    notice: Option<Notice>,
}

impl<'a> Asked<'a> {
    /// By an application, with this request.
    pub(super) fn by(request: &'a str, prompt: &'a SignInPrompt) -> Self {
        let request = prompt.request.as_deref().unwrap_or(request);
        Self { request: Some(request), prompt: Some(prompt), ..Self::default() }
    }

    /// By the user, who wants to see their account.
    pub(super) fn for_account(notice: Option<Notice>) -> Self {
        Self { notice, ..Self::default() }
    }

    /// By the user, who wants to connect a device, perhaps with its code at hand.
    pub(super) fn for_device(user_code: Option<&'a str>) -> Self {
        Self { device: Some(user_code.unwrap_or_default()), ..Self::default() }
    }
}

/// The sign-in page.
pub(super) fn page(
    app: &App,
    visitor: &Visitor,
    asked: &Asked<'_>,
) -> Result<Response, OAuthError> {
    let csrf = CsrfToken::of(&visitor.csrf, &SystemRandom);
    let hint = asked.prompt.and_then(|prompt| prompt.login_hint.as_deref());
    let application = asked.prompt.map(|prompt| &prompt.application);
    let page = SignInPage {
        site: &app.site,
        csrf: csrf.field(),
        request: asked.request,
        application,
        device: asked.device,
        username: asked.tried.or(hint).unwrap_or_default(),
        current: asked.prompt.and_then(|prompt| prompt.current.as_deref()),
        error: asked.error,
        notice: asked.notice.map(Notice::sentence),
    };
    let policy = application.map_or_else(Policy::own, |face| Policy::towards(&face.form_action));
    csrf.keep(html(StatusCode::OK, &page, &policy)?)
}

pub(super) async fn answer(State(app): State<App>, request: Request<Body>) -> Response {
    counted_page(&app, &app.sign_in, async {
        let incoming = read_form(request, app.limits).await?;
        let form = Form::parse(&incoming.body)?;
        let request = form.get("request");
        must_be_own(&form, &incoming.visitor, || match device_of(&form) {
            Some(user_code) => app.site.device(Some(user_code).filter(|code| !code.is_empty())),
            None => app.site.authorize(request),
        })?;
        match request {
            Some(request) if form.get("cancel").is_some() => {
                authorize::decide(&app, &incoming.visitor, request, UserAnswer::Denied).await
            }
            Some(request) if form.get("continue").is_some() => {
                authorize::decide(&app, &incoming.visitor, request, UserAnswer::Chosen).await
            }
            _ => sign_in(&app, &incoming.visitor, &form).await,
        }
    })
    .await
}

/// The user is known now: back to the request, which no longer asks for a sign-in, or to the device.
fn go_on(app: &App, form: &Form<'_>) -> Result<Response, OAuthError> {
    if let Some(user_code) = device_of(form) {
        return see_other(app.site.device(Some(user_code).filter(|code| !code.is_empty())));
    }
    let request = form.get("request").map(request_after_sign_in).transpose()?;
    see_other(app.site.authorize(request.as_deref()))
}

/// The code of the device that is to be connected after the sign-in; empty if it is yet to be typed.
fn device_of<'a>(form: &'a Form<'_>) -> Option<&'a str> {
    let connects = form.get("go_on") == Some("device");
    connects.then(|| form.get(USER_CODE).unwrap_or_default())
}

async fn sign_in(app: &App, visitor: &Visitor, form: &Form<'_>) -> Result<Response, Refusal> {
    let (Some(username), Some(password)) = (form.get("username"), form.get("password")) else {
        let error = OAuthError::new(
            ErrorCode::InvalidRequest,
            "enter both your username and your password",
        );
        return again(app, visitor, form, error).await;
    };
    match app.issuer.sign_in(username, password, visitor.browser()).await {
        Ok(signed_in) => {
            let mut response = go_on(app, form)?;
            if let Some(handle) = &signed_in.cookie {
                let cookie = cookies::session(handle)?;
                response.headers_mut().append(header::SET_COOKIE, cookie);
            }
            Ok(response)
        }
        Err(error) => again(app, visitor, form, error).await,
    }
}

/// The page once more, with the reason. It is an ordinary page (status 200): a 401 has to carry a challenge
/// (RFC 9110 section 15.5.2), and browsers answer the challenges that they know with a dialog of their own.
async fn again(
    app: &App,
    visitor: &Visitor,
    form: &Form<'_>,
    error: OAuthError,
) -> Result<Response, Refusal> {
    if error.code == ErrorCode::TemporarilyUnavailable {
        return Err(error.into());
    }
    let reason = sentence(&error.description);
    let (request, tried) = (form.get("request"), form.get("username"));
    let device = device_of(form);
    let asked = Asked { request, device, tried, error: Some(&reason), ..Asked::default() };
    let page = match request {
        None => page(app, visitor, &asked)?,
        Some(request) => {
            let parameters = Form::parse_with_repeats(request.as_bytes())?;
            let failed = UserAnswer::SignInFailed;
            match app.issuer.authorize(&parameters, visitor.browser(), failed).await? {
                Decision::SignIn(prompt) => {
                    page(app, visitor, &Asked { prompt: Some(&prompt), ..asked })?
                }
                other => return authorize::carry_out(app, visitor, request, other),
            }
        }
    };
    Err(Refusal::Page(error.code, Box::new(slowed_down(page, &error))))
}

/// Says when to try again to whoever failed too often.
fn slowed_down(mut page: Response, error: &OAuthError) -> Response {
    if let ErrorCode::TooManyAttempts { .. } = error.code {
        let (status, extra) = page_status(error);
        *page.status_mut() = status;
        page.headers_mut().extend(extra);
    }
    page
}
