//! The parameter `prompt` (OpenID Connect Core section 3.1.2.1).

use super::error::AuthorizationError;

/// Which pages the application wants the user to see.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Prompt {
    /// `none`: no page at all.
    None,
    /// These at least; without the parameter none of them.
    Pages(PromptedPages),
}

/// The pages that are asked for whatever is known of the user already.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct PromptedPages {
    /// `login`: the password, again.
    pub(super) login: bool,
    /// `consent`: consent, again.
    pub(super) consent: bool,
    /// `select_account`: who it is to be.
    pub(super) select_account: bool,
}

impl Prompt {
    /// Reads the parameter: words parted by spaces.
    pub(super) fn parse(text: &str) -> Result<Self, AuthorizationError> {
        let mut pages = PromptedPages::default();
        let mut none = false;
        let mut words = 0;
        for word in text.split(' ').filter(|word| !word.is_empty()) {
            words += 1;
            match word {
                "none" => none = true,
                "login" => pages.login = true,
                "consent" => pages.consent = true,
                "select_account" => pages.select_account = true,
                _ => return Err(AuthorizationError::invalid_request(UNKNOWN)),
            }
        }
        match (none, words) {
            (false, _) => Ok(Self::Pages(pages)),
            (true, 1) => Ok(Self::None),
            // "If this parameter contains none with any other value, an error is returned."
            (true, _) => Err(AuthorizationError::invalid_request(
                "prompt=none cannot stand together with another value",
            )),
        }
    }
}

impl Default for Prompt {
    fn default() -> Self {
        Self::Pages(PromptedPages::default())
    }
}

const UNKNOWN: &str = "prompt must be none, or some of login, consent and select_account";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_value_in_any_order() {
        let pages = PromptedPages { login: true, consent: true, select_account: true };
        assert_eq!(Prompt::parse("consent login  select_account"), Ok(Prompt::Pages(pages)));
        assert_eq!(Prompt::parse("none"), Ok(Prompt::None));
        assert_eq!(Prompt::parse(" "), Ok(Prompt::default()));
    }

    #[test]
    fn openid_core_section_3_1_2_1_none_with_another_value_is_refused() {
        for text in ["none login", "consent none", "none none"] {
            assert!(Prompt::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_unknown_value_is_refused() {
        for text in ["create", "LOGIN", "login,consent", "login\tconsent"] {
            assert!(Prompt::parse(text).is_err(), "{text}");
        }
    }
}
