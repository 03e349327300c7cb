//! Liveness, readiness and metrics.

use std::sync::Arc;
use std::sync::OnceLock;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use serde_json::json;

use crate::app::App;

/// `GET /healthz`: the process runs.
pub(super) async fn alive() -> &'static str {
    "ok\n"
}

/// `GET /readyz`: calls are taken. A store or a disk that is down is told, but does not make us unready: calls
/// go on without it.
pub(super) async fn ready(State(app): State<Arc<App>>) -> Response {
    let open = app.calls.is_open() && !app.spool.is_gone();
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
            "gone": app.spool.is_gone(),
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
pub(super) async fn metrics() -> String {
    recorder().map(PrometheusHandle::render).unwrap_or_default()
}

/// Starts counting; what is counted before is lost. A second call changes nothing.
pub(crate) fn install_metrics() {
    if recorder().is_none() {
        tracing::warn!("another metrics recorder is installed: /metrics stays empty");
    }
}

/// The process's metrics; `None` when another recorder was installed before.
fn recorder() -> Option<&'static PrometheusHandle> {
    static RECORDER: OnceLock<Option<PrometheusHandle>> = OnceLock::new();
    RECORDER.get_or_init(|| PrometheusBuilder::new().install_recorder().ok()).as_ref()
}
