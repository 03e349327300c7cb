//! `redial replay`: live a recorded call again.

use std::fs;
use std::path::PathBuf;

use anyhow::Context as _;
use redial_call::log::{Log, render};

use super::exit::Exit;
use super::output::out;

/// Live a recorded call again and print what it did, with times in ms since it began.
///
/// Logs are written to DATA_DIR/calls when CALL_LOG=true. The same log always gives the same output.
#[derive(Debug, clap::Args)]
pub(super) struct Replay {
    /// The log, one JSON object a line.
    file: PathBuf,
    /// Print every action as JSON instead, audio pieces and marks included.
    #[arg(long)]
    json: bool,
}

impl Replay {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        let text = fs::read_to_string(&self.file).with_context(|| format!("{} cannot be read", self.file.display()))?;
        let log = Log::parse(&text).with_context(|| format!("{} is not a call log", self.file.display()))?;
        let actions = log.replay();
        if self.json {
            for (at, action) in &actions {
                out!("{}", serde_json::json!({ "at_ms": at.as_millis(), "action": action }));
            }
        } else {
            out!("{}", render(&actions).trim_end());
        }
        Ok(Exit::Done)
    }
}
