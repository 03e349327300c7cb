//! What the commands of operators share: opening the memory that the gateway uses, and answering.

use std::io::Read as _;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use serde::Serialize;

use super::environment::Environment;
use crate::app::{self, OpenMemory};
use crate::config::{Backend, Config, Vars as _};
use crate::identity::{Keys, load_or_create_pepper};
use crate::memory::archive::{self, Archive};
use crate::operations::{OperationError, Operations, Subject, audit};
use crate::telemetry;

/// Who a command is, for the audit.
pub(super) const ACTOR: &str = "cli";

/// The memory of the gateway that is configured, which may run at the same time.
pub(super) struct Operators {
    pub(super) config: Config,
    keys: Keys,
    memory: OpenMemory,
    archive: Option<Arc<dyn Archive>>,
}

impl Operators {
    /// Opens what a gateway has made.
    pub(super) async fn open() -> anyhow::Result<Self> {
        let config = configuration()?;
        // A new one would be empty, and its pepper would lead to nobody.
        let data_dir = &config.server.data_dir;
        anyhow::ensure!(
            data_dir.is_dir(),
            "there is no directory {}: run this where the gateway runs, or set DATA_DIR to its own",
            data_dir.display()
        );
        Self::open_with(config).await
    }

    /// Opens it, or makes it.
    pub(super) async fn open_or_create() -> anyhow::Result<Self> {
        Self::open_with(configuration()?).await
    }

    async fn open_with(mut config: Config) -> anyhow::Result<Self> {
        if let Backend::Redis(redis) = &mut config.memory.backend {
            redis.leave_no_pepper_check();
        }
        anyhow::ensure!(
            !matches!(config.memory.backend, Backend::Process),
            "MEMORY_PERSISTENCE=false: what is remembered is in the gateway's process only; ask its API"
        );
        let pepper = match &config.memory.pepper {
            Some(pepper) => pepper.clone(),
            None => load_or_create_pepper(&config.server.data_dir)?,
        };
        let keys = Keys::derive(&pepper)?.with_older(config.memory.old_pepper.as_ref(), config.memory.legacy_hash)?;
        let memory = app::open_memory(&config, &keys).await?;
        let archive = config.archive.as_ref().map(archive::open).transpose()?;
        Ok(Self { config, keys, memory, archive })
    }

    pub(super) fn operations(&self) -> Operations<'_> {
        Operations {
            store: self.memory.store.as_ref(),
            spool: &self.memory.spool,
            archive: self.archive.as_deref(),
            live: None,
            keys: &self.keys,
            region: &self.config.memory.default_region,
        }
    }

    /// Whom an argument names; `-` reads it from standard input, where no process list and no history shows it.
    pub(super) fn subject(&self, argument: &str) -> anyhow::Result<Subject> {
        let mut text = argument.to_owned();
        if argument == "-" {
            text.clear();
            std::io::stdin().take(1024).read_to_string(&mut text).context("standard input cannot be read")?;
        }
        Ok(self.operations().subject(&text)?)
    }

    /// Notes what was done to somebody.
    pub(super) fn note<T>(&self, action: &str, subject: &Subject, result: &Result<T, OperationError>) {
        note(action, &self.operations().pseudonym(subject), result);
    }
}

/// Notes what was done.
pub(super) fn note<T>(action: &str, subject: &str, result: &Result<T, OperationError>) {
    audit::note(action, ACTOR, subject, audit::outcome(result));
}

/// The configuration, with a quieter log: an answer is what is asked for.
fn configuration() -> anyhow::Result<Config> {
    let environment = Environment::read()?;
    // Which address the gateway may bind is its own affair.
    let mut config = Config::from_vars(&environment, true)?;
    if environment.var("RUST_LOG").is_none() {
        config.log.filter = "warn,redial::audit=info".to_owned();
    }
    telemetry::init(&config.log)?;
    Ok(config)
}

/// How an answer is printed.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(super) struct Format {
    /// Print JSON instead of text for people.
    #[arg(long, global = true)]
    pub(super) json: bool,
}

impl Format {
    /// Prints an answer.
    pub(super) fn print<T: Serialize>(self, answer: &T, text: impl FnOnce(&T) -> String) -> anyhow::Result<ExitCode> {
        if self.json {
            println!("{}", serde_json::to_string_pretty(answer)?);
        } else {
            println!("{}", text(answer));
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Runs a command's work.
pub(super) fn block_on(work: impl Future<Output = anyhow::Result<ExitCode>>) -> anyhow::Result<ExitCode> {
    super::runtime()?.block_on(work)
}

/// A duration in words: `3 d`, `5 h`, `12 min`.
pub(super) fn lasts(seconds: Option<u64>) -> String {
    match seconds {
        None => "never".to_owned(),
        Some(s) if s >= 2 * 86_400 => format!("{} d", s / 86_400),
        Some(s) if s >= 2 * 3600 => format!("{} h", s / 3600),
        Some(s) => format!("{} min", s.div_ceil(60)),
    }
}

/// How many entries a listing shows, and from where.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Paging {
    /// About how many entries; 500 at most.
    #[arg(long, default_value_t = 100)]
    pub(super) limit: usize,
    /// What the page before has named as the next one.
    #[arg(long, value_name = "PAGE")]
    pub(super) after: Option<String>,
}

/// Says how to see more.
pub(super) fn more(next: Option<&String>) -> String {
    next.map_or_else(String::new, |next| format!("\nThere are more: --after {next}"))
}
