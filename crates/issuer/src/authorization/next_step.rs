//! What has to happen before a request can be answered: the one place that decides it.

use tokenbind_binding::Timestamp;

use super::{UserAnswer, error::AuthorizationError, prompt::Prompt};

/// All that the decision depends on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts {
    /// `prompt`.
    pub(super) prompt: Prompt,
    /// `max_age`, in seconds.
    pub(super) max_age: Option<u64>,
    /// What the user has just said.
    pub(super) answer: UserAnswer,
    /// Who is signed in.
    pub(super) user: SignedInUser,
    /// Whether consent was given before, or is not needed.
    pub(super) consent: Consent,
    /// The time.
    pub(super) now: Timestamp,
}

/// Who is signed in, as far as the request can be answered for them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum SignedInUser {
    /// Nobody.
    Nobody,
    /// Somebody else than the request is about (`id_token_hint`, `sub` in `claims`).
    SomebodyElse,
    /// The user.
    Present {
        /// When they authenticated.
        auth_time: Timestamp,
        /// Whether that was since the request reached the server, so that what it asks of a login is done.
        since_request: bool,
    },
}

/// Whether the user's consent covers the request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Consent {
    /// It does, or nobody asks for it.
    Given,
    /// It does not.
    Missing,
}

/// What has to happen next.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Step {
    /// The application is told no.
    Refuse(AuthorizationError),
    /// The user signs in, or, where they `may_go_on`, says that it is still them.
    SignIn {
        /// Without a password.
        may_go_on: bool,
    },
    /// The user is asked for consent.
    AskConsent,
    /// A code is issued.
    IssueCode {
        /// Whether the user has just consented, which is to be remembered.
        consented: bool,
    },
}

/// Decides. An answer of the user never stands in for a login: whoever consented has to be signed in
/// as the request asks all the same.
pub(super) fn next_step(facts: &Facts) -> Step {
    if facts.answer == UserAnswer::Denied {
        return Step::Refuse(AuthorizationError::access_denied());
    }
    let signed_in = is_signed_in(facts);
    let since_request = matches!(facts.user, SignedInUser::Present { since_request: true, .. });
    let pages = match facts.prompt {
        // OpenID Connect Core section 3.1.2.1: none "MUST NOT display any authentication or consent user
        // interface pages".
        Prompt::None if !signed_in => return Step::Refuse(AuthorizationError::login_required()),
        Prompt::None if facts.consent == Consent::Missing => {
            return Step::Refuse(AuthorizationError::consent_required());
        }
        Prompt::None => return Step::IssueCode { consented: false },
        Prompt::Pages(pages) => pages,
    };
    let asks_for_login = pages.login && !since_request;
    if !signed_in || asks_for_login || facts.answer == UserAnswer::OtherAccount {
        return Step::SignIn { may_go_on: false };
    }
    // Whoever consents chooses the account, which the consent page names.
    let chosen = matches!(facts.answer, UserAnswer::Chosen | UserAnswer::Consented);
    let asks_for_choice = pages.select_account && !since_request && !chosen;
    if asks_for_choice || facts.answer == UserAnswer::SignInFailed {
        return Step::SignIn { may_go_on: asks_for_choice };
    }
    let consented = facts.answer == UserAnswer::Consented;
    if !consented && (pages.consent || facts.consent == Consent::Missing) {
        return Step::AskConsent;
    }
    Step::IssueCode { consented }
}

/// Whether the right user is signed in, and not for too long.
fn is_signed_in(facts: &Facts) -> bool {
    let SignedInUser::Present { auth_time, since_request } = facts.user else { return false };
    match facts.max_age {
        None => true,
        Some(_) if since_request => true,
        // OpenID Connect Core section 3.1.2.1: "max_age=0 is equivalent to prompt=login", and otherwise "if the
        // elapsed time is greater than this value, the OP MUST attempt to actively re-authenticate".
        Some(0) => false,
        Some(max_age) => facts.now.since(auth_time) <= max_age,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_000);
    const SIGN_IN: Step = Step::SignIn { may_go_on: false };
    const CHOOSE: Step = Step::SignIn { may_go_on: true };
    const CODE: Step = Step::IssueCode { consented: false };
    const CODE_AFTER_CONSENT: Step = Step::IssueCode { consented: true };

    const NOBODY: SignedInUser = SignedInUser::Nobody;
    const OTHER: SignedInUser = SignedInUser::SomebodyElse;
    const PRESENT: SignedInUser = present(Timestamp::from_secs(900));
    const JUST_NOW: SignedInUser =
        SignedInUser::Present { auth_time: Timestamp::from_secs(900), since_request: true };

    use Consent::{Given, Missing};
    use UserAnswer::{Chosen, Consented, Denied, None as Silent, OtherAccount, SignInFailed};

    const fn present(auth_time: Timestamp) -> SignedInUser {
        SignedInUser::Present { auth_time, since_request: false }
    }

    fn login_required() -> Step {
        Step::Refuse(AuthorizationError::login_required())
    }

    fn consent_required() -> Step {
        Step::Refuse(AuthorizationError::consent_required())
    }

    fn step(prompt: &str, user: SignedInUser, consent: Consent, answer: UserAnswer) -> Step {
        let prompt = Prompt::parse(prompt).unwrap();
        next_step(&Facts { prompt, max_age: None, answer, user, consent, now: NOW })
    }

    #[test]
    fn every_prompt_user_and_consent() {
        // prompt; then for nobody, another user, the user without and with consent.
        let table = [
            ("", [SIGN_IN, SIGN_IN, Step::AskConsent, CODE]),
            ("none", [login_required(), login_required(), consent_required(), CODE]),
            ("login", [SIGN_IN, SIGN_IN, SIGN_IN, SIGN_IN]),
            ("consent", [SIGN_IN, SIGN_IN, Step::AskConsent, Step::AskConsent]),
            ("select_account", [SIGN_IN, SIGN_IN, CHOOSE, CHOOSE]),
            ("login consent", [SIGN_IN, SIGN_IN, SIGN_IN, SIGN_IN]),
            ("login select_account", [SIGN_IN, SIGN_IN, SIGN_IN, SIGN_IN]),
            ("consent select_account", [SIGN_IN, SIGN_IN, CHOOSE, CHOOSE]),
            ("login consent select_account", [SIGN_IN, SIGN_IN, SIGN_IN, SIGN_IN]),
        ];
        let columns = [(NOBODY, Missing), (OTHER, Given), (PRESENT, Missing), (PRESENT, Given)];
        for (prompt, expected) in table {
            for ((user, consent), expected) in columns.into_iter().zip(expected) {
                let got = step(prompt, user, consent, Silent);
                assert_eq!(got, expected, "prompt={prompt} {user:?} {consent:?}");
            }
        }
    }

    #[test]
    fn consent_just_given_answers_the_consent_page_and_nothing_else() {
        for (prompt, expected) in [
            ("", CODE_AFTER_CONSENT),
            ("consent", CODE_AFTER_CONSENT),
            ("login", SIGN_IN),
            ("select_account", CODE_AFTER_CONSENT),
            ("none", consent_required()),
        ] {
            assert_eq!(step(prompt, PRESENT, Missing, Consented), expected, "prompt={prompt}");
        }
        assert_eq!(step("", NOBODY, Missing, Consented), SIGN_IN);
        assert_eq!(step("", OTHER, Missing, Consented), SIGN_IN);
        assert_eq!(step("", PRESENT, Given, Consented), CODE_AFTER_CONSENT);
    }

    #[test]
    fn a_login_since_the_request_came_is_what_the_request_asks_for() {
        for (prompt, expected) in [
            ("login", CODE),
            ("select_account", CODE),
            ("login select_account", CODE),
            ("login consent", Step::AskConsent),
            ("none", CODE),
        ] {
            assert_eq!(step(prompt, JUST_NOW, Given, Silent), expected, "prompt={prompt}");
        }
        let facts = |max_age| Facts {
            prompt: Prompt::default(),
            max_age: Some(max_age),
            answer: Silent,
            user: JUST_NOW,
            consent: Given,
            now: NOW,
        };
        assert_eq!(next_step(&facts(0)), CODE);
        assert_eq!(next_step(&facts(1)), CODE, "however long the user took since");
        assert_eq!(step("login", JUST_NOW, Given, SignInFailed), SIGN_IN);
    }

    #[test]
    fn a_chosen_account_is_no_login() {
        assert_eq!(step("select_account", PRESENT, Given, Chosen), CODE);
        assert_eq!(step("select_account", PRESENT, Missing, Chosen), Step::AskConsent);
        assert_eq!(step("login select_account", PRESENT, Given, Chosen), SIGN_IN);
        assert_eq!(step("", NOBODY, Given, Chosen), SIGN_IN);
        let with_max_age = Facts {
            prompt: Prompt::default(),
            max_age: Some(99),
            answer: Chosen,
            user: PRESENT,
            consent: Given,
            now: NOW,
        };
        assert_eq!(next_step(&with_max_age), SIGN_IN);
    }

    #[test]
    fn another_account_is_a_login_whoever_is_signed_in() {
        for user in [NOBODY, OTHER, PRESENT, JUST_NOW] {
            for prompt in ["", "login", "consent", "select_account"] {
                assert_eq!(step(prompt, user, Given, OtherAccount), SIGN_IN, "{prompt} {user:?}");
            }
        }
    }

    #[test]
    fn a_no_is_told_whatever_else_is_the_case() {
        let denied = Step::Refuse(AuthorizationError::access_denied());
        for prompt in ["", "none", "login", "consent", "select_account"] {
            for user in [NOBODY, OTHER, PRESENT] {
                assert_eq!(step(prompt, user, Given, Denied), denied, "prompt={prompt}");
            }
        }
    }

    #[test]
    fn a_failed_sign_in_shows_its_page_again_whoever_is_signed_in() {
        assert_eq!(step("", NOBODY, Given, SignInFailed), SIGN_IN);
        assert_eq!(step("", PRESENT, Given, SignInFailed), SIGN_IN);
        assert_eq!(step("login", PRESENT, Given, SignInFailed), SIGN_IN);
        assert_eq!(step("select_account", PRESENT, Given, SignInFailed), CHOOSE);
        assert_eq!(step("none", NOBODY, Given, SignInFailed), login_required());
    }

    fn with_max_age(prompt: &str, age: u64, max_age: u64) -> Step {
        let auth_time = Timestamp::from_secs(NOW.as_secs() - age);
        next_step(&Facts {
            prompt: Prompt::parse(prompt).unwrap(),
            max_age: Some(max_age),
            answer: Silent,
            user: present(auth_time),
            consent: Given,
            now: NOW,
        })
    }

    #[test]
    fn openid_core_section_3_1_2_1_a_login_older_than_max_age_is_asked_for_again() {
        assert_eq!(with_max_age("", 10, 11), CODE);
        assert_eq!(with_max_age("", 10, 10), CODE);
        assert_eq!(with_max_age("", 11, 10), SIGN_IN);
        assert_eq!(with_max_age("none", 11, 10), login_required());
        assert_eq!(with_max_age("none", 10, 10), CODE);
        assert_eq!(with_max_age("select_account", 11, 10), SIGN_IN, "not without a password");
        assert_eq!(with_max_age("", 10, u64::MAX), CODE);
    }

    #[test]
    fn openid_core_section_3_1_2_1_max_age_0_is_the_same_as_prompt_login() {
        assert_eq!(with_max_age("", 0, 0), SIGN_IN);
        assert_eq!(with_max_age("none", 0, 0), login_required());
    }

    #[test]
    fn an_auth_time_in_the_future_of_the_clock_counts_as_now() {
        let user = present(NOW.plus(5));
        let facts = Facts {
            prompt: Prompt::default(),
            max_age: Some(1),
            answer: Silent,
            user,
            consent: Given,
            now: NOW,
        };
        assert_eq!(next_step(&facts), CODE);
    }
}
