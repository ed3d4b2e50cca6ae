//! An application: an OAuth client with its settings and what it authenticates with.

use serde::{Deserialize, Serialize};
use tokenbind_binding::{ClientId, Timestamp};

use crate::{
    client_document::ClientUrl,
    secret::SecretHash,
    settings::{InvalidMetadata, Settings},
};

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

impl Application {
    /// The host of whoever describes it, if it is not registered here but described by a document.
    #[must_use]
    pub fn described_by(&self) -> Option<String> {
        ClientUrl::parse(self.client_id.as_str()).map(|url| url.host().to_owned())
    }

    /// The name that people see: `client_name`, or the `client_id` if it has none.
    #[must_use]
    pub fn shown_name(&self) -> &str {
        let name = self.settings.client_name.as_deref().map(str::trim);
        name.filter(|name| !name.is_empty()).unwrap_or(self.client_id.as_str())
    }
}

/// A `client_id` that somebody chose. RFC 6749 appendix A.1 allows visible ASCII. No slash, since references
/// part their fields by it and URLs have them, no colon, since HTTP Basic does, and nothing that clients forget to encode there.
pub(crate) fn valid_client_id(id: String) -> Result<ClientId, InvalidMetadata> {
    let allowed = |byte: u8| byte.is_ascii_graphic() && !b"/:\"\\%+".contains(&byte);
    if (1..=255).contains(&id.len()) && id.bytes().all(allowed) {
        return Ok(ClientId::new(id));
    }
    let rule = "must be 1 to 255 visible ASCII characters, without any of / : \" \\ % +";
    Err(InvalidMetadata::new("client_id", rule))
}
