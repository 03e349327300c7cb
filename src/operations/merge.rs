//! Two callers who are one person.

use redial_memory::merge::{MAX_ABSORBED, merge};
use redial_memory::model::Profile;
use redial_store::directory::ProfileChange;
use serde::Serialize;
use utoipa::ToSchema;

use super::{OperationError, Operations, Subject};

/// How often it is tried while calls change the profile.
const MAX_TRIES: usize = 5;

/// What a merge did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Merged {
    /// Who is left: the user id, `u_…` or `anon_…`.
    pub user_id: String,
    /// Who is not there any more.
    pub absorbed: String,
    /// The revision of the profile that is left.
    pub revision: u64,
    /// Finished calls of both.
    pub calls: u64,
    /// How many numbers lead there now.
    pub numbers: usize,
}

impl Operations<'_> {
    /// Makes two callers one: numbers, calls and what is remembered of `from` go to `into`. May be repeated after a
    /// failure. A call that `from` has right now is written as `into`'s.
    ///
    /// # Errors
    /// [`OperationError::NotFound`] when one of them is not there; [`OperationError::Invalid`] when both are the same.
    pub async fn merge(&self, from: &Subject, into: &Subject) -> Result<Merged, OperationError> {
        let (from, into) = (self.resolve(from).await?, self.resolve(into).await?);
        if from == into {
            return Err(OperationError::Invalid("both are the same caller already".to_owned()));
        }
        for _ in 0..MAX_TRIES {
            let target = self.entry(&into).await?;
            let ours = target.profile.ok_or_else(super::profile::unreadable)?;
            // Somebody of whom only a number is known has no profile yet.
            let theirs = match self.store.user(&from).await? {
                Some(source) => source.profile.ok_or_else(super::profile::unreadable)?,
                None => Profile::default(),
            };
            let mut joined = merge(theirs, ours);
            // What waits under that id, here or elsewhere, and what is archived under it, is theirs from now on.
            joined.absorbed.insert(from.as_str().to_owned());
            if joined.absorbed.len() > MAX_ABSORBED {
                return Err(OperationError::Invalid(format!(
                    "{MAX_ABSORBED} callers have become this one already; one more could not be erased with them"
                )));
            }
            match self.store.merge_users(&from, &into, target.revision, &joined).await? {
                ProfileChange::Applied { revision } => {
                    // What waits or lies here is found under the name that is left, by an erasure too.
                    self.spool.rename(&from, &into).await?;
                    return Ok(Merged {
                        user_id: into.as_str().to_owned(),
                        absorbed: from.as_str().to_owned(),
                        revision,
                        calls: self.entry(&into).await?.calls,
                        numbers: self.store.numbers(&into).await?.len(),
                    });
                }
                ProfileChange::Conflict { profile: Some(_), .. } => (), // a call came in between: read again
                ProfileChange::Conflict { profile: None, .. } => return Err(super::profile::unreadable()),
                ProfileChange::Unknown => return Err(self.nobody(&from).await),
            }
        }
        Err(OperationError::Conflict(
            "their profiles keep changing; try again when they are not on the phone".to_owned(),
        ))
    }
}
