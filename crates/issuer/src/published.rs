//! What applications publish at URLs: fetched when it is needed, and kept for a while.

use std::{convert::Infallible, sync::Arc};

use arc_swap::ArcSwapOption;
use quick_cache::sync::Cache;
use tokenbind_binding::Instant;
use tokio::sync::Mutex;

use crate::{
    fetch::{Document, Fetch},
    throttle::Throttle,
};

/// So many documents of a kind are kept.
const CAPACITY: usize = 1_000;

/// Seconds for which a document is used. What the application took out of it is refused after that at the
/// latest.
const LIFETIME: u64 = 300;

/// Seconds between two calls to one URL: whoever shows signatures by unknown keys, or names a document that is no
/// good, cannot have the server call an application more often.
const PAUSE: u64 = 10;

/// Makes of a document what is kept, or tells what is wrong with it. The URL comes first.
pub(crate) type Read<T> = Arc<dyn Fn(&str, &Document) -> Result<T, String> + Send + Sync>;

/// What is known of the documents of one kind, at all URLs.
pub(crate) struct Published<T> {
    fetch: Arc<dyn Fetch>,
    read: Read<T>,
    strangers: Option<Arc<Throttle<()>>>,
    known: Cache<String, Arc<Known<T>>>,
}

/// What is known of one URL.
struct Known<T> {
    /// Found without waiting for a call that is under way.
    latest: ArcSwapOption<Kept<T>>,
    /// Held while a call is under way.
    last_call: Mutex<Option<Call>>,
}

impl<T> Default for Known<T> {
    fn default() -> Self {
        Self { latest: ArcSwapOption::empty(), last_call: Mutex::default() }
    }
}

struct Kept<T> {
    document: Arc<T>,
    at: Instant,
}

/// A call that is over.
struct Call {
    at: Instant,
    /// Why it was in vain, if it was.
    failure: Option<Failure>,
}

/// Why there is no document.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Failure {
    /// It could not be had.
    Unavailable(String),
    /// It is not what it should be.
    Unreadable(String),
    /// Too many URLs of which nothing is known were asked for.
    TooMany {
        /// Seconds until another is called.
        retry_after: u64,
    },
}

impl<T> Known<T> {
    fn fresh(&self, now: Instant) -> Option<Arc<T>> {
        let kept = self.latest.load_full()?;
        (age(kept.at, now) < LIFETIME).then(|| kept.document.clone())
    }
}

impl<T: Send + Sync + 'static> Published<T> {
    pub(crate) fn new(fetch: Arc<dyn Fetch>, read: Read<T>) -> Self {
        Self { fetch, read, strangers: None, known: Cache::new(CAPACITY) }
    }

    /// The same, where anybody can name URLs: so many that never had a good document are called in a minute.
    pub(crate) fn for_strangers(self, per_minute: u32) -> Self {
        Self { strangers: Some(Arc::new(Throttle::new(per_minute))), ..self }
    }

    /// The document at `uri`, known or fetched now.
    pub(crate) async fn get(&self, uri: &str, now: Instant) -> Result<Arc<T>, Failure> {
        let known = self.known(uri);
        match known.fresh(now) {
            Some(document) => Ok(document),
            None => self.call_at(uri, known, now, CallIf::NoneFresh).await,
        }
    }

    /// The document at `uri` as it is by now, if another call is allowed already; the known one if not.
    pub(crate) async fn newer(&self, uri: &str, now: Instant) -> Result<Arc<T>, Failure> {
        self.call_at(uri, self.known(uri), now, CallIf::Allowed).await
    }

    fn known(&self, uri: &str) -> Arc<Known<T>> {
        let Ok(known) = self.known.get_or_insert_with(uri, || Ok::<_, Infallible>(Arc::default()));
        known
    }

    /// One call at a time to each URL. It goes on if whoever asked goes away, so that the next one to ask
    /// finds what it brought.
    async fn call_at(
        &self,
        uri: &str,
        known: Arc<Known<T>>,
        now: Instant,
        condition: CallIf,
    ) -> Result<Arc<T>, Failure> {
        let (fetch, read, strangers) =
            (self.fetch.clone(), self.read.clone(), self.strangers.clone());
        let uri = uri.to_owned();
        let calling = tokio::spawn(async move {
            let mut last_call = known.last_call.lock().await;
            let fresh = known.fresh(now);
            let allowed = last_call.as_ref().is_none_or(|last| age(last.at, now) >= PAUSE);
            match (fresh, condition) {
                // Somebody else has fetched it meanwhile.
                (Some(document), CallIf::NoneFresh) => return Ok(document),
                (Some(document), CallIf::Allowed) if !allowed => return Ok(document),
                _ => {}
            }
            if !allowed && let Some(Call { failure: Some(failure), .. }) = &*last_call {
                return Err(failure.clone());
            }
            if known.latest.load().is_none() {
                count_stranger(strangers.as_deref(), now)?;
            }
            let found = match fetch.get(&uri).await {
                Ok(document) => read(&uri, &document).map(Arc::new).map_err(Failure::Unreadable),
                Err(error) => Err(Failure::Unavailable(error.to_string())),
            };
            *last_call = Some(Call { at: now, failure: found.as_ref().err().cloned() });
            let document = found?;
            known.latest.store(Some(Arc::new(Kept { document: document.clone(), at: now })));
            Ok(document)
        });
        calling.await.unwrap_or_else(|error| Err(Failure::Unavailable(error.to_string())))
    }
}

/// When to call.
#[derive(Clone, Copy)]
enum CallIf {
    /// If no fresh document is known.
    NoneFresh,
    /// If the last call is long enough ago.
    Allowed,
}

fn count_stranger(strangers: Option<&Throttle<()>>, now: Instant) -> Result<(), Failure> {
    let Some(strangers) = strangers else { return Ok(()) };
    strangers.check(&(), now).map_err(|retry_after| Failure::TooMany { retry_after })?;
    strangers.record_failure(&(), now);
    Ok(())
}

fn age(at: Instant, now: Instant) -> u64 {
    now.as_micros().saturating_sub(at.as_micros()) / 1_000_000
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

    use async_trait::async_trait;

    use super::*;
    use crate::fetch::FetchError;

    const URI: &str = "https://app.example/document";

    /// Counts its calls; the n-th document says n.
    #[derive(Default)]
    struct Counting {
        calls: AtomicUsize,
        down: AtomicBool,
    }

    #[async_trait]
    impl Fetch for Counting {
        async fn get(&self, _: &str) -> Result<Document, FetchError> {
            let calls = self.calls.fetch_add(1, SeqCst) + 1;
            tokio::task::yield_now().await;
            if self.down.load(SeqCst) {
                return Err(FetchError("no answer".into()));
            }
            Ok(Document { content_type: None, body: calls.to_string().into_bytes() })
        }
    }

    fn at(secs: u64) -> Instant {
        Instant::from_micros((1_000 + secs) * 1_000_000)
    }

    /// Reads numbers, but not 3.
    fn published() -> (Arc<Counting>, Published<usize>) {
        let fetch = Arc::new(Counting::default());
        let read: Read<usize> = Arc::new(|_, document| {
            let number = String::from_utf8_lossy(&document.body).parse().unwrap();
            if number == 3 { Err("three".into()) } else { Ok(number) }
        });
        (fetch.clone(), Published::new(fetch, read))
    }

    async fn get(published: &Published<usize>, now: u64) -> Option<usize> {
        published.get(URI, at(now)).await.ok().map(|number| *number)
    }

    #[tokio::test]
    async fn a_document_is_kept_for_five_minutes_and_then_fetched_again() {
        let (_, published) = published();
        assert_eq!(get(&published, 0).await, Some(1));
        assert_eq!(get(&published, 299).await, Some(1));
        assert_eq!(get(&published, 300).await, Some(2));
    }

    #[tokio::test]
    async fn a_newer_one_is_fetched_at_most_every_ten_seconds() {
        let (fetch, published) = published();
        get(&published, 0).await;
        for now in [0, 9] {
            assert_eq!(*published.newer(URI, at(now)).await.unwrap(), 1);
        }
        assert_eq!(*published.newer(URI, at(10)).await.unwrap(), 2);
        for now in 10..20 {
            published.newer(URI, at(now)).await.unwrap();
        }
        assert_eq!(fetch.calls.load(SeqCst), 2);
        assert_eq!(get(&published, 20).await, Some(2), "the newer one is kept");
    }

    #[tokio::test]
    async fn an_outage_is_asked_about_every_ten_seconds_and_lets_nobody_in() {
        let (fetch, published) = published();
        fetch.down.store(true, SeqCst);
        for now in [0, 1, 9] {
            let failure = published.get(URI, at(now)).await.unwrap_err();
            assert_eq!(failure, Failure::Unavailable("no answer".into()));
        }
        assert_eq!(fetch.calls.load(SeqCst), 1);
        fetch.down.store(false, SeqCst);
        assert_eq!(get(&published, 10).await, Some(2));
        fetch.down.store(true, SeqCst);
        assert_eq!(get(&published, 309).await, Some(2));
        assert_eq!(get(&published, 310).await, None, "what is too old is not used");
    }

    #[tokio::test]
    async fn a_document_that_is_no_good_is_not_kept() {
        let (fetch, published) = published();
        fetch.calls.store(2, SeqCst);
        for now in [0, 9] {
            let failure = published.get(URI, at(now)).await.unwrap_err();
            assert_eq!(failure, Failure::Unreadable("three".into()));
        }
        assert_eq!(fetch.calls.load(SeqCst), 3);
        assert_eq!(get(&published, 10).await, Some(4));
    }

    #[tokio::test]
    async fn what_is_known_outlives_a_failed_look_for_something_newer() {
        let (fetch, published) = published();
        get(&published, 0).await;
        fetch.down.store(true, SeqCst);
        assert!(published.newer(URI, at(10)).await.is_err());
        assert_eq!(get(&published, 11).await, Some(1));
    }

    #[tokio::test]
    async fn of_64_that_ask_at_once_one_calls() {
        let (fetch, published) = published();
        let published = Arc::new(published);
        let asking: Vec<_> = (0..64)
            .map(|_| {
                let published = published.clone();
                tokio::spawn(async move { get(&published, 0).await })
            })
            .collect();
        for asked in asking {
            assert_eq!(asked.await.unwrap(), Some(1));
        }
        assert_eq!(fetch.calls.load(SeqCst), 1);
    }

    #[tokio::test]
    async fn whoever_goes_away_leaves_the_document_to_the_next() {
        let (fetch, published) = published();
        {
            let asking = published.get(URI, at(0));
            tokio::pin!(asking);
            // It is polled once, and then given up.
            let _ = tokio::time::timeout(std::time::Duration::ZERO, &mut asking).await;
        }
        assert_eq!(get(&published, 0).await, Some(1));
        assert_eq!(fetch.calls.load(SeqCst), 1);
    }

    #[tokio::test]
    async fn strangers_cannot_have_the_server_call_without_end() {
        let (fetch, published) = published();
        fetch.calls.store(10, SeqCst);
        let published = published.for_strangers(3);
        assert!(get(&published, 0).await.is_some());
        let mut refused = 0;
        for stranger in 0..20 {
            let uri = format!("https://app.example/{stranger}");
            match published.get(&uri, at(1)).await {
                Ok(_) => {}
                Err(Failure::TooMany { retry_after }) if (1..=60).contains(&retry_after) => {
                    refused += 1;
                }
                Err(failure) => panic!("{failure:?}"),
            }
        }
        assert_eq!((refused, fetch.calls.load(SeqCst)), (18, 13));
        assert_eq!(get(&published, 2).await, Some(11), "what is known is served");
        assert_eq!(*published.newer(URI, at(11)).await.unwrap(), 14, "and kept up to date");
        assert!(published.get("https://app.example/late", at(61)).await.is_ok());
    }
}
