//! Back-channel logout (OpenID Connect Back-Channel Logout): which applications are told, and how.

use crate::{error::OAuthError, issuer::Issuer};

/// Seconds for which a logout token is good (OpenID Connect Back-Channel Logout section 4 recommends two
/// minutes at most).
pub const LOGOUT_TOKEN_LIFETIME: u64 = 120;

/// A logout token on its way to an application.
#[derive(Clone)]
pub struct LogoutNotice {
    /// Names the delivery.
    pub id: u64,
    /// `backchannel_logout_uri`.
    pub uri: String,
    /// What to post as `logout_token`.
    pub logout_token: String,
}

impl std::fmt::Debug for LogoutNotice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("LogoutNotice");
        shown.field("id", &self.id).field("uri", &self.uri).finish_non_exhaustive()
    }
}

impl Issuer {
    /// What is to be delivered now. Each comes again later, until it is settled.
    ///
    /// # Errors
    /// If the store or a key fails.
    pub async fn due_logout_notices(&self) -> Result<Vec<LogoutNotice>, OAuthError> {
        todo!()
    }

    /// The application took the notice.
    ///
    /// # Errors
    /// If the store does not answer; then the notice comes again.
    pub async fn logout_notice_delivered(&self, id: u64) -> Result<(), OAuthError> {
        let _ = id;
        todo!()
    }
}
