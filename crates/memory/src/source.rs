//! Where something that is remembered comes from: `CA…#4` is the fourth turn of a call.

use redial_call::{Turn, TurnId};

use crate::model::SessionDoc;

/// The session that something comes from, by its `src`.
pub(super) fn session_of(src: &str) -> &str {
    src.split_once('#').map_or(src, |(session_id, _)| session_id)
}

/// When a turn of the call began, in Unix ms.
pub(super) fn time_of(session: &SessionDoc, turns: &[Turn], turn: TurnId) -> u64 {
    let start_ms = turns.iter().find(|own| own.id == turn).map_or(0, |own| own.start_ms);
    session.started_at.saturating_add(start_ms)
}
