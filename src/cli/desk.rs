//! `redial desk`: how well the built-in agent understands callers.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context as _;
use redial_agent::judge::{Report, judge};
use redial_speech::meaning::Meaning;
use redial_speech::pool::WorkerPool;

use super::environment::Environment;
use super::exit::Exit;
use super::operators::Format;
use super::output::tell;
use super::runtime::runtime;
use crate::config::ToolsConfig;

/// Look at what the built-in agent understands.
#[derive(Debug, clap::Args)]
pub(super) struct Desk {
    #[command(subcommand)]
    part: Part,
}

#[derive(Debug, clap::Subcommand)]
enum Part {
    /// Judge it on a corpus of callers' turns, such as `fixtures/desk/work.toml`: precision and recall of each intent, of names,
    /// numbers and decisions. What went wrong is told a line each, on standard error.
    Judge {
        /// The corpus; `fixtures/desk/README.md` has its format.
        corpus: PathBuf,
        #[command(flatten)]
        format: Format,
    },
}

impl Desk {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        let Part::Judge { corpus, format } = self.part;
        let ToolsConfig { models_dir, .. } = ToolsConfig::from_vars(&Environment::read())?;
        let file = corpus.display();
        let text = std::fs::read_to_string(&corpus).with_context(|| format!("{file} cannot be read"))?;
        let began = Instant::now();
        let report = runtime()?.block_on(async {
            let net = Meaning::load(&models_dir, Arc::new(WorkerPool::new(1, 1)?))?;
            judge(&text, &net).await.with_context(|| format!("{file} is no corpus"))
        })?;
        for fault in &report.faults {
            tell!("{fault}");
        }
        let took_ms = began.elapsed().as_secs_f64() * 1000.0 / report.turns.max(1) as f64;
        tell!("{} turns, {took_ms:.1} ms each", report.turns);
        format.print(&report, told)
    }
}

fn told(report: &Report) -> String {
    report.to_string().trim_end().to_owned()
}
