//! A provider's stream of a call, as long as the call lives: nothing is lost when much comes at once, and one that dies is opened
//! again.

use std::collections::VecDeque;
use std::future::pending;
use std::time::Duration;

use redial_supervision::Backoff;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::mpsc::{Receiver, Sender};
use tokio::time::{Instant, sleep_until};

use crate::telemetry::limited::Limited;

/// What may wait for the provider: 15 s of audio, 130 kB. So much comes at once when a line had stood still. What does not fit
/// is dropped and counted.
const MOST_WAITING: usize = 750;
/// Times in a row that a stream may end without an answer. Then the call goes on without.
const MOST_DEATHS: u32 = 8;
/// From a death to the next attempt.
const REOPENINGS: Backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(3));

/// Whose stream it is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Part {
    Ears,
    Model,
}

impl Part {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Ears => "speech recognition",
            Self::Model => "the speech-to-speech model",
        }
    }

    fn count_dropped(self) {
        match self {
            Self::Ears => metrics::counter!("redial_stt_dropped_total").increment(1),
            Self::Model => metrics::counter!("redial_realtime_dropped_total").increment(1),
        }
    }

    fn count_death(self) {
        match self {
            Self::Ears => metrics::counter!("redial_stt_deaths_total").increment(1),
            Self::Model => metrics::counter!("redial_realtime_deaths_total").increment(1),
        }
    }
}

/// Both ends of a provider's stream.
pub(super) type Ends<I, O> = (Sender<I>, Receiver<O>);

/// One call's stream of a provider.
pub(super) struct Reopening<I, O> {
    part: Part,
    open: Box<dyn Fn() -> Ends<I, O> + Send>,
    /// `None` until it is opened again.
    stream: Option<Ends<I, O>>,
    waiting: VecDeque<I>,
    /// Its failures are deaths in a row.
    backoff: Backoff,
    /// `None`: it is open, or never will be.
    opens_at: Option<Instant>,
    told: Limited,
}

enum Happened<O> {
    Output(Option<O>),
    Sent,
    InputGone,
}

impl<I, O> Reopening<I, O> {
    /// Opens it for the first time.
    pub(super) fn new(part: Part, open: impl Fn() -> Ends<I, O> + Send + 'static) -> Self {
        let stream = Some(open());
        let told = Limited::to(1, Duration::from_secs(10));
        let open = Box::new(open);
        Self { part, open, stream, waiting: VecDeque::new(), backoff: REOPENINGS, opens_at: None, told }
    }

    /// Hands over, now or as soon as there is room. False: it was dropped. While it is closed nothing waits: what was said to it then
    /// is of the past.
    pub(super) fn tell(&mut self, input: I) -> bool {
        let left = match &self.stream {
            Some((to, _)) if self.waiting.is_empty() => match to.try_send(input) {
                Ok(()) => return true,
                Err(TrySendError::Full(input)) => Some(input),
                Err(TrySendError::Closed(_)) => None,
            },
            Some(_) => Some(input),
            None => None,
        };
        let left = left.filter(|_| self.waiting.len() < MOST_WAITING);
        let waits = left.is_some();
        if !waits {
            self.part.count_dropped();
        }
        self.waiting.extend(left);
        waits
    }

    /// It does not keep up: it counts as dead.
    pub(super) fn give_up(&mut self) {
        self.on_death();
    }

    /// It can be told something.
    pub(super) const fn is_open(&self) -> bool {
        self.stream.is_some()
    }

    /// The next thing that it has said, if that is there.
    pub(super) fn take(&mut self) -> Option<O> {
        self.stream.as_mut().and_then(|(_, from)| from.try_recv().ok())
    }

    /// The next thing that it says. `None`: it has died, and is opened again after a pause.
    ///
    /// # Cancel safety
    /// Dropped, it loses nothing in either direction.
    pub(super) async fn next(&mut self) -> Option<O> {
        loop {
            let Some((to, from)) = &mut self.stream else {
                match self.opens_at {
                    Some(at) => sleep_until(at).await,
                    None => pending().await,
                }
                self.opens_at = None;
                self.stream = Some((self.open)());
                continue;
            };
            let happened = tokio::select! {
                output = from.recv() => Happened::Output(output),
                room = to.reserve(), if !self.waiting.is_empty() => match room {
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
                Happened::Output(Some(output)) => {
                    self.backoff.succeeded();
                    return Some(output);
                }
                Happened::Output(None) => {
                    self.on_death();
                    return None;
                }
                Happened::Sent => (),
                Happened::InputGone => self.waiting.clear(), // its output ends too
            }
        }
    }

    fn on_death(&mut self) {
        self.stream = None;
        self.waiting.clear();
        self.part.count_death();
        let (part, pause, deaths) = (self.part.as_str(), self.backoff.failed(), self.backoff.failures());
        if deaths >= MOST_DEATHS {
            tracing::error!(part, deaths, "a provider's stream does not come back; the call goes on without");
            return;
        }
        self.opens_at = Some(Instant::now() + pause);
        if let Some(left_out) = self.told.due() {
            tracing::error!(part, deaths, left_out, "a provider's stream ended; it is opened again");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use tokio::sync::mpsc;
    use tokio::time::timeout;

    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[tokio::test(start_paused = true)]
    async fn a_stream_that_always_dies_is_not_opened_for_ever() {
        let opened = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&opened);
        let mut stream: Reopening<u32, u32> = Reopening::new(Part::Ears, move || {
            count.fetch_add(1, Ordering::Relaxed);
            (mpsc::channel(1).0, mpsc::channel(1).1) // ends as soon as it is opened
        });
        for _ in 0..MOST_DEATHS {
            assert_eq!(timeout(HOUR, stream.next()).await, Ok(None));
        }
        assert!(timeout(HOUR, stream.next()).await.is_err());
        assert_eq!(opened.load(Ordering::Relaxed), MOST_DEATHS);
        assert!(!stream.tell(1));
        assert!(timeout(HOUR, stream.next()).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn who_does_not_read_is_told_so_much_and_can_be_given_up() {
        let mut stream: Reopening<u32, u32> = Reopening::new(Part::Model, || {
            let ((to, inputs), (answers, from)) = (mpsc::channel(4), mpsc::channel(1));
            tokio::spawn(async move {
                let _idle = inputs;
                answers.closed().await;
            });
            (to, from)
        });
        let taken = (0..1000).take_while(|input| stream.tell(*input)).count();
        assert_eq!(taken, 4 + MOST_WAITING);
        stream.give_up();
        assert!(!stream.is_open() && !stream.tell(1));
        assert!(timeout(HOUR, stream.next()).await.is_err(), "the next one says nothing either");
        assert!(stream.is_open() && stream.tell(1));
    }

    /// Takes little at once, and gives back what it got.
    fn narrow() -> Ends<u32, u32> {
        let (to, mut inputs) = mpsc::channel(4);
        let (answers, from) = mpsc::channel(1);
        tokio::spawn(async move {
            while let Some(input) = inputs.recv().await {
                if answers.send(input).await.is_err() {
                    return;
                }
            }
        });
        (to, from)
    }

    #[tokio::test]
    async fn nine_seconds_at_once_are_heard_whole_and_in_order() {
        let mut stream = Reopening::new(Part::Ears, narrow);
        assert!((0..450).all(|input| stream.tell(input)));
        for expected in 0..450 {
            assert_eq!(timeout(Duration::from_secs(30), stream.next()).await, Ok(Some(expected)));
        }
    }
}
