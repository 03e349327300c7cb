//! What is here of a call, by its id alone: whether it goes on, or how it ended.

use redial_memory::session_id::SessionId;
use rusqlite::params;
use serde::Deserialize;

use super::super::sqlite::Rows;
use super::super::store::MemoryError;
use super::{Duration, PATIENCE, Spool};

/// What journal and outbox hold of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Trace {
    /// It is open.
    Open {
        /// Something was said and heard in it.
        heard: bool,
        /// This very process keeps it.
        ours: bool,
    },
    /// It was closed.
    Closed {
        /// Something was said and heard in it.
        heard: bool,
        /// Why, as the session's document has it.
        end_reason: String,
    },
}

/// The parts of a session's document that are looked at. Anything else in it may be as it likes.
#[derive(Deserialize)]
struct Ending {
    #[serde(default)]
    end_reason: String,
    #[serde(default)]
    conversation_history: Vec<serde::de::IgnoredAny>,
}

impl Spool {
    /// What is here of a call; `None`: nothing. Within `limit`, as somebody waits for it.
    pub(crate) async fn trace(&self, session_id: &SessionId, limit: Duration) -> Result<Option<Trace>, MemoryError> {
        let (session_id, instance) = (session_id.clone(), self.instance.id().to_owned());
        self.database.ask(limit.min(PATIENCE), move |rows| trace(rows, &session_id, &instance)).await
    }
}

fn trace(rows: &Rows<'_>, session_id: &SessionId, instance: &str) -> Result<Option<Trace>, MemoryError> {
    // As bytes: what a damaged row holds is for others to put aside, and must not fail this question.
    let keeper = "SELECT CAST(instance AS BLOB), EXISTS (SELECT 1 FROM turn WHERE sid = ?1) FROM call WHERE sid = ?1";
    let open =
        rows.one(keeper, params![session_id.as_str()], |row| Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, bool>(1)?)))?;
    if let Some((keeper, heard)) = open {
        return Ok(Some(Trace::Open { heard, ours: keeper == instance.as_bytes() }));
    }
    for table in ["outbox", "dead"] {
        let last = format!(
            "SELECT CAST(body AS BLOB) FROM {table} WHERE sid = ?1 AND kind = 'session' ORDER BY seq DESC LIMIT 1"
        );
        let Some(body) = rows.one(&last, params![session_id.as_str()], |row| row.get::<_, Vec<u8>>(0))? else {
            continue;
        };
        let closed = match serde_json::from_slice::<Ending>(&body) {
            Ok(Ending { end_reason, conversation_history }) => {
                Trace::Closed { heard: !conversation_history.is_empty(), end_reason }
            }
            // That it was there is all that can be read.
            Err(_) => Trace::Closed { heard: true, end_reason: String::new() },
        };
        return Ok(Some(closed));
    }
    Ok(None)
}
