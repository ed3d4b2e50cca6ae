//! Dynamic registration and its management (RFC 7591, RFC 7592).

use std::{fmt, sync::Arc};

use serde::Serialize;
use serde_json::{Map, Value};
use tokenbind_binding::{ClientId, time::random_bytes};

use crate::{
    application::Application,
    error::{ErrorCode, OAuthError},
    issuer::Issuer,
    secret::{Secret, SecretHash},
    settings::Settings,
    store::{ChangeOutcome, RegisterOutcome, StoreResult},
};

/// A client information response (RFC 7591 section 3.2.1, RFC 7592 section 3). Secrets are in it only where they
/// have just been made, or presented by the one who asks: nobody else ever sees them again.
#[derive(Clone, Serialize)]
pub struct ClientInformation {
    client_id: ClientId,
    /// Seconds since the Unix epoch.
    client_id_issued_at: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret: Option<String>,
    /// Zero: it does not expire.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret_expires_at: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    registration_access_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    registration_client_uri: Option<String>,
    #[serde(flatten)]
    metadata: Map<String, Value>,
}

impl fmt::Debug for ClientInformation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientInformation")
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}

impl ClientInformation {
    pub(crate) fn of(application: &Application, secret: Option<&Secret>) -> Self {
        Self {
            client_id: application.client_id.clone(),
            client_id_issued_at: application.issued_at.as_secs(),
            client_secret: secret.map(|secret| secret.reveal().into()),
            client_secret_expires_at: secret.map(|_| 0),
            registration_access_token: None,
            registration_client_uri: None,
            metadata: application.settings.to_metadata(),
        }
    }

    fn managed_at(mut self, issuer: &str, token: &str) -> Self {
        self.registration_client_uri = Some(format!("{issuer}/oauth2/register/{}", self.client_id));
        self.registration_access_token = Some(token.into());
        self
    }
}

impl Issuer {
    /// Registers an application for whoever has the initial access token (RFC 7591 section 3).
    ///
    /// # Errors
    /// `invalid_token`, `invalid_redirect_uri` or `invalid_client_metadata`.
    pub async fn register(
        &self,
        initial_access_token: Option<&str>,
        metadata: Map<String, Value>,
    ) -> Result<ClientInformation, OAuthError> {
        self.check_initial_access_token(initial_access_token)?;
        let settings = Settings::from_metadata(metadata)?;
        let management = Secret::generate(&*self.random);
        let (application, secret) =
            self.add_application(None, settings, Some(management.hash())).await?;
        let information = ClientInformation::of(&application, secret.as_ref());
        Ok(information.managed_at(&self.config.issuer, management.reveal()))
    }

    /// The application's settings (RFC 7592 section 2.1).
    ///
    /// # Errors
    /// `invalid_token`.
    pub async fn read_registration(
        &self,
        client_id: &str,
        token: Option<&str>,
    ) -> Result<ClientInformation, OAuthError> {
        let (application, token) = self.managed_application(client_id, token).await?;
        let information = ClientInformation::of(&application, None);
        Ok(information.managed_at(&self.config.issuer, token))
    }

    /// Replaces the application's settings (RFC 7592 section 2.2). Tokens that it holds keep what they were
    /// issued with.
    ///
    /// # Errors
    /// `invalid_token`, `invalid_redirect_uri` or `invalid_client_metadata`.
    pub async fn update_registration(
        &self,
        client_id: &str,
        token: Option<&str>,
        metadata: Map<String, Value>,
    ) -> Result<ClientInformation, OAuthError> {
        let (application, token) = self.managed_application(client_id, token).await?;
        check_update(&application, &metadata)?;
        let settings = application.settings.replaced_by(metadata)?;
        let (application, secret) = self.change_settings(&application, settings).await?;
        let information = ClientInformation::of(&application, secret.as_ref());
        Ok(information.managed_at(&self.config.issuer, token))
    }

    /// Removes the application and ends its tokens (RFC 7592 section 2.3).
    ///
    /// # Errors
    /// `invalid_token`.
    pub async fn delete_registration(
        &self,
        client_id: &str,
        token: Option<&str>,
    ) -> Result<(), OAuthError> {
        let (application, _) = self.managed_application(client_id, token).await?;
        match self.store.delete_application(&application.client_id).await? {
            ChangeOutcome::Changed => Ok(()),
            ChangeOutcome::Unknown => Err(invalid_token()),
        }
    }

    /// Adds an application, with a generated id unless one is given, and a secret if it needs one.
    pub(crate) async fn add_application(
        &self,
        client_id: Option<ClientId>,
        settings: Settings,
        registration_access_token: Option<SecretHash>,
    ) -> Result<(Application, Option<Secret>), OAuthError> {
        let secret = self.secret_for(&settings);
        let application = Application {
            client_id: client_id.unwrap_or_else(|| self.generate_client_id()),
            issued_at: self.now().timestamp(),
            secrets: secret.iter().map(Secret::hash).collect(),
            registration_access_token,
            settings,
        };
        match self.store.register_application(application.clone()).await? {
            RegisterOutcome::Registered => Ok((application, secret)),
            RegisterOutcome::Taken => {
                Err(OAuthError::new(ErrorCode::InvalidClientMetadata, "client_id: is taken"))
            }
        }
    }

    /// Changes the settings; a secret is made or dropped where the way to authenticate asks for it.
    pub(crate) async fn change_settings(
        &self,
        before: &Application,
        settings: Settings,
    ) -> Result<(Application, Option<Secret>), OAuthError> {
        let mut after = Application { settings, ..before.clone() };
        let mut fresh = None;
        if !after.settings.token_endpoint_auth_method.uses_secret() {
            after.secrets.clear();
        } else if after.secrets.is_empty() {
            fresh = self.secret_for(&after.settings);
            after.secrets.extend(fresh.iter().map(Secret::hash));
        }
        self.replace_application(before, after).await.map(|after| (after, fresh))
    }

    /// Commits a changed application, unless somebody else changed it meanwhile.
    pub(crate) async fn replace_application(
        &self,
        before: &Application,
        after: Application,
    ) -> Result<Application, OAuthError> {
        match self.store.update_application(before, after.clone()).await? {
            ChangeOutcome::Changed => Ok(after),
            ChangeOutcome::Unknown => Err(OAuthError::new(
                ErrorCode::InvalidClientMetadata,
                "the application was changed or deleted meanwhile; read it and try again",
            )),
        }
    }

    fn secret_for(&self, settings: &Settings) -> Option<Secret> {
        let needed = settings.token_endpoint_auth_method.uses_secret();
        needed.then(|| Secret::generate(&*self.random))
    }

    fn generate_client_id(&self) -> ClientId {
        let mut bytes: [u8; 16] = random_bytes(&*self.random);
        // So that it begins with a letter: on a command line a hyphen would begin an option.
        bytes[0] &= 0x7f;
        ClientId::new(tokenbind_binding::TokenId::from_bytes(bytes).to_string())
    }

    fn check_initial_access_token(&self, shown: Option<&str>) -> Result<(), OAuthError> {
        match (&self.config.initial_access_token, shown) {
            (Some(expected), Some(shown)) if expected.matches(shown) => Ok(()),
            _ => Err(invalid_token()),
        }
    }

    /// RFC 7592 section 2.1: an unknown client and a wrong token are refused alike.
    async fn managed_application<'t>(
        &self,
        client_id: &str,
        token: Option<&'t str>,
    ) -> Result<(Arc<Application>, &'t str), OAuthError> {
        let application = self.find(client_id).await?.ok_or_else(invalid_token)?;
        match (&application.registration_access_token, token) {
            (Some(expected), Some(token)) if expected.matches(token) => Ok((application, token)),
            _ => Err(invalid_token()),
        }
    }

    pub(crate) async fn find(&self, client_id: &str) -> StoreResult<Option<Arc<Application>>> {
        let found = self.store.find_application(&ClientId::from(client_id)).await?;
        Ok(found.map(|(application, _)| application))
    }
}

fn invalid_token() -> OAuthError {
    OAuthError::new(
        ErrorCode::InvalidToken,
        "expected the header Authorization: Bearer with the access token for registration",
    )
}

/// RFC 7592 section 2.2: what the body of an update must and must not hold.
fn check_update(
    application: &Application,
    metadata: &Map<String, Value>,
) -> Result<(), OAuthError> {
    let refuse = |description: &'static str| {
        Err(OAuthError::new(ErrorCode::InvalidClientMetadata, description))
    };
    // "The client MUST include its client_id field in the request, and it MUST be the same".
    if metadata.get("client_id").and_then(Value::as_str) != Some(application.client_id.as_str()) {
        return refuse("client_id: must be that of the application");
    }
    // "This request MUST NOT include the registration_access_token, registration_client_uri,
    // client_secret_expires_at, or client_id_issued_at fields".
    let forbidden = [
        "registration_access_token",
        "registration_client_uri",
        "client_secret_expires_at",
        "client_id_issued_at",
    ];
    if forbidden.iter().any(|name| metadata.contains_key(*name)) {
        return refuse(
            "must not have registration_access_token, registration_client_uri, \
             client_secret_expires_at or client_id_issued_at",
        );
    }
    // "If the client includes the client_secret field in the request, the value of this field MUST
    // match the currently issued client secret for that client".
    match metadata.get("client_secret").map(Value::as_str) {
        None => Ok(()),
        Some(Some(shown)) if application.secrets.iter().any(|hash| hash.matches(shown)) => Ok(()),
        Some(_) => refuse("client_secret: must be the current one, or absent"),
    }
}
