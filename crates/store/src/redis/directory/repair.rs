//! Repairing one key in whose place somebody else has put something of another shape.
//!
//! Nothing is deleted: what was there is moved aside, to `KEY:aside`, and expires there as it would have, or after 30
//! days, so that what it says of a person does not stay for ever; an erasure takes it along.

use std::sync::LazyLock;
use std::time::Duration;

use redial_identity::UserId;
use redial_memory::model::{MAX_SESSION_BYTES, Profile, SCHEMA_VERSION, SessionDoc};
use redial_memory::session_id::SessionId;
use serde::Serialize;

use super::super::advice::Trouble;
use super::super::answer::counter;
use super::super::keys::{Keys, Kind};
use super::super::script::Script;
use super::super::{RedisStore, mapped, ttl_s};
use super::session_id_in;
use crate::clock;
use crate::directory::ERASED_FOR;
use crate::import::single;
use crate::redis::reply::{self, Stored, UNREADABLE};
use crate::rules::{self, MAX_PROFILE_DOCUMENT};
use crate::store::MemoryError;

static REPAIR: LazyLock<Script> = LazyLock::new(|| Script::new("repair", include_str!("../repair.lua")));

/// The longest index that is converted: more calls than anybody makes.
const MAX_INDEX: usize = 100_000;

/// What a repair found, and did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Repaired {
    /// The key.
    pub key: String,
    /// The type that was there.
    pub found: String,
    /// The type that belongs there.
    pub wanted: &'static str,
    /// What was done.
    pub outcome: RepairOutcome,
    /// Where what was there is now.
    pub aside: Option<String>,
    /// How long it stays there, in s.
    pub aside_expires_in_s: Option<u64>,
}

/// What a repair did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RepairOutcome {
    /// Nothing: what is there is as it should be.
    Sound,
    /// What it says is in its place in the right shape; what was there is aside.
    Converted,
    /// What was there is aside, and nothing is in its place: it could not be read.
    MovedAside,
}

/// Why a key was not repaired. Nothing has changed then.
#[derive(Debug, thiserror::Error)]
pub enum RepairError {
    /// Not a key that we write.
    #[error("`{0}` is no key of ours, so it is left alone; name one that an error named")]
    NotOurs(String),
    /// There is no such key.
    #[error("`{0}` is not there")]
    Missing(String),
    /// An earlier repair's is still there.
    #[error("`{0}` is there already; look at it, then rename or delete it")]
    Taken(String),
    /// Somebody writes it at the same time.
    #[error("`{0}` was changed meanwhile; end whatever writes it, then try again")]
    Changed(String),
    /// A newer version wrote it.
    #[error("`{0}` was written by a newer version; upgrade, and leave it")]
    Newer(String),
    /// The store.
    #[error(transparent)]
    Memory(#[from] MemoryError),
}

/// What is put in a key's place.
struct Replacement {
    /// `zset`, `hash`, or nothing.
    kind: &'static str,
    /// Score and member, or field and value.
    parts: Vec<(String, String)>,
}

impl Replacement {
    const NONE: Self = Self { kind: "", parts: Vec::new() };
}

impl RedisStore {
    /// Converts what is in the place of one of our keys, or moves it aside. A list in the place of a session index
    /// becomes one; a profile or session that is JSON text becomes a hash. Repeated, it finds a sound key.
    ///
    /// # Errors
    /// When the key is none of ours, or its repair must wait; nothing has changed then.
    pub async fn repair(&self, key: &str) -> Result<Repaired, RepairError> {
        let Some((kind, id)) = self.keys.kind(key) else { return Err(RepairError::NotOurs(key.to_owned())) };
        let found: String = self.ask_for_all(redis::cmd("TYPE").arg(key)).await?;
        if found == "none" {
            return Err(RepairError::Missing(key.to_owned()));
        }
        let wanted = wanted(kind);
        let mut repaired = Repaired {
            key: key.to_owned(),
            found: found.clone(),
            wanted,
            outcome: RepairOutcome::Sound,
            aside: None,
            aside_expires_in_s: None,
        };
        if found == wanted && self.is_sound(kind, key).await? {
            return Ok(repaired);
        }
        let (length, replacement) = match (kind, found.as_str()) {
            (Kind::Sessions, "list") => self.index_of_list(key).await?,
            (Kind::Profile, "string") => self.profile_of_text(key, id).await?,
            (Kind::Session, "string") => self.session_of_text(key, &SessionId::named(id)).await?,
            _ => (self.length(key, &found).await?, Replacement::NONE),
        };
        let ttl =
            if matches!(kind, Kind::Session) { Some(self.settings.session_ttl) } else { self.settings.profile_ttl };
        let aside = Keys::aside(key);
        let mut script = REPAIR.with_keys([key, aside.as_str()]);
        script.arg(&found).arg(length).arg(ms(ERASED_FOR)).arg(ttl.map_or(0, ms)).arg(replacement.kind);
        for (first, second) in &replacement.parts {
            script.arg(first).arg(second);
        }
        let (status, aside_ms) = self.script(&script, reply::repaired).await?;
        match status {
            "ok" => {
                let converted = !replacement.kind.is_empty();
                repaired.outcome = if converted { RepairOutcome::Converted } else { RepairOutcome::MovedAside };
                repaired.aside = Some(aside);
                repaired.aside_expires_in_s = u64::try_from(aside_ms).ok().map(|ms| ms / 1000);
                Ok(repaired)
            }
            "taken" => Err(RepairError::Taken(aside)),
            "changed" => Err(RepairError::Changed(key.to_owned())),
            _ => Err(self.failed(key, Trouble::NotRedis).into()),
        }
    }

    /// Whether a key of the right type can be read as well.
    async fn is_sound(&self, kind: Kind, key: &str) -> Result<bool, RepairError> {
        match kind {
            Kind::Phone => {
                let text: Option<Vec<u8>> = self.ask_for_all(redis::cmd("GET").arg(key)).await?;
                Ok(text.is_none_or(|text| mapped(&text).is_some()))
            }
            Kind::Profile => {
                let names = ["v", "rev", "calls", "last", "doc"];
                let (fields, size) = self.fields(key, &names, MAX_PROFILE_DOCUMENT).await?;
                let stored = Stored::read(&fields, size > MAX_PROFILE_DOCUMENT);
                self.refuse_newer(key, fields.first())?;
                Ok(stored.revision != UNREADABLE)
            }
            Kind::Session => {
                let (fields, size) = self.fields(key, &["v", "uid", "ended", "doc"], MAX_SESSION_BYTES).await?;
                self.refuse_newer(key, fields.first())?;
                let text = |i: usize| fields.get(i)?.as_deref().and_then(|text| str::from_utf8(text).ok());
                let names_its_user = text(1).is_some_and(|uid| UserId::parse(uid).is_ok());
                let ended = text(2).and_then(|ended| counter(ended.as_bytes())).is_some();
                let reads = text(3).is_some_and(|doc| serde_json::from_str::<SessionDoc>(doc).is_ok());
                Ok(size <= MAX_SESSION_BYTES && names_its_user && ended && reads)
            }
            Kind::Sessions | Kind::Gone | Kind::Done | Kind::Place | Kind::Pepper | Kind::Mark | Kind::Mirror => {
                Ok(true)
            }
            Kind::Over | Kind::Token => Ok(true), // that they are there is all that they say
        }
    }

    fn refuse_newer(&self, key: &str, v: Option<&Option<Vec<u8>>>) -> Result<(), RepairError> {
        let v = v.and_then(Option::as_deref).and_then(|v| str::from_utf8(v).ok()?.parse::<u32>().ok());
        if v.is_some_and(|v| v > SCHEMA_VERSION) { Err(RepairError::Newer(key.to_owned())) } else { Ok(()) }
    }

    /// Fields of a hash, its document last and only if it is not too large; and the document's size in bytes.
    async fn fields(
        &self,
        key: &str,
        names: &[&str],
        most: usize,
    ) -> Result<(Vec<Option<Vec<u8>>>, usize), RepairError> {
        let size: usize = self.ask_for_all(redis::cmd("HSTRLEN").arg(key).arg("doc")).await?;
        let names = if size > most { &names[..names.len() - 1] } else { names };
        Ok((self.ask_for_all(redis::cmd("HMGET").arg(key).arg(names)).await?, size))
    }

    /// A list of session ids as an index: where a session's document tells its end, by that; else by its place.
    async fn index_of_list(&self, key: &str) -> Result<(usize, Replacement), RepairError> {
        let length = self.length(key, "list").await?;
        if length > MAX_INDEX {
            return Ok((length, Replacement::NONE));
        }
        let ids: Vec<Vec<u8>> = self.ask_for_all(redis::cmd("LRANGE").arg(key).arg(0).arg(-1)).await?;
        let mut session_ids: Vec<SessionId> = Vec::new();
        for id in ids.iter().filter_map(|id| session_id_in(id)) {
            if !session_ids.contains(&id) {
                session_ids.push(id);
            }
        }
        if session_ids.is_empty() {
            return Ok((length, Replacement::NONE));
        }
        let mut ends: Vec<Option<u64>> = Vec::new();
        for session_id in &session_ids {
            ends.push(self.read_session_entry(session_id).await.ok().flatten().map(|entry| entry.ended_at));
        }
        // Others put the newest in front, unless what is known of the ends says that it is at the back.
        let known: Vec<u64> = ends.iter().flatten().copied().collect();
        if known.first() < known.last() {
            session_ids.reverse();
            ends.reverse();
        }
        let mut at = clock::system()();
        let parts = session_ids.into_iter().zip(ends).map(|(session_id, end)| {
            at = end.unwrap_or_else(|| at.saturating_sub(1));
            (at.to_string(), session_id.to_string())
        });
        Ok((length, Replacement { kind: "zset", parts: parts.collect() }))
    }

    async fn profile_of_text(&self, key: &str, id: &str) -> Result<(usize, Replacement), RepairError> {
        let (length, text) = self.text(key, MAX_PROFILE_DOCUMENT).await?;
        let (Some(text), Ok(user)) = (text, UserId::parse(id)) else { return Ok((length, Replacement::NONE)) };
        if let Ok(profile) = serde_json::from_str::<Profile>(&text)
            && profile.v > SCHEMA_VERSION
        {
            return Err(RepairError::Newer(key.to_owned()));
        }
        let Some(profile) = single::profile(&text) else { return Ok((length, Replacement::NONE)) };
        let doc = super::profile_document(&profile)?;
        let (calls, last) = self.calls_in_index(&user).await?;
        let mut parts = vec![("v", SCHEMA_VERSION.to_string()), ("rev", "1".to_owned()), ("doc", doc)];
        parts.push(("calls", calls.to_string()));
        parts.extend(last.map(|last| ("last", last.to_string())));
        Ok((length, hash(parts)))
    }

    /// How many calls the index knows of, and when the last of them ended; nothing while the index is to be repaired
    /// itself.
    async fn calls_in_index(&self, user: &UserId) -> Result<(u64, Option<u64>), RepairError> {
        let index = self.keys.sessions(user);
        let calls = match self.command(redis::cmd("ZCARD").arg(&index)).await {
            Ok(calls) => calls,
            Err(Trouble::WrongType) => return Ok((0, None)),
            Err(trouble) => return Err(self.failed(&index, trouble).into()),
        };
        let newest: Vec<Vec<u8>> =
            self.ask_for_all(redis::cmd("ZREVRANGE").arg(&index).arg(0).arg(0).arg("WITHSCORES")).await?;
        Ok((calls, newest.get(1).and_then(|end| str::from_utf8(end).ok()?.parse().ok())))
    }

    async fn session_of_text(&self, key: &str, session_id: &SessionId) -> Result<(usize, Replacement), RepairError> {
        let (length, text) = self.text(key, MAX_SESSION_BYTES).await?;
        let session = text.and_then(|text| single::session(&text, session_id, clock::system()()));
        let Some(session) = session else { return Ok((length, Replacement::NONE)) };
        let doc = rules::session_document(&session)?;
        Ok((
            length,
            hash(vec![
                ("v", SCHEMA_VERSION.to_string()),
                ("doc", doc),
                ("uid", session.user_id),
                ("ended", session.ended_at.to_string()),
            ]),
        ))
    }

    /// A string's length, and its text unless it is too large or none.
    async fn text(&self, key: &str, most: usize) -> Result<(usize, Option<String>), RepairError> {
        let length = self.length(key, "string").await?;
        if length > most {
            return Ok((length, None));
        }
        let text: Vec<u8> = self.ask_for_all(redis::cmd("GET").arg(key)).await?;
        Ok((length, String::from_utf8(text).ok()))
    }

    async fn length(&self, key: &str, kind: &str) -> Result<usize, RepairError> {
        let command = match kind {
            "string" => "STRLEN",
            "list" => "LLEN",
            "set" => "SCARD",
            "zset" => "ZCARD",
            "hash" => "HLEN",
            "stream" => "XLEN",
            _ => return Ok(0), // a module's type: its name has to do
        };
        Ok(self.command(redis::cmd(command).arg(key)).await.map_err(|e| self.failed(key, e))?)
    }
}

fn wanted(kind: Kind) -> &'static str {
    match kind {
        Kind::Phone | Kind::Gone | Kind::Place | Kind::Pepper | Kind::Mark | Kind::Over | Kind::Token => "string",
        Kind::Profile | Kind::Session | Kind::Done | Kind::Mirror => "hash",
        Kind::Sessions => "zset",
    }
}

fn hash(parts: Vec<(&'static str, String)>) -> Replacement {
    Replacement { kind: "hash", parts: parts.into_iter().map(|(field, value)| (field.to_owned(), value)).collect() }
}

fn ms(ttl: Duration) -> u64 {
    ttl_s(ttl).saturating_mul(1000)
}
