//! `/healthz`: the process answers. `/readyz`: it can also commit.

use axum::extract::State;
use http::StatusCode;

use super::App;

pub(super) async fn alive() -> &'static str {
    "ok\n"
}

pub(super) async fn ready(State(app): State<App>) -> (StatusCode, &'static str) {
    match app.issuer.probe().await {
        Ok(()) => (StatusCode::OK, "ready\n"),
        Err(error) => {
            tracing::error!(%error, "not ready");
            (StatusCode::SERVICE_UNAVAILABLE, "the database cannot commit\n")
        }
    }
}
