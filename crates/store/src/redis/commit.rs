//! A hang-up. In the flat layout it is one script and one trip.
//!
//! In the tagged layout everything that a script must change at once is in the slot of the user whose call it is: session,
//! marker, profile and index. Around it:
//!
//! 1. Whose the number is, and in whose slot the session is already (its place), are read at the same time. The script is
//!    told the former, and so answers `mapped` by what was true a moment ago: a number that moves just then takes the call
//!    with it only if the join that moves it, which looks for calls that came meanwhile, still finds it.
//! 2. The place is written before the session, so that a session never lacks it: what knows only the session's id finds it,
//!    and a copy under another user does too. One without a session leads nowhere, is taken over by whoever comes next, and
//!    expires with the others.
//! 3. The script runs.
//! 4. A number that was nobody's is made the user's. Lost, that costs nothing: the next call derives the same id.
//!
//! Two copies of one call that are written at the same moment under two users may both be kept; in the flat layout one of
//! them is refused.

use std::sync::LazyLock;

use redial_identity::{PhoneHash, UserId};
use redial_memory::digest::SessionDigest;
use redial_memory::model::{MAX_SESSION_BYTES, SCHEMA_VERSION};
use redial_memory::session_id::SessionId;
use tokio::time::Instant;

use super::advice::Trouble;
use super::reply::{self, Committed, UNREADABLE};
use super::script::Script;
use super::{RedisStore, document, mapped, profile_ttl_s, ttl_s, wrong_type};
use crate::rules::{self, MAX_PROFILE_DOCUMENT};
use crate::store::{Commit, MemoryError, Outcome};

static COMMIT: LazyLock<Script> = LazyLock::new(|| Script::new("commit", include_str!("commit.lua")));
static KEEP_NUMBER: LazyLock<Script> = LazyLock::new(|| Script::new("keep_number", include_str!("keep_number.lua")));

/// A commit, checked and put into words.
struct Writing<'a> {
    commit: &'a Commit,
    session_id: &'a SessionId,
    session: Vec<u8>,
    profile: Vec<u8>,
    /// In hex.
    digest: String,
    turns: u64,
}

impl<'a> Writing<'a> {
    fn prepare(commit: &'a Commit) -> Result<Self, MemoryError> {
        let session = &commit.session;
        Ok(Self {
            session_id: &session.session_id,
            session: document("session", session, MAX_SESSION_BYTES)?,
            profile: document("profile", &commit.profile, MAX_PROFILE_DOCUMENT)?,
            digest: SessionDigest::of(session).to_hex(),
            turns: u64::try_from(session.conversation_history.len()).unwrap_or(u64::MAX),
            commit,
        })
    }

    fn hash(&self) -> Option<&'a PhoneHash> {
        self.commit.caller.hash.as_ref()
    }

    /// The number, where it is looked at and may be made the user's.
    fn number(&self) -> Option<&'a PhoneHash> {
        self.hash().filter(|_| !self.commit.number_has_moved)
    }

    fn user(&self) -> &'a UserId {
        &self.commit.user_id
    }
}

impl RedisStore {
    pub(super) async fn commit_call(&self, commit: &Commit, until: Instant) -> Result<Outcome, MemoryError> {
        let writing = Writing::prepare(commit)?;
        let outcome = if self.keys.is_tagged() {
            self.commit_tagged(&writing, until).await?
        } else {
            let nobody = writing.commit.number_has_moved.then_some(&b""[..]);
            self.commit_by_script(&writing, nobody, until).await?
        };
        if let Outcome::Applied { revision } = &outcome
            && *revision != UNREADABLE
        {
            let ttl_s = ttl_s(self.settings.session_ttl);
            tracing::info!(
                "Session saved for chat_id: {}, {} messages, TTL: {ttl_s}s",
                writing.session_id,
                writing.turns
            );
        }
        Ok(outcome)
    }

    async fn commit_tagged(&self, writing: &Writing<'_>, until: Instant) -> Result<Outcome, MemoryError> {
        let (session_id, user) = (writing.session_id, writing.user());
        let (place, owner) =
            tokio::try_join!(self.place_of(session_id, until), self.owner_of(writing.number(), until))?;
        let elsewhere = place.as_ref().filter(|place| *place != user);
        if let Some(place) = elsewhere
            && let Some(outcome) = self.look_elsewhere(writing, place, owner.as_deref(), until).await?
        {
            return Ok(outcome);
        }
        if !self.change_place(session_id, place.as_ref(), Some(user), until).await? {
            // Another copy of this call is being written; what comes of it is seen when this is tried again.
            return Err(self.unsettled());
        }
        let outcome = self.commit_by_script(writing, Some(owner.as_deref().unwrap_or_default()), until).await;
        match &outcome {
            Ok(Outcome::Applied { .. } | Outcome::Conflict { .. }) => {
                if let Some(hash) = writing.number() {
                    self.keep_number(hash, user, until).await;
                }
            }
            Ok(Outcome::Erased) => _ = self.change_place(session_id, Some(user), None, until).await?,
            Ok(Outcome::Mapped { .. }) | Err(MemoryError::WrongShape { .. } | MemoryError::Refused(_))
                if place.is_none() =>
            {
                self.change_place(session_id, Some(user), None, until).await?;
            }
            // Whether something was written is not known, or it is there.
            _ => (),
        }
        outcome
    }

    /// What a session in another user's slot means for the copy that is to be written; `None`: nothing, there is none.
    async fn look_elsewhere(
        &self,
        writing: &Writing<'_>,
        place: &UserId,
        owner: Option<&[u8]>,
        until: Instant,
    ) -> Result<Option<Outcome>, MemoryError> {
        let (session_id, user) = (writing.session_id, writing.user());
        let (session, done) = (self.keys.session(place, session_id), self.keys.done(place, session_id));
        let gone = async {
            let key = self.keys.gone(user);
            self.ask::<bool>(redis::cmd("EXISTS").arg(&key), until).await.map_err(|e| self.failed(&key, e))
        };
        let marker = async {
            let mut get = redis::cmd("HMGET");
            get.arg(&done).arg("d").arg("merged");
            self.ask::<(Option<Vec<u8>>, Option<Vec<u8>>)>(&get, until).await.map_err(|e| self.failed(&done, e))
        };
        let session = async {
            let mut exists = redis::cmd("EXISTS");
            exists.arg(&session);
            self.ask::<bool>(&exists, until).await.map_err(|e| self.failed(&session, e))
        };
        let (gone, (digest, merged), is_there) = tokio::try_join!(gone, marker, session)?;
        if gone {
            return Ok(Some(Outcome::Erased));
        }
        if digest.as_deref() == Some(writing.digest.as_bytes()) && merged.as_deref() == Some(b"1") {
            return Ok(Some(Outcome::Duplicate));
        }
        if let (Some(owner), Some(hash)) = (owner, writing.hash())
            && owner != user.as_str().as_bytes()
        {
            let user_id = mapped(owner).ok_or_else(|| self.no_user_id(hash))?;
            return Ok(Some(Outcome::Mapped { user_id }));
        }
        if is_there || digest.is_some() { Err(others()) } else { Ok(None) }
    }

    /// The text in a number's key.
    async fn owner_of(&self, hash: Option<&PhoneHash>, until: Instant) -> Result<Option<Vec<u8>>, MemoryError> {
        let Some(hash) = hash else { return Ok(None) };
        let key = self.keys.phone(hash);
        self.ask(redis::cmd("GET").arg(&key), until).await.map_err(|trouble| self.failed(&key, trouble))
    }

    /// An erasure marks its user first and looks for numbers then, so a number that was made an erased user's is found
    /// either there or here.
    async fn keep_number(&self, hash: &PhoneHash, user: &UserId, until: Instant) {
        let keeping = async {
            let mut script = KEEP_NUMBER.with_keys([self.keys.phone(hash)]);
            script.arg(user.as_str()).arg(profile_ttl_s(&self.settings));
            let made = self.run(&script, until).await?.yes()?;
            if made && self.ask(redis::cmd("EXISTS").arg(self.keys.gone(user)), until).await? {
                self.run(&self.handing_over(hash, user, None), until).await?.yes()?;
            }
            Ok::<(), Trouble>(())
        };
        if let Err(trouble) = keeping.await {
            tracing::debug!(error = %trouble, "a number's mapping was not extended");
        }
    }

    /// The script, once or, where the profile cannot be merged with, twice. `owner`: whose number it is, where the script
    /// cannot look.
    async fn commit_by_script(
        &self,
        writing: &Writing<'_>,
        owner: Option<&[u8]>,
        until: Instant,
    ) -> Result<Outcome, MemoryError> {
        let base_revision = writing.commit.base_revision;
        let mut done = self.write(writing, Some(base_revision), owner, until).await?;
        if done.status == "conflict" {
            if let Some(profile) = reply::profile_or_none_yet(&done.document) {
                return Ok(Outcome::Conflict { revision: done.revision, profile });
            }
            // It cannot be merged with, so it stays; that the call is done with it must be marked all the same.
            done = self.write(writing, None, owner, until).await?;
        }
        match done.status {
            "applied" => Ok(Outcome::Applied { revision: done.revision }),
            "kept" => Ok(Outcome::Applied { revision: UNREADABLE }),
            "duplicate" => Ok(Outcome::Duplicate),
            "differs" => {
                let stored = done.digest().ok_or_else(|| MemoryError::WrongShape {
                    key: self.keys.done(writing.user(), writing.session_id),
                    advice: "a digest is expected in its field `d`; move the key aside".to_owned(),
                })?;
                Ok(rules::differs(writing.session_id, stored, done.turns, Some(&done.document), writing.turns))
            }
            "mapped" => match (mapped(&done.text), writing.hash()) {
                (Some(user_id), _) => Ok(Outcome::Mapped { user_id }),
                (None, Some(hash)) => Err(self.no_user_id(hash)),
                (None, None) => Err(self.failed("", Trouble::NotRedis)),
            },
            "erased" => Ok(Outcome::Erased),
            "others" => Err(others()),
            "wrongtype" => {
                Err(wrong_type(done.key.and_then(|i| self.commit_keys(writing).into_iter().nth(i)), &done.text))
            }
            _ => Err(self.failed("", Trouble::NotRedis)), // the answer's reader knows no other
        }
    }

    fn commit_keys(&self, writing: &Writing<'_>) -> Vec<String> {
        let (user, session_id) = (writing.user(), writing.session_id);
        let mut keys =
            vec![self.keys.session(user, session_id), self.keys.done(user, session_id), self.keys.gone(user)];
        if writing.hash().is_some() {
            keys.extend([self.keys.profile(user), self.keys.sessions(user)]);
        }
        if let Some(number) = writing.number().filter(|_| !self.keys.is_tagged()) {
            keys.push(self.keys.phone(number));
        }
        keys
    }

    /// One trip; with no base revision the profile is left as it is.
    async fn write(
        &self,
        writing: &Writing<'_>,
        base_revision: Option<u64>,
        owner: Option<&[u8]>,
        until: Instant,
    ) -> Result<Committed, MemoryError> {
        let Writing { commit, session, profile, digest, turns, session_id } = writing;
        let keys = self.commit_keys(writing);
        let mut script = COMMIT.with_keys(&keys);
        script
            .arg(session_id.as_str())
            .arg(digest)
            .arg(*turns)
            .arg(session.as_slice())
            .arg(commit.user_id.as_str())
            .arg(commit.session.ended_at)
            .arg(SCHEMA_VERSION)
            .arg(ttl_s(self.settings.session_ttl))
            .arg(ttl_s(self.settings.marker_ttl))
            .arg(commit.replaces.map(|digest| digest.to_hex()).unwrap_or_default())
            .arg(MAX_SESSION_BYTES);
        if commit.caller.hash.is_some() {
            script
                .arg(base_revision.map_or_else(|| "none".to_owned(), |revision| revision.to_string()))
                .arg(profile.as_slice())
                .arg(profile_ttl_s(&self.settings))
                .arg(self.settings.keep_sessions)
                .arg(self.expired_before(commit.session.ended_at))
                .arg(owner.unwrap_or_default())
                .arg(MAX_PROFILE_DOCUMENT);
        }
        let answer = self.run(&script, until).await;
        answer.and_then(|answer| Committed::read(answer, keys.len())).map_err(|trouble| self.failed("", trouble))
    }

    /// Sessions that ended before this have no document any more, Unix ms; 0 when documents are kept for ever.
    /// A document may be written later than its call ended, and lives from then on: the marker's TTL is how late
    /// that is expected to be.
    fn expired_before(&self, ended_at: u64) -> u64 {
        if self.settings.session_ttl.is_zero() {
            return 0;
        }
        let life_s = ttl_s(self.settings.session_ttl).saturating_add(ttl_s(self.settings.marker_ttl));
        ended_at.saturating_sub(life_s.saturating_mul(1000))
    }
}

fn others() -> MemoryError {
    MemoryError::Refused("another caller's session has this id".to_owned())
}
