//! The Redis store: one Lua script a round trip, two connections, no waiting for a server that is not there.
//!
//! What a key holds is in `keys.rs`; the two scripts check the types of all their keys before they write anything.
//! Documents are opaque to the scripts: counters and the revision are hash fields of their own.

mod advice;
mod connection;
mod dial;
mod directory;
mod keys;
mod mirror;
mod reply;

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use redis::{Client, ConnectionAddr, IntoConnectionInfo, Script, Value};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::Instant;
use uuid::Uuid;

use self::advice::Trouble;
use self::connection::Link;
use self::dial::Server;
pub use self::dial::{ByteStream, Dial};
pub use self::directory::{RepairError, RepairOutcome, Repaired};
use self::keys::Keys;
use self::reply::{Begun, Committed, Stored, UNREADABLE};
use super::digest::SessionDigest;
use super::model::{SCHEMA_VERSION, Session};
use super::rules;
use super::settings::{StoreSettings, TtlRefresh};
use super::store::{Commit, Health, Known, MemoryError, Outcome, Store};
use crate::identity::{Caller, PhoneHash, UserId, is_id};
use crate::tls;

/// A caller is waiting for "hello"; later than this, the call goes on as a stranger's.
const BEGIN_DEADLINE: Duration = Duration::from_millis(150);
const HEALTH_DEADLINE: Duration = Duration::from_secs(1);
/// Nobody waits for these; a retry costs more than patience.
const BACKGROUND_DEADLINE: Duration = Duration::from_secs(5);
/// The largest document, in bytes, that is written or read: 256 kB hold a call of many hours.
const MAX_DOCUMENT: usize = 256 * 1024;
/// Trips of one call start: erased, then mapped, then found, and one for a race between them.
const MAX_TRIPS: usize = 4;
/// TTLs are cut to 100 years; Redis refuses those that overflow its clock, and it would do so halfway through a script.
const MAX_TTL_S: u64 = 100 * 365 * 24 * 3600;

/// Callers and sessions in one Redis server, no cluster. Tested with Redis 7.0.
///
/// Each operation is one script and one round trip, except for a call start whose number belongs to another user id than
/// the derived one (two). Without a connection everything fails at once with [`MemoryError::Unavailable`], only
/// [`Store::begin_call`] and [`Store::health`] wait for the very first connection within their deadlines of
/// 150 ms and 1 s. Other operations have 5 s.
///
/// A stored profile that this build cannot read (newer schema, damaged) is never overwritten: its caller is known, with
/// the empty profile and a revision that never matches; commits then write the session and answer [`Outcome::Applied`]
/// with that same revision.
pub struct RedisStore {
    /// Call starts: short answers, never behind a large document.
    read: Link,
    /// Hang-ups and whatever else can wait.
    commit: Link,
    keys: Keys,
    settings: StoreSettings,
    begin_within: Duration,
    begin_script: Script,
    commit_script: Script,
    mirror_scripts: mirror::Scripts,
}

impl RedisStore {
    /// Starts connecting in the background and returns at once, whether the server is there or not; it goes on trying
    /// until the store is dropped. Must be called on a tokio runtime.
    ///
    /// # Errors
    /// [`MemoryError::Refused`] when the URL cannot be one of a Redis server. Its text is not repeated in the error.
    pub fn connect(url: &SecretString, settings: StoreSettings) -> Result<Self, MemoryError> {
        let refused = |_| {
            MemoryError::Refused(
                "the Redis URL is expected as redis[s]://[user:password@]host[:port][/database], \
                 with special characters in user and password percent-encoded"
                    .to_owned(),
            )
        };
        let info = url.expose_secret().into_connection_info().map_err(refused)?;
        if matches!(info.addr(), ConnectionAddr::TcpTls { .. }) {
            tls::install_provider();
        }
        let client = Client::open(info.set_tcp_settings(connection::tcp_settings())).map_err(refused)?;
        Ok(Self::open(Server::Url(Box::new(client)), settings))
    }

    /// As [`RedisStore::connect`], over byte streams that `dial` opens. For simulations: the streams are a simulated
    /// network's then, and what runs over them is this very client. No TLS, no password, database 0.
    #[must_use]
    pub fn over(dial: Dial, settings: StoreSettings) -> Self {
        Self::open(Server::Dialled(dial), settings)
    }

    fn open(server: Server, settings: StoreSettings) -> Self {
        Self {
            read: Link::open("read", server.clone()),
            commit: Link::open("commit", server),
            keys: Keys::new(settings.prefix.clone()),
            settings,
            begin_within: BEGIN_DEADLINE,
            begin_script: Script::new(include_str!("redis/begin_call.lua")),
            commit_script: Script::new(include_str!("redis/commit.lua")),
            mirror_scripts: mirror::Scripts::default(),
        }
    }

    /// Gives a call start this long instead of 150 ms.
    #[must_use]
    pub fn begin_call_within(self, deadline: Duration) -> Self {
        Self { begin_within: deadline, ..self }
    }

    /// One trip of a call start.
    async fn ask_for(
        &self,
        hash: &PhoneHash,
        user: &UserId,
        erased: &str,
        until: Instant,
    ) -> Result<Begun, MemoryError> {
        let unavailable = |trouble: Trouble| trouble.unavailable(self.read.scheme());
        let live = self.read.live_or_first(until).await.map_err(unavailable)?;
        let mut script = self.begin_script.prepare_invoke();
        for key in self.begin_keys(hash, user) {
            script.key(key);
        }
        script
            .arg(user.as_str())
            .arg(profile_ttl_s(&self.settings))
            .arg(u8::from(self.settings.refresh == TtlRefresh::Access))
            .arg(self.settings.recent_sessions)
            .arg(MAX_DOCUMENT)
            .arg(erased);
        let mut connection = live.connection();
        let reply = self.read.ask(&live, until, script.invoke_async(&mut connection)).await.map_err(unavailable)?;
        Begun::read(reply).map_err(unavailable)
    }

    fn no_user_id(&self, hash: &PhoneHash) -> MemoryError {
        MemoryError::WrongShape {
            key: self.keys.phone(hash),
            advice: "a user id is expected there; move the key aside".to_owned(),
        }
    }

    fn begin_keys(&self, hash: &PhoneHash, user: &UserId) -> [String; 4] {
        [self.keys.phone(hash), self.keys.profile(user), self.keys.sessions(user), self.keys.gone(user)]
    }

    fn commit_keys(&self, sid: &str, owner: Option<(&PhoneHash, &UserId)>) -> Vec<String> {
        let mut keys = vec![self.keys.session(sid), self.keys.done(sid)];
        if let Some((hash, user)) = owner {
            keys.extend([
                self.keys.gone(user),
                self.keys.profile(user),
                self.keys.sessions(user),
                self.keys.phone(hash),
            ]);
        }
        keys
    }

    /// One trip of a hang-up; with no base revision the profile is left as it is.
    async fn write(
        &self,
        keys: &[String],
        writing: &Writing<'_>,
        base_revision: Option<u64>,
        until: Instant,
    ) -> Result<Committed, MemoryError> {
        let unavailable = |trouble: Trouble| trouble.unavailable(self.commit.scheme());
        let live = self.commit.live().map_err(unavailable)?;
        let Writing { commit, session, profile, digest, turns } = writing;
        let mut script = self.commit_script.prepare_invoke();
        for key in keys {
            script.key(key);
        }
        script
            .arg(commit.session.chat_id.as_str())
            .arg(digest)
            .arg(*turns)
            .arg(session.as_slice())
            .arg(commit.user_id.as_str())
            .arg(commit.session.ended_at)
            .arg(SCHEMA_VERSION)
            .arg(ttl_s(self.settings.session_ttl))
            .arg(ttl_s(self.settings.marker_ttl))
            .arg(commit.replaces.map(|digest| digest.to_hex()).unwrap_or_default())
            .arg(MAX_DOCUMENT);
        if commit.caller.hash.is_some() {
            script
                .arg(base_revision.map_or_else(|| "none".to_owned(), |revision| revision.to_string()))
                .arg(profile.as_slice())
                .arg(profile_ttl_s(&self.settings))
                .arg(self.settings.keep_sessions)
                .arg(self.expired_before(commit.session.ended_at));
        }
        let mut connection = live.connection();
        let reply = self.commit.ask(&live, until, script.invoke_async(&mut connection)).await.map_err(unavailable)?;
        Committed::read(reply).map_err(unavailable)
    }

    /// Sessions that ended before this have no document any more, Unix ms; 0 when documents are kept for ever.
    /// A document may be written later than its call ended, and lives from then on: the marker's TTL is how late
    /// that is expected to be.
    fn expired_before(&self, ended_at: u64) -> u64 {
        if self.settings.session_ttl.is_zero() {
            return 0;
        }
        let life_s = ttl_s(self.settings.session_ttl).saturating_add(ttl_s(self.settings.marker_ttl));
        ended_at.saturating_sub(life_s.saturating_mul(1000))
    }
}

#[async_trait]
impl Store for RedisStore {
    async fn begin_call(&self, caller: &Caller) -> Result<Known, MemoryError> {
        let Some(hash) = &caller.hash else {
            return Ok(Known::stranger(caller.user_id.clone())); // a withheld number has no memory
        };
        let until = Instant::now() + self.begin_within;
        let mut user = caller.user_id.clone();
        let mut erased = String::new();
        for _ in 0..MAX_TRIPS {
            let begun = self.ask_for(hash, &user, &erased, until).await?;
            match begun.status.as_str() {
                "ok" | "large" => return Ok(known(user, &begun)),
                "mapped" => {
                    user = mapped(&begun.text).ok_or_else(|| self.no_user_id(hash))?;
                }
                "erased" => {
                    erased = user.as_str().to_owned();
                    user = random_user();
                }
                "wrongtype" => {
                    let key = begun.number.checked_sub(1).and_then(|i| self.begin_keys(hash, &user).into_iter().nth(i));
                    return Err(wrong_type(key, &begun.text));
                }
                _ => break,
            }
        }
        // The scripts answer nothing else, and four trips are enough unless others keep remapping this very number.
        Err(Trouble::Other("UNSETTLED".to_owned()).unavailable(self.read.scheme()))
    }

    async fn commit_session(&self, commit: &Commit) -> Result<Outcome, MemoryError> {
        let session = &commit.session;
        let sid = checked(&session.chat_id)?;
        let writing = Writing::prepare(commit)?;
        let keys = self.commit_keys(sid, commit.caller.hash.as_ref().map(|hash| (hash, &commit.user_id)));
        let until = Instant::now() + BACKGROUND_DEADLINE;
        let mut done = self.write(&keys, &writing, Some(commit.base_revision), until).await?;
        if done.status == "conflict" {
            if let Some(profile) = reply::profile_or_none_yet(&done.document) {
                return Ok(Outcome::Conflict { revision: done.revision(), profile });
            }
            // It cannot be merged with, so it stays; that the call is done with it must be marked all the same.
            done = self.write(&keys, &writing, None, until).await?;
        }
        match done.status.as_str() {
            "applied" => {
                let (messages, ttl_s) = (session.conversation_history.len(), ttl_s(self.settings.session_ttl));
                tracing::info!("Session saved for chat_id: {sid}, {messages} messages, TTL: {ttl_s}s");
                Ok(Outcome::Applied { revision: done.revision() })
            }
            "kept" => Ok(Outcome::Applied { revision: UNREADABLE }),
            "duplicate" => Ok(Outcome::Duplicate),
            "differs" => {
                let stored = done.digest().ok_or_else(|| MemoryError::WrongShape {
                    key: self.keys.done(sid),
                    advice: "a digest is expected in its field `d`; move the key aside".to_owned(),
                })?;
                Ok(rules::differs(sid, stored, done.number, Some(&done.document), writing.turns))
            }
            "mapped" => match (mapped(&done.text), &commit.caller.hash) {
                (Some(user_id), _) => Ok(Outcome::Mapped { user_id }),
                (None, Some(hash)) => Err(self.no_user_id(hash)),
                (None, None) => Err(Trouble::NotRedis.unavailable(self.commit.scheme())),
            },
            "erased" => Ok(Outcome::Erased),
            "others" => Err(MemoryError::Refused("another caller's session has this id".to_owned())),
            "wrongtype" => {
                let key = usize::try_from(done.number).ok().and_then(|number| number.checked_sub(1));
                Err(wrong_type(key.and_then(|i| keys.into_iter().nth(i)), &done.text))
            }
            _ => Err(Trouble::NotRedis.unavailable(self.commit.scheme())),
        }
    }

    async fn load_session(&self, sid: &str) -> Result<Option<Session>, MemoryError> {
        let key = self.keys.session(checked(sid)?);
        let until = Instant::now() + BACKGROUND_DEADLINE;
        let unreadable = |advice: &str| MemoryError::WrongShape { key: key.clone(), advice: advice.to_owned() };
        let failed = |trouble: Trouble| match trouble {
            Trouble::WrongType => unreadable("a hash is expected there; move the key aside"),
            trouble => trouble.unavailable(self.commit.scheme()),
        };
        let live = self.commit.live().map_err(failed)?;
        let mut connection = live.connection();
        // Its size first: what somebody else put there may be of any length.
        let mut size = redis::cmd("HSTRLEN");
        size.arg(&key).arg("doc");
        let size: usize = self.commit.ask(&live, until, size.query_async(&mut connection)).await.map_err(failed)?;
        if size > MAX_DOCUMENT {
            return Err(unreadable("its document is larger than any that is written here; move the key aside"));
        }
        let mut fields = redis::cmd("HMGET");
        fields.arg(&key).arg("v").arg("doc");
        let (v, doc): (Option<Vec<u8>>, Option<Vec<u8>>) =
            self.commit.ask(&live, until, fields.query_async(&mut connection)).await.map_err(failed)?;
        match (v, doc) {
            (None, None) => Ok(None),
            (_, doc) => {
                let session = doc.and_then(|doc| serde_json::from_slice::<Session>(&doc).ok());
                let session = session.ok_or_else(|| {
                    unreadable("its document is no session that this version can read; move the key aside, or upgrade")
                })?;
                let messages = session.conversation_history.len();
                tracing::info!("Session retrieved for chat_id: {sid}, {messages} messages");
                Ok(Some(session))
            }
        }
    }

    async fn health(&self) -> Result<Health, MemoryError> {
        let until = Instant::now() + HEALTH_DEADLINE;
        let (read, commit) = tokio::try_join!(ping(&self.read, until), ping(&self.commit, until))
            .map_err(|trouble| trouble.unavailable(self.read.scheme()))?;
        Ok(Health { kind: "redis", latency_ms: read.max(commit).as_secs_f64() * 1000.0 })
    }
}

/// A commit, checked and put into words.
struct Writing<'a> {
    commit: &'a Commit,
    session: Vec<u8>,
    profile: Vec<u8>,
    /// In hex.
    digest: String,
    turns: u64,
}

impl<'a> Writing<'a> {
    fn prepare(commit: &'a Commit) -> Result<Self, MemoryError> {
        let session = &commit.session;
        Ok(Self {
            session: document("session", session)?,
            profile: document("profile", &commit.profile)?,
            digest: SessionDigest::of(session).to_hex(),
            turns: u64::try_from(session.conversation_history.len()).unwrap_or(u64::MAX),
            commit,
        })
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// One round trip on a link, and how long it took.
async fn ping(link: &Link, until: Instant) -> Result<Duration, Trouble> {
    let live = link.live_or_first(until).await?;
    let asked = Instant::now();
    let mut connection = live.connection();
    link.ask(&live, until, redis::cmd("PING").query_async::<Value>(&mut connection)).await?;
    Ok(asked.elapsed())
}

fn known(user_id: UserId, begun: &Begun) -> Known {
    let stored = Stored::read(&begun.profile, begun.status == "large");
    // An id that somebody else put into the index is not passed on: it could not be loaded anyway.
    let sessions = begun.sessions.iter().filter_map(|sid| str::from_utf8(sid).ok()).filter(|sid| is_id(sid));
    Known {
        user_id,
        created: begun.number == 1,
        calls: stored.calls,
        last_call_at: stored.last,
        profile: stored.profile,
        revision: stored.revision,
        sessions: sessions.map(str::to_owned).collect(),
    }
}

fn mapped(text: &[u8]) -> Option<UserId> {
    UserId::parse(str::from_utf8(text).ok()?).ok()
}

/// After an erasure the id is no longer derived from the number, so that nothing old is found under it.
fn random_user() -> UserId {
    UserId::parse(&format!("u_{}", Uuid::new_v4().simple())).expect("letters, digits and an underscore")
}

fn wrong_type(key: Option<String>, found: &[u8]) -> MemoryError {
    let found = String::from_utf8_lossy(found);
    MemoryError::WrongShape {
        key: key.unwrap_or_default(),
        advice: format!("a value of type {found} is there, which is none of ours; move the key aside"),
    }
}

fn checked(sid: &str) -> Result<&str, MemoryError> {
    if is_id(sid) {
        Ok(sid)
    } else {
        Err(MemoryError::Refused("the session id has characters that a key must not have".to_owned()))
    }
}

fn document<T: serde::Serialize>(what: &str, value: &T) -> Result<Vec<u8>, MemoryError> {
    let doc = serde_json::to_vec(value).map_err(|error| MemoryError::Refused(format!("{what}: {error}")))?;
    if doc.len() > MAX_DOCUMENT {
        return Err(MemoryError::Refused(format!("the {what} has {} bytes, of {MAX_DOCUMENT} at most", doc.len())));
    }
    Ok(doc)
}

/// Whole seconds, at least one unless it is zero, which keeps for ever.
fn ttl_s(ttl: Duration) -> u64 {
    let rounded_up = ttl.as_secs().saturating_add(u64::from(ttl.subsec_nanos() > 0));
    rounded_up.min(MAX_TTL_S)
}

fn profile_ttl_s(settings: &StoreSettings) -> u64 {
    settings.profile_ttl.map_or(0, ttl_s)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ttl_is_never_rounded_down_to_for_ever_and_never_overflows() {
        assert_eq!(ttl_s(Duration::ZERO), 0);
        assert_eq!(ttl_s(Duration::from_millis(1)), 1);
        assert_eq!(ttl_s(Duration::from_secs(86400)), 86400);
        assert_eq!(ttl_s(Duration::MAX), MAX_TTL_S);
    }

    #[tokio::test]
    async fn only_a_url_that_cannot_be_one_is_an_error() {
        for bad in ["", "http://localhost", "redis://", "redis://host/x", "redis://:pa#ss@host", "localhost:6379"] {
            let error = RedisStore::connect(&bad.into(), StoreSettings::default()).unwrap_err();
            assert!(matches!(error, MemoryError::Refused(_)), "{bad}");
        }
        for good in ["redis://localhost:1", "rediss://u:p%23@localhost:1/3"] {
            RedisStore::connect(&good.into(), StoreSettings::default()).unwrap();
        }
    }

    #[tokio::test]
    async fn an_id_that_is_none_never_becomes_part_of_a_key() {
        let store = RedisStore::connect(&"redis://localhost:1".into(), StoreSettings::default()).unwrap();
        for sid in ["", "a:b", "*", "{a}", "a\nb", "../a", "ä"] {
            assert!(matches!(store.load_session(sid).await, Err(MemoryError::Refused(_))), "{sid}");
        }
    }
}
