//! Memory itself: how it is, and what waits.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde_json::json;

use super::body::{Named, PageQuery};
use super::context::{Actor, Api};
use crate::operations::audit;

/// `GET /memory`.
pub(super) async fn check(State(api): State<Arc<Api>>, actor: Actor) -> Response {
    actor.done("memory.check", "-", Ok(api.app.operations().check().await))
}

/// `POST /memory/selftest`. 503 when memory does not work.
pub(super) async fn selftest(State(api): State<Arc<Api>>, actor: Actor) -> Response {
    let test = api.app.operations().selftest().await;
    let (status, outcome) =
        if test.passed { (StatusCode::OK, "done") } else { (StatusCode::SERVICE_UNAVAILABLE, "failed") };
    audit::note("memory.selftest", &actor.0, "-", outcome);
    (status, Json(test)).into_response()
}

/// `GET /outbox`.
pub(super) async fn outbox(State(api): State<Arc<Api>>, actor: Actor, page: PageQuery) -> Response {
    let waiting = api.app.operations().outbox(page.limit).await;
    actor.done("outbox.list", "-", waiting.map(|waiting| json!({ "waiting": waiting })))
}

/// `GET /dead`.
pub(super) async fn dead(State(api): State<Arc<Api>>, actor: Actor, page: PageQuery) -> Response {
    let dead = api.app.operations().dead(page.limit).await;
    actor.done("dead.list", "-", dead.map(|dead| json!({ "dead": dead })))
}

/// `GET /dead/{seq}`.
pub(super) async fn dead_entry(State(api): State<Arc<Api>>, actor: Actor, Named(seq): Named<i64>) -> Response {
    actor.done("dead.show", &entry(seq), api.app.operations().dead_entry(seq).await)
}

/// `POST /dead/{seq}/retry`.
pub(super) async fn retry(State(api): State<Arc<Api>>, actor: Actor, Named(seq): Named<i64>) -> Response {
    let retried = api.app.operations().retry_dead(seq).await;
    actor.done("dead.retry", &entry(seq), retried.map(|()| json!({ "queued": true })))
}

/// `DELETE /dead/{seq}`.
pub(super) async fn drop_dead(State(api): State<Arc<Api>>, actor: Actor, Named(seq): Named<i64>) -> Response {
    let dropped = api.app.operations().drop_dead(seq).await;
    actor.done("dead.drop", &entry(seq), dropped.map(|()| json!({ "dropped": true })))
}

fn entry(seq: i64) -> String {
    format!("entry {seq}")
}
