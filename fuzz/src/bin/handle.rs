//! Handles: whatever opens is, to the letter, what this server seals.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use tokenbind_binding::handle::{HandleError, HandleKey, HandleKeys, HandleKind};

const KINDS: [HandleKind; 2] = [HandleKind::AccessToken, HandleKind::RefreshToken];

/// The keys before a rotation, which sealed some of the seeds.
static OLD: LazyLock<HandleKeys> =
    LazyLock::new(|| HandleKeys::new(HandleKey::new(1, &[1; 32]), Vec::new()));

/// The keys after it.
static NEW: LazyLock<HandleKeys> = LazyLock::new(|| {
    HandleKeys::new(HandleKey::new(2, &[2; 32]), vec![HandleKey::new(1, &[1; 32])])
});

fuzz_target!(|data: &[u8]| {
    if let Ok(text) = std::str::from_utf8(data) {
        assert_opens_only_what_was_sealed(text);
    }
    if let Some((id, change)) = data.split_first_chunk() {
        for kind in KINDS {
            assert_no_change_is_accepted(kind, id, change);
        }
    }
});

fn assert_opens_only_what_was_sealed(text: &str) {
    for kind in KINDS {
        let Ok(id) = NEW.open(kind, text) else { continue };
        assert!([&*OLD, &*NEW].iter().any(|keys| keys.seal(kind, &id) == text), "a second text");
        let others = KINDS.into_iter().filter(|&other| other != kind);
        for other in others {
            assert_eq!(NEW.open(other, text), Err(HandleError::Malformed));
        }
    }
}

/// `change` is a place and the byte to put there.
fn assert_no_change_is_accepted(kind: HandleKind, id: &[u8; 16], change: &[u8]) {
    let sealed = NEW.seal(kind, id);
    assert_eq!(NEW.open(kind, &sealed), Ok(*id));
    let [place, byte, ..] = *change else { return };
    let mut forged = sealed.clone().into_bytes();
    let place = usize::from(place) % forged.len();
    forged[place] = byte;
    let Ok(forged) = String::from_utf8(forged) else { return };
    if forged != sealed {
        assert!(NEW.open(kind, &forged).is_err(), "{forged} opened");
    }
}
