//! The public keys of applications: `jwks`, or what is found at `jwks_uri` (RFC 7591 section 2).

mod fetched;

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value};
use tokenbind_binding::{
    jwk::{JwsAlgorithm, PublicKey},
    jws::UnverifiedJws,
};

pub(crate) use fetched::FetchedKeys;

use crate::{
    error::{ErrorCode, OAuthError},
    issuer::Issuer,
    keys::SigningAlgorithm,
    settings::Settings,
};

/// The algorithms that applications may sign with (`*_signing_alg_values_supported`).
pub(crate) const SIGNING_ALGORITHMS: [&str; 4] = ["ES256", "PS256", "EdDSA", "RS256"];

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
    fn candidates(
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

    /// The claims, if one of the keys has signed them.
    fn verify(
        &self,
        jws: &UnverifiedJws<'_>,
        algorithm: JwsAlgorithm,
    ) -> Option<Map<String, Value>> {
        self.candidates(jws.header_text("kid"), algorithm)
            .find_map(|key| jws.clone().verify(key, algorithm).ok())
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

/// Why a signature of an application is not believed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct NotSigned {
    /// What was expected.
    pub(crate) description: String,
    /// What the operator should know beyond that.
    pub(crate) log: Option<String>,
}

impl NotSigned {
    pub(crate) fn into_error(self, code: ErrorCode) -> OAuthError {
        OAuthError { log: self.log, ..OAuthError::new(code, self.description) }
    }
}

impl From<String> for NotSigned {
    fn from(description: String) -> Self {
        Self { description, log: None }
    }
}

impl Issuer {
    /// The keys of an application.
    ///
    /// # Errors
    /// `invalid_client` if they cannot be had.
    pub(crate) async fn client_keys(
        &self,
        settings: &Settings,
    ) -> Result<Arc<ClientKeys>, OAuthError> {
        self.keys_of(settings).await.map_err(|error| error.into_error(ErrorCode::InvalidClient))
    }

    async fn keys_of(&self, settings: &Settings) -> Result<Arc<ClientKeys>, NotSigned> {
        match (&settings.jwks, &settings.jwks_uri) {
            (Some(jwks), _) => Ok(Arc::new(ClientKeys::of(jwks))),
            (None, Some(uri)) => self.fetched_keys.get(uri, self.now()).await,
            (None, None) => Ok(Arc::default()),
        }
    }

    /// The claims that an application signed, by `registered` alone if that is set. Keys at `jwks_uri` are
    /// fetched anew for a signature that none of the known ones made.
    pub(crate) async fn verify_signed_by(
        &self,
        settings: &Settings,
        jws: &UnverifiedJws<'_>,
        registered: Option<SigningAlgorithm>,
    ) -> Result<Map<String, Value>, NotSigned> {
        let algorithm = allowed_algorithm(settings, jws, registered)?;
        if let Some(claims) = self.keys_of(settings).await?.verify(jws, algorithm) {
            return Ok(claims);
        }
        let newer = match &settings.jwks_uri {
            Some(uri) => self.fetched_keys.newer(uri, self.now()).await?,
            None => Arc::default(),
        };
        newer.verify(jws, algorithm).ok_or_else(|| {
            NotSigned::from("no key of the application has made the signature".to_owned())
        })
    }
}

/// RFC 8725 section 3.1: the algorithm is checked before any key is tried. RS256 is for applications without
/// a profile of FAPI (FAPI 2.0 Security Profile section 5.4.1).
fn allowed_algorithm(
    settings: &Settings,
    jws: &UnverifiedJws<'_>,
    registered: Option<SigningAlgorithm>,
) -> Result<JwsAlgorithm, NotSigned> {
    let allowed: Vec<JwsAlgorithm> = JwsAlgorithm::ALL
        .into_iter()
        .filter(|alg| !settings.fapi().is_on() || *alg != JwsAlgorithm::RS256)
        .filter(|alg| registered.is_none_or(|registered| registered.as_str() == alg.as_str()))
        .collect();
    jws.algorithm().filter(|algorithm| allowed.contains(algorithm)).ok_or_else(|| {
        let names: Vec<_> = allowed.into_iter().map(JwsAlgorithm::as_str).collect();
        format!("the signature must be by {}", names.join(", ")).into()
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::settings::FapiProfile;

    const X: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

    fn jws(alg: &str) -> String {
        use base64::engine::general_purpose::URL_SAFE_NO_PAD;
        format!("{}.e30.", URL_SAFE_NO_PAD.encode(json!({ "alg": alg }).to_string()))
    }

    fn allowed(settings: &Settings, alg: &str, registered: Option<SigningAlgorithm>) -> bool {
        let text = jws(alg);
        let jws = UnverifiedJws::parse(&text).unwrap();
        allowed_algorithm(settings, &jws, registered).is_ok()
    }

    #[test]
    fn rfc8725_section_3_1_only_the_algorithm_that_is_registered_is_believed() {
        let settings = Settings::default();
        for alg in SIGNING_ALGORITHMS {
            assert!(allowed(&settings, alg, None), "{alg}");
        }
        assert!(allowed(&settings, "ES256", Some(SigningAlgorithm::ES256)));
        assert!(!allowed(&settings, "PS256", Some(SigningAlgorithm::ES256)));
        for alg in ["none", "HS256", "ES384", ""] {
            assert!(!allowed(&settings, alg, None), "{alg}");
        }
    }

    #[test]
    fn fapi2_security_profile_section_5_4_1_rs256_is_refused() {
        let settings = Settings { fapi_profile: FapiProfile::Fapi2Security, ..Settings::default() };
        assert!(!allowed(&settings, "RS256", None));
        assert!(!allowed(&settings, "RS256", Some(SigningAlgorithm::RS256)));
        assert!(allowed(&settings, "PS256", None));
    }

    #[test]
    fn rfc7517_section_4_a_key_for_something_else_verifies_nothing() {
        let key = |more: Value| {
            let mut key = json!({ "kty": "OKP", "crv": "Ed25519", "x": X });
            key.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            key
        };
        let count = |more: Value, kid: Option<&str>, algorithm| {
            let keys = ClientKeys::of(&json!({ "keys": [key(more), { "kty": "?" }, 1] }));
            keys.candidates(kid, algorithm).count()
        };
        let eddsa = JwsAlgorithm::EdDSA;
        assert_eq!(count(json!({}), None, eddsa), 1);
        assert_eq!(count(json!({ "kid": "a", "use": "sig", "alg": "EdDSA" }), Some("a"), eddsa), 1);
        assert_eq!(count(json!({ "kid": "a" }), Some("b"), eddsa), 0, "another kid");
        assert_eq!(count(json!({}), Some("b"), eddsa), 0, "no kid");
        assert_eq!(count(json!({ "use": "enc" }), None, eddsa), 0, "for encryption");
        assert_eq!(count(json!({ "alg": "ES256" }), None, eddsa), 0, "for another algorithm");
        assert_eq!(count(json!({}), None, JwsAlgorithm::ES256), 0, "of another type");
    }
}
