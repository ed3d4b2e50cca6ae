//! What users and applications have to do with one another: the consent that was given, and until when
//! there may be live tokens.

use rusqlite::{Connection as Database, OptionalExtension as _, Params, Row, params};
use tokenbind_binding::{ClientId, SubjectId, Timestamp};
use tokenbind_issuer::{access_token::AccessToken, grant::Grant, scope::Scope, store::Connection};

use super::{
    failure::{DbResult, Failure},
    rows::{read_time, text, to_sql},
    write::Write,
};
use crate::cache::Effect;

/// The end is rounded up to this many seconds, so that it is seldom written.
const STEP: u64 = 3600;

/// Notes that the application holds these tokens, if they speak for a user.
pub(crate) fn note(
    write: &mut Write<'_>,
    access_token: &AccessToken,
    grant: Option<&Grant>,
) -> DbResult<()> {
    if access_token.username.is_none() {
        return Ok(());
    }
    let token = &access_token.token;
    let until = grant.map_or(token.expires_at, |grant| grant.expires_at.max(token.expires_at));
    let until = Timestamp::from_secs(until.as_secs().div_ceil(STEP).saturating_mul(STEP));
    let key = (token.subject.clone(), token.client_id.clone());
    // What this transaction has removed is still in the cache.
    if !write.connections_forgotten && write.published.is_connected(&key, until) {
        return Ok(());
    }
    write
        .db
        .prepare_cached(
            "INSERT INTO connections (subject, client_id, since, live_until) \
             VALUES (?1, ?2, ?3, ?4) \
             ON CONFLICT (subject, client_id) DO UPDATE SET live_until = excluded.live_until \
             WHERE live_until < excluded.live_until",
        )?
        .execute(params![
            token.subject.as_str(),
            token.client_id.as_str(),
            to_sql(token.id.instant().timestamp().as_secs()),
            to_sql(until.as_secs()),
        ])?;
    let (subject, client_id) = key;
    write.effects.push(Effect::Connected(subject, client_id, until));
    Ok(())
}

/// Remembers what a user consents to, besides what was consented to before.
pub(crate) fn add_consent(
    db: &Database,
    subject: &SubjectId,
    client_id: &ClientId,
    scope: &Scope,
    now: Timestamp,
) -> DbResult<()> {
    let before = find_consent(db, subject, client_id)?;
    let consent = before.unwrap_or_default().union(scope);
    db.prepare_cached(
        "INSERT INTO connections (subject, client_id, consent, since, live_until) \
         VALUES (?1, ?2, ?3, ?4, 0) \
         ON CONFLICT (subject, client_id) DO UPDATE SET consent = excluded.consent",
    )?
    .execute(params![
        subject.as_str(),
        client_id.as_str(),
        consent.as_str(),
        to_sql(now.as_secs()),
    ])?;
    Ok(())
}

pub(crate) fn find_consent(
    db: &Database,
    subject: &SubjectId,
    client_id: &ClientId,
) -> DbResult<Option<Scope>> {
    let consent: Option<Option<String>> = db
        .prepare_cached("SELECT consent FROM connections WHERE subject = ?1 AND client_id = ?2")?
        .query_row([subject.as_str(), client_id.as_str()], |row| row.get(0))
        .optional()?;
    consent.flatten().as_deref().map(read_scope).transpose()
}

/// Those that are alive at `now`, by `client_id`.
pub(crate) fn list(
    db: &Database,
    subject: &SubjectId,
    now: Timestamp,
) -> DbResult<Vec<Connection>> {
    let mut statement = db.prepare_cached(
        "SELECT client_id, coalesce(consent, ''), since, live_until FROM connections \
         WHERE subject = ?1 AND live_until > ?2 ORDER BY client_id",
    )?;
    let mut rows = statement.query(params![subject.as_str(), to_sql(now.as_secs())])?;
    let mut connections = Vec::new();
    while let Some(row) = rows.next()? {
        connections.push(read(row)?);
    }
    Ok(connections)
}

/// Forgets the consent and the rest.
pub(crate) fn remove(
    write: &mut Write<'_>,
    subject: &SubjectId,
    client_id: &ClientId,
) -> DbResult<()> {
    let sql = "DELETE FROM connections WHERE subject = ?1 AND client_id = ?2";
    forget(write, sql, [subject.as_str(), client_id.as_str()])
}

/// Notes that no token of the user is alive any more. What they consented to stays.
pub(crate) fn lapse_all(write: &mut Write<'_>, subject: &SubjectId) -> DbResult<()> {
    let sql = "UPDATE connections SET live_until = 0 WHERE subject = ?1";
    forget(write, sql, [subject.as_str()])
}

pub(crate) fn forget_user(write: &mut Write<'_>, subject: &SubjectId) -> DbResult<()> {
    forget(write, "DELETE FROM connections WHERE subject = ?1", [subject.as_str()])
}

pub(crate) fn forget_application(write: &mut Write<'_>, client_id: &ClientId) -> DbResult<()> {
    forget(write, "DELETE FROM connections WHERE client_id = ?1", [client_id.as_str()])
}

fn forget(write: &mut Write<'_>, sql: &str, which: impl Params) -> DbResult<()> {
    if write.db.prepare_cached(sql)?.execute(which)? > 0 {
        write.connections_forgotten = true;
        write.effects.push(Effect::ConnectionsForgotten);
    }
    Ok(())
}

/// Removes those of these rows that tell nothing any more; gives their number.
pub(crate) fn sweep(write: &mut Write<'_>, ids: &[i64], now: Timestamp) -> DbResult<u64> {
    let sql = format!("DELETE FROM connections WHERE id = ?1 AND {IS_OVER}");
    let mut statement = write.db.prepare_cached(&sql)?;
    let mut removed = 0;
    for id in ids {
        removed += statement.execute(params![id, to_sql(now.as_secs())])? as u64;
    }
    write.connections_forgotten = true;
    write.effects.push(Effect::ConnectionsForgotten);
    Ok(removed)
}

/// What is true of a row that the sweep may remove at `?2`.
pub(crate) const IS_OVER: &str = "consent IS NULL AND live_until <= ?2";

fn read(row: &Row<'_>) -> DbResult<Connection> {
    Ok(Connection {
        client_id: text(row, 0)?.into(),
        scope: read_scope(text(row, 1)?)?,
        since: read_time(row, 2)?,
        live_until: read_time(row, 3)?,
    })
}

fn read_scope(text: &str) -> DbResult<Scope> {
    Scope::parse(text).map_err(Failure::unreadable)
}
