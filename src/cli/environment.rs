//! The process's environment and `.env` as variables. The only place that reads them.

use std::collections::BTreeMap;
use std::io::ErrorKind;

use crate::config::{DotEnv, Fault, Vars, variables_and_aliases};

/// The file, in the working directory.
const FILE: &str = ".env";

/// All variables, those of the environment over those of `.env`.
pub(super) struct Environment {
    vars: BTreeMap<String, String>,
    /// What `.env` sets.
    own: Vec<String>,
    faults: Vec<Fault>,
    warnings: Vec<String>,
}

impl Environment {
    /// Reads `.env` in the working directory, if there is one, and the environment. What is wrong with the file is told
    /// with what is wrong with the variables, all of it in one go.
    pub(super) fn read() -> Self {
        let mut file = match std::fs::read(FILE) {
            Ok(bytes) => DotEnv::parse(FILE, &bytes),
            Err(error) if error.kind() == ErrorKind::NotFound => DotEnv::default(),
            Err(error) => {
                let message = format!("cannot be read: {error}; let this user read it, or take it away");
                DotEnv { faults: vec![Fault { name: FILE.to_owned(), message }], ..DotEnv::default() }
            }
        };
        let own = file.vars.keys().cloned().collect();
        for (name, value) in std::env::vars_os() {
            let Ok(name) = name.into_string() else { continue };
            match value.into_string() {
                Ok(value) if value.is_empty() => (),
                Ok(value) => _ = file.vars.insert(name, value),
                Err(_) if is_ours(&name) => file.faults.push(Fault { name, message: "is not UTF-8".to_owned() }),
                Err(_) => (),
            }
        }
        Self { vars: file.vars, own, faults: file.faults, warnings: file.warnings }
    }
}

fn is_ours(name: &str) -> bool {
    let base = name.strip_suffix("_FILE").unwrap_or(name);
    variables_and_aliases().any(|variable| variable.name == name || (variable.secret && variable.name == base))
}

impl Vars for Environment {
    fn var(&self, name: &str) -> Option<String> {
        self.vars.get(name).cloned()
    }

    fn names(&self) -> Vec<String> {
        self.vars.keys().cloned().collect()
    }

    fn own_names(&self) -> Vec<String> {
        self.own.clone()
    }

    fn faults(&self) -> Vec<Fault> {
        self.faults.clone()
    }

    fn warnings(&self) -> Vec<String> {
        self.warnings.clone()
    }
}
