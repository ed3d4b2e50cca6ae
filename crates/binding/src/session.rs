//! Login sessions, and how tokens hang from them.

use crate::{
    anchor::{self, Alive, Anchor, Dead, Ends},
    bindings::Bindings,
    id::{SessionId, SubjectId},
    time::Timestamp,
};

/// What decides whether a login session is alive.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Session {
    /// `sid`; tells when the session was committed.
    pub id: SessionId,
    /// Who logged in.
    pub subject: SubjectId,
    /// From then on it is dead, unless it is used before.
    pub idle_until: Timestamp,
    /// From then on it is dead, however much it is used.
    pub absolute_until: Timestamp,
}

impl Session {
    /// Everything whose end ends this session.
    #[must_use]
    pub fn anchors(&self) -> [Anchor; 2] {
        [Anchor::Session(self.id), Anchor::Subject(self.subject.clone())]
    }

    /// Whether the session is alive at `now`.
    ///
    /// # Errors
    /// [`Dead`] with the reason.
    pub fn judge(&self, ends: &(impl Ends + ?Sized), now: Timestamp) -> Result<Alive, Dead> {
        self.judge_time(now)?;
        let until = self.absolute_until;
        anchor::judge(self.id.instant(), until, Some(self.id), self.anchors(), ends, now)
    }

    fn judge_time(&self, now: Timestamp) -> Result<(), Dead> {
        if now >= self.idle_until || now >= self.absolute_until {
            return Err(Dead::SessionOver);
        }
        Ok(())
    }
}

/// The session that a token or grant was issued in.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct TokenSession {
    /// Which.
    pub id: SessionId,
    /// Whether the token ends at its logout whatever it is bound to (`revoke_tokens_on_logout`).
    pub ends_token: bool,
}

impl TokenSession {
    /// The session, if its end ends what is bound so.
    #[must_use]
    pub fn anchor(self, bindings: &Bindings) -> Option<Anchor> {
        (self.ends_token || bindings.need_session()).then_some(Anchor::Session(self.id))
    }
}

/// Whether the session that the `bindings` need is alive by the clock. Its end is an anchor, and
/// judged as such.
///
/// # Errors
/// [`Dead::SessionOver`], also where the session's record is missing or another's.
pub fn judge_needed(
    bindings: &Bindings,
    issued_in: Option<TokenSession>,
    session: Option<&Session>,
    now: Timestamp,
) -> Result<(), Dead> {
    if !bindings.need_session() {
        return Ok(());
    }
    judge_alive(issued_in.ok_or(Dead::SessionOver)?.id, session, now)
}

/// Whether the session `id`, of which this is the record, is alive by the clock.
pub(crate) fn judge_alive(
    id: SessionId,
    session: Option<&Session>,
    now: Timestamp,
) -> Result<(), Dead> {
    let session = session.filter(|session| session.id == id);
    session.ok_or(Dead::SessionOver)?.judge_time(now)
}

/// The session that the `bindings` need, if one is known.
#[must_use]
pub fn needed(bindings: &Bindings, issued_in: Option<TokenSession>) -> Option<SessionId> {
    issued_in.filter(|_| bindings.need_session()).map(|own| own.id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{anchor::End, time::Instant};

    fn session() -> Session {
        Session {
            id: SessionId::new(Instant::from_micros(5), [1; 8]),
            subject: "u1".into(),
            idle_until: Timestamp::from_secs(100),
            absolute_until: Timestamp::from_secs(200),
        }
    }

    fn at(secs: u64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    const NONE: &[End] = &[];

    #[test]
    fn is_dead_from_its_idle_end_on() {
        assert!(session().judge(NONE, at(99)).is_ok());
        assert_eq!(session().judge(NONE, at(100)), Err(Dead::SessionOver));
    }

    #[test]
    fn is_dead_from_its_absolute_end_on_however_much_it_is_used() {
        let used = Session { idle_until: at(300), ..session() };
        assert!(used.judge(NONE, at(199)).is_ok());
        assert_eq!(used.judge(NONE, at(200)), Err(Dead::SessionOver));
    }

    #[test]
    fn ends_with_the_user_unless_it_is_spared() {
        let end = |spared| {
            let instant = Instant::from_micros(9);
            [End { anchor: Anchor::Subject("u1".into()), instant, spared }]
        };
        assert!(session().judge(&end(None)[..], at(1)).is_err());
        assert!(session().judge(&end(Some(session().id))[..], at(1)).is_ok());
        let other = SessionId::new(Instant::from_micros(5), [2; 8]);
        assert!(session().judge(&end(Some(other))[..], at(1)).is_err());
    }
}
