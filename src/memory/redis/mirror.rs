//! Live calls in Redis: a list of messages as older deployments have it, with a summary, a count and an owner beside it.

use std::time::Duration;

use async_trait::async_trait;
use redis::Value;
use tokio::time::Instant;

use super::advice::Trouble;
use super::script::{Invocation, Script};
use super::{MAX_DOCUMENT, RedisStore, checked, document, mapped, ttl_s, wrong_type};
use crate::identity::PhoneHash;
use crate::memory::mirror::{LiveCall, Mirror, Mirrored, Shown};
use crate::memory::model::Message;
use crate::memory::store::MemoryError;

/// A mirror is never kept for ever, even where sessions are: what a dead instance leaves must go by itself.
const LONGEST_LIFE: Duration = Duration::from_secs(24 * 3600);
/// The most bytes of messages that are read: as many messages as are kept of an ordinary call are some 10 kB.
const MAX_MIRROR: usize = 4 * MAX_DOCUMENT;
/// Fields of the call's hash, in the order in which they are read.
const FIELDS: [&str; 4] = ["uid", "phone", "started", "instance"];

const MESSAGES: usize = 0;
const TURNS: usize = 2;
const CALL: usize = 3;

/// The mirror's scripts.
pub(super) struct Scripts {
    begin: Script,
    turn: Script,
    load: Script,
    end: Script,
}

impl Default for Scripts {
    fn default() -> Self {
        Self {
            begin: Script::new(include_str!("mirror_begin.lua")),
            turn: Script::new(include_str!("mirror_turn.lua")),
            load: Script::new(include_str!("mirror_load.lua")),
            end: Script::new(include_str!("mirror_end.lua")),
        }
    }
}

/// What mirror_load.lua answers after status, text and number.
type Loaded = (Vec<Vec<u8>>, Vec<u8>, Vec<u8>, Vec<Option<Vec<u8>>>);

impl RedisStore {
    fn mirror_ttl_s(&self) -> u64 {
        let ttl = self.settings.session_ttl;
        ttl_s(if ttl.is_zero() { LONGEST_LIFE } else { ttl })
    }

    async fn run_for_mirror(&self, script: &Invocation<'_>) -> Result<Value, MemoryError> {
        self.run(script, Instant::now() + self.background).await.map_err(|trouble| self.failed("", trouble))
    }

    /// Runs a script that writes; answers its status.
    async fn mirror(&self, script: &Invocation<'_>, keys: &[String; 4]) -> Result<String, MemoryError> {
        let reply = self.run_for_mirror(script).await?;
        let (status, found, number): (String, Vec<u8>, usize) =
            redis::from_redis_value(reply).map_err(|_| self.failed("", Trouble::NotRedis))?;
        match status.as_str() {
            "wrongtype" => Err(wrong_type(number.checked_sub(1).and_then(|i| keys.get(i).cloned()), &found)),
            _ => Ok(status),
        }
    }

    async fn try_begin(&self, call: &LiveCall, newest: &[Message], turns: u64) -> Result<Shown, MemoryError> {
        let keys = self.keys.mirrors(checked(&call.session_id)?);
        let mut script = self.mirror_scripts.begin.with_keys(&keys);
        let LiveCall { user_id, hash, started_at, instance, summary, .. } = call;
        let hash = hash.as_ref().map(PhoneHash::as_str).unwrap_or_default();
        let newest = &newest[newest.len().saturating_sub(self.settings.mirror_messages)..];
        script.arg(self.mirror_ttl_s()).arg(summary).arg(turns).arg(newest.len());
        for message in newest {
            script.arg(document("message", message)?);
        }
        for (field, value) in FIELDS.iter().zip([user_id.as_str(), hash, &started_at.to_string(), instance]) {
            script.arg(field).arg(value);
        }
        let status = self.mirror(&script, &keys).await?;
        if status == "others" {
            tracing::info!(session.id = call.session_id, turns, "another instance has mirrored more of this call");
        }
        Ok(shown(&status))
    }

    async fn try_turn(&self, sid: &str, instance: &str, message: &Message, turns: u64) -> Result<Shown, MemoryError> {
        let keys = self.keys.mirrors(checked(sid)?);
        let mut script = self.mirror_scripts.turn.with_keys(&keys);
        script
            .arg(self.mirror_ttl_s())
            .arg(document("message", message)?)
            .arg(turns)
            .arg(self.settings.mirror_messages)
            .arg(instance);
        let status = self.mirror(&script, &keys).await?;
        if status != "ok" {
            tracing::debug!(session.id = sid, turns, status, "a turn is not mirrored");
        }
        Ok(shown(&status))
    }

    async fn try_end(&self, sid: &str, instance: &str) -> Result<(), MemoryError> {
        let keys = self.keys.mirrors(checked(sid)?);
        let mut script = self.mirror_scripts.end.with_keys(&keys);
        script.arg(instance);
        let status = self.mirror(&script, &keys).await?;
        if status != "ok" {
            tracing::debug!(session.id = sid, "the call goes on with another instance, and so does its mirror");
        }
        Ok(())
    }
}

#[async_trait]
impl Mirror for RedisStore {
    async fn begin(&self, call: &LiveCall, newest: &[Message], turns: u64) -> Shown {
        report(&call.session_id, self.try_begin(call, newest, turns).await).unwrap_or(Shown::Ours)
    }

    async fn turn(&self, sid: &str, instance: &str, message: &Message, turns: u64) -> Shown {
        report(sid, self.try_turn(sid, instance, message, turns).await).unwrap_or(Shown::Ours)
    }

    async fn load(&self, sid: &str) -> Result<Option<Mirrored>, MemoryError> {
        let keys = self.keys.mirrors(checked(sid)?);
        let mut script = self.mirror_scripts.load.with_keys(&keys);
        script.arg(self.settings.mirror_messages).arg(MAX_MIRROR);
        for field in FIELDS {
            script.arg(field);
        }
        let reply = self.run_for_mirror(&script).await?;
        let (status, found, number, messages, summary, turns, fields): (String, Vec<u8>, usize, _, _, _, _) =
            redis::from_redis_value(reply).map_err(|_| self.failed("", Trouble::NotRedis))?;
        let key = || number.checked_sub(1).and_then(|i| keys.get(i).cloned());
        match status.as_str() {
            "ok" => read(sid, &keys, (messages, summary, turns, fields)).map(Some),
            "none" => Ok(None),
            "large" => Err(wrong_shape(key().unwrap_or_default(), "it is larger than any mirror that is written here")),
            _ => Err(wrong_type(key(), &found)),
        }
    }

    async fn end(&self, sid: &str, instance: &str) {
        let _ = report(sid, self.try_end(sid, instance).await);
    }
}

fn shown(status: &str) -> Shown {
    if status == "others" { Shown::Others } else { Shown::Ours }
}

/// Says what went wrong with a write, and goes on. That Redis is away is said where the connection is kept up.
fn report<T>(sid: &str, written: Result<T, MemoryError>) -> Option<T> {
    match written {
        Ok(written) => return Some(written),
        Err(error @ MemoryError::Unavailable { .. }) => {
            tracing::debug!(session.id = ?sid, %error, "a live call is not mirrored");
        }
        Err(error) => tracing::warn!(session.id = ?sid, %error, "a live call is not mirrored"),
    }
    None
}

/// Reads what the script found; anything may be there.
fn read(sid: &str, keys: &[String; 4], loaded: Loaded) -> Result<Mirrored, MemoryError> {
    let (messages, summary, turns, fields) = loaded;
    let broken = |key: usize, advice: &str| wrong_shape(keys[key].clone(), advice);
    let no_owner = || broken(CALL, "the fields of a live call are expected there");
    let field = |i: usize| fields.get(i)?.as_deref().and_then(|text| str::from_utf8(text).ok());
    let hash = match field(1).ok_or_else(no_owner)? {
        "" => None,
        hash => Some(PhoneHash::parse(hash).map_err(|_| no_owner())?),
    };
    let call = LiveCall {
        session_id: sid.to_owned(),
        user_id: field(0).and_then(|uid| mapped(uid.as_bytes())).ok_or_else(no_owner)?,
        hash,
        started_at: field(2).and_then(|started| started.parse().ok()).ok_or_else(no_owner)?,
        instance: field(3).ok_or_else(no_owner)?.to_owned(),
        summary: String::from_utf8_lossy(&summary).into_owned(),
    };
    let messages: Result<_, _> = messages.iter().map(|message| serde_json::from_slice(message)).collect();
    let turns = str::from_utf8(&turns).ok().and_then(|turns| turns.parse().ok());
    Ok(Mirrored {
        call,
        messages: messages.map_err(|_| broken(MESSAGES, "a message in it is none that this version can read"))?,
        turns: turns.ok_or_else(|| broken(TURNS, "a number is expected there"))?,
    })
}

fn wrong_shape(key: String, what: &str) -> MemoryError {
    MemoryError::WrongShape { key, advice: format!("{what}; move the key aside") }
}
