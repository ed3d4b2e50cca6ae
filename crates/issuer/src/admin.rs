//! What an operator does: one set of commands, run in the server or beside its stopped database.

mod applications;
mod ends;
mod resources;
mod sessions;
mod users;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use ends::EndTarget;

use crate::{
    declared::InvalidDeclaration, error::OAuthError, issuer::Issuer, settings::InvalidMetadata,
};

/// A command of an operator.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "command")]
pub enum AdminCommand {
    /// Registers an application.
    AddApplication {
        /// Its id; generated if absent.
        client_id: Option<String>,
        /// Client metadata.
        metadata: Map<String, Value>,
    },
    /// Lists all applications.
    ListApplications,
    /// Shows one application.
    ShowApplication {
        /// Which.
        client_id: String,
    },
    /// Changes some settings of an application.
    UpdateApplication {
        /// Which.
        client_id: String,
        /// The settings that change; `null` sets one back to its default.
        metadata: Map<String, Value>,
        /// What happens to its secrets.
        secrets: SecretChange,
    },
    /// Removes an application and ends its tokens.
    DeleteApplication {
        /// Which.
        client_id: String,
    },
    /// Declares a resource.
    AddResource {
        /// Its members.
        members: Map<String, Value>,
    },
    /// Lists all resources.
    ListResources,
    /// Shows one resource.
    ShowResource {
        /// Which.
        identifier: String,
    },
    /// Gives the document that a resource is to serve (RFC 9728).
    ResourceMetadata {
        /// Which.
        identifier: String,
    },
    /// Changes some members of a resource.
    UpdateResource {
        /// Which.
        identifier: String,
        /// The members that change; `null` takes one away.
        members: Map<String, Value>,
    },
    /// Removes a resource. Its tokens live on, and nobody gets new ones.
    DeleteResource {
        /// Which.
        identifier: String,
    },
    /// Adds a user.
    AddUser {
        /// What the user signs in with.
        username: String,
        /// In clear, on its way to be hashed.
        password: String,
        /// Claims by their registered names.
        claims: Map<String, Value>,
    },
    /// Replaces all claims about a user. Tokens live on.
    SetClaims {
        /// About whom.
        username: String,
        /// Claims by their registered names.
        claims: Map<String, Value>,
    },
    /// Gives a user a new password and ends all tokens.
    SetPassword {
        /// Whose.
        username: String,
        /// In clear, on its way to be hashed.
        password: String,
    },
    /// Shuts a user out and ends all tokens.
    LockUser {
        /// Whom.
        username: String,
    },
    /// Lets a user in again.
    UnlockUser {
        /// Whom.
        username: String,
    },
    /// Removes a user and ends all tokens.
    DeleteUser {
        /// Whom.
        username: String,
    },
    /// Lists the login sessions of a user.
    ListSessions {
        /// Whose.
        username: String,
    },
    /// Ends an anchor and all that hangs from it.
    End {
        /// What.
        target: EndTarget,
    },
    /// Replaces every key of the server that can be replaced.
    RotateKeys,
}

/// What happens to an application's secrets at an update.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecretChange {
    /// Nothing.
    #[default]
    Keep,
    /// A new one is added; the newest one before stays good too.
    Add,
    /// All but the newest go.
    DropOld,
}

/// Why a command was not carried out.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error, Serialize, Deserialize)]
#[error("{message}")]
pub struct AdminError {
    /// A sentence that says what was expected.
    pub message: String,
}

impl AdminError {
    /// With its sentence.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into() }
    }

    fn unknown(kind: &str, name: &str) -> Self {
        Self::new(format!("there is no {kind} {name}"))
    }
}

impl From<OAuthError> for AdminError {
    fn from(error: OAuthError) -> Self {
        Self::new(error.log.unwrap_or_else(|| error.description.into_owned()))
    }
}

impl From<InvalidMetadata> for AdminError {
    fn from(error: InvalidMetadata) -> Self {
        Self::new(error.to_string())
    }
}

/// Of several faults, one line tells the first.
impl From<Vec<InvalidDeclaration>> for AdminError {
    fn from(wrong: Vec<InvalidDeclaration>) -> Self {
        Self::new(wrong.first().map(ToString::to_string).unwrap_or_default())
    }
}

macro_rules! told_as_its_message {
    ($($error:ty),+) => {
        $(impl From<$error> for AdminError {
            fn from(error: $error) -> Self {
                Self::new(error.to_string())
            }
        })+
    };
}

told_as_its_message!(
    crate::store::StoreError,
    crate::issuer::StartError,
    crate::password::HashError,
    crate::claims::InvalidClaim,
    crate::resource::MalformedResource,
    tokenbind_binding::client_request::TooLong
);

impl Issuer {
    /// Carries out a command. The answer is JSON, for people to be formatted, for scripts as it is.
    ///
    /// # Errors
    /// [`AdminError`]; then nothing changed.
    pub async fn administer(&self, command: AdminCommand) -> Result<Value, AdminError> {
        match command {
            AdminCommand::AddApplication { client_id, metadata } => {
                self.admin_add_application(client_id, metadata).await
            }
            AdminCommand::ListApplications => self.admin_list_applications().await,
            AdminCommand::ShowApplication { client_id } => {
                self.admin_show_application(&client_id).await
            }
            AdminCommand::UpdateApplication { client_id, metadata, secrets } => {
                self.admin_update_application(&client_id, metadata, secrets).await
            }
            AdminCommand::DeleteApplication { client_id } => {
                self.admin_delete_application(&client_id).await
            }
            AdminCommand::AddResource { members } => self.admin_add_resource(members).await,
            AdminCommand::ListResources => self.admin_list_resources().await,
            AdminCommand::ShowResource { identifier } => {
                self.admin_show_resource(&identifier).await
            }
            AdminCommand::ResourceMetadata { identifier } => {
                self.admin_resource_metadata(&identifier).await
            }
            AdminCommand::UpdateResource { identifier, members } => {
                self.admin_update_resource(&identifier, members).await
            }
            AdminCommand::DeleteResource { identifier } => {
                self.admin_delete_resource(&identifier).await
            }
            AdminCommand::AddUser { username, password, claims } => {
                self.admin_add_user(username, &password, claims).await
            }
            AdminCommand::SetClaims { username, claims } => {
                self.admin_set_claims(&username, claims).await
            }
            AdminCommand::SetPassword { username, password } => {
                self.admin_set_password(&username, &password).await
            }
            AdminCommand::LockUser { username } => self.admin_lock_user(&username).await,
            AdminCommand::UnlockUser { username } => self.admin_unlock_user(&username).await,
            AdminCommand::DeleteUser { username } => self.admin_delete_user(&username).await,
            AdminCommand::ListSessions { username } => self.admin_list_sessions(&username).await,
            AdminCommand::End { target } => self.admin_end(target).await,
            AdminCommand::RotateKeys => {
                self.rotate_keys().await?;
                Ok(self.keys().jwks())
            }
        }
    }
}
