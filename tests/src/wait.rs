//! Waiting for what must come, with a deadline.

use std::time::Duration;

use tokio::time::{Instant, sleep};

const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(20);

/// Asks until there is an answer.
pub async fn eventually<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        sleep(PAUSE).await;
    }
}

/// Waits until the server's clock, which counts whole seconds in tokens, shows `seconds` more.
pub async fn seconds_pass(seconds: u64) {
    sleep(Duration::from_millis(1000 * seconds + 50)).await;
}
