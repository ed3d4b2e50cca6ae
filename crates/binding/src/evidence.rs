//! What a request shows that could prove a binding.

use crate::client_request::TokenBindingId;

/// Collected once, at the edge, from everything that a request shows.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    /// The form parameter `tokenBindingId`.
    pub token_binding_id: Option<TokenBindingId>,
}
