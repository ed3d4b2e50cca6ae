//! The public keys of applications: `jwks`, or what is found at `jwks_uri` (RFC 7591 section 2).

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value};
use tokenbind_binding::jwk::{JwsAlgorithm, PublicKey};

use crate::{error::OAuthError, issuer::Issuer, settings::Settings};

/// A JWK set (RFC 7517 section 5), as far as it can be used.
#[derive(Clone, Debug, Default)]
pub(crate) struct ClientKeys(Vec<ClientKey>);

/// A key of an application.
#[derive(Clone, Debug)]
pub(crate) struct ClientKey {
    kid: Option<String>,
    alg: Option<String>,
    for_signatures: bool,
    pub(crate) key: PublicKey,
    /// The certificate of the key in DER: the first of `x5c` (RFC 7517 section 4.7).
    pub(crate) certificate: Option<Vec<u8>>,
}

impl ClientKeys {
    /// RFC 7517 section 5: keys that are not understood are ignored.
    pub(crate) fn of(jwks: &Value) -> Self {
        let keys = jwks.get("keys").and_then(Value::as_array).into_iter().flatten();
        Self(keys.filter_map(Value::as_object).filter_map(ClientKey::read).collect())
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &ClientKey> {
        self.0.iter()
    }

    /// The keys that may have made a signature by `algorithm` whose header names `kid`, or none.
    pub(crate) fn candidates(
        &self,
        kid: Option<&str>,
        algorithm: JwsAlgorithm,
    ) -> impl Iterator<Item = &PublicKey> {
        let fits = move |key: &&ClientKey| {
            let named = kid.is_none_or(|kid| key.kid.as_deref() == Some(kid));
            let meant =
                key.alg.as_deref().is_none_or(|alg| JwsAlgorithm::parse(alg) == Some(algorithm));
            named && meant && key.for_signatures && key.key.signs_by(algorithm)
        };
        self.0.iter().filter(fits).map(|key| &key.key)
    }
}

impl ClientKey {
    fn read(jwk: &Map<String, Value>) -> Option<Self> {
        let text = |name| jwk.get(name).and_then(Value::as_str);
        let certificate = jwk.get("x5c").and_then(|chain| chain.get(0)).and_then(Value::as_str);
        Some(Self {
            kid: text("kid").map(Into::into),
            alg: text("alg").map(Into::into),
            for_signatures: text("use").is_none_or(|key_use| key_use == "sig"),
            key: PublicKey::from_jwk(jwk).ok()?,
            certificate: certificate.and_then(|text| STANDARD.decode(text).ok()),
        })
    }
}

impl Issuer {
    /// The keys of an application.
    ///
    /// # Errors
    /// [`OAuthError`] if they cannot be had.
    #[expect(clippy::unused_async, reason = "keys at a URL have to be fetched")]
    pub(crate) async fn client_keys(
        &self,
        settings: &Settings,
    ) -> Result<Arc<ClientKeys>, OAuthError> {
        Ok(Arc::new(settings.jwks.as_ref().map(ClientKeys::of).unwrap_or_default()))
    }
}
