//! Redirect URIs: which of the registered ones a request means (RFC 6749 section 3.1.2, RFC 8252 section 7.3).

use std::fmt;

/// A redirect URI that the application registered, but for the port of a loopback address. Only
/// [`RedirectUri::choose`] makes one, so that a browser is never sent anywhere else.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RedirectUri {
    uri: String,
    named: bool,
}

/// Why a request means no redirect URI of the application.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RedirectUriError {
    /// It names none, and more than one could be meant, or OpenID Connect wants it named.
    #[error("the parameter redirect_uri is missing")]
    Missing,
    /// It names one that is not registered.
    #[error("the redirect_uri is none of those that the application registered")]
    NotRegistered,
}

impl RedirectUri {
    /// The one that the request names, or the only one that is registered.
    ///
    /// # Errors
    /// [`RedirectUriError`]. The browser must then be sent nowhere (RFC 6749 section 4.1.2.1).
    pub fn choose(
        registered: &[String],
        named: Option<&str>,
        is_openid: bool,
    ) -> Result<Self, RedirectUriError> {
        match (named, registered) {
            (Some(named), _) if registered.iter().any(|uri| matches(uri, named)) => {
                Ok(Self { uri: named.into(), named: true })
            }
            (Some(_), _) => Err(RedirectUriError::NotRegistered),
            // OpenID Connect Core section 3.1.2.1: redirect_uri is REQUIRED.
            (None, [only]) if !is_openid => Ok(Self { uri: only.clone(), named: false }),
            (None, _) => Err(RedirectUriError::Missing),
        }
    }

    /// The URI, as the request names it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.uri
    }

    /// Whether the request named it, so that the token request has to name it too (RFC 6749 section 4.1.3).
    #[must_use]
    pub const fn is_named(&self) -> bool {
        self.named
    }
}

impl fmt::Display for RedirectUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.uri)
    }
}

/// Whether `named` is the registered URI: character by character (RFC 9700 section 4.1.3), save for the port
/// of a loopback address, which a native application cannot know beforehand (RFC 8252 section 7.3).
#[must_use]
pub fn matches(registered: &str, named: &str) -> bool {
    let same_loopback = || {
        let registered = without_loopback_port(registered)?;
        Some(registered == without_loopback_port(named)?)
    };
    registered == named || same_loopback().unwrap_or(false)
}

/// Scheme and host, and what follows the port, of an http URI on a loopback address.
fn without_loopback_port(uri: &str) -> Option<(&str, &str)> {
    let origins = ["http://127.0.0.1", "http://[::1]", "http://localhost"];
    let origin = origins.into_iter().find(|origin| uri.starts_with(origin))?;
    let after_host = &uri[origin.len()..];
    let rest = match after_host.strip_prefix(':') {
        Some(port) => skip_port(port)?,
        None => after_host,
    };
    // Anything else would still belong to the authority: "http://127.0.0.1.evil.example".
    (rest.is_empty() || rest.starts_with(['/', '?'])).then_some((origin, rest))
}

fn skip_port(text: &str) -> Option<&str> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (port, rest) = text.split_at(end);
    port.parse::<u16>().ok().filter(|port| *port != 0).map(|_| rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registered(uris: &[&str]) -> Vec<String> {
        uris.iter().map(|uri| (*uri).to_owned()).collect()
    }

    #[test]
    fn rfc6749_section_3_1_2_3_a_redirect_uri_is_compared_character_by_character() {
        let uri = "https://app.example/cb?x=1";
        assert!(matches(uri, uri));
        let others = [
            "https://app.example/cb",
            "https://app.example/cb?x=1&y=2",
            "https://app.example/cb?x=1#f",
            "https://app.example/cb/?x=1",
            "https://APP.example/cb?x=1",
            "https://app.example:443/cb?x=1",
            "https://app.example/%63b?x=1",
            "https://app.example/a/../cb?x=1",
            "http://app.example/cb?x=1",
            " https://app.example/cb?x=1",
            "",
        ];
        for other in others {
            assert!(!matches(uri, other), "{other}");
        }
    }

    #[test]
    fn rfc8252_section_7_3_the_port_of_a_loopback_address_is_free() {
        for host in ["127.0.0.1", "[::1]", "localhost"] {
            let portless = format!("http://{host}/cb?x=1");
            let here = format!("http://{host}:49152/cb?x=1");
            let there = format!("http://{host}:65535/cb?x=1");
            for (known, named) in [(&portless, &here), (&here, &portless), (&here, &there)] {
                assert!(matches(known, named), "{known} {named}");
            }
            assert!(!matches(&portless, &format!("http://{host}:49152/other?x=1")));
        }
    }

    #[test]
    fn rfc8252_section_7_3_nothing_but_the_port_of_a_loopback_address_is_free() {
        let others = [
            "http://127.0.0.1.evil.example/cb",
            "http://127.0.0.1:80.evil.example/cb",
            "http://127.0.0.1:80@evil.example/cb",
            "http://127.0.0.1@evil.example/cb",
            "http://127.0.0.1:/cb",
            "http://127.0.0.1:0/cb",
            "http://127.0.0.1:65536/cb",
            "http://127.0.0.1:+80/cb",
            "http://127.0.0.1:80\\@evil.example/cb",
            "http://127.0.0.1:80#/cb",
            "http://localhost:80/cb",
            "http://[::1]:80/cb",
            "http://127.0.0.2:80/cb",
            "https://127.0.0.1:80/cb",
        ];
        for other in others {
            assert!(!matches("http://127.0.0.1/cb", other), "{other}");
        }
        assert!(!matches("https://app.example/cb", "https://app.example:8443/cb"));
        assert!(!matches("http://localhost.example/cb", "http://localhost.example:80/cb"));
    }

    #[test]
    fn the_only_registered_one_may_stay_unnamed() {
        let one = registered(&["https://app.example/cb"]);
        let chosen = RedirectUri::choose(&one, None, false).unwrap();
        assert_eq!((chosen.as_str(), chosen.is_named()), ("https://app.example/cb", false));
        let chosen = RedirectUri::choose(&one, Some("https://app.example/cb"), true).unwrap();
        assert!(chosen.is_named());
    }

    #[test]
    fn rfc6749_section_3_1_2_3_one_of_several_must_be_named() {
        let two = registered(&["https://app.example/cb", "https://app.example/cb2"]);
        assert_eq!(RedirectUri::choose(&two, None, false), Err(RedirectUriError::Missing));
        assert_eq!(RedirectUri::choose(&[], None, false), Err(RedirectUriError::Missing));
        let none = RedirectUri::choose(&[], Some("https://app.example/cb"), false);
        assert_eq!(none, Err(RedirectUriError::NotRegistered));
    }

    #[test]
    fn openid_core_section_3_1_2_1_openid_needs_the_redirect_uri_named() {
        let one = registered(&["https://app.example/cb"]);
        assert_eq!(RedirectUri::choose(&one, None, true), Err(RedirectUriError::Missing));
    }
}
