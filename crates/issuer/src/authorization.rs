//! The authorization endpoint (RFC 6749 section 3.1, OpenID Connect Core section 3.1.2): from a browser's
//! request to a page for the user, or an answer for the application.

mod after_sign_in;
mod claims_parameter;
mod error;
mod face;
mod fapi;
mod issue;
mod next_step;
mod opening;
mod prompt;
mod pushed;
mod request;
mod request_object;
mod requester;
mod response;
mod signed_answer;
mod target;

use std::{net::IpAddr, sync::Arc};

use tokenbind_binding::Cookies;

pub use after_sign_in::request_after_sign_in;
pub use pushed::PushedAuthorizationResponse;
pub use response::{AuthorizationAnswer, ResponseMode};
pub use signed_answer::SIGNED_ANSWER_LIFETIME;

use self::{
    error::AuthorizationError,
    issue::Issuing,
    next_step::{Consent, Facts, SignedInUser, Step, next_step},
    opening::{Opened, Opening, no_such_request},
    prompt::Prompt,
    request::AuthorizationRequest,
    requester::Requester,
};
use crate::{
    error::OAuthError,
    form::Form,
    issuer::Issuer,
    keys::KeyError,
    pushed_request::Provenance,
    scope::Scope,
    session::{LoginSession, SessionFacts},
    store::{StoreError, StoreResult},
    user::User,
};

/// What a browser shows of itself.
#[derive(Clone, Copy, Debug)]
pub struct Browser<'a> {
    /// The cookies that matter.
    pub cookies: &'a Cookies,
    /// Where the connection comes from.
    pub address: IpAddr,
    /// `User-Agent`.
    pub user_agent: Option<&'a str>,
}

/// What the user has just said to a page that asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UserAnswer {
    /// Nothing yet.
    None,
    /// A wrong name or password: the sign-in page is shown again, whoever is signed in.
    SignInFailed,
    /// To go on as whoever is signed in, on the page that asked who it is to be.
    Chosen,
    /// To sign in as somebody else than is signed in.
    OtherAccount,
    /// Yes, to what the consent page showed.
    Consented,
    /// No, on the sign-in page or the consent page.
    Denied,
}

/// What comes of an authorization request.
#[derive(Clone, Debug)]
pub enum Decision {
    /// A page that tells the user what is wrong. The application is told nothing: it, or where to
    /// send the browser, is not known for sure (RFC 6749 section 4.1.2.1).
    Refused(OAuthError),
    /// The user has to sign in.
    SignIn(SignInPrompt),
    /// The user has to consent.
    Consent(ConsentPrompt),
    /// An answer for the application, good or bad, for the browser to carry.
    Answer(AuthorizationAnswer),
}

/// What people see of an application.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ApplicationFace {
    /// `client_name`, or the `client_id` if it has none.
    pub name: String,
    /// The host that describes it, if it is not registered here: all that is known for sure of who stands behind it.
    pub described_by: Option<String>,
    /// The host that the browser will be sent back to; the scheme where that is private.
    pub destination: String,
    /// The origin of the redirect URI as a CSP source, so that a form may lead there; the scheme with
    /// its colon where that is private.
    pub form_action: String,
}

/// What the sign-in page shows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SignInPrompt {
    /// Who asks.
    pub application: ApplicationFace,
    /// What to fill in as username.
    pub login_hint: Option<String>,
    /// The user who is signed in and may go on without a password (`prompt=select_account`).
    pub current: Option<String>,
    /// What the form names the request by, if not by the query that was shown.
    pub request: Option<String>,
}

/// What the consent page shows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConsentPrompt {
    /// Who asks.
    pub application: ApplicationFace,
    /// Who is asked.
    pub username: String,
    /// For what, word by word.
    pub scope: Vec<String>,
    /// Where, if the request names resources: their names, or their identifiers.
    pub resources: Vec<String>,
    /// What the form names the request by, if not by the query that was shown.
    pub request: Option<String>,
}

/// Why no decision was reached.
enum Stop {
    /// The application is told.
    Told(AuthorizationError),
    /// The user is told, on a page: the request was answered meanwhile.
    Spent,
    /// The store or a key failed.
    Failed(OAuthError),
}

/// Where the application asks itself, it is told everything.
impl From<Stop> for OAuthError {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Told(error) => error.into(),
            Stop::Spent => no_such_request(),
            Stop::Failed(error) => error,
        }
    }
}

impl From<AuthorizationError> for Stop {
    fn from(error: AuthorizationError) -> Self {
        Self::Told(error)
    }
}

impl From<OAuthError> for Stop {
    fn from(error: OAuthError) -> Self {
        Self::Failed(error)
    }
}

impl From<KeyError> for Stop {
    fn from(error: KeyError) -> Self {
        Self::Failed(error.into())
    }
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}

/// Who is signed in, and may be.
pub(crate) struct CurrentUser {
    pub(crate) session: Arc<LoginSession>,
    pub(crate) user: Arc<User>,
}

impl Issuer {
    /// Decides on an authorization request: the parameters of its query or form.
    ///
    /// # Errors
    /// Only where the store or a key fails.
    pub async fn authorize(
        &self,
        parameters: &Form<'_>,
        browser: Browser<'_>,
        answer: UserAnswer,
    ) -> Result<Decision, OAuthError> {
        let opened = match self.open_request(parameters).await? {
            Opening::Shown => return self.answer_request(parameters, None, browser, answer).await,
            Opening::Refused(decision) => return Ok(decision),
            Opening::Opened(opened) => opened,
        };
        let parameters = Form::parse_with_repeats(opened.request.parameters.as_bytes())?;
        let decision = self.answer_request(&parameters, Some(&opened), browser, answer).await?;
        self.named_in_its_form(decision, &opened).await
    }

    /// Decides on a request whose parameters are these.
    async fn answer_request(
        &self,
        parameters: &Form<'_>,
        opened: Option<&Opened>,
        browser: Browser<'_>,
        answer: UserAnswer,
    ) -> Result<Decision, OAuthError> {
        let requester = match self.find_requester(parameters).await? {
            Ok(requester) => requester,
            Err(refusal) => return Ok(Decision::Refused(refusal)),
        };
        // From here on it is known where to send the browser, and the application is told.
        match self.decide(&requester, parameters, opened, browser, answer).await {
            Ok(decision) => Ok(decision),
            Err(Stop::Told(error)) => Ok(Decision::Answer(self.refuse(&requester, &error)?)),
            Err(Stop::Spent) => Ok(Decision::Refused(no_such_request())),
            Err(Stop::Failed(error)) => Err(error),
        }
    }

    /// The pages name a request that is not in the browser's query in a way of their own.
    async fn named_in_its_form(
        &self,
        mut decision: Decision,
        opened: &Opened,
    ) -> Result<Decision, OAuthError> {
        let (Decision::SignIn(SignInPrompt { request, .. })
        | Decision::Consent(ConsentPrompt { request, .. })) = &mut decision
        else {
            return Ok(decision);
        };
        *request = self.query_of_opened(opened).await?;
        match request {
            Some(_) => Ok(decision),
            None => Ok(Decision::Refused(no_such_request())),
        }
    }

    async fn decide(
        &self,
        requester: &Requester,
        parameters: &Form<'_>,
        opened: Option<&Opened>,
        browser: Browser<'_>,
        answer: UserAnswer,
    ) -> Result<Decision, Stop> {
        requester.check_response_mode()?;
        check_repeats(parameters)?;
        let provenance =
            opened.map_or_else(Provenance::default, |opened| opened.request.provenance);
        let mut request = AuthorizationRequest::read(parameters, requester.settings(), provenance)?;
        requester.check_profile(parameters)?;
        request.target = self.target(requester.settings(), parameters, &request.scope).await?;
        let meant = self.subjects_meant(requester, &request)?;
        let current = self.current_user(browser.cookies).await?;
        let wanted = request.scope_to_consent_to(requester.settings());
        let step = next_step(&Facts {
            prompt: request.prompt,
            max_age: request.max_age(),
            answer,
            user: self.signed_in_user(requester, &request, &meant, current.as_ref(), opened),
            consent: self.consent(requester, current.as_ref(), &wanted).await?,
            now: self.now().timestamp(),
        });
        match (step, current) {
            (Step::Refuse(error), _) => Err(error.into()),
            (Step::SignIn { may_go_on: true }, current) => {
                Ok(sign_in(requester, &request, current))
            }
            (Step::AskConsent, Some(current)) => {
                Ok(ask_consent(requester, &request, &current, &wanted))
            }
            (Step::IssueCode { consented }, Some(current)) => {
                let consented = consented.then_some(wanted);
                self.answer(requester, &request, opened, &current, browser, consented).await
            }
            (Step::SignIn { may_go_on: false } | Step::AskConsent | Step::IssueCode { .. }, _) => {
                Ok(sign_in(requester, &request, None))
            }
        }
    }

    /// Whoever the request has to be answered for (OpenID Connect Core sections 3.1.2.1 and 5.5.1), by their
    /// `sub`; anybody if there is none.
    fn subjects_meant(
        &self,
        requester: &Requester,
        request: &AuthorizationRequest<'_>,
    ) -> Result<Vec<Box<str>>, AuthorizationError> {
        let mut meant: Vec<Box<str>> =
            request.claims.subjects.iter().map(|subject| subject.as_str().into()).collect();
        if let Some(hint) = request.id_token_hint {
            let hint = self
                .read_id_token_hint(hint)
                .map_err(|error| AuthorizationError::invalid_request(error.to_string()))?;
            if hint.client_id != requester.application.client_id {
                return Err(AuthorizationError::invalid_request(
                    "id_token_hint must be an ID token of the application that asks",
                ));
            }
            meant.push(hint.subject);
        }
        Ok(meant)
    }

    /// Whose living session the browser shows. Lock and deletion end sessions; here they are asked for
    /// all the same, as nothing may be issued for such a user.
    pub(crate) async fn current_user(&self, cookies: &Cookies) -> StoreResult<Option<CurrentUser>> {
        let Some(session) = self.current_session(cookies).await? else { return Ok(None) };
        let user = self.store.find_subject(&session.session.subject).await?;
        Ok(user.filter(|user| !user.locked).map(|user| CurrentUser { session, user }))
    }

    fn signed_in_user(
        &self,
        requester: &Requester,
        request: &AuthorizationRequest<'_>,
        meant: &[Box<str>],
        current: Option<&CurrentUser>,
        opened: Option<&Opened>,
    ) -> SignedInUser {
        let Some(CurrentUser { session, user }) = current else { return SignedInUser::Nobody };
        // RFC 9470 section 5: a login that is too weak for the resources is none.
        if request.target.acr() > Some(session.facts.acr) {
            return SignedInUser::Nobody;
        }
        let pairwise = self.shown_subject(&requester.application, &user.subject);
        let shown = pairwise.as_deref().unwrap_or(user.subject.as_str());
        if meant.iter().any(|meant| **meant != *shown) {
            return SignedInUser::SomebodyElse;
        }
        let SessionFacts { auth_time, authenticated, .. } = session.facts;
        let since_request =
            opened.and_then(Opened::since).is_some_and(|since| authenticated > since);
        SignedInUser::Present { auth_time, since_request }
    }

    async fn consent(
        &self,
        requester: &Requester,
        current: Option<&CurrentUser>,
        wanted: &Scope,
    ) -> StoreResult<Consent> {
        if requester.settings().skip_consent {
            return Ok(Consent::Given);
        }
        let Some(CurrentUser { user, .. }) = current else { return Ok(Consent::Missing) };
        // RFC 8252 section 8.6: a client that anybody could pretend to be is not let in without the user.
        if requester.application.described_by().is_some() {
            return Ok(Consent::Missing);
        }
        let client_id = &requester.application.client_id;
        let remembered = self.store.find_consent(&user.subject, client_id).await?;
        let covered = remembered.is_some_and(|remembered| wanted.is_within(&remembered));
        Ok(if covered { Consent::Given } else { Consent::Missing })
    }

    async fn answer(
        &self,
        requester: &Requester,
        request: &AuthorizationRequest<'_>,
        opened: Option<&Opened>,
        current: &CurrentUser,
        browser: Browser<'_>,
        consented: Option<Scope>,
    ) -> Result<Decision, Stop> {
        let pushed = opened.and_then(|opened| opened.id);
        match self.issue_code(requester, request, current, browser, consented, pushed).await? {
            Issuing::Answered(answer) => Ok(Decision::Answer(answer)),
            Issuing::Spent => Err(Stop::Spent),
            // The session ended while the request was under way.
            Issuing::Ended if request.prompt == Prompt::None => {
                Err(AuthorizationError::login_required().into())
            }
            Issuing::Ended => Ok(sign_in(requester, request, None)),
        }
    }
}

/// RFC 6749 section 3.1: "Request and response parameters MUST NOT be included more than once."
fn check_repeats(parameters: &Form<'_>) -> Result<(), AuthorizationError> {
    match parameters.repeated() {
        None => Ok(()),
        Some(name) => {
            let description = format!("the parameter {name} was sent more than once");
            Err(AuthorizationError::invalid_request(description))
        }
    }
}

fn sign_in(
    requester: &Requester,
    request: &AuthorizationRequest<'_>,
    current: Option<CurrentUser>,
) -> Decision {
    Decision::SignIn(SignInPrompt {
        application: ApplicationFace::of(&requester.application, &requester.redirect_uri),
        login_hint: request.login_hint.map(Into::into),
        current: current.map(|current| current.user.username.clone()),
        request: None,
    })
}

fn ask_consent(
    requester: &Requester,
    request: &AuthorizationRequest<'_>,
    current: &CurrentUser,
    wanted: &Scope,
) -> Decision {
    Decision::Consent(ConsentPrompt {
        application: ApplicationFace::of(&requester.application, &requester.redirect_uri),
        username: current.user.username.clone(),
        scope: wanted.words().map(Into::into).collect(),
        resources: request.target.names(),
        request: None,
    })
}
