//! The page where users see and end what they have: sessions, applications, the password.

use askama::Template;

use super::{Moment, Permission, Site};

/// A user's account.
#[derive(Template)]
#[template(path = "account.html")]
pub(crate) struct AccountPage<'a> {
    pub(crate) site: &'a Site,
    /// The hidden field against foreign forms.
    pub(crate) csrf: &'a str,
    pub(crate) username: &'a str,
    /// What has just been done.
    pub(crate) notice: Option<&'a str>,
    /// This browser's first.
    pub(crate) sessions: Vec<SessionRow>,
    pub(crate) applications: Vec<ApplicationRow>,
    /// Why the password was not changed.
    pub(crate) password_error: Option<PasswordError>,
}

impl AccountPage<'_> {
    /// Whether this field is why the password was not changed.
    fn is_at_fault(&self, field: PasswordField) -> bool {
        self.password_error.as_ref().is_some_and(|error| error.field == field)
    }
}

/// What is wrong with a change of the password.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct PasswordError {
    pub(crate) field: PasswordField,
    pub(crate) sentence: String,
}

/// A field of that form.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum PasswordField {
    Current,
    New,
    Repeated,
}

/// A session of the user.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct SessionRow {
    /// `sid`.
    pub(crate) id: String,
    /// In words.
    pub(crate) browser: String,
    /// Whether it is the one that looks at the page.
    pub(crate) current: bool,
    pub(crate) since: Moment,
    pub(crate) used: Moment,
}

/// An application that has access.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct ApplicationRow {
    pub(crate) client_id: String,
    pub(crate) name: String,
    pub(crate) since: Moment,
    /// Empty where the user was not asked.
    pub(crate) permissions: Vec<Permission>,
}

/// What the account page may report after a change. Only these words ever come out of its address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Notice {
    SessionEnded,
    OthersEnded,
    ApplicationEnded,
    PasswordChanged,
}

impl Notice {
    const ALL: [Self; 4] =
        [Self::SessionEnded, Self::OthersEnded, Self::ApplicationEnded, Self::PasswordChanged];

    /// As it stands in the address.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::SessionEnded => "session-ended",
            Self::OthersEnded => "others-ended",
            Self::ApplicationEnded => "access-removed",
            Self::PasswordChanged => "password-changed",
        }
    }

    /// The one of this word.
    pub(crate) fn find(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|notice| notice.word() == word)
    }

    /// As it is told.
    pub(crate) const fn sentence(self) -> &'static str {
        match self {
            Self::SessionEnded => "That browser is signed out.",
            Self::OthersEnded => "You are signed out everywhere else.",
            Self::ApplicationEnded => "The application has no access any more.",
            Self::PasswordChanged => {
                "Your password is changed, and you are signed out everywhere else."
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokenbind_binding::Timestamp;

    use super::*;

    fn moment() -> Moment {
        let at = Timestamp::from_secs(1_795_419_444);
        Moment::of(at, at.plus(7_200))
    }

    fn session(id: &str, current: bool) -> SessionRow {
        let browser = "<script>".to_owned();
        SessionRow { id: id.into(), browser, current, since: moment(), used: moment() }
    }

    fn page(site: &Site, sessions: Vec<SessionRow>) -> AccountPage<'_> {
        AccountPage {
            site,
            csrf: "c5rf",
            username: "<script>alice",
            notice: None,
            sessions,
            applications: vec![ApplicationRow {
                client_id: "\"><script>".into(),
                name: "<script>".into(),
                since: moment(),
                permissions: Permission::list(["email"].into_iter()),
            }],
            password_error: None,
        }
    }

    #[test]
    fn everything_in_it_is_escaped() {
        let site = Site::of("https://id.example.com");
        let html = page(&site, vec![session("s1", true)]).render().unwrap();
        assert!(!html.contains("<script>"), "{html}");
    }

    #[test]
    fn others_can_be_ended_at_once_where_there_are_any() {
        let site = Site::of("https://id.example.com");
        let one = page(&site, vec![session("s1", true)]).render().unwrap();
        assert!(!one.contains("/account/sessions/end-others"), "{one}");
        let two = page(&site, vec![session("s1", true), session("s2", false)]).render().unwrap();
        assert!(two.contains("/account/sessions/end-others"), "{two}");
        assert_eq!(two.matches("This browser").count(), 1);
        assert!(two.contains("name=\"session\" value=\"s2\""), "{two}");
    }

    #[test]
    fn the_password_fields_say_what_they_are_to_password_managers() {
        let site = Site::of("https://id.example.com");
        let html = page(&site, vec![]).render().unwrap();
        for (value, times) in [("username", 1), ("current-password", 1), ("new-password", 2)] {
            let attribute = format!("autocomplete=\"{value}\"");
            assert_eq!(html.matches(&attribute).count(), times, "{value}");
        }
    }

    #[test]
    fn an_error_of_the_password_is_tied_to_its_field() {
        let site = Site::of("https://id.example.com");
        for (field, id) in [
            (PasswordField::Current, "current"),
            (PasswordField::New, "new"),
            (PasswordField::Repeated, "repeated"),
        ] {
            let error = PasswordError { field, sentence: "No good.".into() };
            let page = AccountPage { password_error: Some(error), ..page(&site, vec![]) };
            let html = page.render().unwrap();
            assert!(html.contains("id=\"error\" role=\"alert\">No good."), "{html}");
            let tied: Vec<_> =
                html.lines().filter(|line| line.contains("aria-describedby=\"error\"")).collect();
            assert_eq!(tied.len(), 1, "{html}");
            assert!(tied[0].contains(&format!("id=\"{id}\"")), "{}", tied[0]);
        }
    }

    #[test]
    fn notices_are_found_by_their_words_alone() {
        for notice in Notice::ALL {
            assert_eq!(Notice::find(notice.word()), Some(notice));
        }
        assert_eq!(Notice::find("<script>"), None);
    }
}
