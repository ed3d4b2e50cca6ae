//! The price of a password hash alone: the floor of a login.

use std::time::Duration;

use argon2::{Algorithm, Argon2, Params, Version};
use tokio::time::Instant;

use crate::{
    Result,
    figures::{Figures, float},
};

/// The parameters of the server's password hashes, and of the peer's here.
pub(crate) const PARAMETERS: Params = Params::DEFAULT;

/// Hashes one password after another on this core.
pub(crate) fn measure(run: Duration) -> Result<Figures> {
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, PARAMETERS);
    let (start, mut count) = (Instant::now(), 0_u64);
    while start.elapsed() < run {
        let mut hash = [0; 32];
        argon2.hash_password_into(b"a password", b"sixteen byte salt", &mut hash)?;
        std::hint::black_box(hash);
        count += 1;
    }
    let each = start.elapsed().as_secs_f64() / float(count);
    Ok(Figures { per_second: each.recip(), cpu_micros: each * 1e6, busy: 1.0, others: 0.0 })
}
