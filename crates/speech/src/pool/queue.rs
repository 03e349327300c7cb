//! What waits for a thread, and what a thread takes next.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use redial_call::Load;

use super::job::Task;
use super::load::Meter;
use super::priority::Priority;

/// What the threads and those who give them work share.
pub(super) struct Shared {
    queue: Mutex<Queue>,
    pub(super) changed: Condvar,
    /// More urgent work than a partial waits, and no thread is free for it. Asked between two steps of a decoder, so
    /// without the lock.
    pressed: AtomicBool,
    pub(super) threads: usize,
    /// Jobs of each priority that may wait.
    capacity: usize,
    /// Threads that may work on [`Priority::Turn`] at a time.
    turns: usize,
    pub(super) measured: bool,
}

#[derive(Default)]
pub(super) struct Queue {
    /// By priority.
    pub(super) waiting: [VecDeque<Waiting>; Priority::ALL.len()],
    /// Threads without work, among them those that were woken for what waits.
    pub(super) idle: usize,
    /// Threads that work on [`Priority::Turn`].
    turns: usize,
    meter: Meter,
    pub(super) closed: bool,
}

pub(super) struct Waiting {
    pub(super) task: Box<dyn Task>,
    pub(super) since: Instant,
}

impl Queue {
    pub(super) fn load(&mut self, now: Instant) -> Load {
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
    pub(super) fn new(threads: usize, capacity: usize, measured: bool) -> Self {
        let turns = threads.saturating_sub(1).max(1);
        let queue = Mutex::new(Queue { idle: threads, ..Queue::default() });
        Self { queue, changed: Condvar::new(), pressed: AtomicBool::new(false), threads, capacity, turns, measured }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Queue> {
        // What may panic under this lock is the drop of work that nobody wants; it was taken out of the queue before.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn has_room(&self, queue: &mut Queue, priority: Priority) -> bool {
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
    pub(super) fn weigh(&self, queue: &Queue) {
        let turns = queue.waiting[Priority::Turn as usize].len().min(self.turns - queue.turns);
        let urgent = queue.waiting[Priority::Final as usize].len() + turns;
        self.pressed.store(urgent > queue.idle, Ordering::Relaxed);
    }

    pub(super) fn work(&self) {
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
