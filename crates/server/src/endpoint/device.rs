//! `/device`: the verification page (RFC 8628 section 3.3), and the picture of its address.

use axum::{
    body::Body,
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderName, HeaderValue, Request, StatusCode, header};
use tokenbind_binding::Clock;
use tokenbind_issuer::{
    ErrorCode, OAuthError,
    device::{
        DeviceAnswerOutcome, DeviceDecision, DevicePrompt, DeviceStep, MalformedUserCode,
        ShownDevice, USER_CODE, UserCode, WrongCode,
    },
    form::Form,
};

use super::{
    App, counted,
    refusal::{Refusal, counted_page, must_be_own},
    sign_in::{self, Asked},
};
use crate::{
    csrf::CsrfToken,
    pages::{
        DeviceCodePage, DeviceConfirmPage, MessagePage, Moment, Permission, Policy, browser_name,
        html, qr_picture, sentence,
    },
    request::{Visitor, read_form},
    response::{broken, keep_private, see_other},
    system::{SystemClock, SystemRandom},
};

/// What nobody is told from a picture: it loads nothing, and nothing may be made of it.
const PICTURE_POLICY: HeaderValue =
    HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'; sandbox");

/// The page of a device, which is of another origin, may show it.
const FOR_EVERY_PAGE: (HeaderName, HeaderValue) = (
    HeaderName::from_static("cross-origin-resource-policy"),
    HeaderValue::from_static("cross-origin"),
);

pub(super) async fn show(State(app): State<App>, request: Request<Body>) -> Response {
    counted_page(&app, &app.device, async {
        let (request, _) = request.into_parts();
        let query = request.uri.query().unwrap_or_default();
        app.limits.check_query(query)?;
        let query = Form::parse(query.as_bytes())?;
        let visitor = Visitor::of(&request)?;
        let typed = query.get(USER_CODE);
        Ok(match app.issuer.device_step(typed, visitor.browser()).await? {
            DeviceStep::SignIn => sign_in::page(&app, &visitor, &Asked::for_device(typed))?,
            DeviceStep::AskCode { username, wrong } => code_page(&app, &username, typed, wrong)?,
            DeviceStep::Confirm(prompt) => confirm_page(&app, &visitor, &prompt)?,
        })
    })
    .await
}

pub(super) async fn answer(State(app): State<App>, request: Request<Body>) -> Response {
    counted_page(&app, &app.device, async {
        let incoming = read_form(request, app.limits).await?;
        let form = Form::parse(&incoming.body)?;
        let user_code = form.get(USER_CODE);
        must_be_own(&form, &incoming.visitor, || app.site.device(user_code))?;
        let decision = match form.get("decision") {
            Some("approve") => DeviceDecision::Approve,
            Some("deny") => DeviceDecision::Deny,
            Some("switch") => {
                let asked = Asked::for_device(user_code);
                return Ok(sign_in::page(&app, &incoming.visitor, &asked)?);
            }
            _ => return Err(refuse("decision must be approve, deny or switch")),
        };
        decide(&app, &incoming.visitor, &form, decision).await
    })
    .await
}

/// The picture of the page's address with this code. It is drawn without asking whether there is such a code, so
/// that nobody learns of one here.
pub(super) async fn picture(State(app): State<App>, request: Request<Body>) -> Response {
    let (request, _) = request.into_parts();
    counted(&app.device_picture, async {
        let query = Form::parse(request.uri.query().unwrap_or_default().as_bytes())?;
        let user_code: UserCode = query.get(USER_CODE).unwrap_or_default().parse().map_err(
            |malformed: MalformedUserCode| {
                OAuthError::new(ErrorCode::InvalidRequest, malformed.to_string())
            },
        )?;
        let address = app.issuer.verification_uri_complete(user_code);
        let picture = qr_picture(&address).map_err(|error| broken(&error))?;
        let mut response = picture.into_response();
        let headers = response.headers_mut();
        keep_private(headers);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("image/svg+xml"));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(header::CONTENT_SECURITY_POLICY, PICTURE_POLICY);
        headers.insert(FOR_EVERY_PAGE.0, FOR_EVERY_PAGE.1);
        Ok(response)
    })
    .await
}

async fn decide(
    app: &App,
    visitor: &Visitor,
    form: &Form<'_>,
    decision: DeviceDecision,
) -> Result<Response, Refusal> {
    let field = |name| form.get(name).unwrap_or_default();
    let username = field("username");
    let shown = ShownDevice { user_code: field(USER_CODE), device: field("device"), username };
    match app.issuer.answer_device(shown, decision, visitor.browser()).await? {
        DeviceAnswerOutcome::Approved { application } => {
            let text = format!(
                "{application} goes on by itself in a few seconds. You may close this window now."
            );
            Ok(result_page(app, "Your device is connected", &text)?)
        }
        DeviceAnswerOutcome::Denied => {
            let text = "The device gets no access. You may close this window now.";
            Ok(result_page(app, "You said no", text)?)
        }
        DeviceAnswerOutcome::Late(wrong) => Ok(code_page(app, username, None, Some(wrong))?),
        DeviceAnswerOutcome::AskAgain => Ok(see_other(app.site.device(form.get(USER_CODE)))?),
    }
}

fn code_page(
    app: &App,
    username: &str,
    typed: Option<&str>,
    wrong: Option<WrongCode>,
) -> Result<Response, OAuthError> {
    let wrong = wrong.map(|wrong| sentence(&wrong.to_string()));
    let page = DeviceCodePage {
        site: &app.site,
        username,
        typed: typed.unwrap_or_default(),
        wrong: wrong.as_deref(),
    };
    html(StatusCode::OK, &page, &Policy::own())
}

fn confirm_page(
    app: &App,
    visitor: &Visitor,
    prompt: &DevicePrompt,
) -> Result<Response, OAuthError> {
    let csrf = CsrfToken::of(&visitor.csrf, &SystemRandom);
    let page = DeviceConfirmPage {
        site: &app.site,
        csrf: csrf.field(),
        application: &prompt.application,
        described_by: prompt.described_by.as_deref(),
        username: &prompt.username,
        user_code: prompt.user_code.to_string(),
        device: prompt.device.to_string(),
        since: Moment::of(prompt.since, SystemClock.now().timestamp()),
        address: prompt.address,
        device_name: prompt.user_agent.as_deref().map(|name| browser_name(Some(name))),
        permissions: Permission::list(prompt.scope.iter().map(String::as_str)),
        resources: &prompt.resources,
    };
    csrf.keep(html(StatusCode::OK, &page, &Policy::own())?)
}

fn result_page(app: &App, heading: &str, text: &str) -> Result<Response, OAuthError> {
    let page = MessagePage { site: &app.site, heading, text, detail: None, link: None };
    html(StatusCode::OK, &page, &Policy::own())
}

fn refuse(description: &'static str) -> Refusal {
    OAuthError::new(ErrorCode::InvalidRequest, description).into()
}
