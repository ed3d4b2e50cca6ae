//! Checking a user's password, wherever one is shown: slowed down, and a bounded number at once.

use std::sync::Arc;

use crate::{
    client::too_many_attempts,
    error::{ErrorCode, OAuthError},
    issuer::Issuer,
    password::HashError,
    throttle::Guess,
    user::User,
};

impl Issuer {
    /// The user whose name and password these are.
    ///
    /// # Errors
    /// `invalid_grant` if they are not, or the user is locked, which only the right password is told;
    /// too many failures, by the rule of [`crate::throttle::LoginThrottle`].
    pub(crate) async fn check_password(
        &self,
        guess: Guess<'_>,
        password: &str,
    ) -> Result<Arc<User>, OAuthError> {
        self.failed_passwords.check(&guess, self.now()).map_err(too_many_attempts)?;
        tokio::time::sleep(self.failed_passwords.delay(&guess, self.now())).await;
        let user = self.store.find_user(guess.username).await?;
        let hash = user.as_ref().map(|user| user.password_hash.as_str());
        let verified = self.passwords.verify(password, hash).await?;
        // Once more: others of a burst may have failed meanwhile.
        self.failed_passwords.check(&guess, self.now()).map_err(too_many_attempts)?;
        match (user, verified) {
            (Some(user), Ok(())) if user.locked => Err(refuse("the user is locked")),
            (Some(user), Ok(())) => Ok(user),
            _ => {
                self.failed_passwords.record_failure(&guess, self.now());
                Err(refuse("the username or the password is wrong"))
            }
        }
    }
}

fn refuse(description: &'static str) -> OAuthError {
    OAuthError::new(ErrorCode::InvalidGrant, description)
}

impl From<HashError> for OAuthError {
    fn from(error: HashError) -> Self {
        let description = "the password could not be checked, try again in a moment";
        let refusal = Self::new(ErrorCode::TemporarilyUnavailable, description);
        Self { log: Some(error.to_string()), ..refusal }
    }
}
