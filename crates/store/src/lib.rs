//! Databases that keep what the authorization server must not forget.
//!
//! [`SqliteStore`] is the embedded one: a single file, locked to one process. This is the only crate
//! that names SQL.

mod cache;
mod schema;
mod sqlite;

pub use sqlite::{OpenError, Options, SqliteStore};
