//! `redial memory`: what operators do with the store.

mod import;

use std::process::ExitCode;

use clap::Subcommand;

/// What is remembered of callers.
#[derive(Debug, clap::Args)]
pub(super) struct Memory {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Import(import::Import),
}

impl Memory {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        match self.command {
            Command::Import(command) => command.run(),
        }
    }
}
