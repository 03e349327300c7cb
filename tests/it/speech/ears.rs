//! The offline ears: frames → voice activity → pre-roll → recogniser.

use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use redial_call::audio::{FRAME_BYTES, FRAME_DURATION};
use redial_call::{Frame, Settings, UtteranceId};
use redial_provider::stt::{Stt, SttContext, SttInput, SttStream};
use redial_speech::models::DEFAULT_FOLDER;
use redial_speech::moonshine::Moonshine;
use redial_speech::pool::WorkerPool;
use redial_speech::turn_end::TurnEnd;
use redial_speech::vad::{Vad, VadEdge};
use redial_speech::wav;

use crate::support::gateway::silero;

/// The recogniser, loaded once.
pub(super) static MOONSHINE: LazyLock<Moonshine> = LazyLock::new(|| {
    let pool = Arc::new(WorkerPool::sized_to_cores().unwrap());
    Moonshine::load(&models(), pool).unwrap().with_turn_end(TurnEnd::load(&models()).unwrap())
});

/// The models' folder.
pub(super) fn models() -> PathBuf {
    root().join(DEFAULT_FOLDER)
}

/// The source tree.
pub(super) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A recording as μ-law.
pub(super) fn recording(path: impl AsRef<Path>) -> Vec<u8> {
    wav::read(&std::fs::read(path).unwrap()).unwrap()
}

/// The lines of a table without its head, split at tabs.
pub(super) fn table<const COLUMNS: usize>(path: impl AsRef<Path>) -> Vec<[String; COLUMNS]> {
    let text = std::fs::read_to_string(path).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.split('\t').map(str::to_owned).collect::<Vec<_>>().try_into().unwrap()).collect()
}

pub(super) fn frames(ulaw: &[u8]) -> Vec<Frame> {
    ulaw.chunks(FRAME_BYTES).map(Frame::padded).collect()
}

/// A stretch of a line in which voice activity hears speech.
pub(super) struct Stretch {
    pub(super) frames: Vec<Frame>,
    /// Hardly a voice.
    pub(super) is_murmur: bool,
}

/// The stretches of a line in which voice activity hears speech, as the session hands them to the recogniser: each begins
/// with its pre-roll. A second of silence goes before and after, so that a stretch at the end is noticed.
pub(super) fn stretches(line: &[u8]) -> Vec<Stretch> {
    let quiet = [Frame::SILENT; 50];
    let mut vad = Vad::new(silero());
    let mut stretches: Vec<Stretch> = Vec::new();
    for frame in [&quiet, frames(line).as_slice(), &quiet].concat() {
        match (vad.push(&frame), stretches.last_mut()) {
            (Some(VadEdge::Started), _) => {
                stretches.push(Stretch { frames: vad.pre_roll().collect(), is_murmur: false });
            }
            (Some(VadEdge::Stopped), Some(stretch)) => {
                stretch.frames.push(frame);
                stretch.is_murmur = vad.quality() == redial_call::VoiceQuality::Murmur;
            }
            (None, Some(stretch)) if vad.is_speaking() => stretch.frames.push(frame),
            (_, _) => (),
        }
    }
    stretches
}

/// The words of a line that holds one utterance. As in a call, the recogniser is given the line from the pre-roll of the
/// first speech to the look after the last, with the pauses.
pub(super) async fn hear(line: &[u8]) -> String {
    let quiet = [Frame::SILENT; 50];
    let look = Settings::default().eager_delay.div_duration_f32(FRAME_DURATION) as usize;
    let mut vad = Vad::new(silero());
    let (mut utterance, mut until) = (Vec::new(), 0);
    for frame in [&quiet, frames(line).as_slice(), &quiet].concat() {
        let edge = vad.push(&frame);
        match edge {
            Some(VadEdge::Started) if utterance.is_empty() => utterance.extend(vad.pre_roll()),
            _ if utterance.is_empty() => (),
            _ => utterance.push(frame),
        }
        if edge == Some(VadEdge::Stopped) {
            until = utterance.len() + look;
        }
    }
    utterance.truncate(until);
    recognise(&utterance).await
}

/// The words of an utterance; none when it has no frames.
pub(super) async fn recognise(utterance: &[Frame]) -> String {
    let mut stream = MOONSHINE.open(SttContext::default());
    let id = UtteranceId(1);
    for frame in utterance {
        send(&stream, SttInput::Audio(id, *frame)).await;
    }
    send(&stream, SttInput::Transcribe(id)).await;
    answer(&mut stream).await.1
}

pub(super) async fn send(stream: &SttStream, input: SttInput) {
    stream.input.send(input).await.unwrap();
}

pub(super) async fn answer(stream: &mut SttStream) -> (UtteranceId, String) {
    stream.transcript().await.unwrap().unwrap()
}
