//! What the commands of operators share: opening the memory that the gateway uses, and answering.

use std::io::Read as _;
use std::sync::Arc;

use anyhow::Context as _;
use redial_identity::{Keys, load_or_create_pepper, load_pepper};
use redial_store::archive::{self, Archive};
use redial_store::clock;
use redial_store::mirror::Mirror;
use redial_store::spool::Spool;
use redial_store::sqlite::Database;
use secrecy::SecretString;
use serde::Serialize;

use super::environment::Environment;
use super::exit::Exit;
use super::output::out;
use super::runtime::runtime;
use crate::app::{self, DATABASE_FILE, OpenMemory};
use crate::config::{Backend, Config, Vars as _};
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
    /// Opens what a gateway has made, only to look at it: nothing is made that is not there.
    pub(super) async fn look() -> anyhow::Result<Self> {
        let config = existing()?;
        let data_dir = config.server.data_dir.as_path();
        let elsewhere = "run this where the gateway runs, or set DATA_DIR to its own";
        let pepper = match &config.memory.pepper {
            Some(pepper) => pepper.clone(),
            None => load_pepper(data_dir)?.with_context(|| {
                format!("there is no pepper in {}: {elsewhere}, or set MEMORY_PHONE_PEPPER", data_dir.display())
            })?,
        };
        let file = data_dir.join(DATABASE_FILE);
        match &config.memory.backend {
            // Without a journal nothing waits here, and only the store is looked at.
            Backend::Redis(redis) if !file.exists() => {
                let keys = keys(&config, &pepper)?;
                let store = Arc::new(app::connect_to_redis(redis, &keys, config.memory.store.clone())?);
                let database = Arc::new(Database::open_in_memory(clock::system())?);
                let spool = Arc::new(Spool::open(database, None, config.memory.spool.clone())?);
                let memory = OpenMemory { mirror: Some(Arc::clone(&store) as Arc<dyn Mirror>), store, spool };
                Self::new(config, keys, memory)
            }
            Backend::Embedded if !file.exists() => {
                anyhow::bail!("there is no {}: no gateway has remembered anybody there; {elsewhere}", file.display())
            }
            Backend::Redis(_) | Backend::Embedded | Backend::Process => Self::open_with(config, &pepper).await,
        }
    }

    /// Opens what a gateway has made, to change it.
    pub(super) async fn open() -> anyhow::Result<Self> {
        let config = existing()?;
        let pepper = pepper(&config)?;
        Self::open_with(config, &pepper).await
    }

    /// Opens it, or makes it.
    pub(super) async fn open_or_create() -> anyhow::Result<Self> {
        let config = configuration()?;
        let pepper = pepper(&config)?;
        Self::open_with(config, &pepper).await
    }

    async fn open_with(config: Config, pepper: &SecretString) -> anyhow::Result<Self> {
        let keys = keys(&config, pepper)?;
        let memory = app::open_memory(&config, &keys).await?;
        Self::new(config, keys, memory)
    }

    fn new(config: Config, keys: Keys, memory: OpenMemory) -> anyhow::Result<Self> {
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
    let environment = Environment::read();
    // Which address the gateway may bind is its own affair.
    let mut config = Config::from_vars(&environment, true)?;
    if environment.var("RUST_LOG").is_none() {
        config.log.filter = "warn,redial::audit=info".to_owned();
    }
    telemetry::init(&config.log)?;
    if let Backend::Redis(redis) = &mut config.memory.backend {
        redis.leave_no_pepper_check();
    }
    anyhow::ensure!(
        config.memory.is_durable(),
        "MEMORY_PERSISTENCE=false: what is remembered is in the gateway's process only; ask its API"
    );
    Ok(config)
}

/// The configuration of a gateway that has run here: a new memory would be empty, and its pepper would lead to nobody.
fn existing() -> anyhow::Result<Config> {
    let config = configuration()?;
    let data_dir = &config.server.data_dir;
    anyhow::ensure!(
        data_dir.is_dir(),
        "there is no directory {}: run this where the gateway runs, or set DATA_DIR to its own",
        data_dir.display()
    );
    Ok(config)
}

fn pepper(config: &Config) -> anyhow::Result<SecretString> {
    Ok(match &config.memory.pepper {
        Some(pepper) => pepper.clone(),
        None => load_or_create_pepper(&config.server.data_dir)?,
    })
}

fn keys(config: &Config, pepper: &SecretString) -> anyhow::Result<Keys> {
    Ok(Keys::derive(pepper)?.with_older(config.memory.old_pepper.as_ref(), config.memory.legacy_hash)?)
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
    pub(super) fn print<T: Serialize>(self, answer: &T, text: impl FnOnce(&T) -> String) -> anyhow::Result<Exit> {
        if self.json {
            out!("{}", serde_json::to_string_pretty(answer)?);
        } else {
            out!("{}", text(answer));
        }
        Ok(Exit::Done)
    }
}

/// Runs a command's work.
pub(super) fn block_on(work: impl Future<Output = anyhow::Result<Exit>>) -> anyhow::Result<Exit> {
    runtime()?.block_on(work)
}

/// When something expires, in words: `never`, or `in` [`lasting`].
pub(super) fn expires(seconds: Option<u64>) -> String {
    seconds.map_or_else(|| "never".to_owned(), |seconds| format!("in {}", lasting(seconds)))
}

/// A duration in words, rounded down to `89 days` or `5 hours`, or up to `12 minutes`.
pub(super) fn lasting(seconds: u64) -> String {
    match seconds {
        days if days >= 2 * 86_400 => format!("{} days", days / 86_400),
        hours if hours >= 2 * 3600 => format!("{} hours", hours / 3600),
        minutes => count(minutes.div_ceil(60), "minute"),
    }
}

/// So many of these: `1 call`, `2 calls`.
pub(super) fn count(number: u64, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
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
