//! Keys that sign, and what the world may know of them.

use std::fmt;

use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der},
    error::{KeyRejected, Unspecified},
    rand::SystemRandom,
    rsa::{self, KeySize},
    signature::{
        self, ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair,
        Ed25519KeyPair, KeyPair, ParsedPublicKey, VerificationAlgorithm,
    },
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::{KeyId, SigningAlgorithm};

enum PrivateKey {
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Rsa(rsa::KeyPair, &'static dyn signature::RsaEncoding),
}

/// A key pair that signs by one algorithm.
pub struct SigningKey {
    id: KeyId,
    algorithm: SigningAlgorithm,
    private: PrivateKey,
    public: ParsedPublicKey,
    jwk: Value,
}

impl SigningKey {
    /// A new private key for `algorithm`, in PKCS#8 DER.
    ///
    /// # Errors
    /// [`Unspecified`] if the library cannot generate one.
    pub fn generate(algorithm: SigningAlgorithm) -> Result<Zeroizing<Vec<u8>>, Unspecified> {
        let pkcs8 = match algorithm {
            SigningAlgorithm::ES256 => {
                let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?;
                pair.to_pkcs8v1()?.as_ref().to_vec()
            }
            SigningAlgorithm::EdDSA => Ed25519KeyPair::generate()?.to_pkcs8()?.as_ref().to_vec(),
            SigningAlgorithm::RS256 | SigningAlgorithm::PS256 => {
                let pair = rsa::KeyPair::generate(KeySize::Rsa2048)?;
                AsDer::<Pkcs8V1Der<'_>>::as_der(&pair)?.as_ref().to_vec()
            }
        };
        Ok(Zeroizing::new(pkcs8))
    }

    /// From a private key in PKCS#8 DER.
    ///
    /// # Errors
    /// [`KeyRejected`] if it is no key of this algorithm.
    pub fn from_pkcs8(
        id: KeyId,
        algorithm: SigningAlgorithm,
        pkcs8: &[u8],
    ) -> Result<Self, KeyRejected> {
        let private = match algorithm {
            SigningAlgorithm::ES256 => PrivateKey::Ecdsa(EcdsaKeyPair::from_pkcs8(
                &ECDSA_P256_SHA256_FIXED_SIGNING,
                pkcs8,
            )?),
            SigningAlgorithm::EdDSA => PrivateKey::Ed25519(Ed25519KeyPair::from_pkcs8(pkcs8)?),
            SigningAlgorithm::RS256 => {
                PrivateKey::Rsa(rsa::KeyPair::from_pkcs8(pkcs8)?, &signature::RSA_PKCS1_SHA256)
            }
            SigningAlgorithm::PS256 => {
                PrivateKey::Rsa(rsa::KeyPair::from_pkcs8(pkcs8)?, &signature::RSA_PSS_SHA256)
            }
        };
        let public = ParsedPublicKey::new(verification(algorithm), private.public_bytes())?;
        let mut jwk = private.public_jwk();
        jwk["kid"] = id.to_string().into();
        jwk["alg"] = algorithm.as_str().into();
        jwk["use"] = "sig".into();
        Ok(Self { id, algorithm, private, public, jwk })
    }

    /// Its name, `kid` in hexadecimal.
    #[must_use]
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// Its algorithm.
    #[must_use]
    pub const fn algorithm(&self) -> SigningAlgorithm {
        self.algorithm
    }

    /// The public key as a JWK (RFC 7517).
    #[must_use]
    pub const fn jwk(&self) -> &Value {
        &self.jwk
    }

    /// Signs `message`, in the form that RFC 7518 section 3 gives for the algorithm.
    ///
    /// # Errors
    /// [`Unspecified`] if the library cannot sign.
    #[expect(clippy::disallowed_methods, reason = "the library ignores the argument that it asks")]
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Unspecified> {
        let random = SystemRandom::new();
        match &self.private {
            PrivateKey::Ecdsa(pair) => Ok(pair.sign(&random, message)?.as_ref().to_vec()),
            PrivateKey::Ed25519(pair) => Ok(pair.try_sign(message)?.as_ref().to_vec()),
            PrivateKey::Rsa(pair, padding) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(*padding, &random, message, &mut signature)?;
                Ok(signature)
            }
        }
    }

    /// Whether this key made `signature` over `message`.
    ///
    /// # Errors
    /// [`Unspecified`] if it did not.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), Unspecified> {
        self.public.verify_sig(message, signature)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({} {})", self.algorithm.as_str(), self.id)
    }
}

impl PrivateKey {
    fn public_bytes(&self) -> &[u8] {
        match self {
            Self::Ecdsa(pair) => pair.public_key().as_ref(),
            Self::Ed25519(pair) => pair.public_key().as_ref(),
            Self::Rsa(pair, _) => pair.public_key().as_ref(),
        }
    }

    fn public_jwk(&self) -> Value {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        match self {
            // An uncompressed point: 4, then x and y of 32 bytes each (SEC 1 section 2.3.3).
            Self::Ecdsa(pair) => {
                let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
                json!({ "kty": "EC", "crv": "P-256", "x": text(x), "y": text(y) })
            }
            Self::Ed25519(pair) => {
                json!({ "kty": "OKP", "crv": "Ed25519", "x": text(pair.public_key().as_ref()) })
            }
            Self::Rsa(pair, _) => {
                let key = pair.public_key();
                let n = text(key.modulus().big_endian_without_leading_zero());
                let e = text(key.exponent().big_endian_without_leading_zero());
                json!({ "kty": "RSA", "n": n, "e": e })
            }
        }
    }
}

fn verification(algorithm: SigningAlgorithm) -> &'static dyn VerificationAlgorithm {
    match algorithm {
        SigningAlgorithm::ES256 => &ECDSA_P256_SHA256_FIXED,
        SigningAlgorithm::EdDSA => &signature::ED25519,
        SigningAlgorithm::RS256 => &signature::RSA_PKCS1_2048_8192_SHA256,
        SigningAlgorithm::PS256 => &signature::RSA_PSS_2048_8192_SHA256,
    }
}
