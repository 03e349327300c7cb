//! `redial hear`: what the offline ears make of a recording.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use redial_call::audio::{FRAME_BYTES, FRAME_DURATION, duration_of};
use redial_call::{Frame, Settings, UtteranceId};
use redial_provider::stt::{Stt, SttContext, SttInput};
use redial_speech::moonshine::Moonshine;
use redial_speech::pool::WorkerPool;
use redial_speech::vad::silero::Silero;
use redial_speech::vad::{STOP_LAG, Vad, VadEdge};
use redial_speech::wav;
use serde::Serialize;

use super::environment::Environment;
use super::exit::Exit;
use super::operators::Format;
use super::output::out;
use super::runtime::runtime;
use crate::config::ToolsConfig;

/// How long the caller has spoken, about, when voice activity reports a start: the median over our recordings.
const START_LAG: Duration = Duration::from_millis(80);

/// Hear a recording as a call does, and print its words.
///
/// Prints each utterance with its start and end in ms and how long its recognition took, and at the end the real-time
/// factor: the time that recognition took for each second of speech. Voice activity opens an utterance; the pause that
/// ends a caller's turn ends it. Nothing leaves this machine.
///
///   redial hear caller.wav
#[derive(Debug, clap::Args)]
pub(super) struct Hear {
    /// Mono WAV files: μ-law at 8 kHz, or 16-bit PCM at 8, 16, 24 or 48 kHz.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    format: Format,
}

/// What was heard in a recording.
#[derive(Debug, Serialize)]
struct Heard {
    file: String,
    length_ms: u64,
    utterances: Vec<HeardUtterance>,
    speech_ms: u64,
    recognition_ms: u64,
    /// Recognition's time for each second of speech; `None` without speech.
    real_time_factor: Option<f64>,
}

#[derive(Debug, Serialize)]
struct HeardUtterance {
    start_ms: u64,
    end_ms: u64,
    words: String,
    recognition_ms: u64,
}

impl Hear {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        let models_dir = ToolsConfig::from_vars(&Environment::read())?.models_dir;
        let net = Arc::new(Silero::load(&models_dir)?);
        let stt = Moonshine::load(&models_dir, Arc::new(WorkerPool::new(1, 1)?))?;
        runtime()?.block_on(async {
            let mut all = Vec::new();
            for file in &self.files {
                let heard = hear(file, &net, &stt).await?;
                if !self.format.json {
                    out!("{}", told(&heard));
                }
                all.push(heard);
            }
            if self.format.json {
                self.format.print(&all, |_| String::new())?;
            }
            Ok(Exit::Done)
        })
    }
}

/// A stretch of speech, with the pauses in it that are too short to end a turn.
struct Utterance {
    start: Duration,
    end: Duration,
    frames: Vec<Frame>,
}

async fn hear(file: &Path, net: &Arc<Silero>, stt: &dyn Stt) -> anyhow::Result<Heard> {
    let bytes = std::fs::read(file).with_context(|| format!("{} cannot be read", file.display()))?;
    let ulaw = wav::read(&bytes).with_context(|| file.display().to_string())?;
    let mut stream = stt.open(SttContext::default());
    let (mut spoken, mut recognising, mut heard) = (Duration::ZERO, Duration::ZERO, Vec::new());
    let utterances = utterances(&ulaw, Vad::new(Arc::clone(net)));
    for (id, Utterance { start, end, frames }) in (1..).map(UtteranceId).zip(utterances) {
        spoken += end - start;
        let inputs = frames.into_iter().map(|frame| SttInput::Audio(id, frame));
        for input in inputs.chain([SttInput::Transcribe(id)]) {
            stream.input.send(input).await.context("the recogniser has ended")?;
        }
        let asked = Instant::now();
        let (_, text) = stream.transcript().await.context("the recogniser has ended")??;
        let took = asked.elapsed();
        recognising += took;
        let [start_ms, end_ms, recognition_ms] = [start, end, took].map(whole_ms);
        heard.push(HeardUtterance { start_ms, end_ms, words: text, recognition_ms });
    }
    Ok(Heard {
        file: file.display().to_string(),
        length_ms: whole_ms(duration_of(ulaw.len() as u64)),
        utterances: heard,
        speech_ms: whole_ms(spoken),
        recognition_ms: whole_ms(recognising),
        real_time_factor: (!spoken.is_zero()).then(|| recognising.as_secs_f64() / spoken.as_secs_f64()),
    })
}

fn told(heard: &Heard) -> String {
    let mut lines = vec![format!("{} ({} ms)", heard.file, heard.length_ms)];
    for HeardUtterance { start_ms, end_ms, words, recognition_ms } in &heard.utterances {
        let words = if words.is_empty() { "(no words)" } else { words };
        lines.push(format!("{start_ms:>7} .. {end_ms:>6} ms  {words}  [{recognition_ms} ms]"));
    }
    lines.push(match heard.real_time_factor {
        None => "no speech".to_owned(),
        Some(factor) => format!(
            "recognised {:.1} s of speech in {} ms: real-time factor {factor:.3}",
            heard.speech_ms as f64 / 1000.0,
            heard.recognition_ms
        ),
    });
    lines.join("\n")
}

fn whole_ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Parts a line at the pauses that would end a turn: voice activity says where, as in a call.
fn utterances(ulaw: &[u8], mut vad: Vad) -> Vec<Utterance> {
    let pause = Settings::default().unsure_endpoint_delay;
    // Enough silence for the last word's end to be noticed.
    let silence = 2 * STOP_LAG.as_millis() / FRAME_DURATION.as_millis();
    let line = ulaw.chunks(FRAME_BYTES).map(Frame::padded).chain((0..silence).map(|_| Frame::SILENT));
    let mut utterances: Vec<Utterance> = Vec::new();
    let mut now = Duration::ZERO;
    for frame in line {
        let edge = vad.push(&frame);
        now += FRAME_DURATION;
        match edge {
            Some(VadEdge::Started) => {
                let start = now.saturating_sub(START_LAG);
                match utterances.last_mut().filter(|last| start < last.end + pause) {
                    Some(last) => last.frames.extend(vad.pre_roll()),
                    None => utterances.push(Utterance { start, end: now, frames: vad.pre_roll().collect() }),
                }
            }
            Some(VadEdge::Stopped) => {
                if let Some(last) = utterances.last_mut() {
                    last.frames.push(frame);
                    last.end = now.saturating_sub(STOP_LAG);
                }
            }
            None if vad.is_speaking() => {
                if let Some(last) = utterances.last_mut() {
                    last.frames.push(frame);
                    last.end = now;
                }
            }
            None => (),
        }
    }
    utterances
}

#[cfg(test)]
mod tests {
    use redial_speech::models::DEFAULT_FOLDER;

    use super::*;

    fn spoken(name: &str) -> Vec<u8> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/audio").join(name);
        wav::read(&std::fs::read(path).unwrap()).unwrap()
    }

    fn heard(ulaw: &[u8]) -> Vec<(u128, u128)> {
        let net = Arc::new(Silero::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join(DEFAULT_FOLDER)).unwrap());
        let utterances = utterances(ulaw, Vad::new(net));
        utterances.iter().map(|utterance| (utterance.start.as_millis(), utterance.end.as_millis())).collect()
    }

    #[test]
    fn a_long_pause_parts_two_utterances_and_a_short_one_does_not() {
        let word = spoken("cards001.wav");
        let with_pause = |ms: usize| [word.as_slice(), &vec![0xff; ms * 8], &word].concat();
        // The recording itself has some 200 ms of silence at each end.
        assert_eq!(heard(&with_pause(1000)).len(), 2);
        assert_eq!(heard(&with_pause(0)).len(), 1);
    }

    #[test]
    fn times_are_those_of_the_recording_also_where_it_ends_in_a_word() {
        let word = spoken("cards001.wav");
        let [(start, end)] = heard(&word)[..] else { panic!("{:?}", heard(&word)) };
        assert!((150..300).contains(&start) && (800..1000).contains(&end), "{start} .. {end}");
        let [(_, cut)] = heard(&word[..3200])[..] else { panic!("{:?}", heard(&word[..3200])) };
        // The net takes some 100 ms to believe a silence that comes in mid-word.
        assert!((300..=520).contains(&cut), "{cut}");
        assert_eq!(heard(&vec![0xff; 16_000]), []);
    }
}
