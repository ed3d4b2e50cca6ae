//! Encryption of keys at rest.

use std::fmt;

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey},
    error::Unspecified,
};
use zeroize::Zeroizing;

use super::{KeyId, KeyUse};

const NONCE_LEN: usize = 12;

/// The key under which all other keys are encrypted in the database. It is kept outside of it, so
/// that a leaked database opens and forges nothing.
pub struct ServerKey(RandomizedNonceKey);

impl ServerKey {
    /// From its 32 secret bytes.
    #[must_use]
    pub fn new(secret: &[u8; 32]) -> Self {
        match RandomizedNonceKey::new(&AES_256_GCM, secret) {
            Ok(key) => Self(key),
            Err(Unspecified) => unreachable!("AES-256 takes 32 bytes"),
        }
    }

    /// Encrypts a key: nonce, then ciphertext and tag. Name and use of the key are authenticated, so
    /// that one key cannot be put in the place of another.
    ///
    /// # Errors
    /// [`Unspecified`] if the cipher fails.
    pub fn seal(&self, id: KeyId, key_use: KeyUse, secret: &[u8]) -> Result<Vec<u8>, Unspecified> {
        let mut ciphertext = secret.to_vec();
        let nonce = self.0.seal_in_place_append_tag(aad(id, key_use), &mut ciphertext)?;
        let mut sealed = nonce.as_ref().to_vec();
        sealed.append(&mut ciphertext);
        Ok(sealed)
    }

    /// Decrypts what [`ServerKey::seal`] made of the same key.
    ///
    /// # Errors
    /// [`Unspecified`] for anything else.
    pub fn open(
        &self,
        id: KeyId,
        key_use: KeyUse,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Unspecified> {
        let (nonce, ciphertext) = sealed.split_first_chunk::<NONCE_LEN>().ok_or(Unspecified)?;
        let mut buffer = Zeroizing::new(ciphertext.to_vec());
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let plain = self.0.open_in_place(nonce, aad(id, key_use), &mut buffer)?.len();
        buffer.truncate(plain);
        Ok(buffer)
    }
}

impl fmt::Debug for ServerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServerKey(…)")
    }
}

fn aad(id: KeyId, key_use: KeyUse) -> Aad<String> {
    Aad::from(format!("tokenbind/key/{id}/{}", key_use.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: KeyId = KeyId(5);

    #[test]
    fn opens_only_what_it_sealed_under_the_same_name_and_use() {
        let key = ServerKey::new(&[1; 32]);
        let sealed = key.seal(ID, KeyUse::Handle, b"secret").unwrap();
        assert!(!sealed.windows(6).any(|window| window == b"secret"));
        assert_eq!(key.open(ID, KeyUse::Handle, &sealed).unwrap().as_slice(), b"secret");
        assert!(key.open(KeyId(6), KeyUse::Handle, &sealed).is_err());
        let signing = KeyUse::Signing(super::super::SigningAlgorithm::ES256);
        assert!(key.open(ID, signing, &sealed).is_err());
        assert!(ServerKey::new(&[2; 32]).open(ID, KeyUse::Handle, &sealed).is_err());
        assert!(key.open(ID, KeyUse::Handle, &sealed[..5]).is_err());
    }
}
