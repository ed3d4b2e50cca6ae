//! The page that carries an answer to an application by a form (OAuth 2.0 Form Post Response Mode).

use askama::Template;

use super::Site;

/// A form with hidden fields. A script presses its button; without script the user does.
#[derive(Template)]
#[template(path = "form_post.html")]
pub(crate) struct FormPostPage<'a> {
    pub(crate) site: &'a Site,
    /// Where the form goes.
    pub(crate) action: &'a str,
    /// The host that it belongs to.
    pub(crate) destination: &'a str,
    pub(crate) fields: &'a [(&'static str, String)],
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn form_post_section_2_every_parameter_is_a_hidden_field_of_a_posted_form() {
        let site = Site::of("https://id.example.com");
        let page = FormPostPage {
            site: &site,
            action: "https://app.example/cb?a=1&b=2",
            destination: "app.example",
            fields: &[("code", "c".into()), ("state", "\"><script>".into())],
        };
        let html = page.render().unwrap();
        assert!(html.contains("method=\"post\""), "{html}");
        assert!(!html.contains("\"><script>"), "{html}");
        assert!(html.contains("name=\"code\" value=\"c\""), "{html}");
        assert!(html.contains("<button"), "{html}");
        assert!(html.contains("/assets/form_post.js"), "{html}");
    }
}
