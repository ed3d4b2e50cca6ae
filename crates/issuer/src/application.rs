//! An application: an OAuth client with its settings and what it authenticates with.

use serde::{Deserialize, Serialize};
use tokenbind_binding::{ClientId, Timestamp};

use crate::{secret::SecretHash, settings::Settings};

/// How many secrets may be live at once, so that one can be rotated without an outage.
pub const MAX_SECRETS: usize = 2;

/// A registered application.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Application {
    /// Its public identifier.
    pub client_id: ClientId,
    /// When it was registered.
    pub issued_at: Timestamp,
    /// The newest first; none for a public client, at most [`MAX_SECRETS`].
    pub secrets: Vec<SecretHash>,
    /// What it manages itself with (RFC 7592), if it was registered over the network.
    pub registration_access_token: Option<SecretHash>,
    /// Its settings.
    pub settings: Settings,
}
