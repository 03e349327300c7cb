//! `redial say`: hear how the local voice reads a text.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context as _;
use futures_util::StreamExt as _;
use redial_call::audio;
use redial_provider::tts::{self, Tts};
use redial_speech::flite::Flite;
#[cfg(feature = "tts-hibari")]
use redial_speech::hibari::Hibari;
use redial_speech::pool::WorkerPool;
use redial_speech::voice::{VoiceConfig, VoiceName, parse_speed};
use redial_speech::wav;
use serde::Serialize;

use super::environment::Environment;
use super::exit::{Exit, Usage};
use super::operators::Format;
use super::runtime::runtime;
use crate::config::ToolsConfig;

/// Hear how the local voice reads a text, as a caller hears it.
///
/// Prints how long the speech is, how soon its first audio was there, and the time it took as a share of its length. Voice
/// and speed are those of VOICE and VOICE_SPEED, unless given.
///
///   redial say "Your appointment is at 9:30 am on 10/12." --wav out.wav
#[derive(Debug, clap::Args)]
pub(super) struct Say {
    /// The text; "-" reads it from standard input.
    text: String,
    /// Write the speech there, as a WAV file of 8000 Hz μ-law.
    #[arg(long, value_name = "FILE")]
    wav: Option<PathBuf>,
    /// Print the phonemes that are read, a line a sentence, and say nothing.
    #[arg(long, conflicts_with = "wav")]
    phonemes: bool,
    /// The voice's pace, 0.7 to 1.3 times its own.
    #[arg(long, value_parser = parse_speed)]
    speed: Option<f32>,
    /// The voice.
    #[arg(long)]
    voice: Option<VoiceName>,
    #[command(flatten)]
    format: Format,
}

/// What was said, and what it took.
#[derive(Debug, Serialize)]
struct Said {
    speech_ms: u64,
    /// `None`: there was nothing to be said.
    first_audio_after_ms: Option<f64>,
    all_after_ms: f64,
    /// The time it took as a share of its length.
    real_time_factor: Option<f64>,
    written: Option<String>,
}

/// A voice of this build, loaded.
enum Voice {
    #[cfg(feature = "tts-hibari")]
    Hibari(Hibari),
    Flite(Flite),
}

impl Say {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        let ToolsConfig { models_dir, voice: mut config, .. } = ToolsConfig::from_vars(&Environment::read())?;
        config.name = self.voice.unwrap_or(config.name);
        config.speed = self.speed.unwrap_or(config.speed);
        let text = match self.text.as_str() {
            "-" => std::io::read_to_string(std::io::stdin()).context("standard input cannot be read")?,
            _ => self.text,
        };
        let voice = Voice::load(&models_dir, config)?;
        if self.phonemes {
            let sentences = voice.phonemes(&text)?;
            return self.format.print(&sentences, |sentences| sentences.join("\n"));
        }
        let (ulaw, mut said) = runtime()?.block_on(speak(voice.as_tts(), &text))?;
        if let Some(path) = &self.wav {
            std::fs::write(path, wav::write_mono(&ulaw))
                .with_context(|| format!("{} cannot be written", path.display()))?;
            said.written = Some(path.display().to_string());
        }
        self.format.print(&said, told)
    }
}

/// Speaks the text, and how long that took.
async fn speak(voice: &dyn Tts, text: &str) -> anyhow::Result<(Vec<u8>, Said)> {
    let began = Instant::now();
    let mut frames = tts::say(voice, text);
    let mut first = None;
    let mut ulaw = Vec::new();
    while let Some(frame) = frames.next().await {
        ulaw.extend_from_slice(frame?.as_bytes());
        first.get_or_insert_with(|| began.elapsed());
    }
    let (took, spoken) = (began.elapsed(), audio::duration_of(ulaw.len() as u64));
    let said = Said {
        speech_ms: u64::try_from(spoken.as_millis()).unwrap_or(u64::MAX),
        first_audio_after_ms: first.map(|first| 1e3 * first.as_secs_f64()),
        all_after_ms: 1e3 * took.as_secs_f64(),
        real_time_factor: first.map(|_| took.as_secs_f64() / spoken.as_secs_f64()),
        written: None,
    };
    Ok((ulaw, said))
}

fn told(said: &Said) -> String {
    let mut text = match (said.first_audio_after_ms, said.real_time_factor) {
        (Some(first_ms), Some(factor)) => format!(
            "{:.2} s of speech; first audio after {first_ms:.1} ms, all after {:.1} ms: {factor:.4} of its length",
            said.speech_ms as f64 / 1000.0,
            said.all_after_ms,
        ),
        _ => "there is nothing to be said in this text".to_owned(),
    };
    if let Some(path) = &said.written {
        text.push_str(&format!("\nwritten: {path}"));
    }
    text
}

impl Voice {
    /// Loads the voice that is asked for, and no other: a person who listens to it wants to know what it lacks.
    #[cfg_attr(not(feature = "tts-hibari"), allow(unused_variables, reason = "flite has no files"))]
    fn load(models_dir: &Path, config: VoiceConfig) -> anyhow::Result<Self> {
        let pool = Arc::new(WorkerPool::new(1, 1)?);
        Ok(match config.name {
            #[cfg(feature = "tts-hibari")]
            VoiceName::Hibari => Self::Hibari(Hibari::load(models_dir, config.speed, pool)?),
            VoiceName::Flite => {
                Self::Flite(Flite::at_speed(config.speed, pool).map_err(|error| anyhow::anyhow!(error))?)
            }
        })
    }

    fn as_tts(&self) -> &dyn Tts {
        match self {
            #[cfg(feature = "tts-hibari")]
            Self::Hibari(voice) => voice,
            Self::Flite(voice) => voice,
        }
    }

    fn phonemes(&self, _text: &str) -> anyhow::Result<Vec<String>> {
        match self {
            #[cfg(feature = "tts-hibari")]
            Self::Hibari(voice) => Ok(voice.phonemes(_text)),
            Self::Flite(_) => Err(Usage("flite does not show its phonemes; use --voice hibari".to_owned()).into()),
        }
    }
}
