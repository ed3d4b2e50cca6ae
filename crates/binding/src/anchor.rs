//! Anchors, their ends, and the one function that decides whether a token is dead.

use std::borrow::Cow;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

use crate::{
    id::{ClientId, GrantId, SessionId, SubjectId, TokenId},
    reference::Reference,
    time::{Instant, Timestamp},
};

/// Anything whose end ends tokens.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Anchor {
    /// The token itself.
    Token(TokenId),
    /// One act of authorization and all that came of it.
    Grant(GrantId),
    /// One login of one user in one browser.
    Session(SessionId),
    /// A user, or an application acting for itself.
    Subject(SubjectId),
    /// An application.
    Application(ClientId),
    /// What a token is bound to, such as one device.
    Binding(Reference),
    /// What one user allows one application.
    Consent(SubjectId, ClientId),
}

/// An anchor that a store holds and nobody can read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the stored anchor cannot be read")]
pub struct UnreadableAnchor;

impl Anchor {
    /// The form that stores keep: what kind of anchor, and which.
    #[must_use]
    pub fn to_parts(&self) -> (u8, Cow<'_, [u8]>) {
        let (kind, which): (u8, &[u8]) = match self {
            Self::Token(id) => (1, id.as_bytes()),
            Self::Grant(id) => (2, id.as_bytes()),
            Self::Subject(id) => (3, id.as_str().as_bytes()),
            Self::Application(id) => (4, id.as_str().as_bytes()),
            Self::Binding(reference) => (5, reference.as_bytes()),
            Self::Session(id) => (6, id.as_bytes()),
            Self::Consent(subject, client_id) => {
                // No subject holds a line feed: they are generated, or a client_id.
                return (7, Cow::Owned(format!("{subject}\n{client_id}").into_bytes()));
            }
        };
        (kind, Cow::Borrowed(which))
    }

    /// From the form that stores keep.
    ///
    /// # Errors
    /// [`UnreadableAnchor`] for anything that [`Anchor::to_parts`] does not give.
    pub fn from_parts(kind: u8, which: &[u8]) -> Result<Self, UnreadableAnchor> {
        fn exact<const N: usize>(bytes: &[u8]) -> Result<[u8; N], UnreadableAnchor> {
            bytes.try_into().map_err(|_| UnreadableAnchor)
        }
        let text = || std::str::from_utf8(which).map_err(|_| UnreadableAnchor);
        Ok(match kind {
            1 => Self::Token(TokenId::from_bytes(exact(which)?)),
            2 => Self::Grant(GrantId::from_bytes(exact(which)?)),
            3 => Self::Subject(text()?.into()),
            4 => Self::Application(text()?.into()),
            5 => Self::Binding(Reference::from_bytes(exact(which)?)),
            6 => Self::Session(SessionId::from_bytes(exact(which)?)),
            7 => {
                let (subject, client_id) = text()?.split_once('\n').ok_or(UnreadableAnchor)?;
                Self::Consent(subject.into(), client_id.into())
            }
            _ => return Err(UnreadableAnchor),
        })
    }

    /// The kind of anchor in a word, for messages.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Token(_) => "token",
            Self::Grant(_) => "grant",
            Self::Session(_) => "session",
            Self::Subject(_) => "subject",
            Self::Application(_) => "application",
            Self::Binding(_) => "binding",
            Self::Consent(..) => "consent",
        }
    }
}

/// As text: the kind, and which in base64url.
impl From<Anchor> for String {
    fn from(anchor: Anchor) -> Self {
        let (kind, which) = anchor.to_parts();
        format!("{kind} {}", URL_SAFE_NO_PAD.encode(which))
    }
}

impl TryFrom<String> for Anchor {
    type Error = UnreadableAnchor;

    fn try_from(text: String) -> Result<Self, UnreadableAnchor> {
        let (kind, which) = text.split_once(' ').ok_or(UnreadableAnchor)?;
        let which = URL_SAFE_NO_PAD.decode(which).map_err(|_| UnreadableAnchor)?;
        Self::from_parts(kind.parse().map_err(|_| UnreadableAnchor)?, &which)
    }
}

/// The end of an anchor: every token that hangs from it and was issued at or before `instant` is dead.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct End {
    /// What ended.
    pub anchor: Anchor,
    /// When, in the order of commits.
    pub instant: Instant,
    /// The session whose tokens live on: a password change spares the session that made it.
    pub spared: Option<SessionId>,
}

/// When an anchor ended, and for whom not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ended {
    /// When, in the order of commits.
    pub instant: Instant,
    /// The session whose tokens live on.
    pub spared: Option<SessionId>,
}

impl Ended {
    /// Whether this ends what was issued at `issued` in `session`.
    #[must_use]
    pub fn ends(self, issued: Instant, session: Option<SessionId>) -> bool {
        issued <= self.instant && (self.spared.is_none() || self.spared != session)
    }
}

/// Records of ends, as far as they matter for the tokens in question.
pub trait Ends {
    /// The latest end of `anchor`, if it was ever ended. Earlier ones never matter: what a later end
    /// spares was issued after them, or was spared by them too.
    fn latest(&self, anchor: &Anchor) -> Option<Ended>;
}

impl Ends for [End] {
    fn latest(&self, anchor: &Anchor) -> Option<Ended> {
        self.iter()
            .filter(|end| end.anchor == *anchor)
            .max_by_key(|end| end.instant)
            .map(|&End { instant, spared, .. }| Ended { instant, spared })
    }
}

/// Why a token is dead.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Dead {
    /// Its time is over.
    #[error("expired")]
    Expired,
    /// This anchor ended after the token was issued.
    #[error("its {} was ended", .0.kind())]
    Ended(Anchor),
    /// The login session that it needs is idle for too long, too old or gone.
    #[error("its login session is over")]
    SessionOver,
}

/// Proof that a token was judged and found alive. Only [`judge`] makes one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Alive(());

/// Decides whether something that was issued at `issued`, in `session`, and hangs from `anchors` is
/// alive.
///
/// # Errors
/// [`Dead`]: from `expires_at` on, or when one of the anchors ended at or after `issued`.
pub fn judge(
    issued: Instant,
    expires_at: Timestamp,
    session: Option<SessionId>,
    anchors: impl IntoIterator<Item = Anchor>,
    ends: &(impl Ends + ?Sized),
    now: Timestamp,
) -> Result<Alive, Dead> {
    if now >= expires_at {
        return Err(Dead::Expired);
    }
    for anchor in anchors {
        if ends.latest(&anchor).is_some_and(|ended| ended.ends(issued, session)) {
            return Err(Dead::Ended(anchor));
        }
    }
    Ok(Alive(()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(100);
    const LATER: Timestamp = Timestamp::from_secs(200);

    fn user() -> Anchor {
        Anchor::Subject("u1".into())
    }

    fn verdict(issued: u64, ended: u64) -> Result<Alive, Dead> {
        let ends = [End { anchor: user(), instant: Instant::from_micros(ended), spared: None }];
        judge(Instant::from_micros(issued), LATER, None, [user()], &ends[..], NOW)
    }

    #[test]
    fn issued_at_or_before_the_end_is_dead_and_after_it_alive() {
        assert_eq!(verdict(4, 5), Err(Dead::Ended(user())));
        assert_eq!(verdict(5, 5), Err(Dead::Ended(user())));
        assert!(verdict(6, 5).is_ok());
    }

    #[test]
    fn the_end_of_another_anchor_does_not_matter() {
        let ends = [End {
            anchor: Anchor::Application("u1".into()),
            instant: Instant::from_micros(9),
            spared: None,
        }];
        assert!(judge(Instant::from_micros(1), LATER, None, [user()], &ends[..], NOW).is_ok());
    }

    #[test]
    fn is_dead_from_its_expiry_on() {
        let none: &[End] = &[];
        assert_eq!(judge(Instant::from_micros(1), NOW, None, [], none, NOW), Err(Dead::Expired));
        let almost = Timestamp::from_secs(99);
        assert!(judge(Instant::from_micros(1), NOW, None, [], none, almost).is_ok());
    }

    #[test]
    fn every_kind_reads_back_and_anything_else_is_refused() {
        let anchors = [
            Anchor::Token(TokenId::new(Instant::from_micros(1), [1; 8])),
            Anchor::Grant(GrantId::new(Instant::from_micros(1), [1; 4])),
            Anchor::Session(SessionId::from_bytes([4; 16])),
            user(),
            Anchor::Application("app".into()),
            Anchor::Binding(Reference::from_bytes([3; 32])),
            Anchor::Consent("u1".into(), "app".into()),
        ];
        for anchor in anchors {
            let (kind, which) = anchor.to_parts();
            assert_eq!(Anchor::from_parts(kind, &which), Ok(anchor.clone()));
        }
        assert!(Anchor::from_parts(1, b"short").is_err());
        assert!(Anchor::from_parts(3, &[0xff]).is_err());
        assert!(Anchor::from_parts(7, b"u1").is_err());
        assert!(Anchor::from_parts(0, b"").is_err());
    }
}
