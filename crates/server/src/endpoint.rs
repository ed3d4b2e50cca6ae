//! The endpoints: from HTTP to the rules and back.

mod account;
mod answer;
mod assets;
mod authorize;
mod client_certificate;
mod consent;
mod device;
mod device_authorization;
mod health;
mod introspect;
mod logout;
mod metadata;
mod par;
mod refusal;
mod register;
mod revoke;
mod sign_in;
mod token;
mod userinfo;

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    extract::State,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use futures_util::FutureExt as _;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Serialize;
use tokenbind_binding::Clock;
use tokenbind_issuer::{
    Issuer, OAuthError,
    device::{PICTURE_PATH, VERIFICATION_PATH},
    resource::WELL_KNOWN,
};

use self::refusal::nothing_here;
use crate::{
    config, error_response::error_response, metrics::EndpointMetrics, pages::Site,
    request::RequestLimits, response::broken, system::SystemClock,
};

const NO_SUCH_ENDPOINT: &str = "there is no such endpoint";

/// What all endpoints share.
#[derive(Clone)]
struct App(Arc<Shared>);

struct Shared {
    issuer: Arc<Issuer>,
    limits: RequestLimits,
    site: Site,
    cookie: config::Cookie,
    authorize: EndpointMetrics,
    sign_in: EndpointMetrics,
    consent: EndpointMetrics,
    device: EndpointMetrics,
    device_picture: EndpointMetrics,
    logout: EndpointMetrics,
    account: EndpointMetrics,
    userinfo: EndpointMetrics,
    token: EndpointMetrics,
    par: EndpointMetrics,
    device_authorization: EndpointMetrics,
    introspect: EndpointMetrics,
    revoke: EndpointMetrics,
    register: EndpointMetrics,
}

impl std::ops::Deref for App {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

/// All endpoints of the authorization server.
pub(crate) fn router(issuer: Arc<Issuer>, limits: RequestLimits, cookie: config::Cookie) -> Router {
    let app = App(Arc::new(Shared {
        site: Site::of(&issuer.config().issuer),
        issuer,
        limits,
        cookie,
        authorize: EndpointMetrics::new("authorize"),
        sign_in: EndpointMetrics::new("sign_in"),
        consent: EndpointMetrics::new("consent"),
        device: EndpointMetrics::new("device"),
        device_picture: EndpointMetrics::new("device_picture"),
        logout: EndpointMetrics::new("logout"),
        account: EndpointMetrics::new("account"),
        userinfo: EndpointMetrics::new("userinfo"),
        token: EndpointMetrics::new("token"),
        par: EndpointMetrics::new("par"),
        device_authorization: EndpointMetrics::new("device_authorization"),
        introspect: EndpointMetrics::new("introspect"),
        revoke: EndpointMetrics::new("revoke"),
        register: EndpointMetrics::new("register"),
    }));
    pages()
        .merge(well_known())
        .route(
            "/oauth2/userinfo",
            get(userinfo::answer).post(userinfo::answer).options(userinfo::preflight),
        )
        .route("/oauth2/token", post(token::answer).options(token::preflight))
        .route("/oauth2/par", post(par::answer).options(par::preflight))
        .route(
            "/oauth2/device_authorization",
            post(device_authorization::answer).options(device_authorization::preflight),
        )
        .route("/oauth2/introspect", post(introspect::answer))
        .route("/oauth2/revoke", post(revoke::answer).options(revoke::preflight))
        .route("/oauth2/jwks", get(metadata::jwks).options(metadata::preflight))
        .route("/oauth2/client-certificate", get(client_certificate::answer))
        .route("/oauth2/register", post(register::create))
        .route(
            "/oauth2/register/{client_id}",
            get(register::read).put(register::update).delete(register::delete),
        )
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .method_not_allowed_fallback(async |State(app): State<App>, headers: HeaderMap| {
            let description = "this endpoint does not take that method";
            nothing_here(&app.site, &headers, StatusCode::METHOD_NOT_ALLOWED, description)
        })
        .fallback(async |State(app): State<App>, headers: HeaderMap| {
            nothing_here(&app.site, &headers, StatusCode::NOT_FOUND, NO_SUCH_ENDPOINT)
        })
        .with_state(app)
}

/// The documents that describe the server (RFC 8615).
fn well_known() -> Router<App> {
    let below = |name: &str| format!("{name}/{{*path}}");
    let [oauth, openid] = [metadata::OAUTH_SERVER, metadata::OPENID_PROVIDER];
    let server = || get(metadata::server).options(metadata::preflight);
    let by_path = || get(metadata::server_by_path).options(metadata::preflight);
    Router::new()
        .route(oauth, server())
        .route(openid, server())
        .route(&below(oauth), by_path())
        .route(&below(openid), by_path())
        .route(&below(WELL_KNOWN), get(metadata::resource).options(metadata::preflight))
}

/// What people visit, and what their pages load.
fn pages() -> Router<App> {
    Router::new()
        .route("/", get(account::lead_here))
        .route("/oauth2/authorize", get(authorize::by_get).post(authorize::by_post))
        .route("/sign-in", post(sign_in::answer))
        .route("/consent", post(consent::answer))
        .route(VERIFICATION_PATH, get(device::show).post(device::answer))
        .route(PICTURE_PATH, get(device::picture))
        .route("/oauth2/logout", get(logout::by_get).post(logout::by_post))
        .route("/logout/confirm", post(logout::confirmed))
        .route("/account", get(account::show))
        .route("/account/sessions/end", post(account::end_session))
        .route("/account/sessions/end-others", post(account::end_other_sessions))
        .route("/account/applications/end", post(account::end_application))
        .route("/account/password", post(account::change_password))
        .route("/assets/style.css", get(assets::style))
        .route("/assets/form_post.js", get(assets::form_post_script))
        .route("/assets/icon.svg", get(assets::icon))
}

/// Waits for an answer, counts it, and turns a refusal into its response. A mapped future is no larger than
/// what it maps, where an `async` one would hold it twice, and every request would pay for moving that.
fn counted(
    metrics: &EndpointMetrics,
    answer: impl Future<Output = Result<Response, OAuthError>>,
) -> impl Future<Output = Response> {
    let began = SystemClock.now();
    answer.map(move |answer| {
        let code = answer.as_ref().err().map(|error| error.code);
        let response = answer.unwrap_or_else(|error| error_response(&error));
        metrics.record(code, began, SystemClock.now());
        response
    })
}

/// A JSON answer that no cache may keep (RFC 6749 section 5.1, RFC 7662 section 4).
fn private_json(status: StatusCode, body: &impl Serialize) -> Result<Response, OAuthError> {
    let body = serde_json::to_vec(body).map_err(|error| broken(&error))?;
    let mut response = (status, Body::from(body)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    Ok(response)
}
