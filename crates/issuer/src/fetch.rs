//! What the rules need of HTTP: documents that applications publish.

use async_trait::async_trait;

/// Why a document could not be had, for the log.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct FetchError(pub String);

/// What was found at a URL.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Document {
    /// `Content-Type`, if it was said.
    pub content_type: Option<String>,
    /// The body.
    pub body: Vec<u8>,
}

/// Gets documents at URLs that applications name. Whoever implements it keeps the rules for calls to
/// strangers: https alone, no redirects, an end to size and time, and no addresses that only the server
/// can reach.
#[async_trait]
pub trait Fetch: Send + Sync {
    /// What is found at `uri` with status 200.
    ///
    /// # Errors
    /// [`FetchError`].
    async fn get(&self, uri: &str) -> Result<Document, FetchError>;
}

/// Gets nothing: for a process that answers no clients.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NoFetch;

#[async_trait]
impl Fetch for NoFetch {
    async fn get(&self, _: &str) -> Result<Document, FetchError> {
        Err(FetchError("this process calls nobody".into()))
    }
}
