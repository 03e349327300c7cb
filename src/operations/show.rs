//! What is remembered of one caller.

use redial_identity::UserId;
use redial_memory::model::Profile;
use redial_memory::session_id::SessionId;
use redial_store::directory::UserEntry;
use serde::Serialize;
use utoipa::ToSchema;

use super::list::CallerLine;
use super::{OperationError, Operations, Subject};

/// A caller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Caller)]
pub struct CallerView {
    /// In a line.
    #[serde(flatten)]
    pub line: CallerLine,
    /// The profile; null when a newer version wrote it, or it is damaged.
    #[schema(required)]
    pub profile: Option<Profile>,
    /// Its revision, to be named when it is changed.
    pub revision: u64,
    /// How many numbers lead to them.
    pub numbers: usize,
    /// Ids of finished calls, newest first. Their documents may have expired.
    #[schema(value_type = Vec<String>)]
    pub sessions: Vec<SessionId>,
}

impl Operations<'_> {
    /// What is remembered of somebody.
    ///
    /// # Errors
    /// [`OperationError::NotFound`].
    pub async fn show(&self, subject: &Subject) -> Result<CallerView, OperationError> {
        let user = self.resolve(subject).await?;
        let entry = self.entry(&user).await?;
        let numbers = self.store.numbers(&user).await?.len();
        Ok(CallerView {
            line: CallerLine::of(&entry),
            profile: entry.profile,
            revision: entry.revision,
            numbers,
            sessions: entry.sessions,
        })
    }

    pub(super) async fn entry(&self, user: &UserId) -> Result<UserEntry, OperationError> {
        match self.store.user(user).await? {
            Some(entry) => Ok(entry),
            None => Err(self.nobody(user).await),
        }
    }

    /// That nobody is there, and why, as far as is known.
    pub(super) async fn nobody(&self, user: &UserId) -> OperationError {
        match self.store.erased_among(std::slice::from_ref(user)).await {
            Ok(erased) if erased.is_empty() => OperationError::NotFound(
                "nothing is remembered under that user id: it is wrong, it has expired, or no call of theirs has ended"
                    .to_owned(),
            ),
            Ok(_) => OperationError::NotFound("this user was erased within the last 30 days".to_owned()),
            Err(error) => error.into(),
        }
    }
}
