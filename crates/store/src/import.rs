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
mod request;
mod sarah;
pub(crate) mod single;
mod source;
mod time;
mod writer;

use std::time::Duration;

pub use self::phones::{Phones, PhonesError};
pub use self::report::{Line, Outcome, Report};
pub use self::request::{Import, ImportError, Layout};
use self::source::Source;
use self::writer::Writer;
use super::directory::Memory;
use super::settings::StoreSettings;

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
