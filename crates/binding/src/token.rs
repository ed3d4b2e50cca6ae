//! What an access token says of itself, whatever its format.

use crate::{
    anchor::{self, Alive, Anchor, Dead, Ends},
    bindings::Bindings,
    id::{ClientId, GrantId, SubjectId, TokenId},
    time::Timestamp,
};

/// The facts of an access token that decide whether it is alive and who may present it. They never
/// change after issue.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Token {
    /// `jti`; tells when the token was committed.
    pub id: TokenId,
    /// The grant that it came of, where that grant has a refresh token.
    pub grant: Option<GrantId>,
    /// The application that it was issued to.
    pub client_id: ClientId,
    /// Whom it speaks for.
    pub subject: SubjectId,
    /// What it is bound to.
    pub bindings: Bindings,
    /// From then on it is dead.
    pub expires_at: Timestamp,
}

impl Token {
    /// Everything whose end ends this token.
    pub fn anchors(&self) -> impl Iterator<Item = Anchor> + '_ {
        [
            Anchor::Token(self.id),
            Anchor::Subject(self.subject.clone()),
            Anchor::Application(self.client_id.clone()),
        ]
        .into_iter()
        .chain(self.grant.map(Anchor::Grant))
        .chain(self.bindings.iter().map(|binding| Anchor::Binding(binding.reference)))
    }

    /// Whether the token is alive at `now`, given the ends of its anchors.
    ///
    /// # Errors
    /// [`Dead`] with the reason.
    pub fn judge(&self, ends: &(impl Ends + ?Sized), now: Timestamp) -> Result<Alive, Dead> {
        anchor::judge(self.id.instant(), self.expires_at, self.anchors(), ends, now)
    }
}
