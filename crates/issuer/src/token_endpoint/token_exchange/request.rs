//! What a token exchange request says (RFC 8693 section 2.1).

use crate::{
    error::{ErrorCode, OAuthError},
    form::Form,
    scope::Scope,
};

/// A token exchange request that has all that it needs.
#[derive(Clone, Debug)]
pub struct TokenExchangeRequest<'a> {
    /// On behalf of whom.
    pub(super) subject: ShownToken<'a>,
    /// Who acts for them, if anybody is to.
    pub(super) actor: Option<ShownToken<'a>>,
    /// `requested_token_type`.
    pub(super) requested: RequestedType,
    /// `scope`.
    pub(super) scope: Option<Scope>,
}

/// A token in the body, and what the requester takes it for.
#[derive(Clone, Copy)]
pub(super) struct ShownToken<'a> {
    /// The parameter that it came in.
    pub(super) role: Role,
    pub(super) token_type: TokenType,
    pub(super) token: &'a str,
}

/// What a token is shown as.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Role {
    Subject,
    Actor,
}

/// The token type identifiers that can be shown here (RFC 8693 section 3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum TokenType {
    AccessToken,
    RefreshToken,
    IdToken,
    /// An access token that is a JWT.
    Jwt,
}

/// The token type identifiers that can be asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum RequestedType {
    AccessToken,
    /// An access token that is a JWT.
    Jwt,
}

impl Role {
    /// What the token is called in messages.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Subject => "the subject token",
            Self::Actor => "the actor token",
        }
    }

    const fn parameters(self) -> (&'static str, &'static str) {
        match self {
            Self::Subject => ("subject_token", "subject_token_type"),
            Self::Actor => ("actor_token", "actor_token_type"),
        }
    }

    const fn token_types(self) -> &'static [TokenType] {
        match self {
            Self::Subject => &TokenType::ALL,
            Self::Actor => &[TokenType::AccessToken, TokenType::Jwt],
        }
    }
}

impl TokenType {
    const ALL: [Self; 4] = [Self::AccessToken, Self::RefreshToken, Self::IdToken, Self::Jwt];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::AccessToken => "urn:ietf:params:oauth:token-type:access_token",
            Self::RefreshToken => "urn:ietf:params:oauth:token-type:refresh_token",
            Self::IdToken => "urn:ietf:params:oauth:token-type:id_token",
            Self::Jwt => "urn:ietf:params:oauth:token-type:jwt",
        }
    }
}

impl RequestedType {
    const ALL: [Self; 2] = [Self::AccessToken, Self::Jwt];

    /// `issued_token_type` of the answer.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::AccessToken => TokenType::AccessToken.as_str(),
            Self::Jwt => TokenType::Jwt.as_str(),
        }
    }

    fn parse(form: &Form<'_>) -> Result<Self, OAuthError> {
        let Some(named) = form.get("requested_token_type") else { return Ok(Self::AccessToken) };
        Self::ALL.into_iter().find(|kind| kind.as_str() == named).ok_or_else(|| {
            let offered = Self::ALL.map(Self::as_str).join(" or ");
            invalid_request(format!("requested_token_type must be {offered}"))
        })
    }
}

impl<'a> TokenExchangeRequest<'a> {
    /// Reads the parameters, but for those that name the target.
    ///
    /// # Errors
    /// `invalid_request` (RFC 8693 section 2.2.2).
    pub(in super::super) fn parse(
        form: &'a Form<'_>,
        scope: Option<Scope>,
    ) -> Result<Self, OAuthError> {
        let subject = ShownToken::parse(form, Role::Subject)?
            .ok_or_else(|| invalid_request("the parameter subject_token is missing"))?;
        Ok(Self {
            subject,
            actor: ShownToken::parse(form, Role::Actor)?,
            requested: RequestedType::parse(form)?,
            scope,
        })
    }
}

impl<'a> ShownToken<'a> {
    /// RFC 8693 section 2.1: `actor_token_type` "is REQUIRED when the `actor_token` parameter is present in the request but
    /// MUST NOT be included otherwise".
    fn parse(form: &'a Form<'_>, role: Role) -> Result<Option<Self>, OAuthError> {
        let (name, type_name) = role.parameters();
        match (form.get(name), form.get(type_name)) {
            (None, None) => Ok(None),
            (Some(token), Some(named)) => {
                let token_type = role.token_types().iter().find(|kind| kind.as_str() == named);
                let token_type = *token_type.ok_or_else(|| unknown_type(role))?;
                Ok(Some(Self { role, token_type, token }))
            }
            (None, Some(_)) => Err(invalid_request(format!("{type_name} came without {name}"))),
            (Some(_), None) => Err(invalid_request(format!("{name} came without {type_name}"))),
        }
    }
}

fn unknown_type(role: Role) -> OAuthError {
    let types: Vec<_> = role.token_types().iter().map(|kind| kind.as_str()).collect();
    invalid_request(format!("{} must be one of {}", role.parameters().1, types.join(", ")))
}

/// RFC 8693 section 2.2.2: the code for requests and tokens that are not valid, or not acceptable by policy.
pub(super) fn invalid_request(
    description: impl Into<std::borrow::Cow<'static, str>>,
) -> OAuthError {
    OAuthError::new(ErrorCode::InvalidRequest, description)
}

impl std::fmt::Debug for ShownToken<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ShownToken")
            .field("role", &self.role)
            .field("token_type", &self.token_type)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUBJECT: &str =
        "subject_token=x&subject_token_type=urn:ietf:params:oauth:token-type:access_token";

    fn refused(body: &str) -> String {
        let form = Form::parse(body.as_bytes()).unwrap();
        let error = TokenExchangeRequest::parse(&form, None).unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidRequest, "{body}");
        error.description.into_owned()
    }

    #[test]
    fn reads_what_is_shown_and_asked_for() {
        let body = format!(
            "{SUBJECT}&actor_token=y&actor_token_type=urn:ietf:params:oauth:token-type:jwt&\
             requested_token_type=urn:ietf:params:oauth:token-type:jwt"
        );
        let form = Form::parse(body.as_bytes()).unwrap();
        let request = TokenExchangeRequest::parse(&form, None).unwrap();
        assert_eq!((request.subject.token, request.subject.role), ("x", Role::Subject));
        let actor = request.actor.unwrap();
        assert_eq!((actor.token, actor.token_type), ("y", TokenType::Jwt));
        assert_eq!(request.requested, RequestedType::Jwt);
        let form = Form::parse(SUBJECT.as_bytes()).unwrap();
        let request = TokenExchangeRequest::parse(&form, None).unwrap();
        assert_eq!(request.requested, RequestedType::AccessToken);
        assert!(!format!("{request:?}").contains("\"x\""), "no token is shown");
    }

    #[test]
    fn rfc8693_section_2_1_what_is_required_is_missed() {
        assert_eq!(refused(""), "the parameter subject_token is missing");
        assert_eq!(refused("subject_token=x"), "subject_token came without subject_token_type");
        let alone = "subject_token_type=urn:ietf:params:oauth:token-type:access_token";
        assert_eq!(refused(alone), "subject_token_type came without subject_token");
    }

    #[test]
    fn rfc8693_section_2_1_actor_token_and_its_type_come_together_or_not_at_all() {
        let token = format!("{SUBJECT}&actor_token=y");
        assert_eq!(refused(&token), "actor_token came without actor_token_type");
        let kind =
            format!("{SUBJECT}&actor_token_type=urn:ietf:params:oauth:token-type:access_token");
        assert_eq!(refused(&kind), "actor_token_type came without actor_token");
    }

    #[test]
    fn types_that_are_not_taken_or_given_are_refused() {
        for named in ["saml2", "saml1", "", "access_token"] {
            let kind = if named.is_empty() { "x" } else { named };
            let body = format!(
                "subject_token=x&subject_token_type=urn:ietf:params:oauth:token-type:{kind}x"
            );
            assert!(refused(&body).starts_with("subject_token_type must be one of"), "{kind}");
        }
        for named in ["refresh_token", "id_token"] {
            let asked =
                format!("{SUBJECT}&requested_token_type=urn:ietf:params:oauth:token-type:{named}");
            assert!(refused(&asked).starts_with("requested_token_type must be"), "{named}");
            let acting = format!(
                "{SUBJECT}&actor_token=y&actor_token_type=urn:ietf:params:oauth:token-type:{named}"
            );
            assert!(refused(&acting).starts_with("actor_token_type must be one of"), "{named}");
        }
    }
}
