//! What a user sees and ends of their own: sessions, applications, the password.

use std::sync::Arc;

use tokenbind_binding::{ClientId, Cookies, SessionId};

use crate::{
    error::OAuthError,
    issuer::Issuer,
    session::LoginSession,
    store::{Connection, StoreResult},
};

/// An application that a user let in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConnectedApplication {
    /// `client_name`, or the `client_id` if it has none.
    pub name: String,
    /// What is recorded.
    pub connection: Connection,
}

/// What the account page shows.
#[derive(Clone, Debug)]
pub struct Account {
    /// The session of the browser that asks.
    pub current: Arc<LoginSession>,
    /// All sessions of the user, the latest first.
    pub sessions: Vec<Arc<LoginSession>>,
    /// The applications that hold live tokens of the user.
    pub applications: Vec<ConnectedApplication>,
}

impl Issuer {
    /// The account of whoever is signed in.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn account(&self, cookies: &Cookies) -> StoreResult<Option<Account>> {
        let _ = cookies;
        todo!()
    }

    /// Ends one of the user's own sessions. Another user's is left alone.
    ///
    /// # Errors
    /// `invalid_request` if it is not theirs, or over.
    pub async fn end_own_session(
        &self,
        current: &LoginSession,
        id: SessionId,
    ) -> Result<(), OAuthError> {
        let _ = (current, id);
        todo!()
    }

    /// Ends all that an application holds of the user.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn end_own_connection(
        &self,
        current: &LoginSession,
        client_id: &ClientId,
    ) -> StoreResult<()> {
        let _ = (current, client_id);
        todo!()
    }

    /// Gives the user another password, and ends all their tokens and sessions but those of this one.
    ///
    /// # Errors
    /// `invalid_grant` with a sentence for the user if the old password is wrong, `invalid_request` if
    /// the new one is no good.
    pub async fn change_own_password(
        &self,
        current: &LoginSession,
        address: std::net::IpAddr,
        old: &str,
        new: &str,
    ) -> Result<(), OAuthError> {
        let _ = (current, address, old, new);
        todo!()
    }
}
