//! What an authorization request wants tokens for (RFC 8707 section 2.1), and whether those could be of use there.

use tokenbind_binding::GrantType;

use super::{
    Stop,
    error::{AuthorizationError, AuthorizationErrorCode},
};
use crate::{
    error::{ErrorCode, OAuthError},
    form::Form,
    issuer::Issuer,
    login::Acr,
    resource::Wanted,
    scope::Scope,
    settings::Settings,
};

impl Issuer {
    /// The resources that the request names.
    ///
    /// # Errors
    /// `invalid_target` for one that is not known, or that would not take the application's tokens; `invalid_scope` for
    /// a scope of which no resource knows anything; `unmet_authentication_requirements`.
    pub(super) async fn target(
        &self,
        settings: &Settings,
        parameters: &Form<'_>,
        scope: &Scope,
    ) -> Result<Wanted, Stop> {
        let target = self.wanted(parameters).await.map_err(told)?;
        let types = settings.binding_terms().types_for(GrantType::AuthorizationCode);
        target.check_types(&types).map_err(told)?;
        target.format().map_err(told)?;
        target.narrow(scope).map_err(told)?;
        if !target.is_default() {
            check_acr_values(parameters.get("acr_values"))?;
        }
        Ok(target)
    }
}

/// RFC 9470 section 5: for a token that a resource is to take, the server "SHOULD consider the requested acr value as
/// necessary for successfully fulfilling the request". Elsewhere it is a wish (OpenID Connect Core section 3.1.2.1).
fn check_acr_values(acr_values: Option<&str>) -> Result<(), AuthorizationError> {
    let Some(acr_values) = acr_values else { return Ok(()) };
    let mut asked = acr_values.split(' ').filter(|value| !value.is_empty()).peekable();
    let can_be_given = |value: &str| Acr::ALL.into_iter().any(|acr| acr.as_str() == value);
    if asked.peek().is_none() || asked.any(can_be_given) {
        return Ok(());
    }
    Err(AuthorizationError::new(
        AuthorizationErrorCode::UnmetAuthenticationRequirements,
        "this server cannot authenticate the user in any of the ways that acr_values asks for",
    ))
}

/// The application is told what is its own fault.
fn told(error: OAuthError) -> Stop {
    let code = match error.code {
        ErrorCode::InvalidTarget => AuthorizationErrorCode::InvalidTarget,
        ErrorCode::InvalidScope => AuthorizationErrorCode::InvalidScope,
        _ => return Stop::Failed(error),
    };
    Stop::Told(AuthorizationError::new(code, error.description))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc9470_section_5_an_acr_that_cannot_be_given_is_unmet() {
        for fine in [None, Some(""), Some("pwd"), Some("phr pwd")] {
            assert_eq!(check_acr_values(fine), Ok(()), "{fine:?}");
        }
        for unmet in ["phr", "PWD", "1 2"] {
            let code = check_acr_values(Some(unmet)).unwrap_err().code;
            assert_eq!(code, AuthorizationErrorCode::UnmetAuthenticationRequirements, "{unmet}");
        }
    }
}
