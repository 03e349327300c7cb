//! `redial memory import`: take over what an older deployment remembers.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use redial_identity::{Keys, load_or_create_pepper, load_pepper};
use redial_store::directory::Memory;
use redial_store::import::{self, Layout, Phones};
use redial_store::process::ProcessStore;
use redial_store::store::Store as _;
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;
use uuid::Uuid;

use crate::app::{self, DATABASE_FILE};
use crate::cli::environment::Environment;
use crate::cli::exit::Exit;
use crate::cli::operators::Format;
use crate::cli::runtime::runtime;
use crate::config::{Backend, Config};
use crate::telemetry;

/// Take over what an older deployment remembers of its callers. Nothing at the source is changed.
///
/// Sessions and profiles are written to the store that `redial serve` would use, under names that are the same every
/// time, so the import may be repeated: what is there already is left alone. Sarah's users keep their ids, and their
/// numbers their old hashes; the other layouts know no numbers, so a profile is only taken over for a person
/// whose number --phones tells.
#[derive(Debug, clap::Args)]
pub(crate) struct Import {
    /// Whose layout it is: aegen, conversation, agent or sarah.
    #[arg(long, value_name = "LAYOUT")]
    from: Layout,
    /// The Redis to read from, such as redis://user:password@host:6379/1. Default: our own, for aegen its database 1.
    #[arg(long, value_name = "URL")]
    source: Option<SourceUrl>,
    /// First part of the source's keys. Default: session:chat, conversation, agent or sarah.
    #[arg(long)]
    prefix: Option<String>,
    /// A CSV file, lines of `id,number`: whose number is whose, by the source's user, chat or conversation ids.
    #[arg(long, value_name = "FILE")]
    phones: Option<PathBuf>,
    /// Read and report; write nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    format: Format,
}

/// A URL whose password is not shown.
#[derive(Debug, Clone)]
struct SourceUrl(SecretString);

impl From<&str> for SourceUrl {
    fn from(url: &str) -> Self {
        Self(url.into())
    }
}

impl Import {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        let mut config = Config::from_vars(&Environment::read(), true)?;
        telemetry::init(&config.log)?;
        config.memory.store = import::settings(&config.memory.store);
        if let Backend::Redis(redis) = &mut config.memory.backend
            && self.dry_run
        {
            redis.leave_no_pepper_check();
        }
        runtime()?.block_on(self.import(&config))
    }

    async fn import(self, config: &Config) -> anyhow::Result<Exit> {
        let data_dir = &config.server.data_dir;
        let pepper = match &config.memory.pepper {
            Some(pepper) => pepper.clone(),
            None if self.dry_run => match load_pepper(data_dir)? {
                Some(pepper) => pepper,
                // Nobody is known under it yet, as under the one that the import itself would make.
                None => Uuid::new_v4().simple().to_string().into(),
            },
            None => load_or_create_pepper(data_dir)?,
        };
        let keys = Keys::derive(&pepper)?;
        let phones = match &self.phones {
            None => Phones::default(),
            Some(path) => {
                let shown = path.display();
                let text = std::fs::read_to_string(path).with_context(|| format!("{shown} cannot be read"))?;
                Phones::read(&text, &keys, &config.memory.default_region).with_context(|| format!("{shown}"))?
            }
        };
        let import = import::Import {
            layout: self.from,
            source: self.source_url(config)?,
            prefix: self.prefix.clone().unwrap_or_else(|| self.from.prefix().to_owned()),
            phones,
            consent: config.memory.consent,
            dry_run: self.dry_run,
        };
        refuse_one_on_top_of_the_other(&import, config)?;
        let store = open_store(config, &keys, self.dry_run).await?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).context("the clock stands before 1970")?;
        let now = u64::try_from(now.as_millis()).context("the clock is off by millions of years")?;
        let report = import::run(&import, store.as_ref(), now).await?;
        self.format.print(&report.document(), |_| report.to_string())
    }

    fn source_url(&self, config: &Config) -> anyhow::Result<SecretString> {
        if let Some(SourceUrl(url)) = &self.source {
            return Ok(url.clone());
        }
        let Backend::Redis(redis) = &config.memory.backend else {
            anyhow::bail!("where is it to be read from? Name the Redis of the older deployment with --source");
        };
        let Ok(mut url) = Url::parse(redis.url().expose_secret()) else {
            anyhow::bail!("our own Redis is a list of hosts: name one of the older deployment's with --source");
        };
        if let Some(database) = self.from.database() {
            url.set_path(&database.to_string());
        }
        Ok(url.as_str().into())
    }
}

async fn open_store(config: &Config, keys: &Keys, dry_run: bool) -> anyhow::Result<Arc<dyn Memory>> {
    match &config.memory.backend {
        Backend::Process => anyhow::bail!("MEMORY_PERSISTENCE=false: what is imported would be forgotten at once"),
        // Nobody waits for a "hello".
        Backend::Redis(redis) => {
            let store = app::connect_to_redis(redis, keys, config.memory.store.clone())?;
            let store = store.begin_call_within(Duration::from_secs(5));
            store.health().await?;
            Ok(Arc::new(store))
        }
        // It would be empty.
        Backend::Embedded if dry_run && !config.server.data_dir.join(DATABASE_FILE).exists() => {
            Ok(Arc::new(ProcessStore::new(config.memory.store.clone())))
        }
        Backend::Embedded => Ok(app::open_memory(config, keys).await?.store),
    }
}

/// Where both use the same keys of the same database, ours would meet theirs under the names that it wants to write.
fn refuse_one_on_top_of_the_other(import: &import::Import, config: &Config) -> anyhow::Result<()> {
    let Backend::Redis(ours) = &config.memory.backend else { return Ok(()) };
    let place = |url: &SecretString| {
        let url = Url::parse(url.expose_secret()).ok()?;
        let database = url.path().trim_start_matches('/').parse::<u16>().unwrap_or(0);
        Some((url.host_str()?.to_owned(), url.port().unwrap_or(6379), database))
    };
    anyhow::ensure!(
        import.layout != Layout::Sarah
            || import.prefix != config.memory.store.prefix
            || place(&import.source) != place(ours.url()),
        "the older deployment's keys and ours would be the same: set MEMORY_KEY_PREFIX to another prefix than {:?}, \
         for this import and for the gateway",
        import.prefix
    );
    Ok(())
}
