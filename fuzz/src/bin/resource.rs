//! Resources: a key is one canonical text, and whatever is read of an operator is written the same again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value};
use tokenbind_issuer::resource::{Resource, ResourceKey};

fuzz_target!(|text: &str| {
    if let Ok(key) = ResourceKey::of(text) {
        assert!(text.bytes().all(|byte| byte.is_ascii_graphic()));
        assert!(
            key.as_str().bytes().all(|byte| byte.is_ascii_graphic()) && !key.as_str().contains('#')
        );
        assert_eq!(ResourceKey::of(key.as_str()).as_ref(), Ok(&key));
    }
    if let Ok(members) = serde_json::from_str::<Map<String, Value>>(text)
        && let Ok(resource) = Resource::from_members(members)
    {
        assert_written_and_read(&resource);
    }
});

fn assert_written_and_read(resource: &Resource) {
    assert!(resource.key().is_ok());
    assert!(resource.access_token_lifetime != Some(0) && resource.max_age != Some(0));
    let Ok(Value::Object(members)) = serde_json::to_value(resource) else { panic!("no object") };
    assert_eq!(Resource::from_members(members).as_ref(), Ok(resource));
    assert_eq!(resource.changed_by(Map::new()).as_ref(), Ok(resource));
}
