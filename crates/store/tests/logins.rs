//! Logins, codes and what comes of them, as tests use them.

use std::sync::Arc;

use tokenbind_binding::{
    Binding, BindingType, Bindings, CodeId, Reference, SessionId, Timestamp, bindings::Authorized,
};
use tokenbind_issuer::{
    code::AuthorizationCode,
    login::{Acr, Login, RequestedClaims},
    pkce::CodeChallenge,
    scope::Audience,
    secret::SecretHash,
    session::LoginSession,
    store::{
        CodeOutcome, CodeRequest, CookieFate, CookieOffer, CookieValue, GrantTerms, Issuance,
        Issued, RedeemOutcome, Redemption, SessionOutcome, SessionStart, Store,
    },
};

use crate::support::{Bench, IDLE, START, application, issuance, opaque, scope, user};

/// Seconds for which a session lives at most.
pub(crate) const ABSOLUTE: u64 = 36_000;

/// Seconds for which a code lives.
pub(crate) const CODE: u64 = 60;

/// Seconds for which an `atbv` is known without use.
pub(crate) const COOKIE: u64 = 1_000_000;

impl Bench {
    /// There are `u1`, called alice, and `u2`, called bob.
    pub(crate) async fn with_users(&self) {
        for user in [user("u1", "alice"), user("u2", "bob")] {
            self.store.add_user(user).await.unwrap();
        }
    }

    /// Registers an application that wants to be told of logouts, or not.
    pub(crate) async fn with_application(&self, client_id: &str, backchannel: bool) {
        let mut added = application(client_id);
        added.settings.backchannel_logout_uri =
            backchannel.then(|| "https://app.example/logout".into());
        self.store.register_application(added).await.unwrap();
    }

    /// A login of `u1` in a browser that has no session.
    pub(crate) async fn session_start(&self) -> SessionStart {
        SessionStart {
            as_of: self.as_of().await,
            subject: "u1".into(),
            username: "alice".into(),
            acr: Acr::Password,
            user_agent: Some("Mozilla/5.0".into()),
            previous: None,
            idle: IDLE,
            absolute: ABSOLUTE,
        }
    }

    pub(crate) async fn log_in(&self) -> Arc<LoginSession> {
        started(self.store.start_session(self.session_start().await).await.unwrap())
    }

    pub(crate) async fn session_lives(&self, id: SessionId) -> bool {
        session_lives(&*self.store, id, self.clock.timestamp()).await
    }

    /// For `app`, in the session, without cookie and consent.
    pub(crate) async fn code_request(&self, session: &LoginSession) -> CodeRequest {
        CodeRequest {
            as_of: self.as_of().await,
            code: code(session),
            lifetime: CODE,
            session_idle: IDLE,
            cookie: None,
            consented: None,
            pushed: None,
        }
    }

    pub(crate) async fn issue_code(&self, request: CodeRequest) -> (CodeId, Option<CookieFate>) {
        match self.store.issue_code(request).await.unwrap() {
            CodeOutcome::Issued { id, cookie } => (id, cookie),
            other => panic!("no code: {other:?}"),
        }
    }

    pub(crate) async fn code(&self, session: &LoginSession) -> CodeId {
        self.issue_code(self.code_request(session).await).await.0
    }

    /// As the application would redeem the code: for an opaque token and a refresh token.
    pub(crate) async fn redemption(&self, code: CodeId) -> Redemption {
        let recorded = self.store.look_up_code(code).await.unwrap().unwrap().code;
        redemption(code, &recorded)
    }

    pub(crate) async fn redeem(&self, code: CodeId) -> RedeemOutcome {
        self.store.redeem_code(self.redemption(code).await).await.unwrap()
    }

    /// From the code to tokens that are bound like this.
    pub(crate) async fn redeem_bound(&self, code: CodeId, bindings: Bindings) -> RedeemOutcome {
        let mut redemption = self.redemption(code).await;
        redemption.issuance.bindings = bindings;
        self.store.redeem_code(redemption).await.unwrap()
    }

    pub(crate) async fn logouts_due(&self) -> Vec<tokenbind_issuer::store::LogoutDelivery> {
        self.store.claim_logout_deliveries(self.clock.timestamp(), 100).await.unwrap()
    }
}

pub(crate) async fn session_lives(store: &dyn Store, id: SessionId, now: Timestamp) -> bool {
    match store.look_up_session(id).await.unwrap() {
        Some(found) => found.record.judge(&found.ends[..], now).is_ok(),
        None => false,
    }
}

pub(crate) fn started(outcome: SessionOutcome) -> Arc<LoginSession> {
    match outcome {
        SessionOutcome::Started(session) => session,
        other => panic!("not started: {other:?}"),
    }
}

pub(crate) fn renewed(outcome: SessionOutcome) -> Arc<LoginSession> {
    match outcome {
        SessionOutcome::Renewed(session) => session,
        other => panic!("not renewed: {other:?}"),
    }
}

pub(crate) fn redeemed(outcome: RedeemOutcome) -> Issued {
    match outcome {
        RedeemOutcome::Redeemed(issued) => issued,
        other => panic!("not redeemed: {other:?}"),
    }
}

/// For `app`; its tokens do not end at the logout unless they are bound so.
pub(crate) fn code(session: &LoginSession) -> AuthorizationCode {
    AuthorizationCode {
        client_id: "app".into(),
        subject: session.session.subject.clone(),
        username: Arc::clone(&session.facts.username),
        pairwise: Some("someone".into()),
        scope: scope("mail openid"),
        audience: Audience::of(&["https://api.example"]),
        redirect_uri: "https://app.example/back".into(),
        redirect_uri_named: true,
        code_challenge: CodeChallenge::parse("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM").ok(),
        nonce: Some("n-0S6_WzA2Mj".into()),
        authorized: Authorized {
            certificate: None,
            cookie: None,
            session: Some(session_reference(session)),
            dpop: None,
        },
        login: Arc::new(login(session)),
    }
}

pub(crate) fn login(session: &LoginSession) -> Login {
    Login {
        session: session.session.id,
        ends_tokens: false,
        auth_time: session.facts.auth_time,
        acr: session.facts.acr,
        claims: RequestedClaims::default(),
    }
}

pub(crate) fn redemption(id: CodeId, code: &AuthorizationCode) -> Redemption {
    let unused = tokenbind_issuer::store::AsOf(id.instant());
    Redemption {
        code: id,
        issuance: Issuance {
            client_id: code.client_id.clone(),
            subject: code.subject.clone(),
            username: Some(Arc::clone(&code.username)),
            pairwise: code.pairwise.clone(),
            login: Some(Arc::clone(&code.login)),
            scope: code.scope.clone(),
            audience: code.audience.clone(),
            proof: None,
            access_token: opaque(),
            grant: Some(GrantTerms {
                lifetime: 86_400,
                scope: code.scope.clone(),
                audience: code.audience.clone(),
            }),
            ..issuance(unused)
        },
        in_slot: false,
        id_token_lifetime: None,
    }
}

fn session_reference(session: &LoginSession) -> Reference {
    Reference::of(BindingType::SsoSession, &"app".into(), session.session.id.as_bytes())
}

/// Bound to the session, as its code is redeemed by an application with `sso-session`.
pub(crate) fn to_session(session: &LoginSession) -> Bindings {
    Bindings::new(vec![Binding {
        binding_type: BindingType::SsoSession,
        reference: session_reference(session),
        validated: false,
        confirmation: None,
    }])
}

pub(crate) fn to_cookie(reference: Reference) -> Bindings {
    Bindings::new(vec![Binding {
        binding_type: BindingType::Cookie,
        reference,
        validated: true,
        confirmation: None,
    }])
}

/// A value of `atbv`, as `app` knows it.
pub(crate) fn cookie_value(value: &str) -> CookieValue {
    cookie_value_for("app", value)
}

pub(crate) fn cookie_value_for(client_id: &str, value: &str) -> CookieValue {
    CookieValue {
        hash: SecretHash::of(value),
        reference: Reference::of(BindingType::Cookie, &client_id.into(), value.as_bytes()),
    }
}

pub(crate) fn offer(shown: Option<&str>, fresh: &str) -> CookieOffer {
    CookieOffer { shown: shown.map(cookie_value), fresh: cookie_value(fresh), lifetime: COOKIE }
}

/// So many seconds after the test began.
pub(crate) fn at(secs: u64) -> Timestamp {
    Timestamp::from_secs(START + secs)
}
