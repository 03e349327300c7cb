//! `redial say`: hear how the local voice reads a text.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context as _;
use futures_util::StreamExt as _;
use redial_call::audio;

use super::environment::Environment;
use crate::config::{Vars as _, VoiceConfig, VoiceName, parse_speed};
use crate::speech::models::DEFAULT_FOLDER;
use crate::speech::pool::WorkerPool;
use crate::speech::tts::Tts;
use crate::speech::tts::flite::Flite;
#[cfg(feature = "tts-hibari")]
use crate::speech::tts::hibari::Hibari;
use crate::speech::wav;

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
}

/// A voice of this build, loaded.
enum Voice {
    #[cfg(feature = "tts-hibari")]
    Hibari(Hibari),
    Flite(Flite),
}

impl Say {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let environment = Environment::read()?;
        let mut config = VoiceConfig::from_vars(&environment)?;
        config.name = self.voice.unwrap_or(config.name);
        config.speed = self.speed.unwrap_or(config.speed);
        let models_dir = environment.var("MODELS_DIR").unwrap_or_else(|| DEFAULT_FOLDER.to_owned());
        let text = match self.text.as_str() {
            "-" => std::io::read_to_string(std::io::stdin()).context("standard input cannot be read")?,
            _ => self.text,
        };
        let voice = Voice::load(Path::new(&models_dir), config)?;
        if self.phonemes {
            for sentence in voice.phonemes(&text)? {
                println!("{sentence}");
            }
            return Ok(ExitCode::SUCCESS);
        }
        let ulaw = super::runtime()?.block_on(speak(voice.as_tts(), &text))?;
        if let Some(path) = &self.wav {
            std::fs::write(path, wav::write_mono(&ulaw))
                .with_context(|| format!("{} cannot be written", path.display()))?;
            println!("written: {}", path.display());
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Speaks the text and prints how long that took.
async fn speak(voice: &dyn Tts, text: &str) -> anyhow::Result<Vec<u8>> {
    let began = Instant::now();
    let mut frames = voice.speak(text);
    let mut first = None;
    let mut ulaw = Vec::new();
    while let Some(frame) = frames.next().await {
        ulaw.extend_from_slice(frame?.as_bytes());
        first.get_or_insert_with(|| began.elapsed());
    }
    let (took, spoken) = (began.elapsed(), audio::duration_of(ulaw.len() as u64));
    match first {
        Some(first) => println!(
            "{:.2} s of speech; first audio after {:.1} ms, all after {:.1} ms: {:.4} of its length",
            spoken.as_secs_f64(),
            1e3 * first.as_secs_f64(),
            1e3 * took.as_secs_f64(),
            took.as_secs_f64() / spoken.as_secs_f64(),
        ),
        None => println!("there is nothing to be said in this text"),
    }
    Ok(ulaw)
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
            Self::Flite(_) => anyhow::bail!("flite does not show its phonemes; use --voice hibari"),
        }
    }
}
