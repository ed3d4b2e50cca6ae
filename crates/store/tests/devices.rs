//! Device authorizations, as tests use them.

use std::sync::Arc;

use tokenbind_binding::{
    Binding, BindingType, Bindings, ClientId, DeviceCodeId, Reference, bindings::Authorized,
    device_flow, handle::TypedMac,
};
use tokenbind_issuer::{
    device::{DeviceAnswer, DeviceApproval, DeviceAuthorization},
    session::LoginSession,
    store::{
        AsOf, DeviceRedeemOutcome, DeviceRedemption, DeviceReply, DeviceReplyOutcome, DeviceStart,
        DeviceStartOutcome, Issuance, Issued, Poll, PollOutcome,
    },
};

use crate::{
    logins::login,
    support::{Bench, IDLE, audience, issuance, scope},
};

/// Seconds for which a device code lives.
pub(crate) const LIFETIME: u64 = 600;

/// Seconds between two polls.
pub(crate) const INTERVAL: u64 = 5;

/// How a user code is kept.
pub(crate) fn kept_as(user_code: u8) -> TypedMac {
    TypedMac::from_bytes([user_code; 32])
}

/// For `app`, bound to no key.
pub(crate) fn asked() -> DeviceAuthorization {
    DeviceAuthorization {
        client_id: "app".into(),
        scope: scope("mail openid"),
        audience: audience("https://api.example"),
        authorized: Authorized::default(),
        address: Some([192, 0, 2, 7].into()),
        user_agent: Some("tv/1".into()),
    }
}

/// As operators name what comes of the code.
pub(crate) fn reference_of(device: DeviceCodeId) -> Reference {
    device_flow::reference_of(&ClientId::from("app"), &device.to_string())
}

/// Yes, by the user of this session.
pub(crate) fn approval(session: &LoginSession) -> DeviceAnswer {
    DeviceAnswer::Approved(DeviceApproval {
        subject: session.session.subject.clone(),
        username: Arc::clone(&session.facts.username),
        pairwise: Some("someone".into()),
        login: Arc::new(login(session)),
    })
}

impl Bench {
    pub(crate) async fn device_start(&self, user_codes: &[u8]) -> DeviceStart {
        DeviceStart {
            as_of: self.as_of().await,
            asked: asked(),
            proof: None,
            user_codes: user_codes.iter().map(|code| vec![kept_as(*code)]).collect(),
            lifetime: LIFETIME,
            interval: INTERVAL,
        }
    }

    /// A device that shows this user code.
    pub(crate) async fn device(&self, user_code: u8) -> DeviceCodeId {
        let start = self.device_start(&[user_code]).await;
        match self.store.start_device_authorization(start).await.unwrap() {
            DeviceStartOutcome::Started { id, user_code: 0 } => id,
            other => panic!("not started: {other:?}"),
        }
    }

    pub(crate) async fn device_reply(
        &self,
        device: DeviceCodeId,
        session: &LoginSession,
        answer: DeviceAnswer,
    ) -> DeviceReply {
        DeviceReply {
            device,
            as_of: self.as_of().await,
            session: session.session.id,
            subject: session.session.subject.clone(),
            answer,
            session_idle: IDLE,
        }
    }

    pub(crate) async fn answer(
        &self,
        device: DeviceCodeId,
        session: &LoginSession,
        answer: DeviceAnswer,
    ) -> DeviceReplyOutcome {
        let reply = self.device_reply(device, session, answer).await;
        self.store.answer_device_authorization(reply).await.unwrap()
    }

    /// A device that the user of this session approved.
    pub(crate) async fn approved_device(
        &self,
        user_code: u8,
        session: &LoginSession,
    ) -> DeviceCodeId {
        let device = self.device(user_code).await;
        let outcome = self.answer(device, session, approval(session)).await;
        assert_eq!(outcome, DeviceReplyOutcome::Answered);
        device
    }

    pub(crate) async fn poll(&self, device: DeviceCodeId) -> PollOutcome {
        self.store.poll_device_code(polling(device)).await.unwrap()
    }

    pub(crate) async fn redeem_device(
        &self,
        device: DeviceCodeId,
        session: &LoginSession,
    ) -> DeviceRedeemOutcome {
        let redemption = device_redemption(device, session);
        self.store.redeem_device_code(redemption).await.unwrap()
    }
}

/// As the application would redeem the code: for an opaque token and a refresh token, bound to it.
pub(crate) fn device_redemption(device: DeviceCodeId, session: &LoginSession) -> DeviceRedemption {
    let binding = Binding {
        binding_type: BindingType::DeviceFlow,
        reference: reference_of(device),
        validated: true,
        confirmation: None,
    };
    DeviceRedemption {
        device,
        reference: reference_of(device),
        issuance: Issuance {
            subject: session.session.subject.clone(),
            username: Some(Arc::clone(&session.facts.username)),
            login: Some(Arc::new(login(session))),
            bindings: Bindings::new(vec![binding]),
            ..issuance(AsOf(device.instant()))
        },
        in_slot: false,
        id_token_lifetime: None,
    }
}

/// Without a proof; 5 seconds slower if it is too early.
pub(crate) fn polling(device: DeviceCodeId) -> Poll {
    Poll { device, proof: None, slower: 5 }
}

pub(crate) fn device_redeemed(outcome: DeviceRedeemOutcome) -> Issued {
    match outcome {
        DeviceRedeemOutcome::Redeemed(issued) => issued,
        other => panic!("not redeemed: {other:?}"),
    }
}
