//! The cookies of a browser, by the rules of RFC 6265 and, where browsers are stricter, of RFC 6265bis.

use cookie_store::{Cookie, CookieStore};
use reqwest::{
    Url,
    header::{HeaderMap, SET_COOKIE},
};

/// A browser's cookies. A cookie that a browser would not take fails the test.
#[derive(Clone, Debug, Default)]
pub struct Cookies(CookieStore);

impl Cookies {
    /// Takes what an answer from `url` sets.
    pub(crate) fn take(&mut self, url: &Url, headers: &HeaderMap) {
        for value in headers.get_all(SET_COOKIE) {
            let text = value.to_str().expect("a cookie in ASCII");
            assert_taken_by_browsers(text, url);
            self.0.parse(text, url).unwrap_or_else(|error| panic!("{text}: {error}"));
        }
    }

    /// The `Cookie` header of a request to `url`, if there is anything to show.
    #[must_use]
    pub fn header_for(&self, url: &Url) -> Option<String> {
        let mut pairs: Vec<_> =
            self.0.get_request_values(url).map(|(name, value)| format!("{name}={value}")).collect();
        pairs.sort_unstable();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }

    /// The cookie of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Cookie<'static>> {
        let mut found = self.0.iter_unexpired().filter(|cookie| cookie.name() == name);
        let cookie = found.next();
        assert!(found.next().is_none(), "several cookies of the name {name}");
        cookie
    }

    /// Puts in a cookie as somebody does who has their hands on the browser.
    pub fn plant(&mut self, url: &Url, text: &str) {
        self.0.parse(text, url).unwrap_or_else(|error| panic!("{text}: {error}"));
    }

    /// Forgets the cookies of this name.
    pub fn forget(&mut self, name: &str) {
        let found: Vec<_> = self.0.iter_any().filter(|cookie| cookie.name() == name).collect();
        let places: Vec<_> = found
            .into_iter()
            .map(|cookie| (String::from(&cookie.domain), String::from(&cookie.path)))
            .collect();
        for (domain, path) in places {
            self.0.remove(&domain, &path, name);
        }
    }
}

/// RFC 6265bis section 5.7: what the name promises, and what `SameSite=None` needs.
fn assert_taken_by_browsers(text: &str, url: &Url) {
    let cookie = Cookie::parse(text, url).unwrap_or_else(|error| panic!("{text}: {error}"));
    let secure = cookie.secure() == Some(true);
    if cookie.name().starts_with("__Secure-") || cookie.name().starts_with("__Host-") {
        assert!(secure, "{text}: the prefix needs Secure");
    }
    if cookie.name().starts_with("__Host-") {
        assert_eq!(attribute(text, "path"), Some("/"), "{text}: the prefix needs Path=/");
        assert_eq!(attribute(text, "domain"), None, "{text}: the prefix allows no Domain");
    }
    if attribute(text, "samesite").is_some_and(|value| value.eq_ignore_ascii_case("none")) {
        assert!(secure, "{text}: SameSite=None needs Secure");
    }
    assert!(text.len() <= 4096, "{text}: browsers take 4096 bytes");
}

fn attribute<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let attributes = text.split(';').skip(1).map(str::trim);
    attributes
        .filter_map(|attribute| attribute.split_once('='))
        .find_map(|(each, value)| each.eq_ignore_ascii_case(name).then_some(value))
}
