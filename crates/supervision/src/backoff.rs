//! Pauses that grow with each failure.

use std::time::Duration;

use crate::jitter::jittered;

/// The pauses between attempts: the first one doubled with each failure, up to the longest, with up to half of it taken
/// off at random, so that many who wait do not come back in step.
///
/// [`jitter::repeatable`](crate::jitter::repeatable) makes them the same at every run.
#[derive(Debug, Clone)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    failures: u32,
}

impl Backoff {
    /// No failure yet. `first`: after the first failure, at most.
    pub const fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest, failures: 0 }
    }

    /// Counts a failure. Answers how long to wait before the next attempt.
    pub fn failed(&mut self) -> Duration {
        let pause = self.pause_after(self.failures);
        self.failures = self.failures.saturating_add(1);
        pause
    }

    /// An attempt has succeeded: the next pause is the first one again.
    pub fn succeeded(&mut self) {
        self.failures = 0;
    }

    /// Failures since the last success.
    pub const fn failures(&self) -> u32 {
        self.failures
    }

    /// How long to wait when there were so many failures before this one, for whoever counts them elsewhere.
    pub fn pause_after(&self, earlier_failures: u32) -> Duration {
        let doubled = 2_u32.saturating_pow(earlier_failures);
        jittered(self.first.saturating_mul(doubled).min(self.longest))
    }

    /// The longest pause.
    pub const fn longest(&self) -> Duration {
        self.longest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jitter::repeatable;

    const FIRST: Duration = Duration::from_millis(20);
    const LONGEST: Duration = Duration::from_millis(500);

    #[test]
    fn pauses_double_up_to_the_longest_and_start_again_after_a_success() {
        let mut backoff = Backoff::new(FIRST, LONGEST);
        for _ in 0..3 {
            for whole_ms in [20, 40, 80, 160, 320, 500, 500, 500] {
                let whole = Duration::from_millis(whole_ms);
                let pause = backoff.failed();
                assert!((whole / 2..=whole).contains(&pause), "{pause:?} of {whole:?}");
            }
            assert_eq!(backoff.failures(), 8);
            backoff.succeeded();
            assert_eq!(backoff.failures(), 0);
        }
    }

    #[test]
    fn no_count_of_failures_is_too_large() {
        let backoff = Backoff::new(Duration::from_secs(5), Duration::from_secs(2500));
        for failures in [31, 32, 64, u32::MAX] {
            let pause = backoff.pause_after(failures);
            assert!((backoff.longest() / 2..=backoff.longest()).contains(&pause), "{pause:?}");
        }
    }

    #[test]
    fn a_seed_repeats_the_pauses() {
        let drawn = |seed| {
            repeatable(seed);
            let mut backoff = Backoff::new(FIRST, LONGEST);
            [(); 8].map(|()| backoff.failed())
        };
        assert_eq!(drawn(7), drawn(7));
        assert_ne!(drawn(7), drawn(8));
    }
}
