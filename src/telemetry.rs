//! Logs: one line a thing that happened, never a number, a transcript or a token. Metrics: in the module of that name.
//!
//! What the libraries below us say when asked for details is whole frames and headers, with the tokens and digits in them. So
//! whatever `RUST_LOG` says, details are ours only.

pub(crate) mod limited;
pub(crate) mod metrics;

use std::io::IsTerminal as _;
use std::time::Duration;

use tracing::{Level, Metadata};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config::LogConfig;

/// Starts logging to standard error. A second call changes nothing.
///
/// # Errors
/// When the filter cannot be read.
pub fn init(config: &LogConfig) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&config.filter)
        .map_err(|error| anyhow::anyhow!("RUST_LOG: {:?} is not a filter ({error})", config.filter))?;
    let registry = tracing_subscriber::registry().with(filter).with(filter_fn(may_be_told));
    // Colours are for eyes: in a file they are noise. NO_COLOR is what no-color.org says.
    let colours = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(colours);
    // A reader that has gone is no reason to panic, as printing the failure to the same place would.
    let lines = lines.log_internal_errors(false);
    // Already started: by an earlier command in this process, or by a test.
    let _ = if config.json { registry.with(lines.json()).try_init() } else { registry.with(lines).try_init() };
    Ok(())
}

/// Details below `info` come from our own crates only.
fn may_be_told(metadata: &Metadata<'_>) -> bool {
    let is_ours = || metadata.target().split("::").next().is_some_and(|root| root.starts_with("redial"));
    *metadata.level() <= Level::INFO || is_ours()
}

/// A time for a log's field: whole ms. A `u128`, as [`Duration::as_millis`] answers, would be text in JSON.
pub(crate) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    /// Every file of ours, in all crates, but for tests.
    pub(super) fn sources() -> Vec<PathBuf> {
        fn below(folder: &Path, found: &mut Vec<PathBuf>) {
            for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
                if path.is_dir() {
                    below(&path, found);
                } else if path.extension().is_some_and(|extension| extension == "rs") {
                    found.push(path);
                }
            }
        }
        let mut found = Vec::new();
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        below(&root.join("src"), &mut found);
        for member in std::fs::read_dir(root.join("crates")).unwrap() {
            below(&member.unwrap().path().join("src"), &mut found);
        }
        found
    }

    /// What stands in a macro's parentheses, without its texts, from just after the opening one.
    fn arguments(code: &str) -> String {
        let (mut depth, mut in_text, mut found) = (1, false, String::new());
        let mut characters = code.chars();
        while let Some(character) = characters.next() {
            match character {
                '\\' if in_text => drop(characters.next()),
                '"' => in_text = !in_text,
                _ if in_text => (),
                '(' => depth += 1,
                ')' if depth == 1 => break,
                ')' => depth -= 1,
                _ => (),
            }
            if !in_text {
                found.push(character);
            }
        }
        found.split_whitespace().collect()
    }

    #[test]
    fn no_field_of_a_log_is_a_debug_form_or_a_number_that_json_would_make_a_text() {
        let mut events = 0;
        for path in sources() {
            let text = std::fs::read_to_string(&path).unwrap();
            for level in ["error", "warn", "info", "debug", "trace"] {
                for call in text.split(&format!("{level}!(")).skip(1) {
                    let fields = arguments(call);
                    // A call is named `call.sid` everywhere, also when it is over and is a session.
                    for wrong in
                        ["=?", ",?", "as_millis()", "as_micros()", "as_nanos()", "session.id=", "sid=", "call_sid="]
                    {
                        let fields = fields.replace("call.sid=", "");
                        assert!(!fields.contains(wrong), "{wrong} in {level}!({fields} of {}", path.display());
                    }
                    assert!(!fields.starts_with('?'), "{level}!({fields} of {}", path.display());
                    events += 1;
                }
            }
        }
        assert!(events > 80, "{events}");
    }
}
