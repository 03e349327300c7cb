//! Walking over keys, and asking about many of them.

use std::collections::VecDeque;
use std::sync::Arc;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use redial_identity::UserId;
use redis::{Cmd, FromRedisValue};
use tokio::time::Instant;

use super::super::RedisStore;
use super::super::advice::Trouble;
use super::super::keys::Kind;
use super::super::route::Node;
use crate::store::MemoryError;

/// Keys that one SCAN looks at, and that one UNLINK takes: some 0.2 ms of the server's time.
const BATCH: usize = 500;
/// Questions on their way at once. The server answers calls in between.
const AT_ONCE: usize = 64;

/// A walk over all keys of a kind, in a cluster over one master's after the other's. What is there all the time is met at
/// least once, what comes and goes maybe; so is, in a cluster, what moves from one master to another meanwhile.
pub(super) struct Scan<'a> {
    store: &'a RedisStore,
    kind: Option<Kind>,
    pattern: String,
    /// Where it begins; of a cluster, on which master.
    from: (Option<String>, u64),
    /// Servers that are left, the present one first; `None` until they are known.
    servers: Option<VecDeque<Option<Arc<Node>>>>,
    /// Where it goes on on the present one.
    cursor: u64,
}

impl<'a> Scan<'a> {
    pub(super) fn of(store: &'a RedisStore, kind: Kind) -> Self {
        Self::new(store, Some(kind), store.keys.pattern(Some(kind)), (None, 0))
    }

    /// All keys with our prefix, of whatever kind.
    pub(super) fn of_all(store: &'a RedisStore) -> Self {
        Self::new(store, None, store.keys.pattern(None), (None, 0))
    }

    /// In the tagged layout, all keys that are kept of a user.
    pub(super) fn of_user(store: &'a RedisStore, user: &UserId) -> Self {
        Self::new(store, None, store.keys.pattern_of(user), (None, 0))
    }

    /// From a position that an earlier walk had; `None`: from the start.
    pub(super) fn from(store: &'a RedisStore, kind: Kind, position: Option<&str>) -> Result<Self, MemoryError> {
        let from = match position {
            None => (None, 0),
            Some(text) => match text.rsplit_once('/') {
                // A master may be at its beginning.
                Some((node, cursor)) => (Some(node.to_owned()), cursor.parse().map_err(|_| no_page())?),
                // Zero is where the end leads; it would begin anew.
                None => (None, text.parse().ok().filter(|&cursor| cursor != 0).ok_or_else(no_page)?),
            },
        };
        Ok(Self::new(store, Some(kind), store.keys.pattern(Some(kind)), from))
    }

    fn new(store: &'a RedisStore, kind: Option<Kind>, pattern: String, from: (Option<String>, u64)) -> Self {
        Self { store, kind, pattern, cursor: from.1, from, servers: None }
    }

    /// Where it would go on; `None` at the end.
    pub(super) fn position(&self) -> Option<String> {
        match self.servers.as_ref()?.front()? {
            None => Some(self.cursor.to_string()),
            Some(node) => Some(format!("{node}/{}", self.cursor)),
        }
    }

    /// Some keys, maybe none; `None` at the end. Of a walk over one kind, only those whose names and types are of it.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<String>>, MemoryError> {
        if self.servers.is_none() {
            self.servers = Some(self.servers_from_here().await?);
        }
        let servers = self.servers.get_or_insert_default();
        let Some(server) = servers.front() else { return Ok(None) };
        let mut command = redis::cmd("SCAN");
        command.arg(self.cursor).arg("MATCH").arg(&self.pattern).arg("COUNT").arg(BATCH);
        match self.kind {
            Some(Kind::Phone | Kind::Gone | Kind::Place | Kind::Pepper | Kind::Mark | Kind::Over | Kind::Token) => {
                _ = command.arg("TYPE").arg("string")
            }
            Some(Kind::Profile | Kind::Session | Kind::Done | Kind::Mirror) => _ = command.arg("TYPE").arg("hash"),
            Some(Kind::Sessions) => _ = command.arg("TYPE").arg("zset"),
            None => (),
        }
        let (cursor, found): (u64, Vec<Vec<u8>>) = self.store.ask_at(server.as_ref(), &command).await?;
        self.cursor = cursor;
        if cursor == 0 {
            servers.pop_front();
        }
        let keys = found.into_iter().filter_map(|key| String::from_utf8(key).ok());
        let ours =
            |key: &String| self.kind.is_none_or(|kind| self.store.keys.kind(key).is_some_and(|(k, _)| k == kind));
        Ok(Some(keys.filter(ours).collect()))
    }

    async fn servers_from_here(&self) -> Result<VecDeque<Option<Arc<Node>>>, MemoryError> {
        let mut servers: VecDeque<_> = self.store.masters().await?.into();
        let is_cluster = servers.iter().any(Option::is_some);
        match &self.from {
            (None, 0) => (),
            (None, _) if !is_cluster => (),
            (Some(name), _) => {
                while servers.front().is_some_and(|server| server.as_ref().is_none_or(|node| node.to_string() != *name))
                {
                    servers.pop_front();
                }
            }
            (None, _) => servers.clear(),
        }
        if servers.is_empty() { Err(no_page()) } else { Ok(servers) }
    }
}

fn no_page() -> MemoryError {
    MemoryError::Refused(
        "there is no page of that name; use the one that the page before has answered, or none for the first page"
            .to_owned(),
    )
}

impl RedisStore {
    /// The masters of a cluster; one server is nobody by name.
    pub(super) async fn masters(&self) -> Result<Vec<Option<Arc<Node>>>, MemoryError> {
        let asking = async {
            let until = Instant::now() + self.background;
            let live = self.commit.live_or_first(until).await?;
            self.commit.ask(&live, until, live.connection().masters()).await
        };
        let masters = asking.await.map_err(|trouble| self.failed("", trouble))?;
        Ok(masters.iter().map(|master| master.node().cloned()).collect())
    }

    /// Asks one master.
    pub(super) async fn ask_at<T: FromRedisValue>(
        &self,
        server: Option<&Arc<Node>>,
        command: &Cmd,
    ) -> Result<T, MemoryError> {
        self.command_at(server, command).await.map_err(|trouble| self.failed("", trouble))
    }

    /// As [`RedisStore::ask_at`], where a failure means something by itself.
    pub(super) async fn command_at<T: FromRedisValue>(
        &self,
        server: Option<&Arc<Node>>,
        command: &Cmd,
    ) -> Result<T, Trouble> {
        let until = Instant::now() + self.background;
        let live = self.commit.live_or_first(until).await?;
        let mut connection = live.connection().at(server);
        self.commit.ask(&live, until, command.query_async(&mut connection)).await
    }

    /// The answers to many commands, in their order.
    pub(super) async fn each<T: FromRedisValue + Send>(
        &self,
        commands: impl IntoIterator<Item = Cmd>,
    ) -> Result<Vec<T>, MemoryError> {
        let commands: Vec<Cmd> = commands.into_iter().collect();
        let answers = commands.into_iter().map(|command| async move { self.ask_for_all(&command).await });
        stream::iter(answers).buffered(AT_ONCE).try_collect().await
    }

    /// Removes keys; answers how many there were. A cluster's client takes them to their slots.
    pub(super) async fn unlink(&self, keys: &[String]) -> Result<u64, MemoryError> {
        let mut removed = 0;
        for keys in keys.chunks(BATCH) {
            removed += self.ask_for_all::<u64>(redis::cmd("UNLINK").arg(keys)).await?;
        }
        Ok(removed)
    }
}
