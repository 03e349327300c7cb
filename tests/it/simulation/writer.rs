//! What takes finished calls over from the gateway: the part of it that the simulation is about.

use std::sync::Arc;

use redial::memory::hang_up::{self, HangUp, Written};
use redial::memory::redis::RedisStore;
use redial::memory::store::MemoryError;

use crate::memory::fold;

/// One life of it: starts with the gateway and is dropped when that crashes.
pub(super) struct Writer {
    store: Arc<RedisStore>,
}

impl Writer {
    pub(super) fn start(store: Arc<RedisStore>) -> Self {
        Self { store }
    }

    /// Takes one call over. Once this returns the call is safe; until then the gateway's next life hands it over again.
    /// Calls of one caller are handed over in the order of their ends.
    pub(super) async fn hang_up(&self, hang_up: HangUp) -> Result<Written, MemoryError> {
        hang_up::write(self.store.as_ref(), hang_up, fold).await
    }
}
