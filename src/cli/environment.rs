//! The process's environment and `.env` as variables. The only place that reads them.

use std::collections::BTreeMap;

use anyhow::Context as _;

use crate::config::Vars;

/// All variables, those of the environment over those of `.env`.
pub(super) struct Environment(BTreeMap<String, String>);

impl Environment {
    /// Reads `.env` in the working directory, if there is one, and the environment.
    pub(super) fn read() -> anyhow::Result<Self> {
        let mut vars = BTreeMap::new();
        match dotenvy::from_path_iter(".env") {
            Ok(lines) => {
                for line in lines {
                    let (name, value) = line.context(".env cannot be read")?;
                    vars.insert(name, value);
                }
            }
            Err(error) if error.not_found() => (),
            Err(error) => return Err(error).context(".env cannot be read"),
        }
        vars.extend(std::env::vars_os().filter_map(|(name, value)| {
            let pair = (name.into_string().ok()?, value.into_string().ok()?);
            (!pair.1.is_empty()).then_some(pair)
        }));
        Ok(Self(vars))
    }
}

impl Vars for Environment {
    fn var(&self, name: &str) -> Option<String> {
        self.0.get(name).cloned()
    }

    fn names(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }
}
