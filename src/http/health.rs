//! Liveness, readiness and metrics.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::app::App;
use crate::telemetry::metrics;

/// `GET /healthz`: the process runs.
pub(super) async fn alive() -> &'static str {
    "ok\n"
}

/// `GET /readyz`: calls are taken. A store or a disk that is down is told, but does not make us unready: calls
/// go on without it.
pub(super) async fn ready(State(app): State<Arc<App>>) -> Response {
    let open = app.calls.is_open();
    let memory = match app.store.health().await {
        Ok(health) => json!({
            "kind": health.kind,
            "latency_ms": (health.latency_ms * 100.0).round() / 100.0,
            "findings": health.findings,
        }),
        Err(error) => json!({ "error": error.to_string() }),
    };
    let journal = match app.spool.figures().await {
        Ok(figures) => json!({
            "degraded": app.spool.is_degraded(),
            "waiting": figures.waiting,
            "dead": figures.dead,
            "bytes": figures.bytes,
        }),
        Err(error) => json!({ "degraded": true, "error": error.to_string() }),
    };
    let status = if open { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = json!({ "accepting_calls": open, "calls": app.calls.count(), "memory": memory, "journal": journal });
    (status, Json(body)).into_response()
}

/// `GET /metrics`: Prometheus' text format. No label names a caller.
pub(super) async fn metrics() -> impl IntoResponse {
    // Without the version, some collectors take it for a format of their own.
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], metrics::render())
}
