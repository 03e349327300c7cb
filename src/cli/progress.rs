//! What goes on in a call, line by line, so that nobody waits for a minute in silence.

use std::fmt::Arguments;

use crate::simulate::{Progress, Watcher};

/// Tells it by `print`, each line with the seconds since the call was placed, and with `title`.
pub(super) fn watcher(title: &'static str, print: fn(Arguments<'_>)) -> Watcher {
    Watcher::new(move |at, progress| {
        let seconds = at.as_secs_f64();
        match progress {
            Progress::Connected => print(format_args!("{seconds:>6.1} s  {title}: the line is open")),
            Progress::AgentSpeaks => print(format_args!("{seconds:>6.1} s  {title}: the agent speaks")),
            Progress::CallerSaid(words) => print(format_args!("{seconds:>6.1} s  {title}: the caller said {words:?}")),
        }
    })
}
