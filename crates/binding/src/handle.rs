//! Handles: opaque tokens that name a record and prove that this server made them.
//!
//! A handle is a prefix that tells its kind, then unpadded base64url of a key id (4 bytes), a record id
//! (16 bytes) and a MAC over all of it (16 bytes of HMAC-SHA-256). A store keeps the record id alone,
//! so a leaked database holds no token; a forged handle is refused without asking the database; and
//! the same handle can be made again from the same id.

use std::fmt;

use aws_lc_rs::{constant_time, hmac};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

const KEY_ID_LEN: usize = 4;
const ID_LEN: usize = 16;
const MAC_LEN: usize = 16;
const BYTES: usize = KEY_ID_LEN + ID_LEN + MAC_LEN;
const BODY_CHARACTERS: usize = BYTES / 3 * 4;

/// What a handle is for. A handle of one kind is never taken for another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HandleKind {
    /// An opaque access token.
    AccessToken,
    /// A refresh token.
    RefreshToken,
    /// An authorization code.
    AuthorizationCode,
    /// The cookie of a login session.
    Session,
    /// A nonce for DPoP proofs (RFC 9449 section 8), whose id is its epoch.
    DpopNonce,
    /// An authorization request that was pushed, as its application names it (RFC 9126 section 2.2).
    PushedRequest,
    /// The same request once a browser has opened it, as the pages' own forms name it.
    OpenedRequest,
    /// A device code (RFC 8628 section 3.2).
    DeviceCode,
}

impl HandleKind {
    /// What every handle of this kind begins with.
    #[must_use]
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::AccessToken => "tb_at_",
            Self::RefreshToken => "tb_rt_",
            Self::AuthorizationCode => "tb_ac_",
            Self::Session => "tb_ss_",
            Self::DpopNonce => "tb_dn_",
            Self::PushedRequest => "tb_pr_",
            Self::OpenedRequest => "tb_or_",
            Self::DeviceCode => "tb_dc_",
        }
    }
}

/// What a store keeps of a short text that people type, in place of it: a MAC, so that a leaked database does
/// not give away by trial what was typed. It does not show in `Debug`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TypedMac([u8; 32]);

impl TypedMac {
    /// From the form that stores keep.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The form that stores keep.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for TypedMac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TypedMac(…)")
    }
}

/// A handle that was not made by this server, or not as this kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum HandleError {
    /// Not of a handle's form.
    #[error("not a handle of this kind")]
    Malformed,
    /// Made under a key that this server does not hold, or no longer.
    #[error("made under a key that this server does not hold")]
    UnknownKey,
    /// The MAC does not fit.
    #[error("not made by this server")]
    Forged,
}

/// One key that handles are made under.
#[derive(Clone)]
pub struct HandleKey {
    id: u32,
    key: hmac::Key,
}

impl HandleKey {
    /// A key by its id and its 32 secret bytes.
    #[must_use]
    pub fn new(id: u32, secret: &[u8; 32]) -> Self {
        Self { id, key: hmac::Key::new(hmac::HMAC_SHA256, secret) }
    }

    fn seal(&self, kind: HandleKind, id: &[u8; ID_LEN]) -> String {
        let mut bytes = [0; BYTES];
        bytes[..KEY_ID_LEN].copy_from_slice(&self.id.to_be_bytes());
        bytes[KEY_ID_LEN..KEY_ID_LEN + ID_LEN].copy_from_slice(id);
        let (body, mac) = bytes.split_at_mut(KEY_ID_LEN + ID_LEN);
        mac.copy_from_slice(&self.mac(kind, body).as_ref()[..MAC_LEN]);
        let mut handle = String::with_capacity(kind.prefix().len() + BODY_CHARACTERS);
        handle.push_str(kind.prefix());
        URL_SAFE_NO_PAD.encode_string(bytes, &mut handle);
        handle
    }

    fn typed(&self, text: &str) -> TypedMac {
        let mut context = hmac::Context::with_key(&self.key);
        // No handle begins so.
        context.update(b"typed/");
        context.update(text.as_bytes());
        let mut bytes = [0; 32];
        bytes.copy_from_slice(context.sign().as_ref());
        TypedMac(bytes)
    }

    fn mac(&self, kind: HandleKind, body: &[u8]) -> hmac::Tag {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(kind.prefix().as_bytes());
        context.update(body);
        context.sign()
    }
}

impl fmt::Debug for HandleKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HandleKey({})", self.id)
    }
}

/// The key that new handles are made under, and the retired ones that old handles still need.
#[derive(Clone, Debug)]
pub struct HandleKeys {
    current: HandleKey,
    retired: Vec<HandleKey>,
}

impl HandleKeys {
    /// `current` makes handles, `retired` only open them.
    #[must_use]
    pub fn new(current: HandleKey, retired: Vec<HandleKey>) -> Self {
        Self { current, retired }
    }

    /// The id of the key that new handles are made under.
    #[must_use]
    pub const fn current(&self) -> u32 {
        self.current.id
    }

    /// The handle of the record `id`, made under the current key.
    #[must_use]
    pub fn seal(&self, kind: HandleKind, id: &[u8; ID_LEN]) -> String {
        self.current.seal(kind, id)
    }

    /// The handle of the record `id` as it was made under this key; `None` if that is not held.
    #[must_use]
    pub fn seal_with(&self, key: u32, kind: HandleKind, id: &[u8; ID_LEN]) -> Option<String> {
        self.key(key).map(|key| key.seal(kind, id))
    }

    /// What a store keeps in place of a text that people type: under the current key, and then under each
    /// retired one, as it was kept before.
    #[must_use]
    pub fn typed(&self, text: &str) -> Vec<TypedMac> {
        self.all().map(|key| key.typed(text)).collect()
    }

    /// The record id of a handle that this server made as `kind`.
    ///
    /// # Errors
    /// [`HandleError`] for anything else.
    pub fn open(&self, kind: HandleKind, handle: &str) -> Result<[u8; ID_LEN], HandleError> {
        let body = handle.strip_prefix(kind.prefix()).ok_or(HandleError::Malformed)?;
        let mut bytes = [0; BYTES];
        match URL_SAFE_NO_PAD.decode_slice(body, &mut bytes) {
            Ok(BYTES) => self.verify(kind, &bytes),
            _ => Err(HandleError::Malformed),
        }
    }

    fn verify(&self, kind: HandleKind, bytes: &[u8; BYTES]) -> Result<[u8; ID_LEN], HandleError> {
        let (body, mac) = bytes.split_at(KEY_ID_LEN + ID_LEN);
        let (key_id, id) = body.split_first_chunk().ok_or(HandleError::Malformed)?;
        let key = self.key(u32::from_be_bytes(*key_id)).ok_or(HandleError::UnknownKey)?;
        let expected = key.mac(kind, body);
        constant_time::verify_slices_are_equal(&expected.as_ref()[..MAC_LEN], mac)
            .map_err(|_| HandleError::Forged)?;
        id.try_into().map_err(|_| HandleError::Malformed)
    }

    fn key(&self, id: u32) -> Option<&HandleKey> {
        self.all().find(|key| key.id == id)
    }

    fn all(&self) -> impl Iterator<Item = &HandleKey> {
        std::iter::once(&self.current).chain(&self.retired)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: [u8; 16] = [0xab; 16];

    fn keys() -> HandleKeys {
        HandleKeys::new(HandleKey::new(7, &[1; 32]), Vec::new())
    }

    #[test]
    fn opens_what_it_sealed_and_seals_the_same_again() {
        let handle = keys().seal(HandleKind::AccessToken, &ID);
        assert!(handle.starts_with("tb_at_"));
        assert_eq!(handle, keys().seal(HandleKind::AccessToken, &ID));
        assert_eq!(keys().open(HandleKind::AccessToken, &handle), Ok(ID));
    }

    #[test]
    fn one_kind_is_never_taken_for_another() {
        let handle = keys().seal(HandleKind::RefreshToken, &ID);
        let renamed = handle.replace("tb_rt_", "tb_at_");
        assert_eq!(keys().open(HandleKind::AccessToken, &handle), Err(HandleError::Malformed));
        assert_eq!(keys().open(HandleKind::AccessToken, &renamed), Err(HandleError::Forged));
    }

    #[test]
    fn a_typed_text_is_known_again_after_a_rotation() {
        let before = keys().typed("WDJBMJHT");
        let rotated = HandleKeys::new(HandleKey::new(8, &[2; 32]), vec![keys().current]);
        assert_eq!((before.len(), &before[0]), (1, &rotated.typed("WDJBMJHT")[1]));
        assert_ne!(rotated.typed("WDJBMJHT")[0], rotated.typed("WDJBMJHT")[1]);
        assert_ne!(before, keys().typed("WDJBMJHV"));
        assert!(!format!("{before:?}").contains(char::is_numeric));
    }

    #[test]
    fn every_flipped_bit_is_refused() {
        let handle = keys().seal(HandleKind::AccessToken, &ID);
        let body = URL_SAFE_NO_PAD.decode(&handle[6..]).unwrap();
        for bit in 0..body.len() * 8 {
            let mut forged = body.clone();
            forged[bit / 8] ^= 1 << (bit % 8);
            let forged = format!("tb_at_{}", URL_SAFE_NO_PAD.encode(forged));
            assert!(keys().open(HandleKind::AccessToken, &forged).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn other_lengths_are_refused() {
        let handle = keys().seal(HandleKind::AccessToken, &ID);
        for malformed in ["", "tb_at_", &handle[..handle.len() - 1], &format!("{handle}A")] {
            let opened = keys().open(HandleKind::AccessToken, malformed);
            assert_eq!(opened, Err(HandleError::Malformed), "{malformed}");
        }
    }

    #[test]
    fn a_retired_key_still_opens_and_a_removed_one_does_not() {
        let old = keys().seal(HandleKind::AccessToken, &ID);
        let rotated = HandleKeys::new(HandleKey::new(8, &[2; 32]), vec![keys().current]);
        assert_eq!(rotated.open(HandleKind::AccessToken, &old), Ok(ID));
        assert_ne!(rotated.seal(HandleKind::AccessToken, &ID), old);
        assert_eq!(rotated.seal_with(7, HandleKind::AccessToken, &ID), Some(old.clone()));
        assert_eq!(rotated.seal_with(9, HandleKind::AccessToken, &ID), None);
        let removed = HandleKeys::new(HandleKey::new(8, &[2; 32]), Vec::new());
        assert_eq!(removed.open(HandleKind::AccessToken, &old), Err(HandleError::UnknownKey));
    }
}
