//! What JWTs and introspection show of the login behind a token (BINDINGS: "What tokens and
//! introspection show").

use serde::Serialize;
use tokenbind_binding::SessionId;

use crate::login::Login;

/// `sid`, `auth_time` and `acr` (RFC 9068 section 2.2.1).
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub(crate) struct ShownLogin {
    sid: SessionId,
    auth_time: u64,
    acr: &'static str,
}

impl From<&Login> for ShownLogin {
    fn from(login: &Login) -> Self {
        Self { sid: login.session, auth_time: login.auth_time.as_secs(), acr: login.acr.as_str() }
    }
}
