//! DPoP proofs that are broken on purpose (RFC 9449 section 4.2).

use serde_json::{Map, Value, json};

use crate::{Signer, now, sha256, signer::unique};

/// A proof to be changed and signed.
#[derive(Clone, Debug)]
pub struct DpopProof {
    signer: Signer,
    header: Map<String, Value>,
    claims: Map<String, Value>,
}

impl DpopProof {
    /// A good proof for a request, made now.
    #[must_use]
    pub fn new(signer: &Signer, method: &str, url: &str) -> Self {
        let mut proof = Self { signer: signer.clone(), header: Map::new(), claims: Map::new() };
        proof.header.extend(signer.dpop_header().as_object().expect("an object").clone());
        proof
            .claim("jti", unique("proof"))
            .claim("htm", method)
            .claim("htu", url)
            .claim("iat", now())
    }

    /// With this member of the header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.header.insert(name.to_owned(), value.into());
        self
    }

    /// With this claim.
    #[must_use]
    pub fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims.insert(name.to_owned(), value.into());
        self
    }

    /// Without this member of the header, and without this claim.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.header.remove(name);
        self.claims.remove(name);
        self
    }

    /// Made so many seconds from now.
    #[must_use]
    pub fn made(self, offset: i64) -> Self {
        let iat = now().checked_add_signed(offset).expect("a time");
        self.claim("iat", iat)
    }

    /// For use with an access token.
    #[must_use]
    pub fn with_token(self, access_token: &str) -> Self {
        self.claim("ath", sha256(access_token))
    }

    /// `htu`.
    #[must_use]
    pub fn url(&self) -> &str {
        self.claims["htu"].as_str().expect("a URL")
    }

    /// `iat`.
    #[must_use]
    pub fn made_at(&self) -> u64 {
        self.claims["iat"].as_u64().expect("a time")
    }

    /// The value of the `DPoP` header.
    #[must_use]
    pub fn sign(&self) -> String {
        self.signed_by(&self.signer)
    }

    /// The same with a signature by another key than the one in it.
    #[must_use]
    pub fn signed_by(&self, signer: &Signer) -> String {
        signer.jws(&json!(self.header), &json!(self.claims))
    }

    /// The same without a signature.
    #[must_use]
    pub fn unsigned(&self) -> String {
        let signed = self.sign();
        let (message, _) = signed.rsplit_once('.').expect("a signature");
        format!("{message}.")
    }
}
