//! Reads variables one by one and collects what is wrong with them.

use std::fmt::{self, Display};
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use secrecy::SecretString;
use serde::Serialize;

use super::spelling::Names;
use super::variables::Variable;

/// Where variables come from: the environment, or a map in a test.
pub trait Vars {
    /// The value of a variable; unset and empty are the same.
    fn var(&self, name: &str) -> Option<String>;
    /// The names of all variables that are set.
    fn names(&self) -> Vec<String>;
    /// Those of them that a file of ours sets, which is read by nobody else.
    fn own_names(&self) -> Vec<String> {
        Vec::new()
    }
    /// What cannot be read where they come from.
    fn faults(&self) -> Vec<Fault> {
        Vec::new()
    }
    /// What is read there, and likely not meant so.
    fn warnings(&self) -> Vec<String> {
        Vec::new()
    }
}

/// A variable that is wrong, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// Its name, or its place: `.env:3`.
    pub name: String,
    /// What is wrong and the way out; never a secret's value.
    pub message: String,
}

impl Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.message)
    }
}

pub(super) struct Reader<'a> {
    vars: &'a dyn Vars,
    faults: Vec<Fault>,
    warnings: Vec<String>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(vars: &'a dyn Vars) -> Self {
        Self { vars, faults: vars.faults(), warnings: vars.warnings() }
    }

    pub(super) fn finish(self) -> (Vec<Fault>, Vec<String>) {
        (self.faults, self.warnings)
    }

    pub(super) fn fault(&mut self, name: &str, message: String) {
        self.faults.push(Fault { name: name.to_owned(), message });
    }

    pub(super) fn has_fault(&self, name: &str) -> bool {
        self.faults.iter().any(|fault| fault.name == name || fault.name.strip_suffix("_FILE") == Some(name))
    }

    pub(super) fn warn(&mut self, message: String) {
        self.warnings.push(message);
    }

    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.vars.var(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    }

    pub(super) fn optional<T: FromStr>(&mut self, name: &str, wanted: &str) -> Option<T> {
        let text = self.text(name)?;
        match text.parse() {
            Ok(value) => Some(value),
            Err(_) => {
                self.fault(name, format!("{text:?} is not {wanted}"));
                None
            }
        }
    }

    pub(super) fn parsed<T: FromStr>(&mut self, name: &str, default: T, wanted: &str) -> T {
        self.optional(name, wanted).unwrap_or(default)
    }

    pub(super) fn in_range<T: FromStr + PartialOrd + Display>(
        &mut self,
        name: &str,
        default: T,
        range: RangeInclusive<T>,
    ) -> T {
        let wanted = format!("a whole number from {} to {}", range.start(), range.end());
        match self.optional::<T>(name, &wanted) {
            Some(value) if range.contains(&value) => value,
            Some(value) => {
                self.fault(name, format!("{value} is not {wanted}"));
                default
            }
            None => default,
        }
    }

    /// Seconds, with decimals.
    pub(super) fn seconds(&mut self, name: &str, default: Duration, range: RangeInclusive<f64>) -> Duration {
        let wanted = format!("a number of seconds from {} to {}", range.start(), range.end());
        match self.optional::<f64>(name, &wanted) {
            Some(value) if range.contains(&value) => Duration::from_secs_f64(value),
            Some(value) => {
                self.fault(name, format!("{value} is not {wanted}"));
                default
            }
            None => default,
        }
    }

    pub(super) fn flag(&mut self, name: &str) -> Option<bool> {
        let text = self.text(name)?;
        match text.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => Some(true),
            "false" | "0" | "no" | "off" => Some(false),
            _ => {
                self.fault(name, format!("{text:?} is neither true nor false"));
                None
            }
        }
    }

    pub(super) fn one_of(&mut self, name: &str, default: &str, choices: &[&str]) -> String {
        match self.text(name) {
            None => default.to_owned(),
            Some(value) if choices.contains(&value.as_str()) => value,
            Some(value) => {
                self.fault(name, format!("{value:?} is none of {}", choices.join(", ")));
                default.to_owned()
            }
        }
    }

    /// A secret: the variable itself, or the file that `NAME_FILE` names.
    pub(super) fn secret(&mut self, name: &str) -> Option<SecretString> {
        let file_name = format!("{name}_FILE");
        match (self.text(name), self.text(&file_name)) {
            (Some(_), Some(_)) => {
                self.fault(name, format!("is set beside {file_name}; set one of them"));
                None
            }
            (Some(value), None) => Some(SecretString::from(value)),
            (None, Some(path)) => match std::fs::read_to_string(&path) {
                Ok(value) if value.trim().is_empty() => {
                    self.fault(&file_name, format!("the file {path:?} is empty"));
                    None
                }
                Ok(value) => Some(SecretString::from(value.trim().to_owned())),
                Err(error) => {
                    self.fault(&file_name, format!("the file {path:?} cannot be read: {error}"));
                    None
                }
            },
            (None, None) => None,
        }
    }

    /// Warns of names that nobody reads and that look like ours: mostly slips of the pen. The environment is everybody's,
    /// so there only a near miss is one.
    pub(super) fn warn_of_unknown(&mut self, variables: impl Iterator<Item = Variable>) {
        let (known, own) = (Names::of(variables), self.vars.own_names());
        let mut unknown: Vec<String> =
            self.vars.names().into_iter().filter(|name| !known.contains(name) && !self.has_fault(name)).collect();
        unknown.sort();
        for name in unknown {
            let is_own = own.contains(&name);
            // Where the right one is set as well, the other may be another program's.
            match known.meant(&name).filter(|meant| is_own || self.vars.var(meant).is_none()) {
                Some(meant) => {
                    self.warnings.push(format!("{name} is set, but nothing reads it: did you mean {meant}?"));
                }
                None if is_own && known.are_like(&name) => {
                    self.warnings.push(format!("{name} is set, but nothing reads it"));
                }
                None => (),
            }
        }
    }
}
