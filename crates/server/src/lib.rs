//! The authorization server.

pub mod config;
pub mod data_dir;
pub mod local_ca;
pub mod tls;
