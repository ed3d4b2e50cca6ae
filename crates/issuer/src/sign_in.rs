//! Signing in: from a name and a password to a session.

use std::sync::Arc;

use tokenbind_binding::{Cookies, Session, SessionId, Timestamp, handle::HandleKind};

use crate::{
    authorization::Browser,
    error::{ErrorCode, OAuthError},
    issuer::Issuer,
    login::Acr,
    session::LoginSession,
    store::{Recorded, SessionOutcome, SessionStart, StoreResult},
    throttle::Guess,
};

/// So many characters of `User-Agent` are kept, for the user to recognise the browser by.
const USER_AGENT_CHARACTERS: usize = 120;

/// A user who has just signed in.
#[derive(Clone)]
pub struct SignedIn {
    /// The session.
    pub session: Arc<LoginSession>,
    /// The value of the session's cookie, where the browser does not have it yet.
    pub cookie: Option<String>,
}

impl std::fmt::Debug for SignedIn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SignedIn").field("session", &self.session).finish_non_exhaustive()
    }
}

impl Issuer {
    /// Checks a user's password and starts a session in their browser. A login makes a new session with
    /// a new cookie, whatever the browser showed before (no fixation); the same user's living session
    /// goes on instead, with a new `auth_time`, and another user's ends.
    ///
    /// # Errors
    /// `invalid_grant` with a sentence for the user: wrong name or password, or locked;
    /// `temporarily_unavailable` after too many failures.
    pub async fn sign_in(
        &self,
        username: &str,
        password: &str,
        browser: Browser<'_>,
    ) -> Result<SignedIn, OAuthError> {
        // Before the user is read: a lock or a new password from here on refuses the login.
        let as_of = self.store.as_of().await?;
        let shown = self.shown_session(browser.cookies);
        let known_browser = self.known_browser(shown, username).await?;
        let guess = Guess { username, address: browser.address, known_browser };
        let user = self.check_password(guess, password).await?;
        let start = SessionStart {
            as_of,
            subject: user.subject.clone(),
            username: user.username.as_str().into(),
            acr: Acr::Password,
            user_agent: browser.user_agent.map(readable),
            previous: shown,
            idle: self.config.session_idle,
            absolute: self.config.session_absolute,
        };
        let outcome = self.store.start_session(start).await?;
        // Another user's session in this browser has ended.
        self.session_ended.notify_one();
        match outcome {
            SessionOutcome::Started(session) => {
                let id = session.session.id;
                let cookie = self.keys().handles.seal(HandleKind::Session, id.as_bytes());
                Ok(SignedIn { session, cookie: Some(cookie) })
            }
            SessionOutcome::Renewed(session) => Ok(SignedIn { session, cookie: None }),
            SessionOutcome::Ended => Err(OAuthError::new(
                ErrorCode::InvalidGrant,
                "the user was changed while the login was under way; sign in again",
            )),
        }
    }

    /// The living session whose cookie the browser shows.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn current_session(
        &self,
        cookies: &Cookies,
    ) -> StoreResult<Option<Arc<LoginSession>>> {
        let Some(id) = self.shown_session(cookies) else { return Ok(None) };
        let found = self.store.look_up_session(id).await?;
        let now = self.now().timestamp();
        Ok(found
            .filter(|found| found.record.judge(&found.ends[..], now).is_ok())
            .map(|found| found.record))
    }

    /// The session whose cookie the browser shows, alive or not. Two cookies of the name are none.
    pub(crate) fn shown_session(&self, cookies: &Cookies) -> Option<SessionId> {
        let handle = cookies.session.value()?;
        let opened = self.keys().handles.open(HandleKind::Session, handle);
        opened.ok().map(SessionId::from_bytes)
    }

    /// The shown session, if this very user signed in with it. It may have idled out, but not ended: a
    /// logout or a new password is there to shut out whoever holds the cookie.
    async fn known_browser(
        &self,
        shown: Option<SessionId>,
        username: &str,
    ) -> StoreResult<Option<SessionId>> {
        let Some(id) = shown else { return Ok(None) };
        let found = self.store.look_up_session(id).await?;
        Ok(found
            .filter(|found| *found.record.facts.username == *username && was_not_ended(found))
            .map(|_| id))
    }
}

fn was_not_ended(found: &Recorded<Arc<LoginSession>>) -> bool {
    let never = Timestamp::from_secs(u64::MAX);
    let session = &found.record.session;
    let timeless = Session { idle_until: never, absolute_until: never, ..session.clone() };
    timeless.judge(&found.ends[..], session.idle_until).is_ok()
}

/// A `User-Agent` as it is kept.
pub(crate) fn readable(user_agent: &str) -> Arc<str> {
    let shown = user_agent.chars().filter(|c| !c.is_control()).take(USER_AGENT_CHARACTERS);
    shown.collect::<String>().into()
}

#[cfg(test)]
mod tests {
    use tokenbind_binding::{Anchor, End, Instant};

    use super::*;
    use crate::session::SessionFacts;

    fn session() -> Arc<LoginSession> {
        let at = Timestamp::from_secs(100);
        let facts = SessionFacts {
            username: "alice".into(),
            auth_time: at,
            authenticated: Instant::from_micros(50),
            acr: Acr::Password,
            user_agent: None,
        };
        let id = SessionId::new(Instant::from_micros(50), [1; 8]);
        let session = Session { id, subject: "u1".into(), idle_until: at, absolute_until: at };
        Arc::new(LoginSession { session, facts })
    }

    fn ended(anchor: Anchor, micros: u64) -> Recorded<Arc<LoginSession>> {
        let end = End { anchor, instant: Instant::from_micros(micros), spared: None };
        Recorded { record: session(), ends: vec![end], session: None }
    }

    #[test]
    fn a_browser_is_known_after_its_session_idled_out_but_not_after_it_was_ended() {
        let over = Recorded { record: session(), ends: Vec::new(), session: None };
        assert!(was_not_ended(&over));
        assert!(was_not_ended(&ended(Anchor::Subject("u1".into()), 49)), "an earlier end");
        assert!(!was_not_ended(&ended(Anchor::Subject("u1".into()), 51)));
        assert!(!was_not_ended(&ended(Anchor::Session(session().session.id), 51)));
    }

    #[test]
    fn a_long_user_agent_is_cut_between_characters() {
        assert_eq!(&*readable("Firefox\n"), "Firefox");
        assert_eq!(readable(&"\u{e9}".repeat(200)).chars().count(), 120);
    }

    #[test]
    fn debug_does_not_show_the_cookie() {
        let signed_in = SignedIn { session: session(), cookie: Some("tb_ss_secret".into()) };
        assert!(!format!("{signed_in:?}").contains("tb_ss_secret"));
    }
}
