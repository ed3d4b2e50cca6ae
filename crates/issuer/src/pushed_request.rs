//! Authorization requests that the server keeps until a browser brings them (RFC 9126 section 2).

use serde::{Deserialize, Serialize};
use tokenbind_binding::{
    Anchor, ClientId, Ends, PushedRequestId, Timestamp,
    anchor::{self, Alive, Dead},
};

/// A request as its application sent it, out of the reach of the browser. It never changes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PushedRequest {
    /// The application that it is of.
    pub client_id: ClientId,
    /// Its parameters, in `application/x-www-form-urlencoded`, `client_id` among them.
    pub parameters: String,
    /// How they came.
    #[serde(flatten)]
    pub provenance: Provenance,
}

/// How the parameters of an authorization request reached the server; by the browser's query if nothing
/// else holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Provenance {
    /// From the application itself (RFC 9126).
    pub pushed: bool,
    /// In an object that the application signed (RFC 9101).
    pub signed: bool,
}

impl PushedRequest {
    /// Whether the request, which was committed as `id`, can still be answered at `now`, given the ends of
    /// its application.
    ///
    /// # Errors
    /// [`Dead`] with the reason.
    pub fn judge(
        &self,
        id: PushedRequestId,
        expires_at: Timestamp,
        ends: &(impl Ends + ?Sized),
        now: Timestamp,
    ) -> Result<Alive, Dead> {
        anchor::judge(id.instant(), expires_at, None, [self.anchor()], ends, now)
    }

    /// What ends it.
    #[must_use]
    pub fn anchor(&self) -> Anchor {
        Anchor::Application(self.client_id.clone())
    }
}
