//! Booleans of other specifications that name a binding type.

use serde_json::{Map, Value};
use tokenbind_binding::BindingType;

use super::{InvalidMetadata, Settings};

/// Booleans of other specifications (RFC 9449 section 5.2, RFC 8705 section 3.4) that name a binding type.
pub(super) const BOOLEAN_ALIASES: [(&str, BindingType); 2] = [
    ("dpop_bound_access_tokens", BindingType::Dpop),
    ("tls_client_certificate_bound_access_tokens", BindingType::Certificate),
];

/// `true` adds the type, `false` takes it back and no other. Where the boolean and the list disagree,
/// the one that differs from `before` says what is wanted; without a `before` there is no telling.
pub(super) fn apply_boolean_aliases(
    metadata: &mut Map<String, Value>,
    before: Option<&Settings>,
) -> Result<(), InvalidMetadata> {
    for (name, binding_type) in BOOLEAN_ALIASES {
        let wanted = match metadata.remove(name) {
            None => continue,
            Some(Value::Bool(wanted)) => wanted,
            Some(_) => return Err(InvalidMetadata::new(name, "must be true or false")),
        };
        let types =
            metadata.entry("token_binding_types").or_insert_with(|| Value::Array(Vec::new()));
        // Anything but a list is refused when the settings are read.
        let Value::Array(types) = types else { continue };
        let listed = types.iter().any(|kind| kind == binding_type.as_str());
        match (wanted, listed, before) {
            (true, true, _) | (false, false, _) => {}
            (false, true, None) => {
                let rule = format!("is false, but token_binding_types names {binding_type}");
                return Err(InvalidMetadata::new(name, rule));
            }
            (_, _, Some(before)) if before.token_binding_types.contains(&binding_type) => {
                types.retain(|kind| kind != binding_type.as_str());
            }
            (true, false, _) => types.push(binding_type.as_str().into()),
            (false, true, Some(_)) => {}
        }
    }
    Ok(())
}
