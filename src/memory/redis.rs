//! The Redis store: one Lua script a round trip, two connections, no waiting for a server that is not there.
//!
//! What a key holds is in `keys.rs`; the two scripts check the types of all their keys before they write anything.
//! Documents are opaque to the scripts: counters and the revision are hash fields of their own.

pub(crate) mod address;
mod advice;
mod announce;
mod connection;
mod dial;
mod inspect;
mod keys;
mod options;
mod reply;
mod route;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use redis::{Script, Value};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use tokio::sync::watch;
use tokio::time::Instant;
use uuid::Uuid;

use self::address::Address;
use self::advice::{Scheme, Trouble};
pub use self::announce::{Announcement, Language};
use self::connection::{Link, Live, Server};
use self::dial::Dialler;
use self::keys::Keys;
pub use self::options::{Layout, RedisOptions};
use self::reply::{Begun, Committed, Stored, UNREADABLE};
use super::model::{Profile, SCHEMA_VERSION, Session};
use super::settings::{StoreSettings, TtlRefresh};
use super::store::{Commit, Health, Known, MemoryError, Outcome, ServerId, Store};
use crate::identity::{Caller, PhoneHash, UserId, is_id};
use crate::tls;

/// A caller is waiting for "hello"; later than this, the call goes on as a stranger's.
const BEGIN_DEADLINE: Duration = Duration::from_millis(150);
const HEALTH_DEADLINE: Duration = Duration::from_secs(1);
/// The largest document, in bytes, that is written or read: 256 kB hold a call of many hours.
const MAX_DOCUMENT: usize = 256 * 1024;
/// Trips of one call start: mapped, then erased there, then given a new id or mapped again, then found, and one for a race
/// between them.
const MAX_TRIPS: usize = 5;
/// TTLs are cut to 100 years; Redis refuses those that overflow its clock, and it would do so halfway through a script.
const MAX_TTL_S: u64 = 100 * 365 * 24 * 3600;

/// Callers and sessions in a Redis server, the master that Sentinels name, or a cluster. Tested with Redis 7.0.
///
/// Each operation is one script and one round trip, except for a call start whose number belongs to another user id than
/// the derived one (two or three), and in the tagged layout for hang-ups and reads of sessions, which look up or write first
/// whose session it is. Without a connection everything fails at once with [`MemoryError::Unavailable`], only
/// [`Store::begin_call`] and [`Store::health`] wait for the very first connection within their deadlines of
/// 150 ms and 1 s. Other operations have 5 s, or what the options say.
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
    server: Arc<Server>,
    /// Nobody waits for what this bounds; a retry costs more than patience.
    background: Duration,
    begin_within: Duration,
    begin_script: Script,
    commit_script: Script,
}

impl RedisStore {
    /// Starts connecting in the background and returns at once, whether the server is there or not; it goes on trying
    /// until the store is dropped. Must be called on a tokio runtime.
    ///
    /// # Errors
    /// [`MemoryError::Refused`] when the URL cannot be one of a Redis server. Its text is not repeated in the error.
    pub fn connect(url: &SecretString, settings: StoreSettings) -> Result<Self, MemoryError> {
        Self::connect_with(url, settings, RedisOptions::default())
    }

    /// The same, with options.
    ///
    /// # Errors
    /// [`MemoryError::Refused`] also when the options do not go with the URL: a flat layout and a cluster, or authorities
    /// that are none.
    pub fn connect_with(
        url: &SecretString,
        settings: StoreSettings,
        options: RedisOptions,
    ) -> Result<Self, MemoryError> {
        let refused = |why: address::AddressError| MemoryError::Refused(format!("the Redis URL: {why}"));
        let mut address = Address::parse(url.expose_secret()).map_err(refused)?;
        if address.scheme == Scheme::Tls {
            tls::install_provider();
        }
        if let Some(ca_pem) = &options.ca_pem {
            address = address.trusting(ca_pem).map_err(refused)?;
        }
        let layout = match (options.layout, address.is_cluster()) {
            (Some(Layout::Flat), true) => {
                return Err(MemoryError::Refused("a cluster needs the tagged layout".to_owned()));
            }
            (Some(layout), _) => layout,
            (None, true) => Layout::Tagged,
            (None, false) => Layout::Flat,
        };
        let keys = Keys::new(settings.prefix.clone(), layout);
        let background = options.socket_timeout;
        let dialler = Arc::new(Dialler::new(address, options, keys.pepper()));
        let server = Arc::new(Server::new());
        Ok(Self {
            read: Link::open("read", Arc::clone(&dialler), None),
            commit: Link::open("commit", dialler, Some(Arc::clone(&server))),
            keys,
            settings,
            server,
            background,
            begin_within: BEGIN_DEADLINE,
            begin_script: Script::new(include_str!("redis/begin_call.lua")),
            commit_script: Script::new(include_str!("redis/commit.lua")),
        })
    }

    /// Gives a call start this long instead of 150 ms.
    #[must_use]
    pub fn begin_call_within(self, deadline: Duration) -> Self {
        Self { begin_within: deadline, ..self }
    }

    /// One trip of a call start. `home`: in whose slot, in the tagged layout.
    async fn ask_for(
        &self,
        home: &UserId,
        hash: &PhoneHash,
        user: &UserId,
        erased: &str,
        until: Instant,
    ) -> Result<Begun, MemoryError> {
        let unavailable = |trouble: Trouble| trouble.unavailable(self.read.scheme());
        let live = self.read.live_or_first(until).await.map_err(unavailable)?;
        let mut script = self.begin_script.prepare_invoke();
        for key in self.keys.begin(home, hash, user) {
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

    /// Extends the mapping of a number that belongs to another id than the derived one, in the tagged layout: the script
    /// that extends that id's keys cannot reach it. Nothing depends on it but how long the mapping lives.
    async fn refresh_mapping(&self, derived: &UserId, hash: &PhoneHash, until: Instant) {
        let Ok(live) = self.read.live() else { return };
        let ttl = profile_ttl_s(&self.settings);
        let mut refresh = redis::cmd(if ttl > 0 { "EXPIRE" } else { "PERSIST" });
        refresh.arg(self.keys.phone(derived, hash));
        if ttl > 0 {
            refresh.arg(ttl);
        }
        let mut connection = live.connection();
        if let Err(trouble) = self.read.ask(&live, until, refresh.query_async::<Value>(&mut connection)).await {
            tracing::debug!(error = %trouble, "the mapping of a linked number was not extended");
        }
    }

    /// In the tagged layout, writes whose session it is, for as long as the session is kept.
    async fn write_place(&self, live: &Live, user: &UserId, sid: &str, until: Instant) -> Result<(), Trouble> {
        if self.keys.layout() == Layout::Flat {
            return Ok(());
        }
        let mut place = redis::cmd("SET");
        place.arg(self.keys.place(sid)).arg(user.as_str());
        let ttl = ttl_s(self.settings.session_ttl);
        if ttl > 0 {
            place.arg("EX").arg(ttl);
        }
        let mut connection = live.connection();
        self.commit.ask(live, until, place.query_async::<Value>(&mut connection)).await.map(|_| ())
    }

    /// The key of a session of which only the id is known; `None`: there is none.
    async fn find_session(&self, live: &Live, sid: &str, until: Instant) -> Result<Option<String>, MemoryError> {
        if let Some(key) = self.keys.flat_session(sid) {
            return Ok(Some(key));
        }
        let place = self.keys.place(sid);
        let wrong = |advice: &str| MemoryError::WrongShape { key: place.clone(), advice: advice.to_owned() };
        let mut get = redis::cmd("GET");
        get.arg(&place);
        let mut connection = live.connection();
        let user: Option<Vec<u8>> =
            self.commit.ask(live, until, get.query_async(&mut connection)).await.map_err(|trouble| match trouble {
                Trouble::WrongType => wrong("a string is expected there; move the key aside"),
                trouble => trouble.unavailable(self.commit.scheme()),
            })?;
        let Some(user) = user else { return Ok(None) };
        let user = mapped(&user).ok_or_else(|| wrong("a user id is expected there; move the key aside"))?;
        Ok(Some(self.keys.session(&user, sid)))
    }

    fn commit_keys(&self, sid: &str, user: &UserId, hash: Option<&PhoneHash>) -> Vec<String> {
        let mut keys = vec![self.keys.session(user, sid), self.keys.done(user, sid)];
        if let Some(hash) = hash {
            keys.extend([
                self.keys.gone(user),
                self.keys.profile(user),
                self.keys.sessions(user),
                self.keys.phone(user, hash),
            ]);
        }
        keys
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
        let derived = &caller.user_id;
        let (mut home, mut user) = (derived.clone(), derived.clone());
        let mut erased = String::new();
        for _ in 0..MAX_TRIPS {
            let begun = self.ask_for(&home, hash, &user, &erased, until).await?;
            match begun.status.as_str() {
                "ok" | "large" if home == *derived => return Ok(known(user, &begun)),
                "ok" | "large" => {
                    self.refresh_mapping(derived, hash, until).await;
                    // The number had its mapping before, in its own slot.
                    return Ok(Known { created: false, ..known(user, &begun) });
                }
                "mapped" => {
                    user = mapped(&begun.text).ok_or_else(|| MemoryError::WrongShape {
                        key: self.keys.phone(&home, hash),
                        advice: "a user id is expected there; move the key aside".to_owned(),
                    })?;
                    if self.keys.layout() == Layout::Tagged {
                        home = user.clone();
                    }
                }
                "erased" => {
                    erased = user.as_str().to_owned();
                    user = random_user();
                    home = derived.clone();
                }
                "wrongtype" => {
                    let keys = self.keys.begin(&home, hash, &user);
                    let key = begun.number.checked_sub(1).and_then(|i| keys.into_iter().nth(i));
                    return Err(wrong_type(key, &begun.text));
                }
                _ => break,
            }
        }
        // The scripts answer nothing else, and five trips are enough unless others keep remapping this very number.
        Err(Trouble::Other("UNSETTLED".to_owned()).unavailable(self.read.scheme()))
    }

    async fn commit_session(&self, commit: &Commit) -> Result<Outcome, MemoryError> {
        let Commit { caller, user_id, session, profile, base_revision } = commit;
        let sid = checked(&session.chat_id)?;
        let session_doc = document("session", session)?;
        let profile_doc = document("profile", profile)?;

        let until = Instant::now() + self.background;
        let unavailable = |trouble: Trouble| trouble.unavailable(self.commit.scheme());
        let live = self.commit.live().map_err(unavailable)?;
        self.write_place(&live, user_id, sid, until).await.map_err(unavailable)?;
        let keys = self.commit_keys(sid, user_id, caller.hash.as_ref());
        let mut script = self.commit_script.prepare_invoke();
        for key in &keys {
            script.key(key);
        }
        script
            .arg(sid)
            .arg(digest(session))
            .arg(session.conversation_history.len())
            .arg(session_doc)
            .arg(user_id.as_str())
            .arg(session.ended_at)
            .arg(SCHEMA_VERSION)
            .arg(ttl_s(self.settings.session_ttl))
            .arg(ttl_s(self.settings.marker_ttl));
        if caller.hash.is_some() {
            script
                .arg(*base_revision)
                .arg(profile_doc)
                .arg(profile_ttl_s(&self.settings))
                .arg(self.settings.keep_sessions)
                .arg(self.expired_before(session.ended_at))
                .arg(MAX_DOCUMENT);
        }
        let mut connection = live.connection();
        let reply = self.commit.ask(&live, until, script.invoke_async(&mut connection)).await.map_err(unavailable)?;
        let done = Committed::read(reply).map_err(unavailable)?;
        match done.status.as_str() {
            "applied" => {
                let (messages, ttl_s) = (session.conversation_history.len(), ttl_s(self.settings.session_ttl));
                tracing::info!("Session saved for chat_id: {sid}, {messages} messages, TTL: {ttl_s}s");
                Ok(Outcome::Applied { revision: done.revision() })
            }
            "kept" => Ok(Outcome::Applied { revision: UNREADABLE }),
            "conflict" => Ok(conflict(&done)),
            "duplicate" => Ok(Outcome::Duplicate),
            "stale" => Ok(Outcome::Stale),
            "erased" => Ok(Outcome::Erased),
            "wrongtype" => {
                let number = str::from_utf8(&done.document).ok().and_then(|number| number.parse::<usize>().ok());
                let key = number.and_then(|number| number.checked_sub(1)).and_then(|i| keys.into_iter().nth(i));
                Err(wrong_type(key, done.text.as_bytes()))
            }
            _ => Err(unavailable(Trouble::NotRedis)),
        }
    }

    async fn load_session(&self, sid: &str) -> Result<Option<Session>, MemoryError> {
        let sid = checked(sid)?;
        let until = Instant::now() + self.background;
        let live = self.commit.live().map_err(|trouble| trouble.unavailable(self.commit.scheme()))?;
        let Some(key) = self.find_session(&live, sid, until).await? else { return Ok(None) };
        let unreadable = |advice: &str| MemoryError::WrongShape { key: key.clone(), advice: advice.to_owned() };
        let failed = |trouble: Trouble| match trouble {
            Trouble::WrongType => unreadable("a hash is expected there; move the key aside"),
            trouble => trouble.unavailable(self.commit.scheme()),
        };
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
        let latency_ms = read.max(commit).as_secs_f64() * 1000.0;
        Ok(Health { kind: "redis", latency_ms, findings: self.server.findings() })
    }

    fn server(&self) -> watch::Receiver<Option<ServerId>> {
        self.server.id()
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
    link.ask(&live, until, connection.ping()).await?;
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

/// The profile has moved on. One that cannot be read cannot be merged with either: it stays, and the session is written.
fn conflict(done: &Committed) -> Outcome {
    let profile = if done.document.is_empty() { Some(Profile::default()) } else { reply::profile(&done.document) };
    match profile {
        Some(profile) => Outcome::Conflict { revision: done.revision(), profile },
        None => Outcome::Applied { revision: UNREADABLE },
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

/// Names one copy of a session: SHA-256 over its id, the number of its turns and what was said, in hex. Not over the
/// time of writing, which differs from one attempt to the next.
fn digest(session: &Session) -> String {
    let turns = session.conversation_history.len();
    let mut hash = Sha256::new();
    hash.update(format!("{}\n{turns}\n", session.chat_id));
    for message in &session.conversation_history {
        hash.update(serde_json::to_vec(message).expect("a turn has string keys only"));
        hash.update("\n");
    }
    hex::encode(hash.finalize())
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
    use redial_call::{Role, Turn, TurnId, Via};

    use super::*;
    use crate::memory::model::{Message, Metadata};

    fn session(said: &[&str]) -> Session {
        let turn = |(id, text): (usize, &&str)| Message {
            turn: Turn {
                id: TurnId(id as u32),
                role: Role::Caller,
                via: Via::Voice,
                text: (*text).to_owned(),
                cut: String::new(),
                never_sent: String::new(),
                start_ms: 0,
                end_ms: 0,
            },
        };
        Session {
            chat_id: "CA1".to_owned(),
            conversation_history: said.iter().enumerate().map(turn).collect(),
            last_update: String::new(),
            metadata: Metadata::default(),
            v: SCHEMA_VERSION,
            user_id: "u_1".to_owned(),
            started_at: 0,
            ended_at: 0,
            end_reason: String::new(),
        }
    }

    #[test]
    fn a_digest_names_what_was_said_and_not_when_it_was_written() {
        let mut later = session(&["hello"]);
        later.last_update = "2026-11-01T10:00:00.000Z".to_owned();
        assert_eq!(digest(&session(&["hello"])), digest(&later));
        assert_ne!(digest(&session(&["hello"])), digest(&session(&["hallo"])));
        assert_ne!(digest(&session(&["a", "b"])), digest(&session(&["a"])));
        later.chat_id = "CA2".to_owned();
        assert_ne!(digest(&session(&["hello"])), digest(&later));
    }

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
