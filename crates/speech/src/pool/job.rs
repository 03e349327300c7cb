//! Work on its way through the pool: what runs, what it may ask its thread for, and what its giver waits for.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use redial_provider::ProviderError;
use tokio::sync::oneshot;

use super::priority::Priority;

/// Work handed to a `WorkerPool`: a future of its result.
///
/// # Cancel safety
/// Dropping it cancels the work.
pub struct Job<T>(pub(super) oneshot::Receiver<Result<T, Panicked>>);

impl<T> Future for Job<T> {
    type Output = Result<T, ProviderError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx).map(|outcome| match outcome {
            Ok(Ok(result)) => Ok(result),
            Ok(Err(panicked)) => Err(ProviderError::Other(panicked.into())),
            Err(_) => Err(ProviderError::Other("the worker threads have been stopped".into())),
        })
    }
}

/// What running work may ask its thread for.
pub struct Worker<'a> {
    rten: &'a OnceLock<Arc<rten::ThreadPool>>,
    cancelled: &'a (dyn Fn() -> bool + Sync),
    priority: Priority,
    pressed: &'a AtomicBool,
    /// Once seen, it stays: what was broken off half done must not pass for whole when the hurry is over.
    was_cancelled: AtomicBool,
}

impl Worker<'_> {
    /// Whether nobody waits for the result any more, or, of a partial, whether more urgent work waits for the thread. Once true,
    /// it stays so.
    pub fn is_cancelled(&self) -> bool {
        if !self.was_cancelled.load(Ordering::Relaxed) && (self.cancelled)() {
            self.was_cancelled.store(true, Ordering::Relaxed);
        }
        self.was_cancelled.load(Ordering::Relaxed)
    }

    /// Whether there is time for more than the work needs: it is no partial, and nothing that is none waits for a thread.
    pub fn has_time(&self) -> bool {
        self.priority != Priority::Partial && !self.pressed.load(Ordering::Relaxed)
    }

    /// This worker's own inference thread. One is enough: calls run beside each other, not each on all cores.
    pub fn rten(&self) -> &Arc<rten::ThreadPool> {
        self.rten.get_or_init(|| Arc::new(rten::ThreadPool::with_num_threads(1)))
    }
}

/// The work itself failed; its thread goes on.
#[derive(Debug, thiserror::Error)]
#[error("a worker panicked: {0}")]
pub(super) struct Panicked(String);

pub(super) trait Task: Send {
    fn is_cancelled(&self) -> bool;
    fn run(self: Box<Self>, rten: &OnceLock<Arc<rten::ThreadPool>>, pressed: &AtomicBool);
}

pub(super) struct Pending<T, F> {
    pub(super) work: F,
    pub(super) result: oneshot::Sender<Result<T, Panicked>>,
    pub(super) priority: Priority,
}

impl<T, F> Task for Pending<T, F>
where
    T: Send,
    F: FnOnce(&Worker<'_>) -> T + Send,
{
    fn is_cancelled(&self) -> bool {
        self.result.is_closed()
    }

    fn run(self: Box<Self>, rten: &OnceLock<Arc<rten::ThreadPool>>, pressed: &AtomicBool) {
        let Self { work, result, priority } = *self;
        if result.is_closed() {
            return;
        }
        let gives_way = || priority == Priority::Partial && pressed.load(Ordering::Relaxed);
        let cancelled = || result.is_closed() || gives_way();
        let was_cancelled = AtomicBool::new(false);
        let worker = Worker { rten, cancelled: &cancelled, priority, pressed, was_cancelled };
        // Work that panics costs one call an answer, not all of them a thread.
        let outcome = catch_unwind(AssertUnwindSafe(|| work(&worker)));
        // Nobody waits any more: then the result is of no use either.
        let _ = result.send(outcome.map_err(|payload| Panicked(message(&*payload))));
    }
}

fn message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("no message").to_owned()
}
