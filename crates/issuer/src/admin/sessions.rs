//! Commands on login sessions.

use serde_json::{Value, json};

use super::AdminError;
use crate::{issuer::Issuer, session::LoginSession};

impl Issuer {
    pub(super) async fn admin_list_sessions(&self, username: &str) -> Result<Value, AdminError> {
        let user = self.store.find_user(username).await?;
        let user = user.ok_or_else(|| AdminError::unknown("user", username))?;
        let now = self.now().timestamp();
        let sessions = self.store.list_sessions(&user.subject, now).await?;
        Ok(sessions.iter().map(|session| shown(session)).collect())
    }
}

/// A session as scripts read it. Times are seconds since the Unix epoch.
fn shown(LoginSession { session, facts }: &LoginSession) -> Value {
    json!({
        "sid": session.id,
        "since": session.id.instant().timestamp().as_secs(),
        "auth_time": facts.auth_time.as_secs(),
        "acr": facts.acr,
        "idle_until": session.idle_until.as_secs(),
        "absolute_until": session.absolute_until.as_secs(),
        "user_agent": facts.user_agent,
    })
}
