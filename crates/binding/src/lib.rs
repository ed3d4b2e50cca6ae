//! What a token hangs from, how a request proves it, and when a token is dead.
//!
//! Everything here is pure: no I/O, no clock, no randomness of its own. The authorization server and
//! every resource server decide with the same functions, so that they cannot disagree.

pub mod anchor;
pub mod bindings;
pub mod certificate;
pub mod certificate_header;
pub mod client_request;
pub mod cookie;
pub mod descent;
pub mod device_flow;
pub mod dpop;
pub mod evidence;
pub mod grant_type;
pub mod handle;
pub mod id;
pub mod jti;
pub mod jwk;
pub mod jws;
pub mod reference;
pub mod requirement;
pub mod session;
pub mod sso_session;
pub mod thumbprint;
pub mod time;
pub mod token;

pub use anchor::{Anchor, Dead, End, Ended, Ends};
pub use bindings::{Binding, BindingType, Bindings, Mismatch, Refusal};
pub use certificate::{PeerCertificate, ShownCertificate};
pub use descent::{Ancestor, Descent, NoDescent};
pub use evidence::{Cookies, Evidence, ShownCookie};
pub use grant_type::GrantType;
pub use id::{
    ClientId, CodeId, DeviceCodeId, GrantId, PushedRequestId, RefreshTokenId, SessionId, SubjectId,
    TokenId,
};
pub use jti::{ClaimOutcome, JtiClaim};
pub use reference::Reference;
pub use requirement::{Requirement, TokenFacts, Unmet};
pub use session::{Session, TokenSession};
pub use thumbprint::Thumbprint;
pub use time::{Clock, Instant, Random, Timestamp};
pub use token::Token;
