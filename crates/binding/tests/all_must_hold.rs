//! Several bindings on one token: it comes to be only where every proof is shown, and each proof that is
//! missing or wrong is enough to refuse it, whatever the others are.

use proptest::{collection, option, prelude::*, sample};
use tokenbind_binding::{
    BindingType, Bindings, ClientId, Cookies, Evidence, GrantType, Mismatch, Refusal,
    ShownCertificate, ShownCookie, Thumbprint,
    bindings::{Authorized, Terms, at_device_request, at_refresh, at_token, at_use},
    client_request::TokenBindingId,
    cookie,
    device_flow::ShownDeviceCode,
    sso_session,
};

/// How one proof is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Shown {
    Right,
    Wrong,
    Missing,
}

use Shown::{Missing, Right, Wrong};

const SHOWN: [Shown; 3] = [Right, Wrong, Missing];

/// What the holder has of each type, and what somebody else has.
#[derive(Clone, Debug)]
struct Values {
    own: [u8; 8],
    another: [u8; 8],
}

/// How each type's proof is shown: in the order of [`BindingType::ALL`].
type Proofs = [Shown; 6];

/// A combination of types in some order, none of which the server cannot offer, and which some grant carries.
fn types() -> impl Strategy<Value = Vec<BindingType>> {
    let offered: Vec<_> = BindingType::ALL.into_iter().filter(|kind| kind.is_available()).collect();
    let count = offered.len();
    sample::subsequence(offered, 1..=count)
        .prop_shuffle()
        .prop_filter("no grant carries them", |types| carrier(types).is_some())
}

/// The same of those that a device code carries.
fn device_types() -> impl Strategy<Value = Vec<BindingType>> {
    let carried = |kind: &BindingType| kind.carried_by(GrantType::DeviceCode);
    let carried: Vec<_> = BindingType::ALL.into_iter().filter(carried).collect();
    let count = carried.len();
    sample::subsequence(carried, 1..=count).prop_shuffle()
}

fn proofs() -> impl Strategy<Value = Proofs> {
    prop::array::uniform6(sample::select(SHOWN.to_vec()))
}

fn values() -> impl Strategy<Value = Values> {
    let distinct = |(own, another)| (own != another).then_some(Values { own, another });
    any::<([u8; 8], [u8; 8])>().prop_filter_map("they are the same", distinct)
}

fn grants() -> impl Strategy<Value = GrantType> {
    let first = |grant: &GrantType| *grant != GrantType::RefreshToken;
    sample::select(GrantType::ALL.into_iter().filter(first).collect::<Vec<_>>())
}

fn client() -> ClientId {
    "app".into()
}

impl Values {
    /// The value of one type, as text.
    fn of(&self, kind: BindingType, shown: Shown) -> Option<String> {
        let bytes = match shown {
            Right => self.own,
            Wrong => self.another,
            Missing => return None,
        };
        Some(format!("{kind} {bytes:?}"))
    }

    fn thumbprint(&self, kind: BindingType, shown: Shown) -> Option<Thumbprint> {
        self.of(kind, shown).map(|value| Thumbprint::of(value.as_bytes()))
    }

    fn evidence(&self, proofs: Proofs) -> Evidence {
        let text = |kind| self.of(kind, shown(proofs, kind));
        let cookie = |kind| text(kind).map_or(ShownCookie::Absent, |v| ShownCookie::One(v.into()));
        let thumbprint = |kind| self.thumbprint(kind, shown(proofs, kind));
        let id = text(BindingType::ClientRequest);
        let device_code = text(BindingType::DeviceFlow);
        Evidence {
            device_code: device_code.as_deref().map(ShownDeviceCode::new),
            token_binding_id: id.and_then(|id| TokenBindingId::parse(&id).expect("a short id")),
            cookies: Cookies {
                atbv: cookie(BindingType::Cookie),
                session: cookie(BindingType::SsoSession),
            },
            certificate: thumbprint(BindingType::Certificate)
                .map_or(ShownCertificate::Absent, ShownCertificate::Shown),
            dpop: thumbprint(BindingType::Dpop),
        }
    }

    /// What the authorization endpoint saw in the holder's browser.
    fn authorized(&self) -> Authorized {
        let own = |kind| self.of(kind, Right).expect("a value");
        Authorized {
            cookie: Some(cookie::reference_of(&client(), &own(BindingType::Cookie))),
            session: Some(sso_session::reference_of(&client(), &own(BindingType::SsoSession))),
            dpop: None,
            certificate: None,
        }
    }

    /// What a token of the grant is bound to that is issued to its holder, every proof shown.
    fn issued(&self, types: &[BindingType], validate: Option<bool>) -> Bindings {
        let terms = Terms { types, validate, unbound_grants: &[] };
        let evidence = self.evidence([Right; 6]);
        at_token(&terms, grant_for(types), &self.authorized(), &evidence, &client())
            .expect("every proof is shown")
    }
}

fn shown(proofs: Proofs, kind: BindingType) -> Shown {
    let mut pairs = BindingType::ALL.into_iter().zip(proofs);
    pairs.find(|(each, _)| *each == kind).map_or(Missing, |(_, shown)| shown)
}

/// A grant that can carry all of these.
fn grant_for(types: &[BindingType]) -> GrantType {
    carrier(types).expect("a grant that carries them")
}

fn carrier(types: &[BindingType]) -> Option<GrantType> {
    let carries = |grant: &GrantType| {
        *grant != GrantType::RefreshToken && types.iter().all(|kind| kind.carried_by(*grant))
    };
    GrantType::ALL.into_iter().find(carries)
}

/// Whether it only tells apart, and stops nobody.
const fn is_label(kind: BindingType) -> bool {
    matches!(kind, BindingType::ClientRequest | BindingType::DeviceFlow)
}

/// Whether a proof that is shown so is enough for a first token: it has to be there for what is held by
/// possession, and a cookie that is shown must be the code's.
fn good_at_token(kind: BindingType, shown: Shown, checked: bool) -> bool {
    match kind {
        BindingType::Certificate | BindingType::Dpop | BindingType::DeviceFlow => shown != Missing,
        BindingType::Cookie => !checked || shown != Wrong,
        BindingType::SsoSession | BindingType::ClientRequest => true,
    }
}

/// Whether a proof that is shown so is enough to refresh.
fn good_at_refresh(kind: BindingType, shown: Shown, checked: bool) -> bool {
    match kind {
        BindingType::Certificate | BindingType::Dpop => shown == Right,
        BindingType::Cookie | BindingType::SsoSession => !checked || shown == Right,
        BindingType::ClientRequest | BindingType::DeviceFlow => !checked || shown != Wrong,
    }
}

/// Whether a proof that is shown so is enough to use the token.
fn good_at_use(kind: BindingType, shown: Shown, checked: bool) -> bool {
    is_label(kind) || good_at_refresh(kind, shown, checked)
}

/// The first type, in the order of the settings, whose proof is not enough.
fn first_bad(
    types: &[BindingType],
    proofs: Proofs,
    validate: Option<bool>,
    good: fn(BindingType, Shown, bool) -> bool,
) -> Option<BindingType> {
    let checked = |kind: BindingType| validate.unwrap_or(kind.validated_by_default());
    types.iter().copied().find(|&kind| !good(kind, shown(proofs, kind), checked(kind)))
}

fn kinds(bindings: &Bindings) -> Vec<BindingType> {
    bindings.iter().map(|binding| binding.binding_type).collect()
}

const fn named(refusal: Refusal) -> BindingType {
    match refusal {
        Refusal::NotCarried { binding_type, .. }
        | Refusal::Missing(binding_type)
        | Refusal::NotAuthorized(binding_type)
        | Refusal::Mismatch(Mismatch { binding_type, .. }) => binding_type,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// It comes to be where every type of the application is satisfied, and then carries them all, in their
    /// order; otherwise the refusal names the first that is not.
    #[test]
    fn a_token_comes_to_be_only_where_every_proof_is_shown(
        (types, proofs, values) in (types(), proofs(), values()),
        validate in option::of(any::<bool>()),
    ) {
        let terms = Terms { types: &types, validate, unbound_grants: &[] };
        let evidence = values.evidence(proofs);
        let authorized = values.authorized();
        let bound = at_token(&terms, grant_for(&types), &authorized, &evidence, &client());
        if let Some(bad) = first_bad(&types, proofs, validate, good_at_token) {
            prop_assert_eq!(named(bound.unwrap_err()), bad);
        } else {
            // A label that nobody names is no binding; nothing else may be left out.
            let unnamed = shown(proofs, BindingType::ClientRequest) == Missing;
            let expected: Vec<_> = types
                .iter()
                .copied()
                .filter(|&kind| kind != BindingType::ClientRequest || !unnamed)
                .collect();
            prop_assert_eq!(kinds(&bound.unwrap()), expected);
        }
    }

    /// A grant that cannot carry one of the types gives no token at all, or one without that type where the
    /// application lists the grant; the other types stay with it.
    #[test]
    fn a_grant_that_cannot_carry_one_type_loses_no_other(
        (types, values, grant) in (types(), values(), grants()),
        listed in any::<bool>(),
    ) {
        let unbound_grants = if listed { vec![grant] } else { Vec::new() };
        let terms = Terms { types: &types, validate: None, unbound_grants: &unbound_grants };
        let evidence = values.evidence([Right; 6]);
        let bound = at_token(&terms, grant, &values.authorized(), &evidence, &client());
        let stray = types.iter().copied().find(|kind| !kind.carried_by(grant));
        if let Some(binding_type) = stray.filter(|_| !listed) {
            prop_assert_eq!(bound, Err(Refusal::NotCarried { binding_type, grant }));
        } else {
            let carried: Vec<_> =
                types.iter().copied().filter(|kind| kind.carried_by(grant)).collect();
            prop_assert_eq!(kinds(&bound.unwrap()), carried);
        }
    }

    /// Each proof that is missing or wrong is enough to refuse the refresh, and what is refreshed is bound to
    /// the same.
    #[test]
    fn a_refresh_needs_every_proof(
        (types, proofs, values) in (types(), proofs(), values()),
        validate in option::of(any::<bool>()),
    ) {
        let bindings = values.issued(&types, validate);
        let refreshed = at_refresh(&bindings, &values.evidence(proofs), &client());
        if let Some(bad) = first_bad(&types, proofs, validate, good_at_refresh) {
            prop_assert_eq!(refreshed.unwrap_err().binding_type, bad);
        } else {
            prop_assert_eq!(refreshed, Ok(bindings));
        }
    }

    /// Each proof that is missing or wrong is enough to refuse the token where it is used.
    #[test]
    fn a_use_needs_every_proof(
        (types, proofs, values) in (types(), proofs(), values()),
        validate in option::of(any::<bool>()),
    ) {
        let bindings = values.issued(&types, validate);
        let used = at_use(&bindings, &values.evidence(proofs), &client());
        if let Some(bad) = first_bad(&types, proofs, validate, good_at_use) {
            prop_assert_eq!(used.unwrap_err().binding_type, bad);
        } else {
            prop_assert_eq!(used, Ok(()));
        }
    }

    /// The certificate that a client authenticates with stands in for the one before, and for no other proof.
    #[test]
    fn a_renewed_certificate_stands_in_for_no_other_proof(
        (types, proofs, values) in (types(), proofs(), values()),
    ) {
        let bindings = values.issued(&types, None);
        let renewed = values.thumbprint(BindingType::Certificate, Wrong).unwrap();
        let certificate = ShownCertificate::Authenticating(renewed);
        let evidence = Evidence { certificate, ..values.evidence(proofs) };
        let others: Vec<_> =
            types.iter().copied().filter(|&kind| kind != BindingType::Certificate).collect();
        let refreshed = at_refresh(&bindings, &evidence, &client());
        if let Some(bad) = first_bad(&others, proofs, None, good_at_refresh) {
            prop_assert_eq!(refreshed.unwrap_err().binding_type, bad);
        } else {
            let refreshed = refreshed.unwrap();
            prop_assert_eq!(kinds(&refreshed), kinds(&bindings));
            let bound = refreshed.confirmation(BindingType::Certificate);
            let expected = types.contains(&BindingType::Certificate).then_some(renewed);
            prop_assert_eq!(bound, expected);
            // The access token before stays with its certificate.
            prop_assert_eq!(at_use(&bindings, &evidence, &client()).is_ok(), expected.is_none());
        }
    }

    /// RFC 9449 section 10: a code that names a key is redeemed by that key alone, whatever else is shown and whatever
    /// the tokens are bound to.
    #[test]
    fn a_code_that_names_a_key_needs_it(
        (types, proofs, values) in (types(), proofs(), values()),
    ) {
        let dpop = values.thumbprint(BindingType::Dpop, Right);
        let authorized = Authorized { dpop, ..values.authorized() };
        let terms = Terms { types: &types, validate: None, unbound_grants: &[] };
        let evidence = values.evidence(proofs);
        let bound = at_token(&terms, grant_for(&types), &authorized, &evidence, &client());
        if shown(proofs, BindingType::Dpop) != Right {
            prop_assert_eq!(named(bound.unwrap_err()), BindingType::Dpop);
        } else if first_bad(&types, proofs, None, good_at_token).is_none() {
            prop_assert!(bound.is_ok());
        }
    }

    /// The keys of a device are taken with its first request: each that the application needs has to be there, and
    /// only by those is the code redeemed, whatever the types are by then. A certificate that authenticates the
    /// client stands in for the one before.
    #[test]
    fn a_device_code_is_redeemed_by_the_keys_that_asked_for_it(
        (types, proofs, values) in (device_types(), proofs(), values()),
        (asked, later) in (proofs(), device_types()),
        authenticates in any::<bool>(),
    ) {
        let keys = [BindingType::Certificate, BindingType::Dpop];
        let terms = Terms { types: &types, validate: None, unbound_grants: &[] };
        let authorized = at_device_request(&terms, &values.evidence(asked), &client());
        let missing = |kind: &&BindingType| keys.contains(kind) && shown(asked, **kind) == Missing;
        if let Some(missing) = types.iter().find(missing) {
            prop_assert_eq!(named(authorized.unwrap_err()), *missing);
            return Ok(());
        }
        let authorized = authorized.unwrap();
        prop_assert_eq!(
            authorized.certificate.is_some(),
            types.contains(&BindingType::Certificate)
        );
        let mut evidence = values.evidence(proofs);
        if let (true, ShownCertificate::Shown(shown)) = (authenticates, evidence.certificate) {
            evidence.certificate = ShownCertificate::Authenticating(shown);
        }
        let terms = Terms { types: &later, ..terms };
        let bound = at_token(&terms, GrantType::DeviceCode, &authorized, &evidence, &client());
        let stolen = keys.into_iter().any(|kind| {
            let named = match kind {
                BindingType::Dpop => authorized.dpop.is_some(),
                _ => authorized.certificate.is_some(),
            };
            let renewed = authenticates && kind == BindingType::Certificate;
            let same = shown(proofs, kind) == shown(asked, kind);
            named && !same && !(renewed && shown(proofs, kind) != Missing)
        });
        if stolen {
            prop_assert!(keys.contains(&named(bound.unwrap_err())));
        } else if first_bad(&later, proofs, None, good_at_token).is_none() {
            prop_assert!(bound.is_ok());
        }
    }

    /// What is shown for one application proves nothing for another.
    #[test]
    fn proofs_are_of_one_application(
        (types, values) in (types(), values()),
    ) {
        let bindings = values.issued(&types, Some(true));
        let evidence = values.evidence([Right; 6]);
        let another = ClientId::from("another");
        prop_assert!(at_refresh(&bindings, &evidence, &another).is_err());
        let only_labels = types.iter().all(|&kind| is_label(kind));
        prop_assert_eq!(at_use(&bindings, &evidence, &another).is_ok(), only_labels);
    }

    /// What the store gives back is what was bound, and what it does not understand is no binding.
    #[test]
    fn what_is_stored_reads_back_or_not_at_all(
        (types, values) in (types(), values()),
        validate in option::of(any::<bool>()),
        cut in any::<sample::Index>(),
        junk in collection::vec(any::<u8>(), 1..34),
    ) {
        let bindings = values.issued(&types, validate);
        let bytes = bindings.to_bytes();
        prop_assert_eq!(Bindings::from_bytes(&bytes), Ok(bindings.clone()));
        // A part of the whole is at most what stands before the cut, never anything else.
        let rest = Bindings::from_bytes(&bytes[..cut.index(bytes.len())]);
        prop_assert!(rest.is_err() || bindings.starts_with(&rest.unwrap()));
        let longer = [bytes, junk].concat();
        prop_assert!(Bindings::from_bytes(&longer).is_err());
    }
}

/// Every type and every two and three of them, in every order, with every one of their proofs missing or
/// wrong while all others are shown: so that no combination is left to chance.
#[test]
fn no_two_or_three_types_make_up_for_one_another() {
    let values = Values { own: [1; 8], another: [2; 8] };
    let mut refused = 0;
    for types in combinations() {
        let bindings = values.issued(&types, Some(true));
        assert_eq!(kinds(&bindings), types);
        for (index, _) in BindingType::ALL.into_iter().enumerate() {
            for bad in [Wrong, Missing] {
                let mut proofs = [Right; 6];
                proofs[index] = bad;
                let evidence = values.evidence(proofs);
                let refresh = first_bad(&types, proofs, Some(true), good_at_refresh);
                let used = first_bad(&types, proofs, Some(true), good_at_use);
                let told = at_refresh(&bindings, &evidence, &client());
                assert_eq!(told.err().map(kind_of), refresh, "{types:?} {proofs:?}");
                let told = at_use(&bindings, &evidence, &client());
                assert_eq!(told.err().map(kind_of), used, "{types:?} {proofs:?}");
                refused += usize::from(refresh.is_some()) + usize::from(used.is_some());
            }
        }
    }
    assert!(refused > 500, "the table tries something: {refused}");
}

const fn kind_of(mismatch: Mismatch) -> BindingType {
    mismatch.binding_type
}

/// All ordered choices of one, two and three types.
fn combinations() -> Vec<Vec<BindingType>> {
    let offered: Vec<_> = BindingType::ALL.into_iter().filter(|kind| kind.is_available()).collect();
    let mut found: Vec<Vec<BindingType>> = vec![Vec::new()];
    let mut last = found.clone();
    for _ in 0..3 {
        let longer = |before: &Vec<BindingType>| {
            let fresh = offered.iter().filter(|kind| !before.contains(kind));
            fresh.map(|kind| [&before[..], &[*kind]].concat()).collect::<Vec<_>>()
        };
        last = last.iter().flat_map(longer).collect();
        found.extend(last.clone());
    }
    found.retain(|types| !types.is_empty() && carrier(types).is_some());
    found
}
