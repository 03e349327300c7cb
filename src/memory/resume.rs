//! What was said in a call that goes on after its stream broke.

use super::directory::Memory;
use super::mirror::Mirror;
use super::spool::{OpenCall, Spool};
use super::store::MemoryError;
use crate::identity::Caller;

/// Looks in this instance's journal and outbox; then in the mirror, where another instance that died has left the call;
/// then among the finished sessions of the store, where another one has put it when it let it go. Only what the same
/// caller said is found.
///
/// # Errors
/// When the store does not answer, or has nothing while the mirror cannot be read.
pub async fn find(
    spool: &Spool,
    store: &dyn Memory,
    mirror: Option<&dyn Mirror>,
    sid: &str,
    caller: &Caller,
) -> Result<Option<OpenCall>, MemoryError> {
    match spool.resume(sid, caller.hash.as_ref()).await {
        Ok(Some(call)) => return Ok(Some(call)),
        Ok(None) => (),
        Err(error) => tracing::warn!(%error, "the journal cannot be read"),
    }
    let mirrored = match mirror {
        Some(mirror) => mirror.load(sid).await,
        None => Ok(None),
    };
    if let Ok(Some(found)) = mirrored {
        if found.call.hash == caller.hash {
            return Ok(Some(OpenCall {
                sid: sid.to_owned(),
                caller: Caller { user_id: found.call.user_id, hash: found.call.hash },
                started_at: found.call.started_at,
                parameters: Vec::new(),
                turns: found.messages,
                summary: found.call.summary,
            }));
        }
        tracing::warn!(call.sid = sid, "another caller asks for this call; it is not told");
        return Ok(None);
    }
    if let Err(error) = &mirrored {
        tracing::warn!(%error, "the mirror cannot be read");
    }
    // Nothing is there only if the mirror has nothing either.
    let Some(session) = store.load_session(sid).await? else { return mirrored.map(|_| None) };
    let owner = match &caller.hash {
        // Whose number it is now decides, not whose it would be.
        Some(hash) => store.owner(hash).await?.unwrap_or_else(|| caller.user_id.clone()),
        // A withheld number has a new name each time; the carrier vouches for the call's id.
        None if session.user_id.starts_with("anon_") => {
            crate::identity::UserId::parse(&session.user_id).map_err(|_| MemoryError::WrongShape {
                key: format!("session {sid}"),
                advice: "no user id in it".to_owned(),
            })?
        }
        None => return Ok(None),
    };
    if session.user_id != owner.as_str() {
        tracing::warn!(call.sid = sid, "another caller asks for this call; it is not told");
        return Ok(None);
    }
    Ok(Some(OpenCall {
        sid: sid.to_owned(),
        caller: Caller { user_id: owner, hash: caller.hash.clone() },
        started_at: session.started_at,
        parameters: session.metadata.payload_keys,
        turns: session.conversation_history,
        summary: String::new(),
    }))
}
