//! How far behind the threads are, from how long the final recognitions waited for one.
//!
//! Pure: the time is passed in, so that a test can have any.

use std::time::{Duration, Instant};

use redial_call::Load;

/// The moving figure that raises the load to this.
const fn above(load: Load) -> Duration {
    match load {
        Load::Ample => Duration::ZERO,
        Load::Tight => Duration::from_millis(60),
        Load::Full => Duration::from_millis(300),
    }
}

/// The figure that it must stay below, for [`CALM`], to fall from this.
const fn below(load: Load) -> Duration {
    match load {
        Load::Ample => Duration::ZERO,
        Load::Tight => Duration::from_millis(20),
        Load::Full => Duration::from_millis(120),
    }
}

const fn next_lower(load: Load) -> Load {
    match load {
        Load::Ample | Load::Tight => Load::Ample,
        Load::Full => Load::Tight,
    }
}

/// The weight of one wait in the moving figure: a single late job among punctual ones changes little, five in a row are
/// two thirds of it.
const WEIGHT: f64 = 0.2;
/// What is left of the figure after this long without a job: half.
const HALF_LIFE: Duration = Duration::from_secs(2);
/// How long the figure must have been low before the load falls a step.
const CALM: Duration = Duration::from_secs(3);

/// The moving figure and what follows from it.
#[derive(Debug, Default)]
pub(super) struct Meter {
    load: Load,
    waited_s: f64,
    at: Option<Instant>,
    calm_since: Option<Instant>,
}

impl Meter {
    /// A final job begins, `waited` after it was handed in.
    pub(super) fn began(&mut self, now: Instant, waited: Duration) {
        let before = self.figure(now);
        self.waited_s = before + WEIGHT * (waited.as_secs_f64() - before);
        self.at = Some(now);
    }

    /// The load as of `now`, when the final job that has waited longest has done so for `oldest`.
    pub(super) fn load(&mut self, now: Instant, oldest: Option<Duration>) -> Load {
        // A job that does not begin at all has no wait to be averaged.
        let figure = Duration::from_secs_f64(self.figure(now)).max(oldest.unwrap_or_default());
        for load in [Load::Tight, Load::Full] {
            if figure >= above(load) && self.load < load {
                self.load = load;
                self.calm_since = None;
            }
        }
        if self.load == Load::Ample || figure >= below(self.load) {
            self.calm_since = None;
        } else if now.duration_since(*self.calm_since.get_or_insert(now)) >= CALM {
            self.load = next_lower(self.load);
            self.calm_since = None;
        }
        self.load
    }

    /// Halves as time passes without a job: whoever asks for nothing need not wait.
    fn figure(&self, now: Instant) -> f64 {
        let idle = self.at.map_or(Duration::ZERO, |at| now.duration_since(at));
        self.waited_s * 0.5_f64.powf(idle.as_secs_f64() / HALF_LIFE.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// A meter and its clock.
    struct Clocked(Meter, Instant);

    impl Clocked {
        fn new() -> Self {
            Self(Meter::default(), Instant::now())
        }

        /// `count` jobs, one each 100 ms, each of which waited that long.
        fn jobs(&mut self, count: usize, waited: Duration) -> Load {
            for _ in 0..count {
                self.1 += ms(100);
                self.0.began(self.1, waited);
                self.load();
            }
            self.load()
        }

        fn load(&mut self) -> Load {
            self.0.load(self.1, None)
        }

        /// The load, asked every 100 ms, after `time` without a job.
        fn idle(&mut self, time: Duration) -> Load {
            for _ in 0..time.as_millis() / 100 {
                self.1 += ms(100);
                self.load();
            }
            self.load()
        }
    }

    #[test]
    fn punctual_jobs_leave_ample_room() {
        let mut meter = Clocked::new();
        assert_eq!(meter.load(), Load::Ample);
        assert_eq!(meter.jobs(100, ms(5)), Load::Ample);
    }

    #[test]
    fn one_late_job_is_no_load() {
        let mut meter = Clocked::new();
        meter.jobs(10, ms(1));
        assert_eq!(meter.jobs(1, ms(250)), Load::Ample);
    }

    #[test]
    fn longer_waits_raise_the_load_step_by_step() {
        let mut meter = Clocked::new();
        assert_eq!(meter.jobs(12, ms(100)), Load::Tight);
        assert_eq!(meter.jobs(12, ms(500)), Load::Full);
    }

    #[test]
    fn a_job_that_never_begins_counts() {
        let mut meter = Clocked::new();
        assert_eq!(meter.0.load(meter.1, Some(ms(100))), Load::Tight);
        assert_eq!(meter.0.load(meter.1, Some(ms(2000))), Load::Full);
    }

    #[test]
    fn the_load_falls_one_step_at_a_time_after_a_calm() {
        let mut meter = Clocked::new();
        meter.jobs(30, ms(500));
        assert_eq!(meter.idle(ms(3000)), Load::Full);
        // Down to 120 ms after 4.1 s, and calm for 3 s.
        assert_eq!(meter.idle(ms(4500)), Load::Tight);
        assert_eq!(meter.idle(ms(5000)), Load::Ample);
    }

    #[test]
    fn a_wait_between_two_thresholds_changes_nothing_either_way() {
        let mut meter = Clocked::new();
        assert_eq!(meter.jobs(200, ms(50)), Load::Ample);
        meter.jobs(20, ms(100));
        assert_eq!(meter.jobs(200, ms(50)), Load::Tight);
        meter.jobs(30, ms(500));
        assert_eq!(meter.jobs(200, ms(200)), Load::Full);
    }

    proptest! {
        /// Whatever the waits are, the load falls at most once within any calm.
        #[test]
        fn it_does_not_flap(waits in prop::collection::vec((0_u64..1000, 1_u64..400), 1..300)) {
            let mut meter = Meter::default();
            let mut now = Instant::now();
            let mut fell: Option<Instant> = None;
            let mut before = Load::Ample;
            for (waited, gap) in waits {
                now += ms(gap);
                meter.began(now, ms(waited));
                let load = meter.load(now, None);
                if load < before {
                    prop_assert!(fell.is_none_or(|fell| now.duration_since(fell) >= CALM));
                    fell = Some(now);
                }
                before = load;
            }
        }
    }
}
