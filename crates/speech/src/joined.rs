//! The result of a thread that loads a model beside others.

use std::thread::ScopedJoinHandle;

/// Waits for the thread. Its panic goes on here.
pub(crate) fn joined<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
