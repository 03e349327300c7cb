//! `redial hear`: what the offline ears make of a recording.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use redial_call::audio::{FRAME_BYTES, FRAME_DURATION, duration_of};
use redial_call::{Frame, Settings, UtteranceId};

use super::environment::Environment;
use crate::config::Vars as _;
use crate::speech::models::DEFAULT_FOLDER;
use crate::speech::pool::WorkerPool;
use crate::speech::stt::moonshine::Moonshine;
use crate::speech::stt::{Stt, SttInput};
use crate::speech::vad::silero::Silero;
use crate::speech::vad::{STOP_LAG, Vad, VadEdge};
use crate::speech::wav;

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
}

impl Hear {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let models_dir = Environment::read()?.var("MODELS_DIR").unwrap_or_else(|| DEFAULT_FOLDER.to_owned());
        let net = Arc::new(Silero::load(Path::new(&models_dir))?);
        let stt = Moonshine::load(Path::new(&models_dir), Arc::new(WorkerPool::new(1, 1)?))?;
        super::runtime()?.block_on(async {
            for file in &self.files {
                hear(file, &net, &stt).await?;
            }
            Ok(ExitCode::SUCCESS)
        })
    }
}

/// A stretch of speech, with the pauses in it that are too short to end a turn.
struct Utterance {
    start: Duration,
    end: Duration,
    frames: Vec<Frame>,
}

async fn hear(file: &Path, net: &Arc<Silero>, stt: &dyn Stt) -> anyhow::Result<()> {
    let bytes = std::fs::read(file).with_context(|| format!("{} cannot be read", file.display()))?;
    let ulaw = wav::read(&bytes).with_context(|| file.display().to_string())?;
    println!("{} ({} ms)", file.display(), duration_of(ulaw.len() as u64).as_millis());
    let mut stream = stt.open();
    let (mut spoken, mut recognising) = (Duration::ZERO, Duration::ZERO);
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
        let words = if text.is_empty() { "(no words)" } else { &text };
        let [start, end, took] = [start, end, took].map(|time| time.as_millis());
        println!("{start:>7} .. {end:>6} ms  {words}  [{took} ms]");
    }
    if spoken.is_zero() {
        println!("no speech");
    } else {
        let factor = recognising.as_secs_f64() / spoken.as_secs_f64();
        println!(
            "recognised {:.1} s of speech in {} ms: real-time factor {factor:.3}",
            spoken.as_secs_f64(),
            recognising.as_millis()
        );
    }
    Ok(())
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
