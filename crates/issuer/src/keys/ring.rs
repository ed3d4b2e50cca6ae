//! The keys that are in force.

use std::{fmt, sync::Arc};

use aws_lc_rs::error::{KeyRejected, Unspecified};
use serde_json::{Value, json};
use tokenbind_binding::{
    Random,
    handle::{HandleKey, HandleKeys, HandleKind},
    time::random_bytes,
};
use zeroize::Zeroizing;

use super::{KeyId, KeyUse, ServerKey, SigningAlgorithm, SigningKey};
use crate::{pairwise::PairwiseKey, store::StoredKey};

/// Why the keys cannot be used.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum KeyError {
    /// The database holds keys that were encrypted under another server key.
    #[error("the key {0} in the database cannot be decrypted: was the server key replaced?")]
    WrongServerKey(KeyId),
    /// A use has no current key.
    #[error("there is no current key for {0}")]
    Missing(&'static str),
    /// The cryptographic library failed.
    #[error("a key could not be generated or used")]
    Library,
}

impl From<Unspecified> for KeyError {
    fn from(_: Unspecified) -> Self {
        Self::Library
    }
}

impl From<KeyRejected> for KeyError {
    fn from(_: KeyRejected) -> Self {
        Self::Library
    }
}

/// All keys in force: the current ones make, the retired ones still check.
pub struct KeyRing {
    /// Make and open handles.
    pub handles: HandleKeys,
    pairwise: PairwiseKey,
    signing: Vec<(Arc<SigningKey>, bool)>,
}

impl KeyRing {
    /// Opens the keys of a store.
    ///
    /// # Errors
    /// [`KeyError`]; nothing is skipped, so a ring is whole or not there.
    pub fn open(stored: &[StoredKey], server_key: &ServerKey) -> Result<Self, KeyError> {
        let mut current = None;
        let mut retired = Vec::new();
        let mut pairwise = None;
        let mut signing = Vec::new();
        for key in stored {
            let secret = server_key
                .open(key.id, key.key_use, &key.sealed)
                .map_err(|_| KeyError::WrongServerKey(key.id))?;
            match key.key_use {
                KeyUse::Handle => {
                    let handle_key = HandleKey::new(key.id.0, of_32_bytes(&secret)?);
                    if key.retired {
                        retired.push(handle_key);
                    } else {
                        current = Some(handle_key);
                    }
                }
                KeyUse::Signing(algorithm) => {
                    let pair = SigningKey::from_pkcs8(key.id, algorithm, &secret)?;
                    signing.push((Arc::new(pair), key.retired));
                }
                KeyUse::Pairwise => pairwise = Some(PairwiseKey::new(of_32_bytes(&secret)?)),
            }
        }
        let missing = |key_use: KeyUse| KeyError::Missing(key_use.as_str());
        let current = current.ok_or_else(|| missing(KeyUse::Handle))?;
        let pairwise = pairwise.ok_or_else(|| missing(KeyUse::Pairwise))?;
        Ok(Self { handles: HandleKeys::new(current, retired), pairwise, signing })
    }

    /// A fresh key for each use, to be stored. Takes a good part of a second where an RSA key is among
    /// them.
    ///
    /// # Errors
    /// [`KeyError::Library`].
    pub fn generate(
        uses: &[KeyUse],
        server_key: &ServerKey,
        random: &dyn Random,
    ) -> Result<Vec<StoredKey>, KeyError> {
        uses.iter().map(|&key_use| generate_one(key_use, server_key, random)).collect()
    }

    /// What makes pairwise subjects.
    #[must_use]
    pub const fn pairwise(&self) -> &PairwiseKey {
        &self.pairwise
    }

    /// The key that new handles are made with.
    #[must_use]
    pub const fn handle_key(&self) -> KeyId {
        KeyId(self.handles.current())
    }

    /// A handle made with the key of this name, current or retired.
    ///
    /// # Errors
    /// [`KeyError::Missing`] if there is no such key.
    pub fn seal_with(
        &self,
        key: KeyId,
        kind: HandleKind,
        id: &[u8; 16],
    ) -> Result<String, KeyError> {
        self.handles.seal_with(key.0, kind, id).ok_or(KeyError::Missing(KeyUse::Handle.as_str()))
    }

    /// The current key that signs by `algorithm`.
    ///
    /// # Errors
    /// [`KeyError::Missing`].
    pub fn signing_key(&self, algorithm: SigningAlgorithm) -> Result<&Arc<SigningKey>, KeyError> {
        self.signing
            .iter()
            .find(|(key, retired)| key.algorithm() == algorithm && !retired)
            .map(|(key, _)| key)
            .ok_or(KeyError::Missing(algorithm.as_str()))
    }

    /// The key, current or retired, whose `kid` is this.
    #[must_use]
    pub fn by_kid(&self, kid: &str) -> Option<&SigningKey> {
        let id = KeyId(u32::from_str_radix(kid, 16).ok()?);
        self.signing.iter().map(|(key, _)| &**key).find(|key| key.id() == id)
    }

    /// The public keys (RFC 7517 section 5).
    #[must_use]
    pub fn jwks(&self) -> Value {
        json!({ "keys": self.signing.iter().map(|(key, _)| key.jwk()).collect::<Vec<_>>() })
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.signing).finish()
    }
}

fn of_32_bytes(secret: &[u8]) -> Result<&[u8; 32], KeyError> {
    secret.try_into().map_err(|_| KeyError::Library)
}

fn generate_one(
    key_use: KeyUse,
    server_key: &ServerKey,
    random: &dyn Random,
) -> Result<StoredKey, KeyError> {
    let id = KeyId(u32::from_be_bytes(random_bytes(random)));
    let sealed = match key_use {
        KeyUse::Handle | KeyUse::Pairwise => {
            let secret = Zeroizing::new(random_bytes::<32>(random));
            server_key.seal(id, key_use, &*secret)?
        }
        KeyUse::Signing(algorithm) => {
            server_key.seal(id, key_use, &SigningKey::generate(algorithm)?)?
        }
    };
    Ok(StoredKey { id, key_use, sealed, retired: false })
}
