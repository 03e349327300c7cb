//! The running gateway: what every handler shares, built once from the configuration.

use std::future::pending;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use redial_agent::builtin::BuiltIn;
use redial_agent::fallback::WithBuiltIn;
use redial_agent::prompts;
use redial_call::{CallId, Endpointing, Settings};
use redial_carrier::Carrier;
use redial_carrier::twilio::Twilio;
use redial_carrier::twilio::rest::Rest;
use redial_identity::{Keys, load_or_create_pepper, warm_up};
use redial_language::data::fixed_sentences;
use redial_memory::greeting::{self, GreetingLevel, Opening};
use redial_memory::model::Profile;
use redial_memory::summarizer::Summarizer;
use redial_provider::agent::Agent;
use redial_provider::realtime::Realtime;
use redial_provider::stt::Stt;
use redial_provider::tools::{NoTools, Toolbox};
use redial_provider::tts::Tts;
use redial_provider::tts::cache::Cached;
use redial_speech::local::LocalSpeech;
use redial_speech::vad::silero::Silero;
use redial_store::archive::{self, Archive};
use redial_store::clock;
use redial_store::directory::Memory;
use redial_store::fate::{self, Fate};
use redial_store::mirror::Mirror;
use redial_store::process::ProcessStore;
use redial_store::redis::{Announcement, RedisOptions, RedisStore};
use redial_store::settings::StoreSettings;
use redial_store::spool::{Deliverer, LiveCalls, Sinks, Spool, home};
use redial_store::sqlite::{Database, SqliteStore};
use redial_store::store::{MemoryError, Store as _};
use redial_supervision::{Part, Supervisor};
use redial_vendors::chat::ChatSummarizer;
use secrecy::ExposeSecret as _;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use url::Url;

use crate::calls::Calls;
use crate::config::{Backend, Config, RedisConfig};
use crate::operations::Operations;
use crate::routes::Routes;
use crate::session::CallParts;
use crate::telemetry::limited::Limited;
use crate::token::Tokens;
use crate::viewers::Viewers;

/// Memory for phrases that are spoken again and again: about four minutes of speech.
const PHRASE_CACHE_BYTES: usize = 2 * 1024 * 1024;

/// How often the table of calls is swept.
const SWEEP_EVERY: Duration = Duration::from_secs(5);

/// Journal, outbox and embedded store, in the data directory.
pub(crate) const DATABASE_FILE: &str = home::FILE;

/// What the log says happens while Redis is away.
const FALLBACK: &str = "the journal on this machine's disk for finished calls, and no memory for new ones";

/// The ears, the voice and the words of the agent: what a test replaces.
#[derive(Clone)]
pub struct Providers {
    /// Speech to text.
    pub stt: Arc<dyn Stt>,
    /// Text to speech.
    pub tts: Arc<dyn Tts>,
    /// The agent; the built-in one takes over where it fails.
    pub agent: Arc<dyn Agent>,
    /// The built-in agent.
    pub built_in: BuiltIn,
    /// A speech-to-speech model instead of agent, ears and voice. Fixed sentences are spoken by the voice all the same.
    pub realtime: Option<Arc<dyn Realtime>>,
    /// What the agent may do beside talking.
    pub tools: Arc<dyn Toolbox>,
    /// Voice activity.
    pub vad: Arc<Silero>,
    /// Carriers beside Twilio; each has its routes under its name.
    pub carriers: Vec<Arc<dyn Carrier>>,
}

impl Providers {
    /// The offline models and the built-in agent.
    ///
    /// # Errors
    /// When a model file is missing or wrong; the error names it.
    pub fn local(config: &Config) -> anyhow::Result<Self> {
        let LocalSpeech { stt, tts, vad, meaning } =
            LocalSpeech::load(&config.models_dir, config.voice).map_err(|error| anyhow::anyhow!(error))?;
        let built_in = BuiltIn::new(meaning);
        Ok(Self {
            stt,
            tts,
            agent: Arc::new(built_in.clone()),
            built_in,
            realtime: None,
            tools: Arc::new(NoTools),
            vad,
            carriers: Vec::new(),
        })
    }
}

/// What every handler shares.
pub struct App {
    pub(crate) config: Config,
    pub(crate) public_url: Url,
    pub(crate) keys: Keys,
    pub(crate) store: Arc<dyn Memory>,
    /// Journal and outbox.
    pub(crate) spool: Arc<Spool>,
    /// Where live calls are shown to other instances; `None` without a shared store.
    pub(crate) mirror: Option<Arc<dyn Mirror>>,
    /// Where finished calls go for good.
    pub(crate) archive: Option<Arc<dyn Archive>>,
    /// The model that improves summaries.
    pub(crate) summarizer: Option<Arc<dyn Summarizer>>,
    pub(crate) calls: Arc<Calls>,
    pub(crate) tokens: Tokens,
    /// Whom calls come from, Twilio first.
    pub(crate) routes: Vec<Routes>,
    pub(crate) parts: CallParts,
    pub(crate) phrases: Arc<Cached>,
    pub(crate) vad: Arc<Silero>,
    /// Who watches live calls.
    pub(crate) viewers: Viewers,
    /// Sessions and what they write: waited for at shutdown.
    pub(crate) tasks: TaskTracker,
    /// What runs beside the calls.
    pub(crate) background: Supervisor,
    /// Stopped first when calls are handed over, else last.
    pub(crate) listeners: Supervisor,
}

/// The greetings that tell nothing of anybody.
fn to_strangers(config: &Config) -> Vec<String> {
    let consent = config.memory.consent;
    let words = |(level, withheld)| {
        let opening = Opening { level, days_since_last_call: None, consent, withheld };
        greeting::opening(&Profile::default(), opening)
    };
    let levels = [(GreetingLevel::Neutral, true), (GreetingLevel::Neutral, false), (GreetingLevel::Known, false)];
    levels.into_iter().map(words).collect()
}

impl App {
    /// Builds the gateway. `local_url` is how it is reached when no public URL is configured.
    ///
    /// # Errors
    /// When the data directory or the embedded store cannot be used. Redis may be down: calls go on without it.
    pub async fn build(config: Config, providers: Providers, local_url: Url) -> anyhow::Result<Arc<Self>> {
        let pepper = match &config.memory.pepper {
            Some(pepper) => pepper.clone(),
            None => load_or_create_pepper(&config.server.data_dir)?,
        };
        let keys = Keys::derive(&pepper)?.with_older(config.memory.old_pepper.as_ref(), config.memory.legacy_hash)?;
        // The first number that is not plain E.164 would wait for it.
        tokio::task::spawn_blocking(warm_up);
        let OpenMemory { store, spool, mirror } = open_memory(&config, &keys).await?;
        let archive = config.archive.as_ref().map(archive::open).transpose()?;
        let summarizer = match &config.summarizer {
            Some(chat) => Some(Arc::new(ChatSummarizer::new(chat.clone())?) as Arc<dyn Summarizer>),
            None => None,
        };
        let calls = Arc::new(Calls::new(config.limits.clone()));
        let tasks = TaskTracker::new();
        let settings = Settings {
            endpointing: if providers.realtime.is_some() { Endpointing::Model } else { providers.stt.endpointing() },
            verdict_wait: providers.stt.verdict_wait(),
            max_duration: config.limits.call_duration,
            dead_air: config.manner.dead_air,
            prompts: prompts::prompts(),
            ..Settings::default()
        }
        .patient(config.manner.patience);
        let first: Vec<String> =
            prompts::fixed(&settings.prompts).map(str::to_owned).into_iter().chain(to_strangers(&config)).collect();
        let fixed = first.iter().cloned().chain(fixed_sentences());
        let phrases = Cached::new(providers.tts, PHRASE_CACHE_BYTES, fixed);
        phrases.warm(first.iter().map(String::as_str));
        let phrases = Arc::new(phrases);
        let parts = CallParts {
            agent: Arc::new(WithBuiltIn::new(providers.agent, providers.built_in)),
            stt: providers.stt,
            tts: Arc::clone(&phrases) as Arc<dyn Tts>,
            tools: providers.tools,
            realtime: providers.realtime,
            calls: Arc::clone(&calls),
            tasks: tasks.clone(),
            settings,
            max_messages: config.memory.max_messages,
        };
        let auth_tokens = config.twilio.auth_tokens.iter().map(|token| token.expose_secret().to_owned()).collect();
        let networks = config.networks;
        let mut twilio = Twilio::new(auth_tokens, config.twilio.account_sid.clone());
        if let Some(rest) = &config.twilio_rest {
            twilio = twilio.with_rest(Rest::new(&rest.url, &rest.account_sid, rest.auth_token.expose_secret()));
        }
        let mut routes = vec![Routes::first(Arc::new(twilio), networks)?];
        for carrier in providers.carriers {
            routes.push(Routes::named(carrier, networks)?);
        }
        let tokens = Tokens::new(keys.stream_key());
        let public_url = config.server.public_url.clone().unwrap_or(local_url);
        let vad = providers.vad;
        let app = Self {
            config,
            public_url,
            keys,
            store,
            spool,
            mirror,
            archive,
            summarizer,
            calls,
            tokens,
            routes,
            parts,
            phrases,
            vad,
            viewers: Viewers::default(),
            tasks,
            background: Supervisor::default(),
            listeners: Supervisor::default(),
        };
        Ok(Arc::new(app))
    }

    /// What operators do with what is remembered.
    pub(crate) fn operations(&self) -> Operations<'_> {
        Operations {
            store: self.store.as_ref(),
            spool: &self.spool,
            archive: self.archive.as_deref(),
            live: Some(self.calls.as_ref()),
            keys: &self.keys,
            region: &self.config.memory.default_region,
        }
    }

    /// True when a stream may come here whose webhook another instance has answered: they share a store, or a pepper that
    /// was given to them.
    pub(crate) fn shares_calls(&self) -> bool {
        self.mirror.is_some() || self.config.memory.pepper.is_some()
    }

    /// The parts of this process that do not stay up. While there are any, no calls are taken.
    pub(crate) fn failing(&self) -> Vec<&'static str> {
        [self.background.failing(), self.listeners.failing(), self.spool.failing()].concat()
    }

    /// A URL of ours as the carrier knows it.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.public_url.as_str().trim_end_matches('/'))
    }

    /// The same for a WebSocket.
    pub(crate) fn ws_url(&self, path: &str) -> String {
        // `http` becomes `ws`, `https` becomes `wss`.
        self.url(path).replacen("http", "ws", 1)
    }

    /// Delivers what the outbox holds, and finishes the calls that a dead instance has left, until the process ends.
    pub(crate) fn spawn_deliveries(self: &Arc<Self>) {
        let sinks = Sinks {
            store: Arc::clone(&self.store),
            mirror: self.mirror.clone(),
            archive: self.archive.clone(),
            summarizer: self.summarizer.clone(),
            consent: self.config.memory.consent,
            live: Arc::clone(&self.calls) as Arc<dyn LiveCalls>,
        };
        let spool = Arc::clone(&self.spool);
        // On a thread of its own: what a long call leaves in a profile takes some ms to work out, and frames are due
        // every 20 ms. Not one of the runtime's, which waits for those even when nobody told them to stop.
        self.background.keep_thread(Part::vital("outbox"), move |stop| {
            let deliverer = Deliverer::new(Arc::clone(&spool), sinks.clone());
            match tokio::runtime::Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => runtime.block_on(deliverer.run(stop)),
                Err(error) => tracing::error!(%error, "finished calls are not delivered: no runtime can be had"),
            }
        });
        let (spool, grace) = (Arc::clone(&self.spool), self.config.memory.spool.resume_grace);
        self.background.keep(Part::helpful("orphans"), move |stop| finish_orphans(Arc::clone(&spool), grace, stop));
    }

    /// Says that an answered call has had no stream here, unless another instance has served it.
    async fn never_came(&self, sid: &CallId) {
        static NEVER_CAME: Limited = Limited::new();
        let fate = match &self.mirror {
            Some(mirror) => {
                let mirror = Some(mirror.as_ref());
                fate::ask(&self.spool, self.store.as_ref(), mirror, &sid.into(), Duration::from_secs(1)).await
            }
            None => Ok(Fate::Unheard),
        };
        let elsewhere = matches!(fate, Ok(Fate::Begun { .. } | Fate::Over));
        if !elsewhere && let Some(left_out) = NEVER_CAME.due() {
            tracing::warn!(call.sid = %sid, left_out, "the stream of an answered call never came");
        }
    }

    /// Sweeps the table of calls every few seconds, until the process ends.
    pub(crate) fn spawn_sweeper(self: &Arc<Self>) {
        let app = Arc::downgrade(self);
        self.background.keep(Part::vital("sweeper"), move |stop| {
            let app = app.clone();
            async move { _ = stop.run_until_cancelled(sweep(app)).await }
        });
    }
}

async fn sweep(app: Weak<App>) {
    let mut tick = tokio::time::interval(SWEEP_EVERY);
    loop {
        tick.tick().await;
        let Some(app) = app.upgrade() else { return pending().await }; // it takes its supervisor along
        // A few say it for all.
        for sid in app.calls.sweep(Instant::now()).into_iter().take(20) {
            app.never_came(&sid).await;
        }
        metrics::gauge!("redial_calls").set(app.calls.count() as f64);
    }
}

/// Closes the calls of instances that died meanwhile, as during a deploy: they get the same time as those from before.
async fn finish_orphans(spool: Arc<Spool>, every: Duration, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(every) => (),
        }
        match spool.finish_orphans().await {
            Ok(sids) if sids.is_empty() => (),
            Ok(sids) => {
                tracing::warn!(calls = sids.len(), "calls of a dead instance are over; what was said is kept")
            }
            Err(error) => tracing::warn!(%error, "calls of a dead instance cannot be finished yet"),
        }
    }
}

/// The Redis that is configured. It is shared, so whoever hashes with another pepper is refused.
///
/// # Errors
/// When the URL and its options do not go together. A server that does not answer is no error.
pub(crate) fn connect_to_redis(
    redis: &RedisConfig,
    keys: &Keys,
    settings: StoreSettings,
) -> Result<RedisStore, MemoryError> {
    let options =
        RedisOptions { pepper_check: Some(keys.check_value()), fallback: FALLBACK, ..redis.options().clone() };
    RedisStore::connect_with(redis.url(), settings, options)
}

pub(crate) struct OpenMemory {
    pub(crate) store: Arc<dyn Memory>,
    pub(crate) spool: Arc<Spool>,
    pub(crate) mirror: Option<Arc<dyn Mirror>>,
}

/// The store, the journal and outbox in front of it, and the mirror beside it.
pub(crate) async fn open_memory(config: &Config, keys: &Keys) -> anyhow::Result<OpenMemory> {
    let settings = config.memory.store.clone();
    let data_dir = config.server.data_dir.as_path();
    let mut spool = config.memory.spool.clone();
    let file = data_dir.join(DATABASE_FILE);
    Ok(match &config.memory.backend {
        Backend::Redis(redis) => {
            let announcement = Announcement {
                language: config.log.language,
                source: redis.source(),
                url: redis.redacted(),
                session_ttl: settings.session_ttl,
            };
            announcement.connecting();
            let store = Arc::new(connect_to_redis(redis, keys, settings)?);
            match store.health().await {
                Ok(_) => announcement.connected(),
                Err(_) => announcement.not_connected(),
            }
            let database = Arc::new(Database::open(&file, clock::system())?);
            let spool = Arc::new(Spool::open(database, Some(data_dir), spool)?);
            OpenMemory { mirror: Some(Arc::clone(&store) as Arc<dyn Mirror>), store, spool }
        }
        Backend::Embedded => {
            tracing::info!(file = %file.display(), "callers are remembered in the embedded store");
            let database = Arc::new(Database::open(&file, clock::system())?);
            // The store is as durable as the outbox: they are one file.
            spool.replay = Duration::ZERO;
            let store = Arc::new(SqliteStore::on(Arc::clone(&database), settings));
            OpenMemory { store, spool: Arc::new(Spool::open(database, Some(data_dir), spool)?), mirror: None }
        }
        Backend::Process => {
            tracing::warn!("MEMORY_PERSISTENCE=false: callers are forgotten when this process stops");
            let database = Arc::new(Database::open_in_memory(clock::system())?);
            spool.replay = Duration::ZERO;
            let store = Arc::new(ProcessStore::new(settings));
            OpenMemory { store, spool: Arc::new(Spool::open(database, None, spool)?), mirror: None }
        }
    })
}
