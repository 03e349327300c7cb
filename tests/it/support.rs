//! What the tests start: a gateway in this process, a real Redis, a hand on the wire.

pub(crate) mod cluster;
pub(crate) mod described;
pub(crate) mod disk;
pub(crate) mod gateway;
pub(crate) mod http;
pub(crate) mod line;
pub(crate) mod meaning;
pub(crate) mod metrics;
pub(crate) mod ports;
pub(crate) mod process;
pub(crate) mod programs;
pub(crate) mod proxy;
pub(crate) mod redis;
pub(crate) mod sentinel;
pub(crate) mod toy_redis;

use redial_identity::UserId;
use redial_memory::session_id::SessionId;
use redial_store::directory::Directory;

/// The sessions in a user's index, newest first.
pub(crate) async fn indexed(store: &(impl Directory + ?Sized), user: &UserId) -> Vec<SessionId> {
    store.user(user).await.unwrap().map(|entry| entry.sessions).unwrap_or_default()
}
