//! The times in what applications sign: `exp`, `nbf` and `iat` (RFC 7519 section 4.1).

use serde_json::{Map, Value};
use tokenbind_binding::Timestamp;

/// The times of a JWT, as far as it has them. Fractions of a second are dropped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct SignedTimes {
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) not_before: Option<Timestamp>,
    pub(crate) issued_at: Option<Timestamp>,
}

impl SignedTimes {
    /// Seconds by which the clock of an application may be off. FAPI 2.0 Security Profile section 5.3.2.1 wants 10
    /// accepted and 60 refused.
    pub(crate) const SKEW: u64 = 10;

    pub(crate) fn read(claims: &Map<String, Value>) -> Result<Self, String> {
        let time = |name: &str| match claims.get(name) {
            None => Ok(None),
            Some(value) => seconds(value)
                .map(|secs| Some(Timestamp::from_secs(secs)))
                .ok_or_else(|| format!("its {name} must be a number of seconds")),
        };
        Ok(Self { expires_at: time("exp")?, not_before: time("nbf")?, issued_at: time("iat")? })
    }

    /// Whether it is good at `now`.
    pub(crate) fn check(self, now: Timestamp) -> Result<(), String> {
        if self.expires_at.is_some_and(|at| at.plus(Self::SKEW) <= now) {
            return Err("it has expired".into());
        }
        let ahead = |at: Option<Timestamp>| at.is_some_and(|at| at > now.plus(Self::SKEW));
        if ahead(self.not_before) {
            return Err("its nbf lies in the future".into());
        }
        if ahead(self.issued_at) {
            return Err("its iat lies in the future".into());
        }
        Ok(())
    }
}

fn seconds(value: &Value) -> Option<u64> {
    let whole = || value.as_u64();
    let fraction = || {
        let number = value.as_f64().filter(|number| (0.0..9e15).contains(number))?;
        format!("{number:.3}").split('.').next()?.parse().ok()
    };
    whole().or_else(fraction)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_000);

    fn check(claims: Value) -> Result<(), String> {
        let Value::Object(claims) = claims else { panic!("no object: {claims}") };
        SignedTimes::read(&claims)?.check(NOW)
    }

    #[test]
    fn fapi2_security_profile_section_5_3_2_1_clocks_may_be_off_by_ten_seconds() {
        for name in ["nbf", "iat"] {
            assert!(check(json!({ name: 1_008 })).is_ok(), "{name}");
            assert!(check(json!({ name: 1_010 })).is_ok(), "{name}");
            assert!(check(json!({ name: 1_011 })).is_err(), "{name}");
            assert!(check(json!({ name: 1_060 })).is_err(), "{name}");
        }
        assert!(check(json!({ "exp": 991 })).is_ok());
        assert!(check(json!({ "exp": 990 })).is_err());
    }

    #[test]
    fn rfc7519_section_2_a_time_is_a_number_also_with_a_fraction() {
        assert!(check(json!({ "exp": 1_000.5, "nbf": 999.9, "iat": 1e3 })).is_ok());
        assert!(check(json!({ "nbf": 1_011.2 })).is_err());
        for other in [json!("1000"), json!(-1), json!(null), json!([1]), json!(1e300)] {
            assert!(check(json!({ "exp": other })).is_err(), "{other}");
        }
    }
}
