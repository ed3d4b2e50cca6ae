//! Scopes: exactly the grammar of RFC 6749 section 3.3, in one canonical order.
#![no_main]

use std::collections::BTreeSet;

use libfuzzer_sys::fuzz_target;
use tokenbind_issuer::scope::Scope;

fuzz_target!(|text: &str| {
    match Scope::parse(text) {
        Ok(scope) => assert_canonical(text, &scope),
        Err(_) => assert!(text.contains(|c| !(' '..='~').contains(&c) || c == '"' || c == '\\')),
    }
});

fn assert_canonical(text: &str, scope: &Scope) {
    assert!(!text.contains(['"', '\\']) && text.chars().all(|c| (' '..='~').contains(&c)));
    let words: BTreeSet<&str> = text.split_whitespace().collect();
    assert!(scope.words().eq(words.iter().copied()));
    assert_eq!(scope.is_empty(), words.is_empty());
    assert_eq!(Scope::parse(scope.as_str()).as_ref(), Ok(scope));
    assert!(scope.words().all(|word| scope.contains(word)));
    for word in words {
        let rest = scope.without(&[word]);
        assert!(rest.is_within(scope) && !rest.contains(word) && !scope.is_within(&rest));
    }
}
