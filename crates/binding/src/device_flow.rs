//! `device-flow`: the device code of the token call (RFC 8628).
//!
//! A label, not a proof: every device has tokens of its own, and those of one of them can be ended. It does not
//! stop a thief, who simply does not show the code. Combine it with `dpop` or `certificate` for that.

use std::fmt;

use crate::{
    bindings::{Binding, BindingType, Mismatch, Refusal, Seen},
    evidence::Evidence,
    id::ClientId,
    reference::Reference,
};

/// A `device_code` as a request shows it, real or not. It does not show in `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct ShownDeviceCode(Box<str>);

impl ShownDeviceCode {
    /// Wraps the parameter's value.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.into())
    }
}

impl fmt::Debug for ShownDeviceCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ShownDeviceCode(…)")
    }
}

/// The reference of a device code, for ending all that came of it.
#[must_use]
pub fn reference_of(client_id: &ClientId, device_code: &str) -> Reference {
    Reference::of(BindingType::DeviceFlow, client_id, device_code.as_bytes())
}

/// At the token endpoint: the code of the request.
pub(crate) fn at_token(evidence: &Evidence, client_id: &ClientId) -> Result<Reference, Refusal> {
    shown(evidence, client_id).ok_or(Refusal::Missing(BindingType::DeviceFlow))
}

/// At refresh: a different code is refused, none shown keeps the binding.
pub(crate) fn at_refresh(
    binding: &Binding,
    evidence: &Evidence,
    client_id: &ClientId,
) -> Result<(), Mismatch> {
    match shown(evidence, client_id) {
        Some(shown) if shown != binding.reference => {
            Err(Mismatch { binding_type: BindingType::DeviceFlow, seen: Seen::Another })
        }
        _ => Ok(()),
    }
}

fn shown(evidence: &Evidence, client_id: &ClientId) -> Option<Reference> {
    evidence.device_code.as_ref().map(|code| reference_of(client_id, &code.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_compared_exactly() {
        let client = ClientId::from("tv");
        let code = reference_of(&client, "tb_dc_a");
        for other in ["tb_dc_A", "tb_dc_a ", "tb_dc_"] {
            assert_ne!(code, reference_of(&client, other), "{other:?}");
        }
    }

    #[test]
    fn debug_does_not_show_the_value() {
        assert!(!format!("{:?}", ShownDeviceCode::new("tb_dc_secret")).contains("secret"));
    }
}
