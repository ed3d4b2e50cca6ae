//! Applications that keep to a FAPI 2.0 profile, each by one way to prove who it is and what its tokens are
//! bound to.

mod bank;
mod client_authentication;
mod flow;
mod message_signing;
mod settings;
