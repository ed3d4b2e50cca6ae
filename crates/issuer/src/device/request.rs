//! The device authorization endpoint (RFC 8628 sections 3.1 and 3.2).

use std::net::IpAddr;

use serde::Serialize;
use tokenbind_binding::{GrantType, JtiClaim, bindings, handle::HandleKind};

use super::{
    DeviceAuthorization, FIRST_INTERVAL, PICTURE_PATH, USER_CODE, UserCode, VERIFICATION_PATH,
};
use crate::{
    client::{AuthenticatedClient, ClientEvidence},
    dpop::replayed,
    error::{ErrorCode, OAuthError},
    issuer::Issuer,
    sign_in::readable,
    store::{DeviceStart, DeviceStartOutcome},
    token_endpoint::{Gathered, grant_scope, not_bound, optional_scope},
};

/// So many user codes are tried. Even with a million codes in use, all of them being taken is less likely
/// than one in 10 to the 17.
const TRIES: usize = 4;

/// The answer to a device (RFC 8628 section 3.2). Its `Debug` shows no code.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct DeviceAuthorizationResponse {
    device_code: String,
    user_code: String,
    verification_uri: String,
    verification_uri_complete: String,
    /// Where `verification_uri_complete` is as a picture, for a device that cannot draw one itself.
    verification_uri_qr: String,
    /// In seconds.
    expires_in: u64,
    /// In seconds.
    interval: u64,
    #[serde(skip)]
    dpop_nonce: Option<String>,
}

impl std::fmt::Debug for DeviceAuthorizationResponse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DeviceAuthorizationResponse")
            .field("expires_in", &self.expires_in)
            .finish_non_exhaustive()
    }
}

impl DeviceAuthorizationResponse {
    /// The nonce that the client's next DPoP proof is to have, if it is another one: `DPoP-Nonce` (RFC 9449
    /// section 8.2).
    #[must_use]
    pub fn dpop_nonce(&self) -> Option<&str> {
        self.dpop_nonce.as_deref()
    }
}

impl Issuer {
    /// Answers a device that asks for a user's approval. `address` is where it asks from, if that is known,
    /// and `user_agent` as what: the user will see both.
    ///
    /// # Errors
    /// The codes of RFC 6749 section 5.2, and those of a key that is missing or does not hold.
    pub async fn authorize_device(
        &self,
        shown: ClientEvidence<'_>,
        address: Option<IpAddr>,
        user_agent: Option<&str>,
    ) -> Result<DeviceAuthorizationResponse, OAuthError> {
        let client = self.authenticate(shown).await?;
        client.may_use(GrantType::DeviceCode)?;
        let wanted = self.wanted(shown.form).await?;
        let types = client.settings().token_binding_types.iter().copied();
        let carried: Vec<_> = types.filter(|kind| kind.carried_by(GrantType::DeviceCode)).collect();
        wanted.check_types(&carried)?;
        let scope = grant_scope(&client, optional_scope(shown.form)?)?;
        // Nobody is to approve what nothing will come of.
        wanted.narrow(&scope)?;
        // A proof binds the code also where the tokens are bound to no key, as at a pushed request.
        let Gathered { evidence, proof, dpop_nonce } = self.gather(&client, shown, false, true)?;
        let terms = client.settings().binding_terms();
        let authorized = bindings::at_device_request(&terms, &evidence, client.client_id());
        let asked = DeviceAuthorization {
            client_id: client.client_id().clone(),
            scope,
            audience: wanted.audience(&self.config.default_audience),
            authorized: authorized.map_err(not_bound)?,
            address,
            user_agent: user_agent.map(readable),
        };
        let response = self.start_device(&client, asked, proof).await?;
        Ok(DeviceAuthorizationResponse { dpop_nonce, ..response })
    }

    async fn start_device(
        &self,
        client: &AuthenticatedClient,
        asked: DeviceAuthorization,
        proof: Option<JtiClaim>,
    ) -> Result<DeviceAuthorizationResponse, OAuthError> {
        let handles = &self.keys().handles;
        let codes: Vec<_> = (0..TRIES).map(|_| UserCode::generate(&*self.random)).collect();
        let lifetime = client.settings().device_code_lifetime;
        let start = DeviceStart {
            as_of: client.as_of(),
            asked,
            proof,
            user_codes: codes.iter().map(|code| handles.typed(&code.letters())).collect(),
            lifetime,
            interval: FIRST_INTERVAL,
        };
        match self.store.start_device_authorization(start).await? {
            DeviceStartOutcome::Started { id, user_code } => {
                let user_code = *codes.get(user_code).ok_or_else(no_code_left)?;
                let device_code = handles.seal(HandleKind::DeviceCode, id.as_bytes());
                Ok(self.answer_of_device(device_code, user_code, lifetime))
            }
            DeviceStartOutcome::Replayed => Err(replayed()),
            DeviceStartOutcome::NoCodeLeft => Err(no_code_left()),
            DeviceStartOutcome::Ended => Err(OAuthError::new(
                ErrorCode::InvalidClient,
                "the application was ended while the request was under way",
            )),
        }
    }

    fn answer_of_device(
        &self,
        device_code: String,
        user_code: UserCode,
        lifetime: u64,
    ) -> DeviceAuthorizationResponse {
        let issuer = &self.config.issuer;
        DeviceAuthorizationResponse {
            device_code,
            user_code: user_code.to_string(),
            verification_uri: format!("{issuer}{VERIFICATION_PATH}"),
            verification_uri_complete: self.verification_uri_complete(user_code),
            verification_uri_qr: format!("{issuer}{PICTURE_PATH}?{USER_CODE}={user_code}"),
            expires_in: lifetime,
            interval: FIRST_INTERVAL,
            dpop_nonce: None,
        }
    }

    /// The page where this code is to be answered (RFC 8628 section 3.3.1), whether there is such a code or not.
    #[must_use]
    pub fn verification_uri_complete(&self, user_code: UserCode) -> String {
        format!("{}{VERIFICATION_PATH}?{USER_CODE}={user_code}", self.config.issuer)
    }
}

fn no_code_left() -> OAuthError {
    let description = "no user code is free just now, try again in a moment";
    OAuthError::new(ErrorCode::TemporarilyUnavailable, description)
}
