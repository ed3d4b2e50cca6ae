//! The page that asks whether an application may.

use askama::Template;
use tokenbind_issuer::authorization::ApplicationFace;

use super::Site;

/// What an application asks of a user.
#[derive(Template)]
#[template(path = "consent.html")]
pub(crate) struct ConsentPage<'a> {
    pub(crate) site: &'a Site,
    /// The hidden field against foreign forms.
    pub(crate) csrf: &'a str,
    /// The authorization request that is decided on.
    pub(crate) request: &'a str,
    pub(crate) application: &'a ApplicationFace,
    pub(crate) username: &'a str,
    pub(crate) permissions: Vec<Permission>,
}

/// A word of a scope, told to people.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Permission {
    /// What the word allows, in a sentence.
    Told(&'static str),
    /// A word that only the application explains.
    Named(String),
}

impl Permission {
    /// What `word` allows. OpenID Connect Core sections 5.4 and 11 give the words that are known.
    pub(crate) fn of(word: &str) -> Self {
        Self::Told(match word {
            "openid" => "Know that it is you",
            "profile" => "See your profile, such as your name and picture",
            "email" => "See your e-mail address",
            "address" => "See your postal address",
            "phone" => "See your phone number",
            "groups" => "See which groups you belong to",
            "offline_access" => "Keep this access while you are away",
            other => return Self::Named(other.to_owned()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_in_sentences_and_escapes_what_it_does_not_know() {
        let site = Site::of("https://id.example.com");
        let application = ApplicationFace {
            name: "Photos <script>".into(),
            destination: "photos.example".into(),
            form_action: "https://photos.example".into(),
        };
        let page = ConsentPage {
            site: &site,
            csrf: "c5rf",
            request: "a=\"><script>",
            application: &application,
            username: "<script>alice",
            permissions: ["email", "photos:<read>"].map(Permission::of).into(),
        };
        let html = page.render().unwrap();
        assert!(html.contains("See your e-mail address"));
        assert!(html.contains("wants access to your account"));
        assert!(!html.contains("<script>") && !html.contains("<read>"), "{html}");
        for decision in ["allow", "deny"] {
            assert!(html.contains(&format!("name=\"decision\" value=\"{decision}\"")), "{html}");
        }
    }
}
