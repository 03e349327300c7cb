//! The queue in front of the file. A call hands over what is to be kept and goes on; one task writes what has gathered
//! in one transaction, and tries again until the disk takes it.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use std::{iter, thread};

use redial_identity::Caller;
use redial_memory::model::{Message, SessionDoc};
use redial_memory::session_id::SessionId;
use redial_supervision::{Part, Supervisor};
use tokio::sync::{Mutex, Notify, OwnedMutexGuard, mpsc, oneshot};
use tracing::{debug, error, warn};

use super::super::sqlite::{Database, Rows};
use super::super::store::MemoryError;
use super::dead::{self, Aside, AsideCall};
use super::journal;
use super::open_call::OpenCall;

/// Written together, with one wait for the disk.
const BATCH: usize = 512;
/// How long one transaction may take.
const WITHIN: Duration = Duration::from_secs(5);
/// While the disk does not take anything it is tried this often.
const PROBE_EVERY: Duration = Duration::from_secs(1);
/// And said again this often.
const SAY_AGAIN: Duration = Duration::from_secs(60);

/// Something to keep. All of it can be written twice.
#[derive(Debug)]
pub(super) enum Op {
    Begin {
        call: OpenCall,
        instance: String,
    },
    Found {
        session_id: SessionId,
        caller: Caller,
    },
    Turn {
        session_id: SessionId,
        message: Box<Message>,
    },
    Close {
        caller: Caller,
        session: Box<SessionDoc>,
        instance: String,
    },
    Logged {
        session_id: SessionId,
        caller: Caller,
    },
    /// Nothing: answered when all before it is written.
    Barrier,
}

impl Op {
    /// The call that it is about; `None`: none.
    fn session_id(&self) -> Option<&SessionId> {
        match self {
            Self::Begin { call, .. } => Some(&call.session_id),
            Self::Found { session_id, .. } | Self::Turn { session_id, .. } | Self::Logged { session_id, .. } => {
                Some(session_id)
            }
            Self::Close { session, .. } => Some(&session.session_id),
            Self::Barrier => None,
        }
    }

    /// Its kind among what is put aside, whose it is, of which call, and what it says; `None`: nothing that was said, or
    /// that another operation would not say again.
    fn told(&self) -> Option<(&'static str, Option<&Caller>, &SessionId, Vec<u8>)> {
        let told = |kind, caller, body| Some((kind, caller, self.session_id()?, body));
        match self {
            Self::Begin { call, instance } => {
                let turns = call.turns.iter().filter_map(|turn| serde_json::to_value(turn).ok()).collect();
                let (started, instance) = (i64::try_from(call.started_at).ok(), instance.clone());
                let parameters = serde_json::to_string(&call.parameters).unwrap_or_default();
                let body = serde_json::to_vec(&AsideCall { started, parameters, instance, turns }).unwrap_or_default();
                told("call", Some(&call.caller), body)
            }
            Self::Turn { message, .. } => told("turn", None, serde_json::to_vec(message).unwrap_or_default()),
            Self::Close { caller, session, .. } => {
                told("session", Some(caller), serde_json::to_vec(session).unwrap_or_default())
            }
            Self::Found { .. } | Self::Logged { .. } | Self::Barrier => None,
        }
    }
}

struct Queued {
    op: Op,
    since: Instant,
    ack: Option<oneshot::Sender<()>>,
}

/// The queue's handle. What is in the queue when it is dropped is still written, as long as the runtime goes on.
pub(super) struct Writer {
    /// Dropped first: then the task ends with the queue.
    supervisor: Supervisor,
    queue: mpsc::UnboundedSender<Queued>,
    degraded: Arc<AtomicBool>,
}

impl Writer {
    /// Starts the task.
    pub(super) fn start(database: Arc<Database>, wake: Arc<Notify>) -> Self {
        // Unbounded, as nothing that was said may be dropped: a call makes a turn every few seconds, the number of
        // calls is limited, and so are a turn's words; a full disk for an hour at 500 calls is some 100 MB.
        let (queue, ops) = mpsc::unbounded_channel();
        let degraded = Arc::new(AtomicBool::new(false));
        let intake = Arc::new(Mutex::new(Intake { ops, work: Arc::default(), acks: Vec::new() }));
        let supervisor = Supervisor::default();
        supervisor.keep(Part::vital("journal"), {
            let degraded = Arc::clone(&degraded);
            move |_| run(Arc::clone(&database), Arc::clone(&intake), Arc::clone(&degraded), Arc::clone(&wake))
        });
        Self { supervisor, queue, degraded }
    }

    pub(super) fn push(&self, op: Op, ack: Option<oneshot::Sender<()>>) {
        if self.queue.send(Queued { op, since: Instant::now(), ack }).is_err() {
            // Its runtime has ended. Whoever waits for the answer learns that there is none.
            error!("the journal is not written any more, and something that was said is not kept");
        }
    }

    /// Waits until all that was pushed before is written, but no longer than `limit`.
    pub(super) async fn flushed(&self, limit: Duration) {
        let (ack, acked) = oneshot::channel();
        self.push(Op::Barrier, Some(ack));
        let _ = tokio::time::timeout(limit, acked).await;
    }

    pub(super) fn is_degraded(&self) -> bool {
        self.degraded.load(Ordering::Relaxed) || self.queue.is_closed()
    }

    /// The task, if it does not stay up.
    pub(super) fn failing(&self) -> Vec<&'static str> {
        self.supervisor.failing()
    }
}

/// The other end of the queue, and what was taken from it and may not be on the disk yet: should the task die, the next one
/// begins with that.
struct Intake {
    ops: mpsc::UnboundedReceiver<Queued>,
    work: Arc<Vec<Op>>,
    /// Since when each of `work` has waited, and who is told.
    acks: Vec<(Instant, Option<oneshot::Sender<()>>)>,
}

impl Intake {
    /// What is to be written next; `None` when there will be nothing.
    async fn next(&mut self) -> Option<Arc<Vec<Op>>> {
        if self.work.is_empty() {
            let mut batch = Vec::new();
            self.ops.recv_many(&mut batch, BATCH).await;
            let (work, acks): (Vec<Op>, Vec<_>) =
                batch.into_iter().map(|Queued { op, since, ack }| (op, (since, ack))).unzip();
            (self.work, self.acks) = (Arc::new(work), acks);
        }
        (!self.work.is_empty()).then(|| Arc::clone(&self.work))
    }

    /// It is on the disk.
    fn written(&mut self) {
        while let Some((since, ack)) = self.acks.pop() {
            // Whoever asked may have stopped waiting.
            let _ = ack.map(|ack| ack.send(()));
            metrics::histogram!("redial_journal_seconds").record(since.elapsed().as_secs_f64());
        }
        self.work = Arc::default();
    }
}

/// Says that nothing is written, when the task dies.
struct Alarm<'a>(&'a AtomicBool);

impl Drop for Alarm<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.store(true, Ordering::Relaxed);
        }
    }
}

async fn run(database: Arc<Database>, intake: Arc<Mutex<Intake>>, degraded: Arc<AtomicBool>, wake: Arc<Notify>) {
    let mut intake: OwnedMutexGuard<Intake> = intake.lock_owned().await;
    let _alarm = Alarm(&degraded);
    if degraded.load(Ordering::Relaxed) {
        // The task before this one has died. A file that takes nothing at all is a file that works.
        let _ = write(&database, |_| Ok(()), &degraded).await;
    }
    while let Some(work) = intake.next().await {
        write_all(&database, &work, &degraded).await;
        intake.written();
        for op in work.iter() {
            if let Op::Turn { session_id, message } = op {
                debug!(call.sid = session_id.as_str(), turn = message.turn.id.0, "turn kept");
            }
        }
        if work.iter().any(|op| matches!(op, Op::Close { .. })) {
            wake.notify_one();
        }
    }
}

/// Writes all of it, in order. What a file that works does not take is put aside, so that nothing waits behind it.
async fn write_all(database: &Database, work: &Arc<Vec<Op>>, degraded: &AtomicBool) {
    // Ranges that are still to be written, the first one last. A range that is refused is halved, so each is looked at
    // once, and there are at most twice as many as there are operations.
    let mut ranges: Vec<_> = iter::once(0..work.len()).collect();
    while let Some(range) = ranges.pop() {
        let (ops, part) = (Arc::clone(work), range.clone());
        let apply_all = move |rows: &mut Rows<'_>| ops[part.clone()].iter().try_for_each(|op| apply(rows, op));
        let Err(refusal) = write(database, apply_all, degraded).await else { continue };
        if let [offender] = &work[range.clone()] {
            put_aside(database, offender, &refusal, degraded).await;
        } else {
            let middle = range.start + range.len() / 2;
            ranges.extend([middle..range.end, range.start..middle]);
        }
    }
}

/// Writes until it is written, however long the disk takes nothing.
///
/// # Errors
/// When the file works and takes this never: what is wrong is in what is to be written.
async fn write(
    database: &Database,
    work: impl Fn(&mut Rows<'_>) -> Result<(), MemoryError> + Clone + Send + 'static,
    degraded: &AtomicBool,
) -> Result<(), MemoryError> {
    let mut said: Option<Instant> = None;
    loop {
        let work = work.clone();
        let written = database.ask(WITHIN, move |rows| work(rows)).await;
        match written {
            Err(failure @ MemoryError::Unavailable { .. }) => {
                degraded.store(true, Ordering::Relaxed);
                metrics::gauge!("redial_journal_degraded").set(1.0);
                if said.is_none_or(|at| at.elapsed() > SAY_AGAIN) {
                    said = Some(Instant::now());
                    error!(
                        error = &failure as &dyn Error,
                        "the journal cannot be written; what is said is held in memory"
                    );
                }
                tokio::time::sleep(PROBE_EVERY).await;
            }
            answered => {
                if degraded.swap(false, Ordering::Relaxed) {
                    metrics::gauge!("redial_journal_degraded").set(0.0);
                    warn!("the disk takes the journal again; nothing is missing");
                }
                return answered;
            }
        }
    }
}

/// Keeps what the file does not take among what cannot be delivered, as text.
async fn put_aside(database: &Database, offender: &Op, refusal: &MemoryError, degraded: &AtomicBool) {
    let Some((kind, caller, session_id, body)) = offender.told() else {
        let sid = offender.session_id().map_or("", SessionId::as_str);
        error!(call.sid = sid, error = refusal as &dyn Error, "a note on a call is not taken by the file");
        return;
    };
    metrics::counter!("redial_dead_letters_total").increment(1);
    error!(
        call.sid = session_id.as_str(),
        kind,
        error = refusal as &dyn Error,
        "something that was to be kept is not taken by the file and is put aside; see `redial memory dead`"
    );
    let (lost, caller, session_id, reason) =
        (session_id.clone(), caller.cloned(), session_id.clone(), format!("{refusal}; report it, then drop it"));
    let keep = move |rows: &mut Rows<'_>| {
        let hash = caller.as_ref().and_then(|caller| caller.hash.as_ref()).map(|hash| hash.as_str().as_bytes());
        let uid = match &caller {
            Some(caller) => caller.user_id.as_str().as_bytes().to_vec(),
            None => journal::user_of(rows, &session_id)?,
        };
        let (session_id, body, reason) = (session_id.as_str().as_bytes(), body.as_slice(), reason.as_str());
        dead::put_aside(rows, &Aside { kind, uid: &uid, hash, session_id, body, reason })
    };
    if let Err(failure) = write(database, keep, degraded).await {
        error!(call.sid = lost.as_str(), error = &failure as &dyn Error, "it cannot even be put aside, and is lost");
    }
}

fn apply(rows: &Rows<'_>, op: &Op) -> Result<(), MemoryError> {
    match op {
        Op::Begin { call, instance } => journal::begin(rows, call, instance),
        Op::Found { session_id, caller } => journal::found(rows, session_id, caller),
        Op::Logged { session_id, caller } => journal::logged(rows, session_id, caller),
        Op::Turn { session_id, message } => journal::turn(rows, session_id, message),
        Op::Close { caller, session, instance } => journal::close(rows, caller, session, instance),
        Op::Barrier => Ok(()),
    }
}
