//! The Redis store: one Lua script a round trip, two connections, no waiting for a server that is not there.
//!
//! What a key holds is in `keys.rs`; the scripts check the types of all their keys before they write anything.
//! Documents are opaque to the scripts: counters and the revision are hash fields of their own.

pub mod address;
mod advice;
mod announce;
mod answer;
mod call_start;
mod commit;
mod connection;
mod dial;
mod directory;
pub mod eviction;
#[cfg(test)]
mod fuzz;
mod inspect;
mod keys;
mod mirror;
mod mirror_scripts;
mod options;
mod place;
mod reply;
mod rights;
mod route;
mod script;
mod stream;
mod tcp;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use redial_identity::{Caller, PhoneHash, UserId, is_id};
use redial_memory::model::{MAX_SESSION_BYTES, SessionDoc};
use redial_memory::session_id::SessionId;
use redial_outgoing::tls;
use redis::{Cmd, FromRedisValue};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::watch;
use tokio::time::Instant;

use self::address::Address;
use self::advice::{Scheme, Trouble};
pub use self::announce::{Announcement, Language};
use self::answer::Answer;
use self::connection::{Link, Server};
use self::dial::Dialler;
pub use self::directory::{RepairError, RepairOutcome, Repaired};
use self::keys::Keys;
use self::mirror_scripts::Scripts;
pub use self::options::{Layout, RedisOptions};
use self::script::Invocation;
pub use self::stream::{ByteStream, Dial};
use super::directory::ERASED_FOR;
use super::settings::StoreSettings;
use super::store::{Commit, Health, Known, Mark, MemoryError, Outcome, ServerId, Store};

/// A caller is waiting for "hello"; later than this, the call goes on as a stranger's.
const BEGIN_DEADLINE: Duration = Duration::from_millis(150);
const HEALTH_DEADLINE: Duration = Duration::from_secs(1);
/// TTLs are cut to 100 years; Redis refuses those that overflow its clock, and it would do so halfway through a script.
const MAX_TTL_S: u64 = 100 * 365 * 24 * 3600;

/// Callers and sessions in a Redis server, the master that Sentinels name, or a cluster. Tested with Redis 7.0.
///
/// In the flat layout each operation is one script and one round trip, except for a call start whose number belongs to
/// another user id than the derived one (two or three). In the tagged layout, which a cluster needs, a call start is two
/// scripts in one round trip, a hang-up takes four trips, and a session's place is looked up before it is read. Without a
/// connection everything fails at once with [`MemoryError::Unavailable`], only [`Store::begin_call`] and [`Store::health`]
/// wait for the very first connection within their deadlines of 150 ms and 1 s. Other operations have 5 s, or what the
/// options say.
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
    mirror_scripts: Scripts,
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
        if options.layout == Some(Layout::Flat) && address.is_cluster() {
            return Err(MemoryError::Refused("a cluster needs the tagged layout".to_owned()));
        }
        Ok(Self::open(address, settings, options))
    }

    /// As [`RedisStore::connect`], over byte streams that `dial` opens. For simulations: the streams are a simulated
    /// network's then, and what runs over them is this very client. No TLS, no password, database 0.
    #[must_use]
    pub fn over(dial: Dial, settings: StoreSettings) -> Self {
        Self::open(Address::streams(dial), settings, RedisOptions::default())
    }

    fn open(address: Address, settings: StoreSettings, options: RedisOptions) -> Self {
        let usual = if address.is_cluster() { Layout::Tagged } else { Layout::Flat };
        let keys = Keys::new(&settings, options.layout.unwrap_or(usual));
        let background = options.socket_timeout;
        let dialler = Arc::new(Dialler::new(address, options, keys.clone()));
        let server = Arc::new(Server::new());
        Self {
            read: Link::open("read", Arc::clone(&dialler), None),
            commit: Link::open("commit", dialler, Some(Arc::clone(&server))),
            keys,
            settings,
            server,
            background,
            begin_within: BEGIN_DEADLINE,
            mirror_scripts: Scripts::default(),
        }
    }

    /// Gives a call start this long instead of 150 ms.
    #[must_use]
    pub fn begin_call_within(self, deadline: Duration) -> Self {
        Self { begin_within: deadline, ..self }
    }

    /// Runs a script on the background's connection, if there is one.
    async fn run(&self, script: &Invocation<'_>, until: Instant) -> Result<Answer, Trouble> {
        let live = self.commit.live()?;
        let mut connection = live.connection();
        self.commit.ask(&live, until, script.run(&mut connection)).await
    }

    /// Runs a command on the background's connection, if there is one.
    async fn ask<T: FromRedisValue>(&self, command: &Cmd, until: Instant) -> Result<T, Trouble> {
        let live = self.commit.live()?;
        let mut connection = live.connection();
        self.commit.ask(&live, until, command.query_async(&mut connection)).await
    }

    /// What a failure of a command on a key means.
    fn failed(&self, key: &str, trouble: Trouble) -> MemoryError {
        match trouble {
            Trouble::WrongType if !key.is_empty() => MemoryError::WrongShape {
                key: key.to_owned(),
                advice: "a value of another type is there, which is none of ours; move the key aside".to_owned(),
            },
            trouble => trouble.unavailable(self.commit.scheme()),
        }
    }

    /// Others changed the same all the while.
    fn unsettled(&self) -> MemoryError {
        self.failed("", Trouble::Other("UNSETTLED".to_owned()))
    }

    fn no_user_id(&self, hash: &PhoneHash) -> MemoryError {
        MemoryError::WrongShape {
            key: self.keys.phone(hash),
            advice: "a user id is expected there; move the key aside".to_owned(),
        }
    }
}

#[async_trait]
impl Store for RedisStore {
    async fn begin_call(&self, caller: &Caller) -> Result<Known, MemoryError> {
        let Some(hash) = &caller.hash else {
            return Ok(Known::stranger(caller.user_id.clone())); // a withheld number has no memory
        };
        self.find_caller(hash, &caller.user_id, Instant::now() + self.begin_within).await
    }

    async fn commit_session(&self, commit: &Commit) -> Result<Outcome, MemoryError> {
        self.commit_call(commit, Instant::now() + self.background).await
    }

    async fn load_session(&self, session_id: &SessionId) -> Result<Option<SessionDoc>, MemoryError> {
        let until = Instant::now() + self.background;
        let Some(key) = self.find_session(session_id, until).await? else { return Ok(None) };
        let unreadable = |advice: &str| MemoryError::WrongShape { key: key.clone(), advice: advice.to_owned() };
        let failed = |trouble: Trouble| match trouble {
            Trouble::WrongType => unreadable("a hash is expected there; move the key aside"),
            trouble => self.failed("", trouble),
        };
        // Its size first: what somebody else put there may be of any length.
        let size: usize = self.ask(redis::cmd("HSTRLEN").arg(&key).arg("doc"), until).await.map_err(failed)?;
        if size > MAX_SESSION_BYTES {
            return Err(unreadable("its document is larger than any that is written here; move the key aside"));
        }
        let (v, doc): (Option<Vec<u8>>, Option<Vec<u8>>) =
            self.ask(redis::cmd("HMGET").arg(&key).arg("v").arg("doc"), until).await.map_err(failed)?;
        match (v, doc) {
            (None, None) => Ok(None),
            (_, doc) => {
                let session = doc.and_then(|doc| serde_json::from_slice::<SessionDoc>(&doc).ok());
                let session = session.ok_or_else(|| {
                    unreadable("its document is no session that this version can read; move the key aside, or upgrade")
                })?;
                let messages = session.conversation_history.len();
                tracing::info!("Session retrieved for chat_id: {session_id}, {messages} messages");
                Ok(Some(session))
            }
        }
    }

    async fn health(&self) -> Result<Health, MemoryError> {
        let until = Instant::now() + HEALTH_DEADLINE;
        let (read, commit) = tokio::try_join!(ping(&self.read, until), ping(&self.commit, until))
            .map_err(|trouble| trouble.unavailable(self.read.scheme()))?;
        let latency_ms = read.max(commit).as_secs_f64() * 1000.0;
        // Who asks right after the start is told as much as who asks later.
        self.server.looked_at(until).await;
        Ok(Health { kind: "redis", latency_ms, findings: self.server.findings() })
    }

    fn server(&self) -> watch::Receiver<Option<ServerId>> {
        self.server.id()
    }

    async fn mark(&self, outbox: &str) -> Result<Mark, MemoryError> {
        let key = self.keys.mark(checked(outbox)?);
        let until = Instant::now() + self.background;
        match self.ask::<Option<Vec<u8>>>(redis::cmd("GET").arg(&key), until).await {
            Ok(None) => Ok(Mark::Missing),
            // What is none of ours there says nothing, and is replaced by the next mark.
            Ok(Some(text)) => {
                let mark = str::from_utf8(&text).ok().and_then(|text| text.parse().ok());
                Ok(mark.map_or(Mark::Missing, Mark::At))
            }
            Err(Trouble::WrongType) => Ok(Mark::Missing),
            Err(trouble) => Err(self.failed("", trouble)),
        }
    }

    async fn set_mark(&self, outbox: &str, mark: u64) -> Result<(), MemoryError> {
        let key = self.keys.mark(checked(outbox)?);
        let until = Instant::now() + self.background;
        let mut set = redis::cmd("SET");
        set.arg(&key).arg(mark).arg("EX").arg(ttl_s(ERASED_FOR));
        self.ask::<()>(&set, until).await.map_err(|trouble| self.failed("", trouble))
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

fn mapped(text: &[u8]) -> Option<UserId> {
    UserId::parse(str::from_utf8(text).ok()?).ok()
}

fn wrong_type(key: Option<String>, found: &[u8]) -> MemoryError {
    let found = String::from_utf8_lossy(found);
    MemoryError::WrongShape {
        key: key.unwrap_or_default(),
        advice: format!("a value of type {found} is there, which is none of ours; move the key aside"),
    }
}

fn checked(id: &str) -> Result<&str, MemoryError> {
    if is_id(id) {
        Ok(id)
    } else {
        Err(MemoryError::Refused("the id has characters that a key must not have".to_owned()))
    }
}

fn document<T: serde::Serialize>(what: &str, value: &T, most: usize) -> Result<Vec<u8>, MemoryError> {
    let doc = serde_json::to_vec(value).map_err(|error| MemoryError::Refused(format!("{what}: {error}")))?;
    if doc.len() > most {
        return Err(MemoryError::Refused(format!("the {what} has {} bytes, of {most} at most", doc.len())));
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
    use crate::mirror::Mirror as _;

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
        for id in ["", "a:b", "*", "{a}", "a\nb", "../a", "ä"] {
            assert!(id.parse::<SessionId>().is_err(), "{id}");
            assert!(matches!(store.mark(id).await, Err(MemoryError::Refused(_))), "{id}");
            assert!(matches!(store.set_mark(id, 1).await, Err(MemoryError::Refused(_))), "{id}");
            assert!(matches!(store.take_token(id).await, Err(MemoryError::Refused(_))), "{id}");
        }
    }
}
