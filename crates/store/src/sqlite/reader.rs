//! Connections that only read. They never wait for the writer, nor the writer for them.

use std::{
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
};

use parking_lot::{Mutex, MutexGuard};
use rusqlite::{Connection, OpenFlags};

/// A few connections, so that readers on several threads seldom wait for one another.
pub(crate) struct Readers {
    connections: Vec<Mutex<Connection>>,
    next: AtomicUsize,
}

impl Readers {
    pub(crate) fn open(database: &Path) -> rusqlite::Result<Self> {
        let count =
            std::thread::available_parallelism().map_or(4, |cores| cores.get().clamp(2, 16));
        let connections = (0..count)
            .map(|_| open_read_only(database).map(Mutex::new))
            .collect::<rusqlite::Result<_>>()?;
        Ok(Self { connections, next: AtomicUsize::new(0) })
    }

    /// A connection that is free, or failing that the next one to become so.
    pub(crate) fn get(&self) -> MutexGuard<'_, Connection> {
        let start = self.next.fetch_add(1, Ordering::Relaxed) % self.connections.len();
        let (before, from) = self.connections.split_at(start);
        from.iter()
            .chain(before)
            .find_map(|connection| connection.try_lock())
            .unwrap_or_else(|| self.connections[start].lock())
    }
}

/// One connection for a long walk, apart from those of the requests.
pub(crate) fn open_read_only(database: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Connection::open_with_flags(database, flags)
}
