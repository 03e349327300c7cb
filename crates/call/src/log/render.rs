//! Actions as lines for people and snapshots.

use std::fmt::Write as _;
use std::time::Duration;

use crate::action::Action;
use crate::acts::{Act, ToolCallId};

/// Writes actions one a line with their times, runs of audio folded.
pub fn render(actions: &[(Duration, Action)]) -> String {
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
        Action::Truncate { turn, heard_ms } => format!("truncate t{} at {heard_ms} ms", turn.0),
        Action::Speak { turn, text } => format!("speak t{} {text:?}", turn.0),
        Action::Say { turn, text } => format!("say t{} {text:?}", turn.0),
        Action::Fill { turn, text: Some(text) } => format!("fill t{} {text:?}", turn.0),
        Action::Fill { turn, text: None } => format!("fill t{} with a tone", turn.0),
        Action::RunTool { call, name, arguments } => format!("run {} {name} {arguments}", tool(*call)),
        Action::CancelTool { call } => format!("cancel {}", tool(*call)),
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
            for act in &turn.acts {
                line.push_str(&format!(" [{}]", described(act)));
            }
            line
        }
        Action::HangUp => "hang up".to_owned(),
        Action::End { reason } => format!("end {}", reason.as_str()),
    }
}

fn tool(call: ToolCallId) -> String {
    format!("tool t{}.{}", call.turn.0, call.index)
}

fn described(act: &Act) -> String {
    match act {
        Act::Understood { turn, parts } => {
            let kinds: Vec<&str> = parts.iter().map(|part| part.kind.as_str()).collect();
            format!("turn {} understood as {kinds:?}", turn.0)
        }
        Act::Asked { what } => format!("asked {what:?}"),
        Act::AskedConsent => "asked consent".to_owned(),
        Act::AskedErase => "asked erase".to_owned(),
        Act::ReadBack { what } => format!("read back {what:?}"),
        Act::ToolCalled { call, name, .. } => format!("{} {name} called", tool(*call)),
        Act::ToolReturned { call, outcome } => format!("{} {outcome:?}", tool(*call)),
        Act::Transferring { to } => format!("transferring to {to:?}"),
        Act::EndCall => "end call".to_owned(),
        Act::Other => "something unknown".to_owned(),
    }
}
