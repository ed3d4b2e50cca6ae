//! What a request shows of private keys that its sender holds.

use tokenbind_binding::{PeerCertificate, dpop::ShownProof};

use crate::endpoint::Target;

/// Proofs of possession, as they came.
#[derive(Clone, Copy, Debug)]
pub struct Proofs<'a> {
    /// The client certificate, its private key proved.
    pub certificate: Option<&'a PeerCertificate>,
    /// The `DPoP` header, unchecked.
    pub dpop: ShownProof<'a>,
    /// What the request is for, which a DPoP proof must name.
    pub target: Target<'a>,
}
