//! The store: one trait, three implementations (Redis, one SQLite file, this process), one conformance suite.

use async_trait::async_trait;
use redial_identity::{Caller, UserId};
use redial_memory::digest::SessionDigest;
use redial_memory::model::{Profile, SessionDoc};
use redial_memory::session_id::SessionId;
use tokio::sync::watch;

/// Where callers and sessions are kept. All operations are idempotent, so a caller may retry any of them.
#[async_trait]
pub trait Store: Send + Sync {
    /// Finds the caller, or creates them; loads what is known. One round trip. Refreshes the profile's TTLs.
    ///
    /// # Errors
    /// When the store cannot be reached or holds something of another shape; the call then goes on as a stranger's.
    async fn begin_call(&self, caller: &Caller) -> Result<Known, MemoryError>;

    /// Writes a finished session and the profile that it changes, in one atomic step.
    ///
    /// # Errors
    /// [`MemoryError::Unavailable`]: try again, the write is idempotent. Others are final.
    async fn commit_session(&self, commit: &Commit) -> Result<Outcome, MemoryError>;

    /// Reads a finished session, if it has not expired.
    ///
    /// # Errors
    /// As for [`Store::begin_call`].
    async fn load_session(&self, session_id: &SessionId) -> Result<Option<SessionDoc>, MemoryError>;

    /// Checks that the store answers.
    ///
    /// # Errors
    /// The advice that an operator needs is in the error's text.
    async fn health(&self) -> Result<Health, MemoryError>;

    /// Which server answers, and when another one does: what was committed lately is then sent again, as a server that
    /// restarted, or took over, may have lost it. `None` while none answers. A store without a server is always the same.
    fn server(&self) -> watch::Receiver<Option<ServerId>> {
        watch::channel(Some(ServerId("local".to_owned()))).1
    }

    /// The mark that the outbox of this name, an id, has left at the server: when it is gone, or lower than it was, the
    /// server has forgotten what came after it, though it may be the same one all the while. A store that cannot forget
    /// has [`Mark::None`].
    ///
    /// # Errors
    /// [`MemoryError::Unavailable`] when it is not known.
    async fn mark(&self, _outbox: &str) -> Result<Mark, MemoryError> {
        Ok(Mark::None)
    }

    /// Leaves a mark, for 30 days.
    ///
    /// # Errors
    /// As for [`Store::mark`]; the mark may be there all the same.
    async fn set_mark(&self, _outbox: &str, _mark: u64) -> Result<(), MemoryError> {
        Ok(())
    }
}

/// What became of a mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// None is kept here.
    None,
    /// It is not there.
    Missing,
    /// It is there.
    At(u64),
}

/// Names one life of one server; equal names hold the same data. Opaque.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerId(pub String);

/// What the store knows of a caller at the start of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Who it is. Derived from the number, random for a withheld one.
    pub user_id: UserId,
    /// True when the phone → user mapping was made by this very call.
    pub created: bool,
    /// Finished calls counted before this one.
    pub calls: u64,
    /// When the last call ended, Unix ms.
    pub last_call_at: Option<u64>,
    /// The profile; the empty one for a stranger.
    pub profile: Profile,
    /// The profile's revision, to be named when it is changed. 0: there is none yet.
    pub revision: u64,
}

impl Known {
    /// Somebody of whom nothing is known, and nothing can be looked up: the number is withheld.
    pub(crate) fn stranger(user_id: UserId) -> Self {
        Self { user_id, created: true, calls: 0, last_call_at: None, profile: Profile::default(), revision: 0 }
    }
}

/// A hang-up, to be written.
#[derive(Debug, Clone)]
pub struct Commit {
    /// Whose call.
    pub caller: Caller,
    /// The user id that [`Store::begin_call`] answered, or the derived one when it was not reached.
    pub user_id: UserId,
    /// The finished session.
    pub session: SessionDoc,
    /// The profile as this call leaves it.
    pub profile: Profile,
    /// The revision that `profile` was made from.
    pub base_revision: u64,
    /// The stored copy of this call that `session` takes the place of, having been united with it; `None` until
    /// [`Outcome::Differs`] has named one.
    pub replaces: Option<SessionDigest>,
    /// The number is somebody else's by now, and was not when the call ended: the call is written as that of `user_id` all
    /// the same, and the number is left alone.
    pub number_has_moved: bool,
}

/// What a commit did.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "made once a write and moved at once")]
pub enum Outcome {
    /// Session and profile are written.
    Applied {
        /// The profile's new revision.
        revision: u64,
    },
    /// This very session was written before; nothing changed.
    Duplicate,
    /// The session is written and counted, but the profile has moved on: merge with it and commit again.
    Conflict {
        /// The profile's present revision.
        revision: u64,
        /// The profile as it is now.
        profile: Profile,
    },
    /// Another copy of this call is stored, and nothing was written: unite with it and commit again, naming its digest.
    Differs {
        /// The stored copy; `None` when it has expired or cannot be read, and has fewer turns than the one to be written.
        stored: Option<Box<SessionDoc>>,
        /// Its digest.
        digest: SessionDigest,
    },
    /// The number belongs to another user than the commit names (it was linked, or its user merged with another, or came
    /// back after an erasure, while the lookup had failed), and nothing was written: commit again under that user.
    ///
    /// Not answered for a session that is stored under the named user already.
    Mapped {
        /// Whose number it is.
        user_id: UserId,
    },
    /// The user was erased in the meantime; nothing is kept. Also when the number belongs to somebody new since: a call
    /// whose lookup failed cannot be told from one that ended before the erasure.
    Erased,
}

/// A store that answers.
#[derive(Debug, Clone, PartialEq)]
pub struct Health {
    /// Which kind it is: `redis`, `sqlite`, `process`.
    pub kind: &'static str,
    /// Round trip in ms.
    pub latency_ms: f64,
    /// What an operator should know: what would cost callers their memory, and the way out.
    pub findings: Vec<String>,
}

/// Why memory failed, told apart by what the caller of the store does about it.
#[derive(Debug, thiserror::Error)]
pub enum MemoryError {
    /// Try again later; the call goes on meanwhile.
    #[error("memory is not reachable: {advice}")]
    Unavailable {
        /// What an operator should look at.
        advice: String,
        /// What happened.
        #[source]
        source: Option<crate::BoxError>,
    },
    /// Something of another shape is stored under one of our keys. Never deleted by us.
    #[error("`{key}` holds something else: {advice}")]
    WrongShape {
        /// Which key (it holds no number).
        key: String,
        /// What an operator should do.
        advice: String,
    },
    /// The document is larger than the store takes, or cannot be written.
    #[error("refused: {0}")]
    Refused(String),
}
