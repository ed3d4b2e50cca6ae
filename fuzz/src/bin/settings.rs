//! Client metadata: settings that are accepted keep the rules, and read back as they were.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value};
use tokenbind_binding::GrantType;
use tokenbind_issuer::settings::{IntrospectionRight, Settings};

fuzz_target!(|data: &[u8]| {
    let Ok(metadata) = serde_json::from_slice::<Map<String, Value>>(data) else { return };
    match Settings::from_metadata(metadata) {
        Ok(settings) => {
            assert_keeps_the_rules(&settings);
            assert_reads_back(&settings);
        }
        Err(refusal) => assert!(!refusal.field.is_empty() && !refusal.rule.is_empty()),
    }
});

/// The rules of which a breach would be a hole, each in other words than the code's.
fn assert_keeps_the_rules(settings: &Settings) {
    if settings.is_public() {
        // RFC 6749 section 4.4.
        assert!(!settings.grant_types.contains(&GrantType::ClientCredentials));
        assert_ne!(settings.introspection, IntrospectionRight::Any);
        // RFC 9700 section 2.1.1.
        assert!(settings.require_pkce);
    }
    for &grant in &settings.grant_types {
        let carried = settings.token_binding_types.iter().all(|kind| kind.carried_by(grant));
        assert!(carried || settings.unbound_grants.contains(&grant), "{grant} goes unbound");
    }
    for uri in &settings.redirect_uris {
        // RFC 6749 section 3.1.2.
        assert!(!uri.contains('#'), "{uri} has a fragment");
        let scheme = uri.trim_start().to_ascii_lowercase();
        assert!(!scheme.starts_with("javascript:") && !scheme.starts_with("data:"), "{uri}");
    }
    assert!(settings.user_access_token_lifetime > 0 && settings.refresh_token_lifetime > 0);
}

fn assert_reads_back(settings: &Settings) {
    let metadata = settings.to_metadata();
    let again = Settings::from_metadata(metadata.clone());
    assert_eq!(again.as_ref(), Ok(settings));
    let text = Value::Object(metadata).to_string();
    let stored: Map<String, Value> = serde_json::from_str(&text).expect("own JSON");
    Settings::from_metadata(stored).expect("own settings");
}
