//! A private key of an application, and what it signs: DPoP proofs, assertions, request objects.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use aws_lc_rs::{
    rand::SystemRandom,
    rsa::{self, KeySize},
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
        RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding,
    },
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};

use crate::{AuthorizationRequest, sha256};

/// A private key that signs by one algorithm.
#[derive(Clone)]
pub struct Signer {
    key: Arc<PrivateKey>,
    jwk: Value,
}

enum PrivateKey {
    Es256(EcdsaKeyPair),
    EdDsa(Ed25519KeyPair),
    Rsa(rsa::KeyPair, &'static str, &'static dyn RsaEncoding),
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({})", self.alg())
    }
}

impl Signer {
    /// A new key for ES256.
    #[must_use]
    pub fn es256() -> Self {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
        // An uncompressed point: 4, then x and y of 32 bytes each (SEC 1 section 2.3.3).
        let (x, y) = key.public_key().as_ref()[1..].split_at(32);
        let jwk = json!({ "kty": "EC", "crv": "P-256", "x": encoded(x), "y": encoded(y) });
        Self { key: Arc::new(PrivateKey::Es256(key)), jwk }
    }

    /// A new key for `EdDSA`.
    #[must_use]
    pub fn eddsa() -> Self {
        let key = Ed25519KeyPair::generate().expect("a key");
        let x = encoded(key.public_key().as_ref());
        let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "x": x });
        Self { key: Arc::new(PrivateKey::EdDsa(key)), jwk }
    }

    /// A new key for PS256.
    #[must_use]
    pub fn ps256() -> Self {
        Self::rsa("PS256", &RSA_PSS_SHA256)
    }

    /// A new key for RS256.
    #[must_use]
    pub fn rs256() -> Self {
        Self::rsa("RS256", &RSA_PKCS1_SHA256)
    }

    fn rsa(alg: &'static str, padding: &'static dyn RsaEncoding) -> Self {
        let key = rsa::KeyPair::generate(KeySize::Rsa2048).expect("a key");
        let public = key.public_key();
        let n = encoded(public.modulus().big_endian_without_leading_zero());
        let e = encoded(public.exponent().big_endian_without_leading_zero());
        let jwk = json!({ "kty": "RSA", "n": n, "e": e });
        Self { key: Arc::new(PrivateKey::Rsa(key, alg, padding)), jwk }
    }

    /// The value of `alg`.
    #[must_use]
    pub fn alg(&self) -> &'static str {
        match &*self.key {
            PrivateKey::Es256(_) => "ES256",
            PrivateKey::EdDsa(_) => "EdDSA",
            PrivateKey::Rsa(_, alg, _) => alg,
        }
    }

    /// The public key as a JWK.
    #[must_use]
    pub fn jwk(&self) -> Value {
        self.jwk.clone()
    }

    /// A set with the public key alone, as an application registers it (`jwks`).
    #[must_use]
    pub fn jwks(&self) -> Value {
        let mut jwk = self.jwk();
        jwk["kid"] = self.kid().into();
        jwk["alg"] = self.alg().into();
        jwk["use"] = "sig".into();
        json!({ "keys": [jwk] })
    }

    /// The name of the key in [`Signer::jwks`].
    #[must_use]
    pub fn kid(&self) -> String {
        self.thumbprint()
    }

    /// `jkt` (RFC 7638).
    #[must_use]
    pub fn thumbprint(&self) -> String {
        // The members are in the order of their names, as serde_json keeps them.
        let mut names: Vec<_> = self.jwk.as_object().expect("an object").keys().collect();
        names.sort_unstable();
        let members = names.iter().map(|name| format!("\"{name}\":{}", self.jwk[*name]));
        sha256(&format!("{{{}}}", members.collect::<Vec<_>>().join(",")))
    }

    /// A JWS in compact serialization (RFC 7515 section 7.1) of exactly this header and these claims.
    #[must_use]
    pub fn jws(&self, header: &Value, claims: &Value) -> String {
        let [header, claims] = [header, claims].map(|part| encoded(part.to_string().as_bytes()));
        let message = format!("{header}.{claims}");
        let signature = encoded(&self.sign(message.as_bytes()));
        format!("{message}.{signature}")
    }

    #[expect(clippy::disallowed_methods, reason = "the library ignores the argument that it asks")]
    fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &*self.key {
            PrivateKey::Es256(key) => {
                key.sign(&random, message).expect("a signature").as_ref().to_vec()
            }
            PrivateKey::EdDsa(key) => key.sign(message).as_ref().to_vec(),
            PrivateKey::Rsa(key, _, padding) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(*padding, &random, message, &mut signature).expect("a signature");
                signature
            }
        }
    }

    /// The header of a DPoP proof by this key (RFC 9449 section 4.2).
    #[must_use]
    pub fn dpop_header(&self) -> Value {
        json!({ "typ": "dpop+jwt", "alg": self.alg(), "jwk": self.jwk })
    }

    /// A DPoP proof for a request, used once only. What `more` names takes the place of what would be
    /// claimed.
    #[must_use]
    pub fn dpop_proof(&self, method: &str, url: &str, more: &Value) -> String {
        let claims = json!({ "jti": unique("proof"), "htm": method, "htu": url, "iat": now() });
        self.jws(&self.dpop_header(), &merged(claims, more))
    }

    /// What a client authenticates with (RFC 7523 section 3), used once only. What `more` names takes the place
    /// of what would be claimed.
    #[must_use]
    pub fn assertion(&self, client_id: &str, audience: &str, more: &Value) -> String {
        let claims = json!({
            "iss": client_id,
            "sub": client_id,
            "aud": audience,
            "jti": unique("assertion"),
            "iat": now(),
            "exp": now() + 60,
        });
        self.jws(&json!({ "alg": self.alg(), "kid": self.kid() }), &merged(claims, more))
    }
}

impl Signer {
    /// An authorization request that the application signs (RFC 9101). What `more` names takes the place of what
    /// would be claimed.
    #[must_use]
    pub fn request_object(
        &self,
        request: &AuthorizationRequest,
        audience: &str,
        more: &Value,
    ) -> String {
        let parameters = request.parameters.iter();
        let mut claims: Map<String, Value> =
            parameters.map(|(name, value)| (name.clone(), value.as_str().into())).collect();
        let iss = request.get("client_id");
        let own = json!({ "iss": iss, "aud": audience, "nbf": now(), "exp": now() + 300 });
        claims.extend(own.as_object().expect("an object").clone());
        let header = json!({ "alg": self.alg(), "kid": self.kid(), "typ": "oauth-authz-req+jwt" });
        self.jws(&header, &merged(claims.into(), more))
    }
}

/// Seconds since 1970.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "clients go by the time that it is")]
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs()
}

/// A text that no process of the tests makes twice.
pub(crate) fn unique(what: &str) -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{what} {number} of {} at {}", std::process::id(), now())
}

fn encoded(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// `claims`, and `more` in place of what it names; `null` takes a claim away.
fn merged(mut claims: Value, more: &Value) -> Value {
    let members = claims.as_object_mut().expect("an object");
    for (name, value) in more.as_object().into_iter().flatten() {
        members.insert(name.clone(), value.clone());
    }
    members.retain(|_, value| !value.is_null());
    claims
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc7638_section_3_1_the_thumbprint_takes_the_members_in_their_order() {
        let signer = Signer::es256();
        let (x, y) = (&signer.jwk["x"], &signer.jwk["y"]);
        let canonical = format!(r#"{{"crv":"P-256","kty":"EC","x":{x},"y":{y}}}"#);
        assert_eq!(signer.thumbprint(), sha256(&canonical));
    }

    #[test]
    fn claims_are_replaced_and_taken_away() {
        let claims = merged(json!({ "a": 1, "b": 2 }), &json!({ "a": 3, "b": null, "c": 4 }));
        assert_eq!(claims, json!({ "a": 3, "c": 4 }));
    }
}
