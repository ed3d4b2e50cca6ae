//! What a resource asks of the access tokens that it takes, held against what is known of one.
//!
//! One pure function, so that the authorization server and every resource server decide alike.

use std::fmt;

use crate::{bindings::BindingType, time::Timestamp};

/// What a resource asks of an access token.
#[derive(Clone, Copy, Debug, Default)]
pub struct Requirement<'a> {
    /// What the resource goes by: the token has to be meant for one of these.
    pub identifiers: &'a [&'a str],
    /// The token has to be bound by one of these; empty where any token will do.
    pub binding_types: &'a [BindingType],
    /// How the user signed in has to be one of these; empty where it does not matter.
    pub acr_values: &'a [&'a str],
    /// Seconds that the login may lie back.
    pub max_age: Option<u64>,
}

/// What is known of an access token that is alive and whose bindings the request has proved.
#[derive(Clone, Copy, Debug, Default)]
pub struct TokenFacts<'a> {
    /// `aud`.
    pub audience: &'a [&'a str],
    /// `binding_type`.
    pub binding_types: &'a [BindingType],
    /// `acr`.
    pub acr: Option<&'a str>,
    /// `auth_time`.
    pub auth_time: Option<Timestamp>,
}

/// What an access token lacks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Unmet<'a> {
    /// It is meant for others (RFC 9068 section 4: `invalid_token`).
    #[error("the access token is not meant for this resource")]
    Audience,
    /// It is bound by other types, or by none (`insufficient_binding`).
    #[error(
        "the resource takes only access tokens that are bound by {}, and this one is bound by {}",
        Names(needed, "or"),
        Names(bound, "and")
    )]
    Binding {
        /// Any of these would do.
        needed: &'a [BindingType],
        /// What the token is bound by.
        bound: &'a [BindingType],
    },
    /// No user signed in for it as the resource wants (RFC 9470: `insufficient_user_authentication`).
    #[error("the access token does not come of a login of the kind that the resource asks for")]
    Acr,
    /// The user signed in too long ago, or the token does not tell when (RFC 9470:
    /// `insufficient_user_authentication`).
    #[error("the resource asks for a login that is at most {0} seconds old")]
    Age(u64),
}

/// Binding types in a sentence.
struct Names<'a>(&'a [BindingType], &'static str);

impl fmt::Display for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(types, between) = self;
        let Some((first, rest)) = types.split_first() else { return f.write_str("nothing") };
        f.write_str(first.as_str())?;
        rest.iter().try_for_each(|kind| write!(f, " {between} {kind}"))
    }
}

/// Types any of which would do, in a sentence: `certificate or dpop`.
#[must_use]
pub fn any_of(types: &[BindingType]) -> String {
    Names(types, "or").to_string()
}

/// Types all of which hold, in a sentence: `sso-session and dpop`, or `nothing`.
#[must_use]
pub fn all_of(types: &[BindingType]) -> String {
    Names(types, "and").to_string()
}

/// Whether tokens that are bound by all of `types` are strong enough where any of `needed` is asked for.
#[must_use]
pub fn is_strong_enough(needed: &[BindingType], types: &[BindingType]) -> bool {
    needed.is_empty() || needed.iter().any(|kind| types.contains(kind))
}

impl<'a> Requirement<'a> {
    /// Whether the resource takes the token at `now`. What the token does not tell does not hold.
    ///
    /// # Errors
    /// [`Unmet`], the first thing that it lacks: nothing is told of a token that is meant for others.
    pub fn check(&self, facts: &TokenFacts<'a>, now: Timestamp) -> Result<(), Unmet<'a>> {
        if !self.identifiers.iter().any(|identifier| facts.audience.contains(identifier)) {
            return Err(Unmet::Audience);
        }
        if !is_strong_enough(self.binding_types, facts.binding_types) {
            let (needed, bound) = (self.binding_types, facts.binding_types);
            return Err(Unmet::Binding { needed, bound });
        }
        let fits = |acr: &str| self.acr_values.contains(&acr);
        if !self.acr_values.is_empty() && !facts.acr.is_some_and(fits) {
            return Err(Unmet::Acr);
        }
        match self.max_age {
            Some(max_age) if !is_young(facts.auth_time, max_age, now) => Err(Unmet::Age(max_age)),
            _ => Ok(()),
        }
    }
}

fn is_young(auth_time: Option<Timestamp>, max_age: u64, now: Timestamp) -> bool {
    auth_time.is_some_and(|auth_time| now.since(auth_time) <= max_age)
}

#[cfg(test)]
mod tests {
    use super::*;
    use BindingType::{Certificate, ClientRequest, Dpop};

    const NOW: Timestamp = Timestamp::from_secs(1_000);

    const REQUIREMENT: Requirement<'_> = Requirement {
        identifiers: &["https://api.example", "https://old.example"],
        binding_types: &[Dpop, Certificate],
        acr_values: &["pwd", "mfa"],
        max_age: Some(60),
    };

    const FACTS: TokenFacts<'_> = TokenFacts {
        audience: &["https://other.example", "https://api.example"],
        binding_types: &[ClientRequest, Certificate],
        acr: Some("pwd"),
        auth_time: Some(Timestamp::from_secs(940)),
    };

    fn check(facts: TokenFacts<'static>) -> Result<(), Unmet<'static>> {
        REQUIREMENT.check(&facts, NOW)
    }

    #[test]
    fn a_token_that_has_it_all_is_taken() {
        assert_eq!(check(FACTS), Ok(()));
        let anything =
            Requirement { identifiers: &["https://api.example"], ..Requirement::default() };
        let bare = TokenFacts { audience: &["https://api.example"], ..TokenFacts::default() };
        assert_eq!(anything.check(&bare, NOW), Ok(()));
    }

    #[test]
    fn rfc9068_section_4_a_token_for_another_resource_is_refused_before_anything_is_told_of_it() {
        let audiences: [&[&str]; 4] =
            [&[], &["https://other.example"], &["https://api.example/"], &["https://API.example"]];
        for audience in audiences {
            assert_eq!(check(TokenFacts { audience, ..FACTS }), Err(Unmet::Audience));
            let nothing_else = TokenFacts { audience, ..TokenFacts::default() };
            assert_eq!(check(nothing_else), Err(Unmet::Audience));
        }
        let nobody = Requirement { identifiers: &[], ..REQUIREMENT };
        assert_eq!(nobody.check(&FACTS, NOW), Err(Unmet::Audience));
    }

    #[test]
    fn one_of_the_binding_types_is_enough_and_another_is_not() {
        assert_eq!(check(TokenFacts { binding_types: &[Dpop], ..FACTS }), Ok(()));
        for binding_types in [&[][..], &[ClientRequest]] {
            let refused = check(TokenFacts { binding_types, ..FACTS }).unwrap_err();
            assert!(matches!(refused, Unmet::Binding { .. }), "{refused}");
        }
        let refused = check(TokenFacts { binding_types: &[], ..FACTS }).unwrap_err();
        let told = "the resource takes only access tokens that are bound by dpop or certificate, and this \
                    one is bound by nothing";
        assert_eq!(refused.to_string(), told);
    }

    #[test]
    fn rfc9470_section_3_a_login_of_another_kind_or_none_is_refused() {
        assert_eq!(check(TokenFacts { acr: Some("mfa"), ..FACTS }), Ok(()));
        for acr in [None, Some("pw"), Some("")] {
            assert_eq!(check(TokenFacts { acr, ..FACTS }), Err(Unmet::Acr), "{acr:?}");
        }
    }

    #[test]
    fn rfc9470_section_3_a_login_that_is_too_old_or_untold_is_refused() {
        for (auth_time, taken) in [(940, true), (939, false), (1_000, true), (1_010, true)] {
            let auth_time = Some(Timestamp::from_secs(auth_time));
            let outcome = if taken { Ok(()) } else { Err(Unmet::Age(60)) };
            assert_eq!(check(TokenFacts { auth_time, ..FACTS }), outcome, "{auth_time:?}");
        }
        assert_eq!(check(TokenFacts { auth_time: None, ..FACTS }), Err(Unmet::Age(60)));
    }
}
