//! Commands on users.

use serde_json::{Map, Value, json};
use tokenbind_binding::{SubjectId, TokenId, time::random_bytes};

use super::AdminError;
use crate::{
    claims,
    issuer::Issuer,
    password::WrongPassword,
    store::{ChangeOutcome, RegisterOutcome, UserChange},
    user::{User, check_username},
};

impl Issuer {
    pub(super) async fn admin_add_user(
        &self,
        username: String,
        password: &str,
        claims: Map<String, Value>,
    ) -> Result<Value, AdminError> {
        check_username(&username).map_err(|rule| AdminError::new(format!("username: {rule}")))?;
        let hash = self.hash_new_password(password).await?;
        let subject = self.add_user(&username, hash, claims).await?;
        Ok(json!({ "username": username, "sub": subject.as_str() }))
    }

    /// Adds a user, whose `sub` is new.
    pub(crate) async fn add_user(
        &self,
        username: &str,
        password_hash: String,
        claims: Map<String, Value>,
    ) -> Result<SubjectId, AdminError> {
        let claims = claims::checked(claims, self.now().timestamp())?;
        let subject = TokenId::from_bytes(random_bytes(&*self.random)).to_string();
        let subject = SubjectId::new(subject.as_str());
        let user = User {
            subject: subject.clone(),
            password_hash,
            username: username.to_owned(),
            claims,
            locked: false,
        };
        match self.store.add_user(user).await? {
            RegisterOutcome::Registered => Ok(subject),
            RegisterOutcome::Taken => {
                Err(AdminError::new(format!("there is a user {username} already")))
            }
        }
    }

    /// Makes sure that there is a user of this name with this password. Claims of one who is there
    /// already stay as they are.
    ///
    /// # Errors
    /// [`AdminError`]; then nothing changed.
    pub async fn ensure_user(
        &self,
        username: String,
        password: &str,
        claims: Map<String, Value>,
    ) -> Result<(), AdminError> {
        let Some(user) = self.store.find_user(&username).await? else {
            return self.admin_add_user(username, password, claims).await.map(drop);
        };
        match self.passwords.verify(password, Some(&user.password_hash)).await? {
            Ok(()) => Ok(()),
            Err(WrongPassword) => self.admin_set_password(&username, password).await.map(drop),
        }
    }

    pub(super) async fn admin_set_password(
        &self,
        username: &str,
        password: &str,
    ) -> Result<Value, AdminError> {
        let hash = self.hash_new_password(password).await?;
        self.change_user(username, UserChange::Password { hash, spared: None }, "password_changed")
            .await
    }

    pub(super) async fn admin_set_claims(
        &self,
        username: &str,
        claims: Map<String, Value>,
    ) -> Result<Value, AdminError> {
        let claims = claims::checked(claims, self.now().timestamp())?;
        self.change_user(username, UserChange::Claims(claims), "claims_changed").await
    }

    pub(super) async fn admin_lock_user(&self, username: &str) -> Result<Value, AdminError> {
        self.change_user(username, UserChange::Lock, "locked").await
    }

    pub(super) async fn admin_unlock_user(&self, username: &str) -> Result<Value, AdminError> {
        self.change_user(username, UserChange::Unlock, "unlocked").await
    }

    pub(super) async fn admin_delete_user(&self, username: &str) -> Result<Value, AdminError> {
        self.change_user(username, UserChange::Delete, "deleted").await
    }

    async fn change_user(
        &self,
        username: &str,
        change: UserChange,
        done: &str,
    ) -> Result<Value, AdminError> {
        let outcome = self.store.change_user(username, change).await?;
        // Lock, removal and a new password end the user's sessions.
        self.session_ended.notify_one();
        match outcome {
            ChangeOutcome::Changed => Ok(json!({ done: username })),
            ChangeOutcome::Unknown => Err(AdminError::unknown("user", username)),
        }
    }

    pub(crate) async fn hash_new_password(&self, password: &str) -> Result<String, AdminError> {
        if password.is_empty() {
            return Err(AdminError::new("the password must not be empty"));
        }
        Ok(self.passwords.hash(password, &*self.random).await?)
    }
}
