//! Finished calls: listing, reading, clearing.

use redial_memory::model::SessionDoc;
use redial_memory::session_id::SessionId;
use redial_store::directory::{Page, SessionEntry};
use redial_store::store::MemoryError;
use serde::Serialize;
use utoipa::ToSchema;

use super::{MAX_PAGE, OperationError, Operations};

/// A page of finished calls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Sessions {
    /// In no order.
    pub sessions: Vec<SessionLine>,
    /// Names the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub next: Option<String>,
}

/// A finished call in a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SessionLine {
    /// Its id, which is the carrier's.
    #[schema(value_type = String)]
    pub session_id: SessionId,
    /// Whose it was; null when something else is stored in its place.
    #[schema(required)]
    pub user_id: Option<String>,
    /// When it ended, Unix time in ms.
    #[schema(required)]
    pub ended_at: Option<u64>,
    /// When its words expire, in s; null: never.
    #[schema(required)]
    pub expires_in_s: Option<u64>,
}

impl SessionLine {
    fn of(entry: &SessionEntry) -> Self {
        Self {
            session_id: entry.session_id.clone(),
            user_id: Some(entry.user_id.as_str().to_owned()),
            ended_at: Some(entry.ended_at),
            expires_in_s: entry.expires_in.map(|ttl| ttl.as_secs()),
        }
    }
}

/// What clearing a call took away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct Cleared {
    /// True when its document was in the store.
    pub document: bool,
    /// Entries of the outbox: waiting, delivered lately, or dead.
    pub entries: u64,
    /// True when there was a call log.
    pub call_log: bool,
    /// What is not cleared by this.
    pub stays: &'static str,
}

impl Operations<'_> {
    /// A page of finished calls: about `limit`, [`MAX_PAGE`] at most, from where `after` says.
    ///
    /// # Errors
    /// [`OperationError::Invalid`] for a page that there is none of.
    pub async fn sessions(&self, after: Option<String>, limit: usize) -> Result<Sessions, OperationError> {
        let page =
            self.store.sessions(Page { after, limit: limit.clamp(1, MAX_PAGE) }).await.map_err(super::no_page)?;
        let mut sessions = Vec::with_capacity(page.entries.len());
        for session_id in page.entries {
            match self.store.session_entry(&session_id).await {
                Ok(Some(entry)) => sessions.push(SessionLine::of(&entry)),
                Ok(None) => (), // expired in between
                Err(MemoryError::WrongShape { .. }) => {
                    sessions.push(SessionLine { session_id, user_id: None, ended_at: None, expires_in_s: None });
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Sessions { sessions, next: page.next })
    }

    /// A finished call with its words, from the store or the archive.
    ///
    /// # Errors
    /// [`OperationError::NotFound`].
    pub async fn session(&self, id: &str) -> Result<SessionDoc, OperationError> {
        self.find_session(&parsed(id)?).await?.ok_or_else(|| {
            OperationError::NotFound("no finished call of that id is held: it is wrong, or has expired".to_owned())
        })
    }

    /// Deletes a finished call's words: in the store, in the outbox, and its call log.
    ///
    /// # Errors
    /// [`OperationError::NotFound`]; [`OperationError::Conflict`] while the call goes on.
    pub async fn clear_session(&self, id: &str) -> Result<Cleared, OperationError> {
        let session_id = parsed(id)?;
        // The outbox first: what is deleted there does not come back to the store.
        let here = self.spool.clear_session(&session_id).await.map_err(|error| match error {
            MemoryError::Refused(why) => OperationError::Conflict(why),
            error => error.into(),
        })?;
        let document = self.store.clear_session(&session_id).await?;
        if !document && here.entries == 0 && !here.log {
            return Err(OperationError::NotFound("no finished call of that id is held".to_owned()));
        }
        Ok(Cleared {
            document,
            entries: here.entries,
            call_log: here.log,
            stays: "what the caller's profile took from this call, and its record in the archive; \
                    forget the caller to erase these",
        })
    }

    /// From the store, else from the archive.
    pub(super) async fn find_session(&self, session_id: &SessionId) -> Result<Option<SessionDoc>, OperationError> {
        if let Some(session) = self.store.load_session(session_id).await? {
            return Ok(Some(session));
        }
        match self.archive {
            Some(archive) => Ok(archive.get(session_id).await?),
            None => Ok(None),
        }
    }
}

fn parsed(id: &str) -> Result<SessionId, OperationError> {
    // The text itself may be anything, so it is not repeated.
    id.parse().map_err(|_| OperationError::Invalid("that is not the id of a session".to_owned()))
}
