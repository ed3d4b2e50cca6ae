//! What may happen to a store.

use proptest::{
    prelude::*,
    sample::{Index, select},
};

use super::reference::{Format, NewCode, Place, Redeem, Request, Thing, Turn, Words};

/// What happens next. Indexes pick among what there is by then.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Request {
        request: Request,
        stale: bool,
    },
    /// The user, the session and the login are the token's.
    Exchange {
        token: Index,
        request: Request,
        stale: bool,
    },
    Refresh {
        grant: Index,
        back: i8,
        other_app: bool,
        turn: Turn,
    },
    EndToken(Index),
    EndGrant(Index),
    End(Thing),
    /// Remembers this moment, for requests that were decided on outdated facts.
    Remember,
    StartSession {
        user: u8,
        previous: Option<Index>,
        ends: (u64, u64),
        stale: bool,
    },
    UseSession(Index, u64),
    EndSession(Index),
    IssueCode {
        session: Index,
        code: NewCode,
        stale: bool,
    },
    Redeem {
        code: Index,
        redeem: Redeem,
    },
    Password {
        user: u8,
        spared: Option<Index>,
    },
    Advance(u64),
    SweepSessions,
    Sweep,
    Reopen,
}

fn words() -> impl Strategy<Value = Words> {
    select(vec![Words::Wide, Words::Narrow])
}

fn format() -> impl Strategy<Value = Format> {
    select(vec![Format::Opaque, Format::Jwt])
}

fn lifetime() -> impl Strategy<Value = u64> {
    select(vec![40, 3600])
}

fn refresh_lifetime() -> impl Strategy<Value = u64> {
    select(vec![50, 86_400])
}

fn place() -> impl Strategy<Value = Place> {
    // Mostly the same ones, so that much happens in one slot.
    let number = || select(vec![0, 0, 0, 1]);
    (number(), number(), select(vec![None, None, Some(0), Some(1)]), words())
        .prop_map(|(app, user, device, words)| Place { app, user, device, session: None, words })
}

fn request() -> impl Strategy<Value = Step> {
    let refresh = prop::option::weighted(0.8, refresh_lifetime());
    let shape = (place(), format(), lifetime(), refresh, prop::bool::weighted(0.8));
    (shape, words(), prop::bool::weighted(0.1)).prop_map(
        |((place, format, lifetime, refresh_lifetime, in_slot), more, stale)| Step::Request {
            request: Request {
                place,
                format,
                lifetime,
                refresh_lifetime,
                granted: if place.words == Words::Wide { Words::Wide } else { more },
                in_slot,
                login: None,
                parent: None,
            },
            stale,
        },
    )
}

fn exchange() -> impl Strategy<Value = Step> {
    (any::<Index>(), request(), prop::bool::weighted(0.2)).prop_filter_map(
        "a request",
        |(token, step, stale)| match step {
            Step::Request { request, .. } => Some(Step::Exchange { token, request, stale }),
            _ => None,
        },
    )
}

fn refresh() -> impl Strategy<Value = Step> {
    let grace = select(vec![None, Some(0), Some(30), Some(30), Some(30)]);
    let shape = (words(), format(), lifetime(), grace, refresh_lifetime(), any::<bool>(), idle());
    let back = select(vec![0, 0, 0, 1, 1, 2, -1]);
    (any::<Index>(), back, prop::bool::weighted(0.05), shape).prop_map(
        |(
            grant,
            back,
            other_app,
            (words, format, lifetime, rotation, refresh_lifetime, in_slot, idle),
        )| {
            let (generation, app) = (0, 0);
            let turn = Turn {
                grant: 0,
                generation,
                app,
                words,
                format,
                lifetime,
                rotation,
                refresh_lifetime,
                in_slot,
                idle,
            };
            Step::Refresh { grant, back, other_app, turn }
        },
    )
}

fn idle() -> impl Strategy<Value = u64> {
    select(vec![40, 3600])
}

fn start_session() -> impl Strategy<Value = Step> {
    let previous = prop::option::weighted(0.5, any::<Index>());
    let ends = (idle(), select(vec![90, 7200]));
    (select(vec![0, 0, 0, 1]), previous, ends, prop::bool::weighted(0.1)).prop_map(
        |(user, previous, ends, stale)| Step::StartSession { user, previous, ends, stale },
    )
}

fn issue_code() -> impl Strategy<Value = Step> {
    let shape = (select(vec![0, 0, 0, 1]), words(), any::<bool>(), select(vec![30, 3600]), idle());
    (any::<Index>(), shape, prop::bool::weighted(0.1)).prop_map(
        |(session, (app, words, tied, lifetime, idle), stale)| Step::IssueCode {
            session,
            code: NewCode { session: 0, app, words, tied, lifetime, idle },
            stale,
        },
    )
}

fn redeem() -> impl Strategy<Value = Step> {
    let refresh = prop::option::weighted(0.7, refresh_lifetime());
    let device = select(vec![None, None, Some(0)]);
    let shape = (device, any::<bool>(), words(), format(), lifetime(), refresh, any::<bool>());
    (any::<Index>(), shape).prop_map(
        |(code, (device, bound, words, format, lifetime, refresh_lifetime, in_slot))| {
            Step::Redeem {
                code,
                redeem: Redeem {
                    code: 0,
                    device,
                    bound,
                    words,
                    format,
                    lifetime,
                    refresh_lifetime,
                    in_slot,
                },
            }
        },
    )
}

fn password() -> impl Strategy<Value = Step> {
    let spared = prop::option::weighted(0.8, any::<Index>());
    (0..2_u8, spared).prop_map(|(user, spared)| Step::Password { user, spared })
}

pub(super) fn step() -> impl Strategy<Value = Step> {
    let shared = prop_oneof![
        (0..2_u8).prop_map(Thing::User),
        (0..2_u8).prop_map(Thing::App),
        (0..2_u8, 0..2_u8).prop_map(|(user, app)| Thing::Consent(user, app)),
        (0..2_u8, 0..2_u8).prop_map(|(app, device)| Thing::Device(app, device)),
    ];
    prop_oneof![
        20 => request(),
        25 => exchange(),
        40 => refresh(),
        6 => any::<Index>().prop_map(Step::EndToken),
        3 => any::<Index>().prop_map(Step::EndGrant),
        4 => shared.prop_map(Step::End),
        4 => Just(Step::Remember),
        12 => start_session(),
        5 => (any::<Index>(), idle()).prop_map(|(session, idle)| Step::UseSession(session, idle)),
        4 => any::<Index>().prop_map(Step::EndSession),
        25 => issue_code(),
        35 => redeem(),
        2 => password(),
        15 => select(vec![1, 9, 10, 29, 30, 31, 50, 3600, 86_400]).prop_map(Step::Advance),
        1 => Just(Step::SweepSessions),
        1 => Just(Step::Sweep),
        1 => Just(Step::Reopen),
    ]
}
