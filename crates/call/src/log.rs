//! The log of a call: its settings, the turns it goes on from, and every (time, event), as NDJSON. The log is the call: replayed, it
//! gives the same actions.

mod render;
mod step;
mod v1;

use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use self::render::render;
pub use self::step::Step;
use crate::action::Action;
use crate::call::Call;
use crate::settings::Settings;
use crate::turn::Turn;

/// The format that this build writes. It reads version 1 as well.
const VERSION: u32 = 2;

/// A log line that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("line {line}: {fault}")]
pub struct LogError {
    line: usize,
    fault: String,
}

/// A recorded call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// How the call was set.
    pub settings: Settings,
    /// What was said before, of a call that goes on.
    pub turns: Vec<Turn>,
    /// What happened, in order.
    pub steps: Vec<Step>,
}

#[derive(Serialize, Deserialize)]
struct Header {
    redial_call_log: u32,
    settings: Settings,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    turns: Vec<Turn>,
}

/// The first line of a log, without the line's end. `turns`: what was said before, of a call that goes on.
pub fn header_line(settings: &Settings, turns: &[Turn]) -> String {
    json(&Header { redial_call_log: VERSION, settings: settings.clone(), turns: turns.to_vec() })
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
        let mut old = match header.redial_call_log {
            VERSION => None,
            v1::VERSION => Some(v1::Reader::default()),
            other => return Err(fault(at, format!("log version {other} is not {VERSION}"))),
        };
        let mut steps: Vec<Step> = Vec::new();
        let mut last_ms = 0;
        for (at, line) in lines {
            let step = match &mut old {
                Some(old) => old.step(line),
                None => serde_json::from_str(line).map(Some),
            };
            let step = step.map_err(|error| fault(at, format!("not an event ({error})")))?;
            let Some(step) = step else { continue };
            if last_ms > step.at_ms {
                return Err(fault(at, "time goes back".to_owned()));
            }
            last_ms = step.at_ms;
            steps.push(step);
        }
        let turns = old.map_or(header.turns, v1::Reader::into_turns);
        Ok(Self { settings: header.settings, turns, steps })
    }

    /// Lives the call again and returns every action with its time.
    ///
    /// Deadlines pass at the moment they are due. After the last event the call goes on by its deadlines
    /// alone until it has ended or waits for something.
    pub fn replay(&self) -> Vec<(Duration, Action)> {
        let mut call = Call::resumed(self.settings.clone(), self.turns.clone());
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
