//! Access tokens and grants as rows.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension as _, Row, params};
use serde::{Serialize, de::DeserializeOwned};
use tokenbind_binding::{Bindings, GrantId, Timestamp, Token, TokenId};
use tokenbind_issuer::{
    access_token::{AccessToken, TokenFormat},
    grant::{CurrentRefreshToken, Grant},
    keys::KeyId,
    login::Login,
    scope::{Audience, Scope},
};

use super::failure::{DbResult, Failure};

/// A number as SQL has it. What does not fit lies 292,000 years ahead at the least, and stays there.
pub(crate) fn to_sql(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A number as [`to_sql`] wrote it.
pub(crate) fn from_sql(number: i64) -> DbResult<u64> {
    u64::try_from(number).map_err(Failure::unreadable)
}

pub(crate) fn insert_token(db: &Connection, record: &AccessToken) -> DbResult<()> {
    let AccessToken { token, scope, audience, username, pairwise, login, actor, format } = record;
    let (opaque, key) = match format {
        TokenFormat::Opaque { key } => (true, key.0),
        TokenFormat::Jwt { key } => (false, key.0),
    };
    db.prepare_cached(
        "INSERT INTO access_tokens \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
    )?
    .execute(params![
        token.id.as_bytes(),
        token.grant.as_ref().map(GrantId::as_bytes),
        token.client_id.as_str(),
        token.subject.as_str(),
        username.as_deref(),
        scope.as_str(),
        audience.as_str(),
        token.bindings.to_bytes(),
        opaque,
        key,
        to_sql(token.expires_at.as_secs()),
        pairwise.as_deref(),
        to_json(login.as_deref())?,
        to_json(token.descent.as_deref())?,
        to_json(actor.as_deref())?,
    ])?;
    Ok(())
}

pub(crate) fn find_token(db: &Connection, id: TokenId) -> DbResult<Option<AccessToken>> {
    db.prepare_cached("SELECT * FROM access_tokens WHERE id = ?1")?
        .query_row([id.as_bytes()], |row| Ok(read_token(row)))
        .optional()?
        .transpose()
}

fn read_token(row: &Row<'_>) -> DbResult<AccessToken> {
    let login: Option<Arc<Login>> = read_json(row, 12)?;
    let token = Token {
        id: TokenId::from_bytes(row.get(0)?),
        grant: row.get::<_, Option<[u8; 16]>>(1)?.map(GrantId::from_bytes),
        session: login.as_deref().map(Login::token_session),
        client_id: text(row, 2)?.into(),
        subject: text(row, 3)?.into(),
        bindings: read_bindings(row, 7)?,
        expires_at: read_time(row, 10)?,
        descent: read_json(row, 13)?,
    };
    let key = KeyId(row.get(9)?);
    let format = if row.get(8)? { TokenFormat::Opaque { key } } else { TokenFormat::Jwt { key } };
    Ok(AccessToken {
        token,
        scope: Scope::parse(text(row, 5)?).map_err(Failure::unreadable)?,
        audience: Audience::from_stored(text(row, 6)?),
        username: optional_text(row, 4)?,
        pairwise: optional_text(row, 11)?,
        login,
        actor: read_json(row, 14)?,
        format,
    })
}

pub(crate) fn insert_grant(db: &Connection, grant: &Grant) -> DbResult<()> {
    db.prepare_cached(
        "INSERT INTO grants VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
    )?
    .execute(params![
        grant.id.as_bytes(),
        grant.client_id.as_str(),
        grant.subject.as_str(),
        grant.username.as_deref(),
        grant.scope.as_str(),
        grant.audience.as_str(),
        grant.bindings.to_bytes(),
        grant.current.generation,
        to_sql(grant.current.since.as_secs()),
        grant.current.used,
        to_sql(grant.expires_at.as_secs()),
        grant.pairwise.as_deref(),
        to_json(grant.login.as_deref())?,
    ])?;
    Ok(())
}

/// Writes what can change about a grant.
pub(crate) fn update_grant(db: &Connection, grant: &Grant) -> DbResult<()> {
    db.prepare_cached(
        "UPDATE grants SET generation = ?2, since = ?3, used = ?4, expires_at = ?5, bindings = ?6 \
         WHERE id = ?1",
    )?
    .execute(params![
        grant.id.as_bytes(),
        grant.current.generation,
        to_sql(grant.current.since.as_secs()),
        grant.current.used,
        to_sql(grant.expires_at.as_secs()),
        grant.bindings.to_bytes(),
    ])?;
    Ok(())
}

pub(crate) fn find_grant(db: &Connection, id: GrantId) -> DbResult<Option<Grant>> {
    db.prepare_cached("SELECT * FROM grants WHERE id = ?1")?
        .query_row([id.as_bytes()], |row| Ok(read_grant(row)))
        .optional()?
        .transpose()
}

fn read_grant(row: &Row<'_>) -> DbResult<Grant> {
    Ok(Grant {
        id: GrantId::from_bytes(row.get(0)?),
        client_id: text(row, 1)?.into(),
        subject: text(row, 2)?.into(),
        username: optional_text(row, 3)?,
        pairwise: optional_text(row, 11)?,
        login: read_json(row, 12)?,
        scope: Scope::parse(text(row, 4)?).map_err(Failure::unreadable)?,
        audience: Audience::from_stored(text(row, 5)?),
        bindings: read_bindings(row, 6)?,
        current: CurrentRefreshToken {
            generation: row.get(7)?,
            since: read_time(row, 8)?,
            used: row.get(9)?,
        },
        expires_at: read_time(row, 10)?,
    })
}

fn to_json(value: Option<&impl Serialize>) -> DbResult<Option<String>> {
    Ok(value.map(serde_json::to_string).transpose()?)
}

fn read_json<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> DbResult<Option<Arc<T>>> {
    let text = row.get_ref(column)?.as_str_or_null().map_err(Failure::unreadable)?;
    Ok(text.map(serde_json::from_str).transpose()?.map(Arc::new))
}

pub(crate) fn text<'r>(row: &'r Row<'_>, column: usize) -> DbResult<&'r str> {
    row.get_ref(column)?.as_str().map_err(Failure::unreadable)
}

fn optional_text(row: &Row<'_>, column: usize) -> DbResult<Option<Arc<str>>> {
    let text = row.get_ref(column)?.as_str_or_null().map_err(Failure::unreadable)?;
    Ok(text.map(Into::into))
}

fn read_bindings(row: &Row<'_>, column: usize) -> DbResult<Bindings> {
    let bytes = row.get_ref(column)?.as_blob().map_err(Failure::unreadable)?;
    Bindings::from_bytes(bytes).map_err(Failure::unreadable)
}

pub(crate) fn read_time(row: &Row<'_>, column: usize) -> DbResult<Timestamp> {
    from_sql(row.get(column)?).map(Timestamp::from_secs)
}
