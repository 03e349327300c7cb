//! A recogniser that takes the turns, by the sound of the line and as it is told.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use redial_call::audio::{FRAME_DURATION, decode};
use redial_call::{Endpointing, Frame};
use tokio::sync::mpsc;

use crate::stt::{Stt, SttContext, SttInput, SttOutput, SttStream};

/// A frame whose samples are louder than this on average is voice: some -40 dBFS.
const VOICE: u32 = 300;

/// Tells turns by the pauses on the line, and their words from a list.
///
/// Voice begins a turn. A pause of `eager` is probably its end, and takes the next piece of the list for the words since the last
/// such pause; voice after it resumes the turn; a pause of `end` ends it. Each call begins at the head of the list; beyond its end
/// no words are heard.
#[derive(Debug, Clone)]
pub struct ScriptedTurns {
    pieces: Arc<[String]>,
    eager: Duration,
    end: Duration,
    told: Arc<Mutex<Vec<SttInput>>>,
}

impl ScriptedTurns {
    /// Hears `pieces`; a pause of 200 ms is probably the end of a turn, one of 600 ms surely.
    pub fn new<S: Into<String>>(pieces: impl IntoIterator<Item = S>) -> Self {
        Self {
            pieces: pieces.into_iter().map(Into::into).collect(),
            eager: Duration::from_millis(200),
            end: Duration::from_millis(600),
            told: Arc::default(),
        }
    }

    /// Whatever it was told of the talk, [`SttInput::Context`], oldest first.
    pub fn told(&self) -> Vec<SttInput> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Stt for ScriptedTurns {
    /// `input` holds 64 frames (1.28 s).
    fn open(&self, _: SttContext) -> SttStream {
        let (input, commands) = mpsc::channel(64);
        let (answers, output) = mpsc::channel(8);
        tokio::spawn(listen(self.clone(), commands, answers));
        SttStream { input, output }
    }

    fn endpointing(&self) -> Endpointing {
        Endpointing::Recogniser
    }
}

/// A turn of the caller.
struct Turn {
    words: Vec<String>,
    /// Since the last voice.
    pause: Duration,
    /// Its end was guessed, and nothing was said since.
    guessed: bool,
}

impl Turn {
    fn text(&self) -> String {
        self.words.join(" ").trim().to_owned()
    }
}

async fn listen(ears: ScriptedTurns, mut commands: mpsc::Receiver<SttInput>, answers: mpsc::Sender<SttOutput>) {
    let mut pieces = ears.pieces.iter();
    let mut turn: Option<Turn> = None;
    while let Some(command) = commands.recv().await {
        let output = match command {
            SttInput::Line(frame) if is_voice(&frame) => match &mut turn {
                None => {
                    turn = Some(Turn { words: Vec::new(), pause: Duration::ZERO, guessed: false });
                    Some(SttOutput::TurnStarted)
                }
                Some(turn) => {
                    turn.pause = Duration::ZERO;
                    std::mem::take(&mut turn.guessed).then_some(SttOutput::TurnResumed)
                }
            },
            SttInput::Line(_) => match &mut turn {
                None => None,
                Some(open) => {
                    open.pause += FRAME_DURATION;
                    if open.pause >= ears.end {
                        let text = open.text();
                        turn = None;
                        Some(SttOutput::TurnEnded { text })
                    } else if open.pause >= ears.eager && !open.guessed {
                        open.guessed = true;
                        open.words.extend(pieces.next().cloned());
                        Some(SttOutput::EagerEnd { text: open.text() })
                    } else {
                        None
                    }
                }
            },
            SttInput::Transcribe(_) => turn.take().map(|mut turn| {
                if !turn.guessed {
                    turn.words.extend(pieces.next().cloned());
                }
                SttOutput::TurnEnded { text: turn.text() }
            }),
            SttInput::Context { .. } => {
                ears.told.lock().unwrap_or_else(PoisonError::into_inner).push(command);
                None
            }
            SttInput::Audio(..) | SttInput::Guess(_) | SttInput::Discard(_) => None,
        };
        if let Some(output) = output
            && answers.send(output).await.is_err()
        {
            return;
        }
    }
}

fn is_voice(frame: &Frame) -> bool {
    let level: u32 = frame.as_bytes().iter().map(|byte| u32::from(decode(*byte).unsigned_abs())).sum();
    level > VOICE * frame.as_bytes().len() as u32
}
