//! The command line: parse, run, exit code.

use std::process::ExitCode;

use clap::Parser as _;
use redial::cli::Cli;

fn main() -> ExitCode {
    Cli::parse().run()
}
