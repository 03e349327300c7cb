//! The configuration: every variable, read once, every fault reported in one go.

mod admin;
mod archive;
mod chat;
mod dotenv;
mod former;
mod origin;
mod preset;
mod reader;
mod redis;
mod spelling;
mod tools;
mod twilio;
mod variables;
mod voice;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;
use std::{fmt, iter};

use redial_call::{DeadAir, Patience};
use redial_identity::LegacyHash;
use redial_memory::consent::ConsentMode;
use redial_memory::greeting::GreetingLevel;
use redial_outgoing::Networks;
use redial_speech::models::DEFAULT_FOLDER;
use redial_speech::voice::VoiceConfig;
use redial_store::archive::ArchiveConfig;
use redial_store::redis::Language;
use redial_store::settings::{StoreSettings, TtlRefresh};
use redial_store::spool::SpoolSettings;
use redial_vendors::chat::ChatConfig;
use secrecy::{ExposeSecret as _, SecretString};
use tracing_subscriber::EnvFilter;
use url::Url;

pub use self::admin::AdminConfig;
pub(crate) use self::dotenv::DotEnv;
pub use self::former::{ALIASES, Alias};
use self::preset::Preset;
use self::reader::Reader;
pub use self::reader::{Fault, Vars};
pub use self::redis::RedisConfig;
pub use self::tools::ToolsConfig;
pub use self::twilio::{TwilioConfig, TwilioRest};
pub use self::variables::{VARIABLES, Variable};

/// Everything that is configured.
#[derive(Debug)]
pub struct Config {
    /// Where to listen, and as what we are known.
    pub server: ServerConfig,
    /// Where operators' programs come in; `None`: nowhere.
    pub admin: Option<AdminConfig>,
    /// The carrier's credentials.
    pub twilio: TwilioConfig,
    /// The carrier's API, if it is to be told of calls.
    pub twilio_rest: Option<TwilioRest>,
    /// Where callers are remembered.
    pub memory: MemoryConfig,
    /// The model that improves summaries, if one is to.
    pub summarizer: Option<ChatConfig>,
    /// Where finished calls go for good, if anywhere.
    pub archive: Option<ArchiveConfig>,
    /// How the agent behaves.
    pub manner: Manner,
    /// Where requests to other people's servers may go.
    pub networks: Networks,
    /// Limits on calls.
    pub limits: Limits,
    /// Where the models are.
    pub models_dir: PathBuf,
    /// Which offline voice speaks, and how fast.
    pub voice: VoiceConfig,
    /// Write each call's events to `DATA_DIR/calls`.
    pub call_log: bool,
    /// How to log.
    pub log: LogConfig,
    /// What an operator should know, although it is no fault.
    pub warnings: Vec<String>,
}

/// Where to listen, and as what we are known.
#[derive(Debug)]
pub struct ServerConfig {
    /// `BIND_ADDR`, `PORT`.
    pub bind: SocketAddr,
    /// `PUBLIC_URL`: the origin that signatures and stream URLs are built from.
    pub public_url: Option<Url>,
    /// `DATA_DIR`.
    pub data_dir: PathBuf,
    /// `SHUTDOWN_GRACE_SECONDS`: how long running calls may go on after SIGTERM.
    pub shutdown_grace: Duration,
}

impl ServerConfig {
    /// Where a program on this machine reaches the gateway.
    pub fn local_address(&self) -> SocketAddr {
        let ip = if self.bind.ip().is_unspecified() { IpAddr::V4(Ipv4Addr::LOCALHOST) } else { self.bind.ip() };
        SocketAddr::new(ip, self.bind.port())
    }
}

/// Where callers are remembered.
#[derive(Debug)]
pub struct MemoryConfig {
    /// Which store.
    pub backend: Backend,
    /// Prefix and times.
    pub store: StoreSettings,
    /// `MEMORY_PHONE_PEPPER`; `None`: a generated one in the data directory.
    pub pepper: Option<SecretString>,
    /// `MEMORY_PHONE_PEPPER_OLD`: the former one.
    pub old_pepper: Option<SecretString>,
    /// `MEMORY_LEGACY_HASH`: how the deployment that we took over from hashed numbers.
    pub legacy_hash: Option<LegacyHash>,
    /// `MEMORY_CONSENT`: how callers agree to being remembered.
    pub consent: ConsentMode,
    /// `GREETING_LEVEL`: how much memory may be said aloud.
    pub greeting_level: GreetingLevel,
    /// `DEFAULT_REGION`: for numbers without `+`.
    pub default_region: String,
    /// `SPOOL_…`: journal and outbox.
    pub spool: SpoolSettings,
    /// `MEMORY_MAX_MESSAGES`: turns of the call that the agent is shown.
    pub max_messages: usize,
}

impl MemoryConfig {
    /// False when all that is said is forgotten with the process.
    pub fn is_durable(&self) -> bool {
        !matches!(self.backend, Backend::Process)
    }
}

/// Which store.
#[derive(Debug)]
pub enum Backend {
    /// A Redis server.
    Redis(Box<RedisConfig>),
    /// One SQLite file in the data directory.
    Embedded,
    /// This process; forgotten when it stops.
    Process,
}

/// Limits on calls.
#[derive(Debug, Clone)]
pub struct Limits {
    /// `MAX_CALLS` at once.
    pub calls: usize,
    /// `MAX_CALLS_PER_CALLER` at once.
    pub calls_per_caller: usize,
    /// `MAX_CALL_SECONDS`.
    pub call_duration: Duration,
}

/// How the agent behaves towards callers.
#[derive(Debug, Clone, Copy)]
pub struct Manner {
    /// `PATIENCE`: how long a caller who pauses is waited for.
    pub patience: Patience,
    /// `DEAD_AIR`: what is heard while an answer is late.
    pub dead_air: DeadAir,
}

/// How to log.
#[derive(Debug, Clone)]
pub struct LogConfig {
    /// `RUST_LOG`: a filter such as `info` or `redial=debug`.
    pub filter: String,
    /// `LOG_FORMAT=json`.
    pub json: bool,
    /// `LOG_LANG`: the language in which the connection to Redis is announced.
    pub language: Language,
}

/// All that is wrong with the configuration.
#[derive(Debug)]
pub struct ConfigError {
    /// One a bad variable, in the order of the table.
    pub faults: Vec<Fault>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the configuration has {} fault(s):", self.faults.len())?;
        for fault in &self.faults {
            write!(f, "\n  {fault}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

impl Config {
    /// Reads all variables. `insecure`: the operator said that a public address without signatures is meant.
    ///
    /// # Errors
    /// Every fault at once.
    pub fn from_vars(vars: &dyn Vars, insecure: bool) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(vars);
        let server = server(&mut reader);
        let twilio = twilio::read(&mut reader);
        if twilio.auth_tokens.is_empty() && !server.bind.ip().is_loopback() && !insecure {
            reader.fault(
                "TWILIO_AUTH_TOKEN",
                format!(
                    "is not set, so nothing proves that a call comes from Twilio, and BIND_ADDR {} is not loopback; \
                     set the token, bind 127.0.0.1, or say --insecure",
                    server.bind
                ),
            );
        }
        let unset = server.public_url.is_none() && !reader.has_fault("PUBLIC_URL");
        if !twilio.auth_tokens.is_empty() && unset && !server.bind.ip().is_loopback() {
            reader.fault(
                "PUBLIC_URL",
                "is not set, but signatures are made over the public URL; set it to the origin in Twilio's webhook, \
                 such as https://calls.example.com"
                    .to_owned(),
            );
        }
        let admin = AdminConfig::read(&mut reader);
        let memory = memory(&mut reader);
        let networks = match reader.flag("OUTGOING_ALLOW_PRIVATE") {
            Some(true) => Networks::Private,
            Some(false) | None => Networks::Public,
        };
        let twilio_rest = twilio::rest(&mut reader, &twilio, networks);
        let summarizer = chat::read(&mut reader, networks);
        let archive = archive::read(&mut reader, networks);
        let limits = Limits {
            calls: reader.in_range("MAX_CALLS", 500, 1..=100_000),
            calls_per_caller: reader.in_range("MAX_CALLS_PER_CALLER", 3, 1..=100_000),
            call_duration: Duration::from_secs(reader.in_range("MAX_CALL_SECONDS", 1800, 10..=14_400)),
        };
        let manner = Manner {
            patience: match reader.one_of("PATIENCE", "normal", &["quick", "normal", "patient"]).as_str() {
                "quick" => Patience::Quick,
                "patient" => Patience::Patient,
                _ => Patience::Normal,
            },
            dead_air: match reader.one_of("DEAD_AIR", "words", &["words", "tone", "silence"]).as_str() {
                "tone" => DeadAir::Tone,
                "silence" => DeadAir::Silence,
                _ => DeadAir::Words,
            },
        };
        former::tell_of_gone(&mut reader);
        let models_dir = models_dir(&reader);
        let voice = voice::read(&mut reader);
        let call_log = reader.flag("CALL_LOG").unwrap_or(false);
        let log = LogConfig {
            filter: log_filter(&mut reader),
            json: reader.one_of("LOG_FORMAT", "text", &["text", "json"]) == "json",
            language: match reader.one_of("LOG_LANG", "en", &["en", "es"]).as_str() {
                "es" => Language::Es,
                _ => Language::En,
            },
        };
        reader.warn_of_unknown(variables_and_aliases());
        let (faults, warnings) = reader.finish();
        if !faults.is_empty() {
            return Err(ConfigError { faults });
        }
        Ok(Self {
            server,
            admin,
            twilio,
            twilio_rest,
            memory,
            summarizer,
            archive,
            limits,
            manner,
            networks,
            models_dir,
            voice,
            call_log,
            log,
            warnings,
        })
    }
}

/// Every variable, and every other name of one.
pub(crate) fn variables_and_aliases() -> impl Iterator<Item = Variable> {
    VARIABLES.iter().copied().chain(ALIASES.iter().map(Alias::variable))
}

fn models_dir(reader: &Reader<'_>) -> PathBuf {
    reader.text("MODELS_DIR").map_or_else(|| PathBuf::from(DEFAULT_FOLDER), PathBuf::from)
}

fn log_filter(reader: &mut Reader<'_>) -> String {
    let filter = reader.text("RUST_LOG").unwrap_or_else(|| "info".to_owned());
    if let Err(error) = EnvFilter::try_new(&filter) {
        reader.fault("RUST_LOG", format!("{filter:?} is not a filter such as info or redial=debug: {error}"));
    }
    filter
}

fn server(reader: &mut Reader<'_>) -> ServerConfig {
    let mut bind =
        reader.parsed("BIND_ADDR", SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080), "an address and port");
    if let Some(port) = reader.optional("PORT", "a port number, 0 to 65535") {
        bind.set_port(port);
    }
    let public_url = reader.text("PUBLIC_URL").and_then(|text| match origin::parse(&text) {
        Ok(url) => Some(url),
        Err(error) => {
            reader.fault("PUBLIC_URL", error.to_string());
            None
        }
    });
    ServerConfig {
        bind,
        public_url,
        data_dir: reader.text("DATA_DIR").map_or_else(|| PathBuf::from("data"), PathBuf::from),
        shutdown_grace: Duration::from_secs(reader.in_range("SHUTDOWN_GRACE_SECONDS", 30, 0..=3600)),
    }
}

fn memory(reader: &mut Reader<'_>) -> MemoryConfig {
    let persistent = reader.flag("MEMORY_PERSISTENCE").unwrap_or(true);
    let redis = RedisConfig::read(reader);
    let backend = match redis {
        _ if !persistent => Backend::Process,
        Some(redis) => Backend::Redis(Box::new(redis)),
        None => Backend::Embedded,
    };
    let preset = Preset::read(reader);
    let session_ttl = session_ttl(reader, preset.session_ttl);
    let days = reader.in_range("MEMORY_PROFILE_TTL_DAYS", preset.profile_ttl_days, 0..=36_500);
    let prefix = reader.text("MEMORY_KEY_PREFIX").unwrap_or_else(|| preset.prefix.to_owned());
    if prefix.is_empty() || !prefix.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.')) {
        reader.fault("MEMORY_KEY_PREFIX", format!("{prefix:?} has characters other than letters, digits, _ - ."));
    }
    let refresh = match reader.one_of("MEMORY_TTL_REFRESH", "", &["access", "write"]).as_str() {
        "write" => TtlRefresh::Write,
        "access" => TtlRefresh::Access,
        _ => preset.refresh,
    };
    let consent = reader.one_of("MEMORY_CONSENT", "announce", &["implicit", "announce", "ask", "off"]);
    let consent = ConsentMode::parse(&consent).unwrap_or_default(); // one that is not known is a fault already
    let greeting_level = match reader.in_range("GREETING_LEVEL", 2, 0..=2) {
        0 => GreetingLevel::Neutral,
        1 => GreetingLevel::Known,
        _ => GreetingLevel::Hint,
    };
    let pepper = read_pepper(reader, "MEMORY_PHONE_PEPPER");
    let old_pepper = read_pepper(reader, "MEMORY_PHONE_PEPPER_OLD");
    let legacy_hash = reader.text("MEMORY_LEGACY_HASH").and_then(|text| match text.parse::<LegacyHash>() {
        Ok(hash) => Some(hash),
        Err(error) => {
            reader.fault("MEMORY_LEGACY_HASH", format!("{text:?} {error}"));
            None
        }
    });
    let default_region = reader.text("DEFAULT_REGION").unwrap_or_else(|| "US".to_owned());
    if default_region.parse::<phonenumber::country::Id>().is_err() {
        reader.fault("DEFAULT_REGION", format!("{default_region:?} is not a country code such as US or DE"));
    }
    let spool = spool(reader);
    let max_messages = reader.in_range("MEMORY_MAX_MESSAGES", 50, 2..=1000);
    let default = StoreSettings::default();
    MemoryConfig {
        backend,
        store: StoreSettings {
            mirror_prefix: if preset.mirrors_there { prefix.clone() } else { default.mirror_prefix },
            prefix,
            session_ttl,
            profile_ttl: (days > 0).then(|| Duration::from_secs(days * 86_400)),
            refresh,
            // As long as there is a document that an earlier copy of the call could take the place of, or a replay must
            // find what was written; one that is on its way at the last moment as well.
            marker_ttl: spool.replay.max(session_ttl) + Duration::from_secs(3600),
            mirror_messages: max_messages,
            keep_sessions: default.keep_sessions,
        },
        pepper,
        old_pepper,
        legacy_hash,
        consent,
        greeting_level,
        default_region,
        spool,
        max_messages,
    }
}

/// In seconds, by one name or another, or in hours; the first of these that is set, and else what the preset says.
fn session_ttl(reader: &mut Reader<'_>, default: Duration) -> Duration {
    const SECONDS: &str = "MEMORY_SESSION_TTL";
    const HOURS: &str = "MEMORY_SESSION_TTL_HOURS";
    let mut set = Vec::new();
    for name in iter::once(SECONDS).chain(former::aliases_of(SECONDS)) {
        let seconds: u64 = reader.in_range(name, 0, 60..=315_360_000);
        set.extend(reader.text(name).map(|_| (name, Duration::from_secs(seconds))));
    }
    let hours = reader.in_range(HOURS, 24, 1..=87_600);
    set.extend(reader.text(HOURS).map(|_| (HOURS, Duration::from_secs(hours * 3600))));
    let Some(((winner, ttl), losers)) = set.split_first() else { return default };
    if !losers.is_empty() {
        let losers: Vec<&str> = losers.iter().map(|(name, _)| *name).collect();
        reader.warn(format!("{winner} (seconds) wins over {}", losers.join(", ")));
    }
    *ttl
}

fn spool(reader: &mut Reader<'_>) -> SpoolSettings {
    SpoolSettings {
        replay: Duration::from_secs(reader.in_range("SPOOL_REPLAY_SECONDS", 3600, 0..=86_400)),
        per_second: reader.in_range("SPOOL_DRAIN_PER_SECOND", 200, 1..=100_000),
        max_bytes: reader.in_range::<u64>("SPOOL_MAX_MB", 1024, 16..=1_048_576) * 1024 * 1024,
        resume_grace: Duration::from_secs(reader.in_range("RESUME_GRACE_SECONDS", 30, 1..=600)),
    }
}

/// A pepper, if it is long enough to be one.
fn read_pepper(reader: &mut Reader<'_>, name: &str) -> Option<SecretString> {
    let pepper = reader.secret(name)?;
    if pepper.expose_secret().len() < 32 {
        reader.fault(name, "is shorter than 32 bytes; make one with `openssl rand -hex 32`".to_owned());
    }
    Some(pepper)
}

#[cfg(test)]
mod tests;
