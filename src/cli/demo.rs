//! `redial demo`: a stranger calls twice, and is known the second time.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use redial_call::Role;
use redial_memory::model::SessionDoc;
use redial_memory::session_id::SessionId;
use redial_speech::wav;
use redial_store::redis::RedisStore;

use super::call::ACCOUNT_SID;
use super::environment::Environment;
use super::exit::Exit;
use super::output::{self, out};
use super::progress::watcher;
use super::runtime::runtime;
use crate::app::Providers;
use crate::config::{Backend, Config, Fault, Vars};
use crate::gateway::{Gateway, RunningCalls};
use crate::simulate::{Report, Script, Simulator, Step};
use crate::telemetry;

/// Let a stranger call twice, over the real webhook and socket on this machine.
///
/// Four calls with recorded voices: three at once, of a caller, another one and a withheld number, then the first caller
/// again. They take their real time, about a minute, and what goes on is told line by line. Signed webhooks, media stream,
/// speech recognition, voice and memory are the real ones; nothing leaves this machine, but for what Redis is told where
/// one is configured. With REDIS_URL set, callers are remembered there, under a prefix of this run, else in an embedded
/// store; neither is left. Exit code 0 only if the second greeting, and no other, holds what the first call was about.
#[derive(Debug, clap::Args)]
pub(super) struct Demo {}

macro_rules! voice {
    ($name:literal, $words:literal) => {
        Voice { words: $words, wav: include_bytes!(concat!("../../fixtures/audio/synthetic/", $name, ".wav")) }
    };
}

/// What the first caller says, and what of it the second greeting has to hold.
const NAME: &str = "Jennifer";
const TOPIC: &str = "appointment";
const YES: Voice = voice!("hibari_yes", "Yes, that is correct.");
const NO: Voice = voice!("hibari_no", "No, thank you, that's all.");
const FIRST: &[Voice] = &[
    voice!("hibari_appt", "I would like to change my appointment to Tuesday at three pm."),
    voice!("hibari_name", "My name is Jennifer Parker and I live in Chicago."),
    YES,
    NO,
];
const AGAIN: &[Voice] = &[YES, NO];
const OTHER: &[Voice] = &[voice!("fliteslt_hours", "What time do you close on Saturday?"), NO];
const WITHHELD: &[Voice] = &[voice!("hibari_cancel", "Please cancel my reservation for Friday night."), NO];

/// A recording and its words.
struct Voice {
    words: &'static str,
    wav: &'static [u8],
}

/// A call and what the gateway kept of it.
struct Outcome {
    title: &'static str,
    report: Report,
    session: SessionDoc,
}

impl Demo {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        let data = tempfile::tempdir().context("no temporary directory can be made")?;
        // Signed for real, with a token of this run.
        let token = uuid::Uuid::new_v4().simple().to_string();
        let vars = Overlay::new(Environment::read())
            .set("BIND_ADDR", "127.0.0.1:0")
            .set("ADMIN_ADDR", "off")
            .set("DATA_DIR", data.path().to_string_lossy().into_owned())
            .set("TWILIO_AUTH_TOKEN", token.clone())
            // Not the gateway's keys: its pepper is not ours, and nobody here has called it. Should the end of this run
            // not be reached, they expire.
            .set("MEMORY_KEY_PREFIX", format!("demo-{}", uuid::Uuid::new_v4().simple()))
            .set("MEMORY_PROFILE_TTL_DAYS", "1")
            // What the second greeting is judged by.
            .set("MEMORY_CONSENT", "announce")
            .set("GREETING_LEVEL", "2")
            .default("RUST_LOG", "error")
            .unset(&["PORT", "PUBLIC_URL", "TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN_FILE", "TWILIO_AUTH_TOKEN_OLD"])
            .unset(&["MEMORY_PHONE_PEPPER", "MEMORY_PHONE_PEPPER_FILE", "MEMORY_PHONE_PEPPER_OLD"])
            .unset(&["MEMORY_PHONE_PEPPER_OLD_FILE", "MEMORY_LEGACY_HASH", "MEMORY_PRESET"])
            // Nobody else is shown these calls.
            .unset(&["MEMORY_ARCHIVE", "MEMORY_ARCHIVE_SECRET", "MEMORY_ARCHIVE_SECRET_FILE"])
            .unset(&["OPENAI_API_KEY", "OPENAI_API_KEY_FILE", "OPENAI_BASE_URL", "OPENAI_MODEL"]);
        let config = Config::from_vars(&vars, false)?;
        telemetry::init(&config.log)?;
        runtime()?.block_on(demo(config, token))
    }
}

async fn demo(config: Config, token: String) -> anyhow::Result<Exit> {
    let redis = match &config.memory.backend {
        Backend::Redis(redis) => {
            Some(RedisStore::connect_with(redis.url(), config.memory.store.clone(), redis.options().clone())?)
        }
        Backend::Embedded | Backend::Process => None,
    };
    let held = Box::pin(calls(config, token)).await;
    if let Some(redis) = redis
        && let Err(error) = redis.abandon().await
    {
        out!("Redis keeps some keys of this run until they expire: {error}");
    }
    held
}

async fn calls(config: Config, token: String) -> anyhow::Result<Exit> {
    let store = match &config.memory.backend {
        Backend::Redis(redis) => format!("Redis at {}", redis.redacted()),
        Backend::Embedded => "an embedded store".to_owned(),
        Backend::Process => "this process only".to_owned(),
    };
    let began = Instant::now();
    out!("Loading the speech models.");
    let (config, providers) =
        tokio::task::spawn_blocking(move || Providers::local(&config).map(|providers| (config, providers))).await??;
    let gateway = Gateway::start(config, providers).await?;
    out!("The gateway listens on http://{} and remembers callers in {store}.", gateway.address());
    out!(
        "Models loaded and port open after {} ms. Calls take their real time, about a minute in all:\n",
        began.elapsed().as_millis()
    );
    let simulator = Simulator::new(&format!("http://{}", gateway.address()), ACCOUNT_SID, Some(token.into()))?;

    // Numbers of this run, so that a shared Redis has not met them.
    let number = || format!("+1415555{:04}", uuid::Uuid::new_v4().as_u128() % 10_000);
    let (known, other) = (number(), number());
    let (first, other, withheld) = tokio::try_join!(
        place(&gateway, &simulator, "First call", &known, FIRST),
        place(&gateway, &simulator, "Somebody else", &other, OTHER),
        place(&gateway, &simulator, "A withheld number", "anonymous", WITHHELD),
    )?;
    out!("\nNow the first caller rings again.\n");
    let again = place(&gateway, &simulator, "The first caller again", &known, AGAIN).await?;
    out!("\nWhat was heard:\n");
    for outcome in [&first, &again, &other, &withheld] {
        show(outcome);
    }
    let written = gateway.shut_down(Duration::from_secs(5), RunningCalls::Finish).await;

    let mut faults = Vec::new();
    let holds = |outcome: &Outcome| (greeting(outcome).contains(NAME), greeting(outcome).contains(TOPIC));
    if holds(&again) != (true, true) {
        faults.push(format!("the second greeting lacks {NAME:?} or {TOPIC:?}: {:?}", greeting(&again)));
    }
    for outcome in [&first, &other, &withheld] {
        if holds(outcome) != (false, false) {
            faults.push(format!("a greeting says what it must not: {:?}", greeting(outcome)));
        }
        if !outcome.session.conversation_history.iter().any(|message| message.turn.role == Role::Caller) {
            faults.push(format!("{}: nothing was understood", outcome.title));
        }
    }
    if !written {
        faults.push("a session was not written".to_owned());
    }
    if faults.is_empty() {
        out!("The second greeting, and no other, holds what the first call was about.");
        return Ok(Exit::Done);
    }
    for fault in faults {
        out!("FAILED: {fault}");
    }
    Ok(Exit::Failed)
}

async fn place(
    gateway: &Gateway,
    simulator: &Simulator,
    title: &'static str,
    from: &str,
    voices: &[Voice],
) -> anyhow::Result<Outcome> {
    let mut script = Script::new(from, "+18005550199");
    script.watcher = Some(watcher(title, output::answer));
    for voice in voices {
        script.steps.push(Step::say(voice.words, wav::read(voice.wav)?));
    }
    let report = simulator.call(script).await.with_context(|| title)?;
    let session =
        session(gateway, &SessionId::named(&report.call_sid)).await.with_context(|| format!("{title}: not written"))?;
    Ok(Outcome { title, report, session })
}

/// The session document, once the hang-up has been written.
async fn session(gateway: &Gateway, session_id: &SessionId) -> anyhow::Result<SessionDoc> {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        if let Some(session) = gateway.session(session_id).await? {
            return Ok(session);
        }
        anyhow::ensure!(Instant::now() < deadline, "the session document did not appear within 10 s");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn greeting(outcome: &Outcome) -> &str {
    let history = &outcome.session.conversation_history;
    history.iter().find(|message| message.turn.role == Role::Agent).map_or("", |message| message.turn.text.as_str())
}

fn show(outcome: &Outcome) {
    out!("{} ({})", outcome.title, outcome.session.end_reason);
    out!("  greeting: {}", greeting(outcome));
    for message in &outcome.session.conversation_history {
        let turn = &message.turn;
        let who = match turn.role {
            Role::Caller => "caller",
            Role::Agent => "agent",
        };
        let cut = if turn.cut.is_empty() { String::new() } else { format!(" [cut: {}]", turn.cut) };
        let seconds = turn.start_ms as f64 / 1000.0;
        out!("  {seconds:>6.1} s  {who:<6}  {}{cut}", turn.text);
    }
    let latencies: Vec<String> =
        outcome.report.latencies.iter().map(|latency| format!("{} ms", latency.waited.as_millis())).collect();
    out!("  answered after {}\n", latencies.join(", "));
}

/// Variables with some of them replaced.
struct Overlay {
    base: Environment,
    over: BTreeMap<&'static str, Option<String>>,
}

impl Overlay {
    const fn new(base: Environment) -> Self {
        Self { base, over: BTreeMap::new() }
    }

    fn set(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.over.insert(name, Some(value.into()));
        self
    }

    fn default(self, name: &'static str, value: &str) -> Self {
        if self.base.var(name).is_some() { self } else { self.set(name, value) }
    }

    fn unset(mut self, names: &[&'static str]) -> Self {
        self.over.extend(names.iter().map(|name| (*name, None)));
        self
    }
}

impl Vars for Overlay {
    fn var(&self, name: &str) -> Option<String> {
        self.over.get(name).cloned().unwrap_or_else(|| self.base.var(name))
    }

    fn names(&self) -> Vec<String> {
        self.base.names()
    }

    fn own_names(&self) -> Vec<String> {
        self.base.own_names()
    }

    fn faults(&self) -> Vec<Fault> {
        self.base.faults()
    }

    fn warnings(&self) -> Vec<String> {
        self.base.warnings()
    }
}
