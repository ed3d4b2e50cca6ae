//! Reading requests: what is not of the expected form is refused before anything looks at it.

use std::{net::IpAddr, sync::Arc, time::Duration};

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, header, request::Parts};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde_json::{Map, Value};
use tokenbind_binding::{Cookies, PeerCertificate, ShownCookie, cookie, dpop::ShownProof};
use tokenbind_issuer::{
    ClientEvidence, Endpoint, ErrorCode, OAuthError, Proofs, Target, TokenEvidence,
    authorization::Browser, form::Form,
};
use tokio::time::timeout;

use crate::{client_certificate::Peer, cookies};

/// The type of the bodies that forms have.
const FORM: &str = "application/x-www-form-urlencoded";

/// How much of a body that is too large is read at most.
const MAX_DISCARDED_BYTES: usize = 4 << 20;

/// The most that a URL's query may have, in bytes: more would not get through many proxies.
const MAX_QUERY_BYTES: usize = 8 << 10;

/// What a request may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RequestLimits {
    /// The largest body, in bytes.
    pub(crate) body_bytes: usize,
    /// How long a body may take to arrive.
    pub(crate) timeout: Duration,
}

impl RequestLimits {
    /// Refuses a query that a form could not carry through the pages: in its hidden field every byte
    /// may take three.
    pub(crate) fn check_query(self, query: &str) -> Result<(), OAuthError> {
        let most = MAX_QUERY_BYTES.min(self.body_bytes / 4);
        if query.len() <= most {
            return Ok(());
        }
        let description = format!("the query of the URL must have at most {most} bytes");
        Err(refuse(description))
    }
}

/// What a request shows of who sends it, besides its parameters.
#[derive(Debug)]
pub(crate) struct Visitor {
    /// The cookies that can prove something.
    pub(crate) cookies: Cookies,
    /// The cookie that the field of a form must equal.
    pub(crate) csrf: ShownCookie,
    address: IpAddr,
    sender: Option<IpAddr>,
    user_agent: Option<HeaderValue>,
}

impl Visitor {
    /// Reads the head of a request.
    pub(crate) fn of(request: &Parts) -> Result<Self, OAuthError> {
        let (cookies, csrf) = read_cookies(&request.headers);
        let user_agent = request.headers.get(header::USER_AGENT).cloned();
        let peer = peer(request)?;
        let (address, sender) = (peer.address(), peer.sender());
        Ok(Self { cookies, csrf, address, sender, user_agent })
    }

    /// Where the connection comes from.
    pub(crate) const fn address(&self) -> IpAddr {
        self.address
    }

    /// Where the request comes from, unless only a proxy knows.
    pub(crate) const fn sender(&self) -> Option<IpAddr> {
        self.sender
    }

    /// As the rules see a browser.
    pub(crate) fn browser(&self) -> Browser<'_> {
        let user_agent = self.user_agent.as_ref().and_then(|value| value.to_str().ok());
        Browser { cookies: &self.cookies, address: self.address, user_agent }
    }
}

/// A request with its body read.
#[derive(Debug)]
pub(crate) struct Incoming {
    pub(crate) body: Bytes,
    pub(crate) visitor: Visitor,
    authorization: Option<HeaderValue>,
    method: Method,
    dpop: DpopHeader,
    certificate: Option<Arc<PeerCertificate>>,
}

/// The `DPoP` header. RFC 9449 section 4.3, check 1: "There is not more than one DPoP HTTP request header field."
#[derive(Debug)]
enum DpopHeader {
    Absent,
    One(HeaderValue),
    Several,
}

impl Incoming {
    /// What it shows of its client.
    pub(crate) fn evidence<'a>(
        &'a self,
        form: &'a Form<'a>,
        endpoint: Endpoint,
    ) -> Result<ClientEvidence<'a>, OAuthError> {
        let Visitor { cookies, address, .. } = &self.visitor;
        let authorization = self.authorization()?;
        let proofs = self.proofs(endpoint);
        Ok(ClientEvidence { authorization, form, cookies, address: *address, proofs })
    }

    /// What it shows of its access token.
    pub(crate) fn token_evidence<'a>(
        &'a self,
        form: &'a Form<'a>,
        endpoint: Endpoint,
    ) -> Result<TokenEvidence<'a>, OAuthError> {
        let authorization = self.authorization()?;
        let in_form = form.get("access_token");
        let proofs = self.proofs(endpoint);
        Ok(TokenEvidence { authorization, in_form, cookies: &self.visitor.cookies, proofs })
    }

    fn proofs(&self, endpoint: Endpoint) -> Proofs<'_> {
        let dpop = match &self.dpop {
            DpopHeader::Absent => ShownProof::Absent,
            DpopHeader::One(value) => value.to_str().map_or(ShownProof::Unusable, ShownProof::One),
            DpopHeader::Several => ShownProof::Unusable,
        };
        let target = Target { method: self.method.as_str(), endpoint };
        Proofs { certificate: self.certificate.as_deref(), dpop, target }
    }

    fn authorization(&self) -> Result<Option<&str>, OAuthError> {
        let value = self.authorization.as_ref().map(HeaderValue::to_str).transpose();
        value.map_err(|_| refuse("the Authorization header must be ASCII"))
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
    expect_content_type(&request.headers, FORM)?;
    incoming(&request, body)
}

/// Reads a request that may have such a form for a body, or none. Its query is left alone.
pub(crate) async fn read_optional_form(
    request: Request<Body>,
    limits: RequestLimits,
) -> Result<Incoming, OAuthError> {
    let (request, body) = read_body(request, limits).await?;
    if !body.is_empty() {
        expect_content_type(&request.headers, FORM)?;
    }
    incoming(&request, body)
}

fn incoming(request: &Parts, body: Bytes) -> Result<Incoming, OAuthError> {
    let authorization = single_authorization(&request.headers)?;
    Ok(Incoming {
        body,
        visitor: Visitor::of(request)?,
        authorization,
        method: request.method.clone(),
        dpop: dpop_header(&request.headers),
        certificate: certificate(request)?,
    })
}

/// What a trusted proxy says must be understood, or it would be as if the client had shown nothing.
fn certificate(request: &Parts) -> Result<Option<Arc<PeerCertificate>>, OAuthError> {
    peer(request)?.certificate().map_err(|error| {
        let log = Some(format!("a trusted proxy sent a certificate header that {error}"));
        OAuthError {
            log,
            ..refuse("the client certificate cannot be read from the proxy's header")
        }
    })
}

fn dpop_header(headers: &HeaderMap) -> DpopHeader {
    let mut values = headers.get_all("dpop").iter();
    match (values.next(), values.next()) {
        (None, _) => DpopHeader::Absent,
        (Some(value), None) => DpopHeader::One(value.clone()),
        (Some(_), Some(_)) => DpopHeader::Several,
    }
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

fn read_cookies(headers: &HeaderMap) -> (Cookies, ShownCookie) {
    let (mut cookies, mut csrf) = (Cookies::default(), ShownCookie::default());
    for (name, value) in cookies::shown(headers) {
        let shown = match name {
            cookie::NAME => &mut cookies.atbv,
            cookies::SESSION => &mut cookies.session,
            cookies::CSRF => &mut csrf,
            _ => continue,
        };
        *shown = std::mem::take(shown).and(value);
    }
    (cookies, csrf)
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

fn peer(request: &Parts) -> Result<&Peer, OAuthError> {
    request.extensions.get().ok_or_else(|| refuse("the connection has no peer"))
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
            let _ = Box::pin(timeout(limits.timeout, discard(body))).await;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_are_found_in_all_headers_and_counted() {
        let mut headers = HeaderMap::new();
        headers.append("cookie", "a=b; atbv=1; __Host-tb_session=s".parse().unwrap());
        headers.append("cookie", "__Host-tb_csrf=c;atbv=2".parse().unwrap());
        let (cookies, csrf) = read_cookies(&headers);
        assert_eq!(cookies.atbv, ShownCookie::Several);
        assert_eq!(cookies.session.value(), Some("s"));
        assert_eq!(csrf.value(), Some("c"));
    }

    #[test]
    fn a_query_must_fit_into_the_forms_that_carry_it() {
        let limits = |body_bytes| RequestLimits { body_bytes, timeout: Duration::from_secs(1) };
        assert!(limits(1 << 20).check_query(&"x".repeat(8 << 10)).is_ok());
        let error = limits(1 << 20).check_query(&"x".repeat((8 << 10) + 1)).unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidRequest);
        assert!(limits(4096).check_query(&"x".repeat(1025)).is_err());
    }
}
