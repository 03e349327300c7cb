//! Journal and outbox: what was said is on this machine's disk before anybody else has to know it.
//!
//! Every finished turn of a live call is a row of the journal. When the call is over, one transaction closes it and
//! queues the session in the outbox, from where it is delivered to the store: in order for each caller, until the store
//! has it, and once more when the store's server turns out to be another one than before.
//!
//! | module | holds |
//! | --- | --- |
//! | `open_call`, `entry` | a live call; what is to be delivered |
//! | `journal` | live calls and their turns, as rows |
//! | `outbox`, `entry_row` | entries that wait or were delivered, as rows; a row before it is believed |
//! | `dead`, `retry`, `dead_letters` | what cannot be delivered, or read: as rows; back into the outbox; for operators |
//! | `user`, `forget`, `held` | all that is here of a user: as rows; forgotten; for whoever asks, as one session is |
//! | `mark`, `replay` | whether the store's server has forgotten; then what it took goes there again |
//! | `pauses` | how long entries wait between attempts |
//! | `sealed` | a checksum over all that a row says |
//! | `writer` | the queue in front of the file: nothing on a call's path waits for a disk |
//! | `disk_bypass` | sessions that the disk does not take |
//! | `call_logs` | the logs that hold a forgotten caller's words |
//! | `home` | whether the data directory is still there |
//! | `instance` | which process keeps a call, and whether it still lives |
//! | `trace` | what is here of a call, for whoever is asked about it |
//! | `deliverer` | the deliveries |

pub mod call_logs;
mod dead;
mod dead_letters;
mod deliverer;
mod disk_bypass;
mod entry;
mod entry_row;
mod forget;
mod held;
pub mod home;
mod instance;
mod journal;
mod mark;
mod open_call;
mod outbox;
mod pauses;
mod replay;
mod retry;
mod sealed;
mod trace;
mod user;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use redial_identity::{Caller, PhoneHash, is_id};
use redial_memory::model::{Message, SessionDoc};
use redial_memory::session_id::SessionId;
use tokio::sync::{Notify, oneshot};

pub use self::dead::Dead;
pub use self::deliverer::{Deliverer, LiveCalls, Sinks};
use self::disk_bypass::DiskBypass;
pub use self::entry::{Entry, Kind};
pub use self::held::{ClearedSession, Held, HeldEntry};
use self::home::Home;
use self::instance::Instance;
pub use self::open_call::OpenCall;
pub use self::outbox::SpoolFigures;
pub(crate) use self::trace::Trace;
pub use self::user::Forgotten;
use self::writer::{Op, Writer};
use crate::sqlite::Database;
use crate::store::MemoryError;

/// Nobody on the phone waits for these.
const PATIENCE: Duration = Duration::from_secs(5);

/// How entries are kept and delivered.
#[derive(Debug, Clone)]
pub struct SpoolSettings {
    /// How long a delivered entry is kept, to be delivered again when the store's server has forgotten it. Zero for a
    /// store that cannot forget.
    pub replay: Duration,
    /// Most deliveries a second, so that a server that comes back is not flattened.
    pub per_second: u32,
    /// Bytes of the file in use at which an alarm is raised and delivered entries go early.
    pub max_bytes: u64,
    /// How long the calls of a dead instance wait to be taken up again before they count as over.
    pub resume_grace: Duration,
}

impl Default for SpoolSettings {
    fn default() -> Self {
        Self {
            replay: Duration::from_secs(3600),
            per_second: 200,
            max_bytes: 1024 * 1024 * 1024,
            // The carrier tries a dead webhook twice, 5 s each, before it asks the fallback URL, which has 15 s.
            resume_grace: Duration::from_secs(30),
        }
    }
}

/// The journal and the outbox of this instance. Cheap to share behind an [`Arc`].
pub struct Spool {
    database: Arc<Database>,
    writer: Writer,
    instance: Arc<Instance>,
    settings: SpoolSettings,
    data_dir: Option<PathBuf>,
    home: Option<Home>,
    /// Told when there is something new to deliver.
    wake: Arc<Notify>,
    disk_bypass: DiskBypass,
}

impl Spool {
    /// Takes up the journal and the outbox in `database`. `data_dir` holds the instance's lock; `None` for a database in
    /// memory, which no other instance sees. Must be called on a tokio runtime.
    ///
    /// # Errors
    /// When the lock cannot be made.
    pub fn open(
        database: Arc<Database>,
        data_dir: Option<&Path>,
        settings: SpoolSettings,
    ) -> Result<Self, MemoryError> {
        let instance = Arc::new(Instance::register(data_dir)?);
        let wake = Arc::new(Notify::new());
        let writer = Writer::start(Arc::clone(&database), Arc::clone(&wake));
        let (home, data_dir) = (data_dir.and_then(Home::of), data_dir.map(Path::to_owned));
        Ok(Self { database, writer, instance, settings, data_dir, home, wake, disk_bypass: DiskBypass::new() })
    }

    /// This instance's name, new at each start.
    pub fn instance(&self) -> &str {
        self.instance.id()
    }

    /// Notes that a call has begun, or goes on with what was said before. Returns at once.
    pub fn begin(&self, call: OpenCall) {
        self.writer.push(Op::Begin { call, instance: self.instance.id().to_owned() }, None);
    }

    /// Notes who memory says the caller is. Returns at once.
    pub fn found(&self, session_id: &SessionId, caller: &Caller) {
        self.writer.push(Op::Found { session_id: session_id.clone(), caller: caller.clone() }, None);
    }

    /// Notes that a call's words are written to a log in the data directory as well. Returns at once.
    pub fn logged(&self, session_id: &SessionId, caller: &Caller) {
        self.writer.push(Op::Logged { session_id: session_id.clone(), caller: caller.clone() }, None);
    }

    /// Keeps a finished turn, or the longer version of one. Returns at once; the answer comes when it is on the disk.
    pub fn turn(&self, session_id: &SessionId, message: Message) -> oneshot::Receiver<()> {
        let (ack, acked) = oneshot::channel();
        self.writer.push(Op::Turn { session_id: session_id.clone(), message: Box::new(message) }, Some(ack));
        acked
    }

    /// Closes a call and queues its session. The answer comes when both are on the disk.
    pub fn close(&self, caller: &Caller, session: SessionDoc) -> oneshot::Receiver<()> {
        let (ack, acked) = oneshot::channel();
        let instance = self.instance.id().to_owned();
        self.writer.push(Op::Close { caller: caller.clone(), session: Box::new(session), instance }, Some(ack));
        acked
    }

    /// Brings a session that was closed to the store although the disk has not taken it yet, as it would be brought from
    /// there. The answer comes when the store has it; it fails when the store refuses it.
    pub fn deliver_at_once(&self, caller: Caller, session: SessionDoc) -> oneshot::Receiver<()> {
        self.disk_bypass.send(caller, session)
    }

    /// True while the disk does not take what was said; it is held in memory meanwhile.
    pub fn is_degraded(&self) -> bool {
        self.writer.is_degraded()
    }

    /// The threads and tasks of the journal and its file that do not stay up.
    pub fn failing(&self) -> Vec<&'static str> {
        let file = self.database.condition().filter(|condition| condition.is_failing());
        self.writer.failing().into_iter().chain(file.map(|condition| condition.part().name())).collect()
    }

    /// True when the data directory was taken away, or replaced, under this process: what is said from now on could not be
    /// found by the next one. As of a look some seconds ago, while deliveries run.
    pub fn is_gone(&self) -> bool {
        self.home.as_ref().is_some_and(Home::is_gone)
    }

    /// What was said in a call whose stream broke, by the same caller: from the journal and the outbox. It changes nothing:
    /// whoever goes on with the call begins it.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn resume(
        &self,
        session_id: &SessionId,
        hash: Option<&PhoneHash>,
    ) -> Result<Option<OpenCall>, MemoryError> {
        self.writer.flushed(Duration::from_millis(500)).await;
        let session_id = session_id.clone();
        let copies = self
            .database
            .ask(PATIENCE, move |rows| {
                let open = journal::open_call(rows, &session_id)?;
                Ok(open.into_iter().chain(outbox::copies(rows, &session_id)?).collect::<Vec<_>>())
            })
            .await?;
        Ok(OpenCall::merged(copies.into_iter().filter(|call| call.caller.hash.as_ref() == hash)))
    }

    /// Closes the calls that dead instances have left open and that nobody has taken up. Answers their ids.
    ///
    /// # Errors
    /// When the file cannot be used.
    pub async fn finish_orphans(&self) -> Result<Vec<SessionId>, MemoryError> {
        if self.is_gone() {
            return Ok(Vec::new()); // the locks of living instances went with the directory
        }
        let ours = Arc::clone(&self.instance);
        // The locks are looked at where the disk may be waited for.
        let dead = self
            .database
            .ask(PATIENCE, move |rows| {
                let keepers = journal::instances(rows)?;
                // Nobody has a name that is none: those rows are damaged.
                let name = |id: &[u8]| str::from_utf8(id).ok().filter(|id| is_id(id)).map(str::to_owned);
                Ok(keepers.into_iter().filter(|id| name(id).is_none_or(|id| ours.is_dead(&id))).collect::<Vec<_>>())
            })
            .await?;
        let mut finished = Vec::new();
        let left_something = !dead.is_empty();
        for instance in dead {
            let closed = self.database.ask(PATIENCE, move |rows| journal::close_all_of(rows, &instance)).await?;
            finished.extend(closed);
        }
        if left_something {
            self.database.ask(PATIENCE, |rows| journal::put_strays_aside(rows)).await?;
        }
        if !finished.is_empty() {
            self.wake.notify_one();
        }
        Ok(finished)
    }

    /// The size of journal and outbox at which an alarm is raised, in bytes.
    pub fn max_bytes(&self) -> u64 {
        self.settings.max_bytes
    }

    /// How much waits.
    ///
    /// # Errors
    /// When the file cannot be used.
    pub async fn figures(&self) -> Result<SpoolFigures, MemoryError> {
        self.database.ask(PATIENCE, |rows| outbox::figures(rows)).await
    }

    /// The entries that wait, oldest first.
    ///
    /// # Errors
    /// When the file cannot be used.
    pub async fn waiting(&self, limit: usize) -> Result<Vec<Entry>, MemoryError> {
        self.database.ask(PATIENCE, move |rows| outbox::waiting(rows, limit)).await
    }

    /// Waits until every session and erasure is delivered, but no longer than `limit`. Summaries and the archive are not
    /// waited for: they go on after the next start.
    pub async fn delivered(&self, limit: Duration) -> bool {
        let all = async {
            self.writer.flushed(limit).await;
            loop {
                let pending = self.database.ask(PATIENCE, |rows| outbox::pending_sessions(rows)).await;
                if pending.is_ok_and(|pending| pending == 0) && !self.is_degraded() {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(limit, all).await.is_ok()
    }
}
