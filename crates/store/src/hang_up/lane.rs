//! One write at a time for each caller, in the order in which the calls end.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use redial_identity::UserId;

use crate::store::Store;

/// Whose calls, and in which store: its address, as a simulation has several instances in one process.
type Whose = (usize, UserId);

type Lanes = HashMap<Whose, Arc<tokio::sync::Mutex<()>>>;

/// The callers whose calls are being written in this process, no more.
static LANES: LazyLock<Mutex<Lanes>> = LazyLock::new(Mutex::default);

pub(super) fn lanes() -> MutexGuard<'static, Lanes> {
    // The map is whole between any two statements.
    LANES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The queue of one caller's hang-ups. The last one to leave takes it away.
pub(super) struct Lane {
    whose: Whose,
    pub(super) mutex: Arc<tokio::sync::Mutex<()>>,
}

impl Lane {
    pub(super) fn of(store: &dyn Store, user_id: &UserId) -> Self {
        let whose = (std::ptr::from_ref(store).addr(), user_id.clone());
        let mutex = Arc::clone(lanes().entry(whose.clone()).or_default());
        Self { whose, mutex }
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        let mut lanes = lanes();
        // The map's and ours; others are only made and dropped under the map's lock.
        if Arc::strong_count(&self.mutex) == 2 {
            lanes.remove(&self.whose);
        }
    }
}
