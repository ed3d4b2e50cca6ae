//! Keys that applications publish at a `jwks_uri`.

use std::sync::Arc;

use tokenbind_binding::Instant;

use super::{ClientKeys, NotSigned};
use crate::{
    fetch::{Document, Fetch},
    published::{Failure, Published},
};

/// What is known of all URLs.
pub(crate) struct FetchedKeys(Published<ClientKeys>);

impl FetchedKeys {
    pub(crate) fn new(fetch: Arc<dyn Fetch>) -> Self {
        Self(Published::new(fetch, Arc::new(|_, document| read(document))))
    }

    /// The keys at `uri`, known or fetched now.
    pub(crate) async fn get(&self, uri: &str, now: Instant) -> Result<Arc<ClientKeys>, NotSigned> {
        self.0.get(uri, now).await.map_err(|failure| unavailable(uri, failure))
    }

    /// The keys at `uri` as they are by now, if another call is allowed already; those known if not.
    pub(crate) async fn newer(
        &self,
        uri: &str,
        now: Instant,
    ) -> Result<Arc<ClientKeys>, NotSigned> {
        self.0.newer(uri, now).await.map_err(|failure| unavailable(uri, failure))
    }
}

fn read(document: &Document) -> Result<ClientKeys, String> {
    let jwks: serde_json::Value = serde_json::from_slice(&document.body)
        .map_err(|error| format!("not a JWK set: {error}"))?;
    if jwks.get("keys").is_some_and(serde_json::Value::is_array) {
        Ok(ClientKeys::of(&jwks))
    } else {
        Err("not a JWK set: an object with an array keys was expected".into())
    }
}

fn unavailable(uri: &str, failure: Failure) -> NotSigned {
    let reason = match failure {
        Failure::Unavailable(reason) | Failure::Unreadable(reason) => reason,
        Failure::TooMany { retry_after } => format!("too many calls; again in {retry_after} s"),
    };
    NotSigned {
        description: "the application's keys could not be fetched from its jwks_uri".into(),
        log: Some(format!("{uri}: {reason}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_key_set_is_refused() {
        let read = |body: &str| read(&Document { content_type: None, body: body.into() });
        for body in ["", "[]", "{}", r#"{"keys":{}}"#, "<html>"] {
            assert!(read(body).is_err(), "{body}");
        }
        assert!(read(r#"{"keys":[{"kty":"?"}]}"#).is_ok(), "RFC 7517 section 5: ignored");
    }

    #[test]
    fn the_log_tells_where_and_why() {
        let failure = Failure::Unavailable("no answer".into());
        let refused = unavailable("https://app.example/jwks", failure);
        assert_eq!(refused.log.as_deref(), Some("https://app.example/jwks: no answer"));
    }
}
