//! An entry of the outbox: what is to be delivered.

use redial_identity::{Caller, PhoneHash};
use redial_memory::model::SessionDoc;
use redial_memory::session_id::SessionId;

use crate::store::MemoryError;

/// What an entry asks of whom it is delivered to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Write a finished session, and fold it into the caller's profile.
    Session,
    /// Erase a user.
    Erase,
    /// Erase whomever a number leads to; the body holds its older hashes.
    EraseNumber,
    /// Let a model write a better summary of a session that is written.
    Summary,
    /// Offer a session that is written to the archive.
    Archive,
    /// Erase a user in the archive.
    EraseArchived,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Session, Self::Erase, Self::EraseNumber, Self::Summary, Self::Archive, Self::EraseArchived];

    /// As it stands in the file.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Erase => "erase",
            Self::EraseNumber => "erase_number",
            Self::Summary => "summary",
            Self::Archive => "archive",
            Self::EraseArchived => "erase_archived",
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == text)
    }

    /// A slow model or archive keeps no session waiting: they have lanes of their own.
    const fn lane(self) -> char {
        match self {
            Self::Session | Self::Erase | Self::EraseNumber => 's',
            Self::Summary => 'm',
            Self::Archive | Self::EraseArchived => 'a',
        }
    }

    /// The lane of an entry of this kind: one for each user. What is in a lane is delivered in its order.
    pub(super) fn lane_of(self, uid: &str) -> String {
        format!("{}:{uid}", self.lane())
    }
}

/// An entry of the outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its number; later entries have higher ones.
    pub seq: i64,
    /// What is to be done.
    pub kind: Kind,
    /// Whose it is.
    pub caller: Caller,
    /// The session; `None` for an erasure.
    pub session_id: Option<SessionId>,
    /// The session as JSON; of an erasure by number the older hashes, of another one empty, or why it is queued.
    pub body: String,
    /// Failed attempts so far.
    pub tries: u32,
    /// Not before this, Unix ms.
    pub next_at: u64,
    /// The instance that had the call, if it is known.
    pub instance: Option<String>,
    /// True once what follows from its delivery is queued.
    pub followed: bool,
}

impl Entry {
    /// The session's id for a log line; empty for an erasure.
    pub(super) fn sid(&self) -> &str {
        self.session_id.as_ref().map_or("", SessionId::as_str)
    }
}

/// The session of an entry that has one.
pub(super) fn session_of(entry: &Entry) -> Result<SessionDoc, MemoryError> {
    serde_json::from_str(&entry.body).map_err(|_| MemoryError::WrongShape {
        key: format!("outbox entry {}", entry.seq),
        advice: "the document is no session that this version can read; upgrade, then retry it".to_owned(),
    })
}

/// The older hashes of an erasure by number.
pub(super) fn older_of(entry: &Entry) -> Result<Vec<PhoneHash>, MemoryError> {
    let hashes: Option<Vec<String>> = serde_json::from_str(&entry.body).ok();
    let hashes = hashes.map(|hashes| hashes.iter().map(|hash| PhoneHash::parse(hash)).collect::<Result<_, _>>());
    hashes.and_then(Result::ok).ok_or_else(|| MemoryError::WrongShape {
        key: format!("outbox entry {}", entry.seq),
        advice: "it holds no hashes; erase the person again, by the number".to_owned(),
    })
}
