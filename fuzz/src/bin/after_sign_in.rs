//! Authorization requests after a sign-in: nothing asks for it again, and all else is as it was.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tokenbind_issuer::{authorization::request_after_sign_in, form::Form};

fuzz_target!(|query: &str| {
    let Ok(before) = Form::parse(query.as_bytes()) else {
        assert!(request_after_sign_in(query).is_err());
        return;
    };
    let after_text = request_after_sign_in(query).expect("what can be read can be stripped");
    assert!(after_text.bytes().all(|byte| byte.is_ascii_graphic()), "{after_text}");
    assert_eq!(request_after_sign_in(&after_text).as_deref(), Ok(&*after_text));
    let after = Form::parse(after_text.as_bytes()).expect("own text");
    assert_eq!(after.get("max_age"), None);
    let prompts = after.get("prompt").unwrap_or_default();
    assert!(!prompts.split(' ').any(|word| word == "login" || word == "select_account"));
    for (name, value) in before.pairs().filter(|(name, _)| !["max_age", "prompt"].contains(name)) {
        assert!(after.pairs().any(|pair| pair == (name, value)), "{name} is gone");
    }
    assert!(after.pairs().count() <= before.pairs().count());
});
