//! Calls: those that go on, and those that are over.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use redial_memory::model::SessionDoc;
use redial_memory::session_id;
use serde::Serialize;
use utoipa::ToSchema;

use super::body::{Named, PageQuery};
use super::context::{Actor, Api};
use super::document::CALLS;
use super::guard::Guarded;
use super::names::SessionId;
use super::problem::Problem;
use crate::calls::CallEntry;
use crate::operations::{Cleared, Sessions};

/// The calls of this process.
#[derive(Serialize, ToSchema)]
pub(super) struct Calls {
    /// True while new calls are taken.
    accepting_calls: bool,
    /// In no order.
    calls: Vec<CallEntry>,
}

/// Calls that ring or are live in this process.
///
/// As this process knows them; other instances have their own.
#[utoipa::path(
    get,
    path = "/calls",
    operation_id = "listCalls",
    tag = CALLS,
    responses(
        (status = 200, description = "The calls", body = Calls),
        Guarded,
    )
)]
pub(super) async fn live(State(api): State<Arc<Api>>, actor: Actor) -> Response {
    let calls = Calls { accepting_calls: api.app.calls.is_open(), calls: api.app.calls.list() };
    actor.done("calls.list", "-", Ok(calls))
}

/// Finished calls.
///
/// Those whose words are still held, in no order.
#[utoipa::path(
    get,
    path = "/sessions",
    operation_id = "listSessions",
    tag = CALLS,
    params(PageQuery),
    responses(
        (status = 200, description = "A page", body = Sessions),
        PageQuery,
        Guarded,
    )
)]
pub(super) async fn list(State(api): State<Arc<Api>>, actor: Actor, page: PageQuery) -> Response {
    actor.done("sessions.list", "-", api.app.operations().sessions(page.after, page.limit).await)
}

/// A finished call with its words.
///
/// `get_conversation_history` and `load_conversation` of older deployments: the words are in `conversation_history`.
/// Their `add_message`, `register_turn` and `save_conversation` have no route: the gateway itself keeps each turn as
/// it is finished, and writes the call when it ends.
#[utoipa::path(
    get,
    path = "/sessions/{id}",
    operation_id = "getConversationHistory",
    tag = CALLS,
    params(("id" = SessionId, Path, description = "The call's id")),
    responses(
        (status = 200, description = "The session", body = SessionDoc),
        (status = 404, response = Problem),
        Named<SessionId>,
        Guarded,
    )
)]
pub(super) async fn show(
    State(api): State<Arc<Api>>,
    actor: Actor,
    Named(SessionId(id)): Named<SessionId>,
) -> Response {
    actor.done("sessions.show", named(&id), api.app.operations().session(&id).await)
}

/// Delete a finished call's words.
///
/// `clear_conversation` and `clear_session` of older deployments. What the profile took from the call stays, and its
/// record in the archive; forgetting the caller erases these.
#[utoipa::path(
    delete,
    path = "/sessions/{id}",
    operation_id = "clearConversation",
    tag = CALLS,
    params(("id" = SessionId, Path, description = "The call's id")),
    responses(
        (status = 200, description = "What was deleted", body = Cleared),
        (status = 404, response = Problem),
        (status = 409, response = Problem),
        Named<SessionId>,
        Guarded,
    )
)]
pub(super) async fn clear(
    State(api): State<Arc<Api>>,
    actor: Actor,
    Named(SessionId(id)): Named<SessionId>,
) -> Response {
    actor.done("sessions.clear", named(&id), api.app.operations().clear_session(&id).await)
}

/// A session's id for the audit; whatever else somebody asks for is not repeated there.
fn named(id: &str) -> &str {
    if id.parse::<session_id::SessionId>().is_ok() && id.bytes().any(|b| b.is_ascii_alphabetic()) { id } else { "-" }
}
