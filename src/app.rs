//! The running gateway: what every handler shares, built once from the configuration.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use redial_call::Settings;
use secrecy::ExposeSecret as _;
use tokio_util::task::TaskTracker;
use url::Url;

use crate::agent::builtin::BuiltIn;
use crate::agent::fallback::WithBuiltIn;
use crate::agent::{Agent, prompts};
use crate::calls::Calls;
use crate::carrier::signature::Verifier;
use crate::carrier::token::Tokens;
use crate::config::{Backend, Config};
use crate::identity::{Keys, load_or_create_pepper, warm_up};
use crate::memory::process::ProcessStore;
use crate::memory::redis::{Announcement, RedisOptions, RedisStore};
use crate::memory::sqlite::SqliteStore;
use crate::memory::store::Store;
use crate::session::Parts;
use crate::speech::local::LocalSpeech;
use crate::speech::stt::Stt;
use crate::speech::tts::Tts;
use crate::speech::tts::cache::Cached;
use crate::speech::vad::silero::Silero;

/// Memory for phrases that are spoken again and again: about four minutes of speech.
const PHRASE_CACHE_BYTES: usize = 2 * 1024 * 1024;

/// The ears, the voice and the words of the agent: what a test replaces.
#[derive(Clone)]
pub struct Providers {
    /// Speech to text.
    pub stt: Arc<dyn Stt>,
    /// Text to speech.
    pub tts: Arc<dyn Tts>,
    /// The agent; the built-in one takes over where it fails.
    pub agent: Arc<dyn Agent>,
    /// Voice activity.
    pub vad: Arc<Silero>,
}

impl Providers {
    /// The offline models and the built-in agent.
    ///
    /// # Errors
    /// When a model file is missing or wrong; the error names it.
    pub fn local(models_dir: &Path) -> anyhow::Result<Self> {
        let LocalSpeech { stt, tts, vad } = LocalSpeech::load(models_dir).map_err(|error| anyhow::anyhow!(error))?;
        Ok(Self { stt, tts, agent: Arc::new(BuiltIn), vad })
    }
}

/// What every handler shares.
pub struct App {
    pub(crate) config: Config,
    pub(crate) public_url: Url,
    pub(crate) keys: Keys,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) calls: Arc<Calls>,
    pub(crate) tokens: Tokens,
    /// `None`: signatures are not checked.
    pub(crate) verifier: Option<Verifier>,
    pub(crate) parts: Parts,
    pub(crate) phrases: Arc<Cached>,
    pub(crate) vad: Arc<Silero>,
    /// Sessions and hang-up writes: waited for at shutdown.
    pub(crate) tasks: TaskTracker,
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
        let keys = Keys::derive(&pepper)?;
        // The first number that is not plain E.164 would wait for it.
        tokio::task::spawn_blocking(warm_up);
        let store = open_store(&config, &keys).await?;
        let calls = Arc::new(Calls::new(config.limits.clone()));
        let phrases = Arc::new(Cached::new(providers.tts, PHRASE_CACHE_BYTES));
        let settings =
            Settings { max_duration: config.limits.call_duration, prompts: prompts::prompts(), ..Settings::default() };
        for prompt in prompts::fixed(&settings.prompts) {
            phrases.warm(prompt);
        }
        let parts = Parts {
            agent: Arc::new(WithBuiltIn::new(providers.agent)),
            stt: providers.stt,
            tts: Arc::clone(&phrases) as Arc<dyn Tts>,
            calls: Arc::clone(&calls),
            settings,
            max_messages: config.memory.max_messages,
        };
        let verifier = (!config.twilio.auth_tokens.is_empty()).then(|| {
            Verifier::new(config.twilio.auth_tokens.iter().map(|token| token.expose_secret().to_owned()).collect())
        });
        let tokens = Tokens::new(keys.stream_key());
        let public_url = config.server.public_url.clone().unwrap_or(local_url);
        let tasks = TaskTracker::new();
        let vad = providers.vad;
        Ok(Arc::new(Self { config, public_url, keys, store, calls, tokens, verifier, parts, phrases, vad, tasks }))
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

    /// Sweeps the table of calls every few seconds, until the process ends.
    pub(crate) fn spawn_sweeper(self: &Arc<Self>) {
        let app = Arc::downgrade(self);
        tokio::spawn(async move {
            let mut tick = tokio::time::interval(Duration::from_secs(5));
            loop {
                tick.tick().await;
                let Some(app) = app.upgrade() else { return };
                app.calls.sweep(Instant::now());
                metrics::gauge!("redial_calls").set(app.calls.count() as f64);
            }
        });
    }
}

async fn open_store(config: &Config, keys: &Keys) -> anyhow::Result<Arc<dyn Store>> {
    let settings = config.memory.store.clone();
    Ok(match &config.memory.backend {
        Backend::Redis(redis) => {
            let announcement = Announcement {
                language: config.log.language,
                source: redis.source(),
                url: redis.redacted(),
                session_ttl: settings.session_ttl,
            };
            announcement.connecting();
            let options = RedisOptions { pepper_check: Some(keys.check_value()), ..redis.options().clone() };
            let store = RedisStore::connect_with(redis.url(), settings, options)?;
            match store.health().await {
                Ok(_) => announcement.connected(),
                Err(_) => announcement.not_connected(),
            }
            Arc::new(store)
        }
        Backend::Embedded => {
            let file = config.server.data_dir.join("redial.sqlite");
            tracing::info!(file = %file.display(), "callers are remembered in the embedded store");
            Arc::new(SqliteStore::open(&file, settings)?)
        }
        Backend::Process => {
            tracing::warn!("MEMORY_PERSISTENCE=false: callers are forgotten when this process stops");
            Arc::new(ProcessStore::new(settings))
        }
    })
}
