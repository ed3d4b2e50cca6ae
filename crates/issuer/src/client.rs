//! Client authentication (RFC 6749 section 2.3).

mod assertion;
mod certificate;

use std::{borrow::Cow, net::IpAddr, sync::Arc};

use tokenbind_binding::{ClientId, Cookies, GrantType, PeerCertificate, ShownCertificate};

pub(crate) use assertion::named_by_assertion;

use crate::{
    application::Application,
    basic::BasicCredentials,
    client_document::NoClient,
    error::{ErrorCode, OAuthError},
    form::Form,
    issuer::Issuer,
    proofs::Proofs,
    secret::SecretHash,
    settings::{ClientAuthMethod, Settings},
    store::AsOf,
    throttle::Attempt,
};

/// What a request shows of its client.
#[derive(Clone, Copy, Debug)]
pub struct ClientEvidence<'a> {
    /// The `Authorization` header.
    pub authorization: Option<&'a str>,
    /// The body's parameters.
    pub form: &'a Form<'a>,
    /// The cookies that can prove a binding.
    pub cookies: &'a Cookies,
    /// Where the connection comes from.
    pub address: IpAddr,
    /// What it shows of private keys.
    pub proofs: Proofs<'a>,
}

/// An application that proved who it is, or a public one that said so. Only
/// [`Issuer::authenticate`] makes one.
#[derive(Clone, Debug)]
pub struct AuthenticatedClient {
    application: Arc<Application>,
    as_of: AsOf,
}

impl AuthenticatedClient {
    /// The application.
    #[must_use]
    pub fn application(&self) -> &Application {
        &self.application
    }

    /// The same, for whoever keeps it longer.
    pub(crate) fn shared(&self) -> Arc<Application> {
        Arc::clone(&self.application)
    }

    /// Its `client_id`.
    #[must_use]
    pub fn client_id(&self) -> &ClientId {
        &self.application.client_id
    }

    /// Its settings.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.application.settings
    }

    /// When the application was read.
    #[must_use]
    pub const fn as_of(&self) -> AsOf {
        self.as_of
    }

    /// The certificate that a request shows, and whether the client authenticated with it.
    pub(crate) fn shown_certificate(&self, proofs: &Proofs<'_>) -> ShownCertificate {
        match proofs.certificate.map(PeerCertificate::thumbprint) {
            None => ShownCertificate::Absent,
            Some(shown) if self.settings().token_endpoint_auth_method.uses_certificate() => {
                ShownCertificate::Authenticating(shown)
            }
            Some(shown) => ShownCertificate::Shown(shown),
        }
    }

    /// Refuses a grant that the application was not given.
    ///
    /// # Errors
    /// `unauthorized_client`.
    pub fn may_use(&self, grant: GrantType) -> Result<(), OAuthError> {
        if self.settings().grant_types.contains(&grant) {
            return Ok(());
        }
        let description =
            format!("the grant type {grant} is not among the application's grant_types");
        Err(OAuthError::new(ErrorCode::UnauthorizedClient, description))
    }

    /// Refuses a public client, which proves nothing.
    ///
    /// # Errors
    /// `invalid_client`.
    pub fn must_be_confidential(&self) -> Result<(), OAuthError> {
        if self.settings().is_public() {
            return Err(invalid_client("this endpoint needs an application that authenticates"));
        }
        Ok(())
    }
}

struct Shown<'a> {
    client_id: Cow<'a, str>,
    secret: Option<Cow<'a, str>>,
    assertion: Option<&'a str>,
    method: ClientAuthMethod,
}

impl Shown<'_> {
    /// RFC 8705 section 2: besides its certificate, the client shows its `client_id` alone.
    fn may_be_by_certificate(&self, application: &Application) -> bool {
        let expected = application.settings.token_endpoint_auth_method;
        expected.uses_certificate() && self.method == ClientAuthMethod::None
    }
}

impl Issuer {
    /// Finds out which application sends a request, by the method that it is registered with.
    ///
    /// # Errors
    /// `invalid_client`, or `invalid_request` where the request shows it twice or not readably, or too
    /// many failures. The right secret is always heard, so that nobody is locked out.
    pub async fn authenticate(
        &self,
        evidence: ClientEvidence<'_>,
    ) -> Result<AuthenticatedClient, OAuthError> {
        let shown = read_credentials(evidence)?;
        let client_id = ClientId::from(&*shown.client_id);
        let found = match self.find_client(&client_id).await {
            Ok(found) => Some(found),
            Err(NoClient::Unknown) => None,
            Err(refused) => {
                let error = refused.into_error(ErrorCode::InvalidClient, UNKNOWN_OR_WRONG);
                return Err(self.counted(&shown, evidence.address, error));
            }
        };
        let application = found.as_ref().map(|(application, _)| &**application);
        match self.check_shown(application, &shown, evidence.proofs).await {
            Ok(()) => {}
            Err(error) => return Err(self.counted(&shown, evidence.address, error)),
        }
        found
            .map(|(application, as_of)| AuthenticatedClient { application, as_of })
            .ok_or_else(|| invalid_client(UNKNOWN_OR_WRONG))
    }

    async fn check_shown(
        &self,
        application: Option<&Application>,
        shown: &Shown<'_>,
        proofs: Proofs<'_>,
    ) -> Result<(), OAuthError> {
        match application {
            Some(application) if shown.may_be_by_certificate(application) => {
                self.check_certificate(&application.settings, proofs.certificate).await
            }
            _ => {
                check(application, shown)?;
                let signed = application.zip(shown.assertion);
                let Some((application, assertion)) = signed else { return Ok(()) };
                self.check_assertion(application, assertion, proofs.target.endpoint).await
            }
        }
    }

    /// The refusal, or that there were too many of a client that did not prove who it is.
    fn counted(&self, shown: &Shown<'_>, address: IpAddr, error: OAuthError) -> OAuthError {
        if error.code != ErrorCode::InvalidClient {
            return error;
        }
        let attempt = Attempt::new(&shown.client_id, address);
        let now = self.now();
        match self.failed_clients.check(&attempt, now) {
            Ok(()) => {
                self.failed_clients.record_failure(&attempt, now);
                error
            }
            Err(retry_after) => too_many_attempts(retry_after),
        }
    }
}

const UNKNOWN_OR_WRONG: &str = "the client is not known or its credentials are wrong";

/// The refusal of whoever failed too often.
pub(crate) fn too_many_attempts(retry_after: u64) -> OAuthError {
    OAuthError::new(
        ErrorCode::TooManyAttempts { retry_after },
        "too many failed attempts, wait as long as Retry-After says",
    )
}

fn invalid_client(description: impl Into<Cow<'static, str>>) -> OAuthError {
    OAuthError::new(ErrorCode::InvalidClient, description)
}

fn invalid_request(description: impl Into<Cow<'static, str>>) -> OAuthError {
    OAuthError::new(ErrorCode::InvalidRequest, description)
}

fn read_credentials(evidence: ClientEvidence<'_>) -> Result<Shown<'_>, OAuthError> {
    if let Some(shown) = assertion::read(evidence)? {
        return Ok(shown);
    }
    let client_id = evidence.form.get("client_id");
    let secret = evidence.form.get("client_secret");
    match (evidence.authorization, client_id, secret) {
        // RFC 6749 section 2.3: "The client MUST NOT use more than one authentication method in each request".
        (Some(_), _, Some(_)) => Err(invalid_request(
            "the client must authenticate in one way, but sent a Basic header and client_secret",
        )),
        (Some(header), client_id, None) => read_basic(header, client_id),
        (None, Some(client_id), secret) => Ok(Shown {
            client_id: client_id.into(),
            secret: secret.map(Into::into),
            assertion: None,
            method: match secret {
                Some(_) => ClientAuthMethod::ClientSecretPost,
                None => ClientAuthMethod::None,
            },
        }),
        (None, None, _) => Err(invalid_client(
            "the client must authenticate, by a Basic header, by client_assertion or by client_id in \
             the body",
        )),
    }
}

fn read_basic<'a>(header: &str, client_id: Option<&str>) -> Result<Shown<'a>, OAuthError> {
    let shown =
        BasicCredentials::parse(header).map_err(|error| invalid_client(error.to_string()))?;
    if client_id.is_some_and(|client_id| client_id != shown.client_id) {
        return Err(invalid_request("client_id in the body is not that of the Basic header"));
    }
    Ok(Shown {
        client_id: shown.client_id.into(),
        secret: Some(shown.client_secret.to_string().into()),
        assertion: None,
        method: ClientAuthMethod::ClientSecretBasic,
    })
}

fn check(application: Option<&Application>, shown: &Shown<'_>) -> Result<(), OAuthError> {
    let Some(application) = application else {
        // The work that a wrong secret costs, so that ids cannot be told apart by time.
        if let Some(secret) = &shown.secret {
            let _ = SecretHash::of("").matches(secret);
        }
        return Err(invalid_client(UNKNOWN_OR_WRONG));
    };
    let expected = application.settings.token_endpoint_auth_method;
    if shown.method != expected {
        return Err(invalid_client(format!(
            "the application authenticates by {}, as its token_endpoint_auth_method says",
            expected.as_str()
        )));
    }
    match &shown.secret {
        None => Ok(()),
        Some(secret) if application.secrets.iter().any(|hash| hash.matches(secret)) => Ok(()),
        Some(_) => Err(invalid_client(UNKNOWN_OR_WRONG)),
    }
}
