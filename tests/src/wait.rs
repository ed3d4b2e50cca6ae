//! Waiting for what must come, with a deadline.

use std::time::Duration;

use tokio::time::{Instant, sleep};

const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(20);

/// Asks until there is an answer.
pub async fn eventually<T>(what: &str, ask: impl AsyncFnMut() -> Option<T>) -> T {
    in_time(ask).await.unwrap_or_else(|| panic!("waited in vain: {what}"))
}

/// Asks until there is an answer, or no patience left.
pub(crate) async fn in_time<T>(mut ask: impl AsyncFnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask().await {
            return Some(answer);
        }
        if Instant::now() >= deadline {
            return None;
        }
        sleep(PAUSE).await;
    }
}

/// Waits until the server's clock, which counts whole seconds in tokens, shows `seconds` more.
pub async fn seconds_pass(seconds: u64) {
    sleep(Duration::from_millis(1000 * seconds + 50)).await;
}
