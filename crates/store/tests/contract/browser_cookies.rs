//! Which `atbv` a browser has, and what ends when it is replaced.

use std::{collections::HashSet, sync::Arc};

use tokenbind_binding::Bindings;
use tokenbind_issuer::{
    session::LoginSession,
    store::{CodeOutcome, CookieFate, CookieOffer, Issued, RedeemOutcome, SessionStart},
};

use crate::{
    logins::{COOKIE, cookie_value, cookie_value_for, offer, redeemed, started, to_cookie},
    support::{Bench, CALLERS, race},
};

/// From a browser that shows this to tokens that are bound to what it has then.
async fn sign_in(
    bench: &Bench,
    session: &LoginSession,
    cookie: CookieOffer,
) -> (CookieFate, Issued) {
    let mut request = bench.code_request(session).await;
    request.cookie = Some(cookie);
    let (id, fate) = bench.issue_code(request).await;
    let recorded = bench.store.look_up_code(id).await.unwrap().unwrap();
    let bindings: Bindings = to_cookie(recorded.code.authorized.cookie.unwrap());
    (fate.unwrap(), redeemed(bench.redeem_bound(id, bindings).await))
}

async fn of_bob(bench: &Bench) -> Arc<LoginSession> {
    let start = SessionStart {
        subject: "u2".into(),
        username: "bob".into(),
        ..bench.session_start().await
    };
    started(bench.store.start_session(start).await.unwrap())
}

async fn lives(bench: &Bench, issued: &Issued) -> [bool; 2] {
    let refresh_token = issued.refresh_token.unwrap();
    [bench.is_alive(issued.access_token.token.id).await, bench.is_refreshable(refresh_token).await]
}

contract! {
    async fn a_browser_without_a_cookie_gets_the_fresh_one_and_keeps_it(bench: Bench) {
        let session = bench.log_in().await;
        let (fate, first) = sign_in(&bench, &session, offer(None, "first")).await;
        assert_eq!(fate, CookieFate::Replaced);
        let bound = first.access_token.token.bindings.clone();
        assert_eq!(bound[0].reference, cookie_value("first").reference);
        let (fate, again) = sign_in(&bench, &session, offer(Some("first"), "unused")).await;
        assert_eq!(fate, CookieFate::Kept);
        assert_eq!(again.access_token.token.bindings, bound);
        assert_eq!(lives(&bench, &first).await, [true, true]);
    }

    async fn without_an_offer_there_is_no_cookie(bench: Bench) {
        let session = bench.log_in().await;
        let (id, fate) = bench.issue_code(bench.code_request(&session).await).await;
        assert_eq!(fate, None);
        let recorded = bench.store.look_up_code(id).await.unwrap().unwrap();
        assert_eq!(recorded.code.authorized.cookie, None);
    }

    async fn a_cookie_is_kept_from_one_session_of_its_user_to_the_next(bench: Bench) {
        let (session, next) = (bench.log_in().await, bench.log_in().await);
        let (_, issued) = sign_in(&bench, &session, offer(None, "first")).await;
        bench.store.end_session(session.session.id).await.unwrap();
        let (fate, _) = sign_in(&bench, &next, offer(Some("first"), "unused")).await;
        assert_eq!(fate, CookieFate::Kept);
        assert_eq!(lives(&bench, &issued).await, [true, true]);
    }

    /// No fixation: nobody gets to choose another's cookie.
    async fn a_cookie_that_was_not_made_here_is_replaced_and_never_kept(bench: Bench) {
        let session = bench.log_in().await;
        let (fate, issued) = sign_in(&bench, &session, offer(Some("planted"), "fresh")).await;
        assert_eq!(fate, CookieFate::Replaced);
        assert_eq!(issued.access_token.token.bindings[0].reference, cookie_value("fresh").reference);
        let (fate, _) = sign_in(&bench, &session, offer(Some("planted"), "fresher")).await;
        assert_eq!(fate, CookieFate::Replaced);
        assert_eq!(lives(&bench, &issued).await, [true, true]);
    }

    async fn a_cookie_of_another_user_is_replaced_and_what_is_bound_to_it_ends(bench: Bench) {
        let (alice, bob) = (bench.log_in().await, of_bob(&bench).await);
        let (_, of_alice) = sign_in(&bench, &alice, offer(None, "hers")).await;
        let (_, elsewhere) = sign_in(&bench, &alice, offer(None, "elsewhere")).await;
        let (fate, of_bob) = sign_in(&bench, &bob, offer(Some("hers"), "his")).await;
        assert_eq!(fate, CookieFate::Replaced);
        assert_eq!(of_bob.access_token.token.bindings[0].reference, cookie_value("his").reference);
        assert_eq!(lives(&bench, &of_alice).await, [false, false]);
        assert_eq!(lives(&bench, &elsewhere).await, [true, true]);
        // It is not known any more, not even for her.
        let (fate, _) = sign_in(&bench, &alice, offer(Some("hers"), "new")).await;
        assert_eq!(fate, CookieFate::Replaced);
    }

    async fn a_replaced_cookie_ends_what_every_application_has_bound_to_it(bench: Bench) {
        bench.with_application("other", false).await;
        let (alice, bob) = (bench.log_in().await, of_bob(&bench).await);
        let (_, in_app) = sign_in(&bench, &alice, offer(None, "hers")).await;
        let value = cookie_value_for("other", "hers");
        let mut request = bench.code_request(&alice).await;
        request.code.client_id = "other".into();
        request.cookie = Some(CookieOffer { shown: Some(value.clone()), ..offer(None, "unused") });
        let (id, fate) = bench.issue_code(request).await;
        assert_eq!(fate, Some(CookieFate::Kept));
        let in_other = redeemed(bench.redeem_bound(id, to_cookie(value.reference)).await);
        assert_eq!(lives(&bench, &in_other).await, [true, true]);
        sign_in(&bench, &bob, offer(Some("hers"), "his")).await;
        assert_eq!(lives(&bench, &in_app).await, [false, false]);
        assert_eq!(lives(&bench, &in_other).await, [false, false]);
    }

    async fn a_cookie_that_was_not_used_for_too_long_is_replaced(bench: Bench) {
        for (pause, expected) in [(COOKIE - 1, CookieFate::Kept), (COOKIE, CookieFate::Replaced)] {
            let first = bench.log_in().await;
            let name = format!("cookie-{pause}");
            sign_in(&bench, &first, offer(None, &name)).await;
            bench.clock.advance(pause);
            let fresh = format!("fresh-{pause}");
            let session = bench.log_in().await;
            let (fate, _) = sign_in(&bench, &session, offer(Some(&name), &fresh)).await;
            assert_eq!(fate, expected);
        }
    }

    async fn a_use_lets_a_cookie_be_known_for_longer(bench: Bench) {
        let session = bench.log_in().await;
        sign_in(&bench, &session, offer(None, "first")).await;
        for _ in 0..3 {
            bench.clock.advance(COOKIE - 1);
            let session = bench.log_in().await;
            let (fate, _) = sign_in(&bench, &session, offer(Some("first"), "unused")).await;
            assert_eq!(fate, CookieFate::Kept);
        }
    }

    async fn all_of_64_requests_of_one_browser_keep_its_cookie(bench: Bench) {
        let session = bench.log_in().await;
        sign_in(&bench, &session, offer(None, "first")).await;
        let request = bench.code_request(&session).await;
        let fates = race(|number| {
            let (store, mut request) = (Arc::clone(&bench.store), request.clone());
            request.cookie = Some(offer(Some("first"), &number.to_string()));
            async move { store.issue_code(request).await.unwrap() }
        })
        .await;
        for outcome in fates {
            assert!(matches!(outcome, CodeOutcome::Issued { cookie: Some(CookieFate::Kept), .. }));
        }
    }

    /// Two users fight for one browser: whoever comes first takes it, and all that comes later with
    /// the old value gets another one.
    async fn of_64_that_show_the_cookie_of_another_nobody_keeps_it_and_its_tokens_end(bench: Bench) {
        let (alice, bob) = (bench.log_in().await, of_bob(&bench).await);
        let (_, issued) = sign_in(&bench, &alice, offer(None, "hers")).await;
        let request = bench.code_request(&bob).await;
        let outcomes = race(|number| {
            let (store, mut request) = (Arc::clone(&bench.store), request.clone());
            request.cookie = Some(offer(Some("hers"), &format!("fresh-{number}")));
            async move { store.issue_code(request).await.unwrap() }
        })
        .await;
        let mut given = HashSet::new();
        for outcome in outcomes {
            let CodeOutcome::Issued { id, cookie } = outcome else { panic!("{outcome:?}") };
            assert_eq!(cookie, Some(CookieFate::Replaced));
            let code = bench.store.look_up_code(id).await.unwrap().unwrap().code;
            given.insert(code.authorized.cookie.unwrap());
        }
        assert_eq!(given.len(), CALLERS);
        assert!(!given.contains(&cookie_value("hers").reference));
        assert_eq!(lives(&bench, &issued).await, [false, false]);
    }

    /// The owner and a stranger show the value at once: nothing that was bound before the stranger
    /// came lives on, and nothing that came after is bound to the value.
    async fn nothing_stays_bound_to_a_cookie_that_is_replaced_beside_64_logins(bench: Bench) {
        let (alice, bob) = (bench.log_in().await, of_bob(&bench).await);
        sign_in(&bench, &alice, offer(None, "hers")).await;
        let requests = [bench.code_request(&alice).await, bench.code_request(&bob).await];
        let codes = race(|number| {
            let mut request = requests[usize::from(number == 30)].clone();
            request.cookie = Some(offer(Some("hers"), &format!("fresh-{number}")));
            let store = Arc::clone(&bench.store);
            async move {
                match store.issue_code(request).await.unwrap() {
                    CodeOutcome::Issued { id, .. } => id,
                    other => panic!("{other:?}"),
                }
            }
        })
        .await;
        let hers = cookie_value("hers").reference;
        for id in codes {
            let code = bench.store.look_up_code(id).await.unwrap().unwrap().code;
            let reference = code.authorized.cookie.unwrap();
            let outcome = bench.redeem_bound(id, to_cookie(reference)).await;
            let refused = !matches!(outcome, RedeemOutcome::Redeemed(_));
            assert_eq!(refused, reference == hers, "{outcome:?}");
        }
    }
}
