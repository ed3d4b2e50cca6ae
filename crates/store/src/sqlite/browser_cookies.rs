//! The values of `atbv` that this server gave out, and what was bound to them.

use rusqlite::{Connection, OptionalExtension as _, Row, params};
use tokenbind_binding::{Anchor, Reference, SubjectId, Timestamp};
use tokenbind_issuer::{
    code::AuthorizationCode,
    secret::SecretHash,
    store::{CookieFate, CookieOffer, CookieValue},
};

use super::{
    failure::DbResult,
    rows::{read_time, text, to_sql},
    write::Write,
};

/// A use that lets a value be known for longer by less than this part of its lifetime is not written
/// down.
const SMALL_PART: u64 = 20;

/// A value that was given out.
struct Known {
    subject: SubjectId,
    expires_at: Timestamp,
}

/// Which `atbv` the browser has from now on, and its reference for the application. It keeps the one
/// that it shows only if that was made here for the user who is signed in now; otherwise what is
/// bound to that one ends, whoever it was made for.
pub(crate) fn decide(
    write: &mut Write<'_>,
    offer: &CookieOffer,
    code: &AuthorizationCode,
    now: Timestamp,
) -> DbResult<(CookieFate, Reference)> {
    let known_until = now.plus(offer.lifetime);
    if let Some(shown) = &offer.shown
        && let Some(known) = find(write.db, &shown.hash)?
    {
        if known.subject == code.subject && now < known.expires_at {
            if known_until.since(known.expires_at) > offer.lifetime / SMALL_PART {
                put(write.db, &shown.hash, &code.subject, known_until)?;
            }
            add_reference(write.db, shown, code)?;
            return Ok((CookieFate::Kept, shown.reference));
        }
        replace(write, &shown.hash)?;
    }
    put(write.db, &offer.fresh.hash, &code.subject, known_until)?;
    add_reference(write.db, &offer.fresh, code)?;
    Ok((CookieFate::Replaced, offer.fresh.reference))
}

/// Ends what is bound to the value, for every application, and forgets it.
fn replace(write: &mut Write<'_>, hash: &SecretHash) -> DbResult<()> {
    for reference in references(write.db, hash)? {
        write.end(Anchor::Binding(reference))?;
    }
    write
        .db
        .prepare_cached("DELETE FROM browser_cookies WHERE hash = ?1")?
        .execute([hash.as_bytes()])?;
    remove_references(write.db, hash.as_bytes())
}

/// Forgets those of these values that were not used for too long, or whose user is gone; gives their
/// number.
pub(crate) fn sweep(db: &Connection, hashes: &[Vec<u8>], now: Timestamp) -> DbResult<u64> {
    let sql = format!("DELETE FROM browser_cookies WHERE hash = ?1 AND ({IS_OVER})");
    let mut statement = db.prepare_cached(&sql)?;
    let mut removed = 0;
    for hash in hashes {
        if statement.execute(params![hash, to_sql(now.as_secs())])? == 1 {
            remove_references(db, hash)?;
            removed += 1;
        }
    }
    Ok(removed)
}

/// What is true of a row that the sweep may remove at `?2`.
pub(crate) const IS_OVER: &str = "expires_at <= ?2 OR NOT EXISTS \
     (SELECT 1 FROM users WHERE users.subject = browser_cookies.subject)";

fn remove_references(db: &Connection, hash: &[u8]) -> DbResult<()> {
    db.prepare_cached("DELETE FROM browser_cookie_references WHERE hash = ?1")?.execute([hash])?;
    Ok(())
}

fn find(db: &Connection, hash: &SecretHash) -> DbResult<Option<Known>> {
    db.prepare_cached("SELECT subject, expires_at FROM browser_cookies WHERE hash = ?1")?
        .query_row([hash.as_bytes()], |row| Ok(read(row)))
        .optional()?
        .transpose()
}

fn read(row: &Row<'_>) -> DbResult<Known> {
    Ok(Known { subject: text(row, 0)?.into(), expires_at: read_time(row, 1)? })
}

fn put(
    db: &Connection,
    hash: &SecretHash,
    subject: &SubjectId,
    expires_at: Timestamp,
) -> DbResult<()> {
    db.prepare_cached(
        "INSERT INTO browser_cookies (hash, subject, expires_at) VALUES (?1, ?2, ?3) \
         ON CONFLICT (hash) DO UPDATE SET expires_at = excluded.expires_at",
    )?
    .execute(params![hash.as_bytes(), subject.as_str(), to_sql(expires_at.as_secs())])?;
    Ok(())
}

fn add_reference(db: &Connection, value: &CookieValue, code: &AuthorizationCode) -> DbResult<()> {
    db.prepare_cached(
        "INSERT INTO browser_cookie_references (hash, client_id, reference) VALUES (?1, ?2, ?3) \
         ON CONFLICT DO NOTHING",
    )?
    .execute(params![
        value.hash.as_bytes(),
        code.client_id.as_str(),
        value.reference.as_bytes()
    ])?;
    Ok(())
}

fn references(db: &Connection, hash: &SecretHash) -> DbResult<Vec<Reference>> {
    let mut statement = db.prepare_cached(
        "SELECT reference FROM browser_cookie_references WHERE hash = ?1 ORDER BY client_id",
    )?;
    let rows =
        statement.query_map([hash.as_bytes()], |row| row.get(0).map(Reference::from_bytes))?;
    Ok(rows.collect::<Result<_, _>>()?)
}
