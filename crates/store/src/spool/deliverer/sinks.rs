//! Where entries go.

use std::sync::Arc;

use redial_identity::UserId;
use redial_memory::consent::ConsentMode;
use redial_memory::summarizer::Summarizer;

use crate::archive::Archive;
use crate::directory::Memory;
use crate::mirror::Mirror;

/// Where entries go.
#[derive(Clone)]
pub struct Sinks {
    /// Sessions and erasures.
    pub store: Arc<dyn Memory>,
    /// Told when a call is over for good.
    pub mirror: Option<Arc<dyn Mirror>>,
    /// Offered each session once; `None`: there is none.
    pub archive: Option<Arc<dyn Archive>>,
    /// Improves what the rules remember of a call; `None`: the rules are all.
    pub summarizer: Option<Arc<dyn Summarizer>>,
    /// How callers agree to being remembered.
    pub consent: ConsentMode,
    /// The calls of this process.
    pub live: Arc<dyn LiveCalls>,
}

impl Sinks {
    /// A store and nothing beside it, with callers who agree by going on.
    pub fn only(store: Arc<dyn Memory>, live: Arc<dyn LiveCalls>) -> Self {
        Self { store, mirror: None, archive: None, summarizer: None, consent: ConsentMode::Announce, live }
    }
}

/// The calls of this process, as far as an erasure concerns them.
pub trait LiveCalls: Send + Sync {
    /// Whose calls are live.
    fn users(&self) -> Vec<UserId>;
    /// Keeps nothing of this user's live calls.
    fn forget(&self, user: &UserId);
}
