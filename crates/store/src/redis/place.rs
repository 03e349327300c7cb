//! In whose slot a session is, in the tagged layout: a key of its own says it, as a session has to be found by its id alone.

use std::sync::LazyLock;

use redial_identity::UserId;
use redial_memory::session_id::SessionId;
use tokio::time::Instant;

use super::answer::Answer;
use super::script::Script;
use super::{RedisStore, mapped, ttl_s};
use crate::store::MemoryError;

static CHANGE: LazyLock<Script> = LazyLock::new(|| Script::new("change_place", include_str!("change_place.lua")));

impl RedisStore {
    /// The user in whose slot a session is, or is about to be.
    pub(super) async fn place_of(&self, session_id: &SessionId, until: Instant) -> Result<Option<UserId>, MemoryError> {
        let key = self.keys.place(session_id);
        let found: Result<Option<Vec<u8>>, _> = self.ask(redis::cmd("GET").arg(&key), until).await;
        let Some(text) = found.map_err(|trouble| self.failed(&key, trouble))? else { return Ok(None) };
        let advice = "a user id is expected there; move the key aside";
        mapped(&text).map(Some).ok_or_else(|| MemoryError::WrongShape { key, advice: advice.to_owned() })
    }

    /// Moves a session's place from one user to another, from nobody, or to nobody. False when it is another one's by now.
    pub(super) async fn change_place(
        &self,
        session_id: &SessionId,
        from: Option<&UserId>,
        to: Option<&UserId>,
        until: Instant,
    ) -> Result<bool, MemoryError> {
        let mut script = CHANGE.with_keys([self.keys.place(session_id)]);
        script.arg(from.map_or("", UserId::as_str)).arg(to.map_or("", UserId::as_str)).arg(self.place_ttl_s());
        self.run(&script, until).await.and_then(Answer::yes).map_err(|trouble| self.failed("", trouble))
    }

    /// The session's key; `None`: there is no session of this id.
    pub(super) async fn find_session(
        &self,
        session_id: &SessionId,
        until: Instant,
    ) -> Result<Option<String>, MemoryError> {
        if let Some(key) = self.keys.flat_session(session_id) {
            return Ok(Some(key));
        }
        let place = self.place_of(session_id, until).await?;
        Ok(place.map(|user| self.keys.session(&user, session_id)))
    }

    /// As long as anything of the session is kept: its marker too has to be found.
    fn place_ttl_s(&self) -> u64 {
        let (session, marker) = (ttl_s(self.settings.session_ttl), ttl_s(self.settings.marker_ttl));
        if session == 0 || marker == 0 { 0 } else { session.max(marker) }
    }
}
