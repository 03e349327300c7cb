//! `redial bench`: what this machine can do.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use futures_util::StreamExt as _;
use redial_call::audio::{FRAME_BYTES, duration_of};
use redial_call::{Frame, UtteranceId};
use redial_provider::stt::{Stt, SttContext, SttInput};
use redial_provider::tts::{self, Tts};
use redial_speech::local;
use redial_speech::moonshine::Moonshine;
use redial_speech::pool::WorkerPool;
use redial_speech::turn_end::TurnEnd;
use redial_speech::vad::Vad;
use redial_speech::vad::silero::Silero;
use redial_speech::voice::VoiceConfig;
use serde::Serialize;

use super::environment::Environment;
use super::exit::Exit;
use super::operators::Format;
use super::output::tell;
use super::runtime::runtime;
use crate::config::ToolsConfig;

/// What is spoken, and then heard: the kind of sentences that agents and callers say.
const SENTENCES: [&str; 8] = [
    "Welcome back. Is this about your appointment on Friday?",
    "I can move it to Tuesday the 12th at 9:30 in the morning.",
    "Your balance is $42.50, and it is due at the end of the month.",
    "Could you give me a call back this afternoon, please?",
    "My phone number is 555-0142.",
    "I would like to change the delivery address for my order.",
    "What time do you close on Saturday?",
    "No, thank you, that is all for today.",
];
/// A minute of talk, as the estimate counts it: the caller speaks for half of it, in eight turns, and pauses once within each; the
/// agent speaks for a third.
const TURNS_A_MINUTE: f64 = 8.0;
const PAUSES_A_TURN: f64 = 2.0;
const CALLER_SHARE: f64 = 0.5;
const AGENT_SHARE: f64 = 1.0 / 3.0;
/// How busy the cores may be before callers notice.
const USABLE: f64 = 0.6;

/// Measure what this machine can do.
#[derive(Debug, clap::Args)]
pub(super) struct Bench {
    #[command(subcommand)]
    part: Part,
}

#[derive(Debug, clap::Subcommand)]
enum Part {
    /// The offline ears and voice: cost per second of audio, time to the first audio, real-time factors, and for how many calls that is
    /// enough.
    Speech {
        /// How often each sentence is spoken and heard.
        #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
        passes: u32,
        #[command(flatten)]
        format: Format,
    },
}

/// What speech costs here. Each figure is of one thread.
#[derive(Debug, Serialize)]
struct Answer {
    models_loaded_in_ms: f64,
    sentences: usize,
    voice: Figures,
    voice_first_audio: Times,
    recognition: Figures,
    end_of_turn: Figures,
    voice_activity: Figures,
    cores: usize,
    /// Share of a core that one call takes.
    call_core_share: f64,
    /// Share of all cores that may be busy.
    usable_share: f64,
    calls_estimate: f64,
}

/// What a sentence or a pause takes.
#[derive(Debug, Serialize)]
struct Times {
    p50_ms: f64,
    p95_ms: f64,
}

#[derive(Debug, Serialize)]
struct Figures {
    #[serde(flatten)]
    times: Times,
    /// Time for each second of audio.
    real_time_factor: f64,
}

impl Bench {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        let Part::Speech { passes, format } = self.part;
        let ToolsConfig { models_dir, voice, .. } = ToolsConfig::from_vars(&Environment::read())?;
        let answer = runtime()?.block_on(speech(&models_dir, voice, passes))?;
        format.print(&answer, told)
    }
}

async fn speech(models_dir: &Path, voice: VoiceConfig, passes: u32) -> anyhow::Result<Answer> {
    let began = Instant::now();
    let pool = Arc::new(WorkerPool::new(1, 1)?);
    let vad = Arc::new(Silero::load(models_dir)?);
    let turn_end = Arc::new(TurnEnd::load(models_dir)?);
    let stt = Moonshine::load(models_dir, Arc::clone(&pool))?;
    let tts = local::load_voice(models_dir, voice).map_err(|error| anyhow::anyhow!(error))?;
    let loaded = began.elapsed();
    tell!("models loaded; {} sentences are spoken and heard", SENTENCES.len() * passes as usize);

    let (mut voiced, mut listened, mut judged, mut heard) =
        (Cost::default(), Cost::default(), Cost::default(), Cost::default());
    let mut firsts = Vec::new();
    speak(&*tts, SENTENCES[0]).await?; // the first one of all pays for what is set up
    for pass in 1..=passes {
        for text in SENTENCES {
            let (ulaw, first, took) = speak(&*tts, text).await?;
            let length = duration_of(ulaw.len() as u64);
            voiced.add(took, length);
            firsts.push(ms(first));
            listened.add(listen(&vad, &ulaw), length);
            heard.add(recognise(&stt, &ulaw).await?, length);
            judged.add(judge(&pool, &turn_end, ulaw).await?, length);
        }
        tell!("pass {pass} of {passes} done");
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let share = CALLER_SHARE * (listened.rate() + PAUSES_A_TURN * heard.rate())
        + TURNS_A_MINUTE * PAUSES_A_TURN * at(&judged.took, 0.5) / 60_000.0
        + AGENT_SHARE * voiced.rate();
    Ok(Answer {
        models_loaded_in_ms: ms(loaded),
        sentences: firsts.len(),
        voice: voiced.figures(),
        voice_first_audio: times(&firsts),
        recognition: heard.figures(),
        end_of_turn: judged.figures(),
        voice_activity: listened.figures(),
        cores,
        call_core_share: share,
        usable_share: USABLE,
        calls_estimate: cores as f64 * USABLE / share,
    })
}

fn told(answer: &Answer) -> String {
    let row = |what: &str, Times { p50_ms, p95_ms }: &Times| format!("{what:<28}{p50_ms:>9.1}{p95_ms:>9.1}");
    let figures = |what: &str, Figures { times, real_time_factor }: &Figures| {
        format!("{}{:>13.1}  RTF {real_time_factor:.4}", row(what, times), 1e3 * real_time_factor)
    };
    [
        format!("models loaded in {:.0} ms; each figure is of one thread\n", answer.models_loaded_in_ms),
        format!("{:<28}{:>9}{:>9}{:>20}", "", "p50 ms", "p95 ms", "per s of audio, ms"),
        figures("voice, a sentence", &answer.voice),
        row("voice, first audio", &answer.voice_first_audio),
        figures("recognition, a sentence", &answer.recognition),
        figures("end of turn, a pause", &answer.end_of_turn),
        figures("voice activity, a sentence", &answer.voice_activity),
        format!(
            "\nA call takes {:.1} % of a core, if the caller speaks half of the time and is recognised at {PAUSES_A_TURN} pauses a \
             turn,\nand the agent speaks a third; guesses while callers speak come on top, as far as there is room.\n\
             {} cores carry about {:.0} such calls at {:.0} % load (an estimate; `cargo bench --bench talk` tries it).",
            100.0 * answer.call_core_share,
            answer.cores,
            answer.calls_estimate,
            100.0 * answer.usable_share
        ),
    ]
    .join("\n")
}

/// The speech, when its first frame was there, and when all of it.
async fn speak(voice: &dyn Tts, text: &str) -> anyhow::Result<(Vec<u8>, Duration, Duration)> {
    let began = Instant::now();
    let (mut frames, mut first, mut ulaw) = (tts::say(voice, text), None, Vec::new());
    while let Some(frame) = frames.next().await {
        first.get_or_insert_with(|| began.elapsed());
        ulaw.extend_from_slice(frame?.as_bytes());
    }
    Ok((ulaw, first.context("the voice said nothing")?, began.elapsed()))
}

fn listen(net: &Arc<Silero>, ulaw: &[u8]) -> Duration {
    let mut vad = Vad::new(Arc::clone(net));
    let began = Instant::now();
    for frame in ulaw.chunks(FRAME_BYTES) {
        vad.push(&Frame::padded(frame));
    }
    began.elapsed()
}

async fn recognise(stt: &Moonshine, ulaw: &[u8]) -> anyhow::Result<Duration> {
    let mut stream = stt.open(SttContext::default());
    let id = UtteranceId(1);
    for frame in ulaw.chunks(FRAME_BYTES) {
        stream.input.send(SttInput::Audio(id, Frame::padded(frame))).await.context("the recogniser has ended")?;
    }
    let began = Instant::now();
    stream.input.send(SttInput::Transcribe(id)).await.context("the recogniser has ended")?;
    stream.transcript().await.context("the recogniser has ended")??;
    Ok(began.elapsed())
}

async fn judge(pool: &WorkerPool, turn_end: &Arc<TurnEnd>, ulaw: Vec<u8>) -> anyhow::Result<Duration> {
    let turn_end = Arc::clone(turn_end);
    let began = Instant::now();
    pool.submit(move |worker| turn_end.percent(&ulaw, worker))?.await??;
    Ok(began.elapsed())
}

/// What one part took, sentence by sentence, in ms.
#[derive(Default)]
struct Cost {
    took: Vec<f64>,
    audio_ms: f64,
}

impl Cost {
    fn add(&mut self, took: Duration, audio: Duration) {
        self.took.push(ms(took));
        self.audio_ms += ms(audio);
    }

    /// Time for each unit of time of audio: the real-time factor.
    fn rate(&self) -> f64 {
        self.took.iter().sum::<f64>() / self.audio_ms
    }

    fn figures(&self) -> Figures {
        Figures { times: times(&self.took), real_time_factor: self.rate() }
    }
}

fn times(took: &[f64]) -> Times {
    Times { p50_ms: at(took, 0.5), p95_ms: at(took, 0.95) }
}

fn ms(time: Duration) -> f64 {
    1e3 * time.as_secs_f64()
}

/// The quantile of some figures.
fn at(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let index = ((sorted.len() as f64 * share).ceil() as usize).clamp(1, sorted.len().max(1)) - 1;
    sorted.get(index).copied().unwrap_or(f64::NAN)
}
