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
    /// Where the access would be used, if the application says so.
    pub(crate) resources: &'a [String],
}

/// A word of a scope, told to people.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Permission {
    /// What the word allows, in a sentence.
    Told(&'static str),
    /// A word that only the application explains.
    Named(String),
}

/// What the words allow that everybody knows (OpenID Connect Core sections 5.4 and 11), in the order in which
/// they are told.
const KNOWN: [(&str, &str); 7] = [
    ("openid", "Know that it is you"),
    ("profile", "See your profile, such as your name and picture"),
    ("email", "See your e-mail address"),
    ("address", "See your postal address"),
    ("phone", "See your phone number"),
    ("groups", "See which groups you belong to"),
    ("offline_access", "Keep this access while you are away"),
];

impl Permission {
    /// What the words of a scope allow: first the known ones.
    pub(crate) fn list<'a>(words: impl Iterator<Item = &'a str>) -> Vec<Self> {
        let mut words: Vec<_> = words.map(|word| (place(word), word)).collect();
        words.sort_unstable();
        words
            .into_iter()
            .map(|(place, word)| match KNOWN.get(place) {
                Some((_, sentence)) => Self::Told(sentence),
                None => Self::Named(word.to_owned()),
            })
            .collect()
    }
}

fn place(word: &str) -> usize {
    KNOWN.iter().position(|(known, _)| *known == word).unwrap_or(KNOWN.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permissions_are_told_in_one_order() {
        let words = "b:read email offline_access openid a:read".split(' ');
        assert_eq!(
            Permission::list(words),
            [
                Permission::Told("Know that it is you"),
                Permission::Told("See your e-mail address"),
                Permission::Told("Keep this access while you are away"),
                Permission::Named("a:read".into()),
                Permission::Named("b:read".into()),
            ]
        );
    }

    #[test]
    fn tells_in_sentences_and_escapes_what_it_does_not_know() {
        let site = Site::of("https://id.example.com");
        let application = ApplicationFace {
            name: "Photos <script>".into(),
            described_by: Some("photos.example".into()),
            destination: "127.0.0.1".into(),
            form_action: "http://127.0.0.1:5000".into(),
        };
        let page = ConsentPage {
            site: &site,
            csrf: "c5rf",
            request: "a=\"><script>",
            application: &application,
            username: "<script>alice",
            permissions: Permission::list(["email", "photos:<read>"].into_iter()),
            resources: &["Photos <API>".to_owned()],
        };
        let html = page.render().unwrap();
        assert!(html.contains("See your e-mail address"));
        assert!(html.contains("wants access to your account"));
        assert!(html.contains("Photos") && !html.contains("<API>"), "{html}");
        assert!(html.contains("what <strong>photos.example</strong> says"), "{html}");
        assert!(!html.contains("<script>") && !html.contains("<read>"), "{html}");
        assert!(html.contains("an application on this device"), "{html}");
        for decision in ["allow", "deny"] {
            assert!(html.contains(&format!("name=\"decision\" value=\"{decision}\"")), "{html}");
        }
    }
}
