//! One finished session: whose it is, and deleting it.

use std::time::Duration;

use redial_memory::session_id::SessionId;
use redis::Value;
use tokio::time::Instant;

use super::super::answer::counter;
use super::super::{RedisStore, mapped};
use crate::directory::SessionEntry;
use crate::store::MemoryError;

/// What the server answers for the TTL of a key that is not there.
const NO_KEY: i64 = -2;

impl RedisStore {
    /// Where a session is; in the tagged layout that is looked up, and `None` when it is nowhere.
    async fn key_of_session(&self, session_id: &SessionId) -> Result<Option<String>, MemoryError> {
        self.find_session(session_id, Instant::now() + self.background).await
    }

    pub(super) async fn read_session_entry(&self, session_id: &SessionId) -> Result<Option<SessionEntry>, MemoryError> {
        let Some(key) = self.key_of_session(session_id).await? else { return Ok(None) };
        let fields: (Option<Vec<u8>>, Option<Vec<u8>>) = self
            .command(redis::cmd("HMGET").arg(&key).arg("uid").arg("ended"))
            .await
            .map_err(|e| self.failed(&key, e))?;
        let ttl_ms: i64 = self.ask_for_all(redis::cmd("PTTL").arg(&key)).await?;
        if ttl_ms == NO_KEY {
            return Ok(None);
        }
        let (uid, ended) = (fields.0.and_then(|uid| mapped(&uid)), fields.1.and_then(|ended| counter(&ended)));
        let (Some(user_id), Some(ended_at)) = (uid, ended) else {
            return Err(MemoryError::WrongShape {
                key,
                advice: "it names no user, or no end; move the key aside (`redial memory repair`)".to_owned(),
            });
        };
        let expires_in = u64::try_from(ttl_ms).ok().map(Duration::from_millis);
        Ok(Some(SessionEntry { session_id: session_id.clone(), user_id, ended_at, expires_in }))
    }

    /// The document goes last: interrupted, it names the index that is still to be cleared.
    pub(super) async fn remove_session(&self, session_id: &SessionId) -> Result<bool, MemoryError> {
        let Some(key) = self.key_of_session(session_id).await? else { return Ok(false) };
        let owner: Option<Vec<u8>> =
            self.command(redis::cmd("HGET").arg(&key).arg("uid")).await.map_err(|e| self.failed(&key, e))?;
        if let Some(user) = owner.and_then(|owner| mapped(&owner)) {
            let index = self.keys.sessions(&user);
            self.command::<Value>(redis::cmd("ZREM").arg(&index).arg(session_id.as_str()))
                .await
                .map_err(|e| self.failed(&index, e))?;
        }
        self.unlink(&self.keys.mirrors(session_id)).await?;
        Ok(self.unlink(&[key]).await? > 0)
    }
}
