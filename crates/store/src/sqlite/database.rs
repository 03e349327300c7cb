//! The file, open: one connection, one thread that owns it, shared by all that is kept in it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use redial_supervision::Condition;
use rusqlite::Connection;

use super::super::clock::Clock;
use super::super::store::MemoryError;
use super::file;
use super::inline::Inline;
use super::rows::Rows;
use super::worker::Worker;

/// An open file with mode 0600: the embedded store, the journal and the outbox, each with tables of its own.
///
/// A thread of its own owns the connection; it ends, with all that is queued written, when this is dropped.
pub struct Database {
    hands: Hands,
}

enum Hands {
    Thread(Worker),
    Callers(Inline),
}

impl Database {
    /// Opens the file, or creates it and its directory, and deletes what has expired. Blocks until that is done.
    ///
    /// # Errors
    /// [`MemoryError::Unavailable`] when the file cannot be written; [`MemoryError::WrongShape`] when it is no database,
    /// another program's or of a newer version. Both name the file and the way out.
    pub fn open(path: &Path, clock: Clock) -> Result<Self, MemoryError> {
        let connection = open_swept(path, &clock)?;
        Ok(Self { hands: Hands::Thread(Worker::start(connection, path.to_owned(), clock)?) })
    }

    /// As [`Database::open`], without a thread: what is asked runs on the thread of whoever asks and takes up to `slowest`
    /// on tokio's clock. For simulations, whose time stands still while the disk is waited for; anybody else would block
    /// a runtime's thread.
    ///
    /// # Errors
    /// As for [`Database::open`].
    pub fn open_inline(path: &Path, clock: Clock, slowest: Duration) -> Result<Self, MemoryError> {
        let connection = open_swept(path, &clock)?;
        Ok(Self { hands: Hands::Callers(Inline::start(connection, path.to_owned(), clock, slowest)) })
    }

    /// A database that is gone with the process.
    ///
    /// # Errors
    /// When there is no memory or no thread for it.
    pub fn open_in_memory(clock: Clock) -> Result<Self, MemoryError> {
        let worker = Worker::start(file::open_in_memory()?, PathBuf::from(":memory:"), clock)?;
        Ok(Self { hands: Hands::Thread(worker) })
    }

    /// How its thread does; `None`: it has none.
    pub(crate) const fn condition(&self) -> Option<&Condition> {
        match &self.hands {
            Hands::Thread(worker) => Some(worker.condition()),
            Hands::Callers(_) => None,
        }
    }

    /// Runs `work` in a transaction, together with others that wait, and answers once it is on the disk.
    ///
    /// # Cancel safety
    /// Dropped, the work still runs; only its answer is lost. The same holds when `within` has passed.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        within: Duration,
        work: impl FnOnce(&mut Rows<'_>) -> Result<T, MemoryError> + Send + 'static,
    ) -> Result<T, MemoryError> {
        match &self.hands {
            Hands::Thread(worker) => worker.ask(within, work).await,
            Hands::Callers(inline) => inline.ask(work).await,
        }
    }
}

/// Opens a file and deletes what has expired in it.
fn open_swept(path: &Path, clock: &Clock) -> Result<Connection, MemoryError> {
    let mut connection = file::open(path)?;
    while file::sweep(&mut connection, clock()).map_err(|error| file::failed(path, &error))? {}
    Ok(connection)
}
