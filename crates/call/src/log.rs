//! The log of a call: its settings and every (time, event), as NDJSON. The log is the call: replayed, it gives the same actions.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::action::Action;
use crate::call::Call;
use crate::event::Event;
use crate::settings::Settings;

/// The format that this build writes and reads.
const VERSION: u32 = 1;

/// A log line that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("line {line}: {fault}")]
pub struct LogError {
    line: usize,
    fault: String,
}

/// One event and when it happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Ms since the call began.
    pub at_ms: u64,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// A recorded call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// How the call was set.
    pub settings: Settings,
    /// What happened, in order.
    pub steps: Vec<Step>,
}

#[derive(Serialize, Deserialize)]
struct Header {
    redial_call_log: u32,
    settings: Settings,
}

/// The first line of a log, without the line's end.
pub fn header_line(settings: &Settings) -> String {
    json(&Header { redial_call_log: VERSION, settings: settings.clone() })
}

/// One further line of a log, without the line's end.
pub fn step_line(step: &Step) -> String {
    json(step)
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("strings, numbers and maps with string keys always serialise")
}

impl Log {
    /// Reads a log.
    ///
    /// # Errors
    /// Names the first line that is not one of a log, or that goes back in time.
    pub fn parse(ndjson: &str) -> Result<Self, LogError> {
        let mut lines = ndjson.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        let fault = |line: usize, fault: String| LogError { line: line + 1, fault };
        let (at, first) = lines.next().ok_or_else(|| fault(0, "the log is empty".to_owned()))?;
        let header: Header = serde_json::from_str(first)
            .map_err(|error| fault(at, format!("not the header of a call log ({error})")))?;
        if header.redial_call_log != VERSION {
            return Err(fault(at, format!("log version {} is not {VERSION}", header.redial_call_log)));
        }
        let mut steps: Vec<Step> = Vec::new();
        for (at, line) in lines {
            let step: Step =
                serde_json::from_str(line).map_err(|error| fault(at, format!("not an event ({error})")))?;
            if steps.last().is_some_and(|last| last.at_ms > step.at_ms) {
                return Err(fault(at, "time goes back".to_owned()));
            }
            steps.push(step);
        }
        Ok(Self { settings: header.settings, steps })
    }

    /// Lives the call again and returns every action with its time.
    ///
    /// Deadlines pass at the moment they are due. After the last event the call goes on by its deadlines
    /// alone until it has ended or waits for something.
    pub fn replay(&self) -> Vec<(Duration, Action)> {
        let mut call = Call::new(self.settings.clone());
        let mut actions = Vec::new();
        for step in &self.steps {
            let now = Duration::from_millis(step.at_ms);
            pass_until(&mut call, now, &mut actions);
            call.handle(now, step.event.clone());
            drain(&mut call, now, &mut actions);
        }
        pass_until(&mut call, Duration::MAX, &mut actions);
        actions
    }
}

fn pass_until(call: &mut Call, now: Duration, actions: &mut Vec<(Duration, Action)>) {
    while let Some(due) = call.poll_timeout().filter(|due| *due <= now) {
        call.handle_timeout(due);
        drain(call, due, actions);
    }
}

fn drain(call: &mut Call, now: Duration, actions: &mut Vec<(Duration, Action)>) {
    while let Some(action) = call.poll_action() {
        actions.push((now, action));
    }
}

/// Writes actions one a line with their times, runs of audio folded: for people and snapshots.
pub fn render(actions: &[(Duration, Action)]) -> String {
    use std::fmt::Write as _;

    let mut out = String::new();
    let mut run: Option<(Duration, u32, u32, u64)> = None; // since, turn, pieces, bytes
    let flush = |out: &mut String, run: &mut Option<(Duration, u32, u32, u64)>| {
        if let Some((since, turn, pieces, bytes)) = run.take() {
            let audio_ms = crate::audio::duration_of(bytes).as_millis();
            let _ = writeln!(out, "{:>7} ms  play t{turn} x{pieces} ({audio_ms} ms)", since.as_millis());
        }
    };
    for (at, action) in actions {
        match action {
            Action::Play { turn, size_bytes, .. } => match &mut run {
                Some((_, of, pieces, bytes)) if *of == turn.0 => {
                    *pieces += 1;
                    *bytes += size_bytes;
                }
                _ => {
                    flush(&mut out, &mut run);
                    run = Some((*at, turn.0, 1, *size_bytes));
                }
            },
            Action::Mark { .. } if run.is_some() => (), // folded with the audio it belongs to
            other => {
                flush(&mut out, &mut run);
                let _ = writeln!(out, "{:>7} ms  {}", at.as_millis(), describe(other));
            }
        }
    }
    flush(&mut out, &mut run);
    out
}

fn describe(action: &Action) -> String {
    match action {
        Action::Listen { utterance } => format!("listen u{}", utterance.0),
        Action::Transcribe { utterance } => format!("transcribe u{}", utterance.0),
        Action::Guess { utterance } => format!("guess u{}", utterance.0),
        Action::Discard { utterance } => format!("discard u{}", utterance.0),
        Action::Think { turn, cue } => format!("think t{} {cue:?}", turn.0),
        Action::CancelReply { turn } => format!("cancel reply t{}", turn.0),
        Action::Speak { turn, text } => format!("speak t{} {text:?}", turn.0),
        Action::Fill { turn, text: Some(text) } => format!("fill t{} {text:?}", turn.0),
        Action::Fill { turn, text: None } => format!("fill t{} with a tone", turn.0),
        Action::CancelSpeech { turn } => format!("cancel speech t{}", turn.0),
        Action::Play { turn, offset_bytes, size_bytes } => format!("play t{} {offset_bytes}+{size_bytes}", turn.0),
        Action::Mark { name } => format!("mark {name}"),
        Action::Clear => "clear".to_owned(),
        Action::TurnDone(turn) => {
            let mut line = format!("turn t{} {:?} {:?}", turn.id.0, turn.role, turn.text);
            if !turn.cut.is_empty() {
                line.push_str(&format!(" cut {:?}", turn.cut));
            }
            if !turn.never_sent.is_empty() {
                line.push_str(&format!(" never sent {:?}", turn.never_sent));
            }
            line
        }
        Action::HangUp => "hang up".to_owned(),
        Action::End { reason } => format!("end {}", reason.as_str()),
    }
}
