//! The types of binding, the bindings that a token carries, and their checks at each moment.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{
    certificate, client_request, cookie, device_flow, dpop, evidence::Evidence,
    grant_type::GrantType, id::ClientId, reference::Reference, sso_session, thumbprint::Thumbprint,
};

/// What a token can be bound to. Closed on purpose: a new type breaks every match until it is answered.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "&'static str")]
pub enum BindingType {
    /// The cookie `atbv` in the user's browser.
    Cookie,
    /// The login session.
    SsoSession,
    /// The TLS client certificate (RFC 8705).
    Certificate,
    /// The `device_code` of the token call (RFC 8628).
    DeviceFlow,
    /// The `tokenBindingId` that the client names.
    ClientRequest,
    /// The client's key (RFC 9449).
    Dpop,
}

impl BindingType {
    /// Every type.
    pub const ALL: [Self; 6] = [
        Self::Cookie,
        Self::SsoSession,
        Self::Certificate,
        Self::DeviceFlow,
        Self::ClientRequest,
        Self::Dpop,
    ];

    /// The name in settings, tokens and introspection (`binding_type`).
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cookie => "cookie",
            Self::SsoSession => "sso-session",
            Self::Certificate => "certificate",
            Self::DeviceFlow => "device-flow",
            Self::ClientRequest => "client-request",
            Self::Dpop => "dpop",
        }
    }

    /// Whether a token of this grant can carry this type. `refresh_token` carries on whatever its
    /// grant was bound to.
    #[must_use]
    pub const fn carried_by(self, grant: GrantType) -> bool {
        match self {
            Self::Cookie | Self::SsoSession => {
                matches!(grant, GrantType::AuthorizationCode | GrantType::RefreshToken)
            }
            Self::DeviceFlow => matches!(grant, GrantType::DeviceCode | GrantType::RefreshToken),
            Self::Certificate | Self::ClientRequest | Self::Dpop => true,
        }
    }

    /// Whether it keeps instances apart: tokens that are bound so live in slots, one in each.
    #[must_use]
    pub const fn has_slots(self) -> bool {
        matches!(self, Self::ClientRequest)
    }

    /// Whether the holder proves it by a private key, so that a copied token is of no use.
    #[must_use]
    pub const fn is_possession(self) -> bool {
        matches!(self, Self::Certificate | Self::Dpop)
    }

    /// Whether it is proved by a DPoP proof.
    #[must_use]
    pub const fn takes_dpop_proof(self) -> bool {
        matches!(self, Self::Dpop)
    }

    /// Whether it is proved by a TLS client certificate.
    #[must_use]
    pub const fn takes_certificate(self) -> bool {
        matches!(self, Self::Certificate)
    }

    /// Whether the one who uses the token shows something that others have not, where that is validated.
    #[must_use]
    pub const fn is_shown_at_use(self) -> bool {
        match self {
            Self::Cookie | Self::SsoSession | Self::Certificate | Self::Dpop => true,
            Self::ClientRequest | Self::DeviceFlow => false,
        }
    }

    /// Whether its tokens die with the login session.
    #[must_use]
    pub const fn needs_session(self) -> bool {
        matches!(self, Self::SsoSession)
    }

    /// Whether it is proved by a cookie, which a page of another origin sends only with credentials.
    #[must_use]
    pub const fn is_cookie(self) -> bool {
        matches!(self, Self::Cookie | Self::SsoSession)
    }

    /// Whether the authorization response sets the cookie that proves it.
    #[must_use]
    pub const fn sets_cookie(self) -> bool {
        matches!(self, Self::Cookie)
    }

    /// Whether this server can issue tokens of this type yet.
    #[must_use]
    pub const fn is_available(self) -> bool {
        match self {
            Self::Cookie
            | Self::SsoSession
            | Self::Certificate
            | Self::DeviceFlow
            | Self::ClientRequest
            | Self::Dpop => true,
        }
    }

    /// Whether the presenter is checked where `validate_token_bindings` says nothing.
    #[must_use]
    pub const fn validated_by_default(self) -> bool {
        !matches!(self, Self::SsoSession)
    }

    const fn code(self) -> u8 {
        match self {
            Self::Cookie => 1,
            Self::SsoSession => 2,
            Self::Certificate => 3,
            Self::DeviceFlow => 4,
            Self::ClientRequest => 5,
            Self::Dpop => 6,
        }
    }
}

impl fmt::Display for BindingType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<BindingType> for &'static str {
    fn from(value: BindingType) -> Self {
        value.as_str()
    }
}

impl TryFrom<String> for BindingType {
    type Error = UnknownBindingType;

    fn try_from(text: String) -> Result<Self, UnknownBindingType> {
        text.parse()
    }
}

/// A name that is no binding type.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not a binding type")]
pub struct UnknownBindingType;

impl FromStr for BindingType {
    type Err = UnknownBindingType;

    fn from_str(text: &str) -> Result<Self, UnknownBindingType> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or(UnknownBindingType)
    }
}

/// One thing that a token is bound to.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Binding {
    /// What kind of thing.
    pub binding_type: BindingType,
    /// Which one.
    pub reference: Reference,
    /// Whether whoever presents the token must show it. Fixed at issue: later settings never remove
    /// a check from a live token. Always so where it is held by possession.
    pub validated: bool,
    /// Where it is held by possession: what names the certificate or the key to others (`cnf`).
    pub confirmation: Option<Thumbprint>,
}

/// The bindings of one token or grant, in the order of the application's `token_binding_types`.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Bindings(Box<[Binding]>);

/// Stored bindings that cannot be read. Their token is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the stored bindings cannot be read")]
pub struct Unreadable;

/// The type, whether it is validated, and the reference.
const ENTRY_LEN: usize = 34;

/// What follows an entry that is held by possession.
const CONFIRMATION_LEN: usize = 32;

impl Bindings {
    /// In the given order.
    #[must_use]
    pub fn new(bindings: Vec<Binding>) -> Self {
        Self(bindings.into())
    }

    /// Their types, in their order.
    #[must_use]
    pub fn types(&self) -> Vec<BindingType> {
        self.0.iter().map(|binding| binding.binding_type).collect()
    }

    /// Whether a login session must be alive.
    #[must_use]
    pub fn need_session(&self) -> bool {
        self.0.iter().any(|binding| binding.binding_type.needs_session())
    }

    /// Whether whoever presents the token has to show anything besides it.
    #[must_use]
    pub fn need_proof(&self) -> bool {
        self.0.iter().any(|binding| binding.validated && binding.binding_type.is_shown_at_use())
    }

    /// Whether whoever presents the token proves a private key.
    #[must_use]
    pub fn need_possession(&self) -> bool {
        self.0.iter().any(|binding| binding.binding_type.is_possession())
    }

    /// Whether the request has to prove a key by DPoP. Then the token is of the type `DPoP`.
    #[must_use]
    pub fn need_dpop(&self) -> bool {
        self.confirmation(BindingType::Dpop).is_some()
    }

    /// What names the certificate or the key of this type.
    #[must_use]
    pub fn confirmation(&self, binding_type: BindingType) -> Option<Thumbprint> {
        self.0.iter().find(|binding| binding.binding_type == binding_type)?.confirmation
    }

    /// The form that stores keep: per binding its type, whether it is validated, its reference, and
    /// its confirmation where it has one.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.0.len() * (ENTRY_LEN + CONFIRMATION_LEN));
        for binding in &*self.0 {
            bytes.extend([binding.binding_type.code(), u8::from(binding.validated)]);
            bytes.extend(binding.reference.as_bytes());
            bytes.extend(binding.confirmation.iter().flat_map(Thumbprint::as_bytes));
        }
        bytes
    }

    /// From the form that stores keep.
    ///
    /// # Errors
    /// [`Unreadable`] for anything that [`Bindings::to_bytes`] does not write.
    pub fn from_bytes(mut bytes: &[u8]) -> Result<Self, Unreadable> {
        let mut bindings = Vec::new();
        while !bytes.is_empty() {
            bindings.push(decode_entry(&mut bytes)?);
        }
        Ok(Self::new(bindings))
    }
}

/// Takes one entry off the front of `bytes`.
fn decode_entry(bytes: &mut &[u8]) -> Result<Binding, Unreadable> {
    let [code, validated, reference @ ..]: [u8; ENTRY_LEN] = take(bytes)?;
    let binding_type =
        BindingType::ALL.into_iter().find(|kind| kind.code() == code).ok_or(Unreadable)?;
    let validated = match validated {
        0 if !binding_type.is_possession() => false,
        1 => true,
        _ => return Err(Unreadable),
    };
    let confirmation = if binding_type.is_possession() {
        Some(Thumbprint::from_bytes(take::<CONFIRMATION_LEN>(bytes)?))
    } else {
        None
    };
    let reference = Reference::from_bytes(reference);
    Ok(Binding { binding_type, reference, validated, confirmation })
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Result<[u8; N], Unreadable> {
    let (taken, rest) = bytes.split_first_chunk::<N>().ok_or(Unreadable)?;
    *bytes = rest;
    Ok(*taken)
}

impl std::ops::Deref for Bindings {
    type Target = [Binding];

    fn deref(&self) -> &[Binding] {
        &self.0
    }
}

/// What an application asks of the tokens that it is issued.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'a> {
    /// `token_binding_types`.
    pub types: &'a [BindingType],
    /// `validate_token_bindings`; absent means per type.
    pub validate: Option<bool>,
    /// `unbound_grants`.
    pub unbound_grants: &'a [GrantType],
}

impl Terms<'_> {
    /// What tokens of this grant are bound by, as far as the grant alone tells.
    #[must_use]
    pub fn types_for(&self, grant: GrantType) -> Vec<BindingType> {
        self.types.iter().copied().filter(|kind| kind.carried_by(grant)).collect()
    }

    /// Whether a token request has to prove a key by DPoP, if this is what was authorized. Where it has
    /// not, nobody looks at its proof.
    #[must_use]
    pub fn need_dpop(&self, authorized: &Authorized) -> bool {
        authorized.dpop.is_some() || self.types.contains(&BindingType::Dpop)
    }
}

/// What was seen when the authorization began, of the browser or of the device, as the code keeps it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Authorized {
    /// The `atbv` that the browser has from then on.
    pub cookie: Option<Reference>,
    /// The login session.
    pub session: Option<Reference>,
    /// The key (`jkt`) that the request named or proved (RFC 9449 section 10).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dpop: Option<Thumbprint>,
    /// The certificate that a device showed when it asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<Thumbprint>,
}

/// Why no token can be bound as the application wants.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refusal {
    /// The grant cannot carry the type, and the application does not allow it to go unbound.
    #[error("a token of the grant {grant} cannot be bound by {binding_type}")]
    NotCarried {
        /// The application's type.
        binding_type: BindingType,
        /// The grant of the request.
        grant: GrantType,
    },
    /// The request shows nothing that the token could be bound to.
    #[error("{} is missing, which the tokens of this application are bound to", proof_of(*.0))]
    Missing(BindingType),
    /// The authorization was not made for a token that is bound so: the settings changed meanwhile.
    #[error("the authorization has nothing that its token can be bound to by {0}; ask again")]
    NotAuthorized(BindingType),
    /// The request shows something else than what was authorized.
    #[error(transparent)]
    Mismatch(#[from] Mismatch),
}

/// At the device authorization endpoint: the keys that the code will be redeemed by, and no others. Where
/// the tokens will be held by possession, that begins with the request: whoever steals the code later
/// has nothing.
///
/// # Errors
/// [`Refusal`]: a key is missing, or the grant cannot carry the type.
pub fn at_device_request(
    terms: &Terms<'_>,
    evidence: &Evidence,
    client_id: &ClientId,
) -> Result<Authorized, Refusal> {
    let mut authorized = Authorized { dpop: evidence.dpop, ..Authorized::default() };
    for binding_type in carried(terms, GrantType::DeviceCode) {
        match binding_type? {
            BindingType::Certificate => {
                let binding = certificate::at_token(None, evidence, client_id)?;
                authorized.certificate = binding.confirmation;
            }
            BindingType::Dpop => {
                authorized.dpop = dpop::at_token(None, evidence, client_id)?.confirmation;
            }
            BindingType::Cookie
            | BindingType::SsoSession
            | BindingType::DeviceFlow
            | BindingType::ClientRequest => {}
        }
    }
    Ok(authorized)
}

/// The types that a token of this grant is bound by, less those that the application lets go.
fn carried(
    terms: &Terms<'_>,
    grant: GrantType,
) -> impl Iterator<Item = Result<BindingType, Refusal>> {
    let unbound = terms.unbound_grants.contains(&grant);
    let types = terms.types.iter().copied();
    types.filter(move |kind| kind.carried_by(grant) || !unbound).map(move |binding_type| {
        if binding_type.carried_by(grant) {
            Ok(binding_type)
        } else {
            Err(Refusal::NotCarried { binding_type, grant })
        }
    })
}

/// At the token endpoint: the bindings of the token to be issued, from what the request shows and,
/// where the grant began in a browser or on a device, what was seen there.
///
/// # Errors
/// [`Refusal`]: a token is never silently unbound.
pub fn at_token(
    terms: &Terms<'_>,
    grant: GrantType,
    authorized: &Authorized,
    evidence: &Evidence,
    client_id: &ClientId,
) -> Result<Bindings, Refusal> {
    dpop::check_authorized(authorized.dpop, evidence)?;
    certificate::check_authorized(authorized.certificate, evidence)?;
    let mut bindings = Vec::new();
    for binding_type in carried(terms, grant) {
        let binding_type = binding_type?;
        let validated = terms.validate.unwrap_or(binding_type.validated_by_default());
        let bound = |reference| Binding { binding_type, reference, validated, confirmation: None };
        bindings.extend(match binding_type {
            BindingType::Cookie => {
                Some(bound(cookie::at_token(authorized.cookie, validated, evidence, client_id)?))
            }
            BindingType::SsoSession => Some(bound(sso_session::at_token(authorized.session)?)),
            BindingType::ClientRequest => client_request::at_token(evidence, client_id).map(bound),
            BindingType::Certificate => {
                Some(certificate::at_token(authorized.certificate, evidence, client_id)?)
            }
            BindingType::Dpop => Some(dpop::at_token(authorized.dpop, evidence, client_id)?),
            BindingType::DeviceFlow => Some(bound(device_flow::at_token(evidence, client_id)?)),
        });
    }
    Ok(Bindings::new(bindings))
}

/// What a request shows in place of what was expected.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Seen {
    /// Nothing.
    Nothing,
    /// Something else.
    Another,
    /// More than one, so that nobody can tell which is meant.
    Several,
}

impl Seen {
    pub(crate) const fn is_something(self) -> bool {
        !matches!(self, Self::Nothing)
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nothing => "none was shown",
            Self::Another => "another one was shown",
            Self::Several => "several were shown",
        })
    }
}

/// A request that shows something else than what the token is bound to, or nothing where something
/// is needed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{} was expected, but {seen}", self.expected())]
pub struct Mismatch {
    /// The binding that does not hold.
    pub binding_type: BindingType,
    /// What the request shows.
    pub seen: Seen,
}

impl Mismatch {
    const fn expected(self) -> &'static str {
        match self.binding_type {
            BindingType::Cookie => "the cookie atbv that the token is bound to",
            BindingType::SsoSession => "the cookie of the login session that the token is bound to",
            BindingType::Certificate => "the client certificate that the token is bound to",
            BindingType::DeviceFlow => "the device_code that the token is bound to",
            BindingType::ClientRequest => "the tokenBindingId that the token is bound to",
            BindingType::Dpop => "a proof by the DPoP key that the token is bound to",
        }
    }

    /// Whether a DPoP proof was expected and there is none (RFC 9449 section 5).
    #[must_use]
    pub const fn is_missing_dpop(self) -> bool {
        matches!(self, Self { binding_type: BindingType::Dpop, seen: Seen::Nothing })
    }
}

const fn proof_of(binding_type: BindingType) -> &'static str {
    match binding_type {
        BindingType::Cookie => "the cookie atbv",
        BindingType::SsoSession => "the login session",
        BindingType::Certificate => "a TLS client certificate",
        BindingType::DeviceFlow => "the device_code",
        BindingType::ClientRequest => "tokenBindingId",
        BindingType::Dpop => "a DPoP proof",
    }
}

/// At refresh: whether the request may go on with a grant that is bound so, and what the new access
/// token is bound to: the same, but for the certificate of a client that authenticates by one.
///
/// # Errors
/// [`Mismatch`], naming the first binding that does not hold.
pub fn at_refresh(
    bindings: &Bindings,
    evidence: &Evidence,
    client_id: &ClientId,
) -> Result<Bindings, Mismatch> {
    let refreshed = bindings.iter().map(|binding| {
        if !binding.validated {
            return Ok(*binding);
        }
        match binding.binding_type {
            BindingType::Cookie => cookie::check(binding, evidence, client_id)?,
            BindingType::SsoSession => sso_session::check(binding, evidence, client_id)?,
            BindingType::ClientRequest => client_request::at_refresh(binding, evidence, client_id)?,
            BindingType::Dpop => dpop::check(binding, evidence, client_id)?,
            BindingType::Certificate => {
                return certificate::at_refresh(binding, evidence, client_id);
            }
            BindingType::DeviceFlow => device_flow::at_refresh(binding, evidence, client_id)?,
        }
        Ok(*binding)
    });
    refreshed.collect::<Result<_, _>>().map(Bindings)
}

/// Where the token is used (userinfo, guard, gateway): whether the request proves what it is bound to.
///
/// # Errors
/// [`Mismatch`], naming the first binding that does not hold.
pub fn at_use(
    bindings: &Bindings,
    evidence: &Evidence,
    client_id: &ClientId,
) -> Result<(), Mismatch> {
    let validated = bindings.iter().filter(|binding| binding.validated);
    validated.into_iter().try_for_each(|binding| match binding.binding_type {
        BindingType::Cookie => cookie::check(binding, evidence, client_id),
        BindingType::SsoSession => sso_session::check(binding, evidence, client_id),
        // Labels: it is enough that nobody ended them.
        BindingType::ClientRequest | BindingType::DeviceFlow => Ok(()),
        BindingType::Certificate => certificate::check(binding, evidence, client_id),
        BindingType::Dpop => dpop::check(binding, evidence, client_id),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client_request::TokenBindingId;

    const CLIENT_REQUEST: Terms<'_> =
        Terms { types: &[BindingType::ClientRequest], validate: None, unbound_grants: &[] };

    fn client() -> ClientId {
        "app".into()
    }

    fn naming(id: &str) -> Evidence {
        let token_binding_id = TokenBindingId::parse(id).unwrap();
        Evidence { token_binding_id, ..Evidence::default() }
    }

    fn bound_to(id: &str, validate: Option<bool>) -> Bindings {
        let terms = Terms { validate, ..CLIENT_REQUEST };
        at_token(&terms, GrantType::Password, &Authorized::default(), &naming(id), &client())
            .unwrap()
    }

    #[test]
    fn every_type_and_grant_reads_back_from_its_name() {
        for kind in BindingType::ALL {
            assert_eq!(kind.as_str().parse(), Ok(kind));
        }
        for grant in GrantType::ALL {
            assert_eq!(grant.as_str().parse(), Ok(grant));
        }
    }

    #[test]
    fn a_grant_that_cannot_carry_the_type_is_refused() {
        let terms = Terms { types: &[BindingType::Cookie], validate: None, unbound_grants: &[] };
        let refused = at_token(
            &terms,
            GrantType::Password,
            &Authorized::default(),
            &Evidence::default(),
            &client(),
        );
        assert_eq!(
            refused,
            Err(Refusal::NotCarried {
                binding_type: BindingType::Cookie,
                grant: GrantType::Password
            })
        );
    }

    #[test]
    fn a_grant_listed_as_unbound_goes_unbound() {
        let terms = Terms {
            types: &[BindingType::Cookie],
            validate: None,
            unbound_grants: &[GrantType::Password],
        };
        let bound = at_token(
            &terms,
            GrantType::Password,
            &Authorized::default(),
            &Evidence::default(),
            &client(),
        );
        assert_eq!(bound, Ok(Bindings::default()));
    }

    #[test]
    fn a_different_id_is_refused_at_refresh_and_none_keeps_the_binding() {
        let bindings = bound_to("tv", None);
        assert_eq!(at_refresh(&bindings, &naming("tv"), &client()), Ok(bindings.clone()));
        assert_eq!(at_refresh(&bindings, &Evidence::default(), &client()), Ok(bindings.clone()));
        assert_eq!(
            at_refresh(&bindings, &naming("phone"), &client()),
            Err(Mismatch { binding_type: BindingType::ClientRequest, seen: Seen::Another })
        );
    }

    #[test]
    fn a_binding_keeps_the_validation_that_it_was_issued_with() {
        let bindings = bound_to("tv", Some(false));
        assert_eq!(at_refresh(&bindings, &naming("phone"), &client()), Ok(bindings.clone()));
        let stored = Bindings::from_bytes(&bindings.to_bytes()).unwrap();
        assert_eq!(stored, bindings);
    }

    #[test]
    fn bindings_that_cannot_be_read_are_refused() {
        let mut bytes = bound_to("tv", None).to_bytes();
        assert!(Bindings::from_bytes(&bytes[1..]).is_err(), "truncated");
        bytes[1] = 2;
        assert!(Bindings::from_bytes(&bytes).is_err(), "unknown flag");
        bytes[1] = 1;
        bytes[0] = 99;
        assert!(Bindings::from_bytes(&bytes).is_err(), "unknown type");
    }
}
