//! What JWTs and introspection show of bindings (BINDINGS: "What tokens and introspection show").

use serde::Serialize;
use tokenbind_binding::Bindings;

/// `binding_type` and `binding_ref`: strings for one binding, arrays of the same order for several,
/// and no members at all for none. Values are never shown, only references.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct ShownBinding {
    #[serde(skip_serializing_if = "Option::is_none")]
    binding_type: Option<OneOrMany<&'static str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    binding_ref: Option<OneOrMany<String>>,
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
        Self { binding_type: OneOrMany::of(types), binding_ref: OneOrMany::of(references) }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tokenbind_binding::{Binding, BindingType, Reference};

    use super::*;

    fn shown(types: &[BindingType]) -> serde_json::Value {
        let bindings = types
            .iter()
            .map(|&binding_type| Binding {
                binding_type,
                reference: Reference::from_bytes([0; 32]),
                validated: true,
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
            json!({ "binding_type": ["sso-session", "dpop"], "binding_ref": [zero, zero] })
        );
    }
}
