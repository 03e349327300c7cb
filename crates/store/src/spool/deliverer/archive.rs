//! A call goes to the archive, and an erased caller's calls go from it.

use redial_identity::{Caller, UserId};
use redial_memory::consent::{self, Keep};
use redial_memory::model::SessionDoc;

use super::Deliverer;
use crate::archive::ArchiveError;
use crate::store::MemoryError;

impl Deliverer {
    /// Offers a call to the archive, if its caller lets it be kept for good.
    pub(super) async fn archive(&self, caller: &Caller, mut session: SessionDoc) -> Result<(), MemoryError> {
        // As that of whose call it turned out to be: whoever erases them asks for that name.
        session.user_id = caller.user_id.as_str().to_owned();
        let Some(archive) = self.sinks.archive.as_ref().filter(|_| caller.hash.is_some()) else { return Ok(()) };
        let store = &self.sinks.store;
        if !store.erased_among(std::slice::from_ref(&caller.user_id)).await?.is_empty() {
            return Ok(());
        }
        let consent = match store.user(&caller.user_id).await? {
            None => None,
            Some(known) => match known.profile {
                Some(profile) => profile.consent,
                None => {
                    return Err(MemoryError::WrongShape {
                        key: format!("the profile of {}", caller.user_id.as_str()),
                        advice: "whether the call may be archived cannot be told; upgrade, or repair it, then retry"
                            .to_owned(),
                    });
                }
            },
        };
        if consent::kept_later(self.sinks.consent, consent.as_ref(), &session) == Keep::Nothing {
            return Ok(());
        }
        archive.put(&session).await.map_err(archive_failed)
    }

    /// Erases a user in the archive, if there is one.
    pub(super) async fn erase_archived(&self, user: &UserId) -> Result<(), MemoryError> {
        match &self.sinks.archive {
            Some(archive) => archive.erase(user).await.map(drop).map_err(archive_failed),
            None => Ok(()),
        }
    }
}

fn archive_failed(error: ArchiveError) -> MemoryError {
    match error {
        ArchiveError::Refused(_) => MemoryError::Refused(error.to_string()),
        ArchiveError::Unavailable { .. } => {
            MemoryError::Unavailable { advice: "look at the archive".to_owned(), source: Some(error.into()) }
        }
    }
}
