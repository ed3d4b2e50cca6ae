//! Tells applications of logouts (OpenID Connect Back-Channel Logout 1.0 section 2.5 and 2.8), from the
//! store's list of what is to be told.
//!
//! What was told may be told again: if the server dies after an application took a logout and before
//! that is noted. To be told twice harms nobody, not to be told does.

use std::{collections::HashSet, sync::Arc, time::Duration};

use http::StatusCode;
use metrics::{counter, describe_counter};
use tokenbind_issuer::{Issuer, backchannel_logout::LogoutNotice};
use tokio::{
    task::{AbortHandle, JoinSet},
    time::{MissedTickBehavior, interval},
};

use crate::outbound::{Answer, CallError, Outbound};

/// How many applications are told at once.
const AT_ONCE: usize = 32;

/// How often it is looked for sessions whose time is over, and for what is to be tried again.
const LOOK: Duration = Duration::from_secs(2);

/// Characters of an application's refusal that the log keeps.
const LOGGED: usize = 200;

const DELIVERIES: &str = "tokenbind_logout_deliveries_total";

/// Starts to tell, until the handle is aborted. What is under way then is told again at the next start.
pub(crate) fn start(issuer: Arc<Issuer>, outbound: Outbound) -> AbortHandle {
    describe_counter!(DELIVERIES, "Back-channel logouts sent, by outcome.");
    tokio::spawn(run(issuer, outbound)).abort_handle()
}

async fn run(issuer: Arc<Issuer>, outbound: Outbound) {
    let mut under_way = UnderWay::default();
    let mut look = interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = look.tick() => end_expired(&issuer).await,
            () = issuer.session_ended() => {}
            // There is room again, and perhaps more that waits for it.
            () = under_way.one_is_done() => {}
        }
        for notice in due(&issuer, under_way.room()).await {
            let id = notice.id;
            under_way.add(id, deliver(issuer.clone(), outbound.clone(), notice));
        }
    }
}

/// The notices that are being delivered.
#[derive(Default)]
struct UnderWay {
    tasks: JoinSet<u64>,
    /// A slow application's notice may be due again before it answers, and is not sent twice for that.
    ids: HashSet<u64>,
}

impl UnderWay {
    fn room(&self) -> usize {
        AT_ONCE.saturating_sub(self.tasks.len())
    }

    fn add(&mut self, id: u64, delivery: impl Future<Output = ()> + Send + 'static) {
        if self.ids.insert(id) {
            self.tasks.spawn(async move {
                delivery.await;
                id
            });
        }
    }

    /// Waits for one to be done; for ever if there is none.
    async fn one_is_done(&mut self) {
        match self.tasks.join_next().await {
            Some(Ok(id)) => {
                self.ids.remove(&id);
            }
            // Which one broke is not known; to send one twice is better than never again.
            Some(Err(_)) => self.ids.clear(),
            None => std::future::pending().await,
        }
    }
}

async fn end_expired(issuer: &Issuer) {
    if let Err(error) = issuer.end_expired_sessions().await {
        tracing::error!(%error, "the sessions that are over could not be ended");
    }
}

async fn due(issuer: &Issuer, room: usize) -> Vec<LogoutNotice> {
    if room == 0 {
        return Vec::new();
    }
    issuer.due_logout_notices(room).await.unwrap_or_else(|error| {
        tracing::error!(%error, "the logouts to be told could not be read");
        Vec::new()
    })
}

async fn deliver(issuer: Arc<Issuer>, outbound: Outbound, notice: LogoutNotice) {
    let form = [("logout_token", notice.logout_token.as_str())];
    let outcome = Outcome::of(outbound.post_form(&notice.uri, &form).await);
    outcome.report(&notice);
    if let Outcome::Failed(_) = outcome {
        return;
    }
    if let Err(error) = issuer.settle_logout_notice(notice.id).await {
        tracing::error!(%error, "a logout that was told could not be noted as such");
    }
}

/// What came of telling an application.
#[derive(PartialEq, Eq, Debug)]
enum Outcome {
    /// It knows now.
    Delivered,
    /// It will not have it (section 2.8: 400), and would not another time.
    Refused(String),
    /// It may have it later.
    Failed(String),
}

impl Outcome {
    /// Section 2.8 asks for 200, and allows for frameworks that make it 204.
    fn of(called: Result<Answer, CallError>) -> Self {
        match called {
            Ok(answer) if answer.status.is_success() => Self::Delivered,
            Ok(answer) if answer.status == StatusCode::BAD_REQUEST => {
                Self::Refused(for_log(&answer.body))
            }
            Ok(answer) => Self::Failed(format!("status {}", answer.status.as_u16())),
            Err(error) => Self::Failed(error.to_string()),
        }
    }

    fn report(&self, notice: &LogoutNotice) {
        let LogoutNotice { client_id, attempt, .. } = notice;
        let outcome = match self {
            Self::Delivered => {
                tracing::debug!(%client_id, attempt, "an application was told of a logout");
                "delivered"
            }
            Self::Refused(answer) => {
                tracing::warn!(%client_id, attempt, answer, "an application refused a logout");
                "refused"
            }
            Self::Failed(why) => {
                tracing::warn!(%client_id, attempt, why, "an application could not be told of a logout");
                "failed"
            }
        };
        counter!(DELIVERIES, "outcome" => outcome).increment(1);
    }
}

/// The beginning of what an application answered, without what could fake a log entry.
fn for_log(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    text.chars().filter(|c| !c.is_control()).take(LOGGED).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(status: u16, body: &str) -> Outcome {
        let status = StatusCode::from_u16(status).unwrap();
        let body = body.to_owned().into();
        Outcome::of(Ok(Answer { status, content_type: None, body }))
    }

    #[test]
    fn backchannel_logout_section_2_8_success_settles_and_400_is_a_refusal() {
        assert_eq!(outcome(200, ""), Outcome::Delivered);
        assert_eq!(outcome(204, ""), Outcome::Delivered);
        let refused = outcome(400, "{\"error\":\n\"invalid_request\"}\u{1b}");
        assert_eq!(refused, Outcome::Refused("{\"error\":\"invalid_request\"}".into()));
    }

    #[test]
    fn anything_else_is_tried_again() {
        for status in [301, 303, 401, 403, 404, 405, 413, 429, 500, 502, 503] {
            assert_eq!(outcome(status, ""), Outcome::Failed(format!("status {status}")));
        }
        let failed = Outcome::of(Err(CallError::NotHttps));
        assert_eq!(failed, Outcome::Failed("not an https URL".into()));
    }
}
