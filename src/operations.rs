//! People's rights and operators' hands: what the command line and the API both do with what is remembered.
//!
//! | module | does |
//! | --- | --- |
//! | `subject` | who is meant: a number, or a user id |
//! | `list`, `show`, `why` | who is remembered, what of them, and where that comes from |
//! | `export` | everything that is held of a person, as JSON |
//! | `forget` | erases a person, and answers with a receipt |
//! | `merge`, `split` | makes two people one; lets a number be somebody new |
//! | `profile` | reads a profile, and puts another one in its place |
//! | `sessions` | finished calls |
//! | `selftest`, `check` | whether memory works, and how it is |
//! | `queue` | what waits to be delivered, and what cannot be |
//! | `audit` | the line that each of them leaves |
//!
//! A number is read here, hashed, and never repeated: in no answer, no error and no log.

pub mod audit;
mod check;
mod export;
mod forget;
mod list;
mod merge;
mod profile;
mod queue;
mod selftest;
mod sessions;
mod show;
mod split;
mod subject;
mod why;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use redial_identity::Keys;
use redial_store::archive::{Archive, ArchiveError};
use redial_store::directory::Memory;
use redial_store::spool::{LiveCalls, Spool};
use redial_store::store::MemoryError;

pub use self::check::{Check, HeldFigures, SpoolState};
pub use self::export::{CallLogExport, Export, QueuedSession};
pub use self::forget::{Erasure, HereErased, Receipt, StoreErased};
pub use self::list::{CallerLine, Callers};
pub use self::merge::Merged;
pub use self::profile::StoredProfile;
pub use self::queue::{DeadEntry, DeadLine, QueueLine};
pub use self::selftest::{SelfTest, Step};
pub use self::sessions::{Cleared, SessionLine, Sessions};
pub use self::show::CallerView;
pub use self::split::Split;
pub use self::subject::Subject;
pub use self::why::{Remembered, Source, Why};

/// Where operations act. Cheap to copy.
#[derive(Clone, Copy)]
pub struct Operations<'a> {
    /// Callers and sessions.
    pub store: &'a dyn Memory,
    /// Journal and outbox of this data directory.
    pub spool: &'a Spool,
    /// Where finished calls are for good, if anywhere.
    pub archive: Option<&'a dyn Archive>,
    /// The calls of this process; `None` beside a gateway, which finds out by itself within 10 s.
    pub live: Option<&'a dyn LiveCalls>,
    /// From numbers to names.
    pub keys: &'a Keys,
    /// The country of numbers without `+`, ISO 3166.
    pub region: &'a str,
}

/// Why an operation was not done, told apart by what whoever asked does about it. No text repeats a number.
#[derive(Debug, thiserror::Error)]
pub enum OperationError {
    /// Ask for something else.
    #[error("{0}")]
    Invalid(String),
    /// There is nobody, or nothing, of that name.
    #[error("{0}")]
    NotFound(String),
    /// It has changed meanwhile: look again, then decide.
    #[error("{0}")]
    Conflict(String),
    /// The store, or this machine's disk.
    #[error(transparent)]
    Memory(#[from] MemoryError),
    /// The archive.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
}

/// The present time as documents have it.
fn now_rfc3339() -> String {
    humantime::format_rfc3339_millis(SystemTime::now()).to_string()
}

/// The present time, Unix ms.
fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}

/// A time of a document, Unix ms, for people.
pub fn rfc3339(unix_ms: u64) -> String {
    let time = UNIX_EPOCH.checked_add(Duration::from_millis(unix_ms)).unwrap_or(UNIX_EPOCH);
    humantime::format_rfc3339_seconds(time).to_string()
}

/// A listing that refuses has been asked for a page that there is none of.
fn no_page(error: MemoryError) -> OperationError {
    match error {
        MemoryError::Refused(why) => OperationError::Invalid(why),
        error => error.into(),
    }
}

/// The most entries of one page.
pub const MAX_PAGE: usize = 500;
