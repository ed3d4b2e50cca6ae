//! Commands that end what tokens hang from.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokenbind_binding::{
    Anchor, ClientId, Reference, Thumbprint, certificate, client_request, device_flow, dpop,
    handle::HandleKind,
};

use super::AdminError;
use crate::{client_document::ClientUrl, issuer::Issuer, presented::Presented};

/// What an operator wants to end.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndTarget {
    /// One access token, by its `jti` or as it was issued.
    Token(String),
    /// One grant, by its `grant_id` or by one of its refresh tokens.
    Grant(String),
    /// One login, by its `sid`.
    Session(String),
    /// All that speaks for a user, by username.
    User(String),
    /// All that an application holds.
    App(String),
    /// All that one device holds.
    Device {
        /// The application.
        client_id: String,
        /// What the device names itself.
        token_binding_id: String,
    },
    /// All that came, or may still come, of one device code.
    DeviceCode {
        /// The application.
        client_id: String,
        /// The code, or its `binding_ref`.
        device_code: String,
    },
    /// All that an application holds by one certificate.
    Certificate {
        /// The application.
        client_id: String,
        /// `x5t#S256`.
        thumbprint: String,
    },
    /// All that an application holds by one DPoP key.
    Key {
        /// The application.
        client_id: String,
        /// `jkt`.
        thumbprint: String,
    },
}

impl EndTarget {
    const fn kind(&self) -> &'static str {
        match self {
            Self::Token(_) => "token",
            Self::Grant(_) => "grant",
            Self::Session(_) => "session",
            Self::User(_) => "user",
            Self::App(_) => "app",
            Self::Device { .. } => "device",
            Self::DeviceCode { .. } => "device code",
            Self::Certificate { .. } => "certificate",
            Self::Key { .. } => "key",
        }
    }
}

impl Issuer {
    pub(super) async fn admin_end(&self, target: EndTarget) -> Result<Value, AdminError> {
        let kind = target.kind();
        let anchor = self.anchor_of(target).await?;
        let end = self.store.end_anchor(anchor).await?;
        // With a session or a user, sessions end.
        self.session_ended.notify_one();
        Ok(json!({ "ended": kind, "at": end.instant.timestamp().as_secs() }))
    }

    async fn anchor_of(&self, target: EndTarget) -> Result<Anchor, AdminError> {
        match target {
            EndTarget::Token(text) => self.token_anchor(&text).await,
            EndTarget::Grant(text) => self.grant_anchor(&text).await,
            EndTarget::Session(text) => text
                .parse()
                .map(Anchor::Session)
                .map_err(|error| AdminError::new(format!("session: {error}"))),
            EndTarget::User(username) => match self.store.find_user(&username).await? {
                Some(user) => Ok(Anchor::Subject(user.subject.clone())),
                None => Err(AdminError::unknown("user", &username)),
            },
            EndTarget::App(client_id) => self.application_anchor(&client_id).await,
            EndTarget::Device { client_id, token_binding_id } => {
                self.application_anchor(&client_id).await?;
                client_request::reference_of(&ClientId::from(&*client_id), &token_binding_id)?
                    .map(Anchor::Binding)
                    .ok_or_else(|| AdminError::new("tokenBindingId: must not be blank"))
            }
            EndTarget::DeviceCode { client_id, device_code } => {
                self.application_anchor(&client_id).await?;
                self.device_code_anchor(&ClientId::from(&*client_id), &device_code)
            }
            EndTarget::Certificate { client_id, thumbprint } => {
                self.application_anchor(&client_id).await?;
                let (client_id, thumbprint) = (ClientId::from(&*client_id), read(&thumbprint)?);
                Ok(Anchor::Binding(certificate::reference_of(&client_id, thumbprint)))
            }
            EndTarget::Key { client_id, thumbprint } => {
                self.application_anchor(&client_id).await?;
                let (client_id, thumbprint) = (ClientId::from(&*client_id), read(&thumbprint)?);
                Ok(Anchor::Binding(dpop::reference_of(&client_id, thumbprint)))
            }
        }
    }

    async fn token_anchor(&self, text: &str) -> Result<Anchor, AdminError> {
        if let Some(Presented::AccessToken(found)) = self.find_presented(text).await? {
            return Ok(Anchor::Token(found.record.token.id));
        }
        let unknown = || AdminError::new("token: expected a jti or an access token of this server");
        let id = text.parse().map_err(|_| unknown())?;
        self.store.look_up_access_token(id).await?.ok_or_else(unknown)?;
        Ok(Anchor::Token(id))
    }

    async fn grant_anchor(&self, text: &str) -> Result<Anchor, AdminError> {
        if let Some(Presented::RefreshToken(id, _)) = self.find_presented(text).await? {
            return Ok(Anchor::Grant(id.grant));
        }
        let unknown =
            || AdminError::new("grant: expected a grant_id or a refresh token of this server");
        let id = text.parse().map_err(|_| unknown())?;
        self.store.look_up_grant(id).await?.ok_or_else(unknown)?;
        Ok(Anchor::Grant(id))
    }

    /// Who has the code of a device is the device; an operator has what introspection shows of it.
    fn device_code_anchor(&self, client_id: &ClientId, text: &str) -> Result<Anchor, AdminError> {
        if self.keys().handles.open(HandleKind::DeviceCode, text).is_ok() {
            return Ok(Anchor::Binding(device_flow::reference_of(client_id, text)));
        }
        text.parse::<Reference>().map(Anchor::Binding).map_err(|_| {
            AdminError::new(
                "device code: expected a binding_ref of device-flow, or a device code of this server",
            )
        })
    }

    async fn application_anchor(&self, client_id: &str) -> Result<Anchor, AdminError> {
        // What such an application holds can be ended though its document is gone, or does not count any more.
        if ClientUrl::parse(client_id).is_some() {
            return Ok(Anchor::Application(client_id.into()));
        }
        match self.find(client_id).await? {
            Some(application) => Ok(Anchor::Application(application.client_id.clone())),
            None => Err(AdminError::unknown("application", client_id)),
        }
    }
}

fn read(thumbprint: &str) -> Result<Thumbprint, AdminError> {
    thumbprint.parse().map_err(|error| AdminError::new(format!("thumbprint: {error}")))
}
