//! `redial config`: every variable with its value, unit and default.

use serde::Serialize;

use super::environment::Environment;
use super::exit::Exit;
use super::operators::Format;
use crate::config::{self, ALIASES, Fault, VARIABLES, Variable, Vars};

/// Print every variable with its value, unit and default; secrets are masked. Exit code 64 if something is wrong.
#[derive(Debug, clap::Args)]
pub(super) struct Config {
    #[command(flatten)]
    format: Format,
}

/// All that is configured.
#[derive(Serialize)]
struct Answer {
    variables: Vec<Line>,
    warnings: Vec<String>,
    faults: Vec<Fault>,
}

#[derive(Serialize)]
struct Line {
    name: &'static str,
    /// `None`: not set.
    value: Option<String>,
    unit: &'static str,
    default: &'static str,
    about: String,
    secret: bool,
}

impl Line {
    fn of(variable: &Variable, vars: &dyn Vars) -> Self {
        let Variable { name, unit, default, about, secret } = *variable;
        let value = match vars.var(name) {
            Some(_) if secret => Some("***".to_owned()),
            None if secret && vars.var(&format!("{name}_FILE")).is_some() => Some("(from a file)".to_owned()),
            value => value,
        };
        Self { name, value, unit, default, about: about.to_owned(), secret }
    }
}

impl Config {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        let vars = Environment::read();
        let aliases = ALIASES.iter().map(|alias| Line {
            about: format!("for older deployments: another name of {}", alias.of),
            ..Line::of(&alias.variable(), &vars)
        });
        let variables = VARIABLES.iter().map(|variable| Line::of(variable, &vars)).chain(aliases).collect();
        let read = config::Config::from_vars(&vars, false);
        let (warnings, faults) = match &read {
            Ok(config) => (config.warnings.clone(), Vec::new()),
            Err(error) => (Vec::new(), error.faults.clone()),
        };
        self.format.print(&Answer { variables, warnings, faults }, told)?;
        read?;
        Ok(Exit::Done)
    }
}

/// The faults are told as an error.
fn told(answer: &Answer) -> String {
    let width = answer.variables.iter().map(|line| line.name.len()).max().unwrap_or(0);
    let lines = answer.variables.iter().map(|line| {
        let value = line.value.as_deref().unwrap_or("-");
        let Line { name, unit, default, about, .. } = line;
        format!("{name:width$}  {value}\n{:width$}  {about} [{unit}; default: {default}]", "")
    });
    let warnings = answer.warnings.iter().map(|warning| format!("\nwarning: {warning}"));
    lines.chain(warnings).collect::<Vec<_>>().join("\n")
}
