//! Whose turn it is, as the caller hears it: recorded callers of `fixtures/turns` against a gateway with the local models.
//!
//! Every test prints a line a recording first and judges afterwards. The gateway, its sockets and its models are the real
//! ones; time passes stepwise (`clock`), with the models at an even pace (`pace`), so that busy machines judge as idle ones
//! do. With `TURNS=wire` calls take their real time, a few at once, and what is measured holds the machine's own delays too.

mod clock;
mod onsets;
mod pace;
mod play;
mod recordings;

use redial_call::Role;
use redial_provider::agent::Delta;
use redial_provider::scripted::ScriptedAgent;

use self::play::{Phone, with_phone};
use self::recordings::recordings;
use crate::support::meaning::built_in;

/// Longest median wait from the caller's last sound to the agent's first frame.
const GAP_MS: u64 = 700;
/// Longest from the caller's first sound to the last of the agent's audio that is heard.
const STOP_MS: u64 = 300;

#[test]
fn a_caller_who_hesitates_is_not_cut_off() {
    with_phone(built_in(), async |phone| {
        let callers = recordings("hesitating");
        assert_eq!(callers.len(), 20);
        let mut cut_off = Vec::new();
        for (caller, outcome) in phone.play(callers, 4, Phone::say).await {
            let said = outcome.caller(&caller.file);
            let paused = said.start_ms + caller.pauses[0].0;
            let finished = said.start_ms + caller.end_ms;
            let early = outcome.agent().find(|agent| (paused..finished).contains(&agent.start_ms));
            let answer = outcome.agent().find(|agent| agent.start_ms >= finished);
            let after = |ms: u64| format!("{} ms after the end", ms - finished);
            let verdict = early.map_or_else(
                || answer.map_or("no answer".to_owned(), |agent| after(agent.start_ms)),
                |agent| format!("CUT OFF {} ms into the pauses {:?}", agent.start_ms - said.start_ms, caller.pauses),
            );
            eprintln!("{:20} {:7} {verdict:28} {:?}", caller.file, caller.voice, outcome.said_by(Role::Caller));
            if early.is_some() || answer.is_none() {
                cut_off.push(caller.file);
            }
        }
        eprintln!("{} of 20 callers cut off or not answered", cut_off.len());
        assert!(cut_off.is_empty(), "{cut_off:?}");
    });
}

#[test]
fn a_complete_sentence_is_answered_soon() {
    with_phone(built_in(), async |phone| {
        let callers = recordings("complete");
        assert_eq!(callers.len(), 20);
        let (mut gaps, mut audible) = (Vec::new(), Vec::new());
        // In real time two at once, as many as there are cores.
        for (caller, outcome) in phone.play(callers, 2, Phone::say).await {
            let said = outcome.caller(&caller.file);
            let finished = said.start_ms + caller.end_ms;
            let answer = outcome.agent().find(|agent| agent.start_ms >= said.start_ms + caller.begin_ms);
            let gap = answer.map_or(u64::MAX, |agent| agent.start_ms.saturating_sub(finished));
            let sound = answer.map_or(u64::MAX, |agent| gap.saturating_add(play::silence_ms(&agent.ulaw)));
            let stages = outcome.stages();
            eprintln!(
                "{:20} {:7} frame {gap:4} ms, sound {sound:4} ms; {stages} {:?}",
                caller.file,
                caller.voice,
                outcome.said_by(Role::Caller)
            );
            gaps.push(gap);
            audible.push(sound);
        }
        let median = |gaps: &mut Vec<u64>| {
            gaps.sort_unstable();
            gaps[gaps.len() / 2]
        };
        let (frame, sound) = (median(&mut gaps), median(&mut audible));
        eprintln!("median {frame} ms to the first frame, {sound} ms to the first sound; all: {gaps:?}");
        assert!(frame <= GAP_MS, "{frame} ms");
    });
}

#[test]
fn a_sound_of_attention_does_not_end_the_agents_turn() {
    with_phone(talker(), async |phone| {
        let callers = recordings("backchannel");
        assert_eq!(callers.len(), 10);
        let mut stopped = Vec::new();
        for (caller, outcome) in phone.play(callers, 4, Phone::talk_over).await {
            let said = outcome.caller(&caller.file);
            let finished = said.start_ms + caller.end_ms;
            // Heard from its first sound until the caller hangs up; less is a pause.
            let (from, until) = (said.start_ms + caller.begin_ms, finished + play::STAY.as_millis() as u64);
            let heard: u64 =
                outcome.agent().map(|agent| agent.end_ms.min(until).saturating_sub(agent.start_ms.max(from))).sum();
            let turns = outcome.said_by(Role::Caller);
            // What is not recognised as attention is kept as well: a turn that the agent talks over.
            let unanswered = outcome.said_by(Role::Agent).len() == 2;
            let resumed = unanswered && outcome.agent().any(|agent| agent.end_ms >= finished + 1500);
            let verdict = if resumed { "resumed" } else { "STOPPED" };
            eprintln!(
                "{:20} {:7} {verdict}, silent for {} ms; {turns:?}",
                caller.file,
                caller.voice,
                until - from - heard
            );
            if !resumed {
                stopped.push(caller.file);
            }
        }
        eprintln!("{} of 10 stopped the agent", stopped.len());
        assert!(stopped.is_empty(), "{stopped:?}");
    });
}

#[test]
fn an_interruption_stops_the_agent_at_once_and_is_answered() {
    with_phone(talker(), async |phone| {
        let callers = recordings("interruption");
        assert_eq!(callers.len(), 10);
        let mut late = Vec::new();
        for (caller, outcome) in phone.play(callers, 4, Phone::talk_over).await {
            let said = outcome.caller(&caller.file);
            let (from, finished) = (said.start_ms + caller.begin_ms, said.start_ms + caller.end_ms);
            // What begins before the caller has finished belongs to what was interrupted.
            let old = outcome.agent().filter(|agent| agent.start_ms < finished && agent.end_ms > from);
            let stop = old.map(|agent| agent.end_ms - from).max().unwrap_or(0);
            let turns = outcome.said_by(Role::Caller);
            let answered = turns.len() == 2 && outcome.agent().any(|agent| agent.start_ms >= finished);
            let verdict = if answered { "answered" } else { "NOT ANSWERED" };
            eprintln!("{:20} {:7} stopped after {stop:4} ms, {verdict}; {turns:?}", caller.file, caller.voice);
            if stop > STOP_MS || !answered {
                late.push(caller.file);
            }
        }
        eprintln!("{} of 10 not within {STOP_MS} ms or not answered", late.len());
        assert!(late.is_empty(), "{late:?}");
    });
}

/// Answers the caller's first turn with a long speech, and all others with a short one.
fn talker() -> ScriptedAgent {
    ScriptedAgent::new(|_, prompt| {
        let turns = prompt.history.iter().filter(|turn| turn.role == Role::Caller).count();
        let text = if turns == 1 { SPEECH } else { "Go ahead, I'm listening." };
        vec![Delta::Text(text.to_owned())]
    })
}

/// About twenty seconds, so that it goes on when the caller has said something over it.
const SPEECH: &str = "Of course. We are open from Monday to Friday between nine in the morning and six in the evening. \
    On Saturday the doors are open from ten until four, and on Sunday we are closed. \
    During the holidays the hours are shorter, and they are written on the door and on our page. \
    If you come by car, please park behind the house, because the street in front of it is narrow. \
    The bus stops at the corner, and from there it is a walk of five minutes along the river.";
