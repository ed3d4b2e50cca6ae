//! The cookies that the server sets.
//!
//! The two of its own have the prefix `__Host-`: browsers take them only with `Secure`, `Path=/` and no
//! `Domain` (RFC 6265bis section 4.1.3.2), so that no other host can put one there.

use http::{HeaderMap, HeaderValue, header};
use tokenbind_binding::cookie;
use tokenbind_issuer::{OAuthError, secret::Secret};

use crate::{config, response::header_value};

/// The cookie of the login session.
pub(crate) const SESSION: &str = "__Host-tb_session";

/// The cookie that a form's hidden field must equal.
pub(crate) const CSRF: &str = "__Host-tb_csrf";

/// What the server's own cookies have in common. Without `Max-Age` they end with the browser.
const OWN: &str = "Path=/; Secure; HttpOnly; SameSite=Lax";

/// The session cookie with this handle.
pub(crate) fn session(handle: &str) -> Result<HeaderValue, OAuthError> {
    set(format!("{SESSION}={handle}; {OWN}"))
}

/// Takes the session cookie back.
pub(crate) fn no_session() -> Result<HeaderValue, OAuthError> {
    set(format!("{SESSION}=; Max-Age=0; {OWN}"))
}

/// The cookie with a form's token.
pub(crate) fn csrf(token: &str) -> Result<HeaderValue, OAuthError> {
    set(format!("{CSRF}={token}; {OWN}"))
}

/// The cookie that tokens are bound to.
pub(crate) fn atbv(value: &Secret, to: &config::Cookie) -> Result<HeaderValue, OAuthError> {
    let (name, value, same_site) = (cookie::NAME, value.reveal(), to.same_site.as_str());
    let domain = to.domain.as_ref().map(|domain| format!("; Domain={domain}")).unwrap_or_default();
    set(format!("{name}={value}; Path=/; Secure; HttpOnly; SameSite={same_site}{domain}"))
}

fn set(text: String) -> Result<HeaderValue, OAuthError> {
    let mut value = header_value(text)?;
    value.set_sensitive(true);
    Ok(value)
}

/// Name and value of every cookie that a request shows (RFC 6265 section 4.2.1). All headers count: HTTP/2 may
/// split them (RFC 9113 section 8.2.3).
pub(crate) fn shown(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    headers
        .get_all(header::COOKIE)
        .into_iter()
        .flat_map(|value| value.to_str().unwrap_or_default().split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SameSite;

    #[test]
    fn the_session_cookie_is_for_this_host_over_tls_and_not_for_scripts() {
        let cookie = session("tb_ss_x").unwrap();
        assert!(cookie.is_sensitive());
        assert_eq!(cookie, "__Host-tb_session=tb_ss_x; Path=/; Secure; HttpOnly; SameSite=Lax");
        let gone = "__Host-tb_session=; Max-Age=0; Path=/; Secure; HttpOnly; SameSite=Lax";
        assert_eq!(no_session().unwrap(), gone);
    }

    #[test]
    fn atbv_is_configured_by_same_site_and_domain() {
        let value = Secret::from_text("v".into());
        let default = atbv(&value, &config::Cookie::default()).unwrap();
        assert_eq!(default, "atbv=v; Path=/; Secure; HttpOnly; SameSite=None");
        let configured =
            config::Cookie { same_site: SameSite::Lax, domain: Some("example.com".into()) };
        assert_eq!(
            atbv(&value, &configured).unwrap(),
            "atbv=v; Path=/; Secure; HttpOnly; SameSite=Lax; Domain=example.com"
        );
    }

    #[test]
    fn a_value_cannot_break_out_of_its_header() {
        assert!(session("x\r\nSet-Cookie: y=z").is_err());
    }
}
