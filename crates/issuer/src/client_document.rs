//! Applications that nobody registered: the `client_id` is a URL, and what is found there describes the application
//! (draft-ietf-oauth-client-id-metadata-document-02).
//!
//! Nothing of it is stored. Whoever publishes the document can change it at any time; what was issued before keeps what
//! it was issued with, as it does for every application.

mod document;
mod url;

use std::{borrow::Cow, sync::Arc};

use async_trait::async_trait;
use tokenbind_binding::ClientId;

pub use self::{
    document::{MAX_BYTES, read},
    url::ClientUrl,
};
use crate::{
    application::Application,
    error::{ErrorCode, OAuthError},
    fetch::{Document, Fetch, FetchError},
    issuer::Issuer,
    published::{Failure, Published},
    scope::Scope,
    settings::Settings,
    store::{AsOf, StoreError},
};

/// How many URLs that never had a good document are called in a minute, whoever names them.
const STRANGERS_PER_MINUTE: u32 = 60;

/// What the operator allows such applications.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DocumentPolicy {
    /// The hosts whose documents count; any if none is named.
    pub hosts: Vec<String>,
    /// What they may ask for.
    pub scope: Scope,
}

/// The documents that were read.
pub(crate) struct ClientDocuments {
    policy: Option<DocumentPolicy>,
    settings: Published<Settings>,
}

impl ClientDocuments {
    /// Without a policy, no document counts.
    pub(crate) fn new(policy: Option<DocumentPolicy>, fetch: Arc<dyn Fetch>) -> Self {
        let allowed = policy.as_ref().map(|policy| policy.scope.clone()).unwrap_or_default();
        let settings = Published::new(
            Arc::new(LoggedFetch(fetch)),
            Arc::new(move |uri, found| match ClientUrl::parse(uri) {
                Some(url) => document::read(&url, found, &allowed),
                None => Err("not a URL that can be a client_id".into()),
            }),
        );
        Self { policy, settings: settings.for_strangers(STRANGERS_PER_MINUTE) }
    }

    fn may_be_asked(&self, url: &ClientUrl<'_>) -> bool {
        let allowed = |policy: &DocumentPolicy| {
            policy.hosts.is_empty() || policy.hosts.iter().any(|host| host == url.host())
        };
        self.policy.as_ref().is_some_and(allowed)
    }
}

/// Logs each call in vain, once: strangers, who name the URLs, could else fill the log without having any call made.
struct LoggedFetch(Arc<dyn Fetch>);

#[async_trait]
impl Fetch for LoggedFetch {
    async fn get(&self, uri: &str) -> Result<Document, FetchError> {
        let got = self.0.get(uri).await;
        got.inspect_err(|reason| tracing::warn!(uri, %reason, "no document describes a client"))
    }
}

/// Why there is no application.
#[derive(Debug)]
pub(crate) enum NoClient {
    /// None of this `client_id` is registered.
    Unknown,
    /// What its document says cannot be.
    Refused(String),
    /// Its document could not be had.
    Unavailable(OAuthError),
}

impl NoClient {
    /// The refusal, by this code where the application is to blame, in these words where there is none.
    pub(crate) fn into_error(
        self,
        code: ErrorCode,
        unknown: impl Into<Cow<'static, str>>,
    ) -> OAuthError {
        match self {
            Self::Unknown => OAuthError::new(code, unknown),
            Self::Refused(rule) => {
                let description =
                    format!("the document that client_id names cannot be used: {rule}");
                OAuthError::new(code, description)
            }
            Self::Unavailable(error) => error,
        }
    }
}

impl From<StoreError> for NoClient {
    fn from(error: StoreError) -> Self {
        Self::Unavailable(error.into())
    }
}

impl Issuer {
    /// The application of this id, registered or described by its document, and the moment as of which that is so.
    ///
    /// # Errors
    /// [`NoClient`].
    pub(crate) async fn find_client(
        &self,
        client_id: &ClientId,
    ) -> Result<(Arc<Application>, AsOf), NoClient> {
        // No registered id is a URL.
        let Some(url) = ClientUrl::parse(client_id.as_str()) else {
            return self.store.find_application(client_id).await?.ok_or(NoClient::Unknown);
        };
        if !self.client_documents.may_be_asked(&url) {
            return Err(NoClient::Unknown);
        }
        let as_of = self.store.as_of().await?;
        let settings = self.client_documents.settings.get(client_id.as_str(), self.now()).await;
        let settings = settings.map_err(no_document)?;
        let application = Application {
            client_id: client_id.clone(),
            issued_at: self.now().timestamp(),
            secrets: Vec::new(),
            registration_access_token: None,
            settings: (*settings).clone(),
        };
        Ok((Arc::new(application), as_of))
    }

    /// The same for a token of the application.
    ///
    /// # Errors
    /// If it cannot be told just now.
    pub(crate) async fn find_owner(
        &self,
        client_id: &ClientId,
    ) -> Result<Option<Arc<Application>>, OAuthError> {
        match self.find_client(client_id).await {
            Ok((application, _)) => Ok(Some(application)),
            Err(NoClient::Unknown | NoClient::Refused(_)) => Ok(None),
            Err(NoClient::Unavailable(error)) => Err(error),
        }
    }

    /// Whether applications may be described by documents (draft section 6).
    pub(crate) const fn takes_client_documents(&self) -> bool {
        self.client_documents.policy.is_some()
    }
}

/// What strangers are told says nothing of what the server could reach and what not.
fn no_document(failure: Failure) -> NoClient {
    match failure {
        Failure::Unreadable(rule) => NoClient::Refused(rule),
        Failure::Unavailable(_) => {
            let description =
                "the document that client_id names could not be had, try again in a moment";
            NoClient::Unavailable(OAuthError::new(ErrorCode::TemporarilyUnavailable, description))
        }
        Failure::TooMany { retry_after } => NoClient::Unavailable(OAuthError::new(
            ErrorCode::TooManyAttempts { retry_after },
            "too many unknown applications were named, wait as long as Retry-After says",
        )),
    }
}
