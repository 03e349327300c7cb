//! Sessions that the disk does not take, on their way to the store.

use redial_identity::Caller;
use redial_memory::model::SessionDoc;
use tokio::sync::{Mutex, MutexGuard, mpsc, oneshot};

/// A session that goes to the store at once.
pub(super) struct Finished {
    pub(super) caller: Caller,
    pub(super) session: SessionDoc,
    /// Told when the store has it.
    pub(super) stored: oneshot::Sender<()>,
}

/// The queue between whoever ends a call and the deliverer. Unbounded, as the calls are whose sessions wait for the disk:
/// each is in it once.
pub(super) struct DiskBypass {
    sender: mpsc::UnboundedSender<Finished>,
    queue: Mutex<mpsc::UnboundedReceiver<Finished>>,
}

impl DiskBypass {
    pub(super) fn new() -> Self {
        let (sender, queue) = mpsc::unbounded_channel();
        Self { sender, queue: Mutex::new(queue) }
    }

    /// Queues a session. The answer comes when the store has it, and fails when the store refuses it.
    pub(super) fn send(&self, caller: Caller, session: SessionDoc) -> oneshot::Receiver<()> {
        let (stored, answer) = oneshot::channel();
        // The other end is held by `self`.
        let _ = self.sender.send(Finished { caller, session, stored });
        answer
    }

    /// What was queued, for the one who delivers it.
    pub(super) async fn queue(&self) -> MutexGuard<'_, mpsc::UnboundedReceiver<Finished>> {
        self.queue.lock().await
    }
}
