//! The pages of the application.

use std::{collections::HashMap, sync::Arc};

use axum::http::{Method, Uri};
use axum::{
    Router,
    body::Bytes,
    extract::{Query, State as Shared},
    response::{Html, Redirect},
    routing::{any, get},
};

use super::{SignIn, State, Visit, lock};
use crate::{Callback, ResponseMode};

/// The single-page application, which is all script.
const APP: &str = include_str!("../../clients/single_page_app/app.html");

pub(super) fn router(state: Arc<State>) -> Router {
    Router::new()
        .route("/", get(home))
        .route("/login", get(login))
        .route("/callback", any(callback))
        .route("/silent", get(silent))
        .route("/frame", get(frame))
        .route("/app", get(app))
        .route("/logout", get(logout))
        .route("/signed-out", any(signed_out))
        .route("/logout-notice", any(logout_notice))
        .with_state(state)
}

/// A page of this title.
fn page(title: &str, body: &str) -> Html<String> {
    let title = escaped(title);
    Html(format!(
        "<!doctype html><html lang=en><meta charset=utf-8><title>{title}</title>\
         <meta name=viewport content=\"width=device-width\"><h1>{title}</h1>{body}"
    ))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}

async fn home() -> Html<String> {
    page("Paper Boats", "<a href=/login>Sign in</a>")
}

/// Sends the browser to the server. Parameters of the address are passed on.
async fn login(
    Shared(state): Shared<Arc<State>>,
    Query(more): Query<Vec<(String, String)>>,
) -> Redirect {
    let always = lock(&state.request).clone();
    let more = always.iter().chain(&more).map(|(name, value)| (&**name, &**value));
    let request = state.client.authorization_request(&more.collect::<Vec<_>>());
    let address = format!("{}{}", state.issuer, request.path());
    let name = request.get("state").expect("a state").to_owned();
    lock(&state.begun).insert(name, request);
    Redirect::to(&address)
}

/// The user comes back. A page around this one, if there is one, is told how it went.
async fn callback(
    Shared(state): Shared<Arc<State>>,
    method: Method,
    uri: Uri,
    body: Bytes,
) -> Html<String> {
    let visit = note(&state, &method, &uri, &body);
    let told = match finish(&state, &visit).await {
        Ok(sign_in) => {
            let told = format!("Signed in as {}", sign_in.id_token.claims["sub"]);
            lock(&state.sign_ins).push(sign_in);
            told.replace('"', "")
        }
        Err(error) => format!("Not signed in: {error}"),
    };
    page(&told, "<script>parent.postMessage(document.title, location.origin)</script>")
}

async fn finish(state: &State, visit: &Visit) -> Result<SignIn, String> {
    let begun = visit.get("state").and_then(|name| lock(&state.begun).remove(name));
    let callback = Callback {
        request: begun.unwrap_or_else(|| panic!("a state of its own: {visit:?}")),
        issuer: state.issuer.clone(),
        redirect_uri: format!("{}/callback", state.origin),
        mode: if visit.method == "POST" { ResponseMode::FormPost } else { ResponseMode::Query },
        parameters: visit.parameters.clone(),
    };
    if let Some(error) = visit.get("error") {
        let _ = callback.refused(error);
        return Err(error.to_owned());
    }
    let tokens = state.client.redeem(&callback).await.tokens();
    let id_token = state.client.id_token(&tokens).await;
    assert_eq!(id_token.claims["nonce"].as_str(), callback.request.get("nonce"));
    Ok(SignIn { tokens, id_token })
}

/// Renews the sign-in without a word, in a frame.
async fn silent() -> Html<String> {
    page(
        "Silent renewal",
        "<output>Waiting</output><script>\
         addEventListener('message', ({ origin, data }) => {\
           if (origin === location.origin) document.querySelector('output').textContent = data;\
         })</script><iframe src=\"/login?prompt=none\"></iframe>",
    )
}

/// A frame around another page, as somebody would make who wants it to be clicked on unseen.
async fn frame(Query(parameters): Query<HashMap<String, String>>) -> Html<String> {
    let around = escaped(&parameters["page"]);
    let body = format!(
        "<iframe width=600 height=400 src=\"{around}\" \
         onload=\"document.title = 'Frame loaded'\"></iframe>"
    );
    page("Frame", &body)
}

async fn app(Shared(state): Shared<Arc<State>>) -> Html<String> {
    let settings = serde_json::json!({ "issuer": state.issuer, "client_id": state.client.id });
    Html(APP.replace("{{settings}}", &settings.to_string()))
}

/// Sends the browser to sign out at the server too (OpenID Connect RP-Initiated Logout section 2), from
/// the sign-in of this number, or the latest.
async fn logout(
    Shared(state): Shared<Arc<State>>,
    Query(parameters): Query<HashMap<String, String>>,
) -> Redirect {
    let sign_ins = lock(&state.sign_ins).clone();
    let number = parameters.get("sign_in").map(|text| text.parse().expect("a number"));
    let sign_in = &sign_ins[number.unwrap_or(sign_ins.len() - 1)];
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("id_token_hint", sign_in.tokens.id_token())
        .append_pair("post_logout_redirect_uri", &format!("{}/signed-out", state.origin))
        .append_pair("state", "of the logout")
        .finish();
    Redirect::to(&format!("{}/oauth2/logout?{query}", state.issuer))
}

async fn signed_out(Shared(state): Shared<Arc<State>>, method: Method, uri: Uri) -> Html<String> {
    note(&state, &method, &uri, &Bytes::new());
    page("Signed out of Paper Boats", "<a href=/login>Sign in</a>")
}

/// Where the server tells of logouts, by a frame or by a call of its own.
async fn logout_notice(
    Shared(state): Shared<Arc<State>>,
    method: Method,
    uri: Uri,
    body: Bytes,
) -> Html<String> {
    note(&state, &method, &uri, &body);
    page("Noticed", "")
}

/// Remembers a request for the test to see.
fn note(state: &State, method: &Method, uri: &Uri, body: &Bytes) -> Visit {
    let query = uri.query().unwrap_or_default().as_bytes();
    let encoded = form_urlencoded::parse(query).chain(form_urlencoded::parse(body));
    let visit = Visit {
        method: method.to_string(),
        path: uri.path().to_owned(),
        parameters: encoded.map(|(name, value)| (name.into(), value.into())).collect(),
    };
    lock(&state.visits).push(visit.clone());
    visit
}
