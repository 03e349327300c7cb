//! Who starts parts, and starts them again when they end.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use tokio::sync::oneshot;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

use crate::part::{Condition, Part};

/// The owner of parts. One that returns or panics before it was told to stop is started again, after a pause that grows,
/// and counted; which vital ones do not stay up is known here. Dropping the owner tells all of them to stop.
#[derive(Debug, Default)]
pub struct Supervisor {
    stop: CancellationToken,
    tasks: TaskTracker,
    conditions: Mutex<Vec<Condition>>,
}

impl Supervisor {
    /// What its parts are told to stop by.
    pub const fn stop(&self) -> &CancellationToken {
        &self.stop
    }

    /// The tasks that [`Supervisor::stopped`] waits for. Short ones may be added: nobody starts those again.
    pub const fn tasks(&self) -> &TaskTracker {
        &self.tasks
    }

    /// Runs what `start` makes, as a task of its own, until it is stopped. Must be called on a tokio runtime.
    pub fn keep<F>(&self, part: Part, mut start: impl FnMut(CancellationToken) -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.keep_up(part, move |stop| {
            let task = start(stop);
            async move {
                task.await;
                Ok(())
            }
        });
    }

    /// Runs `work` on a thread of its own until it is stopped. Must be called on a tokio runtime, which outlives it.
    pub fn keep_thread(&self, part: Part, work: impl Fn(CancellationToken) + Send + Sync + 'static) {
        let (work, name) = (Arc::new(work), part.name());
        self.keep_up(part, move |stop| {
            let (done, ended) = oneshot::channel();
            let work = Arc::clone(&work);
            let run = move || {
                let result = catch_unwind(AssertUnwindSafe(|| work(stop))).map_err(|panic| message(panic.as_ref()));
                // Nobody is left to be told when the runtime has ended.
                let _ = done.send(result);
            };
            let started = thread::Builder::new().name(name.to_owned()).spawn(run);
            async move {
                started.map_err(|error| format!("no thread can be had: {error}"))?;
                ended.await.unwrap_or_else(|_| Err("its thread is gone".to_owned()))
            }
        });
    }

    /// The vital parts that do not stay up. While there are any, no calls should be taken.
    pub fn failing(&self) -> Vec<&'static str> {
        self.lock().iter().filter(|condition| condition.is_failing()).map(|condition| condition.part().name()).collect()
    }

    /// Waits until all parts, and all other tasks here, have ended. They do once [`Supervisor::stop`] is cancelled.
    pub async fn stopped(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }

    fn keep_up<F>(&self, part: Part, mut start: impl FnMut(CancellationToken) -> F + Send + 'static)
    where
        F: Future<Output = Result<(), String>> + Send + 'static,
    {
        let (condition, stop) = (self.condition(part), self.stop.clone());
        self.tasks.spawn(async move {
            loop {
                condition.started();
                // A task of its own: a panic in it ends it alone.
                let ended = AbortOnDropHandle::new(tokio::spawn(start(stop.clone()))).await;
                if stop.is_cancelled() {
                    return;
                }
                let died_of = match ended {
                    Ok(Ok(())) => "it returned though nobody had stopped it".to_owned(),
                    Ok(Err(why)) => why,
                    Err(error) if error.is_cancelled() => return, // the runtime ends
                    Err(error) => error.to_string(),
                };
                let pause = condition.died(&died_of);
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = sleep(pause) => (),
                }
            }
        });
    }

    fn condition(&self, part: Part) -> Condition {
        let condition = Condition::of(part);
        self.lock().push(condition.clone());
        condition
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Condition>> {
        // It only grows.
        self.conditions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Runs `work` on this thread until it returns; one that panics is run again, after a pause that grows, and counted. What
/// `work` uses must be whole wherever it may panic.
pub fn keep_going(condition: &Condition, mut work: impl FnMut()) {
    loop {
        condition.started();
        match catch_unwind(AssertUnwindSafe(&mut work)) {
            Ok(()) => return,
            Err(panic) => thread::sleep(condition.died(&message(panic.as_ref()))),
        }
    }
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("it panicked: {}", text.unwrap_or("without a text"))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Duration;

    use tokio::sync::Notify;
    use tokio::time::{Instant, advance, timeout};

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    /// Dies at its first starts, as often as it is told, and then runs until it is stopped.
    struct Weak {
        deaths: u32,
        starts: AtomicU32,
        runs: Notify,
    }

    impl Weak {
        fn new(deaths: u32) -> Arc<Self> {
            Arc::new(Self { deaths, starts: AtomicU32::new(0), runs: Notify::new() })
        }

        /// True when it is to go on.
        fn begins(&self) -> bool {
            let goes_on = self.starts.fetch_add(1, Ordering::SeqCst) >= self.deaths;
            if goes_on {
                self.runs.notify_one();
            }
            goes_on
        }

        fn starts(&self) -> u32 {
            self.starts.load(Ordering::SeqCst)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_returns_or_panics_is_started_again_until_it_is_stopped() {
        for panics in [false, true] {
            let (supervisor, weak) = (Supervisor::default(), Weak::new(2));
            let task = Arc::clone(&weak);
            supervisor.keep(Part::vital("weak"), move |stop| {
                let task = Arc::clone(&task);
                async move {
                    if task.begins() {
                        stop.cancelled().await;
                    } else {
                        assert!(!panics, "a task dies, as the test wants it");
                    }
                }
            });
            timeout(LONG, weak.runs.notified()).await.expect("it is not started again");
            assert!(supervisor.failing().is_empty());
            supervisor.stop().cancel();
            timeout(LONG, supervisor.stopped()).await.expect("it does not stop");
            assert_eq!(weak.starts(), 3);
        }
    }

    #[tokio::test]
    async fn a_thread_that_returns_or_panics_is_started_again_until_it_is_stopped() {
        for panics in [false, true] {
            let (supervisor, weak) = (Supervisor::default(), Weak::new(2));
            let (thread, runtime) = (Arc::clone(&weak), tokio::runtime::Handle::current());
            supervisor.keep_thread(Part::vital("weak"), move |stop| {
                if thread.begins() {
                    runtime.block_on(stop.cancelled());
                } else {
                    assert!(!panics, "a thread dies, as the test wants it");
                }
            });
            timeout(LONG, weak.runs.notified()).await.expect("it is not started again");
            supervisor.stop().cancel();
            timeout(LONG, supervisor.stopped()).await.expect("it does not stop");
            assert_eq!(weak.starts(), 3);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_vital_part_that_does_not_stay_up_is_named_until_it_has_run_for_a_while() {
        let (supervisor, weak) = (Supervisor::default(), Weak::new(4));
        let task = Arc::clone(&weak);
        let start = move |stop: CancellationToken| {
            let task = Arc::clone(&task);
            async move {
                if task.begins() {
                    stop.cancelled().await;
                }
            }
        };
        supervisor.keep(Part::vital("weak"), start.clone());
        timeout(LONG, weak.runs.notified()).await.expect("it is not started again");
        assert_eq!(supervisor.failing(), ["weak"]);
        advance(Duration::from_secs(10)).await;
        assert!(supervisor.failing().is_empty());

        let supervisor = Supervisor::default();
        let (helpful, task) = (Weak::new(4), Arc::new(AtomicU32::new(0)));
        let (of_task, helpers) = (Arc::clone(&task), Arc::clone(&helpful));
        supervisor.keep(Part::helpful("helper"), move |stop| {
            of_task.fetch_add(1, Ordering::SeqCst);
            let helpers = Arc::clone(&helpers);
            async move {
                if helpers.begins() {
                    stop.cancelled().await;
                }
            }
        });
        timeout(LONG, helpful.runs.notified()).await.expect("it is not started again");
        assert_eq!(task.load(Ordering::SeqCst), 5);
        assert!(supervisor.failing().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn the_pauses_grow_and_are_short_again_once_the_part_was_well() {
        let (supervisor, starts) = (Supervisor::default(), Arc::new(Mutex::new(Vec::new())));
        let noted = Arc::clone(&starts);
        supervisor.keep(Part::vital("weak"), move |_| {
            let count = {
                let mut noted = noted.lock().unwrap();
                noted.push(Instant::now());
                noted.len()
            };
            // The eighth one is well for a while.
            async move { sleep(if count == 8 { Duration::from_secs(10) } else { Duration::ZERO }).await }
        });
        sleep(Duration::from_secs(30)).await;
        let starts = starts.lock().unwrap().clone();
        let pauses: Vec<Duration> = starts.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(pauses[0] <= Duration::from_millis(25) && pauses[6] > Duration::from_millis(600), "{pauses:?}");
        assert!(pauses[7] - Duration::from_secs(10) <= Duration::from_millis(25), "{pauses:?}");
    }

    #[test]
    fn work_that_panics_is_run_again_on_its_thread_until_it_returns() {
        let condition = Condition::of(Part::vital("work"));
        let mut runs = 0;
        keep_going(&condition, || {
            runs += 1;
            assert!(runs > 3, "work dies, as the test wants it");
        });
        assert_eq!(runs, 4);
        assert!(condition.is_failing());
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_drops_the_supervisor_stops_its_parts() {
        let ended = Arc::new(Notify::new());
        let supervisor = Supervisor::default();
        let noted = Arc::clone(&ended);
        supervisor.keep(Part::vital("task"), move |stop| {
            let noted = Arc::clone(&noted);
            async move {
                stop.cancelled().await;
                noted.notify_one();
            }
        });
        tokio::task::yield_now().await;
        drop(supervisor);
        timeout(LONG, ended.notified()).await.expect("it does not stop");
    }
}
