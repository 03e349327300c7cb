//! Which server of the store answers.

use tokio::sync::watch;

use crate::store::{ServerId, Store};

/// A server that answers.
#[derive(Debug, Clone)]
pub(super) struct Present {
    pub(super) id: ServerId,
    /// It has just come back, or is seen for the first time: what waits need not wait any longer.
    pub(super) is_back: bool,
}

/// Which server answers.
pub(super) struct Server {
    watch: watch::Receiver<Option<ServerId>>,
    /// Until it has been told to the outbox.
    pub(super) is_back: bool,
    /// Nobody will ever change it: a store without a server.
    ended: bool,
}

impl Server {
    pub(super) fn of(store: &(impl Store + ?Sized)) -> Self {
        Self { watch: store.server(), is_back: true, ended: false }
    }

    pub(super) fn present(&mut self) -> Option<Present> {
        // It may have gone and come back while nobody looked.
        self.is_back |= self.watch.has_changed().unwrap_or(false);
        let id = self.watch.borrow_and_update().clone();
        id.map(|id| Present { id, is_back: self.is_back })
    }

    pub(super) async fn changes(&mut self) {
        if self.ended {
            std::future::pending().await
        }
        match self.watch.changed().await {
            Ok(()) => self.is_back = true,
            Err(_) => self.ended = true,
        }
    }
}
