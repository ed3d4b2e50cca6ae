//! This server as a resource: what it asks of the access tokens that are meant for itself.

use tokenbind_binding::{
    BindingType,
    requirement::{Requirement, TokenFacts, Unmet},
};

use crate::{
    access_token::AccessToken,
    error::{ErrorCode, OAuthError, TokenScheme},
    issuer::Issuer,
    login::Acr,
    resource::Resource,
};

impl Issuer {
    /// Refuses a token that is meant for other resources, or lacks what the operator declared of this server.
    ///
    /// # Errors
    /// `invalid_token`, `insufficient_binding` or `insufficient_user_authentication`.
    pub(crate) async fn check_own_requirement(
        &self,
        record: &AccessToken,
        scheme: TokenScheme,
    ) -> Result<(), OAuthError> {
        let own = self.own_resource().await?;
        let audience: Vec<_> = record.audience.resources().collect();
        let mut identifiers = vec![self.config.issuer.as_str(), own.identifier.as_str()];
        if record.audience == self.config.default_audience {
            // Whoever asks for no resource gets a token that does here.
            identifiers.extend(&audience);
        }
        let acr_values: Vec<_> =
            own.acr.into_iter().flat_map(Acr::or_stronger).map(Acr::as_str).collect();
        let requirement = Requirement {
            identifiers: &identifiers,
            binding_types: &own.required_binding_types,
            acr_values: &acr_values,
            max_age: own.max_age,
        };
        let login = record.login.as_deref();
        let facts = TokenFacts {
            audience: &audience,
            binding_types: &record.token.bindings.types(),
            acr: login.map(|login| login.acr.as_str()),
            auth_time: login.map(|login| login.auth_time),
        };
        requirement
            .check(&facts, self.now().timestamp())
            .map_err(|unmet| refusal(&unmet, &own, &acr_values, scheme))
    }
}

fn refusal(
    unmet: &Unmet<'_>,
    own: &Resource,
    acr_values: &[&str],
    scheme: TokenScheme,
) -> OAuthError {
    let (code, would_do) = match unmet {
        Unmet::Audience => return scheme.refuse(unmet.to_string()),
        Unmet::Binding { needed, .. } => {
            let types: Vec<_> = needed.iter().copied().map(BindingType::as_str).collect();
            (
                ErrorCode::InsufficientBinding(scheme),
                Box::from([("binding_types", types.join(" "))]),
            )
        }
        // RFC 9470 section 3: "acr_values" and "max_age" tell what the next authorization is to ask for.
        Unmet::Acr | Unmet::Age(_) => {
            let acr = (!acr_values.is_empty()).then(|| ("acr_values", acr_values.join(" ")));
            let max_age = own.max_age.map(|max_age| ("max_age", max_age.to_string()));
            let would_do = acr.into_iter().chain(max_age).collect();
            (ErrorCode::InsufficientUserAuthentication(scheme), would_do)
        }
    };
    OAuthError { would_do, ..OAuthError::new(code, unmet.to_string()) }
}
