//! The Content-Security-Policy of a page, and who may hold on to its window.

use std::fmt::Write as _;

use http::{HeaderMap, HeaderValue, header};
use tokenbind_issuer::OAuthError;
use url::Url;

use crate::response::header_value;

/// What a page may load, post to and embed. Everything that is not named is forbidden, scripts and styles
/// within the page too.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Policy {
    form_action: String,
    script: bool,
    frames: Vec<String>,
    alone: bool,
}

impl Policy {
    /// Of a page that leads nowhere else. No other window keeps a hold on its window.
    pub(crate) fn own() -> Self {
        Self { form_action: "'self'".into(), script: false, frames: Vec::new(), alone: true }
    }

    /// Of a page on the way to an application. Its forms are answered with a redirect to there, and browsers
    /// apply `form-action` to that and to all that follow. The application may have opened the window, and
    /// waits for it.
    pub(crate) fn towards(source: &str) -> Self {
        let destination = as_source(source).map(|source| format!(" {}", onward(&source)));
        let form_action = format!("'self'{}", destination.unwrap_or_default());
        Self { form_action, alone: false, ..Self::own() }
    }

    /// Of a page whose form goes to an application and nowhere else, helped along by a script of ours.
    pub(crate) fn posting_to(source: &str) -> Self {
        let form_action = as_source(source).map_or_else(|| "'none'".into(), |own| onward(&own));
        Self { form_action, script: true, alone: false, ..Self::own() }
    }

    /// The same, with these pages embedded.
    pub(crate) fn embedding<'a>(mut self, uris: impl IntoIterator<Item = &'a str>) -> Self {
        for source in uris.into_iter().filter_map(origin_source) {
            if !self.frames.contains(&source) {
                self.frames.push(source);
            }
        }
        self
    }

    fn text(&self) -> String {
        let Self { form_action, script, frames, .. } = self;
        let mut text = "default-src 'none'; style-src 'self'; img-src 'self'".to_owned();
        if *script {
            text.push_str("; script-src 'self'");
        }
        if !frames.is_empty() {
            // Writing to a string cannot fail.
            let _ = write!(text, "; frame-src {}", frames.join(" "));
        }
        let _ =
            write!(text, "; form-action {form_action}; frame-ancestors 'none'; base-uri 'none'");
        text
    }

    /// Puts it into the headers of an answer.
    pub(crate) fn apply(&self, headers: &mut HeaderMap) -> Result<(), OAuthError> {
        headers.insert(header::CONTENT_SECURITY_POLICY, header_value(self.text())?);
        if self.alone {
            let value = HeaderValue::from_static("same-origin");
            headers.insert("cross-origin-opener-policy", value);
        }
        Ok(())
    }
}

/// The origin of a URI as a source of a policy; its scheme where that is private.
pub(crate) fn origin_source(uri: &str) -> Option<String> {
    let url = Url::parse(uri).ok()?;
    let origin = url.origin();
    as_source(&if origin.is_tuple() {
        origin.ascii_serialization()
    } else {
        format!("{}:", url.scheme())
    })
}

/// The destination and where it may send the browser on to at once: its callback often is on another host
/// than its pages are (docs/decisions/0009).
fn onward(source: &str) -> String {
    match source.split_once(':') {
        Some(("https", _)) => format!("{source} https:"),
        Some(("http", _)) => format!("{source} http://localhost:* http://127.0.0.1:* https:"),
        _ => source.to_owned(),
    }
}

/// Text that is one source and nothing else. The grammar (CSP Level 3 section 2.3.1) has no place for an IPv6
/// address: there the scheme has to do.
fn as_source(text: &str) -> Option<String> {
    let of_source = |c: char| c.is_ascii_alphanumeric() || "+-.:/".contains(c);
    let (scheme, rest) = text.split_once(':')?;
    if scheme.is_empty() || !scheme.chars().all(of_source) {
        return None;
    }
    if rest.starts_with("//[") {
        return Some(format!("{scheme}:"));
    }
    rest.chars().all(of_source).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_of_our_own_reaches_nobody_else() {
        let mut headers = HeaderMap::new();
        Policy::own().apply(&mut headers).unwrap();
        assert_eq!(
            headers["content-security-policy"],
            "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; \
             frame-ancestors 'none'; base-uri 'none'"
        );
        assert_eq!(headers["cross-origin-opener-policy"], "same-origin");
    }

    #[test]
    fn a_form_may_lead_to_the_application_and_its_window_stays_its() {
        let mut headers = HeaderMap::new();
        Policy::towards("https://app.example:8443").apply(&mut headers).unwrap();
        let policy = headers["content-security-policy"].to_str().unwrap();
        let form_action = "; form-action 'self' https://app.example:8443 https:; ";
        assert!(policy.contains(form_action), "{policy}");
        assert!(!policy.contains("script-src"));
        assert!(!headers.contains_key("cross-origin-opener-policy"));
    }

    #[test]
    fn only_the_form_post_page_has_a_script() {
        let policy = Policy::posting_to("com.example.app:").text();
        assert!(policy.contains("; script-src 'self'; form-action com.example.app:; "), "{policy}");
        let policy = Policy::posting_to("http://127.0.0.1:5000").text();
        let onward = "http://localhost:* http://127.0.0.1:* https:";
        assert!(policy.contains(&format!("; form-action http://127.0.0.1:5000 {onward}; ")));
        assert!(Policy::posting_to("x y").text().contains("form-action 'none'; "));
    }

    #[test]
    fn embedded_pages_are_named_by_their_origins_once() {
        let uris = ["https://a.example/out?x=;", "https://a.example/b", "https://b.example/"];
        let policy = Policy::own().embedding(uris).text();
        assert!(policy.contains("; frame-src https://a.example https://b.example; "), "{policy}");
    }

    #[test]
    fn nothing_breaks_out_of_its_directive() {
        for source in
            ["https://a; script-src *", "https://a 'unsafe-inline'", "https://a,b", "", ":"]
        {
            assert_eq!(as_source(source), None, "{source:?}");
            assert_eq!(Policy::towards(source).form_action, "'self'");
        }
    }

    #[test]
    fn origins_are_sources_of_the_grammar() {
        let source = |uri| origin_source(uri).unwrap();
        assert_eq!(source("http://127.0.0.1:5000/cb?x=1"), "http://127.0.0.1:5000");
        assert_eq!(source("https://app.example/cb"), "https://app.example");
        assert_eq!(source("http://[::1]:5000/cb"), "http:");
        assert_eq!(source("com.example.app:/cb"), "com.example.app:");
        assert_eq!(origin_source("not a uri"), None);
    }
}
