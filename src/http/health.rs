//! Liveness, readiness and metrics.
//!
//! | port | `/healthz` | `/readyz` | `/metrics` |
//! | --- | --- | --- | --- |
//! | public | the process runs | calls are taken, in one word | no |
//! | operators' | the same | with how memory and the journal do | Prometheus' text format |

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::app::App;
use crate::telemetry::metrics;

/// How old what is told of memory may be: looking takes the journal's time, which calls need.
const FRESH: Duration = Duration::from_secs(1);

/// Whether calls are taken. Asked by strangers: it must cost nothing.
fn is_ready(app: &App) -> bool {
    app.calls.is_open() && !app.spool.is_gone() && app.failing().is_empty()
}

/// `GET /healthz`: the process runs.
pub(super) async fn alive() -> &'static str {
    "ok\n"
}

/// `GET /readyz` for load balancers: whether calls are taken, and nothing else.
pub(super) async fn ready(State(app): State<Arc<App>>) -> Response {
    if is_ready(&app) {
        "ready\n".into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not ready\n").into_response()
    }
}

/// What operators' probes ask.
struct Probe {
    app: Arc<App>,
    /// Memory and journal.
    condition: Recent<(Value, Value)>,
}

/// The routes for operators' probes. Nothing in them is about a caller, so they take no token.
pub(super) fn probes(app: Arc<App>) -> Router {
    let probe = Probe { app, condition: Recent::default() };
    Router::new()
        .route("/healthz", get(alive))
        .route("/readyz", get(condition))
        .route("/metrics", get(metrics))
        .with_state(Arc::new(probe))
}

/// `GET /readyz` for operators. A store or a disk that is down is told, but does not make us unready: calls go on without it. A
/// part of the process that does not stay up does.
async fn condition(State(probe): State<Arc<Probe>>) -> Response {
    let app = &probe.app;
    let (memory, journal) = probe.condition.or_look(look(app)).await;
    let ready = is_ready(app);
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = json!({
        "accepting_calls": ready,
        "calls": app.calls.count(),
        "failing": app.failing(),
        "memory": memory,
        "journal": journal,
    });
    (status, Json(body)).into_response()
}

async fn look(app: &App) -> (Value, Value) {
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
    (memory, journal)
}

/// `GET /metrics`: Prometheus' text format. No label names a caller.
async fn metrics() -> impl IntoResponse {
    // Without the version, some collectors take it for a format of their own.
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], metrics::render())
}

/// What was found lately. However many ask, one looks, and the others wait for what it finds.
struct Recent<T> {
    latest: Mutex<Option<(Instant, T)>>,
}

impl<T> Default for Recent<T> {
    fn default() -> Self {
        Self { latest: Mutex::new(None) }
    }
}

impl<T: Clone> Recent<T> {
    /// What was found within the last second, else what `look` finds.
    async fn or_look(&self, look: impl Future<Output = T>) -> T {
        let mut latest = self.latest.lock().await;
        if let Some((at, found)) = &*latest
            && at.elapsed() < FRESH
        {
            return found.clone();
        }
        let found = look.await;
        *latest = Some((Instant::now(), found.clone()));
        found
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use futures_util::future::join_all;
    use tokio::time::{advance, sleep};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn however_many_ask_one_looks_and_not_again_for_a_second() {
        let (recent, looks) = (Recent::default(), AtomicU32::new(0));
        let ask = || {
            recent.or_look(async {
                // As slow as a store that does not answer.
                sleep(Duration::from_millis(250)).await;
                looks.fetch_add(1, Ordering::Relaxed) + 1
            })
        };
        assert_eq!(join_all((0..100).map(|_| ask())).await, vec![1; 100]);
        advance(FRESH - Duration::from_millis(1)).await;
        assert_eq!(ask().await, 1);
        advance(Duration::from_millis(1)).await;
        assert_eq!(ask().await, 2);
        // Whoever looks may hang up in the middle; the next one looks.
        advance(FRESH).await;
        assert!(tokio::time::timeout(Duration::from_millis(100), ask()).await.is_err());
        assert_eq!(ask().await, 3);
    }
}
