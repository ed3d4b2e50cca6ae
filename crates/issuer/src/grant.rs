//! A grant, and what presenting one of its refresh tokens means.

use std::sync::Arc;

use tokenbind_binding::{
    Ancestor, Anchor, Bindings, ClientId, Descent, Ends, GrantId, RefreshTokenId, Session,
    SubjectId, Timestamp, TokenSession,
    anchor::{self, Alive, Dead},
    session,
};

use crate::{
    login::Login,
    scope::{Audience, Scope},
};

/// One act of authorization that can be refreshed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Grant {
    /// Tells when it was committed.
    pub id: GrantId,
    /// The application that it was given to.
    pub client_id: ClientId,
    /// Whom its tokens speak for.
    pub subject: SubjectId,
    /// The user's name at the time of the grant.
    pub username: Option<Arc<str>>,
    /// What the application is told in place of the subject, if it is another thing.
    pub pairwise: Option<Arc<str>>,
    /// The login that it came of, if it came of one.
    pub login: Option<Arc<Login>>,
    /// The widest scope that its tokens can have.
    pub scope: Scope,
    /// All that its tokens can be meant for.
    pub audience: Audience,
    /// What its tokens are bound to.
    pub bindings: Bindings,
    /// The refresh token that is current.
    pub current: CurrentRefreshToken,
    /// From then on the current refresh token is dead.
    pub expires_at: Timestamp,
}

/// The state of a grant's refresh tokens: all of them that are not this one are spent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CurrentRefreshToken {
    /// Its generation.
    pub generation: u32,
    /// When it became current.
    pub since: Timestamp,
    /// Whether a refresh was made with it.
    pub used: bool,
}

/// How refresh tokens are replaced (BINDINGS: "refresh-token reuse").
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rotation {
    /// The same refresh token serves until it expires.
    Off,
    /// Each use gives a successor.
    On {
        /// For so many seconds the spent token gets its unused successor again: a lost reply is not
        /// a theft.
        grace: u64,
    },
}

/// What a presented refresh token turns out to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Presented {
    /// The grant's current one.
    Current,
    /// An older one, and the answer that carried its successor seems to have been lost.
    LostReply,
    /// A spent one: somebody else may hold the grant's tokens, so the grant must end.
    Reused,
}

impl Grant {
    /// The current refresh token.
    #[must_use]
    pub const fn refresh_token(&self) -> RefreshTokenId {
        RefreshTokenId { grant: self.id, generation: self.current.generation }
    }

    /// Everything whose end ends this grant.
    pub fn anchors(&self) -> impl Iterator<Item = Anchor> + '_ {
        [
            Anchor::Grant(self.id),
            Anchor::Subject(self.subject.clone()),
            Anchor::Application(self.client_id.clone()),
            Anchor::Consent(self.subject.clone(), self.client_id.clone()),
        ]
        .into_iter()
        .chain(self.session().and_then(|session| session.anchor(&self.bindings)))
        .chain(self.bindings.iter().map(|binding| Anchor::Binding(binding.reference)))
    }

    /// The descent of a token that is exchanged for its refresh token.
    #[must_use]
    pub fn offspring(&self) -> Descent {
        let session = self.session();
        let own = Ancestor::new(self.anchors(), session.map(|session| session.id));
        Descent::of(own, None, session::needed(&self.bindings, session))
    }

    /// The login session that it was given in, if any.
    #[must_use]
    pub fn session(&self) -> Option<TokenSession> {
        self.login.as_deref().map(Login::token_session)
    }

    /// Whether the grant's current refresh token is alive at `now`, given the ends of its anchors
    /// and, where its bindings need one, its session.
    ///
    /// # Errors
    /// [`Dead`] with the reason.
    pub fn judge(
        &self,
        ends: &(impl Ends + ?Sized),
        session: Option<&Session>,
        now: Timestamp,
    ) -> Result<Alive, Dead> {
        session::judge_needed(&self.bindings, self.session(), session, now)?;
        let issued_in = self.session().map(|session| session.id);
        let issued = self.id.instant();
        anchor::judge(issued, self.expires_at, issued_in, self.anchors(), ends, now)
    }

    /// What the refresh token of this `generation` is, presented at `now`. Where the presenter has proved
    /// the private key that the grant is bound to, an older one is no theft, since a thief could not have.
    #[must_use]
    pub fn presented(&self, generation: u32, rotation: Rotation, now: Timestamp) -> Presented {
        if generation == self.current.generation {
            return Presented::Current;
        }
        if self.bindings.need_possession() && generation < self.current.generation {
            return Presented::LostReply;
        }
        let grace = match rotation {
            Rotation::Off => 0,
            Rotation::On { grace } => grace,
        };
        let previous = generation.checked_add(1) == Some(self.current.generation);
        let in_grace = now.since(self.current.since) < grace;
        if previous && in_grace && !self.current.used {
            Presented::LostReply
        } else {
            Presented::Reused
        }
    }
}

#[cfg(test)]
mod tests {
    use tokenbind_binding::{Binding, BindingType, Instant, Reference, Thumbprint};

    use super::*;

    const ON: Rotation = Rotation::On { grace: 30 };

    fn grant(generation: u32, used: bool) -> Grant {
        Grant {
            id: GrantId::new(Instant::from_micros(1), [0; 4]),
            client_id: "app".into(),
            subject: "u1".into(),
            username: None,
            pairwise: None,
            login: None,
            scope: Scope::default(),
            audience: Audience::of(&["https://api"]),
            bindings: Bindings::default(),
            current: CurrentRefreshToken { generation, since: Timestamp::from_secs(100), used },
            expires_at: Timestamp::from_secs(1000),
        }
    }

    fn at(secs: u64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    #[test]
    fn the_previous_token_gets_its_unused_successor_within_the_grace() {
        assert_eq!(grant(3, false).presented(2, ON, at(129)), Presented::LostReply);
    }

    #[test]
    fn the_grace_ends() {
        assert_eq!(grant(3, false).presented(2, ON, at(130)), Presented::Reused);
    }

    #[test]
    fn a_used_successor_makes_the_previous_token_a_theft() {
        assert_eq!(grant(3, true).presented(2, ON, at(101)), Presented::Reused);
    }

    #[test]
    fn older_tokens_and_ones_from_the_future_are_reused() {
        for generation in [0, 1, 4, u32::MAX] {
            assert_eq!(grant(3, false).presented(generation, ON, at(101)), Presented::Reused);
        }
    }

    /// BINDINGS: "bound to a key or certificate, the same key always gets the grant's current refresh token".
    #[test]
    fn to_whoever_holds_the_key_an_older_token_of_any_age_is_a_lost_reply() {
        let key = Binding {
            binding_type: BindingType::Dpop,
            reference: Reference::from_bytes([0; 32]),
            validated: true,
            confirmation: Some(Thumbprint::from_bytes([0; 32])),
        };
        for used in [false, true] {
            let grant = Grant { bindings: Bindings::new(vec![key]), ..grant(3, used) };
            for rotation in [ON, Rotation::Off] {
                for generation in [0, 1, 2] {
                    let presented = grant.presented(generation, rotation, at(900));
                    assert_eq!(presented, Presented::LostReply);
                }
                assert_eq!(grant.presented(3, rotation, at(900)), Presented::Current);
                assert_eq!(grant.presented(4, rotation, at(900)), Presented::Reused);
            }
        }
    }

    #[test]
    fn without_rotation_only_the_current_token_counts() {
        assert_eq!(grant(3, true).presented(3, Rotation::Off, at(101)), Presented::Current);
        assert_eq!(grant(3, false).presented(2, Rotation::Off, at(101)), Presented::Reused);
    }
}
