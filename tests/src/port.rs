//! Free ports, three in a row, as the quickstart takes them.

use std::{
    net::{Ipv4Addr, TcpListener},
    sync::atomic::{AtomicU32, Ordering},
};

/// Below the range from which the system takes the ports of outgoing connections.
const FIRST: u32 = 12_000;
const TRIPLES: u32 = 6_000;

/// The first of three ports that nobody listens on just now. Never the same twice in one process,
/// and from another place of the range in each.
pub(crate) fn free_triple() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    (0..TRIPLES)
        .find_map(|_| {
            let step = NEXT.fetch_add(1, Ordering::Relaxed);
            let triple = (std::process::id().wrapping_mul(37) + step) % TRIPLES;
            let port = u16::try_from(FIRST + 3 * triple).ok()?;
            (port..port + 3).all(is_free).then_some(port)
        })
        .expect("three free ports in a row")
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}
