//! HTTP over TLS, trusting the server's own CA and nothing else.

use std::{net::IpAddr, sync::Arc, time::Duration};

use reqwest::{ClientBuilder, Method, RequestBuilder, Url, redirect::Policy};
use rustls::{
    ClientConfig, ConfigBuilder, RootCertStore,
    client::WantsClientCert,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, pem::PemObject as _},
    sign::{CertifiedKey, SingleCertAndKey},
};

use crate::{Answer, Identity};

const TIMEOUT: Duration = Duration::from_secs(30);

/// A client of one server. Clones share its connections; it serves within one runtime.
#[derive(Clone, Debug)]
pub struct Http {
    client: reqwest::Client,
    base: String,
}

impl Http {
    /// A client of the server at `base` that trusts the CA in `ca` (PEM). `http1` offers no HTTP/2.
    pub(crate) fn new(base: String, ca: &[u8], http1: bool) -> Self {
        Self::from_address(base, ca, http1, None)
    }

    /// The same from another address of this machine, as if from another host.
    pub(crate) fn from_address(
        base: String,
        ca: &[u8],
        http1: bool,
        address: Option<IpAddr>,
    ) -> Self {
        let mut tls = trusting(ca).with_no_client_auth();
        if !http1 {
            tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        }
        let builder = reqwest::Client::builder().local_address(address);
        Self::built(if http1 { builder.http1_only() } else { builder }, tls, base)
    }

    /// A client that shows this certificate to whoever asks for one.
    pub(crate) fn with_certificate(base: String, ca: &[u8], identity: &Identity) -> Self {
        let (chain, key) = identity.tls();
        let key = aws_lc_rs::sign::any_supported_type(&key).expect("a key that signs");
        // Whether the two fit is for the server to find out.
        let shown = SingleCertAndKey::from(CertifiedKey::new(chain, key));
        let mut tls = trusting(ca).with_client_cert_resolver(Arc::new(shown));
        tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Self::built(reqwest::Client::builder(), tls, base)
    }

    // A redirect is an answer that a test looks at.
    fn built(builder: ClientBuilder, tls: ClientConfig, base: String) -> Self {
        let builder = builder
            .tls_backend_preconfigured(tls)
            .redirect(Policy::none())
            .no_proxy()
            .timeout(TIMEOUT);
        Self { client: builder.build().expect("an HTTP client"), base }
    }

    /// The same client for another origin of the server's.
    #[must_use]
    pub fn at(&self, base: &str) -> Self {
        Self { base: base.to_owned(), ..self.clone() }
    }

    /// The server's origin, which is its issuer where it is reached directly.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    /// The address of `path`.
    #[must_use]
    pub fn url(&self, path: &str) -> Url {
        Url::parse(&format!("{}{path}", self.base)).expect("a URL")
    }

    /// A request to be completed and sent.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.base))
    }

    /// Fetches `path`.
    pub async fn get(&self, path: &str) -> Answer {
        send(self.request(Method::GET, path)).await
    }

    /// Posts a form.
    pub async fn form(
        &self,
        path: &str,
        authorization: Option<&str>,
        fields: &[(&str, &str)],
    ) -> Answer {
        self.try_form(path, authorization, fields).await.expect("an answer")
    }

    /// Posts a form to a server that may be killed meanwhile.
    ///
    /// # Errors
    /// If no whole answer comes.
    pub async fn try_form(
        &self,
        path: &str,
        authorization: Option<&str>,
        fields: &[(&str, &str)],
    ) -> Result<Answer, reqwest::Error> {
        let mut request = self.form_of(path, fields);
        if let Some(authorization) = authorization {
            request = request.header("authorization", authorization);
        }
        Answer::read(request.send().await?).await
    }

    /// A form to be sent.
    pub fn form_of(&self, path: &str, fields: &[(&str, &str)]) -> RequestBuilder {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.form_request(path).body(body)
    }

    /// Posts these bytes as a form.
    pub async fn raw_form(
        &self,
        path: &str,
        authorization: Option<&str>,
        body: impl Into<Vec<u8>>,
    ) -> Answer {
        let mut request = self.form_request(path).body(body.into());
        if let Some(authorization) = authorization {
            request = request.header("authorization", authorization);
        }
        send(request).await
    }

    fn form_request(&self, path: &str) -> RequestBuilder {
        self.request(Method::POST, path).header("content-type", "application/x-www-form-urlencoded")
    }
}

/// Sends a request and reads the answer.
pub async fn send(request: RequestBuilder) -> Answer {
    let response = request.send().await.expect("an answer");
    Answer::read(response).await.expect("a whole answer")
}

fn trusting(ca: &[u8]) -> ConfigBuilder<ClientConfig, WantsClientCert> {
    let mut roots = RootCertStore::empty();
    let ca = CertificateDer::from_pem_slice(ca).expect("the CA in PEM");
    roots.add(ca).expect("a CA");
    ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("TLS 1.2 and 1.3")
        .with_root_certificates(roots)
}
