//! What an application may exchange for what (RFC 8693): the settings `token_exchange_…`.

use tokenbind_binding::GrantType;

use super::{ExchangeMode, InvalidMetadata, Settings, validate::reject_repeats};

const SUBJECT_CLIENTS: &str = "token_exchange_subject_clients";
const AUDIENCES: &str = "token_exchange_audiences";
const MODES: &str = "token_exchange_modes";

impl Settings {
    /// Whether what is said of token exchange can be meant.
    ///
    /// # Errors
    /// [`InvalidMetadata`] with the field and the rule that it breaks.
    pub(super) fn validate_token_exchange(&self) -> Result<(), InvalidMetadata> {
        reject_repeats(SUBJECT_CLIENTS, &self.token_exchange_subject_clients)?;
        reject_repeats(AUDIENCES, &self.token_exchange_audiences)?;
        reject_repeats(MODES, &self.token_exchange_modes)?;
        if !self.grant_types.contains(&GrantType::TokenExchange) {
            return self.reject_without_grant();
        }
        if self.token_exchange_modes.is_empty() {
            let rule = "must name impersonation, delegation or both";
            return Err(InvalidMetadata::new(MODES, rule));
        }
        if self.is_public() && !self.token_exchange_subject_clients.is_empty() {
            let rule = "must be empty where token_endpoint_auth_method is none, since tokens of others are \
                        exchanged by applications that authenticate";
            return Err(InvalidMetadata::new(SUBJECT_CLIENTS, rule));
        }
        if self.token_exchange_audiences.iter().any(|name| name.is_empty() || name.contains(' ')) {
            let rule = "must hold identifiers of resources, or the client_id of applications";
            return Err(InvalidMetadata::new(AUDIENCES, rule));
        }
        Ok(())
    }

    /// What would not be heard is refused.
    fn reject_without_grant(&self) -> Result<(), InvalidMetadata> {
        let said = [
            (SUBJECT_CLIENTS, !self.token_exchange_subject_clients.is_empty()),
            (AUDIENCES, !self.token_exchange_audiences.is_empty()),
            (MODES, self.token_exchange_modes != ExchangeMode::ALL),
        ];
        match said.into_iter().find(|(_, said)| *said) {
            Some((field, _)) => {
                let rule = format!("needs {} in grant_types", GrantType::TokenExchange);
                Err(InvalidMetadata::new(field, rule))
            }
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(more: &Value) -> Result<Settings, InvalidMetadata> {
        let mut metadata = json!({
            "grant_types": [GrantType::TokenExchange.as_str()],
            "redirect_uris": ["https://app.example/callback"],
        });
        let members = metadata.as_object_mut().unwrap();
        members.extend(more.as_object().unwrap().clone());
        Settings::from_metadata(members.clone())
    }

    fn refused(more: &Value) -> String {
        read(more).unwrap_err().field
    }

    #[test]
    fn nothing_said_means_its_own_tokens_no_new_audience_and_either_mode() {
        let settings = read(&json!({})).unwrap();
        assert_eq!(settings.token_exchange_subject_clients, []);
        assert_eq!(settings.token_exchange_audiences, [""; 0]);
        assert_eq!(settings.token_exchange_modes, ExchangeMode::ALL);
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        assert_eq!(refused(&json!({ MODES: [] })), MODES);
        assert!(refused(&json!({ MODES: ["theft"] })).starts_with(MODES));
        assert_eq!(refused(&json!({ MODES: ["delegation", "delegation"] })), MODES);
        assert_eq!(refused(&json!({ AUDIENCES: ["https://a https://b"] })), AUDIENCES);
        assert_eq!(refused(&json!({ AUDIENCES: [""] })), AUDIENCES);
        assert_eq!(refused(&json!({ SUBJECT_CLIENTS: ["a", "a"] })), SUBJECT_CLIENTS);
    }

    #[test]
    fn a_public_application_does_not_exchange_the_tokens_of_others() {
        let public = json!({ "token_endpoint_auth_method": "none", SUBJECT_CLIENTS: ["a"] });
        assert_eq!(refused(&public), SUBJECT_CLIENTS);
    }

    #[test]
    fn without_the_grant_they_would_not_be_heard() {
        for (name, value) in [
            (SUBJECT_CLIENTS, json!(["a"])),
            (AUDIENCES, json!(["https://api.example"])),
            (MODES, json!(["delegation"])),
        ] {
            let without = json!({ "grant_types": ["password"], name: value });
            assert_eq!(refused(&without), name);
        }
    }
}
