//! A gateway on a free port in this process, with scripted ears, voice and agent unless a test wants others.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use redial::app::Providers;
use redial::config::{Config, Vars};
use redial::gateway::Gateway;
use redial::simulate::Simulator;
use redial_agent::builtin::BuiltIn;
use redial_memory::model::{Profile, SessionDoc};
use redial_memory::session_id::SessionId;
use redial_provider::scripted::{Heard, ScriptedStt, ScriptedTts};
use redial_provider::tools::NoTools;
use redial_speech::local::LocalSpeech;
use redial_speech::vad::silero::Silero;
use redial_speech::voice::VoiceConfig;
use tempfile::TempDir;

use crate::support::meaning::built_in;

/// The auth token of every test gateway.
pub(crate) const TOKEN: &str = "3f9a1c77b20e4d58a6c1e0d94b7f2a85";

/// The account of every simulated call.
pub(crate) const ACCOUNT_SID: &str = "AC0a1b2c3d4e5f60718293a4b5c6d7e8f9";

/// Variables of a test.
#[derive(Debug, Default, Clone)]
pub(crate) struct Map(BTreeMap<String, String>);

impl From<BTreeMap<String, String>> for Map {
    fn from(vars: BTreeMap<String, String>) -> Self {
        Self(vars)
    }
}

impl Vars for Map {
    fn var(&self, name: &str) -> Option<String> {
        self.0.get(name).cloned()
    }

    fn names(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }
}

/// How a test gateway is to be.
pub(crate) struct Setup {
    vars: Map,
    pub(crate) providers: Providers,
}

impl Setup {
    /// Embedded store, signatures on; the recogniser hears these words, one entry an utterance.
    pub(crate) fn hearing<H: Into<Heard>>(script: impl IntoIterator<Item = H>) -> Self {
        redial_outgoing::tls::install_provider();
        let providers = Providers {
            stt: Arc::new(ScriptedStt::new(script)),
            tts: Arc::new(ScriptedTts::new().per_char_ms(20)),
            agent: Arc::new(built_in()),
            built_in: built_in(),
            realtime: None,
            tools: Arc::new(NoTools),
            vad: silero(),
            carriers: Vec::new(),
        };
        let setup = Self { vars: Map::default(), providers };
        setup.var("BIND_ADDR", "127.0.0.1:0").var("ADMIN_ADDR", "127.0.0.1:0").var("TWILIO_AUTH_TOKEN", TOKEN)
    }

    /// The same with the ears and the voice of this machine, and the built-in agent.
    #[cfg_attr(not(feature = "tts-hibari"), expect(dead_code, reason = "its tests are timed by the natural voice"))]
    pub(crate) fn with_local_speech() -> Self {
        let LocalSpeech { stt, tts, vad, meaning } =
            LocalSpeech::load(Path::new("models"), VoiceConfig::default()).unwrap();
        let providers = Providers {
            stt,
            tts,
            agent: Arc::new(BuiltIn::new(Arc::clone(&meaning) as _)),
            built_in: BuiltIn::new(meaning),
            realtime: None,
            tools: Arc::new(NoTools),
            vad,
            carriers: Vec::new(),
        };
        Self { providers, ..Self::hearing([""]) }
    }

    pub(crate) fn var(mut self, name: &str, value: &str) -> Self {
        self.vars.0.insert(name.to_owned(), value.to_owned());
        self
    }

    pub(crate) async fn start(self) -> TestGateway {
        self.start_in(tempfile::tempdir().unwrap()).await
    }

    /// The same in a data directory that another one has left.
    pub(crate) async fn start_in(self, dir: TempDir) -> TestGateway {
        let setup = self.var("DATA_DIR", dir.path().to_str().unwrap());
        let signed = setup.vars.var("TWILIO_AUTH_TOKEN").is_some();
        let config = Config::from_vars(&setup.vars, false).unwrap();
        let gateway = Gateway::start(config, setup.providers).await.unwrap();
        TestGateway { gateway, dir, token: signed.then(|| TOKEN.to_owned()) }
    }
}

/// A running gateway and its data directory.
pub(crate) struct TestGateway {
    pub(crate) gateway: Gateway,
    pub(crate) dir: TempDir,
    token: Option<String>,
}

impl TestGateway {
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.gateway.address())
    }

    /// The same on the operators' port.
    pub(crate) fn operators_url(&self, path: &str) -> String {
        format!("http://{}{path}", self.gateway.admin_address().unwrap())
    }

    pub(crate) fn simulator(&self) -> Simulator {
        Simulator::new(&self.url(""), ACCOUNT_SID, self.token.clone().map(Into::into)).unwrap()
    }

    /// The document of a session, once it is written.
    pub(crate) async fn session(&self, sid: &str) -> SessionDoc {
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            if let Some(session) = self.gateway.session(&SessionId::named(sid)).await.unwrap() {
                return session;
            }
            assert!(Instant::now() < deadline, "session {sid} was not written");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// What is remembered of a number's caller.
    pub(crate) async fn remembered(&self, number: &str) -> Profile {
        self.gateway.remembered(number).await.unwrap()
    }

    /// The document of a session, once it is as wanted.
    pub(crate) async fn session_with(&self, sid: &str, wanted: impl Fn(&SessionDoc) -> bool) -> SessionDoc {
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            let session = self.session(sid).await;
            if wanted(&session) {
                return session;
            }
            assert!(Instant::now() < deadline, "session {sid} stays {session:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The same while the store is on its way back.
    pub(crate) async fn session_when_up(&self, sid: &str) -> SessionDoc {
        let deadline = Instant::now() + Duration::from_secs(15);
        loop {
            if let Ok(Some(session)) = self.gateway.session(&SessionId::named(sid)).await {
                return session;
            }
            assert!(Instant::now() < deadline, "session {sid} was not written");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until no call rings or is live.
    pub(crate) async fn idle(&self) {
        let deadline = Instant::now() + Duration::from_secs(15);
        while self.gateway.calls() > 0 {
            assert!(Instant::now() < deadline, "{} calls do not end", self.gateway.calls());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// The voice activity net, loaded once.
pub(crate) fn silero() -> Arc<Silero> {
    static NET: OnceLock<Arc<Silero>> = OnceLock::new();
    Arc::clone(NET.get_or_init(|| Arc::new(Silero::load(Path::new("models")).unwrap())))
}

/// A fixture's audio as μ-law.
pub(crate) fn audio(name: &str) -> Option<Vec<u8>> {
    let file = ["fixtures/audio", "fixtures/audio/synthetic"]
        .iter()
        .map(|folder| Path::new(folder).join(format!("{name}.wav")))
        .find(|path| path.exists())?;
    Some(redial_speech::wav::read(&std::fs::read(file).unwrap()).unwrap())
}
