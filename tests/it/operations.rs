//! What operators do with what is remembered: the operations, the API, the commands.

mod api;
mod commands;
mod erasure;
mod people;
mod repair;

use std::path::Path;
use std::sync::Arc;

use redial::operations::{Operations, Subject};
use redial_identity::{Caller, Keys};
use redial_memory::consent::ConsentMode;
use redial_memory::fold;
use redial_memory::model::{Profile, SessionDoc};
use redial_store::clock;
use redial_store::directory::Memory;
use redial_store::hang_up::{self, HangUp};
use redial_store::redis::RedisStore;
use redial_store::settings::StoreSettings;
use redial_store::spool::{Spool, SpoolSettings};
use redial_store::sqlite::{Database, SqliteStore};
use redial_store::store::Store as _;
use secrecy::SecretString;
use tempfile::TempDir;

use crate::support::redis::RedisServer;

pub(crate) const ANA: &str = "+14155550147";
pub(crate) const BOB: &str = "+14155550148";

/// Memory as a gateway has it, over one of the stores.
struct Desk {
    store: Arc<dyn Memory>,
    spool: Arc<Spool>,
    keys: Keys,
    dir: TempDir,
    server: Option<RedisServer>,
}

impl Desk {
    async fn embedded() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let database = Self::database(dir.path());
        let store = SqliteStore::on(Arc::clone(&database), StoreSettings::default());
        let store = store.begin_call_within(std::time::Duration::from_secs(20));
        Self::over(Arc::new(store), database, dir, None)
    }

    async fn redis() -> Self {
        let server = RedisServer::start().await;
        let store = RedisStore::connect(&SecretString::from(server.url()), StoreSettings::default()).unwrap();
        let store = store.begin_call_within(std::time::Duration::from_secs(20));
        store.health().await.unwrap();
        let dir = tempfile::tempdir().unwrap();
        let database = Self::database(dir.path());
        Self::over(Arc::new(store), database, dir, Some(server))
    }

    fn database(dir: &Path) -> Arc<Database> {
        Arc::new(Database::open(&dir.join("redial.sqlite"), clock::system()).unwrap())
    }

    fn over(store: Arc<dyn Memory>, database: Arc<Database>, dir: TempDir, server: Option<RedisServer>) -> Self {
        let spool = Spool::open(database, Some(dir.path()), SpoolSettings::default()).unwrap();
        let old = SecretString::from("fedcba9876543210fedcba9876543210");
        let keys = Keys::derive(&"0123456789abcdef0123456789abcdef".into()).unwrap();
        let keys = keys.with_older(Some(&old), None).unwrap();
        Self { store, spool: Arc::new(spool), keys, dir, server }
    }

    fn operations(&self) -> Operations<'_> {
        Operations {
            store: self.store.as_ref(),
            spool: &self.spool,
            archive: None,
            live: None,
            keys: &self.keys,
            region: "US",
        }
    }

    fn subject(&self, text: &str) -> Subject {
        self.operations().subject(text).unwrap()
    }

    /// Who a number is, by its derived user id.
    fn caller(&self, number: &str) -> Caller {
        match self.subject(number) {
            Subject::Number { caller, .. } => caller,
            Subject::User(user) => panic!("{user:?} is no number"),
        }
    }

    /// A whole call in which the caller said this.
    async fn call(&self, number: &str, sid: &str, said: &[&str]) -> SessionDoc {
        let derived = self.caller(number);
        let known = self.store.begin_call(&derived).await.unwrap();
        let caller = Caller { user_id: known.user_id.clone(), ..derived };
        let session = crate::memory::session(sid, &caller, said, clock::system()());
        let hang_up = HangUp { caller, session: session.clone(), base: Some((known.revision, known.profile)) };
        hang_up::write(self.store.as_ref(), hang_up, announced).await.unwrap();
        session
    }
}

/// The profile after a call whose caller is told that calls may be remembered.
fn announced(profile: Profile, session: &SessionDoc) -> Profile {
    fold::apply_session(ConsentMode::Announce, profile, session)
}

/// Runs a test over the embedded store, and over a real Redis.
macro_rules! over_both_stores {
    ($($rule:ident)*) => {
        mod embedded {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $rule() {
                    super::$rule(crate::operations::Desk::embedded().await).await;
                }
            )*
        }
        mod over_redis {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $rule() {
                    super::$rule(crate::operations::Desk::redis().await).await;
                }
            )*
        }
    };
}
use over_both_stores;

/// Every byte of every file below a directory.
fn bytes_below(dir: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            bytes.extend(bytes_below(&path));
        } else {
            // It may be deleted right now.
            bytes.extend(std::fs::read(&path).unwrap_or_default());
        }
    }
    bytes
}

/// Every key and every value, as clear text.
async fn bytes_in(server: &RedisServer) -> Vec<u8> {
    let mut redis = server.raw().await;
    let keys: Vec<String> = redis::cmd("KEYS").arg("*").query_async(&mut redis).await.unwrap();
    let mut bytes = Vec::new();
    for key in keys {
        bytes.extend(key.bytes());
        let kind: String = redis::cmd("TYPE").arg(&key).query_async(&mut redis).await.unwrap();
        let mut command = match kind.as_str() {
            "string" => redis::cmd("GET"),
            "hash" => redis::cmd("HGETALL"),
            "list" => redis::cmd("LRANGE"),
            "zset" => redis::cmd("ZRANGE"),
            _ => continue, // expired in between
        };
        command.arg(&key);
        if matches!(kind.as_str(), "list" | "zset") {
            command.arg(0).arg(-1);
        }
        let value: redis::Value = command.query_async(&mut redis).await.unwrap();
        collect(&value, &mut bytes);
    }
    bytes
}

fn collect(value: &redis::Value, bytes: &mut Vec<u8>) {
    match value {
        redis::Value::BulkString(text) => bytes.extend(text),
        redis::Value::SimpleString(text) => bytes.extend(text.bytes()),
        redis::Value::Array(values) | redis::Value::Set(values) => {
            values.iter().for_each(|value| collect(value, bytes))
        }
        redis::Value::Map(pairs) => pairs.iter().for_each(|(key, value)| {
            collect(key, bytes);
            collect(value, bytes);
        }),
        other => assert!(matches!(other, redis::Value::Nil | redis::Value::Int(_)), "{other:?}"),
    }
}

fn holds(bytes: &[u8], words: &str) -> bool {
    bytes.windows(words.len()).any(|window| window == words.as_bytes())
}
