//! The live mirror: what another instance needs to go on with a call whose own one has died.
//!
//! The mirror is beside the call, never in its way: a write that fails is not tried again, and what is missing is missing
//! in the mirror only. What a call leaves for good is the hang-up's business ([`super::hang_up`]).

pub mod feed;

use async_trait::async_trait;
use redial_identity::{PhoneHash, UserId};
use redial_memory::model::Message;
use redial_memory::session_id::SessionId;

use super::store::MemoryError;

/// A call that is going on, and who has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveCall {
    /// The session's id.
    pub session_id: SessionId,
    /// Whose call it is.
    pub user_id: UserId,
    /// Their number's keyed hash; `None` when it is withheld.
    pub hash: Option<PhoneHash>,
    /// When it began, Unix ms.
    pub started_at: u64,
    /// The instance that has it.
    pub instance: String,
    /// What was said before the oldest message that is kept; empty while nothing was left out.
    pub summary: String,
}

/// A call as its mirror shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mirrored {
    /// The call.
    pub call: LiveCall,
    /// The newest messages, oldest first.
    pub messages: Vec<Message>,
    /// How many turns of the call the instance that has it knows, those included whose messages are not kept.
    pub turns: u64,
}

/// Whose call a mirror shows after a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// The call of the instance that wrote, or, when the write failed, nobody knows whose.
    Ours,
    /// That of another instance, and the write changed nothing.
    Others,
}

/// Where calls are mirrored while they live.
#[async_trait]
pub trait Mirror: Send + Sync {
    /// Says who has the call, at its beginning and whenever that changes or the summary does. `newest` are the newest of
    /// the `turns` turns that the instance knows. What this instance mirrored of it before stays. What another one has
    /// mirrored is replaced by these in the same step, unless it is more than `turns`: then nothing changes, and the answer
    /// is [`Shown::Others`]. Best effort: a failure is logged.
    async fn begin(&self, call: &LiveCall, newest: &[Message], turns: u64) -> Shown;

    /// Adds a turn of the call that `instance` has. `turns` counts the call's turns, this one included, so that one that
    /// comes twice is there once; the later version stays. Best effort: a failure is logged. A turn of a call that has not
    /// begun here, has ended, was erased, or is another instance's by now is not kept.
    async fn turn(&self, session_id: &SessionId, instance: &str, message: &Message, turns: u64) -> Shown;

    /// Reads a call; `None` when it is not mirrored.
    ///
    /// # Errors
    /// [`MemoryError::Unavailable`] when the mirror cannot be reached, [`MemoryError::WrongShape`] when something else is
    /// stored in its place.
    async fn load(&self, session_id: &SessionId) -> Result<Option<Mirrored>, MemoryError>;

    /// Forgets the call that `instance` had: it is over, and its hang-up is written. One that goes on with another
    /// instance stays. Best effort: a failure is logged, and what is left expires.
    async fn end(&self, session_id: &SessionId, instance: &str);

    /// Says that this side has ended the call, so that whichever instance the carrier asks next says no more in it. Known for
    /// ten minutes, also when nothing else of the call is kept. Best effort: a failure is logged.
    async fn over(&self, _session_id: &SessionId) {}

    /// Whether this side, be it another instance, has ended the call within the last minutes.
    ///
    /// # Errors
    /// As for [`Mirror::load`].
    async fn is_over(&self, _session_id: &SessionId) -> Result<bool, MemoryError> {
        Ok(false)
    }

    /// Takes the one-time token of this id for all instances. False: another stream has taken it.
    ///
    /// # Errors
    /// As for [`Mirror::load`].
    async fn take_token(&self, _id: &str) -> Result<bool, MemoryError> {
        Ok(true)
    }
}
