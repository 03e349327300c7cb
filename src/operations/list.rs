//! Who is remembered.

use redial_store::directory::{Page, UserEntry};
use serde::Serialize;
use utoipa::ToSchema;

use super::{MAX_PAGE, OperationError, Operations};

/// A page of callers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Callers {
    /// In no order.
    pub callers: Vec<CallerLine>,
    /// Names the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub next: Option<String>,
}

/// A caller in a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct CallerLine {
    /// Who: the user id, `u_…` or `anon_…`.
    pub user_id: String,
    /// What to call them; null: nobody knows.
    #[schema(required)]
    pub name: Option<String>,
    /// Finished calls.
    pub calls: u64,
    /// End of the last one, Unix time in ms.
    #[schema(required)]
    pub last_call_at: Option<u64>,
    /// When they are forgotten if they do not call, in s; null: never.
    #[schema(required)]
    pub expires_in_s: Option<u64>,
}

impl CallerLine {
    pub(super) fn of(entry: &UserEntry) -> Self {
        let name = entry.profile.as_ref().and_then(|profile| profile.name.as_ref());
        Self {
            user_id: entry.user_id.as_str().to_owned(),
            name: name.map(|name| name.say.clone()),
            calls: entry.calls,
            last_call_at: entry.last_call_at,
            expires_in_s: entry.expires_in.map(|ttl| ttl.as_secs()),
        }
    }
}

impl Operations<'_> {
    /// A page of callers: about `limit`, [`MAX_PAGE`] at most, from where `after` says.
    ///
    /// # Errors
    /// [`OperationError::Invalid`] for a page that there is none of.
    pub async fn callers(&self, after: Option<String>, limit: usize) -> Result<Callers, OperationError> {
        let page = self.store.users(Page { after, limit: limit.clamp(1, MAX_PAGE) }).await.map_err(super::no_page)?;
        let mut callers = Vec::with_capacity(page.entries.len());
        for user in &page.entries {
            // Erased or expired in between: not there any more.
            if let Some(entry) = self.store.user(user).await? {
                callers.push(CallerLine::of(&entry));
            }
        }
        Ok(Callers { callers, next: page.next })
    }
}
