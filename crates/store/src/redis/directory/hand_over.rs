//! Giving the sessions of one user to another.
//!
//! In the flat layout a session stays where it is, and names another user from then on. In the tagged layout it moves to that
//! user's slot, with its marker: the copy first, then its place, and what is left behind last, unless a hang-up has changed
//! it meanwhile. Interrupted anywhere, it is found where its place says, and repeating the join finishes it.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use redial_identity::UserId;
use redial_memory::model::MAX_SESSION_BYTES;
use redial_memory::session_id::SessionId;
use tokio::time::Instant;

use super::super::answer::Answer;
use super::super::keys::Kind;
use super::super::reply::{self, Said};
use super::super::script::Script;
use super::super::{RedisStore, wrong_type};
use super::MAX_TRIES;
use crate::directory::local::with_owner;
use crate::store::MemoryError;

static HAND_OVER: LazyLock<Script> =
    LazyLock::new(|| Script::new("hand_over_session", include_str!("../hand_over_session.lua")));
static READ: LazyLock<Script> = LazyLock::new(|| Script::new("move_read", include_str!("../move_read.lua")));
static WRITE: LazyLock<Script> = LazyLock::new(|| Script::new("move_write", include_str!("../move_write.lua")));
static END: LazyLock<Script> = LazyLock::new(|| Script::new("move_end", include_str!("../move_end.lua")));

impl RedisStore {
    pub(super) async fn hand_sessions_over(&self, from: &UserId, to: &UserId) -> Result<(), MemoryError> {
        if !self.keys.is_tagged() {
            for session_id in self.sessions_of(from).await? {
                self.rename_owner(&session_id, from, to).await?;
            }
            return Ok(());
        }
        let mut session_ids: BTreeSet<SessionId> = self.sessions_of(from).await?.into_iter().collect();
        // The marker of a session that has expired still tells copies from new calls.
        session_ids.extend(self.sessions_in_slot_of(from, Kind::Done).await?);
        for session_id in session_ids {
            self.move_session(&session_id, from, to).await?;
        }
        Ok(())
    }

    async fn rename_owner(&self, session_id: &SessionId, from: &UserId, to: &UserId) -> Result<(), MemoryError> {
        let key = self.keys.session(from, session_id);
        let size: usize =
            self.command(redis::cmd("HSTRLEN").arg(&key).arg("doc")).await.map_err(|e| self.failed(&key, e))?;
        if size > MAX_SESSION_BYTES {
            return Err(too_large(key));
        }
        let document: Option<Vec<u8>> =
            self.command(redis::cmd("HGET").arg(&key).arg("doc")).await.map_err(|e| self.failed(&key, e))?;
        let document = document.unwrap_or_default();
        let renamed = renamed(&document, to);
        let mut script = HAND_OVER.with_keys([key]);
        script.arg(from.as_str()).arg(document).arg(to.as_str()).arg(renamed);
        self.script(&script, Answer::yes).await?;
        Ok(())
    }

    async fn move_session(&self, session_id: &SessionId, from: &UserId, to: &UserId) -> Result<(), MemoryError> {
        let theirs = [self.keys.session(from, session_id), self.keys.done(from, session_id)];
        // An earlier join has copied it, and was interrupted: what came there since is not to be written over.
        let mut moved = self.place_now(session_id).await?.as_ref() == Some(to);
        for _ in 0..MAX_TRIES {
            let mut read = READ.with_keys(&theirs);
            read.arg(MAX_SESSION_BYTES);
            let (said, session, marker) = self.script(&read, |answer| reply::moved(answer, theirs.len())).await?;
            let key = || said.key.and_then(|i| theirs.get(i).cloned());
            match said.status {
                "ok" => (),
                "large" => return Err(too_large(key().unwrap_or_default())),
                _ => return Err(wrong_type(key(), &said.text)),
            }
            if !moved {
                let ours = [self.keys.session(to, session_id), self.keys.done(to, session_id)];
                let mut write = WRITE.with_keys(&ours);
                let fields = with_owner_in(&session.0, to);
                write.arg(session.1).arg(fields.len()).arg(fields).arg(marker.1).arg(&marker.0);
                let said = self.script(&write, |answer| Said::read(answer, &["ok"], ours.len())).await?;
                if said.status != "ok" {
                    return Err(wrong_type(said.key.and_then(|i| ours.get(i).cloned()), &said.text));
                }
                let until = Instant::now() + self.background;
                let place = self.place_of(session_id, until).await?;
                if !self.change_place(session_id, place.as_ref(), Some(to), until).await? {
                    continue;
                }
            }
            let mut end = END.with_keys(&theirs);
            end.arg(field(&session.0, b"doc")).arg(field(&marker.0, b"d")).arg(field(&marker.0, b"merged"));
            if self.script(&end, Answer::yes).await? {
                return Ok(());
            }
            moved = false; // there is more than was copied
        }
        Err(self.unsettled())
    }

    /// As [`RedisStore::place_of`]; waits for the first connection.
    async fn place_now(&self, session_id: &SessionId) -> Result<Option<UserId>, MemoryError> {
        let until = Instant::now() + self.background;
        self.commit.live_or_first(until).await.map_err(|trouble| self.failed("", trouble))?;
        self.place_of(session_id, until).await
    }
}

fn too_large(key: String) -> MemoryError {
    let advice = "its document is larger than any that is written here; move the key aside";
    MemoryError::WrongShape { key, advice: advice.to_owned() }
}

/// A session's document as another user's; one that is none stays as it is.
fn renamed(document: &[u8], to: &UserId) -> Vec<u8> {
    str::from_utf8(document).map_or_else(|_| document.to_vec(), |document| with_owner(document, to).into_bytes())
}

/// The fields of a session as another user's.
fn with_owner_in(fields: &[Vec<u8>], to: &UserId) -> Vec<Vec<u8>> {
    let mut fields = fields.to_vec();
    for pair in fields.chunks_exact_mut(2) {
        match pair[0].as_slice() {
            b"doc" => pair[1] = renamed(&pair[1], to),
            b"uid" => pair[1] = to.as_str().as_bytes().to_vec(),
            _ => (),
        }
    }
    fields
}

/// A field's value, or nothing.
fn field<'a>(fields: &'a [Vec<u8>], name: &[u8]) -> &'a [u8] {
    fields.chunks_exact(2).find(|pair| pair[0] == name).map_or(b"", |pair| pair[1].as_slice())
}
