//! `redial config`: every variable with its value, unit and default.

use std::process::ExitCode;

use super::environment::Environment;
use crate::config::{self, VARIABLES, Vars as _};

/// Print every variable with its value, unit and default; secrets are masked. Exit code 64 if something is wrong.
#[derive(Debug, clap::Args)]
pub(super) struct Config {}

impl Config {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let vars = Environment::read()?;
        let width = VARIABLES.iter().map(|variable| variable.name.len()).max().unwrap_or(0);
        for variable in VARIABLES {
            let value = match vars.var(variable.name) {
                Some(_) if variable.secret => "***".to_owned(),
                Some(value) => value,
                None if variable.secret && vars.var(&format!("{}_FILE", variable.name)).is_some() => {
                    "(from a file)".to_owned()
                }
                None => "-".to_owned(),
            };
            println!(
                "{:width$}  {value}\n{:width$}  {} [{}; default: {}]",
                variable.name, "", variable.about, variable.unit, variable.default
            );
        }
        let config = config::Config::from_vars(&vars, false)?;
        for warning in &config.warnings {
            println!("\nwarning: {warning}");
        }
        Ok(ExitCode::SUCCESS)
    }
}
