//! What became of a call, beyond what this process has seen of it: from journal and outbox, the mirror, and the store.
//!
//! A carrier may ask any instance about any call. What one process remembers is not the state of the call.

use std::time::Duration;

use redial_memory::session_id::SessionId;
use tokio::time::{Instant, timeout_at};

use super::directory::Memory;
use super::mirror::Mirror;
use super::spool::{Spool, Trace};
use super::store::MemoryError;

/// What became of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Nobody has had it.
    Unheard,
    /// It was begun, and nobody has ended it: it goes on somewhere, or its stream broke.
    Begun {
        /// Something was said and heard in it.
        heard: bool,
        /// Another process has it, or had it when it died.
        elsewhere: bool,
    },
    /// It was ended, by us or by the caller: nothing more is to be said in it.
    Over,
}

/// True when a session ended without anybody wanting it to: the carrier may come back with the same call.
pub fn may_go_on(end_reason: &str) -> bool {
    matches!(end_reason, "disconnected" | "internal_error" | "handed_over" | "gateway_restart")
}

/// Asks this instance's disk, the mirror and the store at once. Takes `limit` at most.
///
/// # Errors
/// When what is known does not settle it and one of them does not answer in time.
pub async fn ask(
    spool: &Spool,
    store: &dyn Memory,
    mirror: Option<&dyn Mirror>,
    session_id: &SessionId,
    limit: Duration,
) -> Result<Fate, MemoryError> {
    let until = Instant::now() + limit;
    let late = |_| MemoryError::Unavailable { advice: "no answer in time".to_owned(), source: None };
    let local = async { spool.trace(session_id, limit).await.map(|trace| trace.map_or(Fate::Unheard, of_trace)) };
    let ended = async {
        match mirror {
            Some(mirror) => mirror.is_over(session_id).await.map(|over| if over { Fate::Over } else { Fate::Unheard }),
            None => Ok(Fate::Unheard),
        }
    };
    let live = async {
        let Some(mirror) = mirror else { return Ok(Fate::Unheard) };
        let found = mirror.load(session_id).await?;
        Ok(found.map_or(Fate::Unheard, |found| Fate::Begun {
            heard: found.turns > 0,
            elsewhere: found.call.instance != spool.instance(),
        }))
    };
    let stored = async {
        // A hang-up is written before its mirror goes: asked after it, the store has what the mirror had no more.
        let Some(session) = store.load_session(session_id).await? else { return Ok(Fate::Unheard) };
        let heard = !session.conversation_history.is_empty();
        Ok(if may_go_on(&session.end_reason) { Fate::Begun { heard, elsewhere: false } } else { Fate::Over })
    };
    let elsewhere = async {
        let live = timeout_at(until, live).await.map_err(late).flatten();
        [live, timeout_at(until, stored).await.map_err(late).flatten()]
    };
    let ended = async { timeout_at(until, ended).await.map_err(late).flatten() };
    let (local, ended, [live, stored]) = tokio::join!(local, ended, elsewhere);
    let mut fate = Fate::Unheard;
    let mut failed = None;
    for answer in [local, ended, live, stored] {
        match answer {
            Ok(answer) => fate = fate.and(answer),
            Err(error) => failed = Some(error),
        }
    }
    match (fate, failed) {
        // What was not heard may say otherwise.
        (Fate::Unheard | Fate::Begun { heard: false, .. }, Some(error)) => Err(error),
        (fate, _) => Ok(fate),
    }
}

impl Fate {
    /// Both are true of one call.
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Over, _) | (_, Self::Over) => Self::Over,
            (Self::Unheard, other) => other,
            (known, Self::Unheard) => known,
            (Self::Begun { heard: one, elsewhere: here }, Self::Begun { heard: other, elsewhere: there }) => {
                Self::Begun { heard: one || other, elsewhere: here || there }
            }
        }
    }
}

fn of_trace(trace: Trace) -> Fate {
    match trace {
        Trace::Open { heard, ours } => Fate::Begun { heard, elsewhere: !ours },
        Trace::Closed { heard, end_reason } if may_go_on(&end_reason) || end_reason.is_empty() => {
            Fate::Begun { heard, elsewhere: false }
        }
        Trace::Closed { .. } => Fate::Over,
    }
}
