//! The simulated caller: a script, carried out 20 ms at a time against what is heard of the agent.

use std::collections::VecDeque;
use std::time::Duration;

use redial_call::Frame;
use redial_call::audio::{FRAME_BYTES, FRAME_DURATION};

use super::report::{Spoken, Who, ms};
use super::script::{HangUp, Step};

/// Silence after which the agent has finished.
const AGENT_QUIET: Duration = Duration::from_millis(400);
/// Longest that the caller waits for the agent to say anything.
const ANSWER_PATIENCE: Duration = Duration::from_secs(10);
/// Longest that the caller stays after the agent's last words, with nothing left to do.
const LAST_PATIENCE: Duration = Duration::from_secs(3);
/// From one key to the next.
const KEY_INTERVAL: Duration = Duration::from_millis(200);

/// What the caller can hear of the agent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Agent {
    /// Nothing is playing or queued, and each mark was echoed.
    pub(super) idle: bool,
    /// When the last audio ended.
    pub(super) quiet_since: Duration,
    /// Length of all that was heard on this stream.
    pub(super) heard: Duration,
}

/// What the caller does in the next 20 ms.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Act {
    Silence,
    Speak(Frame),
    Press(char),
    HangUp(HangUp),
}

/// Carries out a script.
#[derive(Debug)]
pub(super) struct Caller {
    steps: VecDeque<Step>,
    doing: Doing,
    /// When the step at the front became the current one.
    step_since: Duration,
    /// How much had been heard of the agent when the caller's last turn ended.
    heard_before: Duration,
    spoken: Vec<Spoken>,
}

#[derive(Debug)]
enum Doing {
    Nothing,
    Speaking { label: String, ulaw: Vec<u8>, at: usize, since: Duration },
    Keying { keys: VecDeque<char>, next_at: Duration },
}

impl Caller {
    pub(super) fn new(steps: Vec<Step>) -> Self {
        Self {
            steps: steps.into(),
            doing: Doing::Nothing,
            step_since: Duration::ZERO,
            heard_before: Duration::ZERO,
            spoken: Vec::new(),
        }
    }

    /// A stream begins, with an agent that has not been heard on it yet.
    pub(super) fn stream_begins(&mut self, now: Duration) {
        self.step_since = now;
        self.heard_before = Duration::ZERO;
    }

    /// The stream is over; what the caller was doing ends with it.
    pub(super) fn stream_ends(&mut self, now: Duration) {
        if let Doing::Speaking { label, since, .. } = std::mem::replace(&mut self.doing, Doing::Nothing) {
            self.note(label, since, now, true);
        }
    }

    /// What the caller said and has finished saying, since it was last taken.
    pub(super) fn take_spoken(&mut self) -> Vec<Spoken> {
        std::mem::take(&mut self.spoken)
    }

    /// What is sent now, for the 20 ms that just passed.
    pub(super) fn slot(&mut self, now: Duration, agent: Agent) -> Act {
        loop {
            match std::mem::replace(&mut self.doing, Doing::Nothing) {
                Doing::Speaking { label, ulaw, at, since } => return self.speak(now, agent, label, ulaw, at, since),
                Doing::Keying { mut keys, next_at } if next_at <= now => match keys.pop_front() {
                    Some(key) => {
                        self.doing = Doing::Keying { keys, next_at: now + KEY_INTERVAL };
                        return Act::Press(key);
                    }
                    None => self.turn_ends(now, agent),
                },
                Doing::Keying { keys, next_at } => {
                    self.doing = Doing::Keying { keys, next_at };
                    return Act::Silence;
                }
                Doing::Nothing => {
                    if let Some(act) = self.next_step(now, agent) {
                        return act;
                    }
                }
            }
        }
    }

    /// Begins the next step if it is time; `None` when something has begun or passed.
    fn next_step(&mut self, now: Duration, agent: Agent) -> Option<Act> {
        let waited = now.saturating_sub(self.step_since);
        let answer = agent.heard.saturating_sub(self.heard_before);
        let has_the_floor =
            if answer.is_zero() { waited >= ANSWER_PATIENCE } else { finished(now, agent, AGENT_QUIET) };
        let is_time = match self.steps.front() {
            Some(Step::Say { .. } | Step::Dtmf(_)) => has_the_floor,
            Some(Step::Interrupt { after, .. }) => has_the_floor || (answer >= *after && !agent.idle),
            Some(Step::Wait(length)) => waited >= *length,
            Some(Step::HangUp(_)) => true,
            None if answer.is_zero() => waited >= ANSWER_PATIENCE,
            None => waited >= LAST_PATIENCE && finished(now, agent, LAST_PATIENCE),
        };
        if !is_time {
            return Some(Act::Silence);
        }
        match self.steps.pop_front() {
            Some(Step::Say { label, ulaw } | Step::Interrupt { label, ulaw, .. }) => {
                let since = now.saturating_sub(FRAME_DURATION);
                self.doing = Doing::Speaking { label, ulaw, at: 0, since };
            }
            Some(Step::Dtmf(keys)) => self.doing = Doing::Keying { keys: keys.chars().collect(), next_at: now },
            Some(Step::Wait(_)) => self.step_since = now,
            Some(Step::HangUp(how)) => return Some(Act::HangUp(how)),
            None => return Some(Act::HangUp(HangUp::Normal)),
        }
        None
    }

    fn speak(&mut self, now: Duration, agent: Agent, label: String, ulaw: Vec<u8>, at: usize, since: Duration) -> Act {
        let frame = Frame::padded(&ulaw[at..]);
        let at = at + FRAME_BYTES;
        if at < ulaw.len() {
            self.doing = Doing::Speaking { label, ulaw, at, since };
        } else {
            self.note(label, since, now, false);
            self.turn_ends(now, agent);
        }
        Act::Speak(frame)
    }

    fn turn_ends(&mut self, now: Duration, agent: Agent) {
        self.step_since = now;
        self.heard_before = agent.heard;
    }

    fn note(&mut self, label: String, since: Duration, until: Duration, cut: bool) {
        let (start_ms, end_ms) = (ms(since), ms(until));
        self.spoken.push(Spoken { who: Who::Caller, start_ms, end_ms, label: Some(label), ulaw: Vec::new(), cut });
    }
}

fn finished(now: Duration, agent: Agent, quiet: Duration) -> bool {
    agent.idle && now.saturating_sub(agent.quiet_since) >= quiet
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn say(label: &str, frames: usize) -> Step {
        Step::Say { label: label.to_owned(), ulaw: vec![0x20; frames * FRAME_BYTES] }
    }

    /// Runs the caller against an agent that speaks at these times (ms), and notes what the caller does.
    fn run(steps: Vec<Step>, agent: &[(u64, u64)], until_ms: u64) -> Vec<(u64, String)> {
        let mut caller = Caller::new(steps);
        let mut log: Vec<(u64, String)> = Vec::new();
        for now in (20..=until_ms).step_by(20) {
            let heard: u64 = agent.iter().map(|(from, until)| now.clamp(*from, *until) - from).sum();
            let ended = agent.iter().filter(|(from, _)| *from < now).map(|(_, until)| *until).max().unwrap_or(0);
            let agent = Agent {
                idle: ended <= now,
                quiet_since: Duration::from_millis(ended),
                heard: Duration::from_millis(heard),
            };
            let did = match caller.slot(Duration::from_millis(now), agent) {
                Act::Silence | Act::Speak(_) => None,
                Act::Press(key) => Some(format!("press {key}")),
                Act::HangUp(how) => Some(format!("hang up {how:?}")),
            };
            let spoke = caller.take_spoken();
            log.extend(spoke.into_iter().map(|s| (s.start_ms, format!("{} until {}", s.label.unwrap(), s.end_ms))));
            log.extend(did.map(|did| (now, did)));
            if log.last().is_some_and(|(_, did)| did.starts_with("hang up")) {
                break;
            }
        }
        log
    }

    fn log(entries: &[(u64, &str)]) -> Vec<(u64, String)> {
        entries.iter().map(|(at, did)| (*at, (*did).to_owned())).collect()
    }

    #[test]
    fn the_caller_speaks_when_the_agent_has_finished_and_leaves_after_the_last_answer() {
        let agent = [(100, 1000), (2500, 3000), (3200, 3500), (5000, 6000)];
        let did = run(vec![say("one", 10), say("two", 5)], &agent, 20_000);
        assert_eq!(did, log(&[(1380, "one until 1580"), (3880, "two until 3980"), (9000, "hang up Normal")]));
    }

    #[test]
    fn a_silent_agent_is_given_ten_seconds() {
        let did = run(vec![say("hello", 1)], &[], 30_000);
        assert_eq!(did, log(&[(9980, "hello until 10000"), (20_000, "hang up Normal")]));
    }

    #[test]
    fn an_interruption_comes_after_so_much_speech_of_the_agent() {
        let step = |after| Step::Interrupt { after, label: "stop".to_owned(), ulaw: vec![0x20; 320] };
        let did = run(vec![step(SECOND), Step::HangUp(HangUp::Abrupt)], &[(100, 3000)], 5000);
        assert_eq!(did, log(&[(1080, "stop until 1120"), (1140, "hang up Abrupt")]));
        let too_short = run(vec![step(5 * SECOND), Step::HangUp(HangUp::Normal)], &[(100, 1000)], 5000);
        assert_eq!(too_short, log(&[(1380, "stop until 1420"), (1440, "hang up Normal")]));
    }

    #[test]
    fn keys_are_pressed_one_by_one_and_waits_are_kept() {
        let steps = vec![Step::Dtmf("4#".to_owned()), Step::Wait(SECOND), Step::HangUp(HangUp::StatusFirst)];
        let did = run(steps, &[(0, 600)], 5000);
        assert_eq!(did, log(&[(1000, "press 4"), (1200, "press #"), (2400, "hang up StatusFirst")]));
    }

    #[test]
    fn what_the_line_cuts_is_noted_as_cut() {
        let mut caller = Caller::new(vec![say("long", 100)]);
        let agent = Agent { idle: true, quiet_since: Duration::ZERO, heard: Duration::from_millis(1) };
        assert_eq!(caller.slot(SECOND, agent), Act::Speak(Frame::new([0x20; FRAME_BYTES])));
        caller.stream_ends(2 * SECOND);
        let spoken = caller.take_spoken();
        assert_eq!((spoken[0].start_ms, spoken[0].end_ms, spoken[0].cut), (980, 2000, true));
    }
}
