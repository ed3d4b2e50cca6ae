//! Where an authorization request is: in the query itself, kept by the server (RFC 9126), or in an object that
//! the application signed (RFC 9101).

use tokenbind_binding::{ClientId, Instant, PushedRequestId, handle::HandleKind};
use url::form_urlencoded;

use super::{
    Decision,
    error::{AuthorizationError, AuthorizationErrorCode},
    requester::UNKNOWN_CLIENT,
};
use crate::{
    error::{ErrorCode, OAuthError},
    form::Form,
    issuer::Issuer,
    pushed_request::{Provenance, PushedRequest},
    store::{AsOf, PushOutcome, RequestPush, StoreResult},
};

/// What every `request_uri` of this server begins with (RFC 9126 section 2.2).
const URN: &str = "urn:ietf:params:oauth:request_uri:";

/// Seconds that a user may take for the pages, beyond the time within which the request has to be opened.
const FOR_THE_PAGES: u64 = 1800;

/// A request that does not lie in the browser's query.
pub(super) struct Opened {
    /// Whose it is, its parameters, and how they came.
    pub(super) request: PushedRequest,
    /// When the application was read.
    as_of: AsOf,
    /// What it is kept under; none if only the browser has it.
    pub(super) id: Option<PushedRequestId>,
}

/// What a browser brings.
pub(super) enum Opening {
    /// The request itself.
    Shown,
    /// Its name, or the signed object that it is in.
    Opened(Opened),
    /// Neither.
    Refused(Decision),
}

impl Opened {
    /// When the request reached the server, as far as that is known.
    pub(super) fn since(&self) -> Option<Instant> {
        self.id.map(|id| id.instant())
    }
}

impl Issuer {
    /// Finds the request that a browser brings.
    ///
    /// # Errors
    /// If the store or a key fails.
    pub(super) async fn open_request(&self, shown: &Form<'_>) -> Result<Opening, OAuthError> {
        match (shown.get("request"), shown.get("request_uri")) {
            (None, None) => Ok(Opening::Shown),
            (Some(object), None) => self.open_signed(shown, object).await,
            (None, Some(uri)) => self.open_named(shown, uri).await,
            // OpenID Connect Core section 6.1: "If the request parameter is used, the request_uri parameter MUST NOT be
            // used in the same request."
            (Some(_), Some(_)) => {
                let error = AuthorizationError::invalid_request(
                    "request and request_uri cannot stand together",
                );
                self.refuse_opening(shown, &error).await
            }
        }
    }

    /// OpenID Connect Core section 6.2 has requests at URLs of the application, which are not fetched.
    async fn open_named(&self, shown: &Form<'_>, uri: &str) -> Result<Opening, OAuthError> {
        if let Some(handle) = uri.strip_prefix(URN) {
            return self.open_kept(shown, handle).await;
        }
        let error = AuthorizationError::new(
            AuthorizationErrorCode::RequestUriNotSupported,
            "request_uri must be one that this server gave out for a pushed request",
        );
        self.refuse_opening(shown, &error).await
    }

    /// RFC 9126 section 4. What else the browser brings is ignored.
    async fn open_kept(&self, shown: &Form<'_>, handle: &str) -> Result<Opening, OAuthError> {
        let Some(client_id) = shown.get("client_id") else {
            let error =
                OAuthError::new(ErrorCode::InvalidRequest, "the parameter client_id is missing");
            return Ok(Opening::Refused(Decision::Refused(error)));
        };
        let found = self.find_kept(&ClientId::from(client_id), handle).await?;
        Ok(found.map_or_else(
            // It is not known where to send the browser.
            || Opening::Refused(Decision::Refused(no_such_request())),
            Opening::Opened,
        ))
    }

    /// The request that is kept under this handle, if it is the application's and can be answered.
    async fn find_kept(&self, client_id: &ClientId, handle: &str) -> StoreResult<Option<Opened>> {
        let handles = &self.keys().handles;
        let opened_before = handles.open(HandleKind::OpenedRequest, handle).ok();
        let pushed = handles.open(HandleKind::PushedRequest, handle).ok();
        let Some(id) = opened_before.or(pushed).map(PushedRequestId::from_bytes) else {
            return Ok(None);
        };
        let as_of = self.store.as_of().await?;
        let Some(found) = self.store.look_up_pushed_request(id).await? else { return Ok(None) };
        let kept = found.record;
        let until = if opened_before.is_some() { kept.answers_until } else { kept.opens_until };
        let now = self.now().timestamp();
        let alive = kept.request.judge(id, until, &found.ends[..], now).is_ok();
        let theirs = kept.request.client_id == *client_id;
        let found = Opened { request: kept.request, as_of, id: Some(id) };
        Ok((alive && theirs && !kept.spent).then_some(found))
    }

    /// RFC 9101 section 5.1: the object by value.
    async fn open_signed(&self, shown: &Form<'_>, object: &str) -> Result<Opening, OAuthError> {
        let named = shown.get("client_id").map(ClientId::from);
        let found = match &named {
            // Why there is none is told where the browser's own parameters are looked at.
            Some(client_id) => self.find_client(client_id).await.ok(),
            None => None,
        };
        let Some((application, as_of)) = found else {
            return self.refuse_opening(shown, &unknown_client()).await;
        };
        match self.read_request_object(&application, object).await {
            Ok(parameters) => {
                let request = PushedRequest {
                    client_id: application.client_id.clone(),
                    parameters,
                    provenance: Provenance { pushed: false, signed: true },
                };
                Ok(Opening::Opened(Opened { request, as_of, id: None }))
            }
            Err(refusal) => {
                if let Some(log) = &refusal.log {
                    tracing::warn!(client_id = %application.client_id, %log, "a request object was refused");
                }
                self.refuse_opening(shown, &refusal.error).await
            }
        }
    }

    /// What the browser itself brings has to tell where to send it, since nothing else can be believed.
    async fn refuse_opening(
        &self,
        shown: &Form<'_>,
        error: &AuthorizationError,
    ) -> Result<Opening, OAuthError> {
        Ok(Opening::Refused(match self.find_requester(shown).await? {
            Ok(requester) => Decision::Answer(self.refuse(&requester, error)?),
            Err(refusal) => Decision::Refused(refusal),
        }))
    }

    /// The query that the forms of the pages name an opened request by, for as long as a user may take.
    /// An object that only the browser has is kept from now on: it may expire meanwhile.
    pub(super) async fn query_of_opened(&self, opened: &Opened) -> StoreResult<Option<String>> {
        let id = match opened.id {
            Some(id) => id,
            None => match self.keep_request(opened.as_of, opened.request.clone()).await? {
                PushOutcome::Pushed(id) => id,
                PushOutcome::Ended => return Ok(None),
            },
        };
        let handle = self.keys().handles.seal(HandleKind::OpenedRequest, id.as_bytes());
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("client_id", opened.request.client_id.as_str());
        query.append_pair("request_uri", &format!("{URN}{handle}"));
        Ok(Some(query.finish()))
    }

    /// Keeps a request for a browser to bring.
    pub(super) async fn keep_request(
        &self,
        as_of: AsOf,
        request: PushedRequest,
    ) -> StoreResult<PushOutcome> {
        let lifetime = self.config.pushed_request_lifetime;
        let answerable = lifetime + FOR_THE_PAGES;
        self.store.push_request(RequestPush { as_of, request, lifetime, answerable }).await
    }

    /// The `request_uri` of a kept request (RFC 9126 section 2.2).
    pub(super) fn request_uri(&self, id: PushedRequestId) -> String {
        let handle = self.keys().handles.seal(HandleKind::PushedRequest, id.as_bytes());
        format!("{URN}{handle}")
    }
}

/// RFC 9126 section 4, RFC 9101 section 6: for the user, since nothing tells where to send the browser.
pub(super) fn no_such_request() -> OAuthError {
    OAuthError::new(
        ErrorCode::InvalidRequestUri,
        "the request_uri names no request of the application that can still be answered: it was used, \
         has expired or was never given out",
    )
}

fn unknown_client() -> AuthorizationError {
    AuthorizationError::invalid_request(UNKNOWN_CLIENT)
}
