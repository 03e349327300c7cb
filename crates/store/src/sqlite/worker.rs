//! The thread that owns the connection, so that nothing on a call's path waits for a disk.

use std::cell::Cell;
use std::error::Error;
use std::iter;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use redial_supervision::{Condition, Part, keep_going};
use rusqlite::{Connection, ErrorCode, TransactionBehavior};
use tokio::sync::oneshot;
use tracing::{error, warn};

use super::super::clock::{Clock, SWEEP_EVERY_MS};
use super::super::store::MemoryError;
use super::file;
use super::rows::Rows;

/// Requests that may wait. At some 50 µs each that is 0.2 s; beyond that a request is refused at once, as
/// [`MemoryError::Unavailable`], and its sender tries again later.
const QUEUE: usize = 4096;

/// Requests that share one transaction, and so one wait for the disk: a quarter of a millisecond on an idle machine, some
/// 4 ms on a busy one. All that waits is taken, up to as many as run in some 50 ms, so that a call start is answered in time.
const BATCH: usize = 1024;

/// Rows that are written before the log is moved into the database at the next quiet moment. At some 2.5 pages each that
/// is where SQLite would do it by itself, amid a burst.
pub(super) const LOG_ROWS: u64 = 400;

/// Rows after which the log is moved between two batches, however busy it is. Beyond that, SQLite does it.
const MOST_LOG_ROWS: u64 = 1600;

/// No request for this long is a quiet moment.
const QUIET: Duration = Duration::from_millis(20);

/// When emptying the log is tried again.
const LOG_AGAIN_MS: u64 = 60_000;

/// How long emptying the log waits for a reader to finish; a call start waits behind it.
const LOG_PATIENCE: Duration = Duration::from_millis(50);

/// The worker's handle. Dropping it lets the thread finish what is queued, and waits for that.
pub(super) struct Worker {
    jobs: Option<SyncSender<Box<dyn Job>>>,
    thread: Option<JoinHandle<()>>,
    condition: Condition,
}

impl Worker {
    /// Starts the thread, on a connection that was swept just now.
    pub(super) fn start(connection: Connection, path: PathBuf, clock: Clock) -> Result<Self, MemoryError> {
        let (jobs, queue) = sync_channel(QUEUE);
        let mut db = DbThread::new(connection, path, clock);
        let condition = Condition::of(Part::vital("sqlite"));
        let thread = {
            let condition = condition.clone();
            // Where it panics, the transaction is rolled back, and whoever asked is told.
            let serve = move || keep_going(&condition, || db.serve(&queue));
            thread::Builder::new().name("memory-sqlite".to_owned()).spawn(serve).map_err(|error| {
                unavailable("no thread could be started; raise the limit of threads", Some(error.into()))
            })?
        };
        Ok(Self { jobs: Some(jobs), thread: Some(thread), condition })
    }

    /// How the thread does.
    pub(super) const fn condition(&self) -> &Condition {
        &self.condition
    }

    /// Runs `work` in a transaction and answers once it is on the disk.
    ///
    /// # Cancel safety
    /// Dropped, the work still runs; only its answer is lost. The same holds when `deadline` passes.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        deadline: Duration,
        work: impl FnOnce(&mut Rows<'_>) -> Result<T, MemoryError> + Send + 'static,
    ) -> Result<T, MemoryError> {
        let (job, answer) = request(work);
        let Some(jobs) = &self.jobs else { return Err(stopped()) };
        jobs.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => {
                unavailable("more is to be written than the disk can take; use a faster one", None)
            }
            TrySendError::Disconnected(_) => stopped(),
        })?;
        match tokio::time::timeout(deadline, answer).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(unavailable("its thread died while at it; the log says of what", None)),
            Err(elapsed) => Err(unavailable("the disk is slow; use a faster one", Some(elapsed.into()))),
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            error!("the thread that keeps memory has panicked");
        }
    }
}

/// What the thread works with.
pub(super) struct DbThread {
    connection: Connection,
    path: PathBuf,
    clock: Clock,
    /// Unix ms.
    next_sweep_at: u64,
    /// True while something that was erased may still be readable in the log.
    log_is_due: bool,
    /// What the connection had written when the log was last moved into the database, in rows.
    moved_at: u64,
}

impl DbThread {
    /// On a connection that was swept just now.
    pub(super) fn new(connection: Connection, path: PathBuf, clock: Clock) -> Self {
        let next_sweep_at = clock().saturating_add(SWEEP_EVERY_MS);
        Self { connection, path, clock, next_sweep_at, log_is_due: false, moved_at: 0 }
    }

    fn serve(&mut self, queue: &Receiver<Box<dyn Job>>) {
        loop {
            let until_sweep = self.next_sweep_at.saturating_sub((self.clock)()).min(SWEEP_EVERY_MS);
            let until_sweep = Duration::from_millis(until_sweep);
            let patience = if self.log_rows() >= LOG_ROWS { until_sweep.min(QUIET) } else { until_sweep };
            match queue.recv_timeout(patience) {
                Ok(first) => {
                    self.run(iter::once(first).chain(queue.try_iter()).take(BATCH).collect());
                    self.move_log_from(MOST_LOG_ROWS);
                }
                Err(RecvTimeoutError::Timeout) => self.move_log_from(LOG_ROWS),
                Err(RecvTimeoutError::Disconnected) => return,
            }
            self.sweep_if_due();
        }
    }

    /// Runs all jobs in one transaction, each in a savepoint of its own: one that fails takes back only its own writes.
    pub(super) fn run(&mut self, mut jobs: Vec<Box<dyn Job>>) {
        let empties_log = Cell::new(false);
        let written = self.try_run(&mut jobs, &empties_log);
        if let Err(error) = &written
            && error.sqlite_error_code() == Some(ErrorCode::SystemIoFailure)
        {
            // After a failed fsync, pages may be marked clean that never reached the disk: only a new connection reads
            // what is really there. Whoever waits is told, and writes again.
            self.reopen();
        }
        if empties_log.get() {
            self.empty_log();
        }
        for job in jobs {
            let failure = written.as_ref().err().map(|error| file::failed(&self.path, error));
            job.answer(failure);
        }
    }

    fn reopen(&mut self) {
        match file::open(&self.path) {
            Ok(connection) => (self.connection, self.moved_at) = (connection, 0),
            Err(error) => error!(error = &error as &dyn Error, "the file cannot be opened again"),
        }
    }

    fn try_run(&mut self, jobs: &mut [Box<dyn Job>], empties_log: &Cell<bool>) -> rusqlite::Result<()> {
        let now = (self.clock)();
        let mut transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for job in jobs {
            let savepoint = transaction.savepoint()?;
            if job.run(&mut Rows { connection: &savepoint, now, path: &self.path, empties_log }) {
                savepoint.commit()?;
            } else {
                savepoint.finish()?; // rolls back
            }
        }
        transaction.commit()
    }

    /// Rows that were written since the log was moved into the database.
    fn log_rows(&self) -> u64 {
        self.connection.total_changes().saturating_sub(self.moved_at)
    }

    /// Moves the log into the database if at least so many rows were written since, as far as no reader needs it. It is
    /// written from its beginning again after that. One that fails is tried again after as many rows.
    pub(super) fn move_log_from(&mut self, rows: u64) {
        if self.log_rows() < rows {
            return;
        }
        self.moved_at = self.connection.total_changes();
        if let Err(error) = self.connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())) {
            warn!(error = &error as &dyn Error, "the log cannot be moved into the database; it grows until it can");
        }
    }

    /// Moves the log into the database and cuts it to nothing. While another process reads the file that cannot be
    /// done; then every sweep tries again, the next one in a minute.
    fn empty_log(&mut self) {
        self.log_is_due = !self.try_empty_log().unwrap_or(false);
        if !self.log_is_due {
            return;
        }
        let file = self.path.display();
        warn!("what was erased stays in the log of `{file}` while another process reads that file; end it");
        self.next_sweep_at = self.next_sweep_at.min((self.clock)().saturating_add(LOG_AGAIN_MS));
    }

    /// False when another process is in the way.
    fn try_empty_log(&self) -> rusqlite::Result<bool> {
        self.connection.busy_timeout(LOG_PATIENCE)?;
        let busy = self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0));
        self.connection.busy_timeout(file::BUSY_TIMEOUT)?;
        Ok(busy? == 0)
    }

    pub(super) fn sweep_if_due(&mut self) {
        let now = (self.clock)();
        if now < self.next_sweep_at {
            return;
        }
        match file::sweep(&mut self.connection, now) {
            Ok(true) => (), // goes on after the next batch
            Ok(false) => {
                self.next_sweep_at = now.saturating_add(SWEEP_EVERY_MS);
                if self.log_is_due {
                    self.empty_log();
                }
            }
            Err(error) => {
                let error = file::failed(&self.path, &error);
                error!(
                    error = &error as &dyn Error,
                    "expired rows could not be deleted; the next attempt is in an hour"
                );
                self.next_sweep_at = now.saturating_add(SWEEP_EVERY_MS);
            }
        }
    }
}

/// A request, and where its answer comes.
pub(super) fn request<T: Send + 'static>(
    work: impl FnOnce(&mut Rows<'_>) -> Result<T, MemoryError> + Send + 'static,
) -> (Box<dyn Job>, oneshot::Receiver<Result<T, MemoryError>>) {
    let (reply, answer) = oneshot::channel();
    (Box::new(Request { work: Some(work), result: None, reply }), answer)
}

/// A request whose answer waits until the transaction is on the disk.
pub(super) trait Job: Send {
    /// True when what it wrote is to be kept.
    fn run(&mut self, rows: &mut Rows<'_>) -> bool;

    /// Answers with the result, or with what the transaction died of.
    fn answer(self: Box<Self>, failure: Option<MemoryError>);
}

struct Request<W, T> {
    work: Option<W>,
    result: Option<Result<T, MemoryError>>,
    reply: oneshot::Sender<Result<T, MemoryError>>,
}

impl<W, T> Job for Request<W, T>
where
    W: FnOnce(&mut Rows<'_>) -> Result<T, MemoryError> + Send,
    T: Send,
{
    fn run(&mut self, rows: &mut Rows<'_>) -> bool {
        // One that dies takes nobody along: the thread serves everybody.
        let run = |work: W| catch_unwind(AssertUnwindSafe(|| work(rows))).unwrap_or_else(|_| Err(died()));
        self.result = self.work.take().map(run);
        matches!(self.result, Some(Ok(_)))
    }

    fn answer(self: Box<Self>, failure: Option<MemoryError>) {
        let result = match (failure, self.result) {
            (Some(failure), _) => Err(failure),
            (None, Some(result)) => result,
            (None, None) => Err(stopped()),
        };
        // Nobody may be waiting any more: the deadline has passed, or the call's task was dropped.
        drop(self.reply.send(result));
    }
}

fn died() -> MemoryError {
    MemoryError::Refused("working on it died each time; the log says of what: report it".to_owned())
}

pub(super) fn stopped() -> MemoryError {
    unavailable("its thread has stopped; restart the program", None)
}

fn unavailable(advice: &str, source: Option<crate::BoxError>) -> MemoryError {
    MemoryError::Unavailable { advice: advice.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
    use std::time::Instant;

    use rusqlite::params;
    use tokio::task::JoinSet;

    use super::super::super::clock;
    use super::super::Database;
    use super::*;

    const NOTE: &str = "INSERT INTO log (sid, uid) VALUES (?1, 'u_a')";

    /// All that waits is one batch: each request is told the same time, which the clock moves on whenever it is asked.
    #[tokio::test]
    async fn requests_that_wait_share_a_transaction_and_one_that_fails_takes_back_only_its_own() {
        const WITHIN: Duration = Duration::from_secs(60);
        const WAITING: usize = 600;
        let ticks = AtomicU64::new(1);
        let clock: Clock = Arc::new(move || ticks.fetch_add(1, Ordering::SeqCst));
        let database = Arc::new(Database::open_in_memory(clock).unwrap());
        // The thread is kept until all have asked.
        let ((begins, begun), (release, held)) = (oneshot::channel(), std::sync::mpsc::channel::<()>());
        let first = Arc::clone(&database);
        let keep = move |_: &mut Rows<'_>| Ok(begins.send(()).is_ok() && held.recv().is_ok());
        let first = tokio::spawn(async move { first.ask(WITHIN, keep).await });
        begun.await.unwrap();
        let (mut waiting, asked) = (JoinSet::new(), Arc::new(AtomicUsize::new(0)));
        for n in 0..WAITING {
            let (database, asked) = (Arc::clone(&database), Arc::clone(&asked));
            let work = move |rows: &mut Rows<'_>| {
                rows.change(NOTE, params![format!("CA{n}")])?;
                if n % 100 == 7 { Err(MemoryError::Refused("it fails".to_owned())) } else { Ok(rows.now) }
            };
            waiting.spawn(async move {
                asked.fetch_add(1, Ordering::SeqCst);
                database.ask(WITHIN, work).await
            });
        }
        while asked.load(Ordering::SeqCst) < WAITING {
            tokio::task::yield_now().await;
        }
        release.send(()).unwrap();
        let answers = waiting.join_all().await;
        assert!(first.await.unwrap().unwrap());
        let failed = answers.iter().filter(|answer| answer.is_err()).count();
        assert_eq!(failed, 6);
        let mut times: Vec<_> = answers.into_iter().flatten().collect();
        times.dedup();
        assert_eq!(times.len(), 1, "they are {} transactions", times.len());
        let sql = "SELECT count(*), sum(sid LIKE '%07') FROM log";
        let kept = database
            .ask(WITHIN, move |rows| rows.one(sql, [], |row| Ok((row.get::<_, usize>(0)?, row.get::<_, usize>(1)?))));
        assert_eq!(kept.await.unwrap(), Some((WAITING - failed, 0)));
    }

    #[tokio::test]
    async fn what_was_written_is_in_the_database_once_nobody_asks_and_not_in_its_log_alone() {
        const WITHIN: Duration = Duration::from_secs(60);
        let dir = tempfile::tempdir().unwrap();
        let (path, copy) = (dir.path().join("redial.sqlite"), dir.path().join("copy.sqlite"));
        let database = Database::open(&path, clock::system()).unwrap();
        let write =
            |rows: &mut Rows<'_>| (0..LOG_ROWS).try_for_each(|n| rows.change(NOTE, params![n.to_string()]).map(drop));
        database.ask(WITHIN, write).await.unwrap();
        // The file alone, without its log.
        let in_the_file = || {
            fs::copy(&path, &copy).unwrap();
            let connection = Connection::open(&copy).unwrap();
            connection.query_row("SELECT count(*) FROM log", [], |row| row.get::<_, u64>(0)).unwrap_or_default()
        };
        let asked = Instant::now();
        while in_the_file() < LOG_ROWS {
            assert!(asked.elapsed() < WITHIN, "the log is never moved");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        drop(database);
    }

    #[tokio::test]
    async fn a_request_that_dies_takes_back_what_it_wrote_and_nobody_along() {
        const WITHIN: Duration = Duration::from_secs(30);
        let database = Database::open_in_memory(clock::system()).unwrap();
        let dies = |rows: &mut Rows<'_>| -> Result<(), MemoryError> {
            rows.change("INSERT INTO log (sid, uid) VALUES ('CA1', 'u_a')", [])?;
            panic!("a request dies, as the test wants it");
        };
        let died = database.ask(WITHIN, dies).await;
        assert!(matches!(died, Err(MemoryError::Refused(_))), "{died:?}");
        let logs =
            database.ask(WITHIN, |rows| rows.one("SELECT count(*) FROM log", [], |row| row.get::<_, i64>(0))).await;
        assert_eq!(logs.unwrap(), Some(0));
    }

    #[tokio::test]
    async fn a_thread_that_dies_between_requests_serves_the_next_one() {
        const WITHIN: Duration = Duration::from_secs(30);
        let (right, breaks) = (clock::system(), Arc::new(AtomicU32::new(0)));
        let broken = Arc::clone(&breaks);
        let database = Database::open_in_memory(Arc::new(move || {
            let breaks = broken.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
            assert!(!breaks, "a clock breaks, as the test wants it");
            right()
        }))
        .unwrap();
        let ask = || database.ask(WITHIN, |rows| rows.one("SELECT 1", [], |row| row.get::<_, i64>(0)));
        assert_eq!(ask().await.unwrap(), Some(1));
        breaks.store(1, Ordering::SeqCst);
        while breaks.load(Ordering::SeqCst) > 0 {
            // Who asks while it dies is told that nothing is stored, and asks again.
            let asked = ask().await;
            assert!(matches!(asked, Ok(_) | Err(MemoryError::Unavailable { .. })), "{asked:?}");
        }
        let answered = async {
            while ask().await.is_err() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(WITHIN, answered).await.expect("nobody serves any more");
    }
}
