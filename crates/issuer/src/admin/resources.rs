//! Commands on resources.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::{AdminError, applications::to_json};
use crate::{
    issuer::Issuer,
    resource::{Resource, ResourceKey, ResourceMetadata},
    store::{ChangeOutcome, RegisterOutcome},
};

impl Issuer {
    pub(super) async fn admin_add_resource(
        &self,
        members: Map<String, Value>,
    ) -> Result<Value, AdminError> {
        let resource = Resource::from_members(members)?;
        match self.store.add_resource(resource.key()?, resource.clone()).await? {
            RegisterOutcome::Registered => to_json(&resource),
            RegisterOutcome::Taken => {
                let identifier = resource.identifier;
                Err(AdminError::new(format!("the resource {identifier} is there already")))
            }
        }
    }

    pub(super) async fn admin_list_resources(&self) -> Result<Value, AdminError> {
        let resources = self.store.list_resources().await?;
        to_json(&resources.iter().map(AsRef::as_ref).collect::<Vec<&Resource>>())
    }

    pub(super) async fn admin_show_resource(&self, uri: &str) -> Result<Value, AdminError> {
        to_json(&*self.known_resource(uri).await?.1)
    }

    /// The document, and where clients look for it.
    pub(super) async fn admin_resource_metadata(&self, uri: &str) -> Result<Value, AdminError> {
        let (_, resource) = self.known_resource(uri).await?;
        let document = ResourceMetadata::of(&resource, &self.config.issuer)
            .map_err(|error| AdminError::new(format!("{uri}: {error}")))?;
        Ok(json!({ "url": document.url(), "document": document }))
    }

    pub(super) async fn admin_update_resource(
        &self,
        uri: &str,
        changes: Map<String, Value>,
    ) -> Result<Value, AdminError> {
        let (key, before) = self.known_resource(uri).await?;
        let after = before.changed_by(changes)?;
        if after.key()? != key {
            return Err(AdminError::new(
                "identifier: cannot become another one, since tokens name it; add another resource",
            ));
        }
        match self.store.update_resource(&key, &before, after.clone()).await? {
            ChangeOutcome::Changed => to_json(&after),
            ChangeOutcome::Unknown => Err(AdminError::new(
                "the resource was changed or deleted meanwhile; look at it and try again",
            )),
        }
    }

    pub(super) async fn admin_delete_resource(&self, uri: &str) -> Result<Value, AdminError> {
        match self.store.delete_resource(&ResourceKey::of(uri)?).await? {
            ChangeOutcome::Changed => Ok(json!({ "deleted": uri })),
            ChangeOutcome::Unknown => Err(AdminError::unknown("resource", uri)),
        }
    }

    async fn known_resource(&self, uri: &str) -> Result<(ResourceKey, Arc<Resource>), AdminError> {
        let key = ResourceKey::of(uri)?;
        let resource = self.store.find_resource(&key).await?;
        let resource = resource.ok_or_else(|| AdminError::unknown("resource", uri))?;
        Ok((key, resource))
    }
}
