//! The threads on which nets and voices run, so that no task that reads a socket ever waits for one.
//!
//! Work is of three priorities. A caller waits for the words of an utterance, so these come first; a verdict on a pause and a
//! partial take what is left.

mod load;

use std::any::Any;
use std::collections::VecDeque;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll};
use std::time::Instant;
use std::{io, thread};

use redial_call::Load;
use redial_provider::ProviderError;
use redial_supervision::{Condition, Part, keep_going};
use tokio::sync::oneshot;

use self::load::Meter;

/// Jobs that may wait for each thread. Recognising 4 s of speech takes some 100 to 200 ms on one thread of a server, so
/// a job that enters last waits about a second; an answer later than that is of no use to a conversation.
const WAITING_PER_THREAD: usize = 8;

/// How urgent a job is; the most urgent comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// A caller waits for it: the words of an utterance, or our own voice.
    Final,
    /// Shortens a wait: the verdict on a pause. All threads but one may be busy with these, as they cannot be broken off.
    Turn,
    /// Nice to have: words while the caller still speaks. Taken only by a thread that idles, and broken off
    /// ([`Worker::is_cancelled`]) when something more urgent waits.
    Partial,
}

impl Priority {
    const ALL: [Self; 3] = [Self::Final, Self::Turn, Self::Partial];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Final => "final",
            Self::Turn => "turn",
            Self::Partial => "partial",
        }
    }
}

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
        let turns = threads.saturating_sub(1).max(1);
        let queue = Mutex::new(Queue { idle: threads, ..Queue::default() });
        let shared = Shared {
            queue,
            changed: Condvar::new(),
            pressed: AtomicBool::new(false),
            threads,
            capacity,
            turns,
            measured,
        };
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
struct Panicked(String);

struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
    /// More urgent work than a partial waits, and no thread is free for it. Asked between two steps of a decoder, so
    /// without the lock.
    pressed: AtomicBool,
    threads: usize,
    /// Jobs of each priority that may wait.
    capacity: usize,
    /// Threads that may work on [`Priority::Turn`] at a time.
    turns: usize,
    measured: bool,
}

#[derive(Default)]
struct Queue {
    /// By priority.
    waiting: [VecDeque<Waiting>; Priority::ALL.len()],
    /// Threads without work, among them those that were woken for what waits.
    idle: usize,
    /// Threads that work on [`Priority::Turn`].
    turns: usize,
    meter: Meter,
    closed: bool,
}

struct Waiting {
    task: Box<dyn Task>,
    since: Instant,
}

impl Queue {
    fn load(&mut self, now: Instant) -> Load {
        let oldest = self.waiting[Priority::Final as usize].iter().find(|waiting| !waiting.task.is_cancelled());
        let oldest = oldest.map(|waiting| now.duration_since(waiting.since));
        self.meter.load(now, oldest)
    }

    fn forget_cancelled(&mut self) {
        for waiting in &mut self.waiting {
            waiting.retain(|waiting| !waiting.task.is_cancelled());
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        // What may panic under this lock is the drop of work that nobody wants; it was taken out of the queue before.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn has_room(&self, queue: &mut Queue, priority: Priority) -> bool {
        if priority == Priority::Partial {
            queue.forget_cancelled();
            let waiting: usize = queue.waiting.iter().map(VecDeque::len).sum();
            return waiting < queue.idle && queue.load(Instant::now()) == Load::Ample;
        }
        if queue.waiting[priority as usize].len() >= self.capacity {
            queue.forget_cancelled();
        }
        queue.waiting[priority as usize].len() < self.capacity
    }

    /// Tells running partials whether they have to give way.
    fn weigh(&self, queue: &Queue) {
        let turns = queue.waiting[Priority::Turn as usize].len().min(self.turns - queue.turns);
        let urgent = queue.waiting[Priority::Final as usize].len() + turns;
        self.pressed.store(urgent > queue.idle, Ordering::Relaxed);
    }

    fn work(&self) {
        let rten = OnceLock::new();
        while let Some((priority, task)) = self.next() {
            let _busy = Busy { shared: self, priority };
            task.run(&rten, &self.pressed);
        }
    }

    /// Waits for the next task; `None` when the pool is gone.
    fn next(&self) -> Option<(Priority, Box<dyn Task>)> {
        let mut queue = self.lock();
        loop {
            if queue.closed {
                return None;
            }
            if let Some((priority, Waiting { task, since })) = self.take(&mut queue) {
                queue.idle -= 1;
                queue.turns += usize::from(priority == Priority::Turn);
                let now = Instant::now();
                let waited = now.duration_since(since);
                if priority == Priority::Final {
                    queue.meter.began(now, waited);
                }
                self.weigh(&queue);
                drop(queue);
                if self.measured {
                    metrics::histogram!("redial_speech_wait_seconds", "priority" => priority.as_str())
                        .record(waited.as_secs_f64());
                }
                return Some((priority, task));
            }
            self.weigh(&queue);
            queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The most urgent task that a free thread may begin.
    fn take(&self, queue: &mut Queue) -> Option<(Priority, Waiting)> {
        Priority::ALL.into_iter().find_map(|priority| {
            if priority == Priority::Turn && queue.turns >= self.turns {
                return None;
            }
            // Not those whose result nobody wants: how long they waited means nothing.
            let waiting = &mut queue.waiting[priority as usize];
            std::iter::from_fn(|| waiting.pop_front())
                .find(|waiting| !waiting.task.is_cancelled())
                .map(|task| (priority, task))
        })
    }
}

/// A thread that has work. Dropped, however the work has ended, it is idle again.
struct Busy<'a> {
    shared: &'a Shared,
    priority: Priority,
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        let mut queue = self.shared.lock();
        queue.idle += 1;
        if self.priority == Priority::Turn {
            queue.turns -= 1;
        }
    }
}

trait Task: Send {
    fn is_cancelled(&self) -> bool;
    fn run(self: Box<Self>, rten: &OnceLock<Arc<rten::ThreadPool>>, pressed: &AtomicBool);
}

struct Pending<T, F> {
    work: F,
    result: oneshot::Sender<Result<T, Panicked>>,
    priority: Priority,
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

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

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
    async fn only_work_that_nobody_presses_has_time() {
        let pool = WorkerPool::new(1, 1).unwrap();
        assert!(pool.submit(|worker| worker.has_time()).unwrap().await.unwrap());
        let (begun, begins) = mpsc::channel();
        let (go_on, goes_on) = mpsc::channel();
        let pressed = pool.submit(move |worker| {
            begun.send(()).unwrap();
            goes_on.recv().unwrap();
            worker.has_time()
        });
        begins.recv().unwrap();
        let next = pool.submit(|_| ()).unwrap();
        go_on.send(()).unwrap();
        assert!(!pressed.unwrap().await.unwrap());
        next.await.unwrap();
        while !pool.is_idle() {
            tokio::task::yield_now().await;
        }
        assert!(!pool.submit_as(Priority::Partial, |worker| worker.has_time()).unwrap().await.unwrap());
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
        ends.recv_timeout(Duration::from_secs(10)).unwrap();
    }

    /// Something that a job holds.
    struct Falls(mpsc::Sender<()>);

    impl Drop for Falls {
        fn drop(&mut self) {
            self.0.send(()).unwrap();
            panic!("what a job holds breaks as it is dropped, as the test wants it");
        }
    }

    #[tokio::test]
    async fn a_thread_that_dies_beside_its_work_does_the_next() {
        let (pool, release, first) = busy(4);
        let (fallen, falls) = mpsc::channel();
        let held = Falls(fallen);
        drop(pool.submit(move |_| drop(held)).unwrap());
        let third = pool.submit(|_| 3).unwrap();
        drop(release);
        first.await.unwrap();
        assert_eq!(
            tokio::time::timeout(Duration::from_secs(30), third).await.expect("nobody works any more").unwrap(),
            3
        );
        falls.try_recv().expect("the thread has not died");
        while !pool.is_idle() {
            tokio::task::yield_now().await;
        }
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

    #[tokio::test]
    async fn the_most_urgent_job_comes_first() {
        let (pool, release, first) = busy(4);
        let (began, begins) = mpsc::channel();
        let jobs = [Priority::Turn, Priority::Final, Priority::Turn, Priority::Final].map(|priority| {
            let began = began.clone();
            pool.submit_as(priority, move |_| began.send(priority).unwrap()).unwrap()
        });
        drop(release);
        first.await.unwrap();
        for job in jobs {
            job.await.unwrap();
        }
        drop(began);
        let order: Vec<Priority> = begins.iter().collect();
        assert_eq!(order, [Priority::Final, Priority::Final, Priority::Turn, Priority::Turn]);
    }

    #[tokio::test]
    async fn each_priority_has_a_queue_of_its_own() {
        let (pool, _release, _first) = busy(1);
        let _turn = pool.submit_as(Priority::Turn, |_| ()).unwrap();
        assert!(matches!(pool.submit_as(Priority::Turn, |_| ()), Err(ProviderError::Overloaded)));
        let _final = pool.submit(|_| ()).unwrap();
    }

    #[tokio::test]
    async fn a_partial_needs_a_thread_that_idles() {
        let (pool, release, first) = busy(4);
        assert!(matches!(pool.submit_as(Priority::Partial, |_| ()), Err(ProviderError::Overloaded)));
        drop(release);
        first.await.unwrap();
        // The thread hands the result over before it is back.
        let partial = loop {
            if let Ok(partial) = pool.submit_as(Priority::Partial, |_| 1) {
                break partial;
            }
            thread::yield_now();
        };
        assert_eq!(partial.await.unwrap(), 1);
    }

    #[tokio::test]
    async fn a_running_partial_gives_way_to_a_final_and_knows_it() {
        let pool = WorkerPool::new(1, 4).unwrap();
        let (begun, begins) = mpsc::channel();
        let partial = pool.submit_as(Priority::Partial, move |worker| {
            begun.send(()).unwrap();
            let since = Instant::now();
            while !worker.is_cancelled() && since.elapsed() < Duration::from_secs(10) {
                thread::yield_now();
            }
            worker.is_cancelled()
        });
        let partial = partial.unwrap();
        begins.recv().unwrap();
        assert!(!pool.submit(|worker| worker.is_cancelled()).unwrap().await.unwrap());
        assert!(partial.await.unwrap(), "it saw that it was broken off");
    }

    #[tokio::test]
    async fn verdicts_leave_a_thread_for_finals() {
        let pool = WorkerPool::new(2, 4).unwrap();
        let (release, released) = mpsc::channel::<()>();
        let released = Arc::new(Mutex::new(released));
        let turns: Vec<Job<()>> = (0..2)
            .map(|_| {
                let released = Arc::clone(&released);
                let wait = move |_: &Worker<'_>| {
                    let _ = released.lock().unwrap().recv();
                };
                pool.submit_as(Priority::Turn, wait).unwrap()
            })
            .collect();
        assert_eq!(pool.submit(|_| 1).unwrap().await.unwrap(), 1);
        drop(release);
        for turn in turns {
            turn.await.unwrap();
        }
    }

    #[tokio::test]
    async fn finals_that_wait_are_a_load_and_partials_are_refused() {
        let pool = WorkerPool::new(2, 16).unwrap();
        assert_eq!(pool.load(), Load::Ample);
        let slow: Vec<_> =
            (0..16).map(|_| pool.submit(|_| thread::sleep(Duration::from_millis(60))).unwrap()).collect();
        for job in slow {
            job.await.unwrap();
        }
        assert!(pool.load() > Load::Ample);
        assert!(matches!(pool.submit_as(Priority::Partial, |_| ()), Err(ProviderError::Overloaded)));
    }
}
