//! What a carrier may send: judged by how long its audio lasts, not by how its messages arrive.
//!
//! A line or a process that stood still brings seconds of a call at once, and messages may be shorter than 20 ms. Neither is a
//! flood. What lasts longer than the time in which it came is: as audio it is left out, and if it goes on and on, the peer is
//! no carrier.

use std::time::Duration;

use tokio::time::Instant;

/// How much more audio than time there may be: longer than a line may stand still before it counts as dead.
const AUDIO_DEPTH: Duration = Duration::from_secs(15);
/// The least that a message with audio counts for, however little is in it.
const LEAST_AUDIO: Duration = Duration::from_millis(1);
/// Each message without audio counts for this: 50 a second, ten times of what marks and keys come to.
const OTHER: Duration = Duration::from_millis(20);
/// And 750 at once.
const OTHER_DEPTH: Duration = Duration::from_secs(15);
/// Each message that is left out counts for this: 200 a second are borne for ever,
const SHED: Duration = Duration::from_millis(5);
/// and 1000 at once.
const SHED_DEPTH: Duration = Duration::from_secs(5);

/// What to do with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Take,
    /// Leave it out; the call goes on.
    Shed,
    /// So much was left out that the peer is no carrier.
    Flood,
}

/// The budget of one stream.
#[derive(Debug)]
pub(super) struct Budget {
    audio: Allowance,
    others: Allowance,
    shed: Allowance,
}

impl Budget {
    pub(super) const fn new(now: Instant) -> Self {
        Self {
            audio: Allowance::new(now, AUDIO_DEPTH),
            others: Allowance::new(now, OTHER_DEPTH),
            shed: Allowance::new(now, SHED_DEPTH),
        }
    }

    /// A message with audio of this length came.
    pub(super) fn audio(&mut self, now: Instant, length: Duration) -> Verdict {
        // A carrier's clock may be a little faster than ours, for hours.
        let cost = length.max(LEAST_AUDIO) * 98 / 100;
        let taken = self.audio.take(now, cost);
        self.judge(now, taken)
    }

    /// Any other message came: of the protocol, a ping, or junk.
    pub(super) fn other(&mut self, now: Instant) -> Verdict {
        let taken = self.others.take(now, OTHER);
        self.judge(now, taken)
    }

    fn judge(&mut self, now: Instant, taken: bool) -> Verdict {
        if taken {
            Verdict::Take
        } else if self.shed.take(now, SHED) {
            Verdict::Shed
        } else {
            Verdict::Flood
        }
    }
}

/// Time that may be used up, a second each second, of which some can be saved.
#[derive(Debug)]
struct Allowance {
    depth: Duration,
    /// When all of it is there again.
    whole_at: Instant,
}

impl Allowance {
    const fn new(now: Instant, depth: Duration) -> Self {
        Self { depth, whole_at: now }
    }

    /// Uses some of it up, if there is enough.
    fn take(&mut self, now: Instant, cost: Duration) -> bool {
        let whole_at = self.whole_at.max(now) + cost;
        let enough = whole_at.duration_since(now) <= self.depth;
        if enough {
            self.whole_at = whole_at;
        }
        enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// How many of `count` messages are taken, left out, and called a flood, when they come at these times.
    fn verdicts(count: u32, at: impl Fn(u32) -> Duration, ask: impl Fn(&mut Budget, Instant) -> Verdict) -> [usize; 3] {
        let began = Instant::now();
        let mut budget = Budget::new(began);
        let all: Vec<Verdict> = (0..count).map(|n| ask(&mut budget, began + at(n))).collect();
        [Verdict::Take, Verdict::Shed, Verdict::Flood]
            .map(|wanted| all.iter().filter(|verdict| **verdict == wanted).count())
    }

    #[test]
    fn audio_in_real_time_is_no_flood_however_short_its_messages_are() {
        for length in [MS, 5 * MS, 10 * MS, 20 * MS, 2000 * MS] {
            let count = u32::try_from(Duration::from_secs(600).as_millis() / length.as_millis()).unwrap();
            let taken = verdicts(count, |n| length * n, |budget, now| budget.audio(now, length));
            assert_eq!(taken, [count as usize, 0, 0], "{length:?}");
        }
    }

    #[test]
    fn a_line_that_stands_still_for_nine_seconds_again_and_again_loses_nothing() {
        // Each ten seconds: one second as it should be, and then nine seconds at once.
        let at = |n: u32| {
            let (round, slot) = (n / 500, n % 500);
            10_000 * MS * round + if slot < 50 { 20 * MS * slot } else { 10_000 * MS }
        };
        assert_eq!(verdicts(5000, at, |budget, now| budget.audio(now, 20 * MS)), [5000, 0, 0]);
    }

    #[test]
    fn audio_that_lasts_longer_than_the_time_it_came_in_is_left_out_and_the_call_goes_on() {
        // Twice as much as there is time for.
        let [taken, shed, flood] = verdicts(6000, |n| 10 * MS * n, |budget, now| budget.audio(now, 20 * MS));
        assert!((3700..4000).contains(&taken), "{taken}");
        assert_eq!((taken + shed, flood), (6000, 0));
    }

    #[test]
    fn audio_without_end_is_a_flood() {
        let [taken, shed, flood] = verdicts(5000, |_| MS, |budget, now| budget.audio(now, 20 * MS));
        assert_eq!((taken, shed), (765, 1000));
        assert!(flood > 0);
    }

    #[test]
    fn junk_is_left_out_and_without_end_it_is_a_flood() {
        let a_stall = |n: u32| if n < 50 { 200 * MS * n } else { 20_000 * MS };
        assert_eq!(verdicts(600, a_stall, Budget::other), [600, 0, 0], "marks and keys of a stall");
        let [taken, shed, flood] = verdicts(3000, |_| MS, Budget::other);
        assert_eq!((taken, shed, flood), (750, 1000, 1250));
    }
}
