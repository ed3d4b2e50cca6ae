//! The page that asks for name and password.

use askama::Template;
use tokenbind_issuer::authorization::ApplicationFace;

use super::Site;

/// Shown when an application needs to know the user, or for the account itself.
#[derive(Template)]
#[template(path = "sign_in.html")]
pub(crate) struct SignInPage<'a> {
    pub(crate) site: &'a Site,
    /// The hidden field against foreign forms.
    pub(crate) csrf: &'a str,
    /// The authorization request that goes on afterwards.
    pub(crate) request: Option<&'a str>,
    /// Who asks; nobody where the user wants to see their account.
    pub(crate) application: Option<&'a ApplicationFace>,
    /// The code of the device that goes on afterwards, where one is to be connected; empty where the user
    /// will type it.
    pub(crate) device: Option<&'a str>,
    /// What stands in the field already.
    pub(crate) username: &'a str,
    /// Who may go on without a password.
    pub(crate) current: Option<&'a str>,
    /// Why the last try failed, as a sentence.
    pub(crate) error: Option<&'a str>,
    /// What has just been done.
    pub(crate) notice: Option<&'a str>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site() -> Site {
        Site::of("https://id.example.com/a")
    }

    fn face() -> ApplicationFace {
        ApplicationFace {
            name: "Photos & <b>more</b>".into(),
            described_by: None,
            destination: "photos.example".into(),
            form_action: "https://photos.example".into(),
        }
    }

    fn page<'a>(site: &'a Site, application: Option<&'a ApplicationFace>) -> SignInPage<'a> {
        SignInPage {
            site,
            csrf: "c5rf",
            request: application.is_some().then_some("client_id=a&state=\"b"),
            application,
            device: None,
            username: "<script>",
            current: None,
            error: Some("The username or the password is wrong."),
            notice: None,
        }
    }

    #[test]
    fn everything_in_it_is_escaped() {
        let (site, face) = (site(), face());
        let html = page(&site, Some(&face)).render().unwrap();
        assert!(!html.contains("<script>") && !html.contains("<b>"), "{html}");
        assert!(!html.contains("state=\""), "{html}");
        assert!(html.contains("photos.example"));
        assert!(html.contains("action=\"/a/sign-in\""));
        assert!(html.contains("href=\"/a/assets/style.css?v="));
    }

    #[test]
    fn the_error_is_tied_to_its_fields() {
        let site = site();
        let html = page(&site, None).render().unwrap();
        assert!(html.contains("id=\"error\" role=\"alert\""), "{html}");
        assert_eq!(html.matches("aria-describedby=\"error\"").count(), 2);
        assert_eq!(html.matches("aria-invalid=\"true\"").count(), 2);
        let good = SignInPage { error: None, ..page(&site, None) }.render().unwrap();
        assert!(!good.contains("aria-") || !good.contains("error"), "{good}");
    }

    #[test]
    fn a_device_goes_on_afterwards() {
        let site = site();
        let page = SignInPage { device: Some("\"><script>"), ..page(&site, None) };
        let html = page.render().unwrap();
        assert!(html.contains("to connect a device"), "{html}");
        assert!(html.contains("name=\"go_on\" value=\"device\""), "{html}");
        assert!(!html.contains("<script>"), "{html}");
    }

    #[test]
    fn nobody_can_be_told_no_where_nobody_asks() {
        let (site, face) = (site(), face());
        assert!(page(&site, Some(&face)).render().unwrap().contains("name=\"cancel\""));
        assert!(!page(&site, None).render().unwrap().contains("name=\"cancel\""));
    }
}
