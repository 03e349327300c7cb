//! Log lines that a stranger could ask for a thousand times a second.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a count lasts.
const WINDOW: Duration = Duration::from_secs(10);
/// Lines that are written within it; more are counted and told with the first of the next window.
const LINES: u32 = 5;

/// Whether a line may be written now: five in ten seconds.
#[derive(Debug)]
pub(crate) struct Limited {
    window: Mutex<Window>,
}

#[derive(Debug)]
struct Window {
    since: Option<Instant>,
    written: u32,
    left_out: u64,
}

impl Limited {
    /// Nothing was written yet.
    pub(crate) const fn new() -> Self {
        Self { window: Mutex::new(Window { since: None, written: 0, left_out: 0 }) }
    }

    /// `Some` if the line is to be written, with how many were left out before it.
    pub(crate) fn due(&self) -> Option<u64> {
        self.due_at(Instant::now())
    }

    fn due_at(&self, now: Instant) -> Option<u64> {
        // No code panics while it holds the lock.
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        if window.since.is_none_or(|since| now.duration_since(since) >= WINDOW) {
            window.since = Some(now);
            window.written = 0;
        }
        if window.written >= LINES {
            window.left_out += 1;
            return None;
        }
        window.written += 1;
        Some(std::mem::take(&mut window.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_lines_becomes_a_few_with_a_count() {
        let (limited, start) = (Limited::new(), Instant::now());
        let written = (0..1000).filter(|_| limited.due_at(start) == Some(0)).count();
        assert_eq!(written, 5);
        assert_eq!(limited.due_at(start + WINDOW), Some(995));
        assert_eq!(limited.due_at(start + WINDOW), Some(0));
    }
}
