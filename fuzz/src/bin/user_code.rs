//! User codes: eight letters of an alphabet, whatever case they come in and whatever parts them, and one text for each.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tokenbind_issuer::device::UserCode;

const ALPHABET: &str = "BCDFGHJKLMNPQRSTVWXZ";

fuzz_target!(|text: &str| {
    let Ok(code) = text.parse::<UserCode>() else {
        let letters = text.chars().all(|c| ALPHABET.contains(c));
        assert!(!letters || text.chars().count() != 8, "eight letters are a code");
        return;
    };
    let shown = code.to_string();
    assert_eq!(shown.parse(), Ok(code));
    assert_eq!(shown.replace('-', ""), code.letters());
    assert!(code.letters().len() == 8 && code.letters().chars().all(|c| ALPHABET.contains(c)));
    let letters: String = text.chars().filter(char::is_ascii_alphabetic).collect();
    assert_eq!(letters.to_ascii_uppercase(), code.letters(), "nothing else counts as a letter");
    assert_eq!(text.to_ascii_lowercase().parse(), Ok(code));
});
