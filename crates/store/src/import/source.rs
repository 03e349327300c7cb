//! The Redis that holds what is to be imported: listed with SCAN, read, never written.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use redial_memory::model::MAX_SESSION_BYTES;
use redial_outgoing::tls;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, FromRedisValue};
use secrecy::{ExposeSecret as _, SecretString};

use super::request::ImportError;

/// Nobody waits on the phone; a server that is busy with others may take a while.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// Keys that one step of a SCAN looks at: fast enough, and other clients do not notice.
const SCAN_COUNT: usize = 500;

/// The largest text or hash, in bytes, and the longest list that is read: what a person said in a lifetime is shorter,
/// and what is larger would not be stored.
const MAX_BYTES: usize = MAX_SESSION_BYTES;
const MAX_ENTRIES: usize = 20_000;

/// The server, in the database that its URL names.
pub(super) struct Source {
    connection: MultiplexedConnection,
}

/// What a key holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Raw {
    Text(String),
    /// A list, a set or a sorted set, in its order.
    List(Vec<String>),
    Hash(BTreeMap<String, String>),
    /// It expired between the listing and now.
    Missing,
    /// What is there instead.
    Unreadable(String),
}

impl Source {
    /// Connects.
    ///
    /// # Errors
    /// When nobody answers there, or it is a cluster.
    pub(super) async fn connect(url: &SecretString) -> Result<Self, ImportError> {
        tls::install_provider();
        let client = Client::open(url.expose_secret()).map_err(ImportError::Source)?;
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(ANSWER_TIMEOUT));
        let connecting = client.get_multiplexed_async_connection_with_config(&config);
        let source = Self { connection: connecting.await.map_err(ImportError::Source)? };
        source.ask::<redis::Value>(redis::cmd("PING")).await?;
        // INFO may be forbidden; then what follows shows whether keys can be read.
        let info = source.ask::<String>(redis::cmd("INFO").arg("cluster").take()).await.unwrap_or_default();
        if info.contains("cluster_enabled:1") {
            return Err(ImportError::Cluster);
        }
        Ok(source)
    }

    /// All keys that match, in order. `pattern` has globs where the caller put them.
    pub(super) async fn keys(&self, pattern: &str) -> Result<BTreeSet<String>, ImportError> {
        let mut keys = BTreeSet::new(); // a SCAN may list a key twice
        let mut cursor = 0_u64;
        loop {
            let mut scan = redis::cmd("SCAN");
            scan.arg(cursor).arg("MATCH").arg(pattern).arg("COUNT").arg(SCAN_COUNT);
            let (next, page): (u64, Vec<Vec<u8>>) = self.ask(scan).await?;
            // A key that is no text was not written by any of the four.
            keys.extend(page.into_iter().filter_map(|key| String::from_utf8(key).ok()));
            if next == 0 {
                return Ok(keys);
            }
            cursor = next;
        }
    }

    /// Reads a key, of whatever type it is.
    pub(super) async fn read(&self, key: &str) -> Result<Raw, ImportError> {
        let kind: String = self.ask(redis::cmd("TYPE").arg(key).take()).await?;
        let (measure, limit) = match kind.as_str() {
            "string" => ("STRLEN", MAX_BYTES),
            "list" => ("LLEN", MAX_ENTRIES),
            "hash" => ("HLEN", MAX_ENTRIES),
            "set" => ("SCARD", MAX_ENTRIES),
            "zset" => ("ZCARD", MAX_ENTRIES),
            "none" => return Ok(Raw::Missing),
            other => return Ok(Raw::Unreadable(format!("a value of type {other} is there"))),
        };
        let size: usize = self.ask(redis::cmd(measure).arg(key).take()).await?;
        if size > limit {
            return Ok(Raw::Unreadable(format!("its {kind} has {size} bytes or entries, of {limit} at most")));
        }
        let raw = match kind.as_str() {
            "string" => self.ask::<Option<Vec<u8>>>(redis::cmd("GET").arg(key).take()).await?.map(text),
            "hash" => {
                let fields: BTreeMap<Vec<u8>, Vec<u8>> = self.ask(redis::cmd("HGETALL").arg(key).take()).await?;
                Some(hash(fields))
            }
            "set" => Some(list(self.ask(redis::cmd("SMEMBERS").arg(key).take()).await?)),
            "zset" => Some(list(self.ask(redis::cmd("ZRANGE").arg(key).arg(0).arg(-1).take()).await?)),
            _ => Some(list(self.ask(redis::cmd("LRANGE").arg(key).arg(0).arg(-1).take()).await?)),
        };
        Ok(raw.unwrap_or(Raw::Missing))
    }

    async fn ask<T: FromRedisValue>(&self, command: redis::Cmd) -> Result<T, ImportError> {
        let mut connection = self.connection.clone();
        command.query_async(&mut connection).await.map_err(ImportError::Source)
    }
}

fn text(bytes: Vec<u8>) -> Raw {
    String::from_utf8(bytes).map_or_else(|_| not_text(), Raw::Text)
}

fn list(items: Vec<Vec<u8>>) -> Raw {
    let items: Result<Vec<String>, _> = items.into_iter().map(String::from_utf8).collect();
    items.map_or_else(|_| not_text(), Raw::List)
}

fn hash(fields: BTreeMap<Vec<u8>, Vec<u8>>) -> Raw {
    let field = |(name, value)| Some((String::from_utf8(name).ok()?, String::from_utf8(value).ok()?));
    let fields: Option<BTreeMap<String, String>> = fields.into_iter().map(field).collect();
    fields.map_or_else(not_text, Raw::Hash)
}

fn not_text() -> Raw {
    Raw::Unreadable("it is no text; a Python pickle is not read, write it as JSON first".to_owned())
}
