//! Writing a finished call: in order for each caller, merged with what others wrote.

mod lane;

use redial_identity::{Caller, UserId};
use redial_memory::merge_copies::merge_copies;
use redial_memory::model::{Profile, SessionDoc};

use self::lane::Lane;
use super::store::{Commit, MemoryError, Outcome, Store};

/// A finished call.
#[derive(Debug, Clone)]
pub struct HangUp {
    /// Whose call: the user that [`Store::begin_call`] answered, or the one derived from the number if the store did not.
    pub caller: Caller,
    /// The session to write; its `user_id` is the caller's.
    pub session: SessionDoc,
    /// Revision and profile to apply it to; `None`: the store answers with them, if there are any.
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
    /// They were already, with all that this copy of the call has.
    Duplicate,
    /// The caller was erased in the meantime; nothing is kept.
    Erased,
}

/// Writes a finished call, and the profile that `apply` makes of the known one with it. Answers also whose call it turned
/// out to be.
///
/// One write at a time for each caller of a store, in the order of the calls to this function. What stands in the way is
/// dealt with, so `apply` may run several times:
///
/// - Another copy of the call is stored: both are merged.
/// - The number belongs to another user: the call is theirs, unless the number was split off after the call.
/// - The profile has changed meanwhile: `apply` is asked again.
///
/// # Errors
/// [`MemoryError::Unavailable`]: it may be written again later. With any other error, trying again would not help.
///
/// # Cancel safety
/// Dropped, this write may be lost or half done, never another one; it may be written again.
pub async fn write(
    store: &dyn Store,
    mut hang_up: HangUp,
    apply: impl Fn(Profile, &SessionDoc) -> Profile + Send + Sync,
) -> Result<(Written, UserId), MemoryError> {
    loop {
        let lane = Lane::of(store, &hang_up.caller.user_id);
        let _turn = lane.mutex.lock().await;
        match attempt(store, hang_up.clone(), &apply).await? {
            Attempt::Written(written) => return Ok((written, hang_up.caller.user_id)),
            // This lane is left before the next one is entered, so two calls cannot wait for each other.
            Attempt::Mapped(owner) => hang_up = hang_up.of(owner),
        }
    }
}

impl HangUp {
    /// The same call as another user's. Their profile is not known, as if the lookup had failed: at revision 0 there is
    /// none, at any other the store answers with it.
    fn of(self, user_id: UserId) -> Self {
        let Self { caller, mut session, .. } = self;
        session.user_id = user_id.as_str().to_owned();
        Self { caller: Caller { user_id, ..caller }, session, base: None }
    }
}

enum Attempt {
    Written(Written),
    /// Nothing was written; the number belongs to this user.
    Mapped(UserId),
}

async fn attempt(
    store: &dyn Store,
    hang_up: HangUp,
    apply: &(impl Fn(Profile, &SessionDoc) -> Profile + Send + Sync),
) -> Result<Attempt, MemoryError> {
    let HangUp { caller, session, base } = hang_up;
    // What the session is applied to: the profile at the base revision.
    let (base_revision, mut base) = base.unwrap_or_default();
    let (user_id, profile) = (caller.user_id.clone(), Profile::default());
    let mut commit =
        Commit { caller, user_id, session, profile, base_revision, replaces: None, number_has_moved: false };
    loop {
        commit.profile = apply(base.clone(), &commit.session);
        // Each conflict, and each other copy, is another process's success, so this ends. No pause: the lane keeps our
        // own apart.
        match store.commit_session(&commit).await? {
            Outcome::Applied { revision } => return Ok(Attempt::Written(Written::Applied { revision })),
            Outcome::Duplicate => return Ok(Attempt::Written(Written::Duplicate)),
            Outcome::Erased => return Ok(Attempt::Written(Written::Erased)),
            // What its former owner said is not for whoever has the number now. The times are those of two machines; what
            // ends that close to the split may be either's.
            Outcome::Mapped { user_id }
                if !commit.number_has_moved && user_id.since().is_some_and(|since| commit.session.ended_at < since) =>
            {
                commit.number_has_moved = true;
            }
            Outcome::Mapped { user_id } => return Ok(Attempt::Mapped(user_id)),
            Outcome::Conflict { revision, profile } => {
                commit.base_revision = revision;
                base = profile;
            }
            Outcome::Differs { stored, digest } => {
                if let Some(stored) = stored {
                    commit.session = merge_copies(&commit.session, &stored);
                    commit.session.user_id = commit.user_id.as_str().to_owned();
                }
                commit.replaces = Some(digest);
            }
        }
    }
}

#[cfg(test)]
mod tests;
