//! The tools that an agent turn has called: what may run, what runs, what came of it.

use std::time::Duration;

use crate::action::Action;
use crate::acts::{Act, Effect, ToolCallId, ToolOutcome, ToolRequest};
use crate::context::Context;
use crate::ids::TurnId;
use crate::timer::Timer;

/// The most tools that one turn may call; more are answered as failed.
const MAX_CALLS: usize = 16;

/// The tools of one agent turn.
#[derive(Debug, Default)]
pub(crate) struct Tools {
    calls: Vec<Tool>,
    /// What is noted in the turn, in the order in which it happened.
    acts: Vec<Act>,
    /// How many calls the agent has been told the outcome of.
    told: usize,
}

#[derive(Debug)]
struct Tool {
    id: ToolCallId,
    request: ToolRequest,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// It has not begun: the caller may go on.
    Waiting,
    Running {
        /// When it counts as failed.
        due: Duration,
    },
    /// It counts as failed for the answer, and runs on.
    Overdue,
    /// It ran, and it is known what came of it.
    Returned,
    /// It never runs: it was answered without, or its turn called it too late.
    NotRun,
}

impl State {
    /// It has begun.
    const fn has_run(self) -> bool {
        match self {
            Self::Running { .. } | Self::Overdue | Self::Returned => true,
            Self::Waiting | Self::NotRun => false,
        }
    }

    const fn is_running(self) -> bool {
        matches!(self, Self::Running { .. } | Self::Overdue)
    }
}

impl Tools {
    pub(crate) fn acts(&self) -> &[Act] {
        &self.acts
    }

    /// The agent wants a tool to run. `before`: it does not run, and this came of it; of the same in answer to the same words, say.
    pub(crate) fn call(&mut self, turn: TurnId, request: ToolRequest, before: Option<ToolOutcome>) {
        let index = u32::try_from(self.calls.len()).unwrap_or(u32::MAX);
        let id = ToolCallId { turn, index };
        let same = |tool: &&Tool| tool.request.effect == Effect::SideEffect && tool.request.is_same(&request);
        let before = before.or_else(|| self.calls.iter().find(same).map(|_| ToolOutcome::AlreadyDone));
        let full = self.calls.len() >= MAX_CALLS;
        let too_many = || ToolOutcome::Failed { reason: "too many calls in one turn".to_owned() };
        match before.or_else(|| full.then(too_many)) {
            // A model that calls without end leaves no more notes than it may have calls.
            Some(_) if self.calls.len() >= 2 * MAX_CALLS => (),
            Some(outcome) => {
                self.calls.push(Tool { id, request, state: State::NotRun });
                self.note_call(self.calls.len() - 1);
                self.acts.push(Act::ToolReturned { call: id, outcome });
            }
            None => self.calls.push(Tool { id, request, state: State::Waiting }),
        }
    }

    fn note_call(&mut self, place: usize) {
        let Tool { id, request, .. } = &self.calls[place];
        let (name, arguments) = (request.name.clone(), request.arguments.clone());
        self.acts.push(Act::ToolCalled { call: *id, name, arguments });
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    /// What has not begun never begins.
    pub(crate) fn forget_waiting(&mut self) {
        for tool in self.calls.iter_mut().filter(|tool| tool.state == State::Waiting) {
            tool.state = State::NotRun;
        }
    }

    /// The agent has called tools since it was last told what came of them.
    pub(crate) fn has_news(&self) -> bool {
        self.told < self.calls.len()
    }

    /// Of every call it is known what to tell the agent.
    pub(crate) fn are_settled(&self) -> bool {
        self.calls.iter().all(|tool| !matches!(tool.state, State::Waiting | State::Running { .. }))
    }

    /// The agent is being told what came of its calls.
    pub(crate) fn tell(&mut self) {
        self.told = self.calls.len();
    }

    /// A side effect has begun: the turn must not be lost.
    pub(crate) fn has_begun_effect(&self) -> bool {
        self.calls.iter().any(|tool| tool.state.has_run() && tool.request.effect == Effect::SideEffect)
    }

    /// Begins what may begin: what only looks always, side effects when the caller has surely finished. Returns the calls to run.
    pub(crate) fn begin(&mut self, now: Duration, finished: bool, cx: &mut Context) -> Vec<Action> {
        let due = now + cx.settings.tool_wait;
        let mut run = Vec::new();
        for place in 0..self.calls.len() {
            let tool = &self.calls[place];
            if tool.state != State::Waiting || (tool.request.effect == Effect::SideEffect && !finished) {
                continue;
            }
            self.note_call(place);
            let tool = &mut self.calls[place];
            tool.state = State::Running { due };
            let (name, arguments) = (tool.request.name.clone(), tool.request.arguments.clone());
            run.push(Action::RunTool { call: tool.id, name, arguments });
        }
        self.set_timer(cx);
        run
    }

    /// A tool has answered. False: the call is not one of this turn, does not run, or has been answered.
    pub(crate) fn on_returned(&mut self, call: ToolCallId, outcome: ToolOutcome) -> bool {
        let tool = self.calls.iter_mut().find(|tool| tool.id == call && tool.state.is_running());
        let Some(tool) = tool else { return false };
        tool.state = State::Returned;
        self.acts.push(Act::ToolReturned { call, outcome });
        true
    }

    /// [`Timer::Tool`] fired: those that are due count as failed.
    pub(crate) fn on_due(&mut self, now: Duration, cx: &mut Context) {
        for tool in &mut self.calls {
            if matches!(tool.state, State::Running { due } if due <= now) {
                tool.state = State::Overdue;
                self.acts.push(Act::ToolReturned { call: tool.id, outcome: ToolOutcome::TimedOut });
            }
        }
        self.set_timer(cx);
    }

    fn set_timer(&self, cx: &mut Context) {
        let due = self.calls.iter().filter_map(|tool| match tool.state {
            State::Running { due } => Some(due),
            State::Waiting | State::Overdue | State::Returned | State::NotRun => None,
        });
        match due.min() {
            Some(due) => cx.set(Timer::Tool, due),
            None => cx.cancel(&[Timer::Tool]),
        }
    }

    /// The turn ends: what only looks is dropped, what has not begun never begins, what changes the world goes on.
    pub(crate) fn stop(&mut self, cx: &mut Context) {
        cx.cancel(&[Timer::Tool]);
        for tool in &mut self.calls {
            if tool.state.is_running() && tool.request.effect == Effect::ReadOnly {
                tool.state = State::Returned;
                self.acts.push(Act::ToolReturned { call: tool.id, outcome: ToolOutcome::Cancelled });
                cx.act(Action::CancelTool { call: tool.id });
            }
        }
    }
}
