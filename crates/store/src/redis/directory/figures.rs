//! How much Redis holds of ours, and removing it.

use redis::Cmd;

use super::super::RedisStore;
use super::super::advice::Trouble;
use super::super::keys::Kind;
use super::scan::Scan;
use crate::directory::Figures;
use crate::store::MemoryError;

/// What the server answers for the TTL of a key that has none.
const NO_TTL: i64 = -1;

impl RedisStore {
    pub(super) async fn count_all(&self) -> Result<Figures, MemoryError> {
        let mut figures = Figures { bytes: self.used_memory().await?, ..Figures::default() };
        let mut scan = Scan::of_all(self);
        while let Some(keys) = scan.next().await? {
            let ttls: Vec<i64> = self.each(keys.iter().map(Cmd::pttl)).await?;
            for (key, ttl) in keys.iter().zip(ttls) {
                let kind = self.keys.kind(key).map(|(kind, _)| kind);
                match kind {
                    Some(Kind::Profile) => figures.users += 1,
                    Some(Kind::Phone) => figures.numbers += 1,
                    Some(Kind::Session) => figures.sessions += 1,
                    Some(Kind::Sessions | Kind::Gone | Kind::Done | Kind::Place | Kind::Pepper | Kind::Mirror)
                    | Some(Kind::Mark | Kind::Over | Kind::Token)
                    | None => (),
                }
                figures.without_ttl += u64::from(ttl == NO_TTL && self.should_expire(kind));
            }
        }
        Ok(figures)
    }

    /// Erased users stay erased, else a late hang-up would bring them back; the pepper is not what is remembered, and
    /// outboxes are not to believe that it was lost.
    pub(super) async fn clear_all(&self) -> Result<u64, MemoryError> {
        let mut removed = 0;
        let mut scan = Scan::of_all(self);
        while let Some(mut keys) = scan.next().await? {
            keys.retain(|key| {
                let kind = self.keys.kind(key).map(|(kind, _)| kind);
                !matches!(kind, None | Some(Kind::Gone | Kind::Pepper | Kind::Mark | Kind::Mirror))
            });
            // They say where sessions are, and are nothing by themselves.
            let is_place = |key: &String| matches!(self.keys.kind(key), Some((Kind::Place, _)));
            let (places, rest): (Vec<String>, Vec<String>) = keys.into_iter().partition(is_place);
            removed += self.unlink(&rest).await?;
            self.unlink(&places).await?;
        }
        Ok(removed)
    }

    /// Deletes every key of ours, also that users were erased, and which pepper was used: for a prefix that nobody
    /// uses again. Answers how many keys that were.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn abandon(&self) -> Result<u64, MemoryError> {
        let mut removed = 0;
        let mut scan = Scan::of_all(self);
        while let Some(mut keys) = scan.next().await? {
            // Mirrors are under a prefix that others use as well; they go with their calls.
            keys.retain(|key| !matches!(self.keys.kind(key), None | Some((Kind::Mirror, _))));
            removed += self.unlink(&keys).await?;
        }
        Ok(removed)
    }

    /// Whether a key of this kind is one that should have a TTL. One that is none of ours, under our prefix, should.
    fn should_expire(&self, kind: Option<Kind>) -> bool {
        match kind {
            Some(Kind::Phone | Kind::Profile | Kind::Sessions) => self.settings.profile_ttl.is_some(),
            Some(Kind::Session | Kind::Mirror) => !self.settings.session_ttl.is_zero(),
            Some(Kind::Done) => !self.settings.marker_ttl.is_zero(),
            Some(Kind::Place) => !self.settings.session_ttl.is_zero() && !self.settings.marker_ttl.is_zero(),
            Some(Kind::Pepper) => false,
            Some(Kind::Gone | Kind::Mark | Kind::Over | Kind::Token) | None => true,
        }
    }

    /// Bytes that all masters use; `None` when this user may not ask.
    async fn used_memory(&self) -> Result<Option<u64>, MemoryError> {
        let mut bytes = 0;
        for server in self.masters().await? {
            let info: String = match self.command_at(server.as_ref(), redis::cmd("INFO").arg("memory")).await {
                Ok(info) => info,
                Err(Trouble::NotAllowed(_) | Trouble::UnknownCommand(_) | Trouble::Other(_)) => return Ok(None),
                Err(trouble) => return Err(self.failed("", trouble)),
            };
            let used = info.lines().find_map(|line| line.strip_prefix("used_memory:")?.trim().parse::<u64>().ok());
            let Some(used) = used else { return Ok(None) };
            bytes += used;
        }
        Ok(Some(bytes))
    }
}
