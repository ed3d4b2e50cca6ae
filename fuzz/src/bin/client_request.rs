//! `tokenBindingId`: blank is absent, 256 characters are too many, and texts that differ in anything
//! are different instances.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tokenbind_binding::{
    ClientId,
    client_request::{MAX_CHARACTERS, reference_of},
};

fuzz_target!(|text: &str| {
    let client_id = ClientId::from("app");
    match reference_of(&client_id, text) {
        Err(too_long) => {
            assert_eq!(too_long.0, text.chars().count());
            assert!(too_long.0 > MAX_CHARACTERS);
        }
        Ok(None) => assert!(text.trim().is_empty()),
        Ok(Some(reference)) => {
            assert!(!text.trim().is_empty() && text.chars().count() <= MAX_CHARACTERS);
            assert_eq!(reference.to_string().parse(), Ok(reference));
            for other in [text.trim(), &text.to_lowercase(), &text.replace(char::is_control, "")] {
                let same = reference_of(&client_id, other) == Ok(Some(reference));
                assert_eq!(same, other == text, "{other:?}");
            }
        }
    }
});
