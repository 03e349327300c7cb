//! The floor: whose turn it is, and the two that may have it, the listening half and the agent's turn.

use std::time::Duration;

use crate::action::EndReason;
use crate::agent_turn::{AgentTurn, Then};
use crate::context::Context;
use crate::ears::Ears;
use crate::event::Load;
use crate::ids::TurnId;
use crate::playout::Marks;
use crate::script::Voice;
use crate::settings::{Endpointing, Medium, Settings};

/// Whose turn it is, in a call that the carrier has started.
#[derive(Debug)]
pub(crate) struct Floor {
    pub(crate) ears: Ears,
    pub(crate) marks: Marks,
    pub(crate) holder: Holder,
}

/// Who has the floor.
#[derive(Debug)]
pub(crate) enum Holder {
    /// Nobody yet: memory has not said whom to greet.
    Greeting {
        /// What follows the greeting.
        then: Then,
    },
    /// The caller.
    Caller {
        /// What they said last was not answered: if they do not go on, it is.
        unanswered: bool,
    },
    /// The agent.
    Agent(Box<AgentTurn>),
    /// Nobody any more: the carrier was told to end the call.
    HungUp(EndReason),
}

impl Floor {
    pub(crate) fn new(settings: &Settings, load: Load, then: Then) -> Self {
        let endpointing = match settings.medium {
            Medium::Audio => settings.endpointing,
            Medium::Text => Endpointing::Recogniser, // which the carrier is
        };
        Self { ears: Ears::new(endpointing, load), marks: Marks::default(), holder: Holder::Greeting { then } }
    }

    /// Nobody says anything, and everything that was said is reported.
    pub(crate) fn is_between_turns(&self, now: Duration) -> bool {
        matches!(self.holder, Holder::Caller { .. }) && self.ears.is_quiet() && !self.ears.awaits_words(now)
    }

    /// Whose voice answers have.
    pub(crate) const fn voice(&self) -> Voice {
        match self.ears {
            Ears::Ours(_) | Ears::Recogniser(_) => Voice::Ours,
            Ears::Model(_) => Voice::Model,
        }
    }

    /// The agent's turn in progress.
    pub(crate) fn agent(&self) -> Option<&AgentTurn> {
        match &self.holder {
            Holder::Agent(turn) => Some(turn),
            Holder::Greeting { .. } | Holder::Caller { .. } | Holder::HungUp(_) => None,
        }
    }

    /// The agent's turn in progress, if it is the one that a result belongs to.
    pub(crate) fn agent_of(&mut self, turn: TurnId) -> Option<&mut AgentTurn> {
        match &mut self.holder {
            Holder::Agent(agent) if agent.id() == turn => Some(agent),
            Holder::Agent(_) | Holder::Greeting { .. } | Holder::Caller { .. } | Holder::HungUp(_) => None,
        }
    }

    /// Takes the floor from the agent, and gives it to the caller. None: the agent does not have it.
    fn take_from_agent(&mut self) -> Option<AgentTurn> {
        let unanswered = match &self.holder {
            Holder::Agent(turn) => turn.leaves_unanswered(),
            Holder::Greeting { .. } | Holder::Caller { .. } | Holder::HungUp(_) => return None,
        };
        match std::mem::replace(&mut self.holder, Holder::Caller { unanswered }) {
            Holder::Agent(turn) => Some(*turn),
            Holder::Greeting { .. } | Holder::Caller { .. } | Holder::HungUp(_) => None,
        }
    }

    /// The agent's turn was heard to its end. Returns what follows.
    pub(crate) fn finish_agent_turn(&mut self, now: Duration, cx: &mut Context) -> Option<Then> {
        let agent = self.take_from_agent()?;
        let then = agent.then();
        let turn = agent.finish(now, &mut self.marks, cx);
        cx.keep(turn);
        Some(then)
    }

    /// Ends the agent's turn where the caller's ear is now; the rest is not said.
    pub(crate) fn cut_agent_turn(&mut self, now: Duration, cx: &mut Context) {
        if let Some(agent) = self.take_from_agent() {
            let turn = agent.cut(now, &mut self.marks, cx);
            cx.keep_if(turn);
        }
    }

    /// The same on a line that is gone.
    pub(crate) fn cut_off(&mut self, now: Duration, cx: &mut Context) {
        if let Some(agent) = self.take_from_agent() {
            let turn = agent.cut_off(now, &mut self.marks, cx);
            cx.keep_if(turn);
        }
    }

    /// Drops the agent's turn, of which no word was heard.
    pub(crate) fn drop_agent_turn(&mut self, now: Duration, cx: &mut Context) {
        if let Some(agent) = self.take_from_agent() {
            let turn = agent.drop_unheard(now, &mut self.marks, cx);
            cx.keep_if(turn);
        }
    }
}
