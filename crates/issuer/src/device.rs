//! Device authorizations (RFC 8628): what a device asked for, and what a user said to it on another one.

mod answer;
mod page;
mod request;
mod user_code;

use std::{net::IpAddr, sync::Arc};

use serde::{Deserialize, Serialize};
use tokenbind_binding::{
    Anchor, ClientId, DeviceCodeId, Ends, Instant, SubjectId, Timestamp,
    anchor::{self, Alive, Dead},
    bindings::Authorized,
};

pub use answer::{DeviceAnswerOutcome, DeviceDecision, ShownDevice};
pub use page::{DevicePrompt, DeviceStep, WrongCode};
pub use request::DeviceAuthorizationResponse;
pub use user_code::{MalformedUserCode, UserCode};

use crate::{
    login::Login,
    scope::{Audience, Scope},
};

/// Where the verification page is, below the issuer (`verification_uri`).
pub const VERIFICATION_PATH: &str = "/device";

/// Where the picture of `verification_uri_complete` is, below the issuer.
pub const PICTURE_PATH: &str = "/device/qr";

/// The parameter of both that holds the user code (RFC 8628 section 3.3.1).
pub const USER_CODE: &str = "user_code";

/// Seconds between two polls that a device begins with (RFC 8628 section 3.2).
pub const FIRST_INTERVAL: u64 = 5;

/// What a device asks for. It never changes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct DeviceAuthorization {
    /// The application that it runs.
    pub client_id: ClientId,
    /// What it wants to be allowed.
    pub scope: Scope,
    /// Where.
    pub audience: Audience,
    /// The keys that it showed.
    #[serde(default)]
    pub authorized: Authorized,
    /// Where it asked from; none if a proxy stood in between.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<IpAddr>,
    /// As it names itself (`User-Agent`), cut to a length that one can read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<Arc<str>>,
}

/// What the user said. There is one answer, and it never changes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum DeviceAnswer {
    /// No.
    #[serde(rename = "denied")]
    Denied,
    /// Yes.
    #[serde(rename = "approved")]
    Approved(DeviceApproval),
}

/// Who approved, and in which login.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct DeviceApproval {
    /// Who.
    pub subject: SubjectId,
    /// Their name.
    pub username: Arc<str>,
    /// What the application is told in place of the subject, if it is another thing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pairwise: Option<Arc<str>>,
    /// The login.
    pub login: Arc<Login>,
}

impl DeviceAuthorization {
    /// What ends it, answered or not.
    #[must_use]
    pub fn anchor(&self) -> Anchor {
        Anchor::Application(self.client_id.clone())
    }

    /// Whether the request, which was committed as `id`, can still be answered or redeemed at `now`, given
    /// the ends of its application.
    ///
    /// # Errors
    /// [`Dead`] with the reason.
    pub fn judge(
        &self,
        id: DeviceCodeId,
        expires_at: Timestamp,
        ends: &(impl Ends + ?Sized),
        now: Timestamp,
    ) -> Result<Alive, Dead> {
        anchor::judge(id.instant(), expires_at, None, [self.anchor()], ends, now)
    }
}

impl DeviceApproval {
    /// Everything whose end takes it back, until the code is redeemed: as for an authorization code, the
    /// session does, whatever the tokens will be bound to.
    #[must_use]
    pub fn anchors(&self, client_id: &ClientId) -> [Anchor; 3] {
        [
            Anchor::Subject(self.subject.clone()),
            Anchor::Consent(self.subject.clone(), client_id.clone()),
            Anchor::Session(self.login.session),
        ]
    }

    /// Whether it, which was committed at `at`, still holds at `now`, given the ends of its anchors.
    ///
    /// # Errors
    /// [`Dead`] with the reason.
    pub fn judge(
        &self,
        client_id: &ClientId,
        at: Instant,
        expires_at: Timestamp,
        ends: &(impl Ends + ?Sized),
        now: Timestamp,
    ) -> Result<Alive, Dead> {
        let session = Some(self.login.session);
        anchor::judge(at, expires_at, session, self.anchors(client_id), ends, now)
    }
}
