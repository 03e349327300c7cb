//! What was said in a call that goes on after its stream broke.

use std::pin::pin;
use std::time::Duration;

use redial_identity::{Caller, UserId};
use redial_memory::session_id::SessionId;
use tokio::time::timeout;

use super::directory::Memory;
use super::mirror::Mirror;
use super::spool::{OpenCall, Spool};
use super::store::MemoryError;

/// How long others may take to tell what they know when something is known here: the caller is on the line, and the stream
/// waits for no longer than [`PATIENCE`].
const WITH_OURS: Duration = Duration::from_millis(1200);
/// How long a call that goes on waits, from its stream's start, for what was said before; its greeting is on the way
/// meanwhile. A busy machine and a store that is just answering again take this long; only one that hangs costs all of it.
pub const PATIENCE: Duration = Duration::from_secs(2);

/// Looks in this instance's journal and outbox; in the mirror, where another instance that died has left the call; and
/// among the finished sessions of the store, where another one has put it when it let it go. The call may have been with
/// each of them in turn, so what they know is put together. Only what the same caller said is found.
///
/// # Errors
/// When nothing is known here, and the store does not answer, or has nothing while the mirror cannot be read.
pub async fn find(
    spool: &Spool,
    store: &dyn Memory,
    mirror: Option<&dyn Mirror>,
    session_id: &SessionId,
    caller: &Caller,
) -> Result<Option<OpenCall>, MemoryError> {
    let mut elsewhere = pin!(elsewhere(store, mirror, session_id, caller));
    let (ours, early) =
        tokio::join!(spool.resume(session_id, caller.hash.as_ref()), timeout(WITH_OURS, &mut elsewhere));
    let ours = ours.unwrap_or_else(|error| {
        tracing::warn!(%error, "the journal cannot be read");
        None
    });
    let theirs = match early {
        Ok(theirs) => theirs,
        Err(_) if ours.is_some() => {
            tracing::warn!(
                call.sid = session_id.as_str(),
                "the call goes on with what is known here: the store is late"
            );
            return Ok(ours);
        }
        Err(_) => elsewhere.await,
    };
    match theirs {
        Ok(theirs) => Ok(theirs.joined_to(ours)),
        Err(error) if ours.is_some() => {
            tracing::warn!(call.sid = session_id.as_str(), %error, "the call goes on with what is known here");
            Ok(ours)
        }
        Err(error) => Err(error),
    }
}

/// What others know of a call.
struct Elsewhere {
    mirrored: Option<OpenCall>,
    /// How many turns the mirrored call has, those included that the mirror has no more.
    turns: u64,
    stored: Option<OpenCall>,
}

impl Elsewhere {
    fn joined_to(self, ours: Option<OpenCall>) -> Option<OpenCall> {
        let summary = self.mirrored.as_ref().map(|call| (call.started_at, call.summary.clone()));
        let mut call = OpenCall::merged(ours.into_iter().chain(self.mirrored).chain(self.stored))?;
        // Of turns that are all here it would be told twice.
        let lacks_some = u64::try_from(call.turns.len()).is_ok_and(|turns| turns < self.turns);
        call.summary = summary
            .filter(|(started_at, _)| lacks_some && *started_at == call.started_at)
            .map(|(_, summary)| summary)
            .unwrap_or_default();
        Some(call)
    }
}

/// The mirror first: who lets a call go writes its session before the mirror ends.
async fn elsewhere(
    store: &dyn Memory,
    mirror: Option<&dyn Mirror>,
    session_id: &SessionId,
    caller: &Caller,
) -> Result<Elsewhere, MemoryError> {
    let mirrored = match mirror {
        Some(mirror) => mirror.load(session_id).await,
        None => Ok(None),
    };
    if let Err(error) = &mirrored {
        tracing::warn!(%error, "the mirror cannot be read");
    }
    let stored = stored(store, session_id, caller).await;
    match (mirrored, stored) {
        // Nothing is there only if the mirror has nothing either.
        (Err(error), Ok(None)) => Err(error),
        (Ok(None) | Err(_), Err(error)) => Err(error),
        (mirrored, stored) => {
            if let Err(error) = &stored {
                tracing::warn!(%error, "the finished sessions cannot be read");
            }
            let mirrored = mirrored.ok().flatten();
            let turns = mirrored.as_ref().map_or(0, |found| found.turns);
            let mirrored = mirrored.map(|found| OpenCall {
                session_id: session_id.clone(),
                caller: Caller { user_id: found.call.user_id, hash: found.call.hash },
                started_at: found.call.started_at,
                parameters: Vec::new(),
                turns: found.messages,
                summary: found.call.summary,
            });
            Ok(Elsewhere {
                mirrored: mirrored.filter(|call| is_theirs(call, caller)),
                turns,
                stored: stored.ok().flatten(),
            })
        }
    }
}

fn is_theirs(call: &OpenCall, caller: &Caller) -> bool {
    let is_theirs = call.caller.hash == caller.hash;
    if !is_theirs {
        tracing::warn!(call.sid = call.session_id.as_str(), "another caller asks for this call; it is not told");
    }
    is_theirs
}

/// The finished session, if it is the same caller's.
async fn stored(store: &dyn Memory, session_id: &SessionId, caller: &Caller) -> Result<Option<OpenCall>, MemoryError> {
    let Some(session) = store.load_session(session_id).await? else { return Ok(None) };
    let owner = match &caller.hash {
        // Whose number it is now decides, not whose it would be.
        Some(hash) => store.owner(hash).await?.unwrap_or_else(|| caller.user_id.clone()),
        // A withheld number has a new name each time; the carrier vouches for the call's id.
        None if session.user_id.starts_with("anon_") => UserId::parse(&session.user_id).map_err(|_| {
            MemoryError::WrongShape { key: format!("session {session_id}"), advice: "no user id in it".to_owned() }
        })?,
        None => return Ok(None),
    };
    if session.user_id != owner.as_str() {
        tracing::warn!(call.sid = session_id.as_str(), "another caller asks for this call; it is not told");
        return Ok(None);
    }
    Ok(Some(OpenCall {
        session_id: session_id.clone(),
        caller: Caller { user_id: owner, hash: caller.hash.clone() },
        started_at: session.started_at,
        parameters: session.metadata.payload_keys,
        turns: session.conversation_history,
        summary: String::new(),
    }))
}
