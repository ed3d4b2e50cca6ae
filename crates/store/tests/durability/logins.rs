//! Sessions, codes and logouts between one process and the next.

use std::sync::Arc;

use tokenbind_binding::CodeId;
use tokenbind_issuer::{
    login::Acr,
    session::LoginSession,
    store::{CodeOutcome, CodeRequest, Issued, RedeemOutcome, SessionStart, Store},
};
use tokenbind_store::SqliteStore;

use super::{Machine, end};
use crate::{
    logins::{code, redeemed, redemption, started, to_session},
    support::{IDLE, application, as_of, is_alive},
};

async fn log_in(store: &SqliteStore) -> Arc<LoginSession> {
    let start = SessionStart {
        as_of: as_of(store).await,
        subject: "u1".into(),
        username: "alice".into(),
        acr: Acr::Password,
        user_agent: None,
        previous: None,
        idle: IDLE,
        absolute: IDLE,
    };
    started(store.start_session(start).await.unwrap())
}

async fn issue_code(store: &SqliteStore, session: &LoginSession) -> CodeId {
    let request = CodeRequest {
        as_of: as_of(store).await,
        code: code(session),
        lifetime: 60,
        session_idle: IDLE,
        cookie: None,
        consented: None,
        pushed: None,
    };
    match store.issue_code(request).await.unwrap() {
        CodeOutcome::Issued { id, .. } => id,
        other => panic!("no code: {other:?}"),
    }
}

async fn redeem(store: &SqliteStore, id: CodeId, session: &LoginSession) -> Issued {
    let mut redemption = redemption(id, &code(session));
    redemption.issuance.bindings = to_session(session);
    redeemed(store.redeem_code(redemption).await.unwrap())
}

/// Of sessions and codes, of which nobody has made a token yet.
#[tokio::test]
async fn instants_never_go_back_although_only_logins_tell_them() {
    for with_code in [false, true] {
        let (machine, store) = Machine::new().await;
        let session = log_in(&store).await;
        let mut last = session.session.id.instant();
        if with_code {
            last = issue_code(&store, &session).await.instant();
        }
        drop(store);
        machine.clock.go_back(1000);
        let store = machine.open();
        assert!(end(&store).await > last);
        drop(store);
        machine.clock.advance(1_000_000);
        let store = machine.open();
        let last = log_in(&store).await.session.id.instant();
        machine.clock.advance(100_000);
        store.sweep_sessions(machine.clock.timestamp()).await.unwrap();
        drop(store);
        machine.clock.go_back(200_000);
        assert!(end(&machine.open()).await > last);
    }
}

#[tokio::test]
async fn logins_are_there_after_reopening() {
    let (machine, store) = Machine::new().await;
    let (session, ended) = (log_in(&store).await, log_in(&store).await);
    let [kept, redeemed] = [issue_code(&store, &session).await, issue_code(&store, &session).await];
    let token = redeem(&store, redeemed, &session).await.access_token;
    store.end_session(ended.session.id).await.unwrap().unwrap();
    drop(store);
    let store = machine.open();
    let found = store.look_up_session(session.session.id).await.unwrap().unwrap();
    assert_eq!(found.record, session);
    assert!(store.look_up_session(ended.session.id).await.unwrap().is_none());
    let found = store.look_up_access_token(token.token.id).await.unwrap().unwrap();
    assert_eq!(found.record, token);
    assert_eq!(found.session.as_ref(), Some(&session.session));
    let found = store.look_up_grant(token.token.grant.unwrap()).await.unwrap().unwrap();
    assert_eq!((&found.record.login, &found.record.pairwise), (&token.login, &token.pairwise));
    redeem(&store, kept, &session).await;
    let again = store.redeem_code(redemption(redeemed, &code(&session))).await.unwrap();
    assert!(matches!(again, RedeemOutcome::AlreadyRedeemed));
    assert!(!is_alive(&store, token.token.id, machine.clock.timestamp()).await);
}

#[tokio::test]
async fn a_logout_that_is_not_delivered_yet_comes_again_after_reopening() {
    let (machine, store) = Machine::new().await;
    let before = application("app");
    let mut told = before.clone();
    told.settings.backchannel_logout_uri = Some("https://app.example/logout".into());
    store.update_application(&before, told).await.unwrap();
    let session = log_in(&store).await;
    issue_code(&store, &session).await;
    store.end_session(session.session.id).await.unwrap().unwrap();
    drop(store);
    let store = machine.open();
    let now = machine.clock.timestamp();
    let due = store.claim_logout_deliveries(now, 10).await.unwrap();
    assert_eq!((due.len(), due[0].attempt), (1, 1));
    drop(store);
    let store = machine.open();
    assert!(store.claim_logout_deliveries(now, 10).await.unwrap().is_empty());
    let due = store.claim_logout_deliveries(now.plus(5), 10).await.unwrap();
    assert_eq!((due.len(), due[0].attempt), (1, 2));
}
