//! URLs that can be a `client_id` (draft-ietf-oauth-client-id-metadata-document-02, section 3).

use std::fmt;

use url::Url;

/// The longest, in bytes: as for any other `client_id`.
const MAX_BYTES: usize = 255;

/// A URL that can be a `client_id`, as it was given. Its text is the only one that this URL has, so that comparing the text
/// compares the URL.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClientUrl<'a> {
    text: &'a str,
    url: Url,
}

impl<'a> ClientUrl<'a> {
    /// Reads a `client_id`; `None` if it is none of these, or written in another way than the URL Standard would.
    #[must_use]
    pub fn parse(client_id: &'a str) -> Option<Self> {
        // "MUST use the https URL scheme". Most ids are names, and every request has one: those are not read as a URL.
        if client_id.len() > MAX_BYTES || !client_id.starts_with("https://") {
            return None;
        }
        let url = Url::parse(client_id).ok()?;
        let of_one_spelling = url.as_str() == client_id;
        // "MUST contain a path component", "MUST NOT contain a userinfo component",
        // "MUST NOT contain a fragment component". That it "MUST NOT contain single-dot or double-dot path components"
        // follows from its spelling. A query "SHOULD NOT" be there; the path "/" is "NOT RECOMMENDED".
        let is_plain = url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none();
        let names_something = url.path() != "/";
        (of_one_spelling && is_plain && names_something).then_some(Self { text: client_id, url })
    }

    /// The host, for people to see who stands behind the application.
    #[must_use]
    pub fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    /// As it was given.
    #[must_use]
    pub const fn as_str(&self) -> &'a str {
        self.text
    }

    /// Whether another URL is of the same scheme, host and port.
    pub(super) fn shares_origin(&self, other: &Url) -> bool {
        self.url.origin() == other.origin()
    }
}

impl fmt::Display for ClientUrl<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_id_can_be_an_https_url_with_a_path() {
        for (client_id, host) in [
            ("https://app.example/client.json", "app.example"),
            ("https://app.example/client/", "app.example"),
            ("https://app.example:8443/a/b", "app.example"),
            ("https://xn--bcher-kva.example/c", "xn--bcher-kva.example"),
            ("https://app.example/%7Ec", "app.example"),
        ] {
            assert_eq!(ClientUrl::parse(client_id).unwrap().host(), host);
        }
    }

    #[test]
    fn cimd_section_3_what_breaks_a_rule_is_no_such_url() {
        for client_id in [
            "app",
            "",
            "http://app.example/c",
            "https://user@app.example/c",
            "https://user:secret@app.example/c",
            "https://@app.example/c",
            "https://app.example",
            "https://app.example/",
            "https://app.example/a/./c",
            "https://app.example/a/../c",
            "https://app.example/a/%2e%2e/c",
            "https://app.example/a/..",
            "https://app.example/c?x=1",
            "https://app.example/c?",
            "https://app.example/c#f",
            "https://app.example/c#",
        ] {
            assert_eq!(ClientUrl::parse(client_id), None, "{client_id}");
        }
    }

    #[test]
    fn cimd_section_3_urls_are_compared_as_text_so_each_has_one_spelling() {
        for client_id in [
            "HTTPS://app.example/c",
            "https://APP.example/c",
            "https://app.example:443/c",
            "https:\\\\app.example\\c",
            "https:app.example/c",
            "https:///app.example/c",
            " https://app.example/c",
            "https://app.example/c ",
            "https://app.example/\u{e9}",
            "https://b\u{fc}cher.example/c",
            "https://127.1/c",
            "https://app.example/a\tb",
        ] {
            assert_eq!(ClientUrl::parse(client_id), None, "{client_id}");
        }
    }

    #[test]
    fn a_client_id_has_an_end() {
        let of = |length: usize| format!("https://app.example/{}", "c".repeat(length - 20));
        assert!(ClientUrl::parse(&of(255)).is_some());
        assert_eq!(ClientUrl::parse(&of(256)), None);
    }
}
