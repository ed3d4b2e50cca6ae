//! The rules of `Store`, each on every backend. A backend is one line in `contract!`.

/// Runs each rule once a backend, on a fresh store.
macro_rules! contract {
    ($($(#[$doc:meta])* async fn $rule:ident($bench:ident: $type:ty) $body:block)*) => {
        $($(#[$doc])* async fn $rule($bench: $type) $body)*

        contract!(@on sqlite: $($rule)*);
    };
    (@on $backend:ident: $($rule:ident)*) => {
        mod $backend {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $rule() {
                super::$rule($crate::support::$backend().await).await;
            })*
        }
    };
}

mod applications;
mod browser_cookies;
mod claimed_jtis;
mod codes;
mod connections;
mod device_races;
mod devices;
mod ends;
mod exchange;
mod issue;
mod keys;
mod login_races;
mod logout_deliveries;
mod narrowed;
mod proofs;
mod pushed_requests;
mod redeem;
mod refresh;
mod refresh_races;
mod refresh_sessions;
mod renewal;
mod resources;
mod session_ends;
mod sessions;
mod slots;
mod slots_of_logins;
mod sweep;
mod sweep_logins;
mod users;
