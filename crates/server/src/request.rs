//! Reading requests: what is not of the expected form is refused before anything looks at it.

use std::{net::IpAddr, time::Duration};

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, header, request::Parts};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde_json::{Map, Value};
use tokenbind_binding::{Cookies, cookie};
use tokenbind_issuer::{ClientEvidence, ErrorCode, OAuthError, form::Form};
use tokio::time::timeout;

use crate::listener::PeerAddress;

/// How much of a body that is too large is read at most.
const MAX_DISCARDED_BYTES: usize = 4 << 20;

/// The cookie of the login session. The prefix has browsers insist on `Secure`, `Path=/` and no `Domain`
/// (RFC 6265bis section 4.1.3.2).
pub(crate) const SESSION_COOKIE: &str = "__Host-tb_session";

/// What a request may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RequestLimits {
    /// The largest body, in bytes.
    pub(crate) body_bytes: usize,
    /// How long a body may take to arrive.
    pub(crate) timeout: Duration,
}

/// A request with its body read.
#[derive(Debug)]
pub(crate) struct Incoming {
    pub(crate) body: Bytes,
    authorization: Option<HeaderValue>,
    cookies: Cookies,
    address: IpAddr,
}

impl Incoming {
    /// What it shows of its client.
    pub(crate) fn evidence<'a>(
        &'a self,
        form: &'a Form<'a>,
    ) -> Result<ClientEvidence<'a>, OAuthError> {
        let authorization = self.authorization.as_ref().map(HeaderValue::to_str).transpose();
        let authorization =
            authorization.map_err(|_| refuse("the Authorization header must be ASCII"))?;
        Ok(ClientEvidence { authorization, form, cookies: &self.cookies, address: self.address })
    }
}

fn refuse(description: impl Into<std::borrow::Cow<'static, str>>) -> OAuthError {
    OAuthError::new(ErrorCode::InvalidRequest, description)
}

/// Reads a POST of `application/x-www-form-urlencoded`.
pub(crate) async fn read_form(
    request: Request<Body>,
    limits: RequestLimits,
) -> Result<Incoming, OAuthError> {
    // The body is read before anything is refused: over HTTP/2 an answer that comes before the end
    // of the request may be lost.
    let (request, body) = read_body(request, limits).await?;
    // RFC 6749 section 2.3.1: the parameters "MUST NOT be included in the request URI", where logs would keep them.
    if request.uri.query().is_some() {
        return Err(refuse("parameters belong in the body, never in the URL"));
    }
    expect_content_type(&request.headers, "application/x-www-form-urlencoded")?;
    let authorization = single_authorization(&request.headers)?;
    let address = peer(&request)?;
    let cookies = read_cookies(&request.headers);
    Ok(Incoming { body, authorization, cookies, address })
}

/// Reads a body of `application/json` that is an object.
pub(crate) async fn read_json(
    request: Request<Body>,
    limits: RequestLimits,
) -> Result<Map<String, Value>, OAuthError> {
    let (request, body) = read_body(request, limits).await?;
    expect_content_type(&request.headers, "application/json")?;
    serde_json::from_slice(&body).map_err(|error| {
        let description = format!("the body must be a JSON object: {error}");
        OAuthError::new(ErrorCode::InvalidClientMetadata, description)
    })
}

/// The token of a Bearer header (RFC 6750 section 2.1).
pub(crate) fn bearer_token(headers: &HeaderMap) -> Result<Option<String>, OAuthError> {
    let Some(value) = single_authorization(headers)? else { return Ok(None) };
    let bearer = value
        .to_str()
        .ok()
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("Bearer"));
    Ok(bearer.map(|(_, token)| token.trim().to_owned()))
}

fn single_authorization(headers: &HeaderMap) -> Result<Option<HeaderValue>, OAuthError> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    match (values.next(), values.next()) {
        (first, None) => Ok(first.cloned()),
        _ => Err(refuse("there must be at most one Authorization header")),
    }
}

/// The cookies that can prove something (RFC 6265 section 4.2.1). All headers count: HTTP/2 may split them
/// (RFC 9113 section 8.2.3).
pub(crate) fn read_cookies(headers: &HeaderMap) -> Cookies {
    let mut cookies = Cookies::default();
    for value in headers.get_all(header::COOKIE) {
        for pair in value.to_str().unwrap_or_default().split(';') {
            let Some((name, value)) = pair.trim().split_once('=') else { continue };
            let shown = match name {
                cookie::NAME => &mut cookies.atbv,
                SESSION_COOKIE => &mut cookies.session,
                _ => continue,
            };
            *shown = std::mem::take(shown).and(value);
        }
    }
    cookies
}

fn expect_content_type(headers: &HeaderMap, expected: &str) -> Result<(), OAuthError> {
    let essence = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .map(str::trim);
    if essence.is_some_and(|essence| essence.eq_ignore_ascii_case(expected)) {
        return Ok(());
    }
    Err(refuse(format!("the Content-Type must be {expected}")))
}

fn peer(request: &Parts) -> Result<IpAddr, OAuthError> {
    let peer = request.extensions.get::<PeerAddress>().copied();
    peer.map(PeerAddress::ip).ok_or_else(|| refuse("the connection has no peer address"))
}

async fn read_body(
    request: Request<Body>,
    limits: RequestLimits,
) -> Result<(Parts, Bytes), OAuthError> {
    let (parts, mut body) = request.into_parts();
    let collecting = Limited::new(&mut body, limits.body_bytes).collect();
    match timeout(limits.timeout, collecting).await {
        Ok(Ok(body)) => Ok((parts, body.to_bytes())),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            let _ = timeout(limits.timeout, discard(body)).await;
            let description = format!("the body must have at most {} bytes", limits.body_bytes);
            Err(OAuthError::new(ErrorCode::RequestTooLarge, description))
        }
        Ok(Err(_)) => Err(refuse("the body broke off")),
        Err(_) => Err(refuse("the body took too long to arrive")),
    }
}

/// Reads the rest of a body that is too large and drops it: a client that is still sending when the
/// connection closes may never see the answer.
async fn discard(mut body: Body) {
    let mut bytes = 0;
    while let Some(Ok(frame)) = body.frame().await
        && bytes < MAX_DISCARDED_BYTES
    {
        bytes += frame.data_ref().map_or(0, Bytes::len);
    }
}
