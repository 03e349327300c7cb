//! What is to be imported, and why an import stops.

use std::fmt;
use std::str::FromStr;

use redial_memory::consent::ConsentMode;
use secrecy::SecretString;

use super::phones::Phones;
use crate::store::MemoryError;

/// Who wrote what is to be imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// A chat in one JSON document: `session:chat:{chat_id}`.
    Aegen,
    /// A list of messages and a rolling summary: `conversation:messages:{id}`, `conversation:summary:{id}`.
    Conversation,
    /// LangChain's lists by agent, user and session, `agent:memory:…`, and profiles `agent:profile:…`.
    Agent,
    /// Phone hash, user, profile, sessions: `sarah:phone:{hash}` and the keys that it leads to.
    Sarah,
}

impl Layout {
    /// All of them, by the names that the command line knows.
    pub const ALL: [(&'static str, Self); 4] =
        [("aegen", Self::Aegen), ("conversation", Self::Conversation), ("agent", Self::Agent), ("sarah", Self::Sarah)];

    /// The first part of its keys, unless the deployment changed it.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Aegen => "session:chat",
            Self::Conversation => "conversation",
            Self::Agent => "agent",
            Self::Sarah => "sarah",
        }
    }

    /// The Redis database that it uses, where it says which.
    pub const fn database(self) -> Option<u16> {
        match self {
            Self::Aegen => Some(1),
            Self::Conversation | Self::Agent | Self::Sarah => None,
        }
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::ALL.iter().find_map(|(name, layout)| (layout == self).then_some(*name));
        f.write_str(name.unwrap_or_default())
    }
}

impl FromStr for Layout {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let known = Self::ALL.iter().find_map(|(known, layout)| (*known == name).then_some(*layout));
        known.ok_or_else(|| "one of aegen, conversation, agent, sarah is expected".to_owned())
    }
}

/// What to import, and from where.
#[derive(Debug)]
pub struct Import {
    /// Who wrote it.
    pub layout: Layout,
    /// The server and database that hold it.
    pub source: SecretString,
    /// First part of the source's keys.
    pub prefix: String,
    /// Whose number is whose, where the layout does not know.
    pub phones: Phones,
    /// How callers agree to being remembered: what they did not agree to goes into no profile.
    pub consent: ConsentMode,
    /// Read and report, write nothing.
    pub dry_run: bool,
}

/// Why an import stopped. What was written until then is found again by the next attempt.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// A prefix that would match more, or other, keys than those below it.
    #[error("the prefix {0:?} has characters other than letters, digits, `.` `_` `-` and `:`")]
    Prefix(String),
    /// The source does not answer, or not as a single Redis server does.
    #[error("the source cannot be read: {0}; nothing was lost, run the import again")]
    Source(#[source] redis::RedisError),
    /// The source is a cluster, of which one connection shows a part only.
    #[error(
        "the source is a cluster, of which one node shows a part only: import each master by itself, without cluster mode"
    )]
    Cluster,
    /// The store went away and did not come back.
    #[error("the import stopped; what was written is found again when it is run again")]
    Store(#[source] MemoryError),
}
