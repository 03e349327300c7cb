//! The task of one call: which audio belongs to which utterance, which answers are due.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Poll, ready};

use redial_call::UtteranceId;
use redial_call::audio::{self, FRAME_BYTES, SAMPLE_RATE_HZ};
use tokio::sync::mpsc;

use super::net::Net;
use crate::speech::ProviderError;
use crate::speech::pool::{Job, WorkerPool};
use crate::speech::stt::{SttInput, SttOutput};

const SECOND: usize = SAMPLE_RATE_HZ as usize;
/// Audio kept of one utterance.
const LONGEST: usize = 60 * SECOND;
/// The net was trained on pieces of up to 30 s; this leaves room to look for a quiet place to cut.
const PIECE: usize = 20 * SECOND;
/// Where the quiet place is looked for: the end of the piece.
const CUT_WITHIN: usize = 5 * SECOND;
/// Utterances whose audio is kept; the session discards one before the next but one begins.
const KEPT: usize = 2;

/// One call's utterances and the recognitions that run for it.
pub(super) struct Line {
    net: Arc<Net>,
    pool: Arc<WorkerPool>,
    utterances: VecDeque<Utterance>,
    /// In the order in which they were asked for, which is that of the answers.
    running: VecDeque<(UtteranceId, Job<Result<String, ProviderError>>)>,
}

struct Utterance {
    id: UtteranceId,
    ulaw: Vec<u8>,
    overlong: bool,
}

impl Line {
    pub(super) fn new(net: Arc<Net>, pool: Arc<WorkerPool>) -> Self {
        Self { net, pool, utterances: VecDeque::new(), running: VecDeque::new() }
    }

    /// Serves the call until the session drops either end of its stream; running recognitions are then cancelled.
    pub(super) async fn run(mut self, mut commands: mpsc::Receiver<SttInput>, answers: mpsc::Sender<SttOutput>) {
        loop {
            // A `Discard` that has come must be seen before the answer that it forbids.
            let answer = tokio::select! {
                biased;
                command = commands.recv() => match command {
                    Some(SttInput::Audio(id, frame)) => { self.listen(id, frame.as_bytes()); continue }
                    Some(SttInput::Discard(id)) => { self.discard(id); continue }
                    Some(SttInput::Transcribe(id)) => match self.transcribe(id) {
                        Ok(()) => continue,
                        Err(error) => SttOutput::Failed { utterance: id, error },
                    },
                    Some(SttInput::Guess(_)) => continue,
                    None => return,
                },
                answer = self.next_answer() => answer,
            };
            if answers.send(answer).await.is_err() {
                return;
            }
        }
    }

    fn listen(&mut self, id: UtteranceId, frame: &[u8; FRAME_BYTES]) {
        let utterance = match self.utterances.iter_mut().position(|utterance| utterance.id == id) {
            Some(at) => &mut self.utterances[at],
            None => {
                if self.utterances.len() == KEPT {
                    self.utterances.pop_front();
                }
                self.utterances.push_back(Utterance { id, ulaw: Vec::new(), overlong: false });
                self.utterances.back_mut().expect("one was just added")
            }
        };
        if utterance.ulaw.len() < LONGEST {
            utterance.ulaw.extend_from_slice(frame);
        } else if !utterance.overlong {
            utterance.overlong = true;
            tracing::warn!(kept_s = LONGEST / SECOND, "an utterance is too long to be recognised whole");
        }
    }

    fn discard(&mut self, id: UtteranceId) {
        self.utterances.retain(|utterance| utterance.id != id);
        self.running.retain(|(running, _)| *running != id);
    }

    fn transcribe(&mut self, id: UtteranceId) -> Result<(), ProviderError> {
        let heard = self.utterances.iter().find(|utterance| utterance.id == id);
        let ulaw = heard.map(|utterance| utterance.ulaw.clone()).unwrap_or_default();
        let net = Arc::clone(&self.net);
        let job = self.pool.submit(move |worker| {
            let mut texts = Vec::new();
            for piece in pieces(&ulaw) {
                let samples: Vec<f32> = piece.iter().map(|&byte| f32::from(audio::decode(byte)) / 32768.0).collect();
                texts.push(net.transcribe(&samples, worker)?);
            }
            texts.retain(|text| !text.is_empty());
            Ok(texts.join(" "))
        })?;
        self.running.push_back((id, job));
        Ok(())
    }

    /// The next answer that is due; pends while none is.
    ///
    /// # Cancel safety
    /// Dropped, it loses nothing.
    async fn next_answer(&mut self) -> SttOutput {
        poll_fn(|cx| {
            let Some((utterance, job)) = self.running.front_mut() else {
                return Poll::Pending;
            };
            let utterance = *utterance;
            let result = ready!(Pin::new(job).poll(cx)).flatten();
            self.running.pop_front();
            Poll::Ready(match result {
                Ok(text) => SttOutput::Transcript { utterance, text },
                Err(error) => SttOutput::Failed { utterance, error },
            })
        })
        .await
    }
}

/// Cuts what is longer than the net takes, each time at the quietest frame of the last seconds.
fn pieces(ulaw: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = ulaw;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let at = if rest.len() <= PIECE {
            rest.len()
        } else {
            PIECE - CUT_WITHIN + quietest(&rest[PIECE - CUT_WITHIN..PIECE])
        };
        let (piece, after) = rest.split_at(at);
        rest = after;
        Some(piece)
    })
}

/// The middle of the quietest frame.
fn quietest(ulaw: &[u8]) -> usize {
    let energy = |frame: &[u8]| frame.iter().map(|&byte| i64::from(audio::decode(byte)).pow(2)).sum::<i64>();
    let frames = ulaw.chunks_exact(FRAME_BYTES).enumerate();
    frames.min_by_key(|(_, frame)| energy(frame)).map_or(0, |(at, _)| at * FRAME_BYTES + FRAME_BYTES / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_speech_is_cut_where_it_is_quiet_and_none_of_it_is_lost() {
        let mut ulaw = vec![audio::encode(9000); 50 * SECOND];
        for pause in [17 * SECOND, 35 * SECOND] {
            ulaw[pause..pause + 320].fill(audio::SILENCE);
        }
        let lens: Vec<usize> = pieces(&ulaw).map(<[u8]>::len).collect();
        assert_eq!(lens.iter().sum::<usize>(), ulaw.len());
        assert_eq!(lens.len(), 3);
        for (cut, pause) in [(lens[0], 17 * SECOND), (lens[0] + lens[1], 35 * SECOND)] {
            assert!((pause..pause + 320).contains(&cut), "{cut}");
        }
        assert_eq!(pieces(&[]).count(), 0);
        assert_eq!(pieces(&ulaw[..PIECE]).count(), 1);
    }
}
