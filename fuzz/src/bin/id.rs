//! Identifiers and references: each has one text, and no other text is taken for it.
#![no_main]

use std::{fmt::Display, str::FromStr};

use libfuzzer_sys::fuzz_target;
use tokenbind_binding::{GrantId, Reference, RefreshTokenId, SessionId, TokenId};

fuzz_target!(|text: &str| {
    assert_canonical::<TokenId>(text);
    assert_canonical::<SessionId>(text);
    assert_canonical::<Reference>(text);
    if let (Ok(grant), Ok(bytes)) = (text.parse::<GrantId>(), text.parse::<SessionId>()) {
        assert_eq!(grant.to_string().parse(), Ok(grant));
        assert_refresh_token_names_its_grant(*bytes.as_bytes(), grant);
    }
});

fn assert_canonical<T: FromStr + Display>(text: &str) {
    if let Ok(parsed) = text.parse::<T>() {
        assert_eq!(parsed.to_string(), text);
    }
}

fn assert_refresh_token_names_its_grant(bytes: [u8; 16], grant: GrantId) {
    let id = RefreshTokenId::from_bytes(bytes);
    assert_eq!(id.grant, grant);
    assert_eq!(id.to_bytes(), bytes);
}
