//! Commands on applications.

use std::sync::Arc;

use serde::Serialize;
use serde_json::{Map, Value};
use tokenbind_binding::ClientId;

use super::{AdminError, SecretChange};
use crate::{
    application::{Application, MAX_SECRETS, valid_client_id},
    issuer::Issuer,
    registration::ClientInformation,
    secret::{Secret, SecretHash},
    settings::Settings,
    store::{ChangeOutcome, RegisterOutcome},
};

impl Issuer {
    pub(super) async fn admin_add_application(
        &self,
        client_id: Option<String>,
        metadata: Map<String, Value>,
    ) -> Result<Value, AdminError> {
        let client_id = client_id.map(valid_client_id).transpose()?;
        let settings = Settings::from_metadata(metadata)?;
        let (application, secret) = self.add_application(client_id, settings, None).await?;
        to_json(&ClientInformation::of(&application, secret.as_ref()))
    }

    pub(super) async fn admin_list_applications(&self) -> Result<Value, AdminError> {
        let applications = self.store.list_applications().await?;
        let shown: Vec<_> =
            applications.iter().map(|each| ClientInformation::of(each, None)).collect();
        to_json(&shown)
    }

    pub(super) async fn admin_show_application(&self, id: &str) -> Result<Value, AdminError> {
        to_json(&ClientInformation::of(&*self.known_application(id).await?, None))
    }

    pub(super) async fn admin_update_application(
        &self,
        client_id: &str,
        changes: Map<String, Value>,
        secrets: SecretChange,
    ) -> Result<Value, AdminError> {
        let before = self.known_application(client_id).await?;
        let settings = before.settings.changed_by(changes)?;
        let (mut after, mut fresh) = self.change_settings(&before, settings).await?;
        if secrets != SecretChange::Keep {
            let unchanged = after.clone();
            fresh = self.change_secrets(&mut after, secrets)?.or(fresh);
            after = self.replace_application(&unchanged, after).await?;
        }
        to_json(&ClientInformation::of(&after, fresh.as_ref()))
    }

    pub(super) async fn admin_delete_application(&self, id: &str) -> Result<Value, AdminError> {
        match self.store.delete_application(&ClientId::from(id)).await? {
            ChangeOutcome::Changed => Ok(serde_json::json!({ "deleted": id })),
            ChangeOutcome::Unknown => Err(AdminError::unknown("application", id)),
        }
    }

    /// Makes sure that there is an application of this id with this secret. If it is there already,
    /// its settings stay as they are.
    ///
    /// # Errors
    /// [`AdminError`]; then nothing changed.
    pub async fn ensure_application(
        &self,
        client_id: &str,
        metadata: Map<String, Value>,
        secret: SecretHash,
    ) -> Result<(), AdminError> {
        let settings = Settings::from_metadata(metadata)?;
        let declared = Application {
            client_id: valid_client_id(client_id.into())?,
            issued_at: self.now().timestamp(),
            secrets: vec![secret],
            registration_access_token: None,
            settings,
        };
        match self.find(client_id).await? {
            Some(before) if before.secrets == declared.secrets => Ok(()),
            Some(before) => {
                let after = Application { secrets: declared.secrets, ..(*before).clone() };
                self.replace_application(&before, after).await?;
                Ok(())
            }
            None => match self.store.register_application(declared).await? {
                RegisterOutcome::Registered | RegisterOutcome::Taken => Ok(()),
            },
        }
    }

    fn change_secrets(
        &self,
        application: &mut Application,
        change: SecretChange,
    ) -> Result<Option<Secret>, AdminError> {
        if !application.settings.token_endpoint_auth_method.uses_secret() {
            return Err(AdminError::new("the application does not authenticate by a secret"));
        }
        match change {
            SecretChange::Keep => Ok(None),
            SecretChange::DropOld => {
                application.secrets.truncate(1);
                Ok(None)
            }
            SecretChange::Add => {
                let secret = Secret::generate(&*self.random);
                application.secrets.insert(0, secret.hash());
                application.secrets.truncate(MAX_SECRETS);
                Ok(Some(secret))
            }
        }
    }

    async fn known_application(&self, id: &str) -> Result<Arc<Application>, AdminError> {
        self.find(id).await?.ok_or_else(|| AdminError::unknown("application", id))
    }
}

pub(super) fn to_json(value: &impl Serialize) -> Result<Value, AdminError> {
    serde_json::to_value(value).map_err(|error| AdminError::new(error.to_string()))
}
