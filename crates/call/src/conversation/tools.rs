//! Tools in the conversation: when they run, when the agent is told, and what comes late.

use std::time::Duration;

use super::Conversation;
use crate::action::{Action, Cue};
use crate::acts::{Act, Effect, ToolCallId, ToolOutcome, ToolRequest};
use crate::context::Context;
use crate::floor::Holder;
use crate::ids::TurnId;
use crate::timer::Timer;

impl Conversation {
    /// The agent does something beside what it has said so far.
    pub(super) fn on_reply_act(&mut self, turn: TurnId, act: Act) {
        if let Some(agent) = self.floor.agent_of(turn) {
            agent.on_act(act);
        }
    }

    pub(super) fn on_tool_call(&mut self, now: Duration, turn: TurnId, mut request: ToolRequest, cx: &mut Context) {
        let Some(agent) = self.floor.agent_of(turn) else { return };
        let before = if !request.shorten() {
            Some(ToolOutcome::Failed { reason: "the tool's name or arguments are too long".to_owned() })
        } else if request.effect == Effect::SideEffect {
            cx.transcript.done_before(&request)
        } else {
            None
        };
        if agent.on_tool_call(request, before) {
            cx.set(Timer::Reply, now + cx.settings.reply_wait);
            self.advance_agent_turn(now, cx);
        }
    }

    /// Runs what may run, and tells the agent once all of it has returned.
    pub(super) fn advance_tools(&mut self, now: Duration, cx: &mut Context) {
        let voiced = self.floor.ears.is_voiced();
        let Holder::Agent(agent) = &mut self.floor.holder else { return };
        let run = agent.begin_tools(now, !voiced, cx);
        if !run.is_empty() && agent.has_begun_effect() {
            cx.keep(agent.so_far(now, &self.floor.marks)); // on record before it happens
        }
        for action in run {
            cx.act(action);
        }
        if !agent.takes_outcomes() {
            return;
        }
        let so_far = agent.so_far(now, &self.floor.marks);
        cx.transcript.draft(so_far);
        cx.act(Action::Think { turn: agent.id(), cue: Cue::Tools });
        cx.set(Timer::Reply, now + cx.settings.reply_wait);
        self.cover_wait(now, cx);
    }

    /// The wait that begins is filled when it gets long.
    pub(super) fn cover_wait(&self, now: Duration, cx: &mut Context) {
        if !cx.timers.is_set(Timer::Filler) {
            cx.set(Timer::Filler, now + cx.settings.filler_delay);
        }
    }

    pub(super) fn on_tool_returned(&mut self, now: Duration, call: ToolCallId, outcome: ToolOutcome, cx: &mut Context) {
        let Some(agent) = self.floor.agent_of(call.turn) else { return cx.note_late(call, outcome) };
        if agent.on_tool_returned(call, outcome) {
            self.note_outcomes(now, cx);
        }
    }

    /// [`Timer::Tool`] fired.
    pub(super) fn on_tools_due(&mut self, now: Duration, cx: &mut Context) {
        if let Holder::Agent(agent) = &mut self.floor.holder {
            agent.on_tools_due(now, cx);
            self.note_outcomes(now, cx);
        }
    }

    fn note_outcomes(&mut self, now: Duration, cx: &mut Context) {
        if let Some(agent) = self.floor.agent().filter(|agent| agent.has_begun_effect()) {
            let so_far = agent.so_far(now, &self.floor.marks);
            cx.keep(so_far);
        }
        self.advance_agent_turn(now, cx);
    }
}
