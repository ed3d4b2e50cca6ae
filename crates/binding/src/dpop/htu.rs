//! `htu`: the URL that a proof is for (RFC 9449 section 4.2), compared as a URL and never as a text.

use std::fmt::Write as _;

use url::Url;

/// A text that is no absolute URL of HTTP.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not an absolute http or https URL")]
pub struct NotAUrl;

/// A URL without query and fragment, in its normal form (RFC 3986 sections 6.2.2 and 6.2.3).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Htu(String);

impl Htu {
    /// Reads a URL. RFC 9449 section 4.3, check 9: query and fragment do not matter, and "to reduce the likelihood of
    /// false negatives, servers SHOULD employ syntax-based normalization […] and scheme-based normalization".
    ///
    /// # Errors
    /// [`NotAUrl`].
    pub fn parse(text: &str) -> Result<Self, NotAUrl> {
        if !is_absolute(text) {
            return Err(NotAUrl);
        }
        // Brings scheme and host to lower case, and takes out dot segments and the default port.
        let mut url = Url::parse(text).map_err(|_| NotAUrl)?;
        url.set_query(None);
        url.set_fragment(None);
        let path = normal_percent_encoding(url.path());
        url.set_path(&path);
        Ok(Self(url.into()))
    }

    /// Whether `text` names the same URL. Mostly it is the same text, and nothing has to be read.
    #[must_use]
    pub fn is_named_by(&self, text: &str) -> bool {
        text == self.0 || Self::parse(text).is_ok_and(|named| named == *self)
    }
}

/// RFC 3986 section 4.3. The parser of browsers, which reads the rest, would also mend what is no URL.
fn is_absolute(text: &str) -> bool {
    let rest = ["https://", "http://"].into_iter().find_map(|scheme| {
        let (start, rest) = text.split_at_checked(scheme.len())?;
        start.eq_ignore_ascii_case(scheme).then_some(rest)
    });
    let of_a_url = |byte: u8| byte.is_ascii_graphic() && byte != b'\\';
    rest.is_some_and(|rest| !rest.starts_with('/') && rest.bytes().all(of_a_url))
}

/// RFC 3986 sections 6.2.2.1 and 6.2.2.2: the digits in upper case, and nothing encoded that need not be.
fn normal_percent_encoding(path: &str) -> String {
    let mut normal = String::with_capacity(path.len());
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('%') {
        normal.push_str(before);
        rest = after;
        let digits =
            after.get(..2).filter(|digits| digits.bytes().all(|it| it.is_ascii_hexdigit()));
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                rest = &after[2..];
                if is_unreserved(byte) {
                    normal.push(char::from(byte));
                } else {
                    // Writing into a text cannot fail.
                    let _ = write!(normal, "%{byte:02X}");
                }
            }
            None => normal.push('%'),
        }
    }
    normal.push_str(rest);
    normal
}

/// RFC 3986 section 2.3.
const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "https://server.example/a-b/~token";

    fn same(text: &str) -> bool {
        Htu::parse(text) == Htu::parse(URL)
    }

    #[test]
    fn rfc9449_section_4_3_check_9_query_and_fragment_do_not_matter() {
        for tail in ["?", "#", "?a=b", "#a", "?a=b&c#d?e"] {
            assert!(same(&format!("{URL}{tail}")), "{tail}");
        }
    }

    #[test]
    fn rfc3986_section_6_2_equivalent_urls_are_one() {
        for text in [
            "HTTPS://server.example/a-b/~token",
            "https://SERVER.Example/a-b/~token",
            "https://server.example:443/a-b/~token",
            "https://server.example:/a-b/~token",
            "https://server.example/a%2Db/%7Etoken",
            "https://server.example/a%2db/%7etoken",
            "https://server.example/x/../a-b/./~token",
            "https://server.example/x/%2E%2e/a-b/~token",
        ] {
            assert!(same(text), "{text}");
        }
        assert_eq!(Htu::parse("https://a.example"), Htu::parse("https://a.example/"));
        assert_eq!(Htu::parse("https://a.example/%c3%a9"), Htu::parse("https://a.example/%C3%A9"));
    }

    #[test]
    fn other_urls_are_others() {
        for text in [
            "http://server.example/a-b/~token",
            "https://server.example:8443/a-b/~token",
            "https://server.example./a-b/~token",
            "https://sub.server.example/a-b/~token",
            "https://user@server.example/a-b/~token",
            "https://server.example/a-b/~token/",
            "https://server.example/A-b/~token",
            "https://server.example//a-b/~token",
            "https://server.example/a-b%2F~token",
            "https://server.example/a-b/~toke%6",
            "https://server.example/",
        ] {
            assert!(Htu::parse(text).is_ok(), "{text}");
            assert!(!same(text), "{text}");
        }
    }

    #[test]
    fn what_is_no_absolute_url_of_http_is_refused() {
        for text in [
            "",
            "/oauth2/token",
            "//server.example/a",
            "server.example/a",
            "https:server.example/a",
            "https:/server.example/a",
            "https:///server.example/a",
            "https:\\\\server.example\\a",
            "https://server.example/a\\b",
            " https://server.example/a",
            "https://server.example/a b",
            "https://server.example/a\n",
            "https://server.example/é",
            "https://",
            "https://:443/",
            "ftp://server.example/a",
            "urn:a:b",
        ] {
            assert_eq!(Htu::parse(text), Err(NotAUrl), "{text:?}");
        }
    }
}
