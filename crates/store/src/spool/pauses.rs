//! How long entries wait between attempts, also when the clock is set meanwhile.

use std::time::Duration;

use redial_supervision::Backoff;
use rusqlite::params;

use crate::sqlite::Rows;
use crate::store::MemoryError;

/// Between attempts to deliver to a store.
pub(super) const PAUSES: Backoff = Backoff::new(Duration::from_millis(20), Duration::from_secs(10));

/// A model costs money and time, so it is asked again much later than a store.
pub(super) const SUMMARY_PAUSES: Backoff = Backoff::new(Duration::from_secs(5), Duration::from_secs(2500));

/// Moves all times in the outbox by `jump_ms`, as the clock was set by that while the process ran: entries wait, and are
/// kept, as long as they would have been.
pub(super) fn follow_clock(rows: &Rows<'_>, jump_ms: i64) -> Result<(), MemoryError> {
    for sql in [
        "UPDATE outbox SET next_at = max(next_at + ?1, 0) WHERE delivered IS NULL AND next_at > 0",
        "UPDATE outbox SET delivered = max(delivered + ?1, 0) WHERE delivered IS NOT NULL",
    ] {
        rows.change(sql, params![jump_ms])?;
    }
    Ok(())
}

/// The same for a clock that was set back while no process ran. It is seen by an entry that would wait longer than any
/// pause, which is due then, and by one that was delivered later than now.
pub(super) fn catch_up_with_clock(rows: &Rows<'_>) -> Result<(), MemoryError> {
    let longest_ms = |backoff: &Backoff| u64::try_from(backoff.longest().as_millis()).unwrap_or(u64::MAX);
    rows.change(
        "UPDATE outbox SET next_at = 0 WHERE delivered IS NULL
         AND next_at > ?1 + CASE kind WHEN 'summary' THEN ?2 ELSE ?3 END",
        params![rows.now, longest_ms(&SUMMARY_PAUSES), longest_ms(&PAUSES)],
    )?;
    rows.change("UPDATE outbox SET delivered = ?1 WHERE delivered > ?1", params![rows.now])?;
    Ok(())
}
