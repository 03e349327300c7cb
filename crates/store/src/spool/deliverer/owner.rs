//! Whose a session is: its caller may ask to be forgotten, or not be the one who is remembered under the number.

use redial_identity::{Caller, UserId};
use redial_memory::fold;
use redial_memory::model::SessionDoc;
use redial_memory::session_id::SessionId;

use super::super::{PATIENCE, outbox};
use super::Deliverer;
use crate::store::MemoryError;

impl Deliverer {
    /// Forgets the caller of a session, and the session last.
    ///
    /// The user of the call may be the wrong one: the look-up missed them, or they were merged into another user since. So
    /// whoever the number leads to now is forgotten too.
    pub(super) async fn forget_whoever_asked(
        &self,
        caller: &Caller,
        session_id: &SessionId,
    ) -> Result<(), MemoryError> {
        let (store, called_as) = (&self.sinks.store, &caller.user_id);
        let owner = match &caller.hash {
            Some(hash) => store.owner(hash).await?.filter(|owner| owner != called_as),
            None => None,
        };
        // An id that was derived from the number may be somebody's who had it once, and is known by another one.
        let is_others = owner.is_some() && !store.numbers(called_as).await?.is_empty();
        for user in owner.iter().chain((!is_others).then_some(called_as)) {
            self.forget(user).await?;
        }
        let session_id = session_id.clone();
        self.spool.database.ask(PATIENCE, move |rows| outbox::drop_session(rows, &session_id)).await
    }

    /// The new user of a number whose caller says that somebody else is remembered under it; the old one is left to
    /// expire. `None`: there is nothing to part.
    ///
    /// `called_as`: whose call it was taken for when it ended; `caller` is who it turned out to be when it was delivered
    /// before, if it was.
    pub(super) async fn split_from(
        &self,
        caller: &Caller,
        called_as: &str,
        session: &SessionDoc,
    ) -> Result<Option<UserId>, MemoryError> {
        if !fold::is_parted(session) {
            return Ok(None);
        }
        let Some(hash) = &caller.hash else { return Ok(None) };
        let store = &self.sinks.store;
        // Whom the number leads to now: the lookup may have missed them, or the store has forgotten that they were parted.
        let Some(owner) = store.owner(hash).await? else { return Ok(None) };
        let was_delivered = caller.user_id.as_str() != called_as;
        let is_theirs = was_delivered && owner == caller.user_id;
        let stored_as = store.session_entry(&session.session_id).await?.map(|entry| entry.user_id);
        if is_theirs || stored_as.as_ref() == Some(&owner) {
            return Ok(None);
        }
        let Some(known) = store.user(&owner).await? else { return Ok(None) };
        if known.calls == 0 {
            return Ok(None);
        }
        // The same new user again, where there was one.
        let known_as = Some(&caller.user_id).filter(|_| was_delivered);
        let new = match known_as {
            Some(user) if store.erased_among(std::slice::from_ref(user)).await?.is_empty() => user.clone(),
            Some(_) | None => UserId::random_since(session.started_at),
        };
        store.assign(hash, Some(&new)).await?;
        Ok(Some(new))
    }
}
