//! The queue in front of the file. A call hands over what is to be kept and goes on; one task writes what has gathered
//! in one transaction, and tries again until the disk takes it.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, mpsc, oneshot};
use tracing::{debug, error, warn};

use super::super::model::{Message, Session};
use super::super::sqlite::{Database, Rows};
use super::super::store::MemoryError;
use super::journal::{self, OpenCall};
use crate::identity::Caller;

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
        sid: String,
        caller: Caller,
    },
    Turn {
        sid: String,
        message: Box<Message>,
    },
    Close {
        caller: Caller,
        session: Box<Session>,
        instance: String,
    },
    Logged {
        sid: String,
        caller: Caller,
    },
    /// Nothing: answered when all before it is written.
    Barrier,
}

struct Queued {
    op: Op,
    since: Instant,
    ack: Option<oneshot::Sender<()>>,
}

/// The queue's handle. What is in the queue when it is dropped is still written, as long as the runtime goes on.
pub(super) struct Writer {
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
        tokio::spawn(run(database, ops, Arc::clone(&degraded), wake));
        Self { queue, degraded }
    }

    pub(super) fn push(&self, op: Op, ack: Option<oneshot::Sender<()>>) {
        // The task ends only with the runtime, and then nobody is left to be told.
        let _ = self.queue.send(Queued { op, since: Instant::now(), ack });
    }

    /// Waits until all that was pushed before is written, but no longer than `limit`.
    pub(super) async fn flushed(&self, limit: Duration) {
        let (ack, acked) = oneshot::channel();
        self.push(Op::Barrier, Some(ack));
        let _ = tokio::time::timeout(limit, acked).await;
    }

    pub(super) fn is_degraded(&self) -> bool {
        self.degraded.load(Ordering::Relaxed)
    }
}

async fn run(
    database: Arc<Database>,
    mut ops: mpsc::UnboundedReceiver<Queued>,
    degraded: Arc<AtomicBool>,
    wake: Arc<Notify>,
) {
    let mut batch = Vec::new();
    while ops.recv_many(&mut batch, BATCH).await > 0 {
        let (work, acks): (Vec<Op>, Vec<_>) =
            batch.drain(..).map(|Queued { op, since, ack }| (op, (since, ack))).unzip();
        let closes = work.iter().any(|op| matches!(op, Op::Close { .. }));
        let work = Arc::new(work);
        write(&database, &work, &degraded).await;
        for (since, ack) in acks {
            metrics::histogram!("redial_journal_seconds").record(since.elapsed().as_secs_f64());
            // Whoever asked may have stopped waiting.
            let _ = ack.map(|ack| ack.send(()));
        }
        for op in work.iter() {
            if let Op::Turn { sid, message } = op {
                debug!(call.sid = sid, turn = message.turn.id.0, "turn kept");
            }
        }
        if closes {
            wake.notify_one();
        }
    }
}

/// Writes until it is written.
async fn write(database: &Database, work: &Arc<Vec<Op>>, degraded: &AtomicBool) {
    let mut said: Option<Instant> = None;
    loop {
        let ops = Arc::clone(work);
        let written = database.ask(WITHIN, move |rows| ops.iter().try_for_each(|op| apply(rows, op))).await;
        match written {
            Ok(()) => {
                if degraded.swap(false, Ordering::Relaxed) {
                    metrics::gauge!("redial_journal_degraded").set(0.0);
                    warn!("the disk takes the journal again; nothing is missing");
                }
                return;
            }
            Err(failure) => {
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
        }
    }
}

fn apply(rows: &Rows<'_>, op: &Op) -> Result<(), MemoryError> {
    match op {
        Op::Begin { call, instance } => journal::begin(rows, call, instance),
        Op::Found { sid, caller } => journal::found(rows, sid, caller),
        Op::Logged { sid, caller } => journal::logged(rows, sid, caller),
        Op::Turn { sid, message } => journal::turn(rows, sid, message),
        Op::Close { caller, session, instance } => journal::close(rows, caller, session, instance),
        Op::Barrier => Ok(()),
    }
}
