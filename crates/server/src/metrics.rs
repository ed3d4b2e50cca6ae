//! What the server counts, and the loopback listener that tells it to Prometheus.

use std::{net::SocketAddr, sync::Arc};

use axum::{Router, routing::get};
use metrics::{Counter, Histogram, counter, describe_counter, describe_histogram, histogram};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use tokenbind_binding::Instant;
use tokenbind_issuer::ErrorCode;
use tokio::net::TcpListener;

const REQUESTS: &str = "tokenbind_requests_total";

/// Certificate headers of those who are no trusted proxy.
pub(crate) const IGNORED_CERTIFICATE_HEADERS: &str = "tokenbind_ignored_certificate_headers_total";

const DURATION: &str = "tokenbind_request_duration_seconds";

/// Upper bounds of the histogram's buckets, in seconds: from a cached introspection to a password.
const BUCKETS: [f64; 12] =
    [0.0001, 0.000_25, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.0];

/// Makes this process count.
///
/// # Errors
/// If something counts already.
pub(crate) fn install() -> Result<PrometheusHandle, BuildError> {
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Full(DURATION.into()), &BUCKETS)?
        .install_recorder()?;
    describe_counter!(REQUESTS, "Requests by endpoint and by OAuth error code, or ok.");
    describe_counter!(
        IGNORED_CERTIFICATE_HEADERS,
        "Requests with a client certificate in a header that nobody trusted sent."
    );
    describe_histogram!(DURATION, "Seconds from a request's head to its answer, by endpoint.");
    Ok(handle)
}

/// The counters of one endpoint, looked up once.
#[derive(Clone)]
pub(crate) struct EndpointMetrics {
    endpoint: &'static str,
    ok: Counter,
    duration: Histogram,
}

impl EndpointMetrics {
    pub(crate) fn new(endpoint: &'static str) -> Self {
        Self {
            endpoint,
            ok: counter!(REQUESTS, "endpoint" => endpoint, "outcome" => "ok"),
            duration: histogram!(DURATION, "endpoint" => endpoint),
        }
    }

    pub(crate) fn record(&self, error: Option<ErrorCode>, began: Instant, ended: Instant) {
        match error {
            None => self.ok.increment(1),
            Some(code) => {
                let outcome = code.as_str();
                counter!(REQUESTS, "endpoint" => self.endpoint, "outcome" => outcome).increment(1);
            }
        }
        let micros = ended.as_micros().saturating_sub(began.as_micros());
        self.duration.record(std::time::Duration::from_micros(micros));
    }
}

/// Serves `/metrics` at `address`.
///
/// # Errors
/// If the address cannot be had.
pub(crate) async fn serve(address: SocketAddr, handle: PrometheusHandle) -> std::io::Result<()> {
    let listener = TcpListener::bind(address).await?;
    let handle = Arc::new(handle);
    let upkeep = handle.clone();
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(std::time::Duration::from_secs(5)).await;
            upkeep.run_upkeep();
        }
    });
    let router = Router::new().route("/metrics", get(async move || handle.render()));
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::error!(%error, "the metrics listener stopped");
        }
    });
    Ok(())
}
