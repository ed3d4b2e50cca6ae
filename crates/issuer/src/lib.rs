//! The rules of the authorization server, without an HTTP framework and without SQL.
//!
//! [`store::Store`] is what the rules need of a database, in the protocol's own words.
//! [`issuer::Issuer`] answers requests by them; its methods are in the module of each endpoint.

pub mod access_token;
pub mod account;
pub mod admin;
mod admit;
pub mod application;
pub mod authorization;
pub mod backchannel_logout;
pub mod basic;
mod browser_cookie;
pub mod claims;
pub mod client;
mod client_keys;
pub mod code;
pub mod cors;
mod credentials;
pub mod declared;
pub mod distinguished_name;
mod dpop;
pub mod endpoint;
pub mod error;
pub mod fetch;
pub mod form;
pub mod grant;
mod id_token;
pub mod introspection;
pub mod issuer;
pub mod jwt;
pub mod keys;
pub mod login;
pub mod logout;
pub mod metadata;
mod own_resource;
mod pairwise;
pub mod password;
pub mod pkce;
mod presented;
pub mod proofs;
pub mod pushed_request;
pub mod redirect_uri;
pub mod registration;
pub mod resource;
pub mod revocation;
pub mod scope;
pub mod secret;
pub mod session;
pub mod settings;
pub mod shown_binding;
mod shown_login;
pub mod sign_in;
mod signed_times;
pub mod slot;
pub mod store;
pub mod throttle;
pub mod token_endpoint;
pub mod uri;
pub mod user;
pub mod userinfo;

pub use client::ClientEvidence;
pub use endpoint::{Endpoint, Target};
pub use error::{ErrorCode, OAuthError, TokenScheme};
pub use issuer::{Issuer, IssuerConfig};
pub use proofs::Proofs;
pub use userinfo::{TokenEvidence, Userinfo};
