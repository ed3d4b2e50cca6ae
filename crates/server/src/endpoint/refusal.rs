//! Refusals as people see them: a page in place of the one that they asked for.

use axum::response::Response;
use http::{HeaderMap, StatusCode, header};
use tokenbind_binding::Clock;
use tokenbind_issuer::{
    ErrorCode, OAuthError,
    form::{Form, FormError},
    store::StoreError,
};

use super::App;
use crate::{
    csrf,
    error_response::{error_response, log, not_served, page_status},
    metrics::EndpointMetrics,
    pages::{Link, MessagePage, Policy, Site, html, sentence},
    request::Visitor,
    system::SystemClock,
};

/// Why somebody does not get the page that they asked for.
pub(super) enum Refusal {
    /// Told on a page of its own.
    Error(OAuthError),
    /// A form that does not come from a page of ours. Nothing was done; the user may go on here.
    ForeignForm { go_on: String },
    /// Told on this page, which says more.
    Page(ErrorCode, Box<Response>),
}

impl From<OAuthError> for Refusal {
    fn from(error: OAuthError) -> Self {
        Self::Error(error)
    }
}

impl From<FormError> for Refusal {
    fn from(error: FormError) -> Self {
        Self::Error(error.into())
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::Error(error.into())
    }
}

impl Refusal {
    fn into_page(self, site: &Site) -> (ErrorCode, Response) {
        match self {
            Self::Error(error) => (error.code, error_page(site, &error)),
            Self::ForeignForm { go_on } => {
                (ErrorCode::InvalidRequest, foreign_form_page(site, go_on))
            }
            Self::Page(code, page) => (code, *page),
        }
    }
}

/// Refuses a form that does not come from a page of ours. `go_on` is where the user starts over.
pub(super) fn must_be_own(
    form: &Form<'_>,
    visitor: &Visitor,
    go_on: impl FnOnce() -> String,
) -> Result<(), Refusal> {
    csrf::check(&visitor.csrf, form).map_err(|_| Refusal::ForeignForm { go_on: go_on() })
}

/// Waits for a page, counts it, and turns a refusal into its page.
pub(super) async fn counted_page(
    app: &App,
    metrics: &EndpointMetrics,
    answer: impl Future<Output = Result<Response, Refusal>>,
) -> Response {
    let began = SystemClock.now();
    let (code, response) = match answer.await {
        Ok(response) => (None, response),
        Err(refusal) => {
            let (code, response) = refusal.into_page(&app.site);
            (Some(code), response)
        }
    };
    metrics.record(code, began, SystemClock.now());
    response
}

fn error_page(site: &Site, error: &OAuthError) -> Response {
    log(error);
    let (heading, text) = match error.code {
        ErrorCode::TemporarilyUnavailable => {
            ("Not available just now", "This has nothing to do with you. Try again in a moment.")
        }
        ErrorCode::TooManyAttempts { .. } => {
            ("Too many attempts", "Wait a minute before you try again.")
        }
        _ => (
            "This request cannot be answered",
            "Something is wrong with the request that brought you here. Go back and try again. If \
             that does not help, tell whoever runs the application what is written here:",
        ),
    };
    let is_theirs = !text.ends_with('.');
    let detail = is_theirs.then(|| (error.code.as_str(), sentence(&error.description)));
    let (status, extra) = page_status(error);
    let page = MessagePage { site, heading, text, detail, link: None };
    let mut response =
        html(status, &page, &Policy::own()).unwrap_or_else(|error| error_response(&error));
    response.headers_mut().extend(extra);
    response
}

fn foreign_form_page(site: &Site, go_on: String) -> Response {
    let page = MessagePage {
        site,
        heading: "This form has expired",
        text: "Nothing was changed. Please start over. If you see this page again, let your browser \
               accept cookies from this site.",
        detail: None,
        link: Some(Link { address: go_on, text: "Start over" }),
    };
    html(StatusCode::FORBIDDEN, &page, &Policy::own())
        .unwrap_or_else(|error| error_response(&error))
}

/// The refusal of a request that is for no endpoint at all: for people a page, for programs JSON.
pub(super) fn nothing_here(
    site: &Site,
    headers: &HeaderMap,
    status: StatusCode,
    description: &'static str,
) -> Response {
    let json = not_served(status, description);
    if !wants_html(headers) {
        return json;
    }
    let text = sentence(description);
    let link = Some(Link { address: site.at("/account"), text: "Your account" });
    let page = MessagePage { site, heading: "Nothing here", text: &text, detail: None, link };
    html(status, &page, &Policy::own()).unwrap_or(json)
}

fn wants_html(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).into_iter();
    accepted.filter_map(|value| value.to_str().ok()).any(|value| value.contains("text/html"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page_of(error: &OAuthError) -> Response {
        let (code, response) =
            Refusal::Error(error.clone()).into_page(&Site::of("https://a.example"));
        assert_eq!(code, error.code);
        response
    }

    #[test]
    fn a_browser_is_never_asked_for_the_credentials_of_a_client() {
        let response = page_of(&OAuthError::new(ErrorCode::InvalidClient, "unknown"));
        assert_eq!(response.status(), 400);
        assert!(!response.headers().contains_key(header::WWW_AUTHENTICATE));
    }

    #[test]
    fn what_passes_says_when_to_come_back() {
        let response = page_of(&OAuthError::new(ErrorCode::TemporarilyUnavailable, "later"));
        assert_eq!(response.status(), 503);
        assert_eq!(response.headers()[header::RETRY_AFTER], "1");
        let many = ErrorCode::TooManyAttempts { retry_after: 9 };
        let response = page_of(&OAuthError::new(many, "wait"));
        assert_eq!(response.status(), 429);
        assert_eq!(response.headers()[header::RETRY_AFTER], "9");
    }

    #[test]
    fn people_get_a_page_and_programs_json() {
        let site = Site::of("https://a.example");
        for (accept, content_type) in [
            (Some("text/html,application/xhtml+xml,*/*;q=0.8"), "text/html; charset=utf-8"),
            (Some("*/*"), "application/json"),
            (None, "application/json"),
        ] {
            let headers: HeaderMap = accept
                .map(|accept| (header::ACCEPT, accept.parse().unwrap()))
                .into_iter()
                .collect();
            let response = nothing_here(&site, &headers, StatusCode::NOT_FOUND, "no such page");
            assert_eq!(response.status(), 404);
            assert_eq!(response.headers()[header::CONTENT_TYPE], content_type);
        }
    }
}
