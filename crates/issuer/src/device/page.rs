//! The verification page (RFC 8628 section 3.3): from a typed code to what the user is asked.

use std::{net::IpAddr, sync::Arc};

use tokenbind_binding::{DeviceCodeId, Timestamp};

use super::{DeviceAuthorization, MalformedUserCode, UserCode};
use crate::{
    application::Application,
    authorization::{Browser, CurrentUser},
    client::too_many_attempts,
    client_document::NoClient,
    error::OAuthError,
    form::Form,
    issuer::Issuer,
    resource::Wanted,
    session::SessionFacts,
    store::{AsOf, KeptDevice, Recorded},
    throttle::CodeGuess,
};

/// What the page shows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum DeviceStep {
    /// The user has to sign in first: nobody guesses codes without a name.
    SignIn,
    /// The user has to type a code.
    AskCode {
        /// Who is signed in.
        username: String,
        /// What is wrong with the one that was typed, if one was.
        wrong: Option<WrongCode>,
    },
    /// The user has to decide, whatever they decided before (RFC 8628 section 5.4).
    Confirm(DevicePrompt),
}

/// Why a typed code leads nowhere.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum WrongCode {
    /// It is none.
    #[error(transparent)]
    Malformed(#[from] MalformedUserCode),
    /// No device shows it, or no longer.
    #[error("this code is not known, or its time is over; look at your device again")]
    Unknown,
    /// Somebody said yes or no already.
    #[error("this code was used already; have your device show another one")]
    Answered,
}

/// What the user is asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DevicePrompt {
    /// `client_name` of who asks, or the `client_id` if it has none.
    pub application: String,
    /// The host that describes it, if it is not registered here.
    pub described_by: Option<String>,
    /// Who is asked.
    pub username: String,
    /// For what, word by word.
    pub scope: Vec<String>,
    /// Where, if the device named resources: their names, or their identifiers.
    pub resources: Vec<String>,
    /// Where the device asked from, if that is known.
    pub address: Option<IpAddr>,
    /// As the device names itself.
    pub user_agent: Option<Arc<str>>,
    /// When it asked.
    pub since: Timestamp,
    /// The code that it shows.
    pub user_code: UserCode,
    /// Names the request, so that what is answered is what was shown.
    pub device: DeviceCodeId,
}

/// A request that waits for an answer.
pub(super) struct Waiting {
    pub(super) id: DeviceCodeId,
    pub(super) asked: DeviceAuthorization,
    pub(super) application: Arc<Application>,
    /// The resources that the device named.
    wanted: Wanted,
    /// When the application was read.
    pub(super) as_of: AsOf,
}

impl Issuer {
    /// What the page shows to a browser that comes with this code, or with none.
    ///
    /// # Errors
    /// Too many wrong codes, or the store fails.
    pub async fn device_step(
        &self,
        typed: Option<&str>,
        browser: Browser<'_>,
    ) -> Result<DeviceStep, OAuthError> {
        let Some(current) = self.current_user(browser.cookies).await? else {
            return Ok(DeviceStep::SignIn);
        };
        let username = current.user.username.clone();
        let Some(typed) = typed else {
            return Ok(DeviceStep::AskCode { username, wrong: None });
        };
        Ok(match self.find_waiting(typed, &current, browser.address).await? {
            Ok((_, waiting)) if !self.login_suffices(&waiting, &current) => DeviceStep::SignIn,
            Ok((user_code, waiting)) => DeviceStep::Confirm(prompt(user_code, waiting, username)),
            Err(wrong) => DeviceStep::AskCode { username, wrong: Some(wrong) },
        })
    }

    /// The request of a typed code. Wrong ones are counted, and after too many of them none is heard
    /// (RFC 8628 section 5.1).
    pub(super) async fn find_waiting(
        &self,
        typed: &str,
        current: &CurrentUser,
        address: IpAddr,
    ) -> Result<Result<(UserCode, Waiting), WrongCode>, OAuthError> {
        let user_code: UserCode = match typed.parse() {
            Ok(code) => code,
            // It tells a guesser nothing.
            Err(malformed) => return Ok(Err(WrongCode::Malformed(malformed))),
        };
        let guess = CodeGuess { subject: &current.user.subject, address };
        self.failed_user_codes.check(&guess, self.now()).map_err(too_many_attempts)?;
        let found = self.look_up_waiting(&user_code).await?;
        // Once more: others of a burst may have failed meanwhile.
        self.failed_user_codes.check(&guess, self.now()).map_err(too_many_attempts)?;
        if matches!(found, Err(WrongCode::Unknown)) {
            self.failed_user_codes.record_failure(&guess, self.now());
        }
        Ok(found.map(|waiting| (user_code, waiting)))
    }

    async fn look_up_waiting(
        &self,
        user_code: &UserCode,
    ) -> Result<Result<Waiting, WrongCode>, OAuthError> {
        let typed = self.keys().handles.typed(&user_code.letters());
        let Some((id, found)) = self.store.look_up_user_code(&typed).await? else {
            return Ok(Err(WrongCode::Unknown));
        };
        let Recorded { record: KeptDevice { asked, expires_at, answer, .. }, ends, .. } = found;
        if asked.judge(id, expires_at, &ends[..], self.now().timestamp()).is_err() {
            return Ok(Err(WrongCode::Unknown));
        }
        if answer.is_some() {
            return Ok(Err(WrongCode::Answered));
        }
        let (application, as_of) = match self.find_client(&asked.client_id).await {
            Ok(found) => found,
            Err(NoClient::Unknown | NoClient::Refused(_)) => return Ok(Err(WrongCode::Unknown)),
            Err(NoClient::Unavailable(error)) => return Err(error),
        };
        let wanted = self.wanted_within(&Form::default(), &asked.audience).await?;
        Ok(Ok(Waiting { id, asked, application, wanted, as_of }))
    }

    /// Whether the login can do for the resources (RFC 9470 section 5). One since the device asked is recent enough.
    pub(super) fn login_suffices(&self, waiting: &Waiting, current: &CurrentUser) -> bool {
        let SessionFacts { auth_time, authenticated, acr, .. } = current.session.facts;
        let age = self.now().timestamp().since(auth_time);
        let recent = authenticated > waiting.id.instant()
            || waiting.wanted.max_age().is_none_or(|max_age| age <= max_age);
        recent && waiting.wanted.acr() <= Some(acr)
    }
}

fn prompt(user_code: UserCode, waiting: Waiting, username: String) -> DevicePrompt {
    let Waiting { id, asked, application, wanted, .. } = waiting;
    DevicePrompt {
        application: application.shown_name().to_owned(),
        described_by: application.described_by(),
        username,
        scope: asked.scope.words().map(Into::into).collect(),
        resources: wanted.names(),
        address: asked.address,
        user_agent: asked.user_agent,
        since: id.instant().timestamp(),
        user_code,
        device: id,
    }
}
