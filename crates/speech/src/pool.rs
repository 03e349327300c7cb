//! The threads on which nets and voices run, so that no task that reads a socket ever waits for one.
//!
//! Work is of three priorities. A caller waits for the words of an utterance, so these come first; a verdict on a pause and a
//! partial take what is left.

mod job;
mod load;
mod priority;
mod queue;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;
use std::{io, thread};

use redial_call::Load;
use redial_provider::ProviderError;
use redial_supervision::{Condition, Part, keep_going};
use tokio::sync::oneshot;

use self::job::Pending;
pub use self::job::{Job, Worker};
pub use self::priority::Priority;
use self::queue::{Shared, Waiting};

/// Jobs that may wait for each thread. Recognising 4 s of speech takes some 100 to 200 ms on one thread of a server, so
/// a job that enters last waits about a second; an answer later than that is of no use to a conversation.
const WAITING_PER_THREAD: usize = 8;

/// A fixed number of threads and bounded queues before them, one a priority. Dropping it lets running jobs end and forgets those
/// that wait.
pub struct WorkerPool {
    shared: Arc<Shared>,
    /// That of all threads together.
    condition: Condition,
}

impl WorkerPool {
    /// One thread for each core of the machine. How long its jobs wait goes into the metrics; that of other pools does not.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn sized_to_cores() -> io::Result<Self> {
        let threads = thread::available_parallelism().map_or(1, usize::from);
        Self::start(threads, threads * WAITING_PER_THREAD, true)
    }

    /// `threads` threads, and room for `capacity` jobs of each priority that wait for one.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn new(threads: usize, capacity: usize) -> io::Result<Self> {
        Self::start(threads, capacity, false)
    }

    fn start(threads: usize, capacity: usize, measured: bool) -> io::Result<Self> {
        let shared = Shared::new(threads, capacity, measured);
        // Made before the threads: when one cannot be had, dropping the pool ends the others.
        let pool = Self { shared: Arc::new(shared), condition: Condition::of(Part::vital("speech")) };
        for index in 0..threads {
            let (shared, condition) = (Arc::clone(&pool.shared), pool.condition.clone());
            let work = move || keep_going(&condition, || shared.work());
            thread::Builder::new().name(format!("speech-{index}")).spawn(work)?;
        }
        Ok(pool)
    }

    /// [`WorkerPool::submit_as`] with [`Priority::Final`].
    ///
    /// # Errors
    /// [`ProviderError::Overloaded`] when too many of them wait already.
    pub fn submit<T, F>(&self, work: F) -> Result<Job<T>, ProviderError>
    where
        T: Send + 'static,
        F: FnOnce(&Worker<'_>) -> T + Send + 'static,
    {
        self.submit_as(Priority::Final, work)
    }

    /// Runs `work` when a thread is free. Its result is the [`Job`]'s; dropping that cancels the work: at once while it
    /// waits, else as soon as it asks [`Worker::is_cancelled`].
    ///
    /// # Errors
    /// [`ProviderError::Overloaded`] when too many jobs of this priority wait already; for a partial, when no thread idles or the
    /// load is not [`Load::Ample`].
    pub fn submit_as<T, F>(&self, priority: Priority, work: F) -> Result<Job<T>, ProviderError>
    where
        T: Send + 'static,
        F: FnOnce(&Worker<'_>) -> T + Send + 'static,
    {
        let (result, receiver) = oneshot::channel();
        let mut queue = self.shared.lock();
        if !self.shared.has_room(&mut queue, priority) {
            drop(queue);
            if self.shared.measured {
                metrics::counter!("redial_speech_overloaded_total", "priority" => priority.as_str()).increment(1);
            }
            return Err(ProviderError::Overloaded);
        }
        let task = Box::new(Pending { work, result, priority });
        queue.waiting[priority as usize].push_back(Waiting { task, since: Instant::now() });
        self.shared.weigh(&queue);
        drop(queue);
        self.shared.changed.notify_one();
        Ok(Job(receiver))
    }

    /// Whether no thread works and nothing waits for one.
    pub fn is_idle(&self) -> bool {
        let queue = self.shared.lock();
        queue.idle == self.shared.threads && queue.waiting.iter().all(VecDeque::is_empty)
    }

    /// What there is room for, from how long final jobs waited lately. Changes at most every few seconds, except upwards.
    /// Full while the threads keep dying.
    pub fn load(&self) -> Load {
        let load = self.shared.lock().load(Instant::now());
        let load = if self.condition.is_failing() { Load::Full } else { load };
        if self.shared.measured {
            metrics::gauge!("redial_speech_load").set(f64::from(load as u8));
        }
        load
    }
}

impl Drop for WorkerPool {
    fn drop(&mut self) {
        let mut queue = self.shared.lock();
        queue.closed = true;
        queue.waiting.iter_mut().for_each(VecDeque::clear);
        drop(queue);
        self.shared.changed.notify_all();
    }
}

#[cfg(test)]
mod tests;
