//! What an exchanged token came of (RFC 8693), and dies with.
//!
//! It hangs from everything that the tokens hang from which it was exchanged for, and from what those came of in turn.

use serde::{Deserialize, Serialize};

use crate::{
    anchor::{self, Anchor, Dead, Ends},
    id::{SessionId, TokenId},
    session::{self, Session},
    time::{Instant, Timestamp},
};

/// No token comes of more others than this, so that no chain of exchanges grows without end.
pub const MAX_ANCESTORS: usize = 16;

/// One token or login that another token came of.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ancestor {
    /// Everything whose end ends it. Its login session is among them, whether that would have ended it or not.
    #[serde(rename = "from")]
    anchors: Box<[Anchor]>,
    /// The login session that it was issued in.
    #[serde(rename = "sid", default, skip_serializing_if = "Option::is_none")]
    session: Option<SessionId>,
}

impl Ancestor {
    /// What hangs from these anchors and was issued in this session.
    #[must_use]
    pub fn new(anchors: impl IntoIterator<Item = Anchor>, session: Option<SessionId>) -> Self {
        let mut all: Vec<Anchor> = anchors.into_iter().collect();
        if let Some(own) = session.map(Anchor::Session).filter(|own| !all.contains(own)) {
            all.push(own);
        }
        Self { anchors: all.into(), session }
    }

    /// Everything whose end ends it, and what came of it.
    pub fn anchors(&self) -> impl Iterator<Item = Anchor> + '_ {
        self.anchors.iter().cloned()
    }

    /// The login session that it was issued in: what spares that spares it too.
    #[must_use]
    pub const fn session(&self) -> Option<SessionId> {
        self.session
    }
}

/// Everything that an exchanged token came of.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Descent {
    #[serde(rename = "of")]
    ancestors: Box<[Ancestor]>,
    /// The login session that has to be alive, by the clock too.
    #[serde(rename = "needs", default, skip_serializing_if = "Option::is_none")]
    needed_session: Option<SessionId>,
}

/// Why nothing can come of these tokens together.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NoDescent {
    /// A token needs one session at most.
    #[error("the two tokens need two different login sessions to be alive")]
    SeveralSessions,
    /// More than [`MAX_ANCESTORS`].
    #[error("the token came of too many exchanges")]
    TooLong,
}

impl Descent {
    /// Of one ancestor and what that came of, where it needs a session to be alive.
    #[must_use]
    pub fn of(own: Ancestor, before: Option<&Self>, needed_session: Option<SessionId>) -> Self {
        let inherited = before.iter().flat_map(|before| before.ancestors.iter().cloned());
        Self { ancestors: std::iter::once(own).chain(inherited).collect(), needed_session }
    }

    /// Of the subject and, where somebody acts for them, the actor.
    ///
    /// # Errors
    /// [`NoDescent`] if nothing can come of both.
    pub fn joined(subject: Self, actor: Option<Self>) -> Result<Self, NoDescent> {
        let (mut ancestors, mut needed) = (subject.ancestors.into_vec(), subject.needed_session);
        if let Some(actor) = actor {
            if needed.is_some_and(|id| actor.needed_session.is_some_and(|other| other != id)) {
                return Err(NoDescent::SeveralSessions);
            }
            needed = needed.or(actor.needed_session);
            for ancestor in actor.ancestors {
                if !ancestors.contains(&ancestor) {
                    ancestors.push(ancestor);
                }
            }
        }
        if ancestors.len() > MAX_ANCESTORS {
            return Err(NoDescent::TooLong);
        }
        Ok(Self { ancestors: ancestors.into(), needed_session: needed })
    }

    /// Those that it consists of.
    #[must_use]
    pub fn ancestors(&self) -> &[Ancestor] {
        &self.ancestors
    }

    /// Whether it begins with this token.
    #[must_use]
    pub fn is_of(&self, token: TokenId) -> bool {
        self.ancestors.first().is_some_and(|own| own.anchors.contains(&Anchor::Token(token)))
    }

    /// Everything whose end ends what came of it.
    pub fn anchors(&self) -> impl Iterator<Item = Anchor> + '_ {
        self.ancestors.iter().flat_map(Ancestor::anchors)
    }

    /// The login session that has to be alive.
    #[must_use]
    pub const fn needed_session(&self) -> Option<SessionId> {
        self.needed_session
    }

    /// Whether what came of it at `issued` is alive at `now`, as far as its ancestors matter.
    ///
    /// # Errors
    /// [`Dead`] with the reason.
    pub(crate) fn judge(
        &self,
        issued: Instant,
        expires_at: Timestamp,
        ends: &(impl Ends + ?Sized),
        session: Option<&Session>,
        now: Timestamp,
    ) -> Result<(), Dead> {
        if let Some(needed) = self.needed_session {
            session::judge_alive(needed, session, now)?;
        }
        self.ancestors.iter().try_for_each(|ancestor| {
            let (session, anchors) = (ancestor.session, ancestor.anchors());
            anchor::judge(issued, expires_at, session, anchors, ends, now).map(drop)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        anchor::End, bindings::Bindings, id::GrantId, session::TokenSession, token::Token,
    };

    const EXPIRES: Timestamp = Timestamp::from_secs(100);

    fn session(number: u8) -> SessionId {
        SessionId::new(Instant::from_micros(1), [number; 8])
    }

    fn token(micros: u64, client_id: &str, descent: Option<Descent>) -> Token {
        Token {
            id: TokenId::new(Instant::from_micros(micros), [0; 8]),
            grant: None,
            session: None,
            client_id: client_id.into(),
            subject: "u1".into(),
            bindings: Bindings::default(),
            expires_at: EXPIRES,
            descent: descent.map(Into::into),
        }
    }

    /// A login of `app` with a grant, in a session that does not end it.
    fn login() -> Token {
        let grant = Some(GrantId::new(Instant::from_micros(5), [0; 4]));
        let session = Some(TokenSession { id: session(1), ends_token: false });
        Token { grant, session, ..token(5, "app", None) }
    }

    fn end(anchor: Anchor, micros: u64, spared: Option<SessionId>) -> [End; 1] {
        [End { anchor, instant: Instant::from_micros(micros), spared }]
    }

    fn judged(token: &Token, ends: &[End], session: Option<&Session>, secs: u64) -> bool {
        token.judge(ends, session, Timestamp::from_secs(secs)).is_ok()
    }

    #[test]
    fn whatever_ends_one_of_a_chain_ends_all_that_came_of_it() {
        let login = login();
        let second = token(10, "a", Some(login.offspring()));
        let third = token(20, "b", Some(second.offspring()));
        let of_login = login.anchors().chain([Anchor::Session(session(1))]);
        for anchor in of_login {
            assert!(!judged(&second, &end(anchor.clone(), 30, None), None, 1), "{anchor:?}");
            assert!(!judged(&third, &end(anchor.clone(), 30, None), None, 1), "{anchor:?}");
        }
        for anchor in [Anchor::Token(second.id), Anchor::Application("a".into())] {
            assert!(!judged(&third, &end(anchor.clone(), 30, None), None, 1), "{anchor:?}");
            assert!(judged(&login, &end(anchor, 30, None), None, 1));
        }
        assert!(judged(&login, &end(Anchor::Session(session(1)), 30, None), None, 1));
    }

    #[test]
    fn what_ended_before_the_exchange_does_not_matter_and_what_is_spared_lives() {
        let second = token(10, "a", Some(login().offspring()));
        let user = || Anchor::Subject("u1".into());
        assert!(judged(&second, &end(user(), 9, None), None, 1));
        // The token itself came of no login, so that only its ancestor is spared.
        let others = end(user(), 30, Some(session(1)));
        assert!(!judged(&second, &others, None, 1));
        let own = Some(TokenSession { id: session(1), ends_token: false });
        assert!(judged(&Token { session: own, ..second }, &others, None, 1));
    }

    #[test]
    fn a_needed_session_must_be_alive_by_the_clock() {
        let needed = session(1);
        let descent = Descent::of(Ancestor::new([], Some(needed)), None, Some(needed));
        let exchanged = token(10, "a", Some(descent));
        assert_eq!(exchanged.needed_session(), Some(needed));
        let alive = |id| Session {
            id,
            subject: "u1".into(),
            idle_until: Timestamp::from_secs(50),
            absolute_until: Timestamp::from_secs(90),
        };
        assert!(judged(&exchanged, &[], Some(&alive(needed)), 49));
        assert!(!judged(&exchanged, &[], Some(&alive(needed)), 50));
        assert!(!judged(&exchanged, &[], Some(&alive(session(2))), 49));
        assert!(!judged(&exchanged, &[], None, 49));
        assert_eq!(token(20, "b", Some(exchanged.offspring())).needed_session(), Some(needed));
    }

    #[test]
    fn two_tokens_that_need_two_sessions_cannot_be_joined() {
        let of = |number: u8| {
            let id = session(number);
            Descent::of(Ancestor::new([], Some(id)), None, Some(id))
        };
        assert_eq!(Descent::joined(of(1), Some(of(2))), Err(NoDescent::SeveralSessions));
        assert_eq!(Descent::joined(of(1), Some(of(1))), Ok(of(1)));
        let unneeding = login().offspring();
        assert!(unneeding.is_of(login().id) && !of(2).is_of(login().id));
        let joined = Descent::joined(unneeding, Some(of(2))).unwrap();
        assert_eq!((joined.needed_session(), joined.ancestors().len()), (Some(session(2)), 2));
    }

    #[test]
    fn a_chain_has_an_end() {
        let mut last = login();
        for number in 0.. {
            match Descent::joined(last.offspring(), None) {
                Ok(descent) => last = token(10 + number, "a", Some(descent)),
                Err(error) => {
                    assert_eq!((error, number), (NoDescent::TooLong, MAX_ANCESTORS as u64));
                    break;
                }
            }
        }
    }

    #[test]
    fn reads_back_from_what_stores_keep_and_nothing_else_does() {
        let second = token(10, "a", Some(login().offspring()));
        let descent = second.offspring();
        let text = serde_json::to_string(&descent).unwrap();
        assert_eq!(serde_json::from_str::<Descent>(&text).unwrap(), descent);
        for broken in [
            "{}",
            "[]",
            r#"{"of":[{"from":["9 AA"]}]}"#,
            r#"{"of":[{"from":["1"]}]}"#,
            r#"{"of":[{"from":["1 !"]}]}"#,
            r#"{"of":[],"more":1}"#,
        ] {
            assert!(serde_json::from_str::<Descent>(broken).is_err(), "{broken}");
        }
    }
}
