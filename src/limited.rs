//! Log lines that somebody outside can cause: a few at once, then one now and then, with how many were left out.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Lines that are written one after the other before any is left out.
const AT_ONCE: u32 = 20;
/// After those, a line is due each time that this has passed.
const EVERY: Duration = Duration::from_secs(5);

/// Says which of the lines of one kind are written.
#[derive(Debug)]
pub(crate) struct Limited {
    inner: Mutex<Option<Inner>>,
}

#[derive(Debug)]
struct Inner {
    /// Lines that may be written at once.
    room: u32,
    /// Since when the next one is saved up.
    since: Instant,
    left_out: u64,
}

impl Limited {
    pub(crate) const fn new() -> Self {
        Self { inner: Mutex::new(None) }
    }

    /// Whether a line is due: with the number of lines that were left out before it.
    pub(crate) fn due(&self) -> Option<u64> {
        self.due_at(Instant::now())
    }

    fn due_at(&self, now: Instant) -> Option<u64> {
        // Nothing panics under the lock.
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let inner = inner.get_or_insert(Inner { room: AT_ONCE, since: now, left_out: 0 });
        let saved = now.saturating_duration_since(inner.since).as_secs() / EVERY.as_secs();
        if saved > 0 {
            inner.room = inner.room.saturating_add(u32::try_from(saved).unwrap_or(u32::MAX)).min(AT_ONCE);
            inner.since = now;
        }
        match inner.room.checked_sub(1) {
            Some(room) => {
                inner.room = room;
                Some(std::mem::take(&mut inner.left_out))
            }
            None => {
                inner.left_out += 1;
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_leaves_a_few_lines_and_none_is_left_out_uncounted() {
        let (limited, start) = (Limited::new(), Instant::now());
        let mut written = 0;
        let mut told = 0;
        for ms in 0..60_000 {
            if let Some(left_out) = limited.due_at(start + Duration::from_millis(ms)) {
                (written, told) = (written + 1, told + left_out);
            }
        }
        assert!((20..=32).contains(&written), "{written} lines");
        let last = limited.due_at(start + Duration::from_secs(100)).unwrap();
        assert_eq!(written + told + last, 60_000);
    }

    #[test]
    fn what_happens_now_and_then_is_always_written() {
        let (limited, start) = (Limited::new(), Instant::now());
        assert!((0..1000).all(|n| limited.due_at(start + EVERY * n) == Some(0)));
    }
}
