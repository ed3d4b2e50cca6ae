//! Users: a JSON document each.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension as _};
use tokenbind_binding::SubjectId;
use tokenbind_issuer::{
    store::{ChangeOutcome, RegisterOutcome, UserChange},
    user::User,
};

use super::{connections, failure::DbResult, reader::Readers, session_ends, write::Write};
use crate::cache::{Effect, Published};

pub(crate) fn add(write: &mut Write<'_>, user: &User) -> DbResult<RegisterOutcome> {
    let document = serde_json::to_string(user)?;
    let inserted = write
        .db
        .prepare_cached(
            "INSERT INTO users (subject, username, document) VALUES (?1, ?2, ?3) \
             ON CONFLICT DO NOTHING",
        )?
        .execute([user.subject.as_str(), &user.username, &document])?;
    Ok(if inserted == 1 { RegisterOutcome::Registered } else { RegisterOutcome::Taken })
}

pub(crate) fn find_by_name(
    readers: &Readers,
    published: &Published,
    username: &str,
) -> DbResult<Option<Arc<User>>> {
    if let Some(user) = published.users.get(username) {
        return Ok(Some(user));
    }
    let version = published.users.version();
    let Some(user) = read_by_name(&readers.get(), username)?.map(Arc::new) else {
        return Ok(None);
    };
    published.users.fill(username.into(), Arc::clone(&user), version);
    Ok(Some(user))
}

pub(crate) fn find_by_subject(
    readers: &Readers,
    published: &Published,
    subject: &SubjectId,
) -> DbResult<Option<Arc<User>>> {
    if let Some(user) = published.subjects.get(subject) {
        return Ok(Some(user));
    }
    let version = published.subjects.version();
    let Some(user) = read_by_subject(&readers.get(), subject)?.map(Arc::new) else {
        return Ok(None);
    };
    published.subjects.fill(subject.clone(), Arc::clone(&user), version);
    Ok(Some(user))
}

pub(crate) fn change(
    write: &mut Write<'_>,
    username: &str,
    change: &UserChange,
) -> DbResult<ChangeOutcome> {
    let Some(mut user) = read_by_name(write.db, username)? else {
        return Ok(ChangeOutcome::Unknown);
    };
    match change {
        UserChange::Lock => user.locked = true,
        UserChange::Unlock => user.locked = false,
        UserChange::Password { hash, .. } => user.password_hash.clone_from(hash),
        UserChange::Claims(claims) => user.claims.clone_from(claims),
        UserChange::Delete => {}
    }
    match change {
        UserChange::Unlock | UserChange::Claims(_) => update(write, &user)?,
        UserChange::Lock => {
            update(write, &user)?;
            session_ends::end_subject(write, &user.subject, None)?;
        }
        UserChange::Password { spared, .. } => {
            update(write, &user)?;
            session_ends::end_subject(write, &user.subject, *spared)?;
        }
        UserChange::Delete => {
            session_ends::end_subject(write, &user.subject, None)?;
            delete(write, &user.subject)?;
        }
    }
    write.effects.push(Effect::UserChanged(Arc::new(user)));
    Ok(ChangeOutcome::Changed)
}

fn update(write: &Write<'_>, user: &User) -> DbResult<()> {
    let document = serde_json::to_string(user)?;
    write
        .db
        .prepare_cached("UPDATE users SET document = ?2 WHERE subject = ?1")?
        .execute([user.subject.as_str(), &document])?;
    Ok(())
}

/// The cookies and codes of the user go with the next sweep. Nothing can be done with them: the codes
/// are dead by the user's end, and the `sub` is never given again.
fn delete(write: &mut Write<'_>, subject: &SubjectId) -> DbResult<()> {
    connections::forget_user(write, subject)?;
    write.db.prepare_cached("DELETE FROM users WHERE subject = ?1")?.execute([subject.as_str()])?;
    Ok(())
}

fn read_by_name(db: &Connection, username: &str) -> DbResult<Option<User>> {
    read(db, "SELECT document FROM users WHERE username = ?1", username)
}

fn read_by_subject(db: &Connection, subject: &SubjectId) -> DbResult<Option<User>> {
    read(db, "SELECT document FROM users WHERE subject = ?1", subject.as_str())
}

fn read(db: &Connection, sql: &str, which: &str) -> DbResult<Option<User>> {
    let document: Option<String> =
        db.prepare_cached(sql)?.query_row([which], |row| row.get(0)).optional()?;
    Ok(document.map(|document| serde_json::from_str(&document)).transpose()?)
}
