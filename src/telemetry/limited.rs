//! Log lines that somebody outside could cause a thousand times a second: so many in a while, and then how many were left out.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a count lasts.
const WINDOW: Duration = Duration::from_secs(10);
/// Lines that are written within it; more are counted and told with the first of the next window.
const LINES: u32 = 10;

/// Whether a line may be written now. For each kind of line one of these: a `static`, or one a call.
#[derive(Debug)]
pub(crate) struct Limited {
    lines: u32,
    every: Duration,
    window: Mutex<Window>,
}

#[derive(Debug)]
struct Window {
    since: Option<Instant>,
    written: u32,
    left_out: u64,
}

impl Limited {
    /// Ten lines in ten seconds: for what strangers can cause.
    pub(crate) const fn new() -> Self {
        Self::to(LINES, WINDOW)
    }

    /// So many lines in each `every`.
    pub(crate) const fn to(lines: u32, every: Duration) -> Self {
        Self { lines, every, window: Mutex::new(Window { since: None, written: 0, left_out: 0 }) }
    }

    /// `Some` if the line is to be written, with how many were left out before it.
    pub(crate) fn due(&self) -> Option<u64> {
        self.due_at(Instant::now())
    }

    fn due_at(&self, now: Instant) -> Option<u64> {
        // No code panics while it holds the lock.
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        if window.since.is_none_or(|since| now.saturating_duration_since(since) >= self.every) {
            window.since = Some(now);
            window.written = 0;
        }
        if window.written >= self.lines {
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
        assert_eq!(written, 10);
        assert_eq!(limited.due_at(start + WINDOW), Some(990));
        assert_eq!(limited.due_at(start + WINDOW), Some(0));
    }

    #[test]
    fn what_is_left_out_is_counted_and_told_with_the_next_line() {
        let limited = Limited::to(2, Duration::from_secs(10));
        let began = Instant::now();
        let at = |seconds: u64| limited.due_at(began + Duration::from_secs(seconds));
        assert_eq!([at(0), at(1), at(2), at(9)], [Some(0), Some(0), None, None]);
        assert_eq!([at(10), at(11), at(12)], [Some(2), Some(0), None]);
        assert_eq!(at(60), Some(1));
    }
}
