//! The pages where a user connects a device (RFC 8628 section 3.3).

use std::net::IpAddr;

use askama::Template;

use super::{Moment, Permission, Site};

/// Asks for the code that the device shows.
#[derive(Template)]
#[template(path = "device_code.html")]
pub(crate) struct DeviceCodePage<'a> {
    pub(crate) site: &'a Site,
    pub(crate) username: &'a str,
    /// What was typed before.
    pub(crate) typed: &'a str,
    /// What is wrong with that, as a sentence.
    pub(crate) wrong: Option<&'a str>,
}

/// Says who asks, from where and for what, and asks for a yes or a no.
#[derive(Template)]
#[template(path = "device_confirm.html")]
pub(crate) struct DeviceConfirmPage<'a> {
    pub(crate) site: &'a Site,
    /// The hidden field against foreign forms.
    pub(crate) csrf: &'a str,
    pub(crate) application: &'a str,
    /// The host that describes the application, if it is not registered here.
    pub(crate) described_by: Option<&'a str>,
    pub(crate) username: &'a str,
    pub(crate) user_code: String,
    /// Names the request that is shown.
    pub(crate) device: String,
    pub(crate) since: Moment,
    pub(crate) address: Option<IpAddr>,
    /// What the device calls itself, in words.
    pub(crate) device_name: Option<String>,
    pub(crate) permissions: Vec<Permission>,
    /// Where, if that is told.
    pub(crate) resources: &'a [String],
}

#[cfg(test)]
mod tests {
    use tokenbind_binding::Timestamp;

    use super::*;

    #[test]
    fn rfc8628_section_5_4_the_page_says_who_asks_from_where_and_when() {
        let site = Site::of("https://id.example.com");
        let at = Timestamp::from_secs(1_795_419_444);
        let page = DeviceConfirmPage {
            site: &site,
            csrf: "c5rf",
            application: "Television <script>",
            described_by: Some("tv.example"),
            username: "<script>alice",
            user_code: "WDJB-MJHT".into(),
            device: "id".into(),
            since: Moment::of(at, at.plus(120)),
            address: Some([192, 0, 2, 7].into()),
            device_name: Some("<script>".into()),
            permissions: Permission::list(["email", "films:<read>"].into_iter()),
            resources: &["Films <API>".to_owned()],
        };
        let html = page.render().unwrap();
        for shown in [
            "Television",
            "WDJB-MJHT",
            "2 minutes ago",
            "192.0.2.7",
            "tv.example",
            "e-mail address",
        ] {
            assert!(html.contains(shown), "{shown}: {html}");
        }
        assert!(
            !html.contains("<script>") && !html.contains("<read>") && !html.contains("<API>"),
            "{html}"
        );
        for decision in ["approve", "deny", "switch"] {
            assert!(html.contains(&format!("name=\"decision\" value=\"{decision}\"")), "{html}");
        }
    }

    #[test]
    fn what_was_typed_is_escaped_and_its_error_tied_to_the_field() {
        let site = Site::of("https://id.example.com");
        let page = DeviceCodePage {
            site: &site,
            username: "alice",
            typed: "\"><script>",
            wrong: Some("No good."),
        };
        let html = page.render().unwrap();
        assert!(!html.contains("<script>"), "{html}");
        assert!(html.contains("id=\"error\" role=\"alert\">No good."), "{html}");
        assert!(html.contains("aria-describedby=\"error\""), "{html}");
        assert!(!DeviceCodePage { wrong: None, ..page }.render().unwrap().contains("alert"));
    }
}
