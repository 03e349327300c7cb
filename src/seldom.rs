//! Lines of the log that a stranger could have written without end: so many in a while, and then how many were left out.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Lets a line through, but not too often. For each kind of line one of these: a `static`, or one a call.
#[derive(Debug)]
pub(crate) struct Seldom {
    lines: u32,
    every: Duration,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    since: Option<Instant>,
    said: u32,
    unsaid: u64,
}

impl Seldom {
    /// `lines` in each `every`.
    pub(crate) const fn new(lines: u32, every: Duration) -> Self {
        Self { lines, every, state: Mutex::new(State { since: None, said: 0, unsaid: 0 }) }
    }

    /// Some: the line may be written, and so many like it were not since the last. None: it is counted instead.
    pub(crate) fn due(&self) -> Option<u64> {
        self.due_at(Instant::now())
    }

    fn due_at(&self, now: Instant) -> Option<u64> {
        // Two numbers and a time are whole at any moment.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.since.is_none_or(|since| now.saturating_duration_since(since) >= self.every) {
            state.since = Some(now);
            state.said = 0;
        }
        if state.said == self.lines {
            state.unsaid += 1;
            return None;
        }
        state.said += 1;
        Some(std::mem::take(&mut state.unsaid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_said_is_counted_and_told_with_the_next_line() {
        let seldom = Seldom::new(2, Duration::from_secs(10));
        let began = Instant::now();
        let at = |seconds: u64| seldom.due_at(began + Duration::from_secs(seconds));
        assert_eq!([at(0), at(1), at(2), at(9)], [Some(0), Some(0), None, None]);
        assert_eq!([at(10), at(11), at(12)], [Some(2), Some(0), None]);
        assert_eq!(at(60), Some(1));
    }
}
