//! `redial call`: ring a gateway as Twilio would, and talk to it.

mod steps;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::ValueEnum;
use futures_util::StreamExt as _;
use redial_call::audio::FRAME_BYTES;
use redial_call::{Frame, UtteranceId};
use secrecy::SecretString;

use super::environment::Environment;
use crate::config::Vars as _;
use crate::simulate::{HangUp, Report, Script, Simulator, Step, Who};
use crate::speech::models::DEFAULT_FOLDER;
use crate::speech::pool::WorkerPool;
use crate::speech::stt::moonshine::Moonshine;
use crate::speech::stt::{Stt as _, SttInput};
use crate::speech::tts::Tts as _;
use crate::speech::tts::flite::Flite;
use crate::speech::wav;

use self::steps::{Steps, What};

/// The account that signs when none is configured.
pub(super) const ACCOUNT_SID: &str = "AC00000000000000000000000000000000";

/// Ring a gateway as Twilio would, and talk to it.
///
/// The caller says each --wav and --say, and presses each --dtmf, in the order given, each time the agent has finished;
/// then waits for the agent to hang up. Prints what each side said, with times in ms, and how long answers took; the
/// agent's words are as the local models hear them.
///
///   redial call --url http://127.0.0.1:8080 --from +14155550123 --say "I'd like to move my appointment." --record call.wav
#[derive(Debug, clap::Args)]
pub(super) struct Call {
    /// The gateway's origin.
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    url: String,
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
    /// The auth token to sign with; TWILIO_AUTH_TOKEN if not given.
    #[arg(long, value_name = "TOKEN")]
    token: Option<String>,
    /// Give up after this many seconds.
    #[arg(long, default_value_t = 180)]
    limit: u64,
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
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        super::runtime()?.block_on(self.place())
    }

    async fn place(self) -> anyhow::Result<ExitCode> {
        let environment = Environment::read()?;
        let token = self.token.or_else(|| environment.var("TWILIO_AUTH_TOKEN"));
        let models_dir = environment.var("MODELS_DIR").unwrap_or_else(|| DEFAULT_FOLDER.to_owned());
        let account_sid = environment.var("TWILIO_ACCOUNT_SID").unwrap_or_else(|| ACCOUNT_SID.to_owned());
        let mut script = Script::new(&self.from, &self.to);
        script.record = true;
        script.time_limit = Duration::from_secs(self.limit);
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
        let simulator = Simulator::new(&self.url, &account_sid, token.map(SecretString::from))?;
        let report = simulator.call(script).await?;
        print(&report, &agent_words(&report, Path::new(&models_dir)).await);
        if let Some(path) = &self.record {
            std::fs::write(path, wav::write_stereo(&report.caller_track, &report.agent_track))
                .with_context(|| format!("{} cannot be written", path.display()))?;
            println!("recorded: {}", path.display());
        }
        Ok(ExitCode::SUCCESS)
    }
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
    let mut frames = voice.speak(text);
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
            eprintln!("redial: the agent's words are not shown: {error}");
            return Vec::new();
        }
    };
    let mut stream = stt.open();
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

fn print(report: &Report, agent_words: &[String]) {
    println!("call {}", report.call_sid);
    let mut agent_words = agent_words.iter();
    for spoken in &report.spoken {
        let (who, words) = match spoken.who {
            Who::Caller => ("caller", spoken.label.as_deref().unwrap_or_default()),
            Who::Agent => ("agent", agent_words.next().map_or("", String::as_str)),
        };
        let cut = if spoken.cut { " [cut off]" } else { "" };
        println!("{:>7} .. {:>6} ms  {who:<6}  {words}{cut}", spoken.start_ms, spoken.end_ms);
    }
    for said in &report.said {
        println!("the carrier says: {said}");
    }
    for latency in &report.latencies {
        println!("answered after {} ms: {}", latency.waited.as_millis(), latency.label);
    }
    for warning in &report.warnings {
        println!("warning {warning}");
    }
    println!("ended by {:?} after {:.1} s", report.ended_by, report.duration.as_secs_f64());
}
