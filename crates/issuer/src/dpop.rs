//! Proving a key (RFC 9449): the ladder of [`tokenbind_binding::dpop::proof`], climbed with this server's URLs, nonces
//! and store.

use tokenbind_binding::dpop::{
    nonce::Nonces,
    proof::{Accepted, BadProof, Checked, Proof, ProvenRequest},
};

use crate::{
    endpoint::Endpoint,
    error::{ErrorCode, OAuthError},
    issuer::Issuer,
    proofs::Proofs,
    settings::Settings,
};

impl Issuer {
    /// The key that the `DPoP` header of a request proves; `None` if there is none. A proof is used up by
    /// that, so this is for requests of a known application, and once each. With the `access_token`
    /// that comes along, at a protected resource.
    ///
    /// # Errors
    /// `invalid_dpop_proof`, or `use_dpop_nonce` with the nonce to use.
    pub(crate) async fn prove_key(
        &self,
        proofs: &Proofs<'_>,
        settings: &Settings,
        access_token: Option<&str>,
    ) -> Result<Option<Accepted>, OAuthError> {
        let Some(checked) = self.check_proof(proofs, settings, access_token)? else {
            return Ok(None);
        };
        let outcome = self.store.claim_jti(checked.claim()).await?;
        checked.accept(outcome).map(Some).map_err(|bad| refusal(bad, proofs.target.endpoint))
    }

    /// The same without using it up: for a request that a store verb answers, which claims it in its own
    /// transaction.
    ///
    /// # Errors
    /// As [`Self::prove_key`].
    pub(crate) fn check_proof(
        &self,
        proofs: &Proofs<'_>,
        settings: &Settings,
        access_token: Option<&str>,
    ) -> Result<Option<Checked>, OAuthError> {
        let refused = |bad: BadProof| refusal(bad, proofs.target.endpoint);
        let Some(proof) = proofs.dpop.parse().map_err(refused)? else { return Ok(None) };
        self.check_request(proof, proofs, settings, access_token).map(Some).map_err(refused)
    }

    fn check_request(
        &self,
        proof: Proof,
        proofs: &Proofs<'_>,
        settings: &Settings,
        access_token: Option<&str>,
    ) -> Result<Checked, BadProof> {
        let keys = self.keys();
        let now = self.now().timestamp();
        proof.check(&ProvenRequest {
            method: proofs.target.method,
            urls: self.proven_urls.of_endpoint(proofs.target.endpoint),
            nonces: settings.dpop_nonce_required.then(|| Nonces::at(&keys.handles, now)),
            access_token,
            now,
        })
    }
}

/// The refusal of a proof that the store found to be used before.
pub(crate) fn replayed() -> OAuthError {
    refusal(BadProof::Replayed, Endpoint::Token)
}

fn refusal(bad: BadProof, endpoint: Endpoint) -> OAuthError {
    let at_resource = endpoint.is_protected_resource();
    let description = bad.to_string();
    let (code, dpop_nonce) = match bad {
        BadProof::NonceNeeded(nonce) if at_resource => {
            (ErrorCode::UseResourceDpopNonce, Some(nonce))
        }
        BadProof::NonceNeeded(nonce) => (ErrorCode::UseDpopNonce, Some(nonce)),
        _ if at_resource => (ErrorCode::InvalidResourceDpopProof, None),
        _ => (ErrorCode::InvalidDpopProof, None),
    };
    OAuthError { dpop_nonce, ..OAuthError::new(code, description) }
}
