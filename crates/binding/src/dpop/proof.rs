//! DPoP proofs (RFC 9449 section 4): from a header to a key that the sender of the request holds.
//!
//! The twelve checks of section 4.3 are a ladder of types, and there is no way around a rung: [`Proof`] is well-formed
//! and signed by its own key (checks 1 to 7), [`Checked`] was made for this request, now (checks 8 to
//! 12), and [`Accepted`] was not seen before. Whose key it has to be is for the bindings of the token to say.

use std::time::Duration;

use aws_lc_rs::digest;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value};

use super::{
    ShownProof,
    htu::Htu,
    nonce::{Fresh, Nonces},
};
use crate::{
    jti::{ClaimOutcome, JtiClaim},
    jwk::{JwsAlgorithm, PublicKey, UnusableKey},
    jws::UnverifiedJws,
    thumbprint::Thumbprint,
    time::Timestamp,
};

/// Seconds for which a proof serves after the time in it (`iat`).
pub const MAX_AGE: u64 = 60;

/// Seconds by which the clocks of client and server may differ: a proof may be so much from the future.
pub const LEEWAY: u64 = 10;

/// Seconds after its `iat` for which a `jti` is remembered: longer than the proof could pass the other
/// checks, by far more than a request takes from them to the claim.
pub const REMEMBERED: u64 = MAX_AGE + LEEWAY + 180;

/// The longest `jti`, in bytes.
pub const MAX_JTI_BYTES: usize = 255;

/// `typ` of a proof (RFC 9449 section 4.2).
const TYP: &str = "dpop+jwt";

/// Why a proof proves nothing. None of this is a secret, and nothing of the proof is repeated.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BadProof {
    /// Check 1.
    #[error("there must be one DPoP header, in ASCII")]
    Unusable,
    /// Check 2.
    #[error("the DPoP proof must be one signed JWT")]
    Malformed,
    /// Check 3: this claim is missing, or not as RFC 9449 section 4.2 has it.
    #[error("the DPoP proof must have {0}")]
    Claim(&'static str),
    /// Check 4.
    #[error("the typ of the DPoP proof must be dpop+jwt")]
    Type,
    /// Check 5.
    #[error("the alg of the DPoP proof must be one of {}", super::ALGORITHMS.join(", "))]
    Algorithm,
    /// Check 6: there is no key, or one that cannot have made the signature.
    #[error("the DPoP proof must have in its header a jwk that fits its alg")]
    Key,
    /// Checks 6 and 7.
    #[error("the jwk of the DPoP proof cannot be used: {0}")]
    UnusableKey(#[from] UnusableKey),
    /// Check 6.
    #[error("the signature of the DPoP proof was not made by its jwk")]
    Signature,
    /// Check 8.
    #[error("the htm of the DPoP proof is not the method of the request")]
    Method,
    /// Check 9.
    #[error("the htu of the DPoP proof is not the URL of the request")]
    Url,
    /// Check 10: a nonce is needed, and this is the one.
    #[error("the DPoP proof must have the nonce that comes with this answer")]
    NonceNeeded(String),
    /// Check 11.
    #[error("the DPoP proof is too old: its iat may lie {MAX_AGE} seconds back at most")]
    TooOld,
    /// Check 11.
    #[error("the DPoP proof is from the future: its iat may lie {LEEWAY} seconds ahead at most")]
    FromTheFuture,
    /// Check 12 a.
    #[error("the ath of the DPoP proof is not the hash of the access token")]
    AccessToken,
    /// RFC 9449 section 11.1.
    #[error("the DPoP proof was used before; each request needs one of its own")]
    Replayed,
}

/// A proof that is well-formed and signed by the key in it. It may have been made for another request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Proof {
    jkt: Thumbprint,
    jti: String,
    htm: String,
    htu: String,
    iat: Timestamp,
    not_before: Option<Timestamp>,
    expires_at: Option<Timestamp>,
    nonce: Option<String>,
    ath: Option<String>,
}

/// What a proof has to have been made for.
#[derive(Clone, Copy, Debug)]
pub struct ProvenRequest<'a> {
    /// The method of HTTP.
    pub method: &'a str,
    /// The URLs by which clients know what they call, of which the proof names one.
    pub urls: &'a [Htu],
    /// The server's nonces, where proofs need one.
    pub nonces: Option<Nonces<'a>>,
    /// The access token that comes with it, at a protected resource.
    pub access_token: Option<&'a str>,
    /// What time it is.
    pub now: Timestamp,
}

/// A proof that was made for this request, and may have been used before.
#[derive(Clone, PartialEq, Eq, Debug)]
#[must_use]
pub struct Checked {
    jkt: Thumbprint,
    claim: JtiClaim,
    next_nonce: Option<String>,
}

/// A proof that was made for this request alone: its sender holds the key.
#[derive(Clone, PartialEq, Eq, Debug)]
#[must_use]
pub struct Accepted {
    jkt: Thumbprint,
    next_nonce: Option<String>,
}

impl ShownProof<'_> {
    /// The proof of the header, if there is one: checks 1 to 7.
    ///
    /// # Errors
    /// [`BadProof`].
    pub fn parse(self) -> Result<Option<Proof>, BadProof> {
        match self {
            Self::Absent => Ok(None),
            Self::One(text) => Proof::parse(text).map(Some),
            // RFC 9449 section 4.3, check 1: "There is not more than one DPoP HTTP request header field."
            Self::Unusable => Err(BadProof::Unusable),
        }
    }
}

impl Proof {
    /// Reads a proof, and verifies its signature by the key in it.
    ///
    /// # Errors
    /// [`BadProof`].
    pub fn parse(text: &str) -> Result<Self, BadProof> {
        // Check 2: "The DPoP HTTP request header field value is a single and well-formed JWT."
        let jws = UnverifiedJws::parse(text).map_err(|_| BadProof::Malformed)?;
        // Check 4: "The typ JOSE Header Parameter has the value dpop+jwt."
        if jws.header_text("typ") != Some(TYP) {
            return Err(BadProof::Type);
        }
        // Check 5: alg is asymmetric, "is not none, is supported by the application, and is acceptable per local
        // policy".
        let algorithm = jws.algorithm().filter(|it| super::ACCEPTED_ALGORITHMS.contains(it));
        let algorithm = algorithm.ok_or(BadProof::Algorithm)?;
        let key = key_of(&jws, algorithm)?;
        // Check 6: "The JWT signature verifies with the public key contained in the jwk JOSE Header Parameter."
        let claims = jws.verify(&key, algorithm).map_err(|_| BadProof::Signature)?;
        Self::read(key.thumbprint(), &claims)
    }

    /// Check 3: "All required claims per Section 4.2 are contained in the JWT."
    fn read(jkt: Thumbprint, claims: &Map<String, Value>) -> Result<Self, BadProof> {
        let text = |name| claims.get(name).and_then(Value::as_str).map(str::to_owned);
        let jti = text("jti").filter(|jti| (1..=MAX_JTI_BYTES).contains(&jti.len()));
        Ok(Self {
            jkt,
            jti: jti.ok_or(BadProof::Claim("jti, of 1 to 255 bytes"))?,
            htm: text("htm").ok_or(BadProof::Claim("htm, the method of the request"))?,
            htu: text("htu").ok_or(BadProof::Claim("htu, the URL of the request"))?,
            iat: time(claims, "iat")?.ok_or(IAT_MISSING)?,
            not_before: time(claims, "nbf")?,
            expires_at: time(claims, "exp")?,
            nonce: text("nonce"),
            ath: text("ath"),
        })
    }

    /// Whether it was made for this request: checks 8 to 12 a.
    ///
    /// # Errors
    /// [`BadProof`].
    pub fn check(self, request: &ProvenRequest<'_>) -> Result<Checked, BadProof> {
        // Check 8: "The htm claim matches the HTTP method of the current request." RFC 9110 section 9.1: its case matters.
        if self.htm != request.method {
            return Err(BadProof::Method);
        }
        // Check 9: "The htu claim matches the HTTP URI value for the HTTP request in which the JWT was received".
        if !request.urls.iter().any(|url| url.is_named_by(&self.htu)) {
            return Err(BadProof::Url);
        }
        let next_nonce = self.check_nonce(request.nonces)?;
        self.check_time(request.now)?;
        // Check 12 a: "ensure that the value of the ath claim equals the hash of that access token".
        if request.access_token.is_some_and(|token| self.ath != Some(ath(token))) {
            return Err(BadProof::AccessToken);
        }
        let keep_until = self.iat.plus(REMEMBERED);
        let claim = JtiClaim::of_proof(self.jkt, &self.jti, keep_until);
        Ok(Checked { jkt: self.jkt, claim, next_nonce })
    }

    /// Check 10: "If the server provided a nonce value to the client, the nonce claim matches the server-provided
    /// nonce value." Gives the next one, if the client should change to it. A nonce that nobody asked for
    /// changes nothing.
    fn check_nonce(&self, nonces: Option<Nonces<'_>>) -> Result<Option<String>, BadProof> {
        let Some(nonces) = nonces else { return Ok(None) };
        match self.nonce.as_deref().and_then(|nonce| nonces.judge(nonce)) {
            Some(Fresh::Current) => Ok(None),
            Some(Fresh::Previous) => Ok(Some(nonces.current())),
            None => Err(BadProof::NonceNeeded(nonces.current())),
        }
    }

    /// Check 11: "The creation time of the JWT […] is within an acceptable window". `nbf` and `exp`, which a proof
    /// need not have, mean what they mean in every JWT (RFC 7519 section 4.1).
    fn check_time(&self, now: Timestamp) -> Result<(), BadProof> {
        let latest = now.plus(LEEWAY);
        if latest < self.iat || self.not_before.is_some_and(|time| latest < time) {
            return Err(BadProof::FromTheFuture);
        }
        let is_over = |end: Timestamp| end.plus(LEEWAY) <= now;
        if now.since(self.iat) > MAX_AGE || self.expires_at.is_some_and(is_over) {
            return Err(BadProof::TooOld);
        }
        Ok(())
    }
}

impl Checked {
    /// The key. It counts once the claim came first.
    #[must_use]
    pub const fn jkt(&self) -> Thumbprint {
        self.jkt
    }

    /// The nonce that the client is to use from now on, if it is another one.
    #[must_use]
    pub fn next_nonce(self) -> Option<String> {
        self.next_nonce
    }

    /// What has to be claimed.
    #[must_use]
    pub const fn claim(&self) -> JtiClaim {
        self.claim
    }

    /// Whether the claim came first. RFC 9449 section 11.1: a `jti` that was seen before is declined.
    ///
    /// # Errors
    /// [`BadProof::Replayed`].
    pub fn accept(self, outcome: ClaimOutcome) -> Result<Accepted, BadProof> {
        match outcome {
            ClaimOutcome::First => Ok(Accepted { jkt: self.jkt, next_nonce: self.next_nonce }),
            ClaimOutcome::Replayed => Err(BadProof::Replayed),
        }
    }
}

impl Accepted {
    /// The key, for [`crate::Evidence::dpop`].
    #[must_use]
    pub const fn jkt(&self) -> Thumbprint {
        self.jkt
    }

    /// The nonce that the client is to use from now on, if it is another one.
    #[must_use]
    pub fn next_nonce(self) -> Option<String> {
        self.next_nonce
    }
}

/// `ath` of an access token (RFC 9449 section 4.2).
#[must_use]
pub fn ath(access_token: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, access_token.as_bytes()))
}

/// Check 7, "The jwk JOSE Header Parameter does not contain a private key", and that the key is one for
/// this signature (RFC 8725 section 3.1).
fn key_of(jws: &UnverifiedJws<'_>, algorithm: JwsAlgorithm) -> Result<PublicKey, BadProof> {
    let jwk = jws.header("jwk").and_then(Value::as_object).ok_or(BadProof::Key)?;
    let key = PublicKey::from_jwk(jwk)?;
    if key.signs_by(algorithm) { Ok(key) } else { Err(BadProof::Key) }
}

const IAT_MISSING: BadProof = BadProof::Claim("iat, a number of seconds");

/// A `NumericDate` (RFC 7519 section 2), whose fraction does not matter here.
fn time(claims: &Map<String, Value>, name: &str) -> Result<Option<Timestamp>, BadProof> {
    let Some(value) = claims.get(name) else { return Ok(None) };
    let malformed = || match name {
        "iat" => IAT_MISSING,
        _ => BadProof::Claim("nbf and exp, if at all, as numbers of seconds"),
    };
    let whole = value.as_u64().or_else(|| value.as_f64().and_then(whole_seconds));
    whole.map(|secs| Some(Timestamp::from_secs(secs))).ok_or_else(malformed)
}

fn whole_seconds(secs: f64) -> Option<u64> {
    Duration::try_from_secs_f64(secs).ok().map(|time| time.as_secs())
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::handle::{HandleKey, HandleKeys};

    #[derive(Deserialize)]
    struct Case {
        name: String,
        rfc: String,
        proofs: Vec<String>,
        method: String,
        url: String,
        now: u64,
        access_token: Option<String>,
        expected: String,
        jkt: Option<String>,
    }

    impl Case {
        fn judge(&self, nonces: Option<Nonces<'_>>) -> Result<Checked, BadProof> {
            let shown = match &self.proofs[..] {
                [] => ShownProof::Absent,
                [one] => ShownProof::One(one),
                _ => ShownProof::Unusable,
            };
            shown.parse()?.expect("a proof").check(&ProvenRequest {
                method: &self.method,
                urls: &[
                    Htu::parse("https://mtls.example/x").unwrap(),
                    Htu::parse(&self.url).unwrap(),
                ],
                nonces,
                access_token: self.access_token.as_deref(),
                now: Timestamp::from_secs(self.now),
            })
        }

        fn assert_as_expected(&self) {
            let told = match self.judge(None) {
                Ok(checked) => {
                    assert_eq!(Some(checked.jkt.to_string()), self.jkt, "{}", self.name);
                    "accepted".to_owned()
                }
                Err(bad) => format!("{bad:?}").split('(').next().unwrap_or_default().to_owned(),
            };
            assert_eq!(told, self.expected, "{}, {}", self.name, self.rfc);
        }
    }

    fn cases() -> Vec<Case> {
        let text = include_str!("../../../../vectors/dpop_proofs.json");
        serde_json::from_str(text).unwrap()
    }

    /// The cases of this section, among which there are refusals.
    fn assert_section(rfc: &str) {
        let cases: Vec<_> = cases().into_iter().filter(|case| case.rfc == rfc).collect();
        assert!(cases.iter().any(|case| case.expected != "accepted"), "{rfc}");
        cases.iter().for_each(Case::assert_as_expected);
    }

    fn good() -> Case {
        cases().into_iter().find(|case| case.name == "a proof by ES256").unwrap()
    }

    #[test]
    fn every_vector_is_judged_as_it_says() {
        cases().iter().for_each(Case::assert_as_expected);
    }

    #[test]
    fn rfc9449_section_4_3_check_1_two_headers_are_refused() {
        assert_section("RFC 9449 section 4.3, check 1");
        assert_eq!(ShownProof::Absent.parse(), Ok(None));
    }

    #[test]
    fn rfc9449_section_4_3_check_2_what_is_no_jwt_is_refused() {
        assert_section("RFC 9449 section 4.3, check 2");
    }

    #[test]
    fn rfc9449_section_4_3_check_3_a_missing_claim_is_refused() {
        assert_section("RFC 9449 section 4.3, check 3");
        assert_section("RFC 9449 section 4.2");
    }

    #[test]
    fn rfc9449_section_4_3_check_4_another_type_is_refused() {
        assert_section("RFC 9449 section 4.3, check 4");
    }

    #[test]
    fn rfc9449_section_4_3_check_5_other_algorithms_are_refused() {
        assert_section("RFC 9449 section 4.3, check 5");
    }

    #[test]
    fn rfc9449_section_4_3_check_6_a_signature_that_is_not_the_keys_is_refused() {
        assert_section("RFC 9449 section 4.3, check 6");
    }

    #[test]
    fn rfc9449_section_4_3_check_7_a_private_key_is_refused() {
        assert_section("RFC 9449 section 4.3, check 7");
    }

    #[test]
    fn rfc9449_section_4_3_check_8_another_method_is_refused() {
        assert_section("RFC 9449 section 4.3, check 8");
    }

    #[test]
    fn rfc9449_section_4_3_check_9_another_url_is_refused() {
        assert_section("RFC 9449 section 4.3, check 9");
    }

    #[test]
    fn rfc9449_section_4_3_check_10_a_proof_without_the_nonce_is_refused() {
        let keys = HandleKeys::new(HandleKey::new(1, &[1; 32]), Vec::new());
        let nonces = Nonces::at(&keys, Timestamp::from_secs(good().now));
        let needed = BadProof::NonceNeeded(nonces.current());
        let foreign = cases().into_iter().find(|case| case.rfc.ends_with("check 10")).unwrap();
        for case in [good(), foreign] {
            assert_eq!(case.judge(Some(nonces)), Err(needed.clone()), "{}", case.name);
        }
    }

    #[test]
    fn rfc9449_section_8_2_a_nonce_of_the_epoch_before_is_good_and_the_next_is_told() {
        let keys = HandleKeys::new(HandleKey::new(1, &[1; 32]), Vec::new());
        let mut proof = Proof::parse(&good().proofs[0]).unwrap();
        let nonces = |secs| Nonces::at(&keys, Timestamp::from_secs(secs));
        proof.nonce = Some(nonces(1200).current());
        assert_eq!(proof.check_nonce(Some(nonces(1319))), Ok(None));
        assert_eq!(proof.check_nonce(Some(nonces(1320))), Ok(Some(nonces(1320).current())));
        let needed = BadProof::NonceNeeded(nonces(1440).current());
        assert_eq!(proof.check_nonce(Some(nonces(1440))), Err(needed));
    }

    #[test]
    fn rfc9449_section_4_3_check_11_a_proof_of_another_time_is_refused() {
        assert_section("RFC 9449 section 4.3, check 11");
    }

    #[test]
    fn rfc9449_section_4_3_check_12_the_hash_of_another_token_is_refused() {
        assert_section("RFC 9449 section 4.3, check 12");
    }

    #[test]
    fn rfc9449_section_11_1_a_replayed_proof_is_refused_however_long_it_is_good() {
        let case = good();
        let checked = case.judge(None).unwrap();
        let last = Case { now: case.now + MAX_AGE, ..good() }.judge(None).unwrap();
        assert_eq!(checked.claim(), last.claim(), "one claim");
        assert!(last.claim().keep_until() > Timestamp::from_secs(case.now + MAX_AGE + LEEWAY));
        let jkt = checked.jkt;
        assert_eq!(checked.accept(ClaimOutcome::First).map(|it| it.jkt()), Ok(jkt));
        assert_eq!(last.accept(ClaimOutcome::Replayed), Err(BadProof::Replayed));
    }

    #[test]
    fn no_message_repeats_anything_of_the_proof() {
        for case in cases() {
            let Err(bad) = case.judge(None) else { continue };
            let message = bad.to_string();
            assert!(message.len() < 120 && !message.contains("jti-"), "{message}");
            assert!(!message.contains("example"), "{message}");
        }
    }
}
