//! The index of ends as it is when the database is opened.

use rusqlite::Connection;
use tokenbind_binding::{Anchor, Ended, Instant, SessionId};

use super::{
    failure::{DbResult, Failure},
    rows::from_sql,
};
use crate::cache::EndsIndex;

/// The latest end of each anchor.
pub(crate) fn load(db: &Connection) -> DbResult<EndsIndex> {
    let mut index = EndsIndex::default();
    let mut statement =
        db.prepare("SELECT kind, anchor, instant, spared FROM ends ORDER BY seq")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let which = row.get_ref(1)?.as_blob().map_err(Failure::unreadable)?;
        let anchor = Anchor::from_parts(row.get(0)?, which)?;
        // Later numbers have later instants, so the last one stays.
        let instant = Instant::from_micros(from_sql(row.get(2)?)?);
        let spared = row.get::<_, Option<[u8; 16]>>(3)?.map(SessionId::from_bytes);
        index.insert(anchor, Ended { instant, spared });
    }
    Ok(index)
}
