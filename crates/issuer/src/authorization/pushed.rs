//! Pushed authorization requests (RFC 9126).

use serde::Serialize;
use tokenbind_binding::{Thumbprint, dpop::proof::Accepted};
use url::form_urlencoded;

use super::{
    error::{AuthorizationError, AuthorizationErrorCode},
    request::AuthorizationRequest,
};
use crate::{
    client::{AuthenticatedClient, ClientEvidence},
    error::{ErrorCode, OAuthError},
    form::Form,
    issuer::Issuer,
    pushed_request::{Provenance, PushedRequest},
    store::PushOutcome,
};

/// The most that the parameters may have, in bytes.
const MAX_BYTES: usize = 32 << 10;

/// What authenticates the client, and the object that the parameters are in: no parameters of the request.
const NOT_OF_THE_REQUEST: [&str; 5] =
    ["client_id", "client_secret", "client_assertion_type", "client_assertion", "request"];

/// The answer to a pushed request (RFC 9126 section 2.2).
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct PushedAuthorizationResponse {
    request_uri: String,
    /// In seconds.
    expires_in: u64,
    #[serde(skip)]
    dpop_nonce: Option<String>,
}

impl PushedAuthorizationResponse {
    /// The nonce that the client's next DPoP proof is to have, if it is another one: `DPoP-Nonce` (RFC 9449
    /// section 8.2).
    #[must_use]
    pub fn dpop_nonce(&self) -> Option<&str> {
        self.dpop_nonce.as_deref()
    }
}

impl Issuer {
    /// Keeps a request that the application pushes, every rule of the authorization endpoint checked.
    ///
    /// # Errors
    /// RFC 9126 section 2.3: the codes of RFC 6749 sections 4.1.2.1 and 5.2 and of RFC 9101 section 6.
    pub async fn push_authorization_request(
        &self,
        shown: ClientEvidence<'_>,
    ) -> Result<PushedAuthorizationResponse, OAuthError> {
        let client = self.authenticate(shown).await?;
        // RFC 9126 section 2.1: of all parameters, request_uri is the one that "MUST NOT be provided".
        if shown.form.get("request_uri").is_some() {
            return Err(invalid_request("a pushed request must not have request_uri"));
        }
        let proven = self.prove_key(&shown.proofs, client.settings(), None).await?;
        let (mut parameters, provenance) = self.pushed_parameters(&client, shown.form).await?;
        if let Some(proven) = &proven {
            bind_code(&mut parameters, proven.jkt())?;
        }
        if parameters.len() > MAX_BYTES {
            let description = format!("a pushed request must have at most {MAX_BYTES} bytes");
            return Err(invalid_request(description));
        }
        self.check_pushed(&client, &parameters, provenance).await?;
        let client_id = client.client_id().clone();
        let request = PushedRequest { client_id, parameters, provenance };
        match self.keep_request(client.as_of(), request).await? {
            PushOutcome::Pushed(id) => Ok(PushedAuthorizationResponse {
                request_uri: self.request_uri(id),
                expires_in: self.config.pushed_request_lifetime,
                dpop_nonce: proven.and_then(Accepted::next_nonce),
            }),
            PushOutcome::Ended => Err(OAuthError::new(
                ErrorCode::InvalidClient,
                "the application was ended while the request was under way",
            )),
        }
    }

    async fn pushed_parameters(
        &self,
        client: &AuthenticatedClient,
        form: &Form<'_>,
    ) -> Result<(String, Provenance), OAuthError> {
        let Some(object) = form.get("request") else {
            let provenance = Provenance { pushed: true, signed: false };
            return Ok((pushed_plainly(client, form), provenance));
        };
        // RFC 9126 section 3: the request is what the object says; what is outside of it is not looked at.
        let read = self.read_request_object(client.application(), object).await;
        let parameters = read.map_err(|bad| OAuthError { log: bad.log, ..as_pushed(bad.error) })?;
        Ok((parameters, Provenance { pushed: true, signed: true }))
    }

    /// RFC 9126 section 2.1: the server has to "validate the pushed request as it would an authorization request sent
    /// to the authorization endpoint".
    async fn check_pushed(
        &self,
        client: &AuthenticatedClient,
        parameters: &str,
        provenance: Provenance,
    ) -> Result<(), OAuthError> {
        let parameters = Form::parse(parameters.as_bytes())?;
        let requester = self.requester(client.shared(), client.as_of(), &parameters)?;
        requester.check_response_mode()?;
        let request = AuthorizationRequest::read(&parameters, requester.settings(), provenance)?;
        requester.check_profile(&parameters)?;
        self.subjects_meant(&requester, &request)?;
        self.target(requester.settings(), &parameters, &request.scope).await?;
        Ok(())
    }
}

/// RFC 9449 section 10.1: a proof at a pushed request binds the code as `dpop_jkt` does, and where both are there, the
/// server "MUST" see that they name one key.
fn bind_code(parameters: &mut String, jkt: Thumbprint) -> Result<(), OAuthError> {
    let named = Form::parse(parameters.as_bytes())?.get("dpop_jkt").map(str::to_owned);
    match named {
        None => {
            let mut more = form_urlencoded::Serializer::for_suffix(parameters, 0);
            more.append_pair("dpop_jkt", &jkt.to_string());
            Ok(())
        }
        Some(named) if named.parse() == Ok(jkt) => Ok(()),
        Some(_) => Err(OAuthError::new(
            ErrorCode::InvalidDpopProof,
            "the DPoP proof is by another key than dpop_jkt names",
        )),
    }
}

fn pushed_plainly(client: &AuthenticatedClient, form: &Form<'_>) -> String {
    form_urlencoded::Serializer::new(String::new())
        .append_pair("client_id", client.client_id().as_str())
        .extend_pairs(form.pairs().filter(|(name, value)| {
            // RFC 6749 section 3.1: without a value it counts as omitted.
            !value.is_empty() && !NOT_OF_THE_REQUEST.contains(name)
        }))
        .finish()
}

/// RFC 9101 section 6.2: an object that is not signed is none that can be believed.
fn as_pushed(error: AuthorizationError) -> OAuthError {
    let code = match error.code {
        AuthorizationErrorCode::RequestNotSupported => ErrorCode::InvalidRequestObject,
        _ => return error.into(),
    };
    OAuthError::new(code, error.description)
}

fn invalid_request(description: impl Into<std::borrow::Cow<'static, str>>) -> OAuthError {
    OAuthError::new(ErrorCode::InvalidRequest, description)
}
