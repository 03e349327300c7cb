//! How long a caller is waited for, in one word.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How patient the agent is with a caller who pauses.
///
/// The pauses that end a turn, in ms since the voice stopped (voice activity notices that 128 ms after the last sound):
///
/// | | finished, it seems | the same, of few words | not clear | will go on, it seems |
/// | --- | --- | --- | --- | --- |
/// | quick | 200 | 400 | 700 | 1100 |
/// | normal | 300 | 700 | 1100 | 1500 |
/// | patient | 700 | 1100 | 1700 | 2500 |
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Patience {
    /// For callers who know what they want: short answers, menus.
    Quick,
    /// For most.
    #[default]
    Normal,
    /// For those who search for words, or read something out.
    Patient,
}

/// The pauses of one [`Patience`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pauses {
    /// Before the recogniser is asked, although the caller may go on.
    pub(crate) eager: Duration,
    pub(crate) complete: Duration,
    pub(crate) brief: Duration,
    pub(crate) unsure: Duration,
    pub(crate) open: Duration,
}

impl Patience {
    pub(crate) const fn pauses(self) -> Pauses {
        const fn pauses([eager, complete, brief, unsure, open]: [u64; 5]) -> Pauses {
            Pauses {
                eager: Duration::from_millis(eager),
                complete: Duration::from_millis(complete),
                brief: Duration::from_millis(brief),
                unsure: Duration::from_millis(unsure),
                open: Duration::from_millis(open),
            }
        }
        match self {
            Self::Quick => pauses([60, 200, 400, 700, 1100]),
            Self::Normal => pauses([80, 300, 700, 1100, 1500]),
            Self::Patient => pauses([200, 700, 1100, 1700, 2500]),
        }
    }
}
