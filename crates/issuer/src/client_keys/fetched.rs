//! Keys that applications publish at a `jwks_uri`: fetched when they are needed, and kept for a while.

use std::{convert::Infallible, sync::Arc};

use arc_swap::ArcSwapOption;
use quick_cache::sync::Cache;
use tokenbind_binding::Instant;
use tokio::sync::Mutex;

use super::{ClientKeys, NotSigned};
use crate::fetch::Fetch;

/// So many sets of keys are kept.
const CAPACITY: usize = 1_000;

/// Seconds for which fetched keys are used. A key that the application took away is refused after that at
/// the latest.
const LIFETIME: u64 = 300;

/// Seconds between two calls to one URL: whoever shows signatures by unknown keys cannot have the server
/// call an application more often.
const PAUSE: u64 = 10;

/// What is known of all URLs.
pub(crate) struct FetchedKeys {
    fetch: Arc<dyn Fetch>,
    known: Cache<String, Arc<Known>>,
}

/// What is known of one URL.
#[derive(Default)]
struct Known {
    /// Found without waiting for a call that is under way.
    fetched: ArcSwapOption<Fetched>,
    /// Held while a call is under way.
    last_call: Mutex<Option<Call>>,
}

struct Fetched {
    keys: Arc<ClientKeys>,
    at: Instant,
}

/// A call that is over.
struct Call {
    at: Instant,
    /// Why it was in vain, if it was.
    failure: Option<String>,
}

impl Known {
    fn fresh(&self, now: Instant) -> Option<Arc<ClientKeys>> {
        let fetched = self.fetched.load_full()?;
        (age(fetched.at, now) < LIFETIME).then(|| fetched.keys.clone())
    }
}

impl FetchedKeys {
    pub(crate) fn new(fetch: Arc<dyn Fetch>) -> Self {
        Self { fetch, known: Cache::new(CAPACITY) }
    }

    /// The keys at `uri`, known or fetched now.
    pub(crate) async fn get(&self, uri: &str, now: Instant) -> Result<Arc<ClientKeys>, NotSigned> {
        let known = self.known(uri);
        match known.fresh(now) {
            Some(keys) => Ok(keys),
            None => self.call_at(uri, known, now, CallIf::NoneFresh).await,
        }
    }

    /// The keys at `uri` as they are by now, if another call is allowed already; those known if not.
    pub(crate) async fn newer(
        &self,
        uri: &str,
        now: Instant,
    ) -> Result<Arc<ClientKeys>, NotSigned> {
        self.call_at(uri, self.known(uri), now, CallIf::Allowed).await
    }

    fn known(&self, uri: &str) -> Arc<Known> {
        let Ok(known) = self.known.get_or_insert_with(uri, || Ok::<_, Infallible>(Arc::default()));
        known
    }

    /// One call at a time to each URL. It goes on if whoever asked goes away, so that the next one to ask
    /// finds what it brought.
    async fn call_at(
        &self,
        uri: &str,
        known: Arc<Known>,
        now: Instant,
        condition: CallIf,
    ) -> Result<Arc<ClientKeys>, NotSigned> {
        let (fetch, uri) = (self.fetch.clone(), uri.to_owned());
        let calling = tokio::spawn(async move {
            let mut last_call = known.last_call.lock().await;
            let fresh = known.fresh(now);
            let allowed = last_call.as_ref().is_none_or(|last| age(last.at, now) >= PAUSE);
            match (fresh, condition) {
                // Somebody else has fetched them meanwhile.
                (Some(keys), CallIf::NoneFresh) => return Ok(keys),
                (Some(keys), CallIf::Allowed) if !allowed => return Ok(keys),
                _ => {}
            }
            if !allowed && let Some(Call { failure: Some(reason), .. }) = &*last_call {
                return Err(unavailable(reason.clone()));
            }
            let answer = fetch.get(&uri).await.map_err(|error| error.to_string());
            let found = answer.and_then(|body| read(&body)).map(Arc::new);
            let found = found.map_err(|reason| format!("{uri}: {reason}"));
            *last_call = Some(Call { at: now, failure: found.as_ref().err().cloned() });
            let keys = found.map_err(unavailable)?;
            known.fetched.store(Some(Arc::new(Fetched { keys: keys.clone(), at: now })));
            Ok(keys)
        });
        calling.await.unwrap_or_else(|error| Err(unavailable(error.to_string())))
    }
}

/// When to call.
#[derive(Clone, Copy)]
enum CallIf {
    /// If no fresh keys are known.
    NoneFresh,
    /// If the last call is long enough ago.
    Allowed,
}

fn read(body: &[u8]) -> Result<ClientKeys, String> {
    let jwks: serde_json::Value =
        serde_json::from_slice(body).map_err(|error| format!("not a JWK set: {error}"))?;
    if jwks.get("keys").is_some_and(serde_json::Value::is_array) {
        Ok(ClientKeys::of(&jwks))
    } else {
        Err("not a JWK set: an object with an array keys was expected".into())
    }
}

fn age(at: Instant, now: Instant) -> u64 {
    now.as_micros().saturating_sub(at.as_micros()) / 1_000_000
}

fn unavailable(log: String) -> NotSigned {
    NotSigned {
        description: "the application's keys could not be fetched from its jwks_uri".into(),
        log: Some(log),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

    use async_trait::async_trait;

    use super::*;
    use crate::fetch::FetchError;

    const URI: &str = "https://app.example/jwks";

    /// Counts its calls; the n-th set has n keys.
    #[derive(Default)]
    struct Counting {
        calls: AtomicUsize,
        down: AtomicBool,
    }

    #[async_trait]
    impl Fetch for Counting {
        async fn get(&self, _: &str) -> Result<Vec<u8>, FetchError> {
            let calls = self.calls.fetch_add(1, SeqCst) + 1;
            tokio::task::yield_now().await;
            if self.down.load(SeqCst) {
                return Err(FetchError("no answer".into()));
            }
            let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
            let key = serde_json::json!({ "kty": "OKP", "crv": "Ed25519", "x": x });
            Ok(serde_json::json!({ "keys": vec![key; calls] }).to_string().into_bytes())
        }
    }

    fn at(secs: u64) -> Instant {
        Instant::from_micros((1_000 + secs) * 1_000_000)
    }

    fn fetched() -> (Arc<Counting>, FetchedKeys) {
        let fetch = Arc::new(Counting::default());
        (fetch.clone(), FetchedKeys::new(fetch))
    }

    async fn count(keys: &FetchedKeys, now: u64) -> Option<usize> {
        keys.get(URI, at(now)).await.ok().map(|keys| keys.iter().count())
    }

    #[tokio::test]
    async fn keys_are_kept_for_five_minutes_and_then_fetched_again() {
        let (_, keys) = fetched();
        assert_eq!(count(&keys, 0).await, Some(1));
        assert_eq!(count(&keys, 299).await, Some(1));
        assert_eq!(count(&keys, 300).await, Some(2));
    }

    #[tokio::test]
    async fn newer_keys_are_fetched_at_most_every_ten_seconds() {
        let (fetch, keys) = fetched();
        count(&keys, 0).await;
        for now in [0, 9] {
            let newer = keys.newer(URI, at(now)).await.unwrap();
            assert_eq!(newer.iter().count(), 1);
        }
        assert_eq!(keys.newer(URI, at(10)).await.unwrap().iter().count(), 2);
        for now in 10..20 {
            keys.newer(URI, at(now)).await.unwrap();
        }
        assert_eq!(fetch.calls.load(SeqCst), 2);
        assert_eq!(count(&keys, 20).await, Some(2), "the newer ones are kept");
    }

    #[tokio::test]
    async fn an_outage_is_asked_about_every_ten_seconds_and_lets_nobody_in() {
        let (fetch, keys) = fetched();
        fetch.down.store(true, SeqCst);
        for now in [0, 1, 9] {
            let error = keys.get(URI, at(now)).await.unwrap_err();
            assert_eq!(error.log.as_deref(), Some("https://app.example/jwks: no answer"));
        }
        assert_eq!(fetch.calls.load(SeqCst), 1);
        fetch.down.store(false, SeqCst);
        assert_eq!(count(&keys, 10).await, Some(2));
        fetch.down.store(true, SeqCst);
        assert_eq!(count(&keys, 309).await, Some(2));
        assert_eq!(count(&keys, 310).await, None, "what is too old is not used");
    }

    #[tokio::test]
    async fn keys_known_outlive_a_failed_look_for_newer_ones() {
        let (fetch, keys) = fetched();
        count(&keys, 0).await;
        fetch.down.store(true, SeqCst);
        assert!(keys.newer(URI, at(10)).await.is_err());
        assert_eq!(count(&keys, 11).await, Some(1));
    }

    #[tokio::test]
    async fn of_64_that_ask_at_once_one_calls() {
        let (fetch, keys) = fetched();
        let keys = Arc::new(keys);
        let asking: Vec<_> = (0..64)
            .map(|_| {
                let keys = keys.clone();
                tokio::spawn(async move { count(&keys, 0).await })
            })
            .collect();
        for asked in asking {
            assert_eq!(asked.await.unwrap(), Some(1));
        }
        assert_eq!(fetch.calls.load(SeqCst), 1);
    }

    #[tokio::test]
    async fn whoever_goes_away_leaves_the_keys_to_the_next() {
        let (fetch, keys) = fetched();
        {
            let asking = keys.get(URI, at(0));
            tokio::pin!(asking);
            // It is polled once, and then given up.
            let _ = tokio::time::timeout(std::time::Duration::ZERO, &mut asking).await;
        }
        assert_eq!(count(&keys, 0).await, Some(1));
        assert_eq!(fetch.calls.load(SeqCst), 1);
    }

    #[test]
    fn what_is_no_key_set_is_refused() {
        for body in ["", "[]", "{}", r#"{"keys":{}}"#, "<html>"] {
            assert!(read(body.as_bytes()).is_err(), "{body}");
        }
        assert!(read(br#"{"keys":[{"kty":"?"}]}"#).is_ok(), "RFC 7517 section 5: ignored");
    }
}
