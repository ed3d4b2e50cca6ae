//! CORS: the headers that let pages of other origins read answers (Fetch Standard, section 3.2).
//!
//! The origin is always named, never `*`, where it matters who asks. A request without `Origin`
//! costs nothing here.

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use tokenbind_issuer::{
    ClientEvidence, Issuer, TokenEvidence, cors::PageAccess, store::StoreResult,
};

/// What an answer says to the page besides its body.
const EXPOSED_HEADERS: HeaderValue = HeaderValue::from_static("WWW-Authenticate, DPoP-Nonce");

/// What a page may send besides what any form could.
const ALLOWED_HEADERS: HeaderValue = HeaderValue::from_static("Authorization, Content-Type, DPoP");

/// Seconds for which a browser need not ask again; two hours, the most that Chromium takes. What is
/// decided of an actual request is decided each time.
const MAX_AGE: HeaderValue = HeaderValue::from_static("7200");

const ANY: HeaderValue = HeaderValue::from_static("*");
const TRUE: HeaderValue = HeaderValue::from_static("true");

/// The page that an actual request comes from, if it comes from one, and what it may do.
#[derive(Debug)]
pub(crate) struct Page(Option<Asking>);

#[derive(Debug)]
struct Asking {
    origin: HeaderValue,
    access: Option<StoreResult<PageAccess>>,
}

impl Page {
    /// Reads the head of a request.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let origin = headers.get(header::ORIGIN);
        Self(origin.map(|origin| Asking { origin: origin.clone(), access: None }))
    }

    /// Decides by the application that the request names.
    pub(crate) async fn of_client(&mut self, issuer: &Issuer, shown: ClientEvidence<'_>) {
        if let Some(asking) = &mut self.0
            && let Ok(origin) = asking.origin.to_str()
        {
            asking.access = Some(Box::pin(issuer.page_access_of_client(origin, shown)).await);
        }
    }

    /// Decides by the access token that the request shows.
    pub(crate) async fn of_token(&mut self, issuer: &Issuer, shown: TokenEvidence<'_>) {
        if let Some(asking) = &mut self.0
            && let Ok(origin) = asking.origin.to_str()
        {
            asking.access = Some(Box::pin(issuer.page_access_of_token(origin, shown)).await);
        }
    }

    /// The answer, refusals too, with the headers that the page may read it by. If the request was
    /// refused before it could be told whose it is, any application counts.
    pub(crate) async fn may_read(self, issuer: &Issuer, mut response: Response) -> Response {
        let Some(Asking { origin, access }) = self.0 else { return response };
        let access = match access {
            Some(access) => access,
            None => Box::pin(page_access(issuer, &origin)).await,
        };
        let headers = response.headers_mut();
        if allow(headers, origin, access) != PageAccess::Denied {
            headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED_HEADERS);
        }
        response
    }
}

/// The answer to a preflight (Fetch Standard section 3.2.2): whether a page of that origin may ask for more
/// than a form could, by these methods.
pub(crate) async fn preflight(
    issuer: &Issuer,
    headers: &HeaderMap,
    methods: &'static str,
) -> Response {
    let Some(origin) = headers.get(header::ORIGIN) else {
        return (StatusCode::NO_CONTENT, [(header::ALLOW, methods)]).into_response();
    };
    let access = page_access(issuer, origin).await;
    let mut allowed = HeaderMap::new();
    if allow(&mut allowed, origin.clone(), access) == PageAccess::Denied {
        let told = "no application lists this origin among its allowed_origins\n";
        return (StatusCode::FORBIDDEN, allowed, told).into_response();
    }
    let granted: [(HeaderName, HeaderValue); 3] = [
        (header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(methods)),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED_HEADERS),
        (header::ACCESS_CONTROL_MAX_AGE, MAX_AGE),
    ];
    allowed.extend(granted.map(|(name, value)| (Some(name), value)));
    (StatusCode::NO_CONTENT, allowed, Body::empty()).into_response()
}

/// What anybody may know, pages of every origin may read.
pub(crate) fn for_everybody(response: impl IntoResponse) -> Response {
    ([(header::ACCESS_CONTROL_ALLOW_ORIGIN, ANY)], response).into_response()
}

/// The answer to a preflight for that: libraries may send headers of their own.
pub(crate) fn preflight_for_everybody() -> Response {
    let granted = [
        (header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET")),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, ANY),
        (header::ACCESS_CONTROL_MAX_AGE, MAX_AGE),
    ];
    for_everybody((StatusCode::NO_CONTENT, granted))
}

async fn page_access(issuer: &Issuer, origin: &HeaderValue) -> StoreResult<PageAccess> {
    match origin.to_str() {
        Ok(origin) => issuer.page_access(origin).await,
        Err(_) => Ok(PageAccess::Denied),
    }
}

/// Says what the page may do, and that it depends on the page. Nothing, where that is not known.
fn allow(
    headers: &mut HeaderMap,
    origin: HeaderValue,
    access: StoreResult<PageAccess>,
) -> PageAccess {
    let access = access.unwrap_or_else(|error| {
        tracing::error!(%error, "whether a page may read an answer is not known");
        PageAccess::Denied
    });
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    if access == PageAccess::Denied {
        return access;
    }
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    if access == PageAccess::WithCredentials {
        headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, TRUE);
    }
    access
}
