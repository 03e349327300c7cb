//! Calls: those that go on, and those that are over.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use redial_memory::session_id::SessionId;
use serde_json::json;

use super::body::{Named, PageQuery};
use super::context::{Actor, Api};

/// `GET /calls`: those that ring or are live in this process.
pub(super) async fn live(State(api): State<Arc<Api>>, actor: Actor) -> Response {
    let accepting = api.app.calls.is_open();
    actor.done("calls.list", "-", Ok(json!({ "accepting_calls": accepting, "calls": api.app.calls.list() })))
}

/// `GET /sessions`.
pub(super) async fn list(State(api): State<Arc<Api>>, actor: Actor, page: PageQuery) -> Response {
    actor.done("sessions.list", "-", api.app.operations().sessions(page.after, page.limit).await)
}

/// `GET /sessions/{id}`: `get_conversation_history`.
pub(super) async fn show(State(api): State<Arc<Api>>, actor: Actor, Named(id): Named<String>) -> Response {
    actor.done("sessions.show", named(&id), api.app.operations().session(&id).await)
}

/// `DELETE /sessions/{id}`: `clear_conversation`.
pub(super) async fn clear(State(api): State<Arc<Api>>, actor: Actor, Named(id): Named<String>) -> Response {
    actor.done("sessions.clear", named(&id), api.app.operations().clear_session(&id).await)
}

/// A session's id for the audit; whatever else somebody asks for is not repeated there.
fn named(id: &str) -> &str {
    if id.parse::<SessionId>().is_ok() && id.bytes().any(|b| b.is_ascii_alphabetic()) { id } else { "-" }
}
