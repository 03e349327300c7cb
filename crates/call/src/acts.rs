//! What an agent does beside what it says: questions that matter later, and tools.

use serde::{Deserialize, Serialize};

use crate::ids::TurnId;

/// Something that an agent did in its turn.
///
/// One that it says stands behind words, and counts if the caller heard them to their end: a question that was cut short was not
/// asked. Acts of tools count always.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "act", rename_all = "snake_case")]
pub enum Act {
    /// What it took a turn of the caller's for. Stands before its words, so it counts whether they were heard or not.
    Understood {
        /// The caller's turn.
        turn: TurnId,
        /// What it is made of, in order; empty: nothing that says anything.
        parts: Vec<Part>,
    },
    /// It asked for something.
    Asked {
        /// For what, as the agent calls it.
        what: String,
    },
    /// It asked whether the caller may be remembered.
    AskedConsent,
    /// It asked whether everything about the caller is to be deleted.
    AskedErase,
    /// It repeated something for the caller to confirm.
    ReadBack {
        /// What: the name of a fact or a field, as the agent calls it.
        what: String,
    },
    /// A tool runs, or ran.
    ToolCalled {
        /// Which call.
        call: ToolCallId,
        /// The tool's name.
        name: String,
        /// A JSON object.
        arguments: String,
    },
    /// What came of a call; of several the last holds.
    ToolReturned {
        /// Which call.
        call: ToolCallId,
        /// What came of it.
        outcome: ToolOutcome,
    },
    /// The caller is about to be connected with somebody else.
    Transferring {
        /// With whom, as the agent calls it.
        to: String,
    },
    /// It said goodbye; we hang up once that was heard.
    EndCall,
    /// What a later version than this one knows.
    #[serde(other)]
    Other,
}

/// A piece of a turn of the caller's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// What it is, as the agent calls it.
    pub kind: String,
    /// Where it begins in the turn's text, in bytes.
    pub from: u32,
    /// Where it ends, in bytes.
    pub to: u32,
}

impl Part {
    /// The piece of `text`, the turn's; nothing of a text that it is none of.
    pub fn of<'a>(&self, text: &'a str) -> &'a str {
        text.get(self.from as usize..self.to as usize).unwrap_or_default()
    }
}

impl Act {
    /// True for what the agent says itself, false for what is noted of tools.
    pub const fn is_spoken(&self) -> bool {
        !matches!(self, Self::ToolCalled { .. } | Self::ToolReturned { .. })
    }
}

/// One call of a tool. With the session's id it is the key under which a side effect happens once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ToolCallId {
    /// The agent's turn that called.
    pub turn: TurnId,
    /// Which of the turn's calls, from 0 on.
    pub index: u32,
}

/// What an agent wants of a tool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolRequest {
    /// The tool's name.
    pub name: String,
    /// A JSON object.
    pub arguments: String,
    /// What running it means.
    pub effect: Effect,
}

/// The longest arguments of a call, in bytes, and the longest name: they are kept with the turn, and compared with those before.
const MAX_ARGUMENTS_BYTES: usize = 8192;
const MAX_NAME_BYTES: usize = 128;

impl ToolRequest {
    /// As much of it as may be kept. False: it is too long to be carried out.
    pub(crate) fn shorten(&mut self) -> bool {
        let fits = self.arguments.len() <= MAX_ARGUMENTS_BYTES && self.name.len() <= MAX_NAME_BYTES;
        if !fits {
            self.arguments = "{}".to_owned();
            self.name.truncate(self.name.floor_char_boundary(MAX_NAME_BYTES));
        }
        fits
    }

    /// The same tool with the same arguments, however these are written.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.is_call_of(&other.name, &other.arguments)
    }

    /// The same of a call that was noted.
    pub(crate) fn is_call_of(&self, name: &str, arguments: &str) -> bool {
        let value = |text| serde_json::from_str::<serde_json::Value>(text).ok();
        let equal = || value(&self.arguments).zip(value(arguments)).is_some_and(|(one, other)| one == other);
        self.name == name && (self.arguments == arguments || equal())
    }
}

/// What running a tool means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// It only looks: it may run on a guess, and is dropped when the caller goes on.
    ReadOnly,
    /// It changes the world: it runs once the caller has surely finished, and is never taken back.
    SideEffect,
}

/// What came of a tool's call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum ToolOutcome {
    /// It did what it was asked.
    Done {
        /// What it gave back, for the agent.
        result: String,
    },
    /// It did not.
    Failed {
        /// Why, for the agent.
        reason: String,
    },
    /// It has not answered in time. What it answers later is noted as well.
    TimedOut,
    /// It only looked, and the caller went on.
    Cancelled,
    /// The same was done before in answer to the same words; it did not run again.
    AlreadyDone,
    /// The process that ran it is gone. It may have happened; it does not run again.
    Unknown,
}

impl ToolOutcome {
    /// Nothing more will come of the call.
    pub const fn is_final(&self) -> bool {
        !matches!(self, Self::TimedOut)
    }
}
