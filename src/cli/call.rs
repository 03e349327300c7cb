//! `redial call`: ring a gateway as Twilio would, and talk to it.

mod advice;
mod answer;
mod steps;

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::ValueEnum;
use futures_util::StreamExt as _;
use redial_call::audio::FRAME_BYTES;
use redial_call::{Frame, UtteranceId};
use redial_provider::stt::{Stt as _, SttContext, SttInput};
use redial_provider::tts;
use redial_speech::flite::Flite;
use redial_speech::moonshine::Moonshine;
use redial_speech::pool::WorkerPool;
use redial_speech::wav;
use secrecy::SecretString;
use url::{Host, Url};

use self::advice::{Signing, advice};
use self::answer::Answer;
use self::steps::{Steps, What};
use super::environment::Environment;
use super::exit::Exit;
use super::operators::Format;
use super::output::{self, tell};
use super::progress::watcher;
use super::runtime::runtime;
use crate::config::ToolsConfig;
use crate::simulate::{HangUp, Report, Script, SimulateError, Simulator, Step, Who};

/// The account that signs when none is configured.
pub(super) const ACCOUNT_SID: &str = "AC00000000000000000000000000000000";

/// From one attempt to reach a gateway that starts to the next.
const ATTEMPT_INTERVAL: Duration = Duration::from_millis(200);

/// Ring a gateway as Twilio would, and talk to it.
///
/// The caller says each --wav and --say, and presses each --dtmf, in the order given, each time the agent has finished;
/// then waits for the agent to hang up, and after 3 s of silence hangs up too. What goes on is told on standard error
/// meanwhile; at the end this prints what each side said, with times in ms, and how long answers took. The agent's words
/// are as the local models hear them.
///
/// TWILIO_AUTH_TOKEN, TWILIO_ACCOUNT_SID, PUBLIC_URL, BIND_ADDR and MODELS_DIR are read as the gateway reads them, so that
/// in its own directory nothing has to be said. Exit code 0 for a call in which the agent was heard to the end, 1 when the
/// gateway refused it, nothing was heard, or the line was lost.
///
///   redial call --say "I'd like to move my appointment." --record call.wav
#[derive(Debug, clap::Args)]
pub(super) struct Call {
    /// The gateway's origin, such as http://127.0.0.1:8080; without it, where BIND_ADDR and PORT say.
    #[arg(long)]
    url: Option<String>,
    /// The origin that the gateway is known by, for which requests are signed while they go to --url; without it,
    /// PUBLIC_URL where --url is on this machine, else --url.
    #[arg(long, value_name = "ORIGIN")]
    sign_for: Option<String>,
    /// Wait so many seconds for a gateway that is starting.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(0..=600), value_name = "SECONDS")]
    wait: u64,
    /// The caller's number, or a word such as "anonymous".
    #[arg(long, default_value = "+14155550123")]
    from: String,
    /// The number called.
    #[arg(long, default_value = "+18005550199")]
    to: String,
    #[command(flatten)]
    steps: Steps,
    /// How the caller leaves once everything has been said; without it the agent is waited for.
    #[arg(long, value_enum)]
    hangup: Option<Hangup>,
    /// Write what both heard as a WAV file: the caller on the left, the agent on the right.
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// The auth token to sign with; without it, TWILIO_AUTH_TOKEN.
    #[arg(long, value_name = "TOKEN")]
    token: Option<String>,
    /// Give up after this many seconds.
    #[arg(long, default_value_t = 180, value_name = "SECONDS")]
    limit: u64,
    #[command(flatten)]
    format: Format,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Hangup {
    /// As a caller does: stop, then close.
    Normal,
    /// The connection breaks.
    Abrupt,
    /// The socket is closed without a stop.
    CloseWithoutStop,
    /// A stop, and the socket stays open.
    StopWithoutClose,
    /// The status callback comes first.
    StatusFirst,
}

impl Call {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        runtime()?.block_on(self.place())
    }

    async fn place(self) -> anyhow::Result<Exit> {
        let config = ToolsConfig::from_vars(&Environment::read())?;
        let token = self.token.map(SecretString::from).or_else(|| config.twilio.auth_tokens.first().cloned());
        let account_sid = config.twilio.account_sid.unwrap_or_else(|| ACCOUNT_SID.to_owned());
        let url = self.url.unwrap_or_else(|| format!("http://{}", config.server.local_address()));
        let public_url = config.server.public_url.filter(|_| is_on_this_machine(&url)).map(String::from);
        let origin = self.sign_for.or(public_url).unwrap_or_else(|| url.clone());
        let signing = Signing { has_token: token.is_some(), origin: &origin };
        let simulator = Simulator::new(&url, &account_sid, token).and_then(|simulator| simulator.known_as(&origin));
        let simulator = match simulator {
            Ok(simulator) => simulator,
            Err(error) => return Ok(not_placed(error, signing)),
        };
        let mut script = Script::new(&self.from, &self.to);
        script.record = true;
        script.time_limit = Duration::from_secs(self.limit);
        script.watcher = Some(watcher("call", output::aside));
        for what in self.steps.0 {
            script.steps.push(step(what).await?);
        }
        if let Some(hangup) = self.hangup {
            script.steps.push(Step::HangUp(match hangup {
                Hangup::Normal => HangUp::Normal,
                Hangup::Abrupt => HangUp::Abrupt,
                Hangup::CloseWithoutStop => HangUp::CloseWithoutStop,
                Hangup::StopWithoutClose => HangUp::StopWithoutClose,
                Hangup::StatusFirst => HangUp::StatusFirst,
            }));
        }
        let report = match ring(&simulator, &url, script, Duration::from_secs(self.wait)).await {
            Ok(report) => report,
            Err(error) => return Ok(not_placed(error, signing)),
        };
        if let Some(path) = &self.record {
            std::fs::write(path, wav::write_stereo(&report.caller_track, &report.agent_track))
                .with_context(|| format!("{} cannot be written", path.display()))?;
        }
        let words = agent_words(&report, &config.models_dir).await;
        let answer = Answer::of(&report, words, self.record.as_deref());
        self.format.print(&answer, Answer::text)?;
        for fault in &answer.faults {
            tell!("redial: {fault}");
        }
        Ok(Exit::of(answer.faults.is_empty()))
    }
}

/// Places the call once somebody listens, for which it is waited so long.
async fn ring(simulator: &Simulator, url: &str, script: Script, wait: Duration) -> Result<Report, SimulateError> {
    let deadline = Instant::now() + wait;
    let mut told = false;
    loop {
        match simulator.call(script.clone()).await {
            Err(error) if error.is_refused_connection() && Instant::now() < deadline => {
                if !told {
                    tell!("nothing listens at {url} yet; waiting up to {} s for a gateway", wait.as_secs());
                    told = true;
                }
                tokio::time::sleep(ATTEMPT_INTERVAL).await;
            }
            result => return result,
        }
    }
}

/// Tells why no call came about, and the way out.
fn not_placed(error: SimulateError, signing: Signing<'_>) -> Exit {
    let advice = advice(&error, signing);
    let error = anyhow::Error::new(error);
    tell!("redial: {error:#}");
    if let Some(advice) = advice {
        tell!("  {advice}");
    }
    Exit::after(&error)
}

fn is_on_this_machine(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => IpAddr::from(ip).is_loopback(),
        Some(Host::Ipv6(ip)) => IpAddr::from(ip).is_loopback(),
        None => false,
    })
}

async fn step(what: What) -> anyhow::Result<Step> {
    Ok(match what {
        What::Wav(path) => {
            let bytes = std::fs::read(&path).with_context(|| format!("{} cannot be read", path.display()))?;
            let ulaw = wav::read(&bytes).with_context(|| path.display().to_string())?;
            let label = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
            Step::say(label, ulaw)
        }
        What::Say(text) => Step::say(text.clone(), synthesize(&text).await?),
        What::Dtmf(digits) => Step::Dtmf(digits),
    })
}

/// A caller's voice for words without a recording.
async fn synthesize(text: &str) -> anyhow::Result<Vec<u8>> {
    let voice = Flite::new(Arc::new(WorkerPool::new(1, 1)?)).map_err(|error| anyhow::anyhow!(error))?;
    let mut frames = tts::say(&voice, text);
    let mut ulaw = Vec::new();
    while let Some(frame) = frames.next().await {
        ulaw.extend_from_slice(frame?.as_bytes());
    }
    Ok(ulaw)
}

/// What the agent says in each of its stretches, as the local models hear it; nothing when they are not there.
async fn agent_words(report: &Report, models_dir: &Path) -> Vec<String> {
    let Ok(pool) = WorkerPool::sized_to_cores() else { return Vec::new() };
    let stt = match Moonshine::load(models_dir, Arc::new(pool)) {
        Ok(stt) => stt,
        Err(error) => {
            tell!("redial: the agent's words are not shown: {error}");
            return Vec::new();
        }
    };
    let mut stream = stt.open(SttContext::default());
    let mut words = Vec::new();
    let agent = report.spoken.iter().filter(|spoken| spoken.who == Who::Agent);
    for (utterance, spoken) in (1..).map(UtteranceId).zip(agent) {
        let frames = spoken.ulaw.chunks(FRAME_BYTES).map(|ulaw| SttInput::Audio(utterance, Frame::padded(ulaw)));
        for input in frames.chain([SttInput::Transcribe(utterance)]) {
            if stream.input.send(input).await.is_err() {
                return words;
            }
        }
        words.push(match stream.transcript().await {
            Some(Ok((_, text))) => text,
            Some(Err(_)) | None => String::new(),
        });
    }
    words
}
