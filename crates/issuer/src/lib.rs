//! The rules of the authorization server, without an HTTP framework and without SQL.
//!
//! [`store::Store`] is what the rules need of a database, in the protocol's own words.

pub mod access_token;
pub mod application;
pub mod basic;
pub mod form;
pub mod grant;
pub mod jwt;
pub mod keys;
pub mod scope;
pub mod secret;
pub mod settings;
pub mod slot;
pub mod store;
pub mod user;
