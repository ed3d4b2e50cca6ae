//! Authorization codes as the server records them (RFC 6749 section 4.1.2).

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokenbind_binding::{
    Anchor, ClientId, CodeId, Ends, SubjectId, Timestamp,
    anchor::{self, Alive, Dead},
    bindings::Authorized,
};

use crate::{
    login::Login,
    pkce::CodeChallenge,
    scope::{Audience, Scope},
};

/// What a user authorized, until the application redeems it. It never changes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct AuthorizationCode {
    /// The application that it was given to.
    pub client_id: ClientId,
    /// Who authorized.
    pub subject: SubjectId,
    /// Their name.
    pub username: Arc<str>,
    /// What the application is told in place of the subject, if it is another thing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pairwise: Option<Arc<str>>,
    /// What was authorized.
    pub scope: Scope,
    /// Where.
    pub audience: Audience,
    /// Where the code was sent to.
    pub redirect_uri: String,
    /// Whether the request named it, so that the token request must name it too.
    pub redirect_uri_named: bool,
    /// `code_challenge` of the method S256 (RFC 7636).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code_challenge: Option<CodeChallenge>,
    /// `nonce` (OpenID Connect Core section 3.1.2.1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
    /// What was seen of the browser.
    #[serde(default)]
    pub authorized: Authorized,
    /// The login.
    pub login: Arc<Login>,
}

impl AuthorizationCode {
    /// Everything whose end makes the code worthless. Its session does, whatever its tokens will be
    /// bound to, and so does the cookie: a token must not be bound to one that was replaced meanwhile.
    pub fn anchors(&self) -> impl Iterator<Item = Anchor> + '_ {
        [
            Anchor::Subject(self.subject.clone()),
            Anchor::Application(self.client_id.clone()),
            Anchor::Consent(self.subject.clone(), self.client_id.clone()),
            Anchor::Session(self.login.session),
        ]
        .into_iter()
        .chain(self.authorized.cookie.map(Anchor::Binding))
    }

    /// Whether the code, which was committed as `id`, is alive at `now`, given the ends of its anchors.
    ///
    /// # Errors
    /// [`Dead`] with the reason.
    pub fn judge(
        &self,
        id: CodeId,
        expires_at: Timestamp,
        ends: &(impl Ends + ?Sized),
        now: Timestamp,
    ) -> Result<Alive, Dead> {
        let session = Some(self.login.session);
        anchor::judge(id.instant(), expires_at, session, self.anchors(), ends, now)
    }
}
