//! Memory itself: how it is, and what waits.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::body::{Limit, Named};
use super::context::{Actor, Api};
use super::document::MEMORY;
use super::guard::Guarded;
use super::names::Seq;
use super::problem::Problem;
use crate::operations::{Check, DeadEntry, DeadLine, QueueLine, SelfTest, audit};

/// What waits to be delivered.
#[derive(Serialize, ToSchema)]
pub(super) struct Waiting {
    /// Oldest first.
    waiting: Vec<QueueLine>,
}

/// What cannot be delivered.
#[derive(Serialize, ToSchema)]
pub(super) struct Dead {
    /// Oldest first.
    dead: Vec<DeadLine>,
}

/// An entry that was put back.
#[derive(Serialize, ToSchema)]
pub(super) struct Queued {
    /// True: it waits again.
    queued: bool,
}

/// An entry that was thrown away.
#[derive(Serialize, ToSchema)]
pub(super) struct Dropped {
    /// True: it is gone.
    dropped: bool,
}

/// How memory is, and what should be done.
///
/// Counts everything, which takes a while in a large store.
#[utoipa::path(
    get,
    path = "/memory",
    operation_id = "checkMemory",
    tag = MEMORY,
    responses(
        (status = 200, description = "Health, figures, outbox, advice", body = Check),
        Guarded,
    )
)]
pub(super) async fn check(State(api): State<Arc<Api>>, actor: Actor) -> Response {
    actor.done("memory.check", "-", Ok(api.app.operations().check().await))
}

/// Write, read and delete a scratch caller.
///
/// Under a prefix of nobody's: no caller is touched.
#[utoipa::path(
    post,
    path = "/memory/selftest",
    operation_id = "selftestMemory",
    tag = MEMORY,
    responses(
        (status = 200, description = "Memory works", body = SelfTest),
        (status = 503, description = "It does not; the steps say why", body = SelfTest),
        Guarded,
    )
)]
pub(super) async fn selftest(State(api): State<Arc<Api>>, actor: Actor) -> Response {
    let test = api.app.operations().selftest().await;
    let (status, outcome) =
        if test.passed { (StatusCode::OK, "done") } else { (StatusCode::SERVICE_UNAVAILABLE, "failed") };
    audit::note("memory.selftest", &actor.0, "-", outcome);
    (status, Json(test)).into_response()
}

/// What waits to be delivered.
///
/// Sessions and erasures that the store has not taken yet. No words.
#[utoipa::path(
    get,
    path = "/outbox",
    operation_id = "listOutbox",
    tag = MEMORY,
    params(Limit),
    responses(
        (status = 200, description = "Oldest first", body = Waiting),
        Limit,
        Guarded,
    )
)]
pub(super) async fn outbox(State(api): State<Arc<Api>>, actor: Actor, Limit(limit): Limit) -> Response {
    let waiting = api.app.operations().outbox(limit).await;
    actor.done("outbox.list", "-", waiting.map(|waiting| Waiting { waiting }))
}

/// What cannot be delivered.
///
/// What was put aside and waits for somebody. No words.
#[utoipa::path(
    get,
    path = "/dead",
    operation_id = "listDead",
    tag = MEMORY,
    params(Limit),
    responses(
        (status = 200, description = "Oldest first", body = Dead),
        Limit,
        Guarded,
    )
)]
pub(super) async fn dead(State(api): State<Arc<Api>>, actor: Actor, Limit(limit): Limit) -> Response {
    let dead = api.app.operations().dead(limit).await;
    actor.done("dead.list", "-", dead.map(|dead| Dead { dead }))
}

/// One entry, with its words.
///
/// The document as it is in the file; as a text where it is damaged.
#[utoipa::path(
    get,
    path = "/dead/{seq}",
    operation_id = "showDead",
    tag = MEMORY,
    params(("seq" = Seq, Path, description = "The number of an entry")),
    responses(
        (status = 200, description = "The entry", body = DeadEntry),
        (status = 404, response = Problem),
        Named<Seq>,
        Guarded,
    )
)]
pub(super) async fn dead_entry(State(api): State<Arc<Api>>, actor: Actor, Named(Seq(seq)): Named<Seq>) -> Response {
    actor.done("dead.show", &entry(seq), api.app.operations().dead_entry(seq).await)
}

/// Put an entry back into the queue.
///
/// For instance after an upgrade, or when what was in its way is gone.
#[utoipa::path(
    post,
    path = "/dead/{seq}/retry",
    operation_id = "retryDead",
    tag = MEMORY,
    params(("seq" = Seq, Path, description = "The number of an entry")),
    responses(
        (status = 200, description = "It waits again", body = Queued),
        (status = 404, response = Problem),
        (status = 409, response = Problem),
        Named<Seq>,
        Guarded,
    )
)]
pub(super) async fn retry(State(api): State<Arc<Api>>, actor: Actor, Named(Seq(seq)): Named<Seq>) -> Response {
    let retried = api.app.operations().retry_dead(seq).await;
    actor.done("dead.retry", &entry(seq), retried.map(|()| Queued { queued: true }))
}

/// Throw an entry away, with its words.
///
/// For good. What was said in that call is then kept nowhere.
#[utoipa::path(
    delete,
    path = "/dead/{seq}",
    operation_id = "dropDead",
    tag = MEMORY,
    params(("seq" = Seq, Path, description = "The number of an entry")),
    responses(
        (status = 200, description = "It is gone", body = Dropped),
        (status = 404, response = Problem),
        Named<Seq>,
        Guarded,
    )
)]
pub(super) async fn drop_dead(State(api): State<Arc<Api>>, actor: Actor, Named(Seq(seq)): Named<Seq>) -> Response {
    let dropped = api.app.operations().drop_dead(seq).await;
    actor.done("dead.drop", &entry(seq), dropped.map(|()| Dropped { dropped: true }))
}

fn entry(seq: i64) -> String {
    format!("entry {seq}")
}
