//! Tokens that are exchanged for others, and end with them.

use std::{collections::HashSet, sync::Arc};

use tokenbind_binding::{Anchor, Descent, SessionId, TokenId};
use tokenbind_issuer::{
    access_token::AccessToken,
    actor::Actor,
    session::LoginSession,
    store::{AsOf, Exchanged, Issuance, IssueOutcome, Issued, Store, UserChange},
};

use crate::{
    logins::{redeemed, to_session},
    support::{
        Bench, CALLERS, IDLE, all_issued, bound_to, covering, issuance, issued, jwt, opaque, race,
        reference,
    },
};

/// What `service` gets for this token.
fn exchange(as_of: AsOf, subject: &AccessToken) -> Issuance {
    Issuance {
        client_id: "service".into(),
        login: subject.login.clone(),
        grant: None,
        exchanged: Some(Exchanged {
            descent: Descent::joined(subject.token.offspring(), None).unwrap().into(),
            actor: None,
            expires_by: subject.token.expires_at,
        }),
        ..issuance(as_of)
    }
}

async fn exchanged(bench: &Bench, subject: &AccessToken) -> Arc<AccessToken> {
    bench.issue(exchange(bench.as_of().await, subject)).await.access_token
}

fn robot() -> Arc<Actor> {
    let actor =
        Actor { subject: "robot".into(), pairwise: None, client_id: "robot".into(), before: None };
    Arc::new(actor)
}

/// A token of a login whose own binding the session is, or whose session does not end it.
async fn of_login(bench: &Bench, session: &LoginSession, needs_it: bool) -> Issued {
    let code = bench.code(session).await;
    let bindings = if needs_it { to_session(session) } else { bound_to("tv") };
    redeemed(bench.redeem_bound(code, bindings).await)
}

fn anchors_of(issued: &Issued, session: SessionId) -> [Anchor; 7] {
    [
        Anchor::Token(issued.access_token.token.id),
        Anchor::Grant(issued.refresh_token.unwrap().grant),
        Anchor::Session(session),
        Anchor::Subject("u1".into()),
        Anchor::Application("app".into()),
        Anchor::Consent("u1".into(), "app".into()),
        Anchor::Binding(reference("tv")),
    ]
}

contract! {
    async fn an_exchanged_token_says_what_it_came_of(bench: Bench) {
        let subject = bench.issue(bench.issuance().await).await.access_token;
        let mut issuance = exchange(bench.as_of().await, &subject);
        issuance.exchanged.as_mut().unwrap().actor = Some(robot());
        let token = bench.issue(issuance).await.access_token;
        let found = bench.store.look_up_access_token(token.token.id).await.unwrap().unwrap();
        assert_eq!(found.record, token);
        assert_eq!(token.token.descent.as_deref(), Some(&subject.token.offspring()));
        assert_eq!((&token.actor, token.token.grant), (&Some(robot()), None));
    }

    async fn it_lives_no_longer_than_what_it_was_exchanged_for(bench: Bench) {
        let subject = bench.issue(bench.issuance().await).await.access_token;
        bench.clock.advance(600);
        let token = exchanged(&bench, &subject).await;
        assert_eq!(token.token.expires_at, subject.token.expires_at);
        let mut long = exchange(bench.as_of().await, &subject);
        long.exchanged.as_mut().unwrap().expires_by = bench.clock.timestamp().plus(1_000_000);
        let own = bench.issue(long).await.access_token.token.expires_at;
        assert_eq!(own, bench.clock.timestamp().plus(3600));
    }

    async fn whatever_ends_what_it_came_of_ends_it_and_what_came_of_it(bench: Bench) {
        for kind in 0..7 {
            let session = bench.log_in().await;
            let subject = of_login(&bench, &session, false).await;
            let first = exchanged(&bench, &subject.access_token).await;
            let second = exchanged(&bench, &first).await;
            assert!(bench.is_alive(second.token.id).await);
            let anchor = anchors_of(&subject, session.session.id)[kind].clone();
            bench.store.end_anchor(anchor.clone()).await.unwrap();
            for token in [&first, &second] {
                assert!(!bench.is_alive(token.token.id).await, "{anchor:?}");
            }
        }
    }

    /// It would hang from a session that is dead.
    async fn what_outlived_its_session_is_exchanged_for_nothing(bench: Bench) {
        let session = bench.log_in().await;
        let subject = of_login(&bench, &session, false).await.access_token;
        let before = exchanged(&bench, &subject).await;
        bench.store.end_session(session.session.id).await.unwrap();
        assert!(bench.is_alive(subject.token.id).await);
        assert!(!bench.is_alive(before.token.id).await);
        let issuance = exchange(bench.as_of().await, &subject);
        let outcome = bench.store.issue(issuance).await.unwrap();
        let session = Anchor::Session(session.session.id);
        assert!(matches!(&outcome, IssueOutcome::Ended(ended) if *ended == session), "{outcome:?}");
    }

    async fn its_own_end_leaves_what_it_came_of(bench: Bench) {
        let subject = bench.issue(bench.issuance().await).await.access_token;
        for own in [None, Some(Anchor::Application("service".into()))] {
            let token = exchanged(&bench, &subject).await;
            let next = exchanged(&bench, &token).await;
            let anchor = own.unwrap_or(Anchor::Token(token.token.id));
            bench.store.end_anchor(anchor).await.unwrap();
            assert!(!bench.is_alive(token.token.id).await);
            assert!(!bench.is_alive(next.token.id).await);
            assert!(bench.is_alive(subject.token.id).await);
        }
    }

    async fn what_ended_since_the_facts_were_read_is_exchanged_for_nothing(bench: Bench) {
        for in_slot in [false, true] {
            for kind in 0..7 {
                let session = bench.log_in().await;
                let subject = of_login(&bench, &session, false).await;
                let issuance = exchange(bench.as_of().await, &subject.access_token);
                let anchor = anchors_of(&subject, session.session.id)[kind].clone();
                bench.store.end_anchor(anchor.clone()).await.unwrap();
                let outcome = if in_slot {
                    bench.store.issue_in_slot(issuance).await.unwrap()
                } else {
                    bench.store.issue(issuance).await.unwrap()
                };
                let IssueOutcome::Ended(ended) = outcome else { panic!("issued after {anchor:?}") };
                assert_eq!(ended, anchor);
            }
        }
    }

    /// All others exchange while one ends something, once: what is committed after that must not live.
    async fn nothing_that_is_exchanged_beside_an_end_outlives_it(bench: Bench) {
        for kind in 0..7 {
            let session = bench.log_in().await;
            let subject = of_login(&bench, &session, false).await;
            let anchor = anchors_of(&subject, session.session.id)[kind].clone();
            let outcomes = race(|number| {
                let (store, anchor) = (Arc::clone(&bench.store), anchor.clone());
                let subject = Arc::clone(&subject.access_token);
                async move {
                    if number == 20 {
                        store.end_anchor(anchor).await.unwrap();
                        return None;
                    }
                    exchange_like_a_request(&*store, subject.token.id).await
                }
            })
            .await;
            let issued = all_issued(outcomes.into_iter().flatten().collect());
            assert_eq!(bench.count_alive(&issued).await, 0, "{anchor:?}");
        }
    }

    async fn nothing_that_is_exchanged_beside_a_locked_user_outlives_it(bench: Bench) {
        bench.with_users().await;
        let session = bench.log_in().await;
        let subject = of_login(&bench, &session, true).await.access_token.token.id;
        let outcomes = race(|number| {
            let store = Arc::clone(&bench.store);
            async move {
                if number == 20 {
                    store.change_user("alice", UserChange::Lock).await.unwrap();
                    return None;
                }
                exchange_like_a_request(&*store, subject).await
            }
        })
        .await;
        let issued = all_issued(outcomes.into_iter().flatten().collect());
        assert_eq!(bench.count_alive(&issued).await, 0);
    }

    async fn a_session_that_is_needed_must_be_alive_by_the_clock(bench: Bench) {
        for swept in [false, true] {
            let session = bench.log_in().await;
            let needing = of_login(&bench, &session, true).await.access_token;
            let free = of_login(&bench, &session, false).await.access_token;
            let first = exchanged(&bench, &needing).await;
            let second = exchanged(&bench, &first).await;
            let of_free = exchanged(&bench, &free).await;
            bench.clock.advance(IDLE - 1);
            assert!(bench.is_alive(second.token.id).await);
            bench.clock.advance(1);
            if swept {
                bench.store.sweep_sessions(bench.clock.timestamp()).await.unwrap();
            }
            for token in [&needing, &first, &second] {
                assert!(!bench.is_alive(token.token.id).await);
            }
            assert!(bench.is_alive(of_free.token.id).await, "no logout, only time");
        }
    }

    async fn the_session_that_a_new_password_spares_keeps_what_came_of_it(bench: Bench) {
        bench.with_users().await;
        let [own, other] = [bench.log_in().await, bench.log_in().await];
        let mut tokens = Vec::new();
        for session in [&own, &other] {
            let subject = of_login(&bench, session, true).await.access_token;
            let first = exchanged(&bench, &subject).await;
            tokens.push(exchanged(&bench, &first).await.token.id);
        }
        let spared = Some(own.session.id);
        let change = UserChange::Password { hash: String::new(), spared };
        bench.store.change_user("alice", change).await.unwrap();
        assert!(bench.is_alive(tokens[0]).await);
        assert!(!bench.is_alive(tokens[1]).await);
    }

    async fn a_slot_is_shared_by_what_came_of_the_same_alone(bench: Bench) {
        let [one, two] = [
            bench.issue(bench.issuance().await).await.access_token,
            bench.issue(bench.issuance().await).await.access_token,
        ];
        let as_of = bench.as_of().await;
        let first = bench.issue_in_slot(exchange(as_of, &one)).await;
        let again = bench.issue_in_slot(exchange(as_of, &one)).await;
        assert_eq!(again.access_token, first.access_token);
        assert_eq!(first.refresh_token, None);
        let mut delegated = exchange(as_of, &two);
        delegated.exchanged.as_mut().unwrap().actor = Some(robot());
        let plain = Issuance { exchanged: None, ..exchange(as_of, &two) };
        let mut before = first;
        for next in [exchange(as_of, &two), delegated, plain, exchange(as_of, &one)] {
            let next = bench.issue_in_slot(next).await;
            assert_ne!(next.access_token.token.id, before.access_token.token.id);
            assert!(!bench.is_alive(before.access_token.token.id).await, "superseded");
            assert!(bench.is_alive(next.access_token.token.id).await);
            before = next;
        }
        let elsewhere = covering("mail", "https://api.example", exchange(as_of, &one));
        bench.issue_in_slot(elsewhere).await;
        assert!(bench.is_alive(before.access_token.token.id).await, "another slot");
    }

    async fn a_token_can_be_exchanged_for_one_in_its_own_slot(bench: Bench) {
        for (terms, shared) in [(opaque(), true), (jwt(), false)] {
            let issuance = Issuance { access_token: terms, grant: None, ..bench.issuance().await };
            let subject = bench.issue_in_slot(issuance).await.access_token;
            let own = Issuance {
                client_id: "app".into(),
                access_token: terms,
                ..exchange(bench.as_of().await, &subject)
            };
            let token = bench.issue_in_slot(own).await.access_token;
            assert_eq!(token == subject, shared, "there is nothing else to give");
            assert!(bench.is_alive(token.token.id).await, "though it took the place of the other");
            assert_eq!(bench.is_alive(subject.token.id).await, shared, "one live token in each slot");
        }
    }

    async fn of_64_exchanges_in_one_slot_one_token_is_alive(bench: Bench) {
        let subject = bench.issue(bench.issuance().await).await.access_token;
        let as_of = bench.as_of().await;
        for (terms, distinct) in [(opaque(), 1), (jwt(), CALLERS)] {
            let issuance = Issuance {
                access_token: terms,
                bindings: bound_to("tv"),
                ..exchange(as_of, &subject)
            };
            let answers = race(|_| {
                let (store, issuance) = (Arc::clone(&bench.store), issuance.clone());
                async move { issued(store.issue_in_slot(issuance).await.unwrap()).access_token }
            })
            .await;
            let ids: HashSet<_> = answers.iter().map(|token| token.token.id).collect();
            assert_eq!(ids.len(), distinct);
            let alive = bench.count_alive(&answers).await;
            assert_eq!(alive, if distinct == 1 { CALLERS } else { 1 });
        }
    }

    /// An ID token can be exchanged until it expires, and what ended it must be known until then.
    async fn an_end_is_remembered_while_id_tokens_live(bench: Bench) {
        let session = bench.log_in().await;
        let code = bench.code(&session).await;
        let mut redemption = bench.redemption(code).await;
        redemption.issuance.grant = None;
        redemption.id_token_lifetime = Some(86_400);
        redeemed(bench.store.redeem_code(redemption).await.unwrap());
        let consent = Anchor::Consent("u1".into(), "app".into());
        let end = bench.store.end_anchor(consent.clone()).await.unwrap();
        bench.clock.advance(86_399);
        bench.store.sweep(bench.clock.timestamp()).await.unwrap();
        let other = Anchor::Grant(tokenbind_binding::GrantId::from_bytes([1; 16]));
        let ends = bench.store.look_up_ends(vec![consent, other]).await.unwrap();
        assert_eq!(ends, [end]);
    }
}

/// Reads, judges and commits, as a request does; nothing where the subject is dead already.
async fn exchange_like_a_request(store: &dyn Store, subject: TokenId) -> Option<IssueOutcome> {
    let as_of = crate::support::as_of(store).await;
    let found = store.look_up_access_token(subject).await.unwrap().unwrap();
    let now = found.record.token.id.instant().timestamp();
    found.record.token.judge(&found.ends[..], found.session.as_ref(), now).ok()?;
    Some(store.issue(exchange(as_of, &found.record)).await.unwrap())
}
