//! What `redial call` answers: what each side said, and whether the call was one.

use std::path::Path;

use serde::Serialize;

use crate::simulate::{EndedBy, Report, WarningCode, Who};

/// A call, as it is told.
#[derive(Debug, Serialize)]
pub(super) struct Answer {
    call_sid: String,
    /// `caller`, `gateway`, `rejected`, `time_limit`, `too_many_redirects` or `lost`.
    ended_by: &'static str,
    duration_ms: u64,
    redirects: u32,
    spoken: Vec<Spoken>,
    answers: Vec<Waited>,
    /// What the carrier read out, as the gateway told it to.
    carrier_said: Vec<String>,
    warnings: Vec<Told>,
    /// Where both sides were recorded.
    recorded: Option<String>,
    /// Why this was no call; empty when it was one.
    pub(super) faults: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Spoken {
    who: &'static str,
    start_ms: u64,
    end_ms: u64,
    words: String,
    cut_off: bool,
}

#[derive(Debug, Serialize)]
struct Waited {
    caller_said: String,
    waited_ms: u64,
}

#[derive(Debug, Serialize)]
struct Told {
    code: u32,
    at_ms: u64,
    text: String,
}

impl Answer {
    /// `agent_words` are the words of the agent's stretches, as far as they are known.
    pub(super) fn of(report: &Report, agent_words: Vec<String>, recorded: Option<&Path>) -> Self {
        let mut agent_words = agent_words.into_iter();
        let spoken = report.spoken.iter().map(|spoken| {
            let (who, words) = match spoken.who {
                Who::Caller => ("caller", spoken.label.clone().unwrap_or_default()),
                Who::Agent => ("agent", agent_words.next().unwrap_or_default()),
            };
            Spoken { who, start_ms: spoken.start_ms, end_ms: spoken.end_ms, words, cut_off: spoken.cut }
        });
        let whole_ms = |time: std::time::Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let answers = report
            .latencies
            .iter()
            .map(|latency| Waited { caller_said: latency.label.clone(), waited_ms: whole_ms(latency.waited) });
        let warnings = report.warnings.iter().map(|warning| Told {
            code: warning.code.number(),
            at_ms: warning.at_ms,
            text: warning.text.clone(),
        });
        Self {
            call_sid: report.call_sid.clone(),
            ended_by: match report.ended_by {
                EndedBy::Caller(_) => "caller",
                EndedBy::Gateway => "gateway",
                EndedBy::Rejected { .. } => "rejected",
                EndedBy::TimeLimit => "time_limit",
                EndedBy::TooManyRedirects => "too_many_redirects",
                EndedBy::Lost => "lost",
            },
            duration_ms: whole_ms(report.duration),
            redirects: report.redirects,
            spoken: spoken.collect(),
            answers: answers.collect(),
            carrier_said: report.said.clone(),
            warnings: warnings.collect(),
            recorded: recorded.map(|path| path.display().to_string()),
            faults: faults(report),
        }
    }

    /// In words for people; the faults are told apart.
    pub(super) fn text(&self) -> String {
        let mut lines = vec![format!("call {}", self.call_sid)];
        for Spoken { who, start_ms, end_ms, words, cut_off } in &self.spoken {
            let cut = if *cut_off { " [cut off]" } else { "" };
            lines.push(format!("{start_ms:>7} .. {end_ms:>6} ms  {who:<6}  {words}{cut}"));
        }
        lines.extend(self.carrier_said.iter().map(|said| format!("the carrier says: {said}")));
        lines.extend(
            self.answers
                .iter()
                .map(|Waited { caller_said, waited_ms }| format!("answered after {waited_ms} ms: {caller_said}")),
        );
        lines.extend(
            self.warnings.iter().map(|Told { code, at_ms, text }| format!("warning {code} at {at_ms} ms: {text}")),
        );
        let seconds = self.duration_ms as f64 / 1000.0;
        lines.push(format!("ended by {} after {seconds:.1} s", self.ended_by.replace('_', " ")));
        lines.extend(self.recorded.iter().map(|path| format!("recorded: {path}")));
        lines.join("\n")
    }
}

/// Why this was no call that a person would have been content with.
fn faults(report: &Report) -> Vec<String> {
    let mut faults = Vec::new();
    let warned = |code| report.warnings.iter().any(|warning| warning.code == code);
    match &report.ended_by {
        EndedBy::Rejected { reason } => {
            faults.push(format!(
                "the gateway declined the call ({reason}): MAX_CALLS or MAX_CALLS_PER_CALLER are reached, or its machine is \
                 busy; its log and redial_calls_refused_total in /metrics say which"
            ));
            return faults;
        }
        EndedBy::Lost => faults.push("the line was lost, and nobody took the call up again".to_owned()),
        EndedBy::TooManyRedirects => faults.push("the line was lost again and again".to_owned()),
        EndedBy::TimeLimit => faults.push("the call was given up after --limit seconds".to_owned()),
        EndedBy::Gateway if !report.said.is_empty() => {
            faults.push("the gateway could not go on, and had the carrier say so".to_owned());
        }
        EndedBy::Gateway | EndedBy::Caller(_) => (),
    }
    if !report.spoken.iter().any(|spoken| spoken.who == Who::Agent) {
        faults.push(if warned(WarningCode::HandshakeFailed) {
            "nothing was heard: no stream could be opened where the gateway said; see the warning, and check PUBLIC_URL, \
             --sign-for and TWILIO_AUTH_TOKEN"
                .to_owned()
        } else {
            "nothing was heard of the agent".to_owned()
        });
    }
    faults
}
