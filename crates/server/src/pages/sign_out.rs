//! The page that asks whether to sign out, and the one that says that it is done.

use askama::Template;

use super::Site;

/// Shown when nothing proves that an application of the user's asks.
#[derive(Template)]
#[template(path = "sign_out.html")]
pub(crate) struct SignOutPage<'a> {
    pub(crate) site: &'a Site,
    /// The hidden field against foreign forms.
    pub(crate) csrf: &'a str,
    /// The logout request that is decided on; may be empty.
    pub(crate) request: &'a str,
    pub(crate) username: &'a str,
}

/// Shown when there is nobody signed in any more.
#[derive(Template)]
#[template(path = "signed_out.html")]
pub(crate) struct SignedOutPage<'a> {
    pub(crate) site: &'a Site,
    /// What to embed, so that applications end their own sessions.
    pub(crate) frontchannel: &'a [String],
    /// Where the browser goes on to once that is loaded.
    pub(crate) redirect_uri: Option<&'a str>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site() -> Site {
        Site::of("https://id.example.com/a")
    }

    #[test]
    fn the_question_carries_the_request_and_everything_in_it_is_escaped() {
        let site = site();
        let page = SignOutPage {
            site: &site,
            csrf: "c5rf",
            request: "a=\"><script>",
            username: "<script>",
        };
        let html = page.render().unwrap();
        assert!(!html.contains("<script>"), "{html}");
        assert!(html.contains("action=\"/a/logout/confirm\""), "{html}");
        assert!(html.contains("name=\"request\" value=\"a=&#34;&#62;&#60;script&#62;\""), "{html}");
    }

    #[test]
    fn applications_are_embedded_and_the_browser_goes_on_without_script() {
        let site = site();
        let frontchannel = ["https://b.example/o?iss=x&sid=\"><script>".to_owned()];
        let redirect_uri = Some("https://c.example/?a=1&state=\"><script>");
        let html = SignedOutPage { site: &site, frontchannel: &frontchannel, redirect_uri };
        let html = html.render().unwrap();
        assert!(!html.contains("<script>"), "{html}");
        assert_eq!(html.matches("<iframe").count(), 1);
        assert_eq!(html.matches("http-equiv=\"refresh\"").count(), 1);
        assert!(html.contains("href=\"https://c.example/?a=1&#38;state="), "{html}");
    }

    #[test]
    fn without_a_destination_the_page_stays() {
        let site = site();
        let html = SignedOutPage { site: &site, frontchannel: &[], redirect_uri: None };
        let html = html.render().unwrap();
        assert!(!html.contains("refresh") && !html.contains("<iframe"), "{html}");
        assert!(html.contains("You are signed out"), "{html}");
    }
}
