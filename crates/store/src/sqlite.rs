//! Memory in one SQLite file: callers are remembered over restarts with nothing else installed.
//!
//! An answered write is on the disk (WAL, `synchronous = FULL`), so it survives `kill -9` and a power failure. Several
//! processes may open the same file.

pub(crate) mod cells;
mod database;
mod directory;
mod file;
mod inline;
mod rows;
mod worker;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use redial_identity::Caller;
use redial_memory::model::SessionDoc;
use redial_memory::session_id::SessionId;

pub use self::database::Database;
pub(crate) use self::rows::Rows;
use super::clock::{self, Clock};
use super::rules::{self, Writing};
use super::settings::StoreSettings;
use super::store::{Commit, Health, Known, MemoryError, Outcome, Store};

/// How long a call start waits before the call goes on as a stranger's: the caller hears a pause much beyond it.
const BEGIN_CALL_WITHIN: Duration = Duration::from_millis(150);

/// How long everything else waits; nobody is on the phone then. Longer than a checkpoint of a large log takes.
const OTHERS_WITHIN: Duration = Duration::from_secs(5);

/// A [`Store`] in one SQLite file. One file holds one deployment: `prefix` is not used.
pub struct SqliteStore {
    settings: StoreSettings,
    database: Arc<Database>,
    begin_call_within: Duration,
}

impl SqliteStore {
    /// Opens the file, or creates it and its directory, and deletes what has expired. Blocks until that is done.
    ///
    /// # Errors
    /// [`MemoryError::Unavailable`] when the file cannot be written; [`MemoryError::WrongShape`] when it is no database,
    /// another program's or of a newer version. Both name the file and the way out.
    pub fn open(path: &Path, settings: StoreSettings) -> Result<Self, MemoryError> {
        Self::open_with_clock(path, settings, clock::system())
    }

    /// As [`SqliteStore::open`], with the time told by `clock`.
    ///
    /// # Errors
    /// As for [`SqliteStore::open`].
    pub fn open_with_clock(path: &Path, settings: StoreSettings, clock: Clock) -> Result<Self, MemoryError> {
        Ok(Self::on(Arc::new(Database::open(path, clock)?), settings))
    }

    /// A store in a file that is open already, and that others may use as well.
    pub fn on(database: Arc<Database>, settings: StoreSettings) -> Self {
        Self { settings, database, begin_call_within: BEGIN_CALL_WITHIN }
    }

    /// Changes how long [`Store::begin_call`] may take, 150 ms at first.
    #[must_use]
    pub fn begin_call_within(self, deadline: Duration) -> Self {
        Self { begin_call_within: deadline, ..self }
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn begin_call(&self, caller: &Caller) -> Result<Known, MemoryError> {
        if caller.hash.is_none() {
            return Ok(Known::stranger(caller.user_id.clone()));
        }
        let (settings, caller) = (self.settings.clone(), caller.clone());
        self.database
            .ask(self.begin_call_within, move |rows| rules::begin_call(rows, &settings, rows.now, &caller))
            .await
    }

    async fn commit_session(&self, commit: &Commit) -> Result<Outcome, MemoryError> {
        let (settings, writing) = (self.settings.clone(), Writing::prepare(commit)?);
        self.database.ask(OTHERS_WITHIN, move |rows| rules::commit(rows, &settings, rows.now, &writing)).await
    }

    async fn load_session(&self, session_id: &SessionId) -> Result<Option<SessionDoc>, MemoryError> {
        let session_id = session_id.clone();
        self.database.ask(OTHERS_WITHIN, move |rows| rules::load_session(rows, &session_id)).await
    }

    async fn health(&self) -> Result<Health, MemoryError> {
        let asked = Instant::now();
        self.database.ask(OTHERS_WITHIN, |rows| rows.answers()).await?;
        Ok(Health { kind: "sqlite", latency_ms: asked.elapsed().as_secs_f64() * 1000.0, findings: Vec::new() })
    }
}
