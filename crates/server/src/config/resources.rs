//! `[[resources]]`: the resources that the file declares.

use tokenbind_issuer::resource::Resource;

use super::entry::Entry;

/// Reads a resource. What is wrong with it is noted at the entry.
pub(super) fn read(entry: &mut Entry<'_>) -> Option<Resource> {
    let known = Resource::MEMBERS.map(|(name, _)| name);
    entry.refuse_unknown(&known.map(str::to_owned).into());
    let mut members = entry.json_without(&[]);
    members.retain(|name, _| known.contains(&name.as_str()));
    match Resource::from_members(members) {
        Ok(resource) => Some(resource),
        Err(wrong) => {
            entry.refuse_all(wrong, &[]);
            None
        }
    }
}

/// What tells it apart from others, however its identifier is spelled.
pub(super) fn key(resource: &Resource) -> String {
    resource.key().map_or_else(|_| resource.identifier.clone(), |key| key.as_str().to_owned())
}
