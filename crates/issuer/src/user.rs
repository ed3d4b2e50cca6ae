//! A user: someone whom tokens speak for.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokenbind_binding::SubjectId;

/// A user.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct User {
    /// The `sub` of tokens; stays when the name or the password changes, and is never given again.
    pub subject: SubjectId,
    /// What the user signs in with.
    pub username: String,
    /// The password's argon2id hash in PHC form.
    pub password_hash: String,
    /// Claims about the user, by their registered names (OpenID Connect Core section 5.1).
    pub claims: Map<String, Value>,
    /// Whether an administrator shut the user out.
    pub locked: bool,
}

/// Whether somebody can be called so; else the rule.
pub(crate) fn check_username(username: &str) -> Result<(), &'static str> {
    if username.trim().is_empty() || username.chars().count() > 255 {
        return Err("must be 1 to 255 characters and not blank");
    }
    Ok(())
}
