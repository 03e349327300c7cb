//! The session's end of speech recognition: nothing is lost when much comes at once, and a recogniser that dies is opened again.

use std::collections::VecDeque;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use redial_call::Load;
use redial_provider::stt::{Stt, SttContext, SttInput, SttOutput, SttStream};
use redial_supervision::Backoff;
use tokio::sync::mpsc::error::TrySendError;
use tokio::time::{Instant, sleep_until};

use crate::telemetry::limited::Limited;

/// What may wait for the recogniser: 15 s of audio, 130 kB. So much comes at once when a line had stood still. What does not fit
/// is dropped and counted.
const MOST_WAITING: usize = 750;
/// Times in a row that a recogniser may end without an answer. Then the call goes on without: its callers are asked to repeat.
const MOST_DEATHS: u32 = 8;
/// From a death to the next attempt.
const REOPENINGS: Backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(3));

/// One call's recogniser, as long as it lives.
pub(super) struct Hearing {
    provider: Arc<dyn Stt>,
    context: SttContext,
    /// `None` until it is opened again.
    stream: Option<SttStream>,
    waiting: VecDeque<SttInput>,
    /// Its failures are deaths in a row.
    backoff: Backoff,
    /// `None`: it is open, or never will be.
    opens_at: Option<Instant>,
    told: Limited,
}

enum Happened {
    Heard(Option<SttOutput>),
    Sent,
    InputGone,
}

impl Hearing {
    /// Must be called on a tokio runtime.
    pub(super) fn open(provider: Arc<dyn Stt>, context: SttContext) -> Self {
        let stream = Some(provider.open(context.clone()));
        let told = Limited::to(1, Duration::from_secs(10));
        Self { provider, context, stream, waiting: VecDeque::new(), backoff: REOPENINGS, opens_at: None, told }
    }

    pub(super) fn load(&self) -> Load {
        self.provider.load()
    }

    /// Hands over, now or as soon as there is room.
    pub(super) fn tell(&mut self, input: SttInput) {
        let left = match &self.stream {
            Some(stream) if self.waiting.is_empty() => match stream.input.try_send(input) {
                Ok(()) => return,
                Err(TrySendError::Full(input)) => Some(input),
                Err(TrySendError::Closed(_)) => None,
            },
            Some(_) => Some(input),
            None => None,
        };
        match left.filter(|_| self.waiting.len() < MOST_WAITING) {
            Some(input) => self.waiting.push_back(input),
            None => metrics::counter!("redial_stt_dropped_total").increment(1),
        }
    }

    /// The next thing recognised.
    ///
    /// # Cancel safety
    /// Dropped, it loses nothing in either direction.
    pub(super) async fn next(&mut self) -> SttOutput {
        loop {
            let Some(stream) = &mut self.stream else {
                match self.opens_at {
                    Some(at) => sleep_until(at).await,
                    None => pending().await,
                }
                self.opens_at = None;
                self.stream = Some(self.provider.open(self.context.clone()));
                continue;
            };
            let happened = tokio::select! {
                output = stream.output.recv() => Happened::Heard(output),
                room = stream.input.reserve(), if !self.waiting.is_empty() => match room {
                    Ok(permit) => {
                        if let Some(input) = self.waiting.pop_front() {
                            permit.send(input);
                        }
                        Happened::Sent
                    }
                    Err(_) => Happened::InputGone,
                },
            };
            match happened {
                Happened::Heard(Some(output)) => {
                    self.backoff.succeeded();
                    return output;
                }
                Happened::Heard(None) => self.on_death(),
                Happened::Sent => (),
                Happened::InputGone => self.waiting.clear(), // its output ends too
            }
        }
    }

    fn on_death(&mut self) {
        self.stream = None;
        self.waiting.clear();
        metrics::counter!("redial_stt_deaths_total").increment(1);
        let pause = self.backoff.failed();
        let deaths = self.backoff.failures();
        if deaths >= MOST_DEATHS {
            tracing::error!(deaths, "speech recognition does not come back; the call goes on without");
            return;
        }
        self.opens_at = Some(Instant::now() + pause);
        if let Some(left_out) = self.told.due() {
            tracing::error!(deaths, left_out, "speech recognition ended; it is opened again");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use redial_call::{Frame, UtteranceId};
    use tokio::sync::mpsc;
    use tokio::time::timeout;

    use super::*;

    /// Ends as soon as it is opened.
    #[derive(Default)]
    struct Stillborn(AtomicU32);

    impl Stt for Stillborn {
        fn open(&self, _: SttContext) -> SttStream {
            self.0.fetch_add(1, Ordering::Relaxed);
            SttStream { input: mpsc::channel(1).0, output: mpsc::channel(1).1 }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_recogniser_that_always_dies_is_not_opened_for_ever() {
        let provider = Arc::new(Stillborn::default());
        let mut hearing = Hearing::open(provider.clone(), SttContext::default());
        assert!(timeout(Duration::from_secs(3600), hearing.next()).await.is_err());
        assert_eq!(provider.0.load(Ordering::Relaxed), MOST_DEATHS);
        hearing.tell(SttInput::Transcribe(UtteranceId(1)));
        assert!(timeout(Duration::from_secs(3600), hearing.next()).await.is_err());
    }

    /// Takes little at once, and answers each question with how much it had heard.
    struct Narrow;

    impl Stt for Narrow {
        fn open(&self, _: SttContext) -> SttStream {
            let (input, mut commands) = mpsc::channel(4);
            let (answers, output) = mpsc::channel(1);
            tokio::spawn(async move {
                let mut frames = 0;
                while let Some(command) = commands.recv().await {
                    match command {
                        SttInput::Audio(..) => frames += 1,
                        SttInput::Transcribe(utterance) => {
                            let answer = SttOutput::Transcript { utterance, text: frames.to_string() };
                            if answers.send(answer).await.is_err() {
                                return;
                            }
                        }
                        _ => (),
                    }
                }
            });
            SttStream { input, output }
        }
    }

    #[tokio::test]
    async fn nine_seconds_at_once_are_heard_whole_and_in_order() {
        let mut hearing = Hearing::open(Arc::new(Narrow), SttContext::default());
        for _ in 0..450 {
            hearing.tell(SttInput::Audio(UtteranceId(1), Frame::SILENT));
        }
        hearing.tell(SttInput::Transcribe(UtteranceId(1)));
        let heard = timeout(Duration::from_secs(30), hearing.next()).await.unwrap();
        assert!(matches!(&heard, SttOutput::Transcript { text, .. } if text == "450"), "{heard:?}");
    }
}
