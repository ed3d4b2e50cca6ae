//! Applications: a JSON document each.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension as _};
use tokenbind_binding::{Anchor, ClientId};
use tokenbind_issuer::{
    application::Application,
    store::{AsOf, ChangeOutcome, RegisterOutcome},
};

use super::{
    connections, failure::DbResult, logout_deliveries, origins, reader::Readers, session_ends,
    write::Write,
};
use crate::cache::{Effect, Published};

pub(crate) fn register(
    write: &mut Write<'_>,
    application: &Application,
) -> DbResult<RegisterOutcome> {
    let document = serde_json::to_string(application)?;
    let inserted = write
        .db
        .prepare_cached(
            "INSERT INTO applications (client_id, document) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
        )?
        .execute([application.client_id.as_str(), &document])?;
    if inserted == 0 {
        return Ok(RegisterOutcome::Taken);
    }
    let Application { client_id, settings, .. } = application;
    origins::replace(write.db, client_id, &[], &settings.allowed_origins)?;
    Ok(RegisterOutcome::Registered)
}

pub(crate) fn find(
    readers: &Readers,
    published: &Published,
    client_id: &ClientId,
) -> DbResult<Option<(Arc<Application>, AsOf)>> {
    // Taken before the application is read: an end that is published in between then counts as
    // later than the facts.
    let as_of = published.as_of();
    if let Some(application) = published.applications.get(client_id) {
        return Ok(Some((application, as_of)));
    }
    let version = published.applications.version();
    let Some(application) = read(&readers.get(), client_id)? else { return Ok(None) };
    let application = Arc::new(application);
    published.applications.fill(client_id.clone(), Arc::clone(&application), version);
    Ok(Some((application, as_of)))
}

pub(crate) fn list(readers: &Readers) -> DbResult<Vec<Arc<Application>>> {
    let db = readers.get();
    let mut statement =
        db.prepare_cached("SELECT document FROM applications ORDER BY client_id")?;
    let mut rows = statement.query([])?;
    let mut applications = Vec::new();
    while let Some(row) = rows.next()? {
        let document: String = row.get(0)?;
        applications.push(Arc::new(serde_json::from_str(&document)?));
    }
    Ok(applications)
}

pub(crate) fn update(
    write: &mut Write<'_>,
    before: &Application,
    after: &Application,
) -> DbResult<ChangeOutcome> {
    if before.client_id != after.client_id
        || read(write.db, &before.client_id)?.as_ref() != Some(before)
    {
        return Ok(ChangeOutcome::Unknown);
    }
    let document = serde_json::to_string(after)?;
    write
        .db
        .prepare_cached("UPDATE applications SET document = ?2 WHERE client_id = ?1")?
        .execute([after.client_id.as_str(), &document])?;
    let [old, new] = [before, after].map(|application| &application.settings.allowed_origins);
    origins::replace(write.db, &after.client_id, old, new)?;
    write.effects.push(Effect::ApplicationChanged(after.client_id.clone()));
    Ok(ChangeOutcome::Changed)
}

/// Its codes go with the next sweep; until then they are dead by its end.
pub(crate) fn delete(write: &mut Write<'_>, client_id: &ClientId) -> DbResult<ChangeOutcome> {
    let Some(application) = read(write.db, client_id)? else {
        return Ok(ChangeOutcome::Unknown);
    };
    write
        .db
        .prepare_cached("DELETE FROM applications WHERE client_id = ?1")?
        .execute([client_id.as_str()])?;
    origins::replace(write.db, client_id, &application.settings.allowed_origins, &[])?;
    connections::forget_application(write, client_id)?;
    session_ends::forget_application(write.db, client_id)?;
    logout_deliveries::forget_application(write.db, client_id)?;
    write.end(Anchor::Application(client_id.clone()))?;
    write.effects.push(Effect::ApplicationChanged(client_id.clone()));
    Ok(ChangeOutcome::Changed)
}

pub(crate) fn read(db: &Connection, client_id: &ClientId) -> DbResult<Option<Application>> {
    let document: Option<String> = db
        .prepare_cached("SELECT document FROM applications WHERE client_id = ?1")?
        .query_row([client_id.as_str()], |row| row.get(0))
        .optional()?;
    Ok(document.map(|document| serde_json::from_str(&document)).transpose()?)
}
