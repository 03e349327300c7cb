//! Walking over keys, and asking about many of them.

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use redis::{Cmd, FromRedisValue};

use super::super::RedisStore;
use super::super::keys::Kind;
use crate::identity::is_id;
use crate::memory::store::MemoryError;

/// Keys that one SCAN looks at, and that one UNLINK takes: some 0.2 ms of the server's time.
const BATCH: usize = 500;
/// Questions on their way at once. The server answers calls in between.
const AT_ONCE: usize = 64;

/// A walk over all keys of a kind. What is there all the time is met at least once, what comes and goes maybe.
pub(super) struct Scan<'a> {
    store: &'a RedisStore,
    kind: Option<Kind>,
    /// Where it goes on; `None` at the end.
    cursor: Option<u64>,
}

impl<'a> Scan<'a> {
    pub(super) fn of(store: &'a RedisStore, kind: Kind) -> Self {
        Self { store, kind: Some(kind), cursor: Some(0) }
    }

    /// All keys with our prefix, of whatever kind.
    pub(super) fn of_all(store: &'a RedisStore) -> Self {
        Self { store, kind: None, cursor: Some(0) }
    }

    /// From a position that an earlier walk had; `None`: from the start.
    pub(super) fn from(store: &'a RedisStore, kind: Kind, position: Option<&str>) -> Result<Self, MemoryError> {
        let cursor = match position {
            None => 0,
            // Zero is where the end leads; it would begin anew.
            Some(text) => text.parse().ok().filter(|&cursor| cursor != 0).ok_or_else(|| {
                MemoryError::Refused(
                    "there is no page of that name; use the one that the page before has answered, \
                     or none for the first page"
                        .to_owned(),
                )
            })?,
        };
        Ok(Self { store, kind: Some(kind), cursor: Some(cursor) })
    }

    /// Where it would go on; `None` at the end.
    pub(super) fn position(&self) -> Option<String> {
        self.cursor.map(|cursor| cursor.to_string())
    }

    /// Some keys, maybe none; `None` at the end. Of a walk over one kind, only those whose names and types are of it.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<String>>, MemoryError> {
        let Some(cursor) = self.cursor else { return Ok(None) };
        let mut command = redis::cmd("SCAN");
        command.arg(cursor).arg("MATCH").arg(self.store.keys.pattern(self.kind)).arg("COUNT").arg(BATCH);
        match self.kind {
            Some(Kind::Phone | Kind::Gone | Kind::Pepper) => _ = command.arg("TYPE").arg("string"),
            Some(Kind::Profile | Kind::Session | Kind::Done) => _ = command.arg("TYPE").arg("hash"),
            Some(Kind::Sessions) => _ = command.arg("TYPE").arg("zset"),
            None => (),
        }
        let (cursor, found): (u64, Vec<Vec<u8>>) = self.store.ask_for_all(&command).await?;
        self.cursor = (cursor != 0).then_some(cursor);
        let keys = found.into_iter().filter_map(|key| String::from_utf8(key).ok());
        let ours =
            |key: &String| self.kind.is_none_or(|kind| self.store.keys.kind(key).is_some_and(|(k, _)| k == kind));
        Ok(Some(keys.filter(ours).collect()))
    }
}

/// A walk over the live calls that are mirrored.
pub(super) struct MirrorScan<'a> {
    store: &'a RedisStore,
    cursor: Option<u64>,
}

impl<'a> MirrorScan<'a> {
    pub(super) fn new(store: &'a RedisStore) -> Self {
        Self { store, cursor: Some(0) }
    }

    /// Some calls' keys with their session ids, maybe none; `None` at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<(String, String)>>, MemoryError> {
        let Some(cursor) = self.cursor else { return Ok(None) };
        let prefix = self.store.mirror_call_prefix();
        let mut command = redis::cmd("SCAN");
        command.arg(cursor).arg("MATCH").arg(format!("{prefix}*")).arg("COUNT").arg(BATCH).arg("TYPE").arg("hash");
        let (cursor, found): (u64, Vec<Vec<u8>>) = self.store.ask_for_all(&command).await?;
        self.cursor = (cursor != 0).then_some(cursor);
        let calls = found.into_iter().filter_map(|key| String::from_utf8(key).ok()).filter_map(|key| {
            let sid = key.strip_prefix(&prefix).filter(|sid| is_id(sid))?.to_owned();
            Some((key, sid))
        });
        Ok(Some(calls.collect()))
    }
}

impl RedisStore {
    /// The answers to many commands, in their order.
    pub(super) async fn each<T: FromRedisValue + Send>(
        &self,
        commands: impl IntoIterator<Item = Cmd>,
    ) -> Result<Vec<T>, MemoryError> {
        let commands: Vec<Cmd> = commands.into_iter().collect();
        let answers = commands.into_iter().map(|command| async move { self.ask_for_all(&command).await });
        stream::iter(answers).buffered(AT_ONCE).try_collect().await
    }

    /// Removes keys; answers how many there were.
    pub(super) async fn unlink(&self, keys: &[String]) -> Result<u64, MemoryError> {
        let mut removed = 0;
        for keys in keys.chunks(BATCH) {
            removed += self.ask_for_all::<u64>(redis::cmd("UNLINK").arg(keys)).await?;
        }
        Ok(removed)
    }
}
