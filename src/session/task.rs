//! A task whose result is taken once.

use std::future::pending;

use tokio::task::JoinHandle;

/// A task's result; never again after it was taken. `None`: it panicked.
pub(super) async fn finished<T>(task: &mut Option<JoinHandle<T>>) -> Option<T> {
    match task {
        Some(handle) => {
            let result = handle.await;
            *task = None;
            result.ok()
        }
        None => pending().await,
    }
}
