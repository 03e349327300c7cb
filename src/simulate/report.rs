//! What happened on a simulated call, as the carrier saw and the caller heard it.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use redial_call::audio::{SILENCE, bytes_in};

use super::playback::Played;
use super::script::HangUp;

/// A pause of the agent that parts two stretches of speech.
const STRETCH_PAUSE: Duration = Duration::from_millis(300);

/// What happened on a call. Times count from the moment the call was placed.
#[derive(Debug, Clone)]
pub struct Report {
    /// The call.
    pub call_sid: String,
    /// Who spoke when, in order of time.
    pub spoken: Vec<Spoken>,
    /// For each time that the caller stopped speaking: when the agent was first heard after it.
    pub latencies: Vec<Latency>,
    /// When each kind of message came from the gateway, in ms: `media`, `mark`, `clear`.
    pub messages: BTreeMap<&'static str, Vec<u64>>,
    /// What the carrier found wrong.
    pub warnings: Vec<Warning>,
    /// Texts of `<Say>`, which are not voiced.
    pub said: Vec<String>,
    /// How often a `<Redirect>` was followed.
    pub redirects: u32,
    /// How the call ended.
    pub ended_by: EndedBy,
    /// How long the call lasted.
    pub duration: Duration,
    /// What the gateway was sent, μ-law from the beginning of the call; empty unless recorded.
    pub caller_track: Vec<u8>,
    /// What the caller heard, aligned with `caller_track`; empty unless recorded.
    pub agent_track: Vec<u8>,
}

/// A stretch of speech.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spoken {
    /// By whom.
    pub who: Who,
    /// First sample sent (caller) or played (agent).
    pub start_ms: u64,
    /// End of the last sample.
    pub end_ms: u64,
    /// The step's label; the agent has none.
    pub label: Option<String>,
    /// μ-law of the agent, pauses included; empty unless recorded.
    pub ulaw: Vec<u8>,
    /// True when it did not end by itself: the agent was cleared, or the line was closed.
    pub cut: bool,
}

/// One of the two ends of the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// The simulated caller.
    Caller,
    /// The gateway's agent.
    Agent,
}

/// From the end of what the caller said to the first audio of the agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Latency {
    /// The label of what the caller said.
    pub label: String,
    /// How long the caller waited. Zero when the agent began before the last sample was sent.
    pub waited: Duration,
}

/// Something that the carrier would put into its debugger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// What kind.
    pub code: WarningCode,
    /// When, from the beginning of the call.
    pub at_ms: u64,
    /// What exactly.
    pub text: String,
}

/// The carrier's numbers for what can go wrong, from Twilio's dictionary of errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WarningCode {
    /// 11200: a request to the gateway failed.
    RequestFailed,
    /// 31920: the gateway refused the upgrade, or was not there.
    HandshakeFailed,
    /// 31921: the gateway closed with another code than 1000, or without one.
    ClosedAbnormally,
    /// 31930: the gateway reads too slowly, and audio of the caller was dropped.
    CallerAudioDropped,
    /// 31931: more than ten minutes of audio were queued, and audio of the agent was dropped.
    AgentAudioDropped,
    /// 31950: a message that cannot be decoded, such as a binary one.
    UndecodableMessage,
    /// 31951: no message of the protocol.
    InvalidMessage,
}

impl WarningCode {
    /// The number in Twilio's dictionary.
    pub const fn number(self) -> u32 {
        match self {
            Self::RequestFailed => 11200,
            Self::HandshakeFailed => 31920,
            Self::ClosedAbnormally => 31921,
            Self::CallerAudioDropped => 31930,
            Self::AgentAudioDropped => 31931,
            Self::UndecodableMessage => 31950,
            Self::InvalidMessage => 31951,
        }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {} ms: {}", self.code.number(), self.at_ms, self.text)
    }
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EndedBy {
    /// The caller hung up, by script or for want of a further step.
    Caller(HangUp),
    /// The gateway's TwiML hung up, or had nothing more to do.
    Gateway,
    /// The gateway declined the call.
    Rejected {
        /// `rejected` or `busy`.
        reason: String,
    },
    /// The script's time limit.
    TimeLimit,
    /// More redirects than the simulator follows.
    TooManyRedirects,
    /// The gateway did not answer for a call that was up, so the carrier dropped it.
    Lost,
}

/// Collects a report while the call goes on.
#[derive(Debug)]
pub(super) struct Recorder {
    record: bool,
    stretches: Vec<Stretch>,
    caller_spoken: Vec<Spoken>,
    messages: BTreeMap<&'static str, Vec<u64>>,
    warnings: Vec<Warning>,
    said: Vec<String>,
    caller_track: Track,
    agent_track: Track,
}

/// Audio of the agent without a longer pause.
#[derive(Debug)]
struct Stretch {
    from: Duration,
    until: Duration,
    track: Track,
    cut: bool,
}

impl Recorder {
    pub(super) fn new(record: bool) -> Self {
        Self {
            record,
            stretches: Vec::new(),
            caller_spoken: Vec::new(),
            messages: BTreeMap::new(),
            warnings: Vec::new(),
            said: Vec::new(),
            caller_track: Track::default(),
            agent_track: Track::default(),
        }
    }

    pub(super) fn warn(&mut self, now: Duration, code: WarningCode, text: impl Into<String>) {
        self.warnings.push(Warning { code, at_ms: ms(now), text: text.into() });
    }

    /// Warns of this code once, as the carrier does; later ones are the same trouble going on.
    pub(super) fn warn_once(&mut self, now: Duration, code: WarningCode, text: impl Into<String>) {
        if !self.warnings.iter().any(|warning| warning.code == code) {
            self.warn(now, code, text);
        }
    }

    pub(super) fn message(&mut self, now: Duration, kind: &'static str) {
        self.messages.entry(kind).or_default().push(ms(now));
    }

    pub(super) fn said(&mut self, text: String) {
        self.said.push(text);
    }

    pub(super) fn caller_sent(&mut self, at: Duration, ulaw: &[u8]) {
        if self.record {
            self.caller_track.place(at, ulaw);
        }
    }

    pub(super) fn caller_spoke(&mut self, spoken: Spoken) {
        self.caller_spoken.push(spoken);
    }

    /// Adds what was played, in order of time. True when the agent is heard after a pause, or for the first time.
    pub(super) fn played(&mut self, pieces: Vec<Played>) -> bool {
        let before = self.stretches.len();
        for piece in pieces {
            if self.record {
                self.agent_track.place(piece.from, &piece.ulaw);
            }
            let joins = |last: &&mut Stretch| !last.cut && piece.from.saturating_sub(last.until) <= STRETCH_PAUSE;
            let stretch = match self.stretches.last_mut().filter(joins) {
                Some(last) => last,
                None => self.stretches.push_mut(Stretch {
                    from: piece.from,
                    until: piece.from,
                    track: Track::default(),
                    cut: false,
                }),
            };
            stretch.until = piece.until();
            stretch.cut = piece.cut;
            if self.record {
                stretch.track.place(piece.from.saturating_sub(stretch.from), &piece.ulaw);
            }
        }
        self.stretches.len() > before
    }

    pub(super) fn finish(self, call_sid: String, redirects: u32, ended_by: EndedBy, duration: Duration) -> Report {
        let agent = self.stretches.into_iter().map(|stretch| Spoken {
            who: Who::Agent,
            start_ms: ms(stretch.from),
            end_ms: ms(stretch.until),
            label: None,
            ulaw: stretch.track.0,
            cut: stretch.cut,
        });
        let mut spoken: Vec<Spoken> = agent.chain(self.caller_spoken).collect();
        spoken.sort_by_key(|spoken| spoken.start_ms);
        let (mut caller_track, mut agent_track) = (self.caller_track.0, self.agent_track.0);
        let len = caller_track.len().max(agent_track.len());
        caller_track.resize(len, SILENCE);
        agent_track.resize(len, SILENCE);
        Report {
            call_sid,
            latencies: latencies(&spoken),
            spoken,
            messages: self.messages,
            warnings: self.warnings,
            said: self.said,
            redirects,
            ended_by,
            duration,
            caller_track,
            agent_track,
        }
    }
}

/// Pairs what the caller said with the agent's next stretch, if it comes before the caller speaks again. A stretch that had
/// begun before the caller did is what the caller talked over, and no answer.
fn latencies(spoken: &[Spoken]) -> Vec<Latency> {
    let answered = |(at, said): (usize, &Spoken)| {
        let label = said.label.clone().filter(|_| said.who == Who::Caller)?;
        let answer = spoken[at + 1..].iter().find(|next| next.who == Who::Caller || next.end_ms > said.end_ms)?;
        let waited = Duration::from_millis(answer.start_ms.saturating_sub(said.end_ms));
        (answer.who == Who::Agent).then_some(Latency { label, waited })
    };
    spoken.iter().enumerate().filter_map(answered).collect()
}

/// μ-law with its place in time; what nobody sent is silence.
#[derive(Debug, Default)]
struct Track(Vec<u8>);

impl Track {
    fn place(&mut self, at: Duration, ulaw: &[u8]) {
        self.0.resize(usize::try_from(bytes_in(at)).unwrap_or(usize::MAX), SILENCE);
        self.0.extend_from_slice(ulaw);
    }
}

/// Whole milliseconds, for reports.
pub(super) fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(from_ms: u64, len_ms: usize, cut: bool) -> Played {
        Played { from: Duration::from_millis(from_ms), ulaw: vec![0x20; len_ms * 8], cut }
    }

    fn caller(label: &str, start_ms: u64, end_ms: u64) -> Spoken {
        Spoken { who: Who::Caller, start_ms, end_ms, label: Some(label.to_owned()), ulaw: Vec::new(), cut: false }
    }

    fn report(record: bool, pieces: Vec<Played>, said: Vec<Spoken>) -> Report {
        let mut recorder = Recorder::new(record);
        recorder.played(pieces);
        for spoken in said {
            recorder.caller_spoke(spoken);
        }
        recorder.finish("CA1".to_owned(), 0, EndedBy::Gateway, Duration::from_secs(9))
    }

    #[test]
    fn pauses_and_clears_part_the_agents_speech() {
        let pieces = vec![piece(0, 100, false), piece(400, 100, false), piece(801, 50, true), piece(900, 100, false)];
        let report = report(true, pieces, vec![]);
        let stretches: Vec<_> = report.spoken.iter().map(|s| (s.start_ms, s.end_ms, s.cut, s.ulaw.len())).collect();
        assert_eq!(stretches, [(0, 500, false, 4000), (801, 851, true, 400), (900, 1000, false, 800)]);
        assert_eq!(report.agent_track.len(), 8000);
        assert_eq!((report.agent_track[800], report.agent_track[3200]), (SILENCE, 0x20));
        assert_eq!(report.caller_track, vec![SILENCE; 8000]);
    }

    #[test]
    fn nothing_is_kept_of_a_call_that_is_not_recorded() {
        let report = report(false, vec![piece(0, 100, false)], vec![]);
        assert_eq!((report.spoken[0].end_ms, report.spoken[0].ulaw.len(), report.agent_track.len()), (100, 0, 0));
    }

    #[test]
    fn latencies_run_from_the_callers_end_to_the_agents_answer() {
        let pieces = vec![
            piece(0, 1000, true),     // talked over by "first"
            piece(2500, 500, false),  // answers it
            piece(4900, 1000, false), // begins before "second" ends
        ];
        let said = vec![caller("first", 800, 2000), caller("second", 4000, 5000), caller("unheard", 7000, 8000)];
        let expected = [("first", 500), ("second", 0)]
            .map(|(label, ms)| Latency { label: label.to_owned(), waited: Duration::from_millis(ms) });
        assert_eq!(report(false, pieces, said).latencies, expected);
    }

    #[test]
    fn an_answer_to_the_second_half_is_none_to_the_first() {
        let said = vec![caller("a", 0, 1000), caller("b", 1500, 2000)];
        let latencies = report(false, vec![piece(2600, 100, false)], said).latencies;
        assert_eq!(latencies, [Latency { label: "b".to_owned(), waited: Duration::from_millis(600) }]);
    }

    #[test]
    fn the_same_trouble_is_reported_once() {
        let mut recorder = Recorder::new(false);
        for at in 1..4 {
            recorder.warn_once(Duration::from_millis(at), WarningCode::AgentAudioDropped, "dropped");
        }
        let texts: Vec<_> = recorder.warnings.iter().map(ToString::to_string).collect();
        assert_eq!(texts, ["31931 at 1 ms: dropped"]);
    }
}
