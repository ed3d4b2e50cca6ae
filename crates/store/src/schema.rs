//! The tables, and the way there from those of older versions.

use refinery::{Migration, Runner};

/// Every migration, by number. The numbers are the same on every backend.
const MIGRATIONS: [(&str, &str); 1] =
    [("V1__initial", include_str!("../migrations/V1__initial.sql"))];

/// Brings the database up to date. Refuses one that a newer version has changed.
pub(crate) fn migrate(connection: &mut rusqlite::Connection) -> Result<(), refinery::Error> {
    let migrations: Vec<Migration> = MIGRATIONS
        .iter()
        .map(|(name, sql)| Migration::unapplied(name, sql))
        .collect::<Result<_, _>>()?;
    Runner::new(&migrations).run(connection)?;
    Ok(())
}
