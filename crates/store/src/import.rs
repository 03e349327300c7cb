//! Taking over what four older layouts of chat memory left in Redis. Nothing at the source is changed or deleted.
//!
//! A layout's own file says which key is what and reads the documents (pure); `source` fetches them, `people` puts
//! together what belongs to one person, `writer` commits it. Everything is written through [`Store`](super::store::Store), as a finished
//! call is, under names that are the same every time: an import that is repeated finds what it wrote before.

mod aegen;
mod agent;
mod conversation;
mod documents;
mod people;
mod phones;
mod report;
mod sarah;
pub(crate) mod single;
mod source;
mod time;
mod writer;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use redial_memory::consent::ConsentMode;
use secrecy::SecretString;

pub use self::phones::{Phones, PhonesError};
pub use self::report::{Line, Outcome, Report};
use self::source::Source;
use self::writer::Writer;
use super::directory::Memory;
use super::settings::StoreSettings;
use super::store::MemoryError;

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

/// Settings of a store that is opened for an import: commits are remembered for as long as the source may still be
/// there to be imported again, as a session that is written twice would else count as two calls.
pub fn settings(settings: &StoreSettings) -> StoreSettings {
    const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);
    StoreSettings { marker_ttl: settings.profile_ttl.unwrap_or(YEAR).max(settings.marker_ttl), ..settings.clone() }
}

/// Imports. `now` (Unix ms) is the time of what does not tell its own.
///
/// Each person's sessions are written oldest first, each with its digest, so that a repeated import changes nothing.
/// The store is to be opened with [`settings`].
///
/// # Errors
/// When the source or the store goes away. What single keys lack is in the report.
///
/// # Cancel safety
/// Dropped, the import stops between two commits or loses the answer of one; running it again is harmless.
pub async fn run(import: &Import, store: &dyn Memory, now: u64) -> Result<Report, ImportError> {
    if import.prefix.is_empty() || !import.prefix.bytes().all(is_part_of_prefix) {
        return Err(ImportError::Prefix(import.prefix.clone()));
    }
    let source = Source::connect(&import.source).await?;
    let mut report = Report { dry_run: import.dry_run, ..Report::default() };
    let owners = people::owners(&source, import.layout, &import.prefix, &mut report).await?;
    let writer = Writer::new(store, import, now);
    for (id, owned) in owners {
        let person = people::person(&source, import.layout, id, owned, &mut report).await?;
        writer.write(person, &mut report).await?;
    }
    Ok(report)
}

/// No glob gets into a pattern.
fn is_part_of_prefix(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b':')
}
