//! Opening the database: its folder, its lock, its connections.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError},
    io,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::Path,
};

use rusqlite::Connection;

use super::failure::Failure;
use crate::schema;

const LOCK: &str = "tokenbind.lock";

/// The name of the database file.
pub(crate) const DATABASE: &str = "tokenbind.db";

/// Why the database cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error("another process has the database open")]
    Locked,
    /// The folder or a file in it cannot be made or opened.
    #[error("the folder of the database cannot be used: {0}")]
    Folder(#[from] io::Error),
    /// The database itself refuses.
    #[error("the database cannot be opened: {0}")]
    Database(String),
    /// The tables cannot be brought up to date; a newer version may have changed them.
    #[error("the tables of the database cannot be brought up to date: {0}")]
    Migration(String),
}

impl From<rusqlite::Error> for OpenError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error.to_string())
    }
}

impl From<Failure> for OpenError {
    fn from(failure: Failure) -> Self {
        Self::Database(failure.0.to_string())
    }
}

/// Makes the folder, for the owner alone, if it is not there, and locks it while the file lives.
pub(crate) fn lock(directory: &Path) -> Result<File, OpenError> {
    DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    let file = private_file(&directory.join(LOCK))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::Locked),
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
}

/// The connection that writes, with all tables up to date.
pub(crate) fn writing_connection(database: &Path) -> Result<Connection, OpenError> {
    // SQLite gives its side files the permissions of this one.
    drop(private_file(database)?);
    let mut connection = Connection::open(database)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    connection.pragma_update(None, "journal_size_limit", WAL_BYTES)?;
    connection.set_prepared_statement_cache_capacity(64);
    schema::migrate(&mut connection).map_err(|error| OpenError::Migration(error.to_string()))?;
    Ok(connection)
}

const CACHE_KIB: i64 = 32 * 1024;

/// Fewer, larger checkpoints: pages that change often are copied once.
const CHECKPOINT_PAGES: i64 = 4096;

/// The log shrinks to this after a checkpoint, however large a burst made it.
const WAL_BYTES: i64 = 64 * 1024 * 1024;

fn private_file(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)?;
    fs::set_permissions(path, Permissions::from_mode(0o600))?;
    Ok(file)
}
