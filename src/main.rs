//! The command line: parse, run, exit code.

use std::process::ExitCode;

use redial::cli::Cli;

fn main() -> ExitCode {
    Cli::main()
}
