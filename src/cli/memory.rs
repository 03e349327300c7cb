//! `redial memory`: what operators do with the store.

mod clear;
mod health;
mod import;
mod queue;
mod rekey;
mod repair;

use clap::Subcommand;

use super::exit::Exit;

/// What is remembered of callers.
#[derive(Debug, clap::Args)]
pub(super) struct Memory {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    #[command(name = "selftest")]
    SelfTest(health::SelfTest),
    Check(health::Check),
    Outbox(queue::Outbox),
    Dead(queue::Dead),
    Repair(repair::Repair),
    Rekey(rekey::Rekey),
    Clear(clear::Clear),
    Import(import::Import),
}

impl Memory {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        match self.command {
            Command::SelfTest(command) => command.run(),
            Command::Check(command) => command.run(),
            Command::Outbox(command) => command.run(),
            Command::Dead(command) => command.run(),
            Command::Repair(command) => command.run(),
            Command::Rekey(command) => command.run(),
            Command::Clear(command) => command.run(),
            Command::Import(command) => command.run(),
        }
    }
}
