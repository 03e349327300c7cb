//! The threads on which nets and voices run, so that no task that reads a socket ever waits for one.

use std::any::Any;
use std::collections::VecDeque;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll};
use std::{io, thread};

use tokio::sync::oneshot;

use super::ProviderError;

/// Jobs that may wait for each thread. Recognising 4 s of speech takes some 100 to 200 ms on one thread of a server, so
/// a job that enters last waits about a second; an answer later than that is of no use to a conversation.
const WAITING_PER_THREAD: usize = 8;

/// A fixed number of threads and a bounded queue before them. Dropping it lets running jobs end and forgets those that wait.
pub struct WorkerPool {
    shared: Arc<Shared>,
}

impl WorkerPool {
    /// One thread for each core of the machine.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn sized_to_cores() -> io::Result<Self> {
        let threads = thread::available_parallelism().map_or(1, usize::from);
        Self::new(threads, threads * WAITING_PER_THREAD)
    }

    /// `threads` threads, and room for `capacity` jobs that wait for one.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn new(threads: usize, capacity: usize) -> io::Result<Self> {
        let queue = Mutex::default();
        // Made before the threads: when one cannot be had, dropping the pool ends the others.
        let pool = Self { shared: Arc::new(Shared { queue, changed: Condvar::new(), capacity }) };
        for index in 0..threads {
            let shared = Arc::clone(&pool.shared);
            thread::Builder::new().name(format!("speech-{index}")).spawn(move || shared.work())?;
        }
        Ok(pool)
    }

    /// Runs `work` when a thread is free. Its result is the [`Job`]'s; dropping that cancels the work: at once while it
    /// waits, else as soon as it asks [`Worker::is_cancelled`].
    ///
    /// # Errors
    /// [`ProviderError::Overloaded`] when too many jobs wait already.
    pub fn submit<T, F>(&self, work: F) -> Result<Job<T>, ProviderError>
    where
        T: Send + 'static,
        F: FnOnce(&Worker<'_>) -> T + Send + 'static,
    {
        let (result, receiver) = oneshot::channel();
        let mut queue = self.shared.lock();
        if queue.waiting.len() >= self.shared.capacity {
            queue.waiting.retain(|task| !task.is_cancelled());
        }
        if queue.waiting.len() >= self.shared.capacity {
            return Err(ProviderError::Overloaded);
        }
        queue.waiting.push_back(Box::new(Pending { work, result }));
        drop(queue);
        self.shared.changed.notify_one();
        Ok(Job(receiver))
    }
}

impl Drop for WorkerPool {
    fn drop(&mut self) {
        let mut queue = self.shared.lock();
        queue.closed = true;
        queue.waiting.clear();
        drop(queue);
        self.shared.changed.notify_all();
    }
}

/// Work handed to a [`WorkerPool`]: a future of its result.
///
/// # Cancel safety
/// Dropping it cancels the work.
pub struct Job<T>(oneshot::Receiver<Result<T, Panicked>>);

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
}

impl Worker<'_> {
    /// Whether nobody waits for the result any more.
    pub fn is_cancelled(&self) -> bool {
        (self.cancelled)()
    }

    /// This worker's own inference thread. One is enough: calls run beside each other, not each on all cores.
    pub fn rten(&self) -> &Arc<rten::ThreadPool> {
        self.rten.get_or_init(|| Arc::new(rten::ThreadPool::with_num_threads(1)))
    }
}

/// The work itself failed; its thread goes on.
#[derive(Debug, thiserror::Error)]
#[error("a worker panicked: {0}")]
struct Panicked(String);

struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
    capacity: usize,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Box<dyn Task>>,
    closed: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        // No code that can panic runs under this lock, so the queue is whole even if it is said to be poisoned.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        let rten = OnceLock::new();
        while let Some(task) = self.next() {
            task.run(&rten);
        }
    }

    /// Waits for the next task; `None` when the pool is gone.
    fn next(&self) -> Option<Box<dyn Task>> {
        let mut queue = self.lock();
        loop {
            if queue.closed {
                return None;
            }
            if let Some(task) = queue.waiting.pop_front() {
                return Some(task);
            }
            queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

trait Task: Send {
    fn is_cancelled(&self) -> bool;
    fn run(self: Box<Self>, rten: &OnceLock<Arc<rten::ThreadPool>>);
}

struct Pending<T, F> {
    work: F,
    result: oneshot::Sender<Result<T, Panicked>>,
}

impl<T, F> Task for Pending<T, F>
where
    T: Send,
    F: FnOnce(&Worker<'_>) -> T + Send,
{
    fn is_cancelled(&self) -> bool {
        self.result.is_closed()
    }

    fn run(self: Box<Self>, rten: &OnceLock<Arc<rten::ThreadPool>>) {
        let Self { work, result } = *self;
        if result.is_closed() {
            return;
        }
        let worker = Worker { rten, cancelled: &|| result.is_closed() };
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

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// A pool of one thread, which is busy until the sender is dropped.
    fn busy(capacity: usize) -> (WorkerPool, mpsc::Sender<()>, Job<()>) {
        let pool = WorkerPool::new(1, capacity).unwrap();
        let (release, released) = mpsc::channel::<()>();
        let (begun, begins) = mpsc::channel();
        let job = pool
            .submit(move |_| {
                begun.send(()).unwrap();
                let _ = released.recv();
            })
            .unwrap();
        begins.recv().unwrap();
        (pool, release, job)
    }

    #[tokio::test]
    async fn results_come_back() {
        let pool = WorkerPool::sized_to_cores().unwrap();
        assert_eq!(pool.submit(|_| 6 * 7).unwrap().await.unwrap(), 42);
    }

    #[tokio::test]
    async fn a_full_queue_refuses_more() {
        let (pool, release, first) = busy(1);
        let second = pool.submit(|_| 2).unwrap();
        assert!(matches!(pool.submit(|_| 3), Err(ProviderError::Overloaded)));
        drop(release);
        first.await.unwrap();
        assert_eq!(second.await.unwrap(), 2);
    }

    #[tokio::test]
    async fn a_cancelled_job_makes_room_and_never_runs() {
        let (pool, release, _first) = busy(1);
        let (ran, runs) = mpsc::channel();
        drop(pool.submit(move |_| ran.send(()).unwrap()).unwrap());
        let third = pool.submit(|_| 3).unwrap();
        drop(release);
        assert_eq!(third.await.unwrap(), 3);
        assert!(runs.recv().is_err());
    }

    #[tokio::test]
    async fn running_work_sees_that_it_is_cancelled() {
        let pool = WorkerPool::new(1, 1).unwrap();
        let (begun, begins) = mpsc::channel();
        let (ended, ends) = mpsc::channel();
        let job = pool
            .submit(move |worker| {
                assert!(!worker.is_cancelled());
                begun.send(()).unwrap();
                while !worker.is_cancelled() {
                    thread::yield_now();
                }
                ended.send(()).unwrap();
            })
            .unwrap();
        begins.recv().unwrap();
        drop(job);
        ends.recv_timeout(std::time::Duration::from_secs(10)).unwrap();
    }

    #[tokio::test]
    async fn a_panic_is_an_error_of_its_own_job_only() {
        let pool = WorkerPool::new(1, 4).unwrap();
        let job = pool.submit(|_| panic!("out of tune")).unwrap();
        let error: Result<(), _> = job.await;
        assert!(matches!(error, Err(ProviderError::Other(source)) if source.to_string().contains("out of tune")));
        assert_eq!(pool.submit(|_| 1).unwrap().await.unwrap(), 1);
    }

    #[tokio::test]
    async fn a_dropped_pool_answers_those_who_wait() {
        let (pool, release, _first) = busy(1);
        let second = pool.submit(|_| 2).unwrap();
        drop(pool);
        assert!(matches!(second.await, Err(ProviderError::Other(_))));
        drop(release);
    }
}
