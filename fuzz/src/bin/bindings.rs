//! The stored form of bindings: whatever is read is written again byte by byte, so that no check of a
//! live token is lost or invented on the way.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tokenbind_binding::Bindings;

fuzz_target!(|data: &[u8]| {
    if let Ok(bindings) = Bindings::from_bytes(data) {
        assert_eq!(bindings.to_bytes(), data);
        assert_eq!(bindings.is_empty(), data.is_empty());
    }
});
