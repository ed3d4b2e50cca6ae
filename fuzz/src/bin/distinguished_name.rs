//! Distinguished names: nothing panics, a name equals itself however its letters are written, and never one
//! with a part more.
#![no_main]

use std::fmt::Write as _;

use libfuzzer_sys::fuzz_target;
use tokenbind_issuer::distinguished_name::DistinguishedName;

fuzz_target!(|text: &str| {
    let Ok(name) = DistinguishedName::parse(text) else { return };
    assert_eq!(DistinguishedName::parse(text), Ok(name.clone()));
    let longer = DistinguishedName::parse(&format!("CN=other,{text}"));
    assert!(longer.is_ok_and(|longer| longer != name));
    // Escapes written as hexadecimal digits mean the same in either case.
    if let Some(escaped) = all_escaped(text) {
        let spelt = DistinguishedName::parse(&format!("CN={escaped}"));
        let upper = DistinguishedName::parse(&format!("cn={}", escaped.to_ascii_uppercase()));
        assert_eq!(spelt, upper);
    }
});

fn all_escaped(text: &str) -> Option<String> {
    let short = text.len() <= 64 && !text.is_empty();
    short.then(|| {
        text.bytes().fold(String::new(), |mut escaped, byte| {
            // Writing to a string cannot fail.
            let _ = write!(escaped, "\\{byte:02x}");
            escaped
        })
    })
}
