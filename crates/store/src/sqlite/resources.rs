//! Resources: a JSON document each.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension as _};
use tokenbind_issuer::{
    resource::{Resource, ResourceKey},
    store::{ChangeOutcome, RegisterOutcome},
};

use super::{failure::DbResult, reader::Readers, write::Write};
use crate::cache::{Effect, Published};

pub(crate) fn find(
    readers: &Readers,
    published: &Published,
    key: &ResourceKey,
) -> DbResult<Option<Arc<Resource>>> {
    if let Some(resource) = published.resources.get(key) {
        return Ok(resource);
    }
    // That there is none is kept too: this server looks for itself at each use of a token.
    let version = published.resources.version();
    let resource = read(&readers.get(), key)?.map(Arc::new);
    published.resources.fill(key.clone(), resource.clone(), version);
    Ok(resource)
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

pub(crate) fn add(
    write: &mut Write<'_>,
    key: &ResourceKey,
    resource: &Resource,
) -> DbResult<RegisterOutcome> {
    if read(write.db, key)?.is_some() {
        return Ok(RegisterOutcome::Taken);
    }
    put(write, key, resource)?;
    Ok(RegisterOutcome::Registered)
}

pub(crate) fn update(
    write: &mut Write<'_>,
    key: &ResourceKey,
    before: &Resource,
    after: &Resource,
) -> DbResult<ChangeOutcome> {
    if read(write.db, key)?.as_ref() != Some(before) {
        return Ok(ChangeOutcome::Unknown);
    }
    put(write, key, after)?;
    Ok(ChangeOutcome::Changed)
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
