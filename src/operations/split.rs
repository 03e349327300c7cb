//! A number that has become somebody else's.

use redial_identity::UserId;
use serde::Serialize;
use utoipa::ToSchema;

use super::{OperationError, Operations, Subject};

/// What a split did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Split {
    /// Whom the number leads to from now on: nobody yet.
    pub user_id: String,
    /// Whom it led to. What is remembered of them is left to expire, unless another number still leads there.
    pub former_user_id: String,
    /// How many numbers still do.
    pub former_numbers: usize,
}

impl Operations<'_> {
    /// Lets a number be somebody of whom nothing is known, as when it was given to somebody else. A call from it that
    /// goes on is written as the new person's; one that has ended, and is not written yet, as the former user's.
    ///
    /// It takes several steps: whoever may be interrupted has it done by a task of its own.
    ///
    /// The new mapping lives as long as any other. When the number does not ring until it has expired, and the former
    /// user is still remembered by another number, and was derived from this one, then it leads to them again.
    ///
    /// # Errors
    /// [`OperationError::NotFound`] when the number leads to nobody; [`OperationError::Invalid`] for a user id.
    pub async fn split(&self, subject: &Subject) -> Result<Split, OperationError> {
        let Subject::Number { caller, older } = subject else {
            return Err(OperationError::Invalid("a number is split off; a user id may have several".to_owned()));
        };
        let former = self.resolve(subject).await?;
        let fresh = UserId::random_since(super::now_ms());
        let Some(hash) = &caller.hash else {
            return Err(OperationError::Invalid("a withheld number leads to nobody".to_owned()));
        };
        // Whoever they lead to had the number before, and the next call would find them there and move them back. First,
        // so that no call does while this is under way.
        for older in older {
            self.store.assign(older, None).await?;
        }
        self.store.assign(hash, Some(&fresh)).await?;
        Ok(Split {
            user_id: fresh.as_str().to_owned(),
            former_numbers: self.store.numbers(&former).await?.len(),
            former_user_id: former.as_str().to_owned(),
        })
    }
}
