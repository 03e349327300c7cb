//! What was put aside goes back into the outbox.

use redial_identity::{Caller, PhoneHash, UserId};
use redial_memory::model::{Message, SessionDoc};
use redial_memory::session_id::SessionId;
use rusqlite::params;

use super::dead::{AsideCall, drop_one};
use super::entry::Kind;
use super::open_call::{OpenCall, time};
use super::outbox;
use crate::sqlite::{Rows, cells};
use crate::store::MemoryError;

/// Queues a dead entry again, as it is: whoever asks for that vouches for it.
pub(super) fn retry(rows: &Rows<'_>, seq: i64) -> Result<bool, MemoryError> {
    let sql = "SELECT kind, uid, hash, sid, body FROM dead WHERE seq = ?1";
    let row = rows.one(sql, params![seq], |row| {
        let bytes = |column| cells::bytes(row, column);
        Ok((bytes(0)?, bytes(1)?, bytes(2)?, bytes(3)?, bytes(4)?))
    })?;
    let Some((kind, uid, hash, session_id, body)) = row else { return Ok(false) };
    let caller = Caller {
        user_id: id(uid.as_deref(), UserId::parse).ok_or_else(|| unusable("its user is no id"))?,
        hash: match hash {
            None => None,
            Some(hash) => {
                Some(id(Some(&hash), PhoneHash::parse).ok_or_else(|| unusable("the hash of its number is no id"))?)
            }
        },
    };
    let text = |bytes: Option<Vec<u8>>, what: &str| {
        String::from_utf8(bytes.unwrap_or_default()).map_err(|_| unusable(&format!("{what} is no text")))
    };
    let (kind, session_id, body) =
        (text(kind, "its kind")?, text(session_id, "its session's id")?, text(body, "its document")?);
    match kind.as_str() {
        "turn" => {
            return Err(MemoryError::Refused("a damaged turn belongs to no queue; read it, then drop it".to_owned()));
        }
        "call" => {
            let session = session_of_call(caller.clone(), &session_id, &body)
                .ok_or_else(|| unusable("its call cannot be read as one, and is no session"))?;
            outbox::queue_session(rows, &caller, &session, None)?;
        }
        known => {
            let kind = Kind::parse(known).ok_or_else(|| unusable("its kind is none that this version knows"))?;
            let session_id = (!session_id.is_empty()).then(|| SessionId::named(&session_id));
            outbox::queue(rows, kind, &caller, session_id.as_ref(), &body)?;
        }
    }
    drop_one(rows, seq)
}

/// The session of a call that was put aside; `None`: its values make none.
fn session_of_call(caller: Caller, session_id: &str, body: &str) -> Option<SessionDoc> {
    let call: AsideCall = serde_json::from_str(body).ok()?;
    let turns: Option<Vec<Message>> = call.turns.into_iter().map(|turn| serde_json::from_value(turn).ok()).collect();
    let call = OpenCall {
        session_id: session_id.parse().ok()?,
        caller,
        started_at: call.started.and_then(time)?,
        parameters: serde_json::from_str(&call.parameters).ok()?,
        turns: turns?,
        summary: String::new(),
    };
    Some(call.interrupted())
}

fn id<T, E>(bytes: Option<&[u8]>, parse: impl FnOnce(&str) -> Result<T, E>) -> Option<T> {
    parse(str::from_utf8(bytes?).ok()?).ok()
}

fn unusable(what: &str) -> MemoryError {
    MemoryError::Refused(format!("{what}, so nobody could take it; copy what you need of it, then drop it"))
}
