//! What people see of an application, and where their browser goes from its pages.

use url::Url;

use super::ApplicationFace;
use crate::{application::Application, redirect_uri::RedirectUri};

impl ApplicationFace {
    pub(super) fn of(application: &Application, redirect_uri: &RedirectUri) -> Self {
        let url = Url::parse(redirect_uri.as_str()).ok();
        Self {
            name: application.shown_name().into(),
            described_by: application.described_by(),
            destination: url.as_ref().map(destination).unwrap_or_default(),
            form_action: url.as_ref().map(form_action).unwrap_or_default(),
        }
    }
}

fn destination(url: &Url) -> String {
    let host = url.host_str().filter(|_| url.origin().is_tuple());
    host.unwrap_or(url.scheme()).into()
}

/// A CSP source (Content Security Policy Level 3 section 2.3.1): the origin, or the scheme where the grammar has
/// no words for the host, which is so for `[::1]`.
fn form_action(url: &Url) -> String {
    let is_host =
        |host: &str| host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte));
    if url.origin().is_tuple() && url.host_str().is_some_and(is_host) {
        url.origin().ascii_serialization()
    } else {
        format!("{}:", url.scheme())
    }
}

#[cfg(test)]
mod tests {
    use tokenbind_binding::Timestamp;

    use super::*;
    use crate::settings::Settings;

    fn face(client_name: Option<&str>, uri: &str) -> ApplicationFace {
        let settings = Settings {
            client_name: client_name.map(Into::into),
            redirect_uris: vec![uri.into()],
            ..Settings::default()
        };
        let redirect_uri = RedirectUri::choose(&settings.redirect_uris, Some(uri), true).unwrap();
        let application = Application {
            client_id: "app".into(),
            issued_at: Timestamp::from_secs(1),
            secrets: Vec::new(),
            registration_access_token: None,
            settings,
        };
        ApplicationFace::of(&application, &redirect_uri)
    }

    #[test]
    fn an_application_without_a_name_is_called_by_its_id() {
        let uri = "https://a.example/cb";
        assert_eq!(face(Some("Calendar"), uri).name, "Calendar");
        assert_eq!(face(Some(" "), uri).name, "app");
        assert_eq!(face(None, uri).name, "app");
    }

    #[test]
    fn the_destination_is_the_host_and_the_form_may_lead_to_its_origin() {
        for (uri, destination, form_action) in [
            ("https://a.example/cb", "a.example", "https://a.example"),
            ("https://a.example:443/cb", "a.example", "https://a.example"),
            ("https://a.example:8443/cb?x", "a.example", "https://a.example:8443"),
            ("http://127.0.0.1:5000/cb", "127.0.0.1", "http://127.0.0.1:5000"),
            ("http://[::1]:5000/cb", "[::1]", "http:"),
            ("com.example.app:/cb", "com.example.app", "com.example.app:"),
            ("com.example.app://host/cb", "com.example.app", "com.example.app:"),
        ] {
            let face = face(None, uri);
            assert_eq!((&*face.destination, &*face.form_action), (destination, form_action));
        }
    }

    #[test]
    fn no_host_writes_into_the_policy() {
        let face = face(None, "https://a.example;script-src/cb");
        assert!(!face.form_action.contains([';', ' ', ',']), "{}", face.form_action);
    }
}
