//! The task of one call: which audio belongs to which utterance, which answers are due.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use redial_call::UtteranceId;
use redial_call::audio::{self, FRAME_BYTES, SAMPLE_RATE_HZ};
use redial_provider::ProviderError;
use redial_provider::stt::{SttInput, SttOutput};
use tokio::sync::mpsc;

use super::evidence::Evidence;
use super::net::Net;
use crate::pool::{Job, Priority, Worker, WorkerPool};
use crate::turn_end::{self, TurnEnd};

const SECOND: usize = SAMPLE_RATE_HZ as usize;
/// Audio kept of one utterance.
const LONGEST: usize = 60 * SECOND;
/// The net was trained on pieces of up to 30 s; this leaves room to look for a quiet place to cut.
const PIECE: usize = 20 * SECOND;
/// Where the quiet place is looked for: the end of the piece.
const CUT_WITHIN: usize = 5 * SECOND;
/// Utterances whose audio is kept; the session discards one before the next but one begins.
const KEPT: usize = 2;

/// Of an utterance that goes on, this much of its end is guessed at, so that a guess costs no more the longer it gets.
const GUESSED: usize = 8 * SECOND;
/// Where the quiet place to begin is looked for.
const BEGIN_WITHIN: usize = 2 * SECOND;
/// What is shorter holds no word yet.
const SHORTEST_GUESS: usize = 2 * SECOND / 5;

type Recognition<T> = Job<Result<T, ProviderError>>;

/// One call's utterances and the work that runs for it.
pub(super) struct Line {
    parts: Parts,
    utterances: VecDeque<Utterance>,
    /// In the order in which they were asked for, which is that of the answers.
    questions: VecDeque<Question>,
    verdict: Option<(UtteranceId, Recognition<u8>)>,
    guess: Option<(UtteranceId, Recognition<String>)>,
}

/// What all calls share.
#[derive(Clone)]
pub(super) struct Parts {
    pub(super) net: Arc<Net>,
    pub(super) turn_end: Option<Arc<TurnEnd>>,
    pub(super) pool: Arc<WorkerPool>,
}

struct Utterance {
    id: UtteranceId,
    ulaw: Vec<u8>,
    overlong: bool,
}

/// A `Transcribe` that is not answered yet, or several of the same utterance.
struct Question {
    id: UtteranceId,
    /// How many they are.
    owed: usize,
    work: Work,
}

enum Work {
    Running(Recognition<Option<String>>),
    Done(Result<Option<String>, ProviderError>),
}

impl Line {
    pub(super) fn new(parts: Parts) -> Self {
        Self { parts, utterances: VecDeque::new(), questions: VecDeque::new(), verdict: None, guess: None }
    }

    /// Serves the call until the session drops either end of its stream; running work is then cancelled.
    pub(super) async fn run(mut self, mut commands: mpsc::Receiver<SttInput>, answers: mpsc::Sender<SttOutput>) {
        loop {
            // A `Discard` that has come must be seen before the answer that it forbids, and a `Transcribe` before the verdict on
            // the pause before it.
            let answer = tokio::select! {
                biased;
                command = commands.recv() => match command {
                    Some(SttInput::Audio(id, frame)) => { self.listen(id, frame.as_bytes()); continue }
                    Some(SttInput::Discard(id)) => { self.discard(id); continue }
                    Some(SttInput::Transcribe(id)) => { self.transcribe(id); continue }
                    Some(SttInput::Guess(id)) => { self.guess(id); continue }
                    Some(SttInput::Line(_) | SttInput::Context { .. }) => continue, // it hears utterances, and knows no terms
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
        self.questions.retain(|question| question.id != id);
        self.verdict.take_if(|(of, _)| *of == id);
        self.guess.take_if(|(of, _)| *of == id);
    }

    fn heard(&self, id: UtteranceId) -> &[u8] {
        self.utterances.iter().find(|utterance| utterance.id == id).map_or(&[], |utterance| &utterance.ulaw)
    }

    fn transcribe(&mut self, id: UtteranceId) {
        self.guess = None;
        self.verdict = None;
        // The caller went on after the earlier question: its words are part of this one's.
        let superseded = self.questions.iter().position(|question| question.id == id);
        let superseded = superseded.and_then(|at| self.questions.remove(at));
        let owed = 1 + superseded.map_or(0, |question| question.owed);

        let ulaw = self.heard(id).to_vec();
        let net = Arc::clone(&self.parts.net);
        let job = self.parts.pool.submit(move |worker| words(&net, pieces(&ulaw), worker));
        let recognised = job.is_ok();
        let work = job.map_or_else(|error| Work::Done(Err(error)), Work::Running);
        self.questions.push_back(Question { id, owed, work });

        if let Some(turn_end) = self.parts.turn_end.clone()
            && recognised
        {
            let ulaw = self.heard(id);
            let latest = ulaw[ulaw.len().saturating_sub(turn_end::LATEST)..].to_vec();
            let job = self.parts.pool.submit_as(Priority::Turn, move |worker| turn_end.percent(&latest, worker));
            // Without a verdict the pause lasts as long as it does without the net.
            self.verdict = job.ok().map(|job| (id, job));
        }
    }

    fn guess(&mut self, id: UtteranceId) {
        let ulaw = self.heard(id);
        if self.guess.is_some() || ulaw.len() < SHORTEST_GUESS {
            return;
        }
        let latest = match ulaw.len().checked_sub(GUESSED) {
            Some(from @ 1..) => &ulaw[from + quietest(&ulaw[from..from + BEGIN_WITHIN])..],
            Some(0) | None => ulaw,
        };
        let (latest, net) = (latest.to_vec(), Arc::clone(&self.parts.net));
        let job = self.parts.pool.submit_as(Priority::Partial, move |worker| {
            let words = words(&net, [latest.as_slice()], worker)?;
            // Broken off, it has half of the words.
            Ok(words.filter(|_| !worker.is_cancelled()).unwrap_or_default())
        });
        self.guess = job.ok().map(|job| (id, job));
    }

    /// The next answer that is due; pends while none is.
    ///
    /// # Cancel safety
    /// Dropped, it loses nothing.
    async fn next_answer(&mut self) -> SttOutput {
        poll_fn(|cx| {
            if let Poll::Ready(Some(answer)) = self.poll_question(cx) {
                return Poll::Ready(answer);
            }
            if let Some((utterance, percent)) = poll_done(&mut self.verdict, cx) {
                return Poll::Ready(SttOutput::TurnEnd { utterance, percent });
            }
            match poll_done(&mut self.guess, cx) {
                Some((utterance, text)) if !text.is_empty() => Poll::Ready(SttOutput::Partial { utterance, text }),
                _ => Poll::Pending,
            }
        })
        .await
    }

    fn poll_question(&mut self, cx: &mut Context<'_>) -> Poll<Option<SttOutput>> {
        let Some(question) = self.questions.front_mut() else { return Poll::Ready(None) };
        let utterance = question.id;
        if let Work::Running(job) = &mut question.work {
            question.work = Work::Done(ready!(Pin::new(job).poll(cx)).flatten());
        }
        let answer = match &question.work {
            Work::Done(Ok(Some(text))) => SttOutput::Transcript { utterance, text: text.clone() },
            Work::Done(Ok(None)) => SttOutput::NoSpeech { utterance },
            Work::Done(Err(error)) => SttOutput::Failed { utterance, error: again(error) },
            Work::Running(_) => return Poll::Pending,
        };
        question.owed -= 1;
        if question.owed == 0 {
            self.questions.pop_front();
        }
        Poll::Ready(Some(answer))
    }
}

/// The result of work that is nice to have, once it is there; of work that failed, nothing but a line in the log.
fn poll_done<T>(work: &mut Option<(UtteranceId, Recognition<T>)>, cx: &mut Context<'_>) -> Option<(UtteranceId, T)> {
    let (utterance, job) = work.as_mut()?;
    let utterance = *utterance;
    let Poll::Ready(result) = Pin::new(job).poll(cx) else { return None };
    *work = None;
    match result.flatten() {
        Ok(result) => Some((utterance, result)),
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "a verdict or a partial has failed");
            None
        }
    }
}

/// The same error once more.
fn again(error: &ProviderError) -> ProviderError {
    match error {
        ProviderError::Overloaded => ProviderError::Overloaded,
        ProviderError::Other(source) => ProviderError::Other(source.to_string().into()),
        other => ProviderError::Other(other.to_string().into()),
    }
}

/// The words of all pieces, without what the net makes of noise. `None`: nothing but noise.
fn words<'a>(
    net: &Net,
    pieces: impl IntoIterator<Item = &'a [u8]>,
    worker: &Worker<'_>,
) -> Result<Option<String>, ProviderError> {
    let (mut spoken, mut texts) = (false, Vec::new());
    for piece in pieces {
        let samples: Vec<f32> = piece.iter().map(|&byte| f32::from(audio::decode(byte)) / 32768.0).collect();
        let evidence = Evidence::of(&samples);
        if worker.is_cancelled() || !evidence.holds_speech() {
            continue;
        }
        let text = net.transcribe(&samples, worker)?;
        if evidence.admits(&text) {
            spoken = true;
            texts.push(text);
        }
    }
    texts.retain(|text| !text.is_empty());
    Ok(spoken.then(|| texts.join(" ")))
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
