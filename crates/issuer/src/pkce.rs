//! Proof Key for Code Exchange (RFC 7636), by the method S256 alone.

use aws_lc_rs::{constant_time, digest};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

/// A `code_challenge` of the method S256: the SHA-256 of what only the client knows.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CodeChallenge([u8; 32]);

/// A challenge that no verifier can have.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("code_challenge must be a SHA-256 in unpadded base64url (43 characters)")]
pub struct MalformedChallenge;

/// A token request that does not prove that it comes from whoever asked for the code.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PkceError {
    /// There is a challenge, but no verifier.
    #[error("code_verifier is missing, but the code was asked for with a code_challenge")]
    Missing,
    /// There is a verifier, but no challenge: somebody may have taken it out of the request.
    #[error("code_verifier was sent, but the code was asked for without a code_challenge")]
    Unexpected,
    /// Not of a verifier's form.
    #[error("code_verifier must be 43 to 128 letters, digits, or any of - . _ ~")]
    Malformed,
    /// The verifier of another challenge.
    #[error("code_verifier is not that of the code_challenge")]
    Wrong,
}

impl CodeChallenge {
    /// Reads a `code_challenge`.
    ///
    /// # Errors
    /// [`MalformedChallenge`] for anything but a SHA-256 in unpadded base64url.
    pub fn parse(text: &str) -> Result<Self, MalformedChallenge> {
        let mut hash = [0; 32];
        match URL_SAFE_NO_PAD.decode_slice(text, &mut hash) {
            Ok(32) => Ok(Self(hash)),
            _ => Err(MalformedChallenge),
        }
    }

    fn of(verifier: &str) -> Self {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest::digest(&digest::SHA256, verifier.as_bytes()).as_ref());
        Self(hash)
    }
}

impl TryFrom<String> for CodeChallenge {
    type Error = MalformedChallenge;

    fn try_from(text: String) -> Result<Self, MalformedChallenge> {
        Self::parse(&text)
    }
}

impl From<CodeChallenge> for String {
    fn from(challenge: CodeChallenge) -> Self {
        URL_SAFE_NO_PAD.encode(challenge.0)
    }
}

/// Whether `code_verifier` proves what the challenge of the code asks (RFC 7636 section 4.6).
///
/// # Errors
/// [`PkceError`].
pub fn verify(challenge: Option<CodeChallenge>, verifier: Option<&str>) -> Result<(), PkceError> {
    match (challenge, verifier) {
        (None, None) => Ok(()),
        (Some(_), None) => Err(PkceError::Missing),
        // RFC 9700 section 2.1.1: "a token request containing a code_verifier parameter is accepted only
        // if a code_challenge parameter was present in the authorization request".
        (None, Some(_)) => Err(PkceError::Unexpected),
        (Some(challenge), Some(verifier)) => verify_both(challenge, verifier),
    }
}

fn verify_both(challenge: CodeChallenge, verifier: &str) -> Result<(), PkceError> {
    // RFC 7636 section 4.1: code-verifier = 43*128unreserved.
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    if !(43..=128).contains(&verifier.len()) || !verifier.bytes().all(unreserved) {
        return Err(PkceError::Malformed);
    }
    constant_time::verify_slices_are_equal(&challenge.0, &CodeChallenge::of(verifier).0)
        .map_err(|_| PkceError::Wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7636 appendix B.
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    fn challenge() -> CodeChallenge {
        CodeChallenge::parse(CHALLENGE).unwrap()
    }

    #[test]
    fn the_verifier_of_rfc7636_appendix_b_is_taken() {
        assert_eq!(verify(Some(challenge()), Some(VERIFIER)), Ok(()));
        assert_eq!(String::from(challenge()), CHALLENGE);
    }

    #[test]
    fn rfc7636_section_4_6_a_wrong_verifier_is_refused() {
        let wrong = VERIFIER.replace('d', "e");
        assert_eq!(verify(Some(challenge()), Some(&wrong)), Err(PkceError::Wrong));
        assert_eq!(verify(Some(challenge()), Some(CHALLENGE)), Err(PkceError::Wrong), "plain");
    }

    #[test]
    fn rfc7636_section_4_6_a_missing_verifier_is_refused() {
        assert_eq!(verify(Some(challenge()), None), Err(PkceError::Missing));
    }

    #[test]
    fn rfc9700_section_2_1_1_a_verifier_without_a_challenge_is_refused() {
        assert_eq!(verify(None, Some(VERIFIER)), Err(PkceError::Unexpected));
        assert_eq!(verify(None, None), Ok(()));
    }

    #[test]
    fn rfc7636_section_4_1_a_verifier_of_another_form_is_refused_even_if_it_has_the_hash() {
        let long = "a".repeat(129);
        for verifier in
            [&VERIFIER[..42], &long, &VERIFIER.replace('-', "+"), "é".repeat(30).as_str()]
        {
            let challenge = Some(CodeChallenge::of(verifier));
            assert_eq!(verify(challenge, Some(verifier)), Err(PkceError::Malformed), "{verifier}");
        }
        for verifier in ["a".repeat(43), "~".repeat(128)] {
            assert_eq!(verify(Some(CodeChallenge::of(&verifier)), Some(&verifier)), Ok(()));
        }
    }

    #[test]
    fn rfc7636_section_4_2_a_challenge_is_a_hash_in_one_text() {
        let padded = format!("{CHALLENGE}=");
        let loose = CHALLENGE.replace("cM", "cN");
        for text in ["", &CHALLENGE[1..], &padded, &loose, VERIFIER.replace('-', "+").as_str()] {
            assert_eq!(CodeChallenge::parse(text), Err(MalformedChallenge), "{text}");
        }
    }
}
