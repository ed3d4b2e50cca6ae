//! Who may exchange what, for what: pure rules over an application's settings.

use tokenbind_binding::{Bindings, ClientId};

use super::{
    held::{Held, Kind},
    request::{Role, invalid_request},
};
use crate::{
    error::{ErrorCode, OAuthError},
    resource::{Resource, ResourceKey},
    scope::{Audience, Scope},
    settings::{ExchangeMode, Settings},
};

/// Who asks, as far as the rules are concerned.
#[derive(Clone, Copy, Debug)]
pub(super) struct Requester<'a> {
    pub(super) client_id: &'a ClientId,
    pub(super) settings: &'a Settings,
}

/// What the requester has to show of what a token is bound to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Due {
    /// Nothing: it authenticates, and so much is enough.
    Nothing,
    /// Everything, as if it used the token.
    Proof,
}

impl Requester<'_> {
    /// Whether the token may be exchanged by the requester, and on what terms. `meant_for_it` says whether the
    /// requester is in the token's `aud`.
    ///
    /// BINDINGS: "the requester either proves the subject token's binding itself, or is an authenticated application that
    /// the token is meant for".
    pub(super) fn due(
        self,
        role: Role,
        held: &Held,
        meant_for_it: bool,
    ) -> Result<Due, OAuthError> {
        let own = held.client_id == *self.client_id;
        let name = role.name();
        if held.kind == Kind::Private && !own {
            return Err(invalid_request(format!("{name} was issued to another application")));
        }
        let authenticated = !self.settings.is_public();
        let meant_for_it = meant_for_it && held.kind == Kind::Access;
        if meant_for_it && authenticated {
            return Ok(Due::Nothing);
        }
        let listed = self.settings.token_exchange_subject_clients.contains(&held.client_id);
        if !(own || listed || meant_for_it) {
            return Err(invalid_request(format!(
                "{name} was issued to another application, is not meant for this one, and \
                 token_exchange_subject_clients does not name its application"
            )));
        }
        match (held.bindings.need_proof(), authenticated) {
            (true, _) => Ok(Due::Proof),
            (false, true) => Ok(Due::Nothing),
            (false, false) => Err(invalid_request(format!(
                "{name} is bound to nothing that the request could prove, so that only an application \
                 that authenticates may exchange it"
            ))),
        }
    }

    /// Whether it may be given tokens in this manner.
    pub(super) fn check_mode(self, mode: ExchangeMode) -> Result<(), OAuthError> {
        if self.settings.token_exchange_modes.contains(&mode) {
            return Ok(());
        }
        let hint = match mode {
            ExchangeMode::Impersonation => "an actor_token is expected",
            ExchangeMode::Delegation => "no actor_token is expected",
        };
        Err(invalid_request(format!(
            "{hint}, since token_exchange_modes of the application does not name {}",
            mode.as_str()
        )))
    }

    /// Whether a token of this audience may be exchanged by it for one for the resource.
    pub(super) fn check_target(
        self,
        resource: &Resource,
        held: &Audience,
    ) -> Result<(), OAuthError> {
        let key = resource.key().ok();
        let names = |name: &str| key.is_some() && ResourceKey::of(name).ok() == key;
        let owner = resource.client_id.as_ref().map(ClientId::as_str);
        let listed = |name: &String| names(name) || owner == Some(name);
        if held.resources().any(names) || self.settings.token_exchange_audiences.iter().any(listed)
        {
            return Ok(());
        }
        let description = format!(
            "the subject token is not meant for {}, and token_exchange_audiences of the application \
             does not name it",
            resource.identifier
        );
        Err(OAuthError::new(ErrorCode::InvalidTarget, description))
    }

    /// What of the subject token's scope the new token may have.
    pub(super) fn widest_scope(self, held: &Scope) -> Scope {
        held.intersection(&self.settings.scope)
    }
}

/// BINDINGS: "never weaker: a token held by possession (certificate, dpop) is not exchanged for one without possession".
pub(super) fn check_strength(held: &Held, fresh: &Bindings) -> Result<(), OAuthError> {
    if !held.bindings.need_possession() || fresh.need_possession() {
        return Ok(());
    }
    Err(invalid_request(
        "the subject token works with a private key only, and tokens of this application do without: \
         its token_binding_types must name certificate or dpop",
    ))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokenbind_binding::{
        Ancestor, Binding, BindingType, Descent, Reference, Thumbprint, Timestamp,
    };

    use super::*;
    use crate::settings::ClientAuthMethod;

    fn bound(types: &[BindingType], validated: bool) -> Bindings {
        let bindings = types.iter().map(|&binding_type| Binding {
            binding_type,
            reference: Reference::from_bytes([0; 32]),
            validated: validated || binding_type.is_possession(),
            confirmation: binding_type.is_possession().then(|| Thumbprint::from_bytes([0; 32])),
        });
        Bindings::new(bindings.collect())
    }

    fn held(client_id: &str, kind: Kind, bindings: Bindings) -> Held {
        Held {
            client_id: client_id.into(),
            subject: "u1".into(),
            username: Some(Arc::from("alice")),
            login: None,
            scope: Scope::default(),
            audience: Audience::of(&["https://a.example/"]),
            bindings,
            expires_at: Timestamp::from_secs(1),
            descent: Descent::of(Ancestor::new([], None), None, None),
            actor: None,
            kind,
        }
    }

    fn settings(public: bool) -> Settings {
        let method = if public { ClientAuthMethod::None } else { ClientAuthMethod::default() };
        Settings { token_endpoint_auth_method: method, ..Settings::default() }
    }

    fn due(settings: &Settings, held: &Held, meant_for_it: bool) -> Option<Due> {
        let requester = Requester { client_id: &"me".into(), settings };
        requester.due(Role::Subject, held, meant_for_it).ok()
    }

    #[test]
    fn who_may_exchange_an_access_token_and_what_they_have_to_prove() {
        let listing = |public| Settings {
            token_exchange_subject_clients: vec!["other".into()],
            ..settings(public)
        };
        let (nothing, proof) = (Some(Due::Nothing), Some(Due::Proof));
        // Public, listing, its own, meant for it: what is due of a token that is bound and of one that is not.
        for (public, lists, own, meant, of_bound, of_unbound) in [
            (false, false, true, false, proof, nothing),
            (false, false, true, true, nothing, nothing),
            (false, false, false, true, nothing, nothing),
            (false, true, false, false, proof, nothing),
            (false, false, false, false, None, None),
            (true, false, true, false, proof, None),
            (true, false, false, true, proof, None),
            (true, true, false, false, proof, None),
            (true, false, false, false, None, None),
        ] {
            let settings = if lists { listing(public) } else { settings(public) };
            let client_id = if own { "me" } else { "other" };
            let row = format!("{public} {lists} {own} {meant}");
            for types in [
                &[BindingType::Cookie][..],
                &[BindingType::SsoSession],
                &[BindingType::Certificate],
                &[BindingType::Dpop],
                &[BindingType::ClientRequest, BindingType::Dpop],
            ] {
                let held = held(client_id, Kind::Access, bound(types, true));
                assert_eq!(due(&settings, &held, meant), of_bound, "{row} {types:?}");
            }
            for bindings in [
                bound(&[], true),
                bound(&[BindingType::ClientRequest, BindingType::DeviceFlow], true),
                bound(&[BindingType::Cookie, BindingType::SsoSession], false),
            ] {
                let held = held(client_id, Kind::Access, bindings);
                assert_eq!(due(&settings, &held, meant), of_unbound, "{row} {:?}", held.bindings);
            }
        }
    }

    #[test]
    fn a_refresh_token_or_an_id_token_is_for_its_own_application_alone() {
        let listing =
            Settings { token_exchange_subject_clients: vec!["other".into()], ..settings(false) };
        for meant_for_it in [false, true] {
            let others = held("other", Kind::Private, Bindings::default());
            assert_eq!(due(&listing, &others, meant_for_it), None);
            let own = held("me", Kind::Private, bound(&[BindingType::Dpop], true));
            assert_eq!(due(&listing, &own, meant_for_it), Some(Due::Proof));
        }
    }

    #[test]
    fn what_is_held_by_possession_is_never_exchanged_for_what_is_not() {
        for from in BindingType::ALL {
            for to in BindingType::ALL {
                let allowed = !from.is_possession() || to.is_possession();
                let held = held("me", Kind::Access, bound(&[from], true));
                let checked = check_strength(&held, &bound(&[to], true));
                assert_eq!(checked.is_ok(), allowed, "{from} to {to}");
                assert_eq!(
                    check_strength(&held, &Bindings::default()).is_ok(),
                    !from.is_possession(),
                    "{from} to none"
                );
            }
        }
    }

    fn resource(identifier: &str, client_id: Option<&str>) -> Resource {
        let mut members = serde_json::json!({ "identifier": identifier });
        if let Some(client_id) = client_id {
            members["client_id"] = client_id.into();
        }
        serde_json::from_value(members).unwrap()
    }

    #[test]
    fn a_new_audience_needs_a_policy_that_names_it() {
        let listing = |names: &[&str]| Settings {
            token_exchange_audiences: names.iter().map(|&name| name.to_owned()).collect(),
            ..settings(false)
        };
        let allowed = |names: &[&str], resource: &Resource| {
            let (client_id, settings) = ("me".into(), listing(names));
            let requester = Requester { client_id: &client_id, settings: &settings };
            requester.check_target(resource, &Audience::of(&["https://a.example"])).is_ok()
        };
        let b = resource("https://b.example/", Some("b"));
        assert!(
            allowed(&[], &resource("https://a.example/", None)),
            "what it is meant for already"
        );
        assert!(allowed(&["https://B.example"], &b));
        assert!(allowed(&["b"], &b));
        for names in [&[][..], &["https://b.example/v1"], &["c"], &[""]] {
            assert!(!allowed(names, &b), "{names:?}");
        }
        assert!(!allowed(&["b"], &resource("https://c.example/", None)));
    }

    #[test]
    fn the_scope_is_within_both_the_token_s_and_the_application_s() {
        let scope = |text: &str| Scope::parse(text).unwrap();
        let settings = Settings { scope: scope("mail openid pay"), ..settings(false) };
        let requester = Requester { client_id: &"me".into(), settings: &settings };
        assert_eq!(requester.widest_scope(&scope("calendar mail openid")), scope("mail openid"));
    }
}
