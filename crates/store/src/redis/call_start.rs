//! A call start: whose number it is, and what is known of them.
//!
//! In the flat layout that is one script and one trip. In the tagged layout the number and the user are in slots of their
//! own, so it is two scripts, asked at the same time: as long as a number belongs to the id that is derived from it, both
//! answers are of the right user, and it is still one trip. Where it belongs to another one, what was read of the derived
//! user is dropped; its TTLs have started again then, which keeps somebody who is remembered a little longer.
//!
//! An erasure that runs between the two scripts may leave the number leading to the erased id; the next call finds that out.

use std::sync::LazyLock;

use redial_identity::{PhoneHash, UserId};
use tokio::time::Instant;

use super::advice::Trouble;
use super::answer::Answer;
use super::reply::{Begun, Stored};
use super::script::{Invocation, Script};
use super::{RedisStore, mapped, profile_ttl_s, wrong_type};
use crate::rules::MAX_PROFILE_DOCUMENT;
use crate::settings::TtlRefresh;
use crate::store::{Known, MemoryError};

/// Trips of one call start: mapped, then erased there, then given a new id or mapped again, then found, and one for a race
/// between them.
const MAX_TRIPS: usize = 5;

static BEGIN: LazyLock<Script> = LazyLock::new(|| Script::new("begin_call", include_str!("begin_call.lua")));
static BEGIN_NUMBER: LazyLock<Script> = LazyLock::new(|| Script::new("begin_number", include_str!("begin_number.lua")));
static BEGIN_USER: LazyLock<Script> = LazyLock::new(|| Script::new("begin_user", include_str!("begin_user.lua")));

/// Whom a number is asked to lead to.
struct Candidate {
    user: UserId,
    /// The erased user that it may still lead to, or nothing.
    erased: String,
}

impl RedisStore {
    pub(super) async fn find_caller(
        &self,
        hash: &PhoneHash,
        derived: &UserId,
        until: Instant,
    ) -> Result<Known, MemoryError> {
        let mut candidate = Candidate { user: derived.clone(), erased: String::new() };
        for _ in 0..MAX_TRIPS {
            let begun = if self.keys.is_tagged() {
                self.ask_both(hash, &candidate, until).await?
            } else {
                self.ask_at_once(hash, &candidate, until).await?
            };
            match begun.status {
                "ok" | "large" => return Ok(known(candidate.user, &begun)),
                "mapped" => candidate.user = mapped(&begun.text).ok_or_else(|| self.no_user_id(hash))?,
                "erased" => {
                    let erased = std::mem::replace(&mut candidate.user, UserId::random());
                    candidate.erased = erased.as_str().to_owned();
                }
                _ => break,
            }
        }
        // The scripts answer nothing else, and five trips are enough unless others keep remapping this very number.
        Err(Trouble::Other("UNSETTLED".to_owned()).unavailable(self.read.scheme()))
    }

    async fn ask_at_once(&self, hash: &PhoneHash, candidate: &Candidate, until: Instant) -> Result<Begun, MemoryError> {
        let user = &candidate.user;
        let keys = [self.keys.phone(hash), self.keys.profile(user), self.keys.sessions(user), self.keys.gone(user)];
        let mut script = BEGIN.with_keys(&keys);
        script
            .arg(user.as_str())
            .arg(profile_ttl_s(&self.settings))
            .arg(self.refreshes())
            .arg(MAX_PROFILE_DOCUMENT)
            .arg(&candidate.erased);
        checked(Begun::read(self.begin(&script, until).await?, keys.len()), self, &keys)
    }

    async fn ask_both(&self, hash: &PhoneHash, candidate: &Candidate, until: Instant) -> Result<Begun, MemoryError> {
        let user = &candidate.user;
        let number_keys = [self.keys.phone(hash)];
        let mut number = BEGIN_NUMBER.with_keys(&number_keys);
        number.arg(user.as_str()).arg(profile_ttl_s(&self.settings)).arg(self.refreshes()).arg(&candidate.erased);
        let user_keys = [self.keys.profile(user), self.keys.sessions(user), self.keys.gone(user)];
        let mut known = BEGIN_USER.with_keys(&user_keys);
        known.arg(profile_ttl_s(&self.settings)).arg(self.refreshes()).arg(MAX_PROFILE_DOCUMENT);
        let (number, known) = tokio::try_join!(self.begin(&number, until), self.begin(&known, until))?;
        let number = checked(Begun::read_number(number), self, &number_keys)?;
        if number.status == "mapped" {
            return Ok(number);
        }
        let known = checked(Begun::read(known, user_keys.len()), self, &user_keys)?;
        Ok(Begun { created: number.created, ..known })
    }

    async fn begin(&self, script: &Invocation<'_>, until: Instant) -> Result<Answer, MemoryError> {
        let unavailable = |trouble: Trouble| trouble.unavailable(self.read.scheme());
        let live = self.read.live_or_first(until).await.map_err(unavailable)?;
        let mut connection = live.connection();
        self.read.ask(&live, until, script.run(&mut connection)).await.map_err(unavailable)
    }

    /// `1` when a call start begins the TTLs again.
    fn refreshes(&self) -> u8 {
        u8::from(self.settings.refresh == TtlRefresh::Access)
    }
}

/// An answer, unless it says that a key is of another type.
fn checked(begun: Result<Begun, Trouble>, store: &RedisStore, keys: &[String]) -> Result<Begun, MemoryError> {
    let begun = begun.map_err(|trouble| trouble.unavailable(store.read.scheme()))?;
    if begun.status == "wrongtype" {
        return Err(wrong_type(begun.key.and_then(|i| keys.get(i).cloned()), &begun.text));
    }
    Ok(begun)
}

fn known(user_id: UserId, begun: &Begun) -> Known {
    let stored = Stored::read(&begun.profile, begun.status == "large");
    Known {
        user_id,
        created: begun.created,
        calls: stored.calls,
        last_call_at: stored.last,
        profile: stored.profile,
        revision: stored.revision,
    }
}
