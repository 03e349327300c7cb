//! The command line, one file a command.

mod bench;
mod call;
mod caller;
mod config;
mod demo;
mod desk;
mod environment;
mod exit;
mod health;
mod hear;
mod memory;
mod operators;
mod output;
mod progress;
mod replay;
mod runtime;
mod say;
mod serve;
mod session;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use redial_outgoing::tls;

use self::exit::Exit;
use self::output::tell;

/// The phone line of a voice agent that remembers who is calling.
///
/// Try it: `redial demo` lets a stranger call twice, over the real webhook and socket on this machine, with nothing
/// configured. Then `redial serve`, and point your Twilio number's voice webhook at PUBLIC_URL/voice.
#[derive(Debug, Parser)]
#[command(version, about, long_about)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::Serve),
    Demo(demo::Demo),
    Call(call::Call),
    Hear(hear::Hear),
    Say(say::Say),
    Replay(replay::Replay),
    Config(config::Config),
    Health(health::Health),
    Caller(caller::Caller),
    Session(session::Session),
    Memory(memory::Memory),
    Bench(bench::Bench),
    Desk(desk::Desk),
}

impl Cli {
    /// Reads the command line and runs the command; 64 for a command line that there is none of.
    pub fn main() -> ExitCode {
        match Self::try_parse() {
            Ok(cli) => cli.run(),
            Err(error) => {
                // Help and version are asked for. Nothing can be done about a terminal that is gone.
                let _ = error.print();
                if error.use_stderr() { Exit::Usage.into() } else { Exit::Done.into() }
            }
        }
    }

    /// Runs the command. The README has the table of exit codes.
    pub fn run(self) -> ExitCode {
        tls::install_provider();
        let result = match self.command {
            Command::Serve(command) => command.run(),
            Command::Demo(command) => command.run(),
            Command::Call(command) => command.run(),
            Command::Hear(command) => command.run(),
            Command::Say(command) => command.run(),
            Command::Replay(command) => command.run(),
            Command::Config(command) => command.run(),
            Command::Health(command) => command.run(),
            Command::Caller(command) => command.run(),
            Command::Session(command) => command.run(),
            Command::Memory(command) => command.run(),
            Command::Bench(command) => command.run(),
            Command::Desk(command) => command.run(),
        };
        let exit = result.unwrap_or_else(|error| {
            tell!("redial: {error:#}");
            Exit::after(&error)
        });
        output::finish(exit).into()
    }
}
