//! What waits to be delivered, and what cannot be.

use redial_store::spool::{Dead, Kind};
use redial_store::store::MemoryError;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa::openapi::schema::{Object, ObjectBuilder, Type};

use super::{OperationError, Operations};

/// An entry that waits, without its words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct QueueLine {
    /// Its number; later entries have higher ones.
    pub seq: i64,
    /// What is to be done.
    #[schema(schema_with = kinds)]
    pub kind: &'static str,
    /// Whose it is: the user id, `u_…` or `anon_…`.
    pub user_id: String,
    /// The call; empty for an erasure.
    pub session_id: String,
    /// Failed attempts so far.
    pub tries: u32,
    /// Not before this, Unix time in ms; 0: at once.
    pub next_at: u64,
}

/// An entry that cannot be delivered, without its words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct DeadLine {
    /// Its number.
    pub seq: i64,
    /// What was to be done; `turn` or `call` for what of a live call's journal was damaged.
    pub kind: String,
    /// Whose it is: the user id, `u_…` or `anon_…`.
    pub user_id: String,
    /// The call's id, which is the carrier's.
    pub session_id: String,
    /// Why, and the way out.
    pub reason: String,
    /// Since when, Unix time in ms.
    pub parked_at: u64,
}

/// The same with its words.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct DeadEntry {
    /// Without them.
    #[serde(flatten)]
    pub line: DeadLine,
    /// The document; text where it is damaged, and `hex:…` where it is not even that.
    pub document: Value,
}

fn kinds() -> Object {
    let kinds = Kind::ALL.map(Kind::as_str);
    ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some("What is to be done."))
        .enum_values(Some(kinds))
        .build()
}

impl From<Dead> for DeadLine {
    fn from(Dead { seq, kind, user_id, session_id, reason, parked_at, .. }: Dead) -> Self {
        Self { seq, kind, user_id, session_id, reason, parked_at }
    }
}

impl Operations<'_> {
    /// The entries that wait, oldest first.
    ///
    /// # Errors
    /// When the file cannot be used.
    pub async fn outbox(&self, limit: usize) -> Result<Vec<QueueLine>, OperationError> {
        let waiting = self.spool.waiting(limit).await?;
        let line = |entry: redial_store::spool::Entry| QueueLine {
            seq: entry.seq,
            kind: entry.kind.as_str(),
            user_id: entry.caller.user_id.as_str().to_owned(),
            session_id: entry.session_id.map(|id| id.to_string()).unwrap_or_default(),
            tries: entry.tries,
            next_at: entry.next_at,
        };
        Ok(waiting.into_iter().map(line).collect())
    }

    /// The entries that cannot be delivered, oldest first.
    ///
    /// # Errors
    /// When the file cannot be used.
    pub async fn dead(&self, limit: usize) -> Result<Vec<DeadLine>, OperationError> {
        Ok(self.spool.dead(limit).await?.into_iter().map(DeadLine::from).collect())
    }

    /// One of them, with its words.
    ///
    /// # Errors
    /// [`OperationError::NotFound`].
    pub async fn dead_entry(&self, seq: i64) -> Result<DeadEntry, OperationError> {
        let entry = self.spool.dead_entry(seq).await?.ok_or_else(no_such_entry)?;
        let document = serde_json::from_str(&entry.body).unwrap_or_else(|_| Value::String(entry.body.clone()));
        Ok(DeadEntry { line: entry.into(), document })
    }

    /// Puts one back into the queue.
    ///
    /// # Errors
    /// [`OperationError::NotFound`]; [`OperationError::Conflict`] for a damaged turn, which belongs to no queue, and for what is damaged
    /// beyond what could be delivered.
    pub async fn retry_dead(&self, seq: i64) -> Result<(), OperationError> {
        match self.spool.retry_dead(seq).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(no_such_entry()),
            Err(MemoryError::Refused(why)) => Err(OperationError::Conflict(why)),
            Err(error) => Err(error.into()),
        }
    }

    /// Throws one away, with its words.
    ///
    /// # Errors
    /// [`OperationError::NotFound`].
    pub async fn drop_dead(&self, seq: i64) -> Result<(), OperationError> {
        if self.spool.drop_dead(seq).await? { Ok(()) } else { Err(no_such_entry()) }
    }
}

fn no_such_entry() -> OperationError {
    OperationError::NotFound("there is no such entry among those that cannot be delivered".to_owned())
}
