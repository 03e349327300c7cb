//! Writing a finished call: in order for each caller, merged with what others wrote, and until it is written.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tracing::{error, warn};

use super::model::{Profile, Session};
use super::store::{Commit, MemoryError, Outcome, Store};
use crate::identity::{Caller, UserId};

/// A finished call.
#[derive(Debug, Clone)]
pub struct HangUp {
    /// Whose call, with the user id that [`Store::begin_call`] answered, or the derived one when it was not reached.
    pub caller: Caller,
    /// The session to write; its `user_id` is the caller's.
    pub session: Session,
    /// Revision and profile as the call began; `None` when the store was not reached.
    pub base: Option<(u64, Profile)>,
}

/// How a finished call was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// Session and profile are stored.
    Applied {
        /// The profile's new revision.
        revision: u64,
    },
    /// They were already.
    Duplicate,
    /// A longer copy of the call is stored.
    Stale,
    /// The caller was erased in the meantime; nothing is kept.
    Erased,
}

/// Writes a finished call and what `fold` makes of the profile with it.
///
/// One write at a time for each caller, in the order of the calls to this function. A profile that has moved on is
/// folded again, so `fold` may run several times; a store that is not reachable is tried again, without end, after
/// 20 ms to 10 s: whoever waits for this bounds it by the shutdown.
///
/// # Errors
/// What trying again would not help. It is logged here.
///
/// # Cancel safety
/// Dropped, this write may be lost or half-way, never another one; writing it again is harmless.
pub async fn write(
    store: &dyn Store,
    hang_up: HangUp,
    fold: impl Fn(Profile, &Session) -> Profile + Send + Sync,
) -> Result<Written, MemoryError> {
    let HangUp { caller, session, base } = hang_up;
    let lane = Lane::of(&caller.user_id);
    let _turn = lane.mutex.lock().await;

    let (base_revision, profile) = base.unwrap_or_default();
    let profile = fold(profile, &session);
    let mut commit = Commit { user_id: caller.user_id.clone(), caller, session, profile, base_revision };
    let mut pause = Pause::default();
    loop {
        match store.commit_session(&commit).await {
            Ok(Outcome::Applied { revision }) => return Ok(Written::Applied { revision }),
            Ok(Outcome::Duplicate) => return Ok(Written::Duplicate),
            Ok(Outcome::Stale) => return Ok(Written::Stale),
            Ok(Outcome::Erased) => return Ok(Written::Erased),
            Ok(Outcome::Conflict { revision, profile }) => {
                // Each conflict is another process's success, so this ends. No pause: the lane keeps our own apart.
                commit.profile = fold(profile, &commit.session);
                commit.base_revision = revision;
            }
            Err(error @ MemoryError::Unavailable { .. }) => {
                if pause.is_first() {
                    warn!(session.id = commit.session.chat_id, %error, "a finished call waits to be written");
                }
                tokio::time::sleep(pause.next()).await;
            }
            Err(error @ (MemoryError::WrongShape { .. } | MemoryError::Refused(_))) => {
                // An id that was refused may hold anything; the debug form has no line breaks.
                error!(session.id = ?commit.session.chat_id, %error, "a finished call is lost");
                return Err(error);
            }
        }
    }
}

/// The waiting between attempts: 20 ms, doubled up to 10 s, with up to half of it taken off at random so that many
/// waiting calls do not come back at once.
struct Pause(Duration);

impl Pause {
    const FIRST: Duration = Duration::from_millis(20);
    const LONGEST: Duration = Duration::from_secs(10);

    fn is_first(&self) -> bool {
        self.0 == Self::FIRST
    }

    fn next(&mut self) -> Duration {
        let full = self.0;
        self.0 = (full * 2).min(Self::LONGEST);
        // Without randomness the pause is the whole one; nothing depends on it.
        let share = getrandom::u32().map_or(0.0, |random| f64::from(random) / f64::from(u32::MAX));
        full.mul_f64(1.0 - share / 2.0)
    }
}

impl Default for Pause {
    fn default() -> Self {
        Self(Self::FIRST)
    }
}

type Lanes = HashMap<UserId, Arc<tokio::sync::Mutex<()>>>;

/// The callers whose calls are being written in this process, no more.
static LANES: LazyLock<Mutex<Lanes>> = LazyLock::new(Mutex::default);

fn lanes() -> MutexGuard<'static, Lanes> {
    // The map is whole between any two statements.
    LANES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The queue of one caller's hang-ups. The last one to leave takes it away.
struct Lane {
    user_id: UserId,
    mutex: Arc<tokio::sync::Mutex<()>>,
}

impl Lane {
    fn of(user_id: &UserId) -> Self {
        let mutex = Arc::clone(lanes().entry(user_id.clone()).or_default());
        Self { user_id: user_id.clone(), mutex }
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        let mut lanes = lanes();
        // The map's and ours; others are only made and dropped under the map's lock.
        if Arc::strong_count(&self.mutex) == 2 {
            lanes.remove(&self.user_id);
        }
    }
}
