//! What commands print: one way out for all of it, which ends quietly when nobody reads any more.
//!
//! A command does what it was asked to do, and ends with its own exit code, whether or not its reader stays: after
//! `redial memory import | head` the import is whole, and `redial config | head` is no failure.

use std::fmt::Arguments;
use std::io::{self, ErrorKind, Write as _};
use std::sync::OnceLock;

use super::exit::Exit;

/// Why standard output takes nothing any more. Nothing is printed after that.
static FAILURE: OnceLock<io::Error> = OnceLock::new();

/// Prints an answer to standard output.
macro_rules! out {
    ($($text:tt)*) => { $crate::cli::output::answer(format_args!($($text)*)) };
}

/// Says to standard error what is no answer: what goes on, and what went wrong.
macro_rules! tell {
    ($($text:tt)*) => { $crate::cli::output::aside(format_args!($($text)*)) };
}

pub(crate) use {out, tell};

/// Prints a line.
pub(crate) fn answer(text: Arguments<'_>) {
    if FAILURE.get().is_none()
        && let Err(error) = writeln!(io::stdout().lock(), "{text}")
    {
        // A second failure would say the same.
        let _ = FAILURE.set(error);
    }
}

/// Says a line.
pub(crate) fn aside(text: Arguments<'_>) {
    // Nothing can be done about a terminal that is gone.
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// How a command ends that would end with `exit`, once all of its output is out.
pub(super) fn finish(exit: Exit) -> Exit {
    if let Err(error) = io::stdout().lock().flush() {
        let _ = FAILURE.set(error);
    }
    match FAILURE.get() {
        Some(error) if error.kind() != ErrorKind::BrokenPipe => {
            tell!("redial: the output cannot be written: {error}");
            if exit == Exit::Done { Exit::NoOutput } else { exit }
        }
        Some(_) | None => exit,
    }
}
