//! What an access token says of itself, whatever its format.

use std::sync::Arc;

use crate::{
    anchor::{self, Alive, Anchor, Dead, Ends},
    bindings::Bindings,
    descent::{Ancestor, Descent},
    id::{ClientId, GrantId, SessionId, SubjectId, TokenId},
    session::{self, Session, TokenSession},
    time::Timestamp,
};

/// The facts of an access token that decide whether it is alive and who may present it. They never
/// change after issue.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Token {
    /// `jti`; tells when the token was committed.
    pub id: TokenId,
    /// The grant that it came of, where that can be ended apart from the token: it has a refresh
    /// token, or came of a code.
    pub grant: Option<GrantId>,
    /// The login session that it was issued in, if any.
    pub session: Option<TokenSession>,
    /// The application that it was issued to.
    pub client_id: ClientId,
    /// Whom it speaks for.
    pub subject: SubjectId,
    /// What it is bound to.
    pub bindings: Bindings,
    /// From then on it is dead.
    pub expires_at: Timestamp,
    /// What it came of, if it was exchanged (RFC 8693).
    pub descent: Option<Arc<Descent>>,
}

impl Token {
    /// Everything whose end ends this token.
    pub fn anchors(&self) -> impl Iterator<Item = Anchor> + '_ {
        self.own_anchors().chain(self.descent.iter().flat_map(|descent| descent.anchors()))
    }

    fn own_anchors(&self) -> impl Iterator<Item = Anchor> + '_ {
        [
            Anchor::Token(self.id),
            Anchor::Subject(self.subject.clone()),
            Anchor::Application(self.client_id.clone()),
            Anchor::Consent(self.subject.clone(), self.client_id.clone()),
        ]
        .into_iter()
        .chain(self.grant.map(Anchor::Grant))
        .chain(self.session.and_then(|session| session.anchor(&self.bindings)))
        .chain(self.bindings.iter().map(|binding| Anchor::Binding(binding.reference)))
    }

    /// The login session that has to be alive, if one has to.
    #[must_use]
    pub fn needed_session(&self) -> Option<SessionId> {
        let inherited = self.descent.as_deref().and_then(Descent::needed_session);
        session::needed(&self.bindings, self.session).or(inherited)
    }

    /// The descent of a token that is exchanged for this one.
    #[must_use]
    pub fn offspring(&self) -> Descent {
        let own = Ancestor::new(self.own_anchors(), self.session.map(|session| session.id));
        Descent::of(own, self.descent.as_deref(), self.needed_session())
    }

    /// Whether the token is alive at `now`, given the ends of its anchors and the record of the session
    /// that it needs ([`Self::needed_session`]).
    ///
    /// # Errors
    /// [`Dead`] with the reason.
    pub fn judge(
        &self,
        ends: &(impl Ends + ?Sized),
        session: Option<&Session>,
        now: Timestamp,
    ) -> Result<Alive, Dead> {
        session::judge_needed(&self.bindings, self.session, session, now)?;
        let issued_in = self.session.map(|session| session.id);
        let (issued, expires_at) = (self.id.instant(), self.expires_at);
        if let Some(descent) = &self.descent {
            descent.judge(issued, expires_at, ends, session, now)?;
        }
        anchor::judge(issued, expires_at, issued_in, self.own_anchors(), ends, now)
    }
}
