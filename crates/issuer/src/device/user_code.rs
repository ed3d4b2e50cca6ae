//! User codes (RFC 8628 section 6.1): easy to read from a screen and to type, hard to guess.

use std::{fmt, str::FromStr};

use tokenbind_binding::{Random, time::random_bytes};

/// RFC 8628 section 6.1: no vowels, so that no word comes out, and nothing that looks like something else.
const ALPHABET: [u8; 20] = *b"BCDFGHJKLMNPQRSTVWXZ";

/// 20 to the power of 8: 34.5 bits.
const LENGTH: usize = 8;

/// Multiples of the alphabet below this make each letter as likely as the others.
const FAIR: u8 = 240;

/// What a user types. Its `Debug` does not show it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct UserCode([u8; LENGTH]);

/// A text that is no user code.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a code has eight letters, none of them a vowel")]
pub struct MalformedUserCode;

impl UserCode {
    /// A code that nobody can foresee.
    #[must_use]
    pub fn generate(random: &dyn Random) -> Self {
        let mut letters = [0; LENGTH];
        let mut filled = 0;
        while filled < LENGTH {
            for byte in random_bytes::<LENGTH>(random) {
                if filled < LENGTH && byte < FAIR {
                    letters[filled] = ALPHABET[usize::from(byte) % ALPHABET.len()];
                    filled += 1;
                }
            }
        }
        Self(letters)
    }

    /// The letters alone, which are what is compared.
    #[must_use]
    pub fn letters(self) -> String {
        self.0.into_iter().map(char::from).collect()
    }
}

impl FromStr for UserCode {
    type Err = MalformedUserCode;

    /// RFC 8628 section 6.1: compared without regard to case, and to what only helps to read it.
    fn from_str(text: &str) -> Result<Self, MalformedUserCode> {
        let mut letters = text.chars().filter(|c| !only_helps_to_read(*c));
        let mut code = [0; LENGTH];
        for place in &mut code {
            let letter = letters.next().ok_or(MalformedUserCode)?.to_ascii_uppercase();
            *place = u8::try_from(letter)
                .ok()
                .filter(|letter| ALPHABET.contains(letter))
                .ok_or(MalformedUserCode)?;
        }
        if letters.next().is_none() { Ok(Self(code)) } else { Err(MalformedUserCode) }
    }
}

/// Blanks, and what keyboards make of a hyphen.
fn only_helps_to_read(character: char) -> bool {
    character.is_whitespace()
        || matches!(character, '-' | '_' | '.' | '\u{ad}' | '\u{2010}'..='\u{2015}' | '\u{2212}')
}

impl fmt::Display for UserCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let letters = self.letters();
        let (first, second) = letters.split_at(LENGTH / 2);
        write!(f, "{first}-{second}")
    }
}

impl fmt::Debug for UserCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UserCode(…)")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    /// A generator of Steele, Lea and Flood (`SplitMix64`), from a seed.
    struct SplitMix(AtomicU64);

    impl Random for SplitMix {
        fn fill(&self, buffer: &mut [u8]) {
            const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
            for chunk in buffer.chunks_mut(8) {
                let mut z = self.0.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
                z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
                chunk.copy_from_slice(&(z ^ (z >> 31)).to_be_bytes()[..chunk.len()]);
            }
        }
    }

    fn code() -> UserCode {
        "WDJB-MJHT".parse().unwrap()
    }

    #[test]
    fn rfc8628_section_6_1_case_hyphen_and_blanks_do_not_matter() {
        for text in ["WDJBMJHT", "wdjb-mjht", " wd jb mj ht ", "wdjb\u{2013}mjht", "Wdjb_mjhT."] {
            assert_eq!(text.parse(), Ok(code()), "{text}");
        }
        assert_eq!(code().to_string(), "WDJB-MJHT");
        assert_eq!(code().letters(), "WDJBMJHT");
    }

    #[test]
    fn rfc8628_section_6_1_letters_that_are_not_in_the_alphabet_are_refused() {
        for text in
            ["", "WDJB-MJH", "WDJB-MJHTT", "ADJB-MJHT", "0DJB-MJHT", "WDJB-MJHÄ", "ſDJBMJHT"]
        {
            assert_eq!(text.parse::<UserCode>(), Err(MalformedUserCode), "{text}");
        }
    }

    #[test]
    fn every_letter_is_as_likely_as_the_others() {
        let random = SplitMix(AtomicU64::new(1));
        let mut seen = [0_u32; 20];
        for _ in 0..5_000 {
            let code = UserCode::generate(&random);
            assert_eq!(code.to_string().parse(), Ok(code));
            for letter in code.0 {
                let place = ALPHABET.iter().position(|known| *known == letter);
                seen[place.unwrap()] += 1;
            }
        }
        // 40,000 letters: 2,000 of each, give or take five standard deviations.
        assert!(seen.iter().all(|count| (1_780..2_220).contains(count)), "{seen:?}");
    }

    #[test]
    fn debug_does_not_show_it() {
        assert!(!format!("{:?}", code()).contains("WDJB"));
    }
}
