//! Resources: a JSON document each.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension as _};
use tokenbind_issuer::{
    resource::{Resource, ResourceKey},
    store::ChangeOutcome,
};

use super::{failure::DbResult, reader::Readers, write::Write};
use crate::cache::{Effect, Published};

pub(crate) fn find(
    readers: &Readers,
    published: &Published,
    key: &ResourceKey,
) -> DbResult<Option<Arc<Resource>>> {
    if let Some(resource) = published.resources.get(key) {
        return Ok(Some(resource));
    }
    let version = published.resources.version();
    let Some(resource) = read(&readers.get(), key)? else { return Ok(None) };
    let resource = Arc::new(resource);
    published.resources.fill(key.clone(), Arc::clone(&resource), version);
    Ok(Some(resource))
}

pub(crate) fn list(readers: &Readers) -> DbResult<Vec<Arc<Resource>>> {
    let db = readers.get();
    let mut statement = db.prepare_cached("SELECT document FROM resources ORDER BY key")?;
    let mut rows = statement.query([])?;
    let mut resources = Vec::new();
    while let Some(row) = rows.next()? {
        let document: String = row.get(0)?;
        resources.push(Arc::new(serde_json::from_str(&document)?));
    }
    Ok(resources)
}

pub(crate) fn put(write: &mut Write<'_>, key: &ResourceKey, resource: &Resource) -> DbResult<()> {
    let document = serde_json::to_string(resource)?;
    write
        .db
        .prepare_cached(
            "INSERT INTO resources (key, document) VALUES (?1, ?2) \
             ON CONFLICT (key) DO UPDATE SET document = excluded.document",
        )?
        .execute([key.as_str(), &document])?;
    write.effects.push(Effect::ResourceChanged(key.clone()));
    Ok(())
}

pub(crate) fn delete(write: &mut Write<'_>, key: &ResourceKey) -> DbResult<ChangeOutcome> {
    let deleted =
        write.db.prepare_cached("DELETE FROM resources WHERE key = ?1")?.execute([key.as_str()])?;
    if deleted == 0 {
        return Ok(ChangeOutcome::Unknown);
    }
    write.effects.push(Effect::ResourceChanged(key.clone()));
    Ok(ChangeOutcome::Changed)
}

fn read(db: &Connection, key: &ResourceKey) -> DbResult<Option<Resource>> {
    let document: Option<String> = db
        .prepare_cached("SELECT document FROM resources WHERE key = ?1")?
        .query_row([key.as_str()], |row| row.get(0))
        .optional()?;
    Ok(document.map(|document| serde_json::from_str(&document)).transpose()?)
}
