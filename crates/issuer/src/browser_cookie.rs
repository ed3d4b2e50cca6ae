//! `atbv` at the authorization endpoint: what a browser shows, and what it gets if that is no good.

use tokenbind_binding::{ClientId, Random, ShownCookie, cookie};

use crate::{
    secret::{Secret, SecretHash},
    settings::Settings,
    store::{CookieOffer, CookieValue},
};

/// At least so long, in seconds, a browser's value is known: thirty days. One that is forgotten is replaced,
/// and what other applications bound to it has to be asked for anew.
const REMEMBERED: u64 = 30 * 86_400;

/// What the store chooses from for an application whose tokens are bound to the cookie, and the fresh
/// value, to be set if the store chooses that. Two cookies of the name are as good as none: nobody can
/// tell which one is meant.
pub(crate) fn offer(
    shown: &ShownCookie,
    client_id: &ClientId,
    settings: &Settings,
    random: &dyn Random,
) -> (CookieOffer, Secret) {
    let fresh = Secret::generate(random);
    let offer = CookieOffer {
        shown: shown.value().map(|value| known_as(client_id, value)),
        fresh: known_as(client_id, fresh.reveal()),
        lifetime: REMEMBERED
            .max(settings.refresh_token_lifetime)
            .max(settings.user_access_token_lifetime),
    };
    (offer, fresh)
}

fn known_as(client_id: &ClientId, value: &str) -> CookieValue {
    let reference = cookie::reference_of(client_id, value);
    CookieValue { hash: SecretHash::of(value), reference }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Sevens;

    impl Random for Sevens {
        fn fill(&self, buffer: &mut [u8]) {
            buffer.fill(7);
        }
    }

    fn offered(shown: &ShownCookie, settings: &Settings) -> (CookieOffer, Secret) {
        offer(shown, &"app".into(), settings, &Sevens)
    }

    #[test]
    fn the_shown_value_and_a_fresh_one_are_offered_by_hash_and_reference() {
        let (offer, fresh) = offered(&ShownCookie::One("old".into()), &Settings::default());
        let shown = offer.shown.unwrap();
        assert!(shown.hash.matches("old"));
        assert_eq!(shown.reference, cookie::reference_of(&"app".into(), "old"));
        assert!(offer.fresh.hash.matches(fresh.reveal()));
        assert_eq!(fresh.reveal().len(), 43, "256 bits in base64url");
    }

    #[test]
    fn two_cookies_of_the_name_are_as_good_as_none() {
        let settings = Settings::default();
        assert!(offered(&ShownCookie::Several, &settings).0.shown.is_none());
        assert!(offered(&ShownCookie::Absent, &settings).0.shown.is_none());
    }

    #[test]
    fn the_value_is_known_for_as_long_as_a_token_bound_to_it_can_live() {
        let year = 365 * 86_400;
        let long = Settings { refresh_token_lifetime: year, ..Settings::default() };
        assert_eq!(offered(&ShownCookie::Absent, &long).0.lifetime, year);
        let usual = offered(&ShownCookie::Absent, &Settings::default());
        assert_eq!(usual.0.lifetime, REMEMBERED);
    }
}
