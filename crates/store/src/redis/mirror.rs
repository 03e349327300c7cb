//! Live calls in Redis: a list of messages as older deployments have it, with a summary, a count and an owner beside it.

use std::time::Duration;

use async_trait::async_trait;
use redial_identity::PhoneHash;
use redial_memory::model::{LATEST_MS, MAX_SESSION_BYTES, Message};
use redial_memory::session_id::SessionId;
use serde::Deserialize;
use tokio::time::Instant;

use super::advice::Trouble;
use super::answer::{Answer, MAX_COUNTER, counter};
use super::reply::{self, Said};
use super::script::Invocation;
use super::{RedisStore, checked, document, mapped, ttl_s, wrong_type};
use crate::mirror::{LiveCall, Mirror, Mirrored, Shown};
use crate::store::MemoryError;

/// A mirror is never kept for ever, even where sessions are: what a dead instance leaves must go by itself.
const LONGEST_LIFE: Duration = Duration::from_secs(24 * 3600);
/// The most bytes of messages that are read: what a call can make of itself. An ordinary one's are some 10 kB.
const MAX_MIRROR: usize = MAX_SESSION_BYTES;
/// The most bytes of a summary, or of a field of the call: far more than any of ours has.
const MAX_TEXT: usize = 256 * 1024;
/// How long it is known that this side has ended a call: longer than any carrier asks what comes next.
const OVER_FOR_S: u64 = 600;
/// How long a token is known to be taken: twice its life, as clocks differ.
const TAKEN_FOR_S: u64 = 120;
/// Fields of the call's hash, in the order in which they are read.
const FIELDS: [&str; 5] = ["uid", "phone", "started", "instance", "sum"];
/// What is in front of a message's checksum, at its end.
const SEAL: &[u8] = b",\"sum\":";

const MESSAGES: usize = 0;
const TURNS: usize = 2;
const CALL: usize = 3;

impl RedisStore {
    fn mirror_ttl_s(&self) -> u64 {
        let ttl = self.settings.session_ttl;
        ttl_s(if ttl.is_zero() { LONGEST_LIFE } else { ttl })
    }

    async fn run_for_mirror<T>(
        &self,
        script: &Invocation<'_>,
        read: impl FnOnce(Answer) -> Result<T, Trouble>,
    ) -> Result<T, MemoryError> {
        let answer = self.run(script, Instant::now() + self.background).await;
        answer.and_then(read).map_err(|trouble| self.failed("", trouble))
    }

    /// Runs a script that writes; answers its status, one of these.
    async fn mirror(
        &self,
        script: &Invocation<'_>,
        keys: &[String; 4],
        known: &[&'static str],
    ) -> Result<&'static str, MemoryError> {
        let said = self.run_for_mirror(script, |answer| Said::read(answer, known, keys.len())).await?;
        match said.status {
            "wrongtype" => Err(wrong_type(said.key.and_then(|i| keys.get(i).cloned()), &said.text)),
            status => Ok(status),
        }
    }

    async fn try_begin(&self, call: &LiveCall, newest: &[Message], turns: u64) -> Result<Shown, MemoryError> {
        let keys = self.keys.mirrors(&call.session_id);
        let mut script = self.mirror_scripts.begin.with_keys(&keys);
        let LiveCall { user_id, hash, started_at, instance, summary, .. } = call;
        let hash = hash.as_ref().map(PhoneHash::as_str).unwrap_or_default();
        let newest = &newest[newest.len().saturating_sub(self.settings.mirror_messages)..];
        script.arg(self.mirror_ttl_s()).arg(summary).arg(turns).arg(newest.len());
        let before = turns.saturating_sub(newest.len() as u64);
        for (number, message) in (before + 1..).zip(newest) {
            script.arg(sealed(&call.session_id, number, document("message", message, MAX_MIRROR)?));
        }
        let started = started_at.to_string();
        let sum = sum_of_call(&call.session_id, [user_id.as_str(), hash, &started, instance, summary]);
        // With whose it is: an older instance that takes the call over leaves it behind, and it is of no meaning then.
        let sum = format!("{sum} {instance}");
        for (field, value) in FIELDS.iter().zip([user_id.as_str(), hash, &started, instance, &sum]) {
            script.arg(field).arg(value);
        }
        let status = self.mirror(&script, &keys, &["ok", "others"]).await?;
        if status == "others" {
            tracing::info!(
                call.sid = call.session_id.as_str(),
                turns,
                "another instance has mirrored more of this call"
            );
        }
        Ok(shown(status))
    }

    async fn try_turn(
        &self,
        session_id: &SessionId,
        instance: &str,
        message: &Message,
        turns: u64,
    ) -> Result<Shown, MemoryError> {
        let keys = self.keys.mirrors(session_id);
        let mut script = self.mirror_scripts.turn.with_keys(&keys);
        script
            .arg(self.mirror_ttl_s())
            .arg(sealed(session_id, turns, document("message", message, MAX_MIRROR)?))
            .arg(turns)
            .arg(self.settings.mirror_messages)
            .arg(instance);
        let status = self.mirror(&script, &keys, &["ok", "late", "unknown", "others"]).await?;
        if status != "ok" {
            tracing::debug!(call.sid = session_id.as_str(), turns, status, "a turn is not mirrored");
        }
        Ok(shown(status))
    }

    async fn try_over(&self, session_id: &SessionId) -> Result<(), MemoryError> {
        let key = self.keys.over(session_id);
        let mut set = redis::cmd("SET");
        set.arg(&key).arg("1").arg("EX").arg(OVER_FOR_S);
        self.ask(&set, Instant::now() + self.background).await.map_err(|trouble| self.failed(&key, trouble))
    }

    async fn try_end(&self, session_id: &SessionId, instance: &str) -> Result<(), MemoryError> {
        let keys = self.keys.mirrors(session_id);
        let mut script = self.mirror_scripts.end.with_keys(&keys);
        script.arg(instance);
        let status = self.mirror(&script, &keys, &["ok", "others"]).await?;
        if status != "ok" {
            tracing::debug!(
                call.sid = session_id.as_str(),
                "the call goes on with another instance, and so does its mirror"
            );
        }
        Ok(())
    }
}

#[async_trait]
impl Mirror for RedisStore {
    async fn begin(&self, call: &LiveCall, newest: &[Message], turns: u64) -> Shown {
        report(&call.session_id, self.try_begin(call, newest, turns).await).unwrap_or(Shown::Ours)
    }

    async fn turn(&self, session_id: &SessionId, instance: &str, message: &Message, turns: u64) -> Shown {
        report(session_id, self.try_turn(session_id, instance, message, turns).await).unwrap_or(Shown::Ours)
    }

    async fn load(&self, session_id: &SessionId) -> Result<Option<Mirrored>, MemoryError> {
        let keys = self.keys.mirrors(session_id);
        let mut script = self.mirror_scripts.load.with_keys(&keys);
        script.arg(self.settings.mirror_messages).arg(MAX_MIRROR).arg(MAX_TEXT);
        for field in FIELDS {
            script.arg(field);
        }
        let read_answer = |answer| reply::mirrored(answer, FIELDS.len(), keys.len());
        let (said, loaded) = self.run_for_mirror(&script, read_answer).await?;
        let key = || said.key.and_then(|i| keys.get(i).cloned());
        match said.status {
            "ok" => read(session_id, &keys, loaded).map(Some),
            "none" => Ok(None),
            "large" => Err(wrong_shape(key().unwrap_or_default(), "it is larger than any mirror that is written here")),
            _ => Err(wrong_type(key(), &said.text)),
        }
    }

    async fn end(&self, session_id: &SessionId, instance: &str) {
        let _ = report(session_id, self.try_end(session_id, instance).await);
    }

    async fn over(&self, session_id: &SessionId) {
        let _ = report(session_id, self.try_over(session_id).await);
    }

    async fn is_over(&self, session_id: &SessionId) -> Result<bool, MemoryError> {
        let key = self.keys.over(session_id);
        let found: u64 = self
            .ask(redis::cmd("EXISTS").arg(&key), Instant::now() + self.background)
            .await
            .map_err(|trouble| self.failed(&key, trouble))?;
        Ok(found > 0)
    }

    async fn take_token(&self, id: &str) -> Result<bool, MemoryError> {
        let key = self.keys.token(checked(id)?);
        let mut set = redis::cmd("SET");
        set.arg(&key).arg("1").arg("NX").arg("EX").arg(TAKEN_FOR_S);
        let set: Option<String> =
            self.ask(&set, Instant::now() + self.background).await.map_err(|trouble| self.failed(&key, trouble))?;
        Ok(set.is_some())
    }
}

fn shown(status: &str) -> Shown {
    if status == "others" { Shown::Others } else { Shown::Ours }
}

/// Says what went wrong with a write, and goes on. That Redis is away is said where the connection is kept up.
fn report<T>(session_id: &SessionId, written: Result<T, MemoryError>) -> Option<T> {
    match written {
        Ok(written) => return Some(written),
        Err(error @ MemoryError::Unavailable { .. }) => {
            tracing::debug!(call.sid = session_id.as_str(), %error, "a live call is not mirrored");
        }
        Err(error) => tracing::warn!(call.sid = session_id.as_str(), %error, "a live call is not mirrored"),
    }
    None
}

/// Reads what the script found; anything may be there.
pub(super) fn read(session_id: &SessionId, keys: &[String; 4], loaded: reply::Mirror) -> Result<Mirrored, MemoryError> {
    let (messages, summary, turns, fields) = loaded;
    let broken = |key: usize, advice: &str| wrong_shape(keys[key].clone(), advice);
    let no_owner = || broken(CALL, "the fields of a live call are expected there");
    let field = |i: usize| fields.get(i)?.as_deref().and_then(|text| str::from_utf8(text).ok());
    let hash = match field(1).ok_or_else(no_owner)? {
        "" => None,
        hash => Some(PhoneHash::parse(hash).map_err(|_| no_owner())?),
    };
    let parts =
        [field(0), field(1), field(2), field(3), str::from_utf8(&summary).ok()].map(|part| part.ok_or_else(no_owner));
    let [uid, phone, started, instance, summary] = parts;
    let parts = [uid?, phone?, started?, instance?, summary?];
    let of_this_instance = field(4).and_then(|sum| sum.split_once(' ')).filter(|(_, whose)| *whose == parts[3]);
    if of_this_instance.is_some_and(|(sum, _)| sum.parse() != Ok(sum_of_call(session_id, parts))) {
        return Err(broken(CALL, "its checksum does not fit: something of it, or of its summary, was changed"));
    }
    let [uid, _, started, instance, summary] = parts;
    let started_at = counter(started.as_bytes()).filter(|started| *started <= LATEST_MS);
    let call = LiveCall {
        session_id: session_id.clone(),
        user_id: mapped(uid.as_bytes()).ok_or_else(no_owner)?,
        hash,
        started_at: started_at.ok_or_else(no_owner)?,
        instance: instance.to_owned(),
        summary: summary.to_owned(),
    };
    let (mut found, mut newest) = (Vec::with_capacity(messages.len()), None);
    for message in &messages {
        newest = None;
        match opened(session_id, message) {
            Opened::Message(message, number) => {
                found.push(message);
                newest = number;
            }
            Opened::Damaged => {
                metrics::counter!("redial_damaged_rows_total").increment(1);
                tracing::error!(
                    call.sid = session_id.as_str(),
                    key = keys[MESSAGES],
                    "a mirrored message is damaged and is left out"
                );
            }
            Opened::Foreign => {
                return Err(broken(MESSAGES, "a message in it is none that this version can read"));
            }
        }
    }
    // The newest message knows its number; without one, the count has to be believed.
    let turns = newest.or_else(|| counter(&turns)).ok_or_else(|| broken(TURNS, "a number is expected there"))?;
    Ok(Mirrored { call, messages: found, turns })
}

/// The checksum of a call's fields and summary.
fn sum_of_call(session_id: &SessionId, parts: [&str; 5]) -> u32 {
    let mut sum = crc32fast::Hasher::new();
    for part in [session_id.as_str()].iter().chain(&parts) {
        sum.update(&(part.len() as u64).to_be_bytes());
        sum.update(part.as_bytes());
    }
    sum.finalize()
}

/// A message as it is mirrored: with its number among the call's turns and, at its end, a checksum of all before. Who does
/// not know of these passes over them.
fn sealed(session_id: &SessionId, number: u64, mut message: Vec<u8>) -> Vec<u8> {
    message.pop(); // the brace that ends it
    message.extend_from_slice(format!(",\"n\":{number}").as_bytes());
    let sum = sum_of_message(session_id, &message);
    message.extend_from_slice(SEAL);
    message.extend_from_slice(format!("{sum}}}").as_bytes());
    message
}

/// What is found where a message should be.
enum Opened {
    /// One, and its number if it tells that.
    Message(Message, Option<u64>),
    /// Something of it was changed.
    Damaged,
    /// Something else, or of a newer version.
    Foreign,
}

#[derive(Deserialize)]
struct Numbered {
    #[serde(flatten)]
    message: Message,
    n: Option<u64>,
}

fn opened(session_id: &SessionId, raw: &[u8]) -> Opened {
    // Quotes within a text are escaped, so these bytes are not part of one. An earlier version wrote no checksum.
    if let Some(at) = raw.windows(SEAL.len()).rposition(|bytes| bytes == SEAL) {
        let (before, sum) = (&raw[..at], &raw[at + SEAL.len()..]);
        let sum = sum.strip_suffix(b"}").and_then(|sum| str::from_utf8(sum).ok()?.parse().ok());
        if sum != Some(sum_of_message(session_id, before)) {
            return Opened::Damaged;
        }
    }
    match serde_json::from_slice(raw) {
        Ok(Numbered { message, n }) => Opened::Message(message, n.filter(|number| *number <= MAX_COUNTER)),
        Err(_) => Opened::Foreign,
    }
}

fn sum_of_message(session_id: &SessionId, message: &[u8]) -> u32 {
    let mut sum = crc32fast::Hasher::new();
    sum.update(session_id.as_str().as_bytes());
    sum.update(&[0]);
    sum.update(message);
    sum.finalize()
}

fn wrong_shape(key: String, what: &str) -> MemoryError {
    MemoryError::WrongShape { key, advice: format!("{what}; move the key aside") }
}
