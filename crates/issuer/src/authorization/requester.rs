//! Who asks, and where the browser is sent back to: known for sure before anything else is looked at.

use std::{borrow::Cow, sync::Arc};

use tokenbind_binding::ClientId;

use super::{
    error::AuthorizationError,
    response::{AuthorizationAnswer, ResponseMode},
};
use crate::{
    application::Application,
    error::{ErrorCode, OAuthError},
    form::Form,
    issuer::Issuer,
    redirect_uri::RedirectUri,
    secret::Secret,
    settings::Settings,
    store::{AsOf, StoreResult},
};

/// What is said of a `client_id` that is not known.
pub(super) const UNKNOWN_CLIENT: &str = "no application of this client_id is registered here";

/// An application and the way to answer it. Only [`Issuer::requester`] makes one.
pub(super) struct Requester {
    pub(super) application: Arc<Application>,
    /// When the application was read, which is before everything else was.
    pub(super) as_of: AsOf,
    pub(super) redirect_uri: RedirectUri,
    /// None if it is not known.
    mode: Option<ResponseMode>,
    /// As it came.
    state: Option<String>,
    issuer: String,
}

impl Issuer {
    /// Who asks.
    ///
    /// # Errors
    /// The inner one is for the user: RFC 6749 section 4.1.2.1: the server "MUST NOT automatically redirect the
    /// user-agent to the invalid redirection URI".
    pub(super) async fn find_requester(
        &self,
        parameters: &Form<'_>,
    ) -> StoreResult<Result<Requester, OAuthError>> {
        let decisive = ["client_id", "redirect_uri"];
        if let Some(name) = decisive.into_iter().find(|name| parameters.repeats(name)) {
            return Ok(Err(refuse(format!("the parameter {name} was sent more than once"))));
        }
        let Some(client_id) = parameters.get("client_id") else {
            return Ok(Err(refuse("the parameter client_id is missing")));
        };
        let client_id = ClientId::from(client_id);
        Ok(match self.find_client(&client_id).await {
            Ok((application, as_of)) => self.requester(application, as_of, parameters),
            Err(none) => Err(none.into_error(ErrorCode::InvalidRequest, UNKNOWN_CLIENT)),
        })
    }

    /// The application with the way to answer it that these parameters name.
    pub(super) fn requester(
        &self,
        application: Arc<Application>,
        as_of: AsOf,
        parameters: &Form<'_>,
    ) -> Result<Requester, OAuthError> {
        let settings = &application.settings;
        let is_openid = parameters.get("scope").is_some_and(names_openid);
        let named = parameters.get("redirect_uri");
        let redirect_uri = RedirectUri::choose(&settings.redirect_uris, named, is_openid)
            .map_err(|error| refuse(error.to_string()))?;
        Ok(Requester {
            application,
            as_of,
            redirect_uri,
            mode: response_mode(parameters),
            state: parameters.get("state").map(Into::into),
            issuer: self.config.issuer.clone(),
        })
    }
}

fn refuse(description: impl Into<Cow<'static, str>>) -> OAuthError {
    OAuthError::new(ErrorCode::InvalidRequest, description)
}

fn names_openid(scope: &str) -> bool {
    scope.split(' ').any(|word| word == "openid")
}

/// OAuth 2.0 Multiple Response Type Encoding Practices section 2.1: for the response type `code` the default is
/// `query`.
fn response_mode(parameters: &Form<'_>) -> Option<ResponseMode> {
    parameters.get("response_mode").map_or(Some(ResponseMode::Query), ResponseMode::parse)
}

impl Requester {
    pub(super) fn settings(&self) -> &Settings {
        &self.application.settings
    }

    /// An answer by a mode that is not known goes by the default one, and says so.
    pub(super) fn check_response_mode(&self) -> Result<(), AuthorizationError> {
        self.mode.map(drop).ok_or_else(|| {
            let names = ResponseMode::ALL.map(ResponseMode::as_str).join(", ");
            AuthorizationError::invalid_request(format!("response_mode must be one of {names}"))
        })
    }

    /// Whether the answer goes in a JWT.
    pub(super) fn answers_signed(&self) -> bool {
        self.mode.is_some_and(ResponseMode::is_signed)
    }

    /// RFC 6749 section 4.1.2, not signed yet.
    pub(super) fn grant(&self, code: String, atbv: Option<Secret>) -> AuthorizationAnswer {
        AuthorizationAnswer { atbv, ..self.answer(vec![("code", code)]) }
    }

    /// RFC 6749 section 4.1.2.1, not signed yet.
    pub(super) fn refuse(&self, error: &AuthorizationError) -> AuthorizationAnswer {
        self.answer(vec![
            ("error", error.code.as_str().into()),
            ("error_description", error.description.clone().into_owned()),
        ])
    }

    fn answer(&self, mut parameters: Vec<(&'static str, String)>) -> AuthorizationAnswer {
        parameters.extend(self.state.clone().map(|state| ("state", state)));
        // RFC 9207 section 2: in every answer, "including error responses".
        parameters.push(("iss", self.issuer.clone()));
        let redirect_uri = self.redirect_uri.as_str().into();
        AuthorizationAnswer {
            redirect_uri,
            mode: self.mode.unwrap_or_default(),
            parameters,
            atbv: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use tokenbind_binding::{Instant, Timestamp};

    use super::*;

    fn requester(query: &str) -> Requester {
        let parameters = Form::parse(query.as_bytes()).unwrap();
        let redirect_uris = vec!["https://a.example/cb".to_owned()];
        let redirect_uri = RedirectUri::choose(&redirect_uris, None, false).unwrap();
        Requester {
            application: Arc::new(Application {
                client_id: "app".into(),
                issued_at: Timestamp::from_secs(1),
                secrets: Vec::new(),
                registration_access_token: None,
                settings: Settings { redirect_uris, ..Settings::default() },
            }),
            as_of: AsOf(Instant::from_micros(1)),
            redirect_uri,
            mode: response_mode(&parameters),
            state: parameters.get("state").map(Into::into),
            issuer: "https://as.example".into(),
        }
    }

    #[test]
    fn rfc9207_section_2_every_answer_names_the_issuer_and_echoes_the_state() {
        let requester = requester("state=%00a+b%C3%A9");
        let granted = requester.grant("c".into(), None);
        let expected = [
            ("code", "c".to_owned()),
            ("state", "\u{0}a b\u{e9}".into()),
            ("iss", "https://as.example".into()),
        ];
        assert_eq!(granted.parameters, expected);
        let refused = requester.refuse(&AuthorizationError::access_denied());
        let names: Vec<_> = refused.parameters.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["error", "error_description", "state", "iss"]);
        assert_eq!(refused.parameters[0].1, "access_denied");
        assert_eq!(refused.redirect_uri, "https://a.example/cb");
    }

    #[test]
    fn rfc6749_section_4_1_2_no_state_is_returned_where_none_was_sent() {
        for query in ["", "state="] {
            let names: Vec<_> =
                requester(query).grant("c".into(), None).parameters.into_iter().collect();
            assert!(names.iter().all(|(name, _)| *name != "state"), "{query}");
        }
    }

    #[test]
    fn an_unknown_response_mode_is_refused_by_way_of_the_default_one() {
        let requester = requester("response_mode=web_message");
        assert!(requester.check_response_mode().is_err());
        let refused = requester.refuse(&AuthorizationError::access_denied());
        assert_eq!(refused.mode, ResponseMode::Query);
    }

    #[test]
    fn errors_travel_by_the_response_mode_that_was_asked_for() {
        let requester = requester("response_mode=form_post");
        let refused = requester.refuse(&AuthorizationError::access_denied());
        assert_eq!(refused.mode, ResponseMode::FormPost);
    }

    #[test]
    fn openid_counts_only_as_a_whole_word() {
        assert!(names_openid("email openid"));
        assert!(!names_openid("openid2 myopenid"));
    }
}
