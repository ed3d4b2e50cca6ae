//! Login sessions as the server records them.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokenbind_binding::{
    Anchor, Ends, Instant, Session, Timestamp,
    anchor::{Alive, Dead},
};

use crate::login::Acr;

/// One login of one user in one browser.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LoginSession {
    /// What decides whether it is alive.
    pub session: Session,
    /// What never changes, or only when the user authenticates again.
    pub facts: SessionFacts,
}

/// What a session tells besides.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SessionFacts {
    /// The name that the user logged in with.
    pub username: Arc<str>,
    /// When the user last authenticated in it.
    pub auth_time: Timestamp,
    /// The same in the order of commits, so that it can be told what came before.
    pub authenticated: Instant,
    /// How.
    pub acr: Acr,
    /// The browser as it names itself (`User-Agent`), cut to a length that one can read.
    pub user_agent: Option<Arc<str>>,
}

impl LoginSession {
    /// Everything whose end ends this session.
    #[must_use]
    pub fn anchors(&self) -> [Anchor; 2] {
        self.session.anchors()
    }

    /// Whether it is alive at `now`.
    ///
    /// # Errors
    /// [`Dead`] with the reason.
    pub fn judge(&self, ends: &(impl Ends + ?Sized), now: Timestamp) -> Result<Alive, Dead> {
        self.session.judge(ends, now)
    }
}
