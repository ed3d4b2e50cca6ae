//! ID tokens that come back as `id_token_hint` (OpenID Connect Core section 3.1.2.1, RP-Initiated Logout
//! section 2).

use serde::Deserialize;
use tokenbind_binding::{ClientId, SessionId, Timestamp};

use super::ID_TOKEN_TYP;
use crate::{
    issuer::Issuer,
    jwt::{self, JwtError},
    keys::KeyRing,
};

/// What an ID token of ours says of the login that it tells of. It may have expired long ago.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct HintClaims {
    /// The application that it was issued to.
    pub(crate) client_id: ClientId,
    /// `sub`, as that application was told.
    pub(crate) subject: Box<str>,
    /// `sid`.
    pub(crate) session: SessionId,
    /// `iat`.
    pub(crate) issued_at: Timestamp,
    /// `exp`.
    pub(crate) expires_at: Timestamp,
}

/// A hint that is no ID token of ours.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum HintError {
    /// Not signed by this server as an ID token.
    #[error("id_token_hint must be an ID token of this server: {0}")]
    NotOurs(#[from] JwtError),
    /// Made under another name of this server.
    #[error("id_token_hint must be an ID token of this issuer")]
    OtherIssuer,
    /// There is no telling whom it was issued to.
    #[error("id_token_hint must name one application")]
    NoApplication,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: Box<str>,
    aud: Audience,
    azp: Option<String>,
    sid: SessionId,
    iat: Timestamp,
    exp: Timestamp,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

impl Issuer {
    /// What an `id_token_hint` says, if this server signed it, with a key that it still holds.
    /// `exp` does not matter: the hint names a login, and gives no access.
    ///
    /// # Errors
    /// [`HintError`], in words for the user.
    pub(crate) fn read_id_token_hint(&self, hint: &str) -> Result<HintClaims, HintError> {
        read(&self.keys(), &self.config.issuer, hint)
    }
}

fn read(keys: &KeyRing, issuer: &str, hint: &str) -> Result<HintClaims, HintError> {
    let claims: Claims = jwt::verify(keys, ID_TOKEN_TYP, hint)?;
    if claims.iss != issuer {
        return Err(HintError::OtherIssuer);
    }
    let client_id = ClientId::new(application(claims.azp, claims.aud)?);
    Ok(HintClaims {
        client_id,
        subject: claims.sub,
        session: claims.sid,
        issued_at: claims.iat,
        expires_at: claims.exp,
    })
}

/// OpenID Connect Core section 2: `azp` is "the party to which the ID Token was issued"; without it, the one
/// audience is.
fn application(party: Option<String>, audience: Audience) -> Result<String, HintError> {
    let audience = match audience {
        Audience::One(one) => vec![one],
        Audience::Several(several) => several,
    };
    match (party, <[_; 1]>::try_from(audience)) {
        (Some(party), _) => Ok(party),
        (None, Ok([only])) => Ok(only),
        (None, Err(_)) => Err(HintError::NoApplication),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::keys::{SigningAlgorithm, test_ring};

    const ISSUER: &str = "https://as.example";
    const SID: &str = "AAAAAAAAAAAAAAAAAAAAAA";

    fn signed(keys: &KeyRing, typ: &str, claims: &Value) -> String {
        jwt::sign(keys.signing_key(SigningAlgorithm::ES256).unwrap(), typ, claims).unwrap()
    }

    fn claims() -> Value {
        json!({ "iss": ISSUER, "sub": "u1", "aud": "app", "sid": SID, "iat": 0, "exp": 1 })
    }

    #[test]
    fn an_expired_id_token_of_ours_names_application_user_and_session() {
        let keys = test_ring();
        let read = read(&keys, ISSUER, &signed(&keys, "JWT", &claims())).unwrap();
        assert_eq!(read.client_id.as_str(), "app");
        assert_eq!(&*read.subject, "u1");
        assert_eq!(read.session.to_string(), SID);
    }

    #[test]
    fn of_several_audiences_the_authorized_party_is_the_application() {
        let keys = test_ring();
        let mut several = claims();
        several["aud"] = json!(["api", "app"]);
        let read = |claims: &Value| read(&keys, ISSUER, &signed(&keys, "JWT", claims));
        assert_eq!(read(&several), Err(HintError::NoApplication));
        several["azp"] = "app".into();
        assert_eq!(read(&several).unwrap().client_id.as_str(), "app");
    }

    #[test]
    fn rp_initiated_logout_section_4_what_is_no_id_token_of_ours_is_refused() {
        let keys = test_ring();
        let refused = |hint: &str| read(&keys, ISSUER, hint).unwrap_err();
        let access_token = signed(&keys, "at+jwt", &claims());
        assert_eq!(refused(&access_token), HintError::NotOurs(JwtError::OtherType));
        let foreign = signed(&test_ring(), "JWT", &claims());
        assert!(matches!(refused(&foreign), HintError::NotOurs(_)));
        let mut elsewhere = claims();
        elsewhere["iss"] = "https://other.example".into();
        assert_eq!(refused(&signed(&keys, "JWT", &elsewhere)), HintError::OtherIssuer);
        let (_, rest) = access_token.split_once('.').unwrap();
        let (body, _) = rest.split_once('.').unwrap();
        // {"alg":"none","typ":"JWT"}
        let unsigned = format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{body}.");
        for hint in [unsigned.as_str(), "", "nonsense", "a.b.c"] {
            assert!(matches!(refused(hint), HintError::NotOurs(_)), "{hint}");
        }
    }
}
