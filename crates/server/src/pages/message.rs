//! The page that tells something and asks nothing: errors and notices.

use askama::Template;

use super::Site;

/// One heading and a few sentences.
#[derive(Template)]
#[template(path = "message.html")]
pub(crate) struct MessagePage<'a> {
    pub(crate) site: &'a Site,
    pub(crate) heading: &'a str,
    pub(crate) text: &'a str,
    /// What helps whoever runs the application: a code and a sentence.
    pub(crate) detail: Option<(&'static str, String)>,
    /// Where to go on.
    pub(crate) link: Option<Link<'a>>,
}

/// A link within the site.
pub(crate) struct Link<'a> {
    pub(crate) address: String,
    pub(crate) text: &'a str,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_in_it_is_escaped() {
        let site = Site::of("https://id.example.com");
        let page = MessagePage {
            site: &site,
            heading: "No",
            text: "Not so.",
            detail: Some(("invalid_request", "<script>".into())),
            link: Some(Link { address: "/x?\"><script>".into(), text: "Go on" }),
        };
        let html = page.render().unwrap();
        assert!(!html.contains("<script>"), "{html}");
        assert_eq!(html.matches("<h1").count(), 1);
    }
}
