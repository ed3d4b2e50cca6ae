//! The user's answer to a device.

use std::sync::Arc;

use super::{
    DeviceAnswer, DeviceApproval,
    page::{Waiting, WrongCode},
};
use crate::{
    authorization::{Browser, CurrentUser},
    error::OAuthError,
    issuer::Issuer,
    login::{Login, RequestedClaims},
    store::{DeviceReply, DeviceReplyOutcome},
};

/// What the user says to the page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DeviceDecision {
    /// Yes.
    Approve,
    /// No.
    Deny,
}

/// What a page showed that is answered now.
#[derive(Clone, Copy, Debug)]
pub struct ShownDevice<'a> {
    /// The code.
    pub user_code: &'a str,
    /// The request that it led to.
    pub device: &'a str,
    /// Who was asked.
    pub username: &'a str,
}

/// What comes of an answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum DeviceAnswerOutcome {
    /// The device gets its tokens with its next poll.
    Approved {
        /// `client_name` of who asked, or the `client_id` if it has none.
        application: String,
    },
    /// The device gets nothing.
    Denied,
    /// The device got another answer before, or its time is over.
    Late(WrongCode),
    /// Whoever was asked is not, or no longer, who is signed in: the page has to be shown again.
    AskAgain,
}

impl Issuer {
    /// Gives the device the answer of whoever is signed in, if it is they who were asked.
    ///
    /// # Errors
    /// Too many wrong codes, or the store fails.
    pub async fn answer_device(
        &self,
        shown: ShownDevice<'_>,
        decision: DeviceDecision,
        browser: Browser<'_>,
    ) -> Result<DeviceAnswerOutcome, OAuthError> {
        let current = self.current_user(browser.cookies).await?;
        // One user's word is not the other's.
        let Some(current) = current.filter(|current| current.user.username == shown.username)
        else {
            return Ok(DeviceAnswerOutcome::AskAgain);
        };
        match self.find_waiting(shown.user_code, &current, browser.address).await? {
            // What is answered is what was shown, also where a code is given out a second time.
            Ok((_, waiting)) if !self.login_suffices(&waiting, &current) => {
                Ok(DeviceAnswerOutcome::AskAgain)
            }
            Ok((_, waiting)) if waiting.id.to_string() == shown.device => {
                self.reply(&waiting, &current, decision).await
            }
            Ok(_) => Ok(DeviceAnswerOutcome::Late(WrongCode::Unknown)),
            Err(wrong) => Ok(DeviceAnswerOutcome::Late(wrong)),
        }
    }

    async fn reply(
        &self,
        waiting: &Waiting,
        current: &CurrentUser,
        decision: DeviceDecision,
    ) -> Result<DeviceAnswerOutcome, OAuthError> {
        let reply = DeviceReply {
            device: waiting.id,
            as_of: waiting.as_of,
            session: current.session.session.id,
            subject: current.user.subject.clone(),
            answer: match decision {
                DeviceDecision::Approve => DeviceAnswer::Approved(self.approval(waiting, current)),
                DeviceDecision::Deny => DeviceAnswer::Denied,
            },
            session_idle: self.config.session_idle,
        };
        Ok(match (self.store.answer_device_authorization(reply).await?, decision) {
            (DeviceReplyOutcome::Answered, DeviceDecision::Approve) => {
                DeviceAnswerOutcome::Approved {
                    application: waiting.application.shown_name().to_owned(),
                }
            }
            (DeviceReplyOutcome::Answered, DeviceDecision::Deny) => DeviceAnswerOutcome::Denied,
            (DeviceReplyOutcome::AnsweredBefore, _) => {
                DeviceAnswerOutcome::Late(WrongCode::Answered)
            }
            (DeviceReplyOutcome::Over, _) => DeviceAnswerOutcome::Late(WrongCode::Unknown),
            (DeviceReplyOutcome::SessionOver | DeviceReplyOutcome::Ended, _) => {
                DeviceAnswerOutcome::AskAgain
            }
        })
    }

    fn approval(&self, waiting: &Waiting, current: &CurrentUser) -> DeviceApproval {
        let CurrentUser { session, user } = current;
        DeviceApproval {
            subject: user.subject.clone(),
            username: user.username.as_str().into(),
            pairwise: self.shown_subject(&waiting.application, &user.subject),
            login: Arc::new(Login {
                session: session.session.id,
                ends_tokens: waiting.application.settings.revoke_tokens_on_logout,
                auth_time: session.facts.auth_time,
                acr: session.facts.acr,
                claims: RequestedClaims::default(),
            }),
        }
    }
}
