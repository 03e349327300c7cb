//! Moonshine tiny, English: recognition on this machine, on threads of its own.
//!
//! | module | holds |
//! | --- | --- |
//! | `evidence` | whether there is speech at all in what is to be recognised |
//! | `line` | the task of one call: which audio belongs to which utterance, which answers are due |
//! | `net` | the nets: samples in, text out |

mod evidence;
mod line;
mod net;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use redial_call::Load;
use redial_provider::stt::{Stt, SttContext, SttStream};
use tokio::sync::mpsc;

use self::line::{Line, Parts};
use self::net::Net;
use crate::models::ModelError;
use crate::pool::WorkerPool;
use crate::turn_end::TurnEnd;

/// Frames that may wait for a call's task: 1.28 s. The task never waits for a recognition, so this only has to outlast a
/// busy moment of the runtime, and the pre-roll that comes at once.
const INPUT_CAPACITY: usize = 64;
/// Answers that may wait for the session. When it does not take them, the task takes no more input either.
const OUTPUT_CAPACITY: usize = 8;

/// A verdict takes some 85 ms of a thread; this is the time of four that wait for the same one.
const VERDICT_WAIT: Duration = Duration::from_millis(400);

/// Recognises English on a [`WorkerPool`]. The nets (about 80 MB in memory) are shared by all calls.
///
/// An utterance keeps its first 60 s of audio; what comes after is dropped, with a warning in the log. Speech of more
/// than 20 s is recognised in pieces that are cut at its quietest moments, and an utterance of less than 100 ms holds no
/// words. What holds no voice holds no words either, whatever the net makes of it.
///
/// Each `Transcribe` is answered before any verdict on a pause or partial is worked on, whichever call they are of; a partial
/// that runs is broken off.
pub struct Moonshine {
    parts: Parts,
}

impl Moonshine {
    /// Loads the nets from the models' folder. Blocks for some 100 ms.
    ///
    /// # Errors
    /// When a file is missing, or not the one of this build.
    pub fn load(folder: &Path, pool: Arc<WorkerPool>) -> Result<Self, ModelError> {
        Ok(Self { parts: Parts { net: Arc::new(Net::load(folder)?), turn_end: None, pool } })
    }

    /// Judges each pause as well: every `Transcribe` may have a `TurnEnd` beside its words.
    #[must_use]
    pub fn with_turn_end(mut self, turn_end: TurnEnd) -> Self {
        self.parts.turn_end = Some(Arc::new(turn_end));
        self
    }
}

impl Stt for Moonshine {
    /// `input` holds 64 frames (1.28 s). Answers come in the order in which they were asked for.
    fn open(&self, _: SttContext) -> SttStream {
        let (input, commands) = mpsc::channel(INPUT_CAPACITY);
        let (answers, output) = mpsc::channel(OUTPUT_CAPACITY);
        let line = Line::new(self.parts.clone());
        tokio::spawn(line.run(commands, answers));
        SttStream { input, output }
    }

    fn verdict_wait(&self) -> Duration {
        if self.parts.turn_end.is_some() { VERDICT_WAIT } else { Duration::ZERO }
    }

    fn load(&self) -> Load {
        self.parts.pool.load()
    }
}
