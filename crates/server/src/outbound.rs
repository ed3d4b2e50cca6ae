//! Calls that the server makes to others, all by one client: HTTPS alone, to public addresses alone,
//! with an end to how long an answer may take and how large it may be.

mod address;
mod trust;

use std::{net::IpAddr, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use http::StatusCode;
use reqwest::{
    Client, Response,
    dns::{Addrs, Name, Resolve, Resolving},
    redirect::Policy,
};
use tokenbind_issuer::fetch::{Document, Fetch, FetchError};
use url::{Host, Url};

use crate::{config, tls::TlsError};
use address::AddressRule;
pub(crate) use trust::client_config;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const TIMEOUT: Duration = Duration::from_secs(10);

/// How many bytes of an answer are read.
const MAX_ANSWER: usize = 64 * 1024;

/// Why the server cannot call others at all.
#[derive(Debug, thiserror::Error)]
pub enum OutboundError {
    /// A file of `outbound.trust_anchors`.
    #[error(transparent)]
    TrustAnchor(#[from] TlsError),
    /// The TLS library.
    #[error("calls to applications cannot be made: {0}")]
    Tls(#[from] rustls::Error),
    /// The HTTP library.
    #[error("calls to applications cannot be made: {0}")]
    Http(#[from] reqwest::Error),
}

/// Why a call came to nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    /// Not an https URL.
    #[error("not an https URL")]
    NotHttps,
    /// An address that the server does not call.
    #[error("{0} is not a public address, nor one that outbound.* allows")]
    NotAllowed(IpAddr),
    /// No answer, or not in time.
    #[error("{}", in_full(.0))]
    Failed(#[from] reqwest::Error),
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) content_type: Option<String>,
    /// The first bytes of the body.
    pub(crate) body: Bytes,
}

/// The one client.
#[derive(Clone, Debug)]
pub(crate) struct Outbound {
    client: Client,
    rule: Arc<AddressRule>,
}

impl Outbound {
    /// A client by this configuration.
    ///
    /// # Errors
    /// If a file of trust anchors cannot be read.
    pub(crate) fn new(config: &config::Outbound) -> Result<Self, OutboundError> {
        let rule = Arc::new(AddressRule {
            allow_loopback: config.allow_loopback,
            allow_networks: config.allow_networks.clone(),
        });
        let client = Client::builder()
            .tls_backend_preconfigured(trust::client_config(&config.trust_anchors)?)
            .http1_only()
            .https_only(true)
            .no_proxy()
            .redirect(Policy::none())
            .referer(false)
            .dns_resolver(AllowedAddresses(rule.clone()))
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TIMEOUT)
            .user_agent(concat!("tokenbind/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self { client, rule })
    }

    /// Posts a form.
    ///
    /// # Errors
    /// [`CallError`] if no whole answer comes.
    pub(crate) async fn post_form(
        &self,
        uri: &str,
        fields: &[(&str, &str)],
    ) -> Result<Answer, CallError> {
        let url = self.allowed(uri)?;
        let body =
            url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = self.client.post(url).body(body);
        let content_type = "application/x-www-form-urlencoded";
        let response = request.header(http::header::CONTENT_TYPE, content_type).send().await?;
        read(response).await
    }

    /// Gets what is there.
    async fn get(&self, uri: &str) -> Result<Answer, CallError> {
        let url = self.allowed(uri)?;
        read(self.client.get(url).header(http::header::ACCEPT, "application/json").send().await?)
            .await
    }

    /// The URL, unless it cannot be called. An address in it is judged here, since no resolver ever
    /// sees it; a name when it is resolved.
    fn allowed(&self, uri: &str) -> Result<Url, CallError> {
        let url = Url::parse(uri).map_err(|_| CallError::NotHttps)?;
        if url.scheme() != "https" {
            return Err(CallError::NotHttps);
        }
        let literal = match url.host() {
            Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
            Some(Host::Domain(_)) | None => None,
        };
        match literal {
            Some(address) if !self.rule.allows(address) => Err(CallError::NotAllowed(address)),
            _ => Ok(url),
        }
    }
}

async fn read(mut response: Response) -> Result<Answer, CallError> {
    let content_type = response.headers().get(http::header::CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok()).map(Into::into);
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        let room = MAX_ANSWER - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if chunk.len() >= room {
            break;
        }
    }
    Ok(Answer { status: response.status(), content_type, body: body.into() })
}

/// Documents that applications publish: keys at a `jwks_uri` (RFC 7591 section 2), themselves at a `client_id`.
#[async_trait]
impl Fetch for Outbound {
    async fn get(&self, uri: &str) -> Result<Document, FetchError> {
        let answer = self.get(uri).await.map_err(|error| FetchError(error.to_string()))?;
        if answer.status != StatusCode::OK {
            return Err(FetchError(format!("the answer has status {}", answer.status)));
        }
        if answer.body.len() == MAX_ANSWER {
            return Err(FetchError(format!("the answer has {MAX_ANSWER} bytes or more")));
        }
        Ok(Document { content_type: answer.content_type, body: answer.body.into() })
    }
}

/// Resolves names, and keeps what may be called. The connection is made to these very addresses, so
/// that a name which means something else a moment later (DNS rebinding) gains nothing.
struct AllowedAddresses(Arc<AddressRule>);

impl Resolve for AllowedAddresses {
    fn resolve(&self, name: Name) -> Resolving {
        let rule = self.0.clone();
        Box::pin(async move {
            let found: Vec<_> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let allowed: Vec<_> =
                found.iter().copied().filter(|address| rule.allows(address.ip())).collect();
            match (allowed.is_empty(), found.first()) {
                (true, Some(address)) => Err(CallError::NotAllowed(address.ip()).into()),
                _ => Ok(Box::new(allowed.into_iter()) as Addrs),
            }
        })
    }
}

/// The error with what caused it. The URL stays out of it, since it may carry what is not for logs.
pub(crate) fn in_full(error: &reqwest::Error) -> String {
    let mut text = if error.is_timeout() { "no answer in time" } else { "no answer" }.to_owned();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outbound(allow_loopback: bool) -> Outbound {
        let config = config::Outbound { allow_loopback, ..config::Outbound::default() };
        Outbound::new(&config).unwrap()
    }

    async fn refusal(uri: &str, allow_loopback: bool) -> String {
        outbound(allow_loopback).post_form(uri, &[]).await.unwrap_err().to_string()
    }

    #[tokio::test]
    async fn addresses_of_this_machine_are_refused_however_they_are_written() {
        for uri in [
            "https://127.0.0.1:9/",
            "https://127.1:9/",
            "https://0x7f000001:9/",
            "https://2130706433:9/",
            "https://[::1]:9/",
            "https://[::ffff:127.0.0.1]:9/",
            "https://0.0.0.0:9/",
            "https://169.254.169.254/latest/meta-data",
            "https://localhost:9/",
        ] {
            let refusal = refusal(uri, false).await;
            assert!(refusal.contains("is not a public address"), "{uri}: {refusal}");
        }
    }

    #[tokio::test]
    async fn keys_are_fetched_by_the_same_rules() {
        for uri in ["https://127.0.0.1:9/", "https://localhost:9/", "http://app.example/"] {
            let got = Fetch::get(&outbound(false), uri).await.unwrap_err().to_string();
            assert_eq!(got, refusal(uri, false).await, "{uri}");
        }
    }

    #[tokio::test]
    async fn loopback_is_called_where_it_is_allowed() {
        let (listener, port) = {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let port = listener.local_addr().unwrap().port();
            (listener, port)
        };
        for host in ["127.0.0.1", "localhost"] {
            let uri = format!("https://{host}:{port}/");
            let (called, accepted) = tokio::join!(refusal(&uri, true), async {
                let accepted =
                    tokio::time::timeout(Duration::from_secs(5), listener.accept()).await;
                // Closed at once: that the connection was made is all there is to see.
                accepted.is_ok()
            });
            assert!(accepted, "{called}");
        }
        assert!(refusal("https://10.0.0.1/", true).await.contains("is not a public address"));
    }

    #[tokio::test]
    async fn nothing_but_https_is_called() {
        for uri in ["http://app.example/", "ftp://app.example/", "app.example", "", "https://"] {
            assert_eq!(refusal(uri, true).await, "not an https URL", "{uri}");
        }
    }
}
