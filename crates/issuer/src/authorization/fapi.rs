//! What the FAPI 2.0 profile of an application asks of each of its authorization requests.

use super::{error::AuthorizationError, requester::Requester};
use crate::form::Form;

impl Requester {
    /// Whether the request keeps to the profile. That it was pushed and signed, and has a challenge, is for the
    /// settings to ask, which the profile sets.
    pub(super) fn check_profile(&self, parameters: &Form<'_>) -> Result<(), AuthorizationError> {
        let profile = self.settings().fapi();
        // Security Profile section 5.3.2.2: "shall require the redirect_uri parameter in pushed authorization
        // requests".
        if profile.is_on() && parameters.get("redirect_uri").is_none() {
            return Err(AuthorizationError::invalid_request(
                "redirect_uri is missing, which the fapi_profile of the application asks for",
            ));
        }
        // Message Signing section 5.4.1: the server signs its authorization responses.
        if profile.signs_messages() && !self.answers_signed() {
            return Err(AuthorizationError::invalid_request(
                "response_mode must be jwt, as the fapi_profile of the application asks for",
            ));
        }
        Ok(())
    }
}
