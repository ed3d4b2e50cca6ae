//! What every store keeps to, whatever its database, and what the embedded one keeps to besides.

#![expect(clippy::unwrap_used, reason = "what goes wrong in a test fails it")]

mod contract;
mod devices;
mod durability;
mod logins;
mod model;
mod support;
