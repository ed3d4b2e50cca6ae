//! Authorization requests that are kept, opened and answered once.

use std::sync::Arc;

use tokenbind_binding::{Anchor, Instant, PushedRequestId};
use tokenbind_issuer::{
    pushed_request::{Provenance, PushedRequest},
    store::{CodeOutcome, CodeRequest, KeptRequest, PushOutcome, RequestPush, Swept},
};

use crate::{
    logins::at,
    support::{Bench, CALLERS, application, race},
};

const LIFETIME: u64 = 60;
const ANSWERABLE: u64 = 600;

fn request() -> PushedRequest {
    PushedRequest {
        client_id: "app".into(),
        parameters: "client_id=app&state=%00%C3%A9".into(),
        provenance: Provenance { pushed: true, signed: false },
    }
}

async fn push_of(bench: &Bench) -> RequestPush {
    let as_of = bench.as_of().await;
    RequestPush { as_of, request: request(), lifetime: LIFETIME, answerable: ANSWERABLE }
}

async fn push(bench: &Bench) -> PushedRequestId {
    match bench.store.push_request(push_of(bench).await).await.unwrap() {
        PushOutcome::Pushed(id) => id,
        PushOutcome::Ended => panic!("not kept"),
    }
}

async fn kept(bench: &Bench, id: PushedRequestId) -> Option<KeptRequest> {
    bench.store.look_up_pushed_request(id).await.unwrap().map(|found| found.record)
}

async fn answering(bench: &Bench, id: PushedRequestId) -> CodeRequest {
    let session = bench.log_in().await;
    CodeRequest { pushed: Some(id), ..bench.code_request(&session).await }
}

async fn outcome(bench: &Bench, request: CodeRequest) -> CodeOutcome {
    bench.store.issue_code(request).await.unwrap()
}

fn issued(outcome: CodeOutcome) -> bool {
    matches!(outcome, CodeOutcome::Issued { .. })
}

async fn sweep(bench: &Bench) -> Swept {
    bench.store.sweep(bench.clock.timestamp()).await.unwrap()
}

contract! {
    async fn a_request_is_found_as_it_was_pushed(bench: Bench) {
        let id = push(&bench).await;
        let found = kept(&bench, id).await.unwrap();
        assert_eq!(found.request, request());
        assert_eq!((found.opens_until, found.answers_until), (at(LIFETIME), at(ANSWERABLE)));
        assert!(!found.spent);
        let unknown = PushedRequestId::new(Instant::from_micros(7), [7; 8]);
        assert!(kept(&bench, unknown).await.is_none());
    }

    async fn a_request_gets_one_code(bench: Bench) {
        let id = push(&bench).await;
        let request = answering(&bench, id).await;
        assert!(issued(outcome(&bench, request.clone()).await));
        assert!(kept(&bench, id).await.unwrap().spent);
        assert_eq!(outcome(&bench, request).await, CodeOutcome::RequestSpent);
    }

    async fn of_64_that_answer_one_request_one_gets_a_code(bench: Bench) {
        for _ in 0..4 {
            let id = push(&bench).await;
            let request = answering(&bench, id).await;
            let outcomes = race(|_| {
                let (store, request) = (Arc::clone(&bench.store), request.clone());
                async move { store.issue_code(request).await.unwrap() }
            })
            .await;
            assert_eq!(outcomes.iter().filter(|&&outcome| issued(outcome)).count(), 1);
            let spent = outcomes.iter().filter(|&&each| each == CodeOutcome::RequestSpent).count();
            assert_eq!(spent, CALLERS - 1);
        }
    }

    async fn a_refused_code_spends_nothing(bench: Bench) {
        let id = push(&bench).await;
        let session = bench.log_in().await;
        let request = CodeRequest { pushed: Some(id), ..bench.code_request(&session).await };
        bench.store.end_session(session.session.id).await.unwrap();
        assert_eq!(outcome(&bench, request).await, CodeOutcome::SessionOver);
        assert!(!kept(&bench, id).await.unwrap().spent);
        let again = answering(&bench, id).await;
        assert!(issued(outcome(&bench, again).await));
    }

    async fn a_request_whose_time_is_over_gets_no_code(bench: Bench) {
        let id = push(&bench).await;
        bench.clock.advance(ANSWERABLE - 1);
        let last = push(&bench).await;
        let request = answering(&bench, last).await;
        bench.clock.advance(1);
        let late = answering(&bench, id).await;
        assert_eq!(outcome(&bench, late).await, CodeOutcome::RequestSpent);
        assert!(issued(outcome(&bench, request).await));
    }

    async fn another_applications_request_gets_no_code(bench: Bench) {
        bench.store.register_application(application("other")).await.unwrap();
        let id = push(&bench).await;
        let mut request = answering(&bench, id).await;
        request.code.client_id = "other".into();
        assert_eq!(outcome(&bench, request).await, CodeOutcome::RequestSpent);
        assert!(!kept(&bench, id).await.unwrap().spent);
    }

    async fn an_end_of_the_application_ends_its_requests(bench: Bench) {
        let (id, before) = (push(&bench).await, push_of(&bench).await);
        bench.store.end_anchor(Anchor::Application("app".into())).await.unwrap();
        let found = bench.store.look_up_pushed_request(id).await.unwrap().unwrap();
        let now = bench.clock.timestamp();
        assert!(found.record.request.judge(id, at(LIFETIME), &found.ends[..], now).is_err());
        let request = answering(&bench, id).await;
        assert_eq!(outcome(&bench, request).await, CodeOutcome::RequestSpent);
        assert_eq!(bench.store.push_request(before).await.unwrap(), PushOutcome::Ended);
        let later = push(&bench).await;
        let request = answering(&bench, later).await;
        assert!(issued(outcome(&bench, request).await), "what comes later is not ended");
    }

    async fn requests_are_swept_when_they_cannot_be_answered_any_more(bench: Bench) {
        let (id, spent) = (push(&bench).await, push(&bench).await);
        let request = answering(&bench, spent).await;
        assert!(issued(outcome(&bench, request).await));
        bench.clock.advance(ANSWERABLE - 1);
        assert_eq!(sweep(&bench).await.pushed_requests, 0);
        assert!(kept(&bench, id).await.is_some());
        assert!(kept(&bench, spent).await.unwrap().spent, "as long as it could be shown again");
        bench.clock.advance(1);
        assert_eq!(sweep(&bench).await.pushed_requests, 2);
        assert!(kept(&bench, id).await.is_none());
    }

    async fn the_requests_of_a_removed_application_are_swept(bench: Bench) {
        let id = push(&bench).await;
        bench.store.delete_application(&"app".into()).await.unwrap();
        assert_eq!(sweep(&bench).await.pushed_requests, 1);
        assert!(kept(&bench, id).await.is_none());
    }

    async fn the_requests_of_an_application_that_a_document_describes_stay(bench: Bench) {
        let mut push = push_of(&bench).await;
        push.request.client_id = "https://app.example/client.json".into();
        let outcome = bench.store.push_request(push).await.unwrap();
        let PushOutcome::Pushed(id) = outcome else { panic!("{outcome:?}") };
        assert_eq!(sweep(&bench).await.pushed_requests, 0);
        assert!(kept(&bench, id).await.is_some());
    }
}
