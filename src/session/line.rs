//! What time it is on the line, and in the call.
//!
//! Audio is of the moment at which it was spoken, not of that at which it arrives. A network or this process may stand still: then
//! seconds of it come at once. While the line stands still the call's clock does too, so that no pause ends, nobody is asked
//! whether they are still there, and nothing is said into a line that does not take it.

use std::time::Duration;

use tokio::time::Instant;

/// Audio that is older than this is not of now, and a line that brings none for so long stands still.
const STALE: Duration = Duration::from_secs(1);
/// The pace of a line is measured over so much audio.
const WINDOW: Duration = Duration::from_millis(500);
/// The longest step that a peer's timestamps are believed; audio that a carrier threw away is not longer.
const LONGEST_STEP: Duration = Duration::from_secs(60);
/// A line that takes longer than this to catch up is a slow one: what it brings is the present.
const LONGEST_CATCH_UP: Duration = Duration::from_secs(2);
/// How long the clock of a call may be held in all. What the peer sends decides when it is, and a call has to end some time.
const MOST_HELD: Duration = Duration::from_secs(120);

/// The session looks at the clock at least this often.
pub(super) const TICK: Duration = Duration::from_millis(500);
/// If it did not for so long, the process stood still.
const STOOD: Duration = Duration::from_secs(1);

/// How far the carrier's audio has come, and how late it is.
#[derive(Debug)]
pub(super) struct LinePace {
    began: Instant,
    last: Instant,
    timestamp_ms: Option<u64>,
    /// Where the latest audio belongs, counted from the first.
    position: Duration,
    /// From the beginning to the arrival of audio that is not late, less its position: in µs.
    live_us: i64,
    behind: Duration,
    catches_up_since: Option<Instant>,
    /// Where the pace is measured from.
    paced_from: (Instant, Duration),
    /// It has brought as much audio as there was time: it does so always, also when nobody speaks.
    flows: bool,
}

impl LinePace {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            began: now,
            last: now,
            timestamp_ms: None,
            position: Duration::ZERO,
            live_us: 0,
            behind: Duration::ZERO,
            catches_up_since: None,
            paced_from: (now, Duration::ZERO),
            flows: false,
        }
    }

    /// Audio came. Its own length counts, and the carrier's timestamp where it left some out.
    pub(super) fn on_audio(&mut self, now: Instant, length: Duration, timestamp_ms: Option<u64>) {
        let told = timestamp_ms.zip(self.timestamp_ms).and_then(|(new, old)| new.checked_sub(old));
        let told = told.map(Duration::from_millis).filter(|step| *step <= LONGEST_STEP).unwrap_or_default();
        self.timestamp_ms = timestamp_ms.or(self.timestamp_ms);
        self.position += length.max(told);
        let late_us = self.offset_us(now) - self.live_us;
        self.behind = Duration::from_micros(u64::try_from(late_us).unwrap_or(0));
        if late_us < 0 {
            self.is_live(now); // none was ever this early
        }
        self.measure(now);
        self.last = now;
        if self.behind <= STALE {
            self.catches_up_since = None;
        } else if now.duration_since(*self.catches_up_since.get_or_insert(now)) > LONGEST_CATCH_UP {
            self.is_live(now);
        }
    }

    /// As much audio as there is time is the pace of a line that lives: its audio is of now, however it compares to earlier.
    fn measure(&mut self, now: Instant) {
        let (since, from) = self.paced_from;
        if now.duration_since(self.last) > STALE {
            self.paced_from = (now, self.position);
        } else if self.position - from >= WINDOW {
            let (took, heard) = (now.duration_since(since), self.position - from);
            if took * 5 >= heard * 4 {
                self.flows |= took <= heard * 2;
                self.is_live(now);
            }
            self.paced_from = (now, self.position);
        }
    }

    fn is_live(&mut self, now: Instant) {
        self.live_us = self.offset_us(now);
        self.behind = Duration::ZERO;
        self.catches_up_since = None;
    }

    fn offset_us(&self, now: Instant) -> i64 {
        micros(now.duration_since(self.began)) - micros(self.position)
    }

    /// The latest audio was not spoken just now.
    pub(super) fn is_stale(&self) -> bool {
        self.behind > STALE
    }

    /// Whether it stands still, or has yet to bring what was said while it did.
    pub(super) fn stands_still(&self, now: Instant) -> bool {
        self.flows && (self.is_stale() || now.duration_since(self.last) > STALE)
    }
}

fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX / 2)
}

/// The time of a call: without the time in which its line, or this process, stood still.
#[derive(Debug)]
pub(super) struct Clock {
    time: Duration,
    seen: Instant,
    held: Duration,
    awake_since: Instant,
}

impl Clock {
    /// A call that has lasted for `before`.
    pub(super) const fn new(now: Instant, before: Duration) -> Self {
        Self { time: before, seen: now, held: Duration::ZERO, awake_since: now }
    }

    /// Goes on to now. Some: the process stood still for so long since this was last called.
    pub(super) fn advance(&mut self, now: Instant, line_stands_still: bool) -> Option<Duration> {
        let step = now.duration_since(self.seen);
        self.seen = now;
        if step > STOOD {
            self.awake_since = now;
            return Some(step);
        }
        if line_stands_still && self.held < MOST_HELD {
            self.held += step;
        } else {
            self.time += step;
        }
        None
    }

    /// The call's time when it was last looked at.
    pub(super) const fn time(&self) -> Duration {
        self.time
    }

    /// When a time of the call will have come, if nothing stands still until then.
    pub(super) fn at(&self, time: Duration) -> Instant {
        self.seen + time.saturating_sub(self.time)
    }

    /// When the process last began to run.
    pub(super) const fn awake_since(&self) -> Instant {
        self.awake_since
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);
    const FRAME: Duration = Duration::from_millis(20);

    /// A line that has flowed for `ms`, and the time then.
    fn flowing(ms: u32, stamped: bool) -> (LinePace, Instant) {
        let began = Instant::now();
        let mut line = LinePace::new(began);
        for n in 1..=ms / 20 {
            line.on_audio(began + FRAME * n, FRAME, stamped.then(|| u64::from(n) * 20));
        }
        (line, began + Duration::from_millis(ms.into()))
    }

    #[test]
    fn audio_that_comes_at_once_after_a_stall_is_stale_until_it_is_nearly_of_now() {
        for stamped in [false, true] {
            let (mut line, stalled) = flowing(3000, stamped);
            assert!(!line.stands_still(stalled + 900 * MS));
            assert!(line.stands_still(stalled + 1100 * MS));
            let back = stalled + 9000 * MS;
            let mut stale = 0;
            for n in 1..=450_u32 {
                line.on_audio(back + n / 10 * MS, FRAME, stamped.then(|| 3000 + u64::from(n) * 20));
                stale += u32::from(line.is_stale());
                assert_eq!(line.stands_still(back + n / 10 * MS), line.is_stale());
            }
            assert!((395..=402).contains(&stale), "{stale} of 450");
            assert!(!line.is_stale());
        }
    }

    #[test]
    fn audio_that_the_carrier_threw_away_does_not_make_the_rest_late() {
        let (mut line, stalled) = flowing(3000, true);
        let back = stalled + 9000 * MS;
        line.on_audio(back, FRAME, Some(12_000));
        assert!(!line.is_stale());
        // Without timestamps the pace tells, after a moment.
        let (mut line, stalled) = flowing(3000, false);
        let back = stalled + 9000 * MS;
        let late: Vec<bool> = (0..100)
            .map(|n| {
                line.on_audio(back + FRAME * n, FRAME, None);
                line.is_stale()
            })
            .collect();
        assert_eq!(late.iter().filter(|late| **late).count(), 25, "{late:?}");
        assert!(late.is_sorted_by(|a, b| a >= b));
    }

    #[test]
    fn a_line_that_is_slow_to_catch_up_is_not_waited_for() {
        let (mut line, stalled) = flowing(3000, true);
        let back = stalled + 9000 * MS;
        // One and a half times as fast as it was spoken.
        let last_stale = (0..400)
            .filter(|n| {
                line.on_audio(back + FRAME * 2 / 3 * *n, FRAME, Some(3020 + u64::from(*n) * 20));
                line.is_stale()
            })
            .last();
        assert!(last_stale.is_some_and(|n| FRAME * 2 / 3 * n <= LONGEST_CATCH_UP), "{last_stale:?}");
    }

    #[test]
    fn a_peer_without_steady_audio_holds_no_clock() {
        let began = Instant::now();
        let mut line = LinePace::new(began);
        for n in 1..=100 {
            line.on_audio(began + n * MS, FRAME, None);
        }
        assert!(!line.stands_still(began + Duration::from_secs(60)));
    }

    #[test]
    fn timestamps_that_make_no_sense_change_nothing() {
        let (mut line, mut now) = flowing(3000, true);
        for told in [0, u64::MAX, 5, u64::MAX - 1, 3_000_000, 1] {
            for _ in 0..50 {
                now += FRAME;
                line.on_audio(now, FRAME, Some(told));
                assert!(!line.is_stale(), "{told}");
            }
        }
    }

    #[test]
    fn the_clock_leaves_out_the_time_in_which_the_line_or_the_process_stood_still() {
        let began = Instant::now();
        let mut clock = Clock::new(began, 100 * MS);
        assert_eq!(clock.advance(began + 500 * MS, false), None);
        assert_eq!(clock.at(1000 * MS), began + 900 * MS);
        assert_eq!(clock.advance(began + 900 * MS, true), None);
        assert_eq!(clock.time(), 600 * MS);
        assert_eq!(clock.advance(began + 9900 * MS, false), Some(9000 * MS));
        assert_eq!((clock.time(), clock.awake_since()), (600 * MS, began + 9900 * MS));
        assert_eq!(clock.advance(began + 10_000 * MS, false), None);
        assert_eq!(clock.time(), 700 * MS);
    }

    #[test]
    fn a_peer_cannot_hold_the_clock_for_ever() {
        let began = Instant::now();
        let mut clock = Clock::new(began, Duration::ZERO);
        for n in 1..=4000 {
            clock.advance(began + 100 * MS * n, true);
        }
        assert_eq!(clock.time(), Duration::from_secs(400) - MOST_HELD);
    }
}
