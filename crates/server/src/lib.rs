//! The authorization server: command line, configuration, listeners and endpoints.

mod admin_socket;
pub mod cli;
mod client_certificate;
pub mod config;
mod connection;
mod cookies;
mod cors;
mod csrf;
pub mod data_dir;
mod declared;
mod endpoint;
mod error_response;
pub mod instance;
mod listener;
pub mod local_ca;
mod logging;
mod logout_delivery;
mod metrics;
pub mod outbound;
mod pages;
pub mod quickstart;
mod request;
mod response;
pub mod self_check;
pub mod serve;
mod system;
pub mod tls;
