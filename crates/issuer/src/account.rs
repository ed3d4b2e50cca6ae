//! What a user sees and ends of their own: sessions, applications, the password.

use std::{net::IpAddr, sync::Arc};

use tokenbind_binding::{ClientId, Cookies, SessionId};

use crate::{
    client_document::ClientUrl,
    error::{ErrorCode, OAuthError},
    issuer::Issuer,
    session::LoginSession,
    store::{ChangeOutcome, Connection, StoreResult, UserChange},
    throttle::Guess,
    user::User,
};

/// The fewest characters of a password that a user may choose.
const MIN_PASSWORD_CHARACTERS: usize = 8;

/// The longest password that a user may choose.
const MAX_PASSWORD_BYTES: usize = 1024;

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
        let Some(current) = self.current_session(cookies).await? else { return Ok(None) };
        let (subject, now) = (&current.session.subject, self.now().timestamp());
        let sessions = self.store.list_sessions(subject, now).await?;
        let mut applications = Vec::new();
        for connection in self.store.list_connections(subject, now).await? {
            if let Some(name) = self.name_of(&connection.client_id).await? {
                applications.push(ConnectedApplication { name, connection });
            }
        }
        Ok(Some(Account { current, sessions, applications }))
    }

    /// What the user knows an application by. One that was removed holds nothing any more.
    async fn name_of(&self, client_id: &ClientId) -> StoreResult<Option<String>> {
        // Its access can be taken back whether or not its document can be had, and whatever that says now.
        if ClientUrl::parse(client_id.as_str()).is_some() {
            return Ok(Some(client_id.to_string()));
        }
        let application = self.find(client_id.as_str()).await?;
        Ok(application.map(|application| {
            application.settings.client_name.clone().unwrap_or_else(|| client_id.to_string())
        }))
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
        let over = || refuse("that session is over already");
        let found = self.store.look_up_session(id).await?;
        // A session never changes hands, so that this look ahead decides nothing that can change.
        let own =
            found.is_some_and(|found| found.record.session.subject == current.session.subject);
        if !own {
            return Err(over());
        }
        self.end_login_session(id).await?.map(drop).ok_or_else(over)
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
        self.store.end_connection(&current.session.subject, client_id).await
    }

    /// Gives the user another password, and ends all their tokens and sessions but those of this one.
    ///
    /// # Errors
    /// `invalid_grant` with a sentence for the user if the old password is wrong, `invalid_request` if
    /// the new one is no good, and what signing in is refused with otherwise.
    pub async fn change_own_password(
        &self,
        current: &LoginSession,
        address: IpAddr,
        old: &str,
        new: &str,
    ) -> Result<(), OAuthError> {
        let gone = || refuse("there is no such account any more");
        let user = self.store.find_subject(&current.session.subject).await?.ok_or_else(gone)?;
        check_new_password(&user, new)?;
        let guess =
            Guess { username: &user.username, address, known_browser: Some(current.session.id) };
        self.check_password(guess, old).await?;
        let hash = self.passwords.hash(new, &*self.random).await?;
        let change = UserChange::Password { hash, spared: Some(current.session.id) };
        let outcome = self.store.change_user(&user.username, change).await?;
        self.session_ended.notify_one();
        match outcome {
            ChangeOutcome::Changed => Ok(()),
            ChangeOutcome::Unknown => Err(gone()),
        }
    }
}

/// Length is what counts (NIST SP 800-63B section 3.1.1.2 asks for at least 8 characters and no rules of
/// composition). The upper bound only bounds the work.
fn check_new_password(user: &User, new: &str) -> Result<(), OAuthError> {
    if new.chars().count() < MIN_PASSWORD_CHARACTERS {
        let rule =
            format!("the new password must have at least {MIN_PASSWORD_CHARACTERS} characters");
        return Err(refuse(rule));
    }
    if new.len() > MAX_PASSWORD_BYTES {
        return Err(refuse(format!(
            "the new password must have at most {MAX_PASSWORD_BYTES} bytes"
        )));
    }
    if new.to_lowercase() == user.username.to_lowercase() {
        return Err(refuse("the new password must not be the username"));
    }
    Ok(())
}

fn refuse(description: impl Into<std::borrow::Cow<'static, str>>) -> OAuthError {
    OAuthError::new(ErrorCode::InvalidRequest, description)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(new: &str) -> Option<String> {
        let user = User {
            subject: "u1".into(),
            username: "alice.in.chains".into(),
            password_hash: String::new(),
            claims: serde_json::Map::new(),
            locked: false,
        };
        check_new_password(&user, new).err().map(|error| error.description.into_owned())
    }

    #[test]
    fn a_new_password_is_neither_short_nor_endless_nor_the_username() {
        assert_eq!(refusal("12345678"), None);
        assert_eq!(refusal("äöüßäöüß"), None, "characters count, not bytes");
        assert_eq!(refusal(&"x".repeat(1024)), None);
        assert!(refusal("äöüßäöü").unwrap().contains("at least 8 characters"));
        assert!(refusal("").unwrap().contains("at least 8 characters"));
        assert!(refusal(&"x".repeat(1025)).unwrap().contains("at most 1024 bytes"));
        assert!(refusal("Alice.In.Chains").unwrap().contains("username"));
    }
}
