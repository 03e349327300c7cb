//! What the simulated caller does on a call.

use std::fmt;
use std::time::Duration;

use redial_call::audio;

use super::playback::Marks;
use super::progress::Watcher;

/// A call to be placed.
#[derive(Clone)]
pub struct Script {
    /// `From` of the webhook: E.164, or a carrier's word for a withheld number.
    pub from: String,
    /// `To` of the webhook.
    pub to: String,
    /// The call's id.
    pub call_sid: String,
    /// What the caller does, in order. Afterwards the caller waits for the agent to hang up, and at last hangs up.
    pub steps: Vec<Step>,
    /// When the carrier echoes marks.
    pub marks: Marks,
    /// Longest call; the caller then hangs up whatever is going on.
    pub time_limit: Duration,
    /// True to keep the audio of both sides in the report.
    pub record: bool,
    /// Who is told what happens while the call goes on.
    pub watcher: Option<Watcher>,
}

/// One thing that the caller does.
#[derive(Clone)]
pub enum Step {
    /// Speaks when it is the caller's turn: the agent has spoken since the caller last did (awaited for ten seconds at most)
    /// and has finished.
    Say {
        /// Names it in the report.
        label: String,
        /// What is said, from the first sound to the last: silence at its end would count as speech in latencies.
        ulaw: Vec<u8>,
    },
    /// Talks over the agent; when the agent says less than expected, speaks as in [`Step::Say`].
    Interrupt {
        /// How much the agent may say first, counted from the caller's last words.
        after: Duration,
        /// Names it in the report.
        label: String,
        /// What is said.
        ulaw: Vec<u8>,
    },
    /// Does nothing, whatever the agent does.
    Wait(Duration),
    /// Presses these keys one after the other, when it is the caller's turn as in [`Step::Say`].
    Dtmf(String),
    /// Hangs up at once.
    HangUp(HangUp),
}

/// How a call ends from the caller's side: what callers and carriers do, and what networks do to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HangUp {
    /// `stop`, close, status callback: as documented.
    Normal,
    /// The TCP connection goes away, without `stop` and close.
    Abrupt,
    /// Close without `stop`.
    CloseWithoutStop,
    /// `stop`, then nothing: the carrier leaves its side of the socket open.
    StopWithoutClose,
    /// The status callback comes before `stop` and close.
    StatusFirst,
}

impl Step {
    /// [`Step::Say`] without the silence at the end of a recording.
    pub fn say(label: impl Into<String>, mut ulaw: Vec<u8>) -> Self {
        /// Samples below this are no speech: 1 % of full scale, -40 dB.
        const QUIET: u16 = 330;
        let spoken = ulaw.iter().rposition(|byte| audio::decode(*byte).unsigned_abs() > QUIET);
        ulaw.truncate(spoken.map_or(0, |last| last + 1));
        Self::Say { label: label.into(), ulaw }
    }
}

impl Script {
    /// A call from this number, under a fresh random id, that does nothing yet; five minutes at most, and not recorded.
    pub fn new(from: impl Into<String>, to: impl Into<String>) -> Self {
        Self {
            from: from.into(),
            to: to.into(),
            call_sid: random_sid("CA"),
            steps: Vec::new(),
            marks: Marks::Auto,
            time_limit: Duration::from_secs(300),
            record: false,
            watcher: None,
        }
    }

    /// The same call with these steps.
    #[must_use]
    pub fn with_steps(self, steps: impl IntoIterator<Item = Step>) -> Self {
        Self { steps: steps.into_iter().collect(), ..self }
    }
}

/// An id of the carrier's form: two letters and 32 hex digits.
pub(super) fn random_sid(prefix: &str) -> String {
    format!("{prefix}{}", uuid::Uuid::new_v4().simple())
}

impl fmt::Debug for Script {
    /// Without the numbers.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from: _, to: _, call_sid, steps, marks, time_limit, record, watcher: _ } = self;
        f.debug_struct("Script")
            .field("call_sid", call_sid)
            .field("steps", steps)
            .field("marks", marks)
            .field("time_limit", time_limit)
            .field("record", record)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Step {
    /// Without the audio and the keys.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Say { label, ulaw } => write!(f, "Say({label:?}, {} B)", ulaw.len()),
            Self::Interrupt { after, label, ulaw } => write!(f, "Interrupt({after:?}, {label:?}, {} B)", ulaw.len()),
            Self::Wait(length) => write!(f, "Wait({length:?})"),
            Self::Dtmf(keys) => write!(f, "Dtmf({} keys)", keys.len()),
            Self::HangUp(how) => write!(f, "HangUp({how:?})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_at_the_end_of_a_recording_is_not_said() {
        let mut ulaw = vec![0xff; 160];
        ulaw.extend([0x80; 160]);
        ulaw.extend([0xff; 1600]);
        let Step::Say { ulaw, .. } = Step::say("x", ulaw) else { panic!("another step") };
        assert_eq!(ulaw.len(), 320);
    }
}
