//! What JWTs and introspection show of bindings (BINDINGS: "What tokens and introspection show").

use serde::Serialize;
use tokenbind_binding::{BindingType, Bindings, Thumbprint};

/// `binding_type` and `binding_ref`: strings for one binding, arrays of the same order for several,
/// and no members at all for none. Values are never shown, only references; and for what is held by
/// possession `cnf`, by which anybody can check it.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct ShownBinding {
    #[serde(skip_serializing_if = "Option::is_none")]
    binding_type: Option<OneOrMany<&'static str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    binding_ref: Option<OneOrMany<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cnf: Option<Confirmation>,
}

/// RFC 7800 section 3.1.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
struct Confirmation {
    /// RFC 8705 section 3.1.
    #[serde(rename = "x5t#S256", skip_serializing_if = "Option::is_none")]
    certificate: Option<Thumbprint>,
    /// RFC 9449 section 6.1.
    #[serde(skip_serializing_if = "Option::is_none")]
    jkt: Option<Thumbprint>,
}

impl Confirmation {
    fn of(bindings: &Bindings) -> Option<Self> {
        bindings.need_possession().then(|| Self {
            certificate: bindings.confirmation(BindingType::Certificate),
            jkt: bindings.confirmation(BindingType::Dpop),
        })
    }
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(untagged)]
enum OneOrMany<T> {
    One(T),
    Many(Vec<T>),
}

impl<T: Clone> OneOrMany<T> {
    fn of(items: Vec<T>) -> Option<Self> {
        match &items[..] {
            [] => None,
            [one] => Some(Self::One(one.clone())),
            _ => Some(Self::Many(items)),
        }
    }
}

impl ShownBinding {
    /// What may be shown of `bindings`.
    #[must_use]
    pub fn of(bindings: &Bindings) -> Self {
        let types = bindings.iter().map(|binding| binding.binding_type.as_str()).collect();
        let references = bindings.iter().map(|binding| binding.reference.to_string()).collect();
        Self {
            binding_type: OneOrMany::of(types),
            binding_ref: OneOrMany::of(references),
            cnf: Confirmation::of(bindings),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tokenbind_binding::{Binding, Reference};

    use super::*;

    fn shown(types: &[BindingType]) -> serde_json::Value {
        let bindings = types
            .iter()
            .map(|&binding_type| Binding {
                binding_type,
                reference: Reference::from_bytes([0; 32]),
                validated: true,
                confirmation: binding_type.is_possession().then(|| Thumbprint::from_bytes([0; 32])),
            })
            .collect();
        serde_json::to_value(ShownBinding::of(&Bindings::new(bindings))).unwrap()
    }

    #[test]
    fn strings_for_one_arrays_for_several_and_nothing_for_none() {
        let zero = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        assert_eq!(shown(&[]), json!({}));
        assert_eq!(
            shown(&[BindingType::ClientRequest]),
            json!({ "binding_type": "client-request", "binding_ref": zero })
        );
        assert_eq!(
            shown(&[BindingType::SsoSession, BindingType::Dpop]),
            json!({
                "binding_type": ["sso-session", "dpop"],
                "binding_ref": [zero, zero],
                "cnf": { "jkt": zero }
            })
        );
        assert_eq!(
            shown(&[BindingType::Certificate]),
            json!({
                "binding_type": "certificate",
                "binding_ref": zero,
                "cnf": { "x5t#S256": zero }
            })
        );
    }
}
