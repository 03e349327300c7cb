//! The deadlines of a call: one named slot each, never a task.

use std::time::Duration;

/// What a deadline is for. A slot holds one time; setting it again moves it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Timer {
    /// The greeting goes out without what memory knows.
    Greeting,
    /// The pause is long enough for an eager transcript.
    Pause,
    /// The pause is long enough to be the end of the caller's turn, or the transcript is overdue.
    Endpoint,
    /// The utterance is as long as a recogniser takes; the next part begins.
    Utterance,
    /// The caller has spoken long enough for a guess at their words.
    Guess,
    /// The caller has spoken over the agent for long enough to mean it.
    BargeIn,
    /// More audio may be sent, or all of it has been heard.
    Playout,
    /// The answer is late: fill the silence.
    Filler,
    /// The answer does not come any more.
    Reply,
    /// Nobody says anything.
    Silence,
    /// The caller has stopped pressing keys.
    Digits,
    /// The call is as long as it may be.
    MaxDuration,
    /// The carrier has not ended the call although it was told to.
    HangUp,
    /// The transcript of the caller's last words does not come any more.
    LastWords,
    /// A tool has not answered in time.
    Tool,
    /// The words of a turn that a model took are overdue.
    Words,
}

const SLOTS: usize = Timer::Words as usize + 1;

const ALL: [Timer; SLOTS] = [
    Timer::Greeting,
    Timer::Pause,
    Timer::Endpoint,
    Timer::Utterance,
    Timer::Guess,
    Timer::BargeIn,
    Timer::Playout,
    Timer::Filler,
    Timer::Reply,
    Timer::Silence,
    Timer::Digits,
    Timer::MaxDuration,
    Timer::HangUp,
    Timer::LastWords,
    Timer::Tool,
    Timer::Words,
];

/// All slots of one call.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    slots: [Option<Duration>; SLOTS],
}

impl Timers {
    pub(crate) fn set(&mut self, timer: Timer, at: Duration) {
        self.slots[timer as usize] = Some(at);
    }

    pub(crate) fn is_set(&self, timer: Timer) -> bool {
        self.slots[timer as usize].is_some()
    }

    pub(crate) fn cancel(&mut self, timer: Timer) {
        self.slots[timer as usize] = None;
    }

    pub(crate) fn cancel_all(&mut self) {
        self.slots = [None; SLOTS];
    }

    /// The earliest deadline.
    pub(crate) fn next(&self) -> Option<Duration> {
        self.slots.iter().flatten().min().copied()
    }

    /// Takes the earliest timer that is due, with the moment it was due; ties go in the order of the enum.
    pub(crate) fn take_due(&mut self, now: Duration) -> Option<(Timer, Duration)> {
        let at = self.next().filter(|at| *at <= now)?;
        let timer = ALL.into_iter().find(|timer| self.slots[*timer as usize] == Some(at))?;
        self.cancel(timer);
        Some((timer, at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn due_timers_come_in_the_order_of_their_times() {
        let mut timers = Timers::default();
        timers.set(Timer::Silence, 20 * MS);
        timers.set(Timer::Greeting, 30 * MS);
        timers.set(Timer::Playout, 10 * MS);
        assert_eq!(timers.take_due(25 * MS), Some((Timer::Playout, 10 * MS)));
        assert_eq!(timers.take_due(25 * MS), Some((Timer::Silence, 20 * MS)));
        assert_eq!(timers.take_due(25 * MS), None);
        assert_eq!(timers.next(), Some(30 * MS));
    }

    #[test]
    fn setting_a_timer_again_moves_it() {
        let mut timers = Timers::default();
        timers.set(Timer::Silence, 20 * MS);
        timers.set(Timer::Silence, 40 * MS);
        assert_eq!(timers.take_due(30 * MS), None);
        timers.cancel(Timer::Silence);
        assert_eq!(timers.next(), None);
    }

    #[test]
    fn each_timer_has_its_own_slot() {
        for (slot, timer) in ALL.into_iter().enumerate() {
            assert_eq!(timer as usize, slot);
        }
    }
}
