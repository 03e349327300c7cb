//! What is done with an entry of each kind.

use redial_identity::UserId;
use tracing::info;

use super::super::entry::{Entry, Kind, older_of, session_of};
use super::super::replay::ERASED_BEFORE;
use super::Deliverer;
use crate::directory::Erased;
use crate::erasure;
use crate::store::MemoryError;

impl Deliverer {
    /// Does what the entry asks for, and answers what is to be queued next. The entry's user becomes the one whose call it
    /// turned out to be.
    pub(super) async fn deliver(&self, entry: &mut Entry) -> Result<Vec<Kind>, MemoryError> {
        match entry.kind {
            Kind::Session => {
                let session = session_of(entry)?;
                let may_be_kept = self.may_be_kept(&entry.caller, &session);
                let (written, owner) =
                    self.deliver_session(entry.caller.clone(), session, entry.instance.as_deref()).await?;
                // Who is erased later on is looked for under this name, here as well as there.
                entry.caller.user_id = owner;
                Ok(written.map(|written| self.follow_ups(entry, written, may_be_kept)).unwrap_or_default())
            }
            Kind::Summary => self.improve(&entry.caller.user_id, &session_of(entry)?).await.map(|()| Vec::new()),
            Kind::Erase => {
                let user = std::slice::from_ref(&entry.caller.user_id);
                if entry.body == ERASED_BEFORE && !self.sinks.store.erased_among(user).await?.is_empty() {
                    return Ok(Vec::new());
                }
                // On the disk before the profile goes that names them.
                for absorbed in erasure::absorbed_by(self.sinks.store.as_ref(), &entry.caller.user_id).await? {
                    self.forget(&absorbed).await?;
                }
                let erased = self.sinks.store.erase(&entry.caller.user_id).await?;
                let Erased { numbers, profiles, sessions, markers, mirrors } = erased;
                info!(numbers, profiles, sessions, markers, mirrors, "a caller is erased");
                Ok(Vec::new())
            }
            Kind::EraseNumber => {
                let scope = erasure::erasure_scope(self.sinks.store.as_ref(), &entry.caller, &older_of(entry)?).await?;
                if let Some(another) = scope.another {
                    info!(user.id = another.as_str(), "an erasure by number spares somebody who has another one now");
                }
                for user in scope.users {
                    self.forget(&user).await?;
                }
                Ok(Vec::new())
            }
            Kind::Archive => self.archive(&entry.caller, session_of(entry)?).await.map(|()| Vec::new()),
            Kind::EraseArchived => self.erase_archived(&entry.caller.user_id).await.map(|()| Vec::new()),
        }
    }

    /// Keeps nothing of a user here, and queues their erasure elsewhere.
    pub(super) async fn forget(&self, user: &UserId) -> Result<(), MemoryError> {
        self.sinks.live.forget(user);
        self.spool.forget(user).await.map(drop)
    }
}
