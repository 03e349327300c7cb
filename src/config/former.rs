//! Names of before: those that are read as one of ours, and those that nothing reads.

use super::reader::Reader;
use super::variables::{VARIABLES, Variable};

/// Another name of a variable, as older deployments set it.
#[derive(Debug, Clone, Copy)]
pub struct Alias {
    /// The name of before.
    pub name: &'static str,
    /// The variable that it is read as, which wins where both are set.
    pub of: &'static str,
}

/// Every other name that is read.
pub const ALIASES: &[Alias] = &[
    Alias { name: "REDIS_SESSION_URL", of: "REDIS_URL" },
    Alias { name: "REDIS_SESSION_TTL", of: "MEMORY_SESSION_TTL" },
];

impl Alias {
    /// The same as a variable: what it means is what the other one means.
    ///
    /// # Panics
    /// When the table names a variable that there is not.
    pub fn variable(&self) -> Variable {
        let of = VARIABLES.iter().find(|variable| variable.name == self.of).expect("an alias is of a variable");
        Variable { name: self.name, default: "none", ..*of }
    }
}

/// The other names of a variable.
pub(super) fn aliases_of(name: &str) -> impl Iterator<Item = &'static str> {
    ALIASES.iter().filter(move |alias| alias.of == name).map(|alias| alias.name)
}

/// A variable that is none any more, as there was nothing to choose.
pub(super) struct Gone {
    pub(super) name: &'static str,
    /// The one value that was right; empty: none was.
    only: &'static str,
    /// What another value asked for.
    asked_for: &'static str,
}

pub(super) const GONE: [Gone; 4] = [
    Gone { name: "STT_PROVIDER", only: "local", asked_for: "speech-to-text vendors" },
    Gone { name: "TTS_PROVIDER", only: "local", asked_for: "text-to-speech vendors" },
    Gone { name: "LLM_PROVIDER", only: "builtin", asked_for: "language models" },
    Gone { name: "AGENT_FILE", only: "", asked_for: "agent files" },
];

/// Who set the value that holds anyhow is told that it is not needed; who asked for another must not believe that they got it.
pub(super) fn tell_of_gone(reader: &mut Reader<'_>) {
    for Gone { name, only, asked_for } in GONE {
        match reader.text(name) {
            None => (),
            Some(value) if value == only => {
                reader.warn(format!("{name} is set, but nothing reads it: there is only {only:?}; unset it"));
            }
            Some(value) => {
                reader.fault(name, format!("{value:?} is not in this build: {asked_for} come later; unset it"));
            }
        }
    }
}
