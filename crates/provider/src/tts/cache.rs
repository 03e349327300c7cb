//! What was said before, or will be said soon, kept as audio.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::stream::{self, BoxStream, StreamExt};
use redial_call::Frame;
use redial_call::audio::FRAME_BYTES;
use tokio::sync::watch;

use super::Tts;
use crate::ProviderError;

/// Keeps what a voice has spoken, up to a number of bytes; what was not asked for the longest makes room first.
///
/// A text that is spoken to its end is kept. Requests for a text that is being spoken share the one synthesis. A kept text streams
/// at once, all its frames ready, without waiting for any other task. What fails is not kept. [`Tts::speak`] must
/// be called on a tokio runtime; dropping the last stream of a text cancels its synthesis, unless it is [warmed](Cached::warm).
pub struct Cached {
    voice: Arc<dyn Tts>,
    shelf: Arc<Mutex<Shelf>>,
}

impl Cached {
    /// Keeps at most `capacity_bytes` of what `voice` has spoken. One second is 8000 bytes.
    pub fn new(voice: Arc<dyn Tts>, capacity_bytes: usize) -> Self {
        let shelf = Shelf { capacity_bytes, size_bytes: 0, clock: 0, entries: HashMap::new() };
        Self { voice, shelf: Arc::new(Mutex::new(shelf)) }
    }

    /// Starts to speak `text` now, for a [`Tts::speak`] that comes later. Does nothing when the text is kept already.
    /// Must be called on a tokio runtime.
    pub fn warm(&self, text: &str) {
        let mut shelf = lock(&self.shelf);
        let entry = self.entry(&mut shelf, text);
        if let Speech::Coming { progress, warmed } = &mut entry.speech {
            // A listener of our own: the synthesis goes on when nobody else listens.
            warmed.get_or_insert_with(|| progress.subscribe());
        }
    }

    fn entry<'a>(&self, shelf: &'a mut Shelf, text: &str) -> &'a mut Entry {
        shelf.clock += 1;
        let clock = shelf.clock;
        let entry = shelf.entries.entry(text.to_owned()).or_insert_with(|| {
            let progress = Arc::new(watch::Sender::new(Progress::default()));
            let reading = Reading {
                text: text.to_owned(),
                progress: Arc::clone(&progress),
                shelf: Arc::clone(&self.shelf),
                ended: false,
            };
            tokio::spawn(reading.run(self.voice.speak(text)));
            Entry { asked_at: clock, speech: Speech::Coming { progress, warmed: None } }
        });
        entry.asked_at = clock;
        entry
    }
}

impl Tts for Cached {
    fn speak(&self, text: &str) -> BoxStream<'static, Result<Frame, ProviderError>> {
        let mut shelf = lock(&self.shelf);
        match &self.entry(&mut shelf, text).speech {
            Speech::Kept(frames) => {
                let frames = Arc::clone(frames);
                stream::iter((0..frames.len()).map(move |at| Ok(frames[at]))).boxed()
            }
            Speech::Coming { progress, .. } => stream::unfold((progress.subscribe(), 0), follow).boxed(),
        }
    }
}

/// Waits for the frame at a place in a speech that is coming.
async fn follow(
    (mut progress, at): (watch::Receiver<Progress>, usize),
) -> Option<(Result<Frame, ProviderError>, (watch::Receiver<Progress>, usize))> {
    let item = {
        let reached = progress.wait_for(|progress| progress.end.is_some() || progress.frames.len() > at).await.ok()?;
        match (reached.frames.get(at), &reached.end) {
            (Some(frame), _) => Ok(*frame),
            // Beyond the error there is nothing.
            (None, Some(Err(error))) if at == reached.frames.len() => Err(error.to_error()),
            (None, _) => return None,
        }
    };
    Some((item, (progress, at + 1)))
}

struct Shelf {
    capacity_bytes: usize,
    /// Of all speeches that are kept.
    size_bytes: usize,
    /// Counts requests, which is all the time that the order of entries needs.
    clock: u64,
    entries: HashMap<String, Entry>,
}

struct Entry {
    asked_at: u64,
    speech: Speech,
}

enum Speech {
    /// Being spoken.
    Coming { progress: Arc<watch::Sender<Progress>>, warmed: Option<watch::Receiver<Progress>> },
    /// Spoken.
    Kept(Arc<[Frame]>),
}

#[derive(Default)]
struct Progress {
    frames: Vec<Frame>,
    end: Option<Result<(), Shared>>,
}

impl Shelf {
    /// Puts a speech on the shelf and takes off what has to go for it. One larger than the shelf is not kept.
    fn keep(&mut self, text: &str, frames: &[Frame]) {
        self.remove(text);
        let size_bytes = size_bytes(frames);
        if size_bytes > self.capacity_bytes {
            return;
        }
        self.size_bytes += size_bytes;
        let entry = Entry { asked_at: self.clock, speech: Speech::Kept(frames.into()) };
        self.entries.insert(text.to_owned(), entry);
        while self.size_bytes > self.capacity_bytes {
            let kept = self.entries.iter().filter(|(_, entry)| matches!(entry.speech, Speech::Kept(_)));
            let Some((oldest, _)) = kept.min_by_key(|(_, entry)| entry.asked_at) else {
                return;
            };
            let oldest = oldest.clone();
            self.remove(&oldest);
        }
    }

    fn remove(&mut self, text: &str) {
        if let Some(Entry { speech: Speech::Kept(frames), .. }) = self.entries.remove(text) {
            self.size_bytes -= size_bytes(&frames);
        }
    }
}

fn size_bytes(frames: &[Frame]) -> usize {
    frames.len() * FRAME_BYTES
}

/// The one synthesis of a text. However it ends, its place on the shelf is settled and its listeners are told.
struct Reading {
    text: String,
    progress: Arc<watch::Sender<Progress>>,
    shelf: Arc<Mutex<Shelf>>,
    ended: bool,
}

impl Reading {
    async fn run(mut self, mut speech: BoxStream<'static, Result<Frame, ProviderError>>) {
        loop {
            let frame = tokio::select! {
                frame = speech.next() => frame,
                () = self.progress.closed() => {
                    if self.give_up() {
                        return;
                    }
                    continue;
                }
            };
            match frame {
                Some(Ok(frame)) => self.progress.send_modify(|progress| progress.frames.push(frame)),
                Some(Err(error)) => return self.end(Err(Shared(Arc::new(error)))),
                None => return self.end(Ok(())),
            }
        }
    }

    /// Frees the place of a text that nobody listens to. Listeners come while the shelf is locked, so the count is right.
    fn give_up(&mut self) -> bool {
        let mut shelf = lock(&self.shelf);
        let deserted = self.progress.receiver_count() == 0;
        if deserted {
            shelf.remove(&self.text);
            self.ended = true;
        }
        deserted
    }

    fn end(&mut self, end: Result<(), Shared>) {
        self.ended = true;
        let mut shelf = lock(&self.shelf);
        match end {
            Ok(()) => shelf.keep(&self.text, &self.progress.borrow().frames),
            Err(_) => shelf.remove(&self.text),
        }
        drop(shelf);
        self.progress.send_modify(|progress| progress.end = Some(end));
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        if !self.ended {
            // The voice panicked, or the runtime is going down.
            self.end(Err(Shared(Arc::new(ProviderError::Other("the synthesis was stopped".into())))));
        }
    }
}

/// One error, told to every listener.
#[derive(Debug, Clone, thiserror::Error)]
#[error(transparent)]
struct Shared(Arc<ProviderError>);

impl Shared {
    fn to_error(&self) -> ProviderError {
        match &*self.0 {
            ProviderError::Unauthorized => ProviderError::Unauthorized,
            ProviderError::RateLimited { retry_after } => ProviderError::RateLimited { retry_after: *retry_after },
            ProviderError::Timeout(after) => ProviderError::Timeout(*after),
            ProviderError::Overloaded => ProviderError::Overloaded,
            ProviderError::Other(_) => ProviderError::Other(Box::new(self.clone())),
        }
    }
}

fn lock(shelf: &Mutex<Shelf>) -> MutexGuard<'_, Shelf> {
    // Every change to the shelf is whole before anything in it could panic.
    shelf.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use futures_util::{FutureExt, TryStreamExt};
    use tokio::sync::Notify;

    use super::*;
    use crate::scripted::ScriptedTts;

    /// Counts what it is asked to say, and what it is told to stop.
    struct Counting {
        voice: ScriptedTts,
        asked: AtomicUsize,
        dropped: Arc<Notify>,
    }

    impl Counting {
        fn new(voice: ScriptedTts) -> Arc<Self> {
            Arc::new(Self { voice, asked: AtomicUsize::new(0), dropped: Arc::default() })
        }

        fn asked(&self) -> usize {
            self.asked.load(Ordering::Relaxed)
        }
    }

    struct TellOnDrop(Arc<Notify>);

    impl Drop for TellOnDrop {
        fn drop(&mut self) {
            self.0.notify_one();
        }
    }

    impl Tts for Counting {
        fn speak(&self, text: &str) -> BoxStream<'static, Result<Frame, ProviderError>> {
            self.asked.fetch_add(1, Ordering::Relaxed);
            let tell = TellOnDrop(Arc::clone(&self.dropped));
            self.voice.speak(text).inspect(move |_| _ = &tell).boxed()
        }
    }

    /// 160 bytes a character.
    fn voice() -> ScriptedTts {
        ScriptedTts::new().per_char_ms(20)
    }

    async fn say(cached: &Cached, text: &str) -> Result<usize, ProviderError> {
        cached.speak(text).try_fold(0, async |count, _| Ok(count + 1)).await
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_warmed_streams_without_waiting() {
        let counting = Counting::new(voice().delayed(Duration::from_secs(1)));
        let cached = Cached::new(counting.clone(), 10_000);
        cached.warm("hello");
        cached.warm("hello");
        assert_eq!(say(&cached, "hello").await.unwrap(), 5);
        assert_eq!(cached.speak("hello").collect::<Vec<_>>().now_or_never().expect("no wait").len(), 5);
        assert_eq!(counting.asked(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn those_who_ask_at_once_share_one_synthesis() {
        let counting = Counting::new(voice().delayed(Duration::from_secs(1)));
        let cached = Cached::new(counting.clone(), 10_000);
        let (a, b) = tokio::join!(say(&cached, "hello"), say(&cached, "hello"));
        assert_eq!((a.unwrap(), b.unwrap()), (5, 5));
        assert_eq!(counting.asked(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_text_that_nobody_waits_for_is_cancelled_unless_it_was_warmed() {
        let counting = Counting::new(voice().delayed(Duration::from_secs(1)));
        let cached = Cached::new(counting.clone(), 10_000);
        drop(cached.speak("hello"));
        counting.dropped.notified().await;
        assert_eq!(say(&cached, "hello").await.unwrap(), 5);
        assert_eq!(counting.asked(), 2);

        cached.warm("goodbye");
        drop(cached.speak("goodbye"));
        assert_eq!(say(&cached, "goodbye").await.unwrap(), 7);
        assert_eq!(counting.asked(), 3);
    }

    #[tokio::test]
    async fn a_failure_reaches_every_listener_and_is_not_kept() {
        let counting = Counting::new(voice().failing_after(2));
        let cached = Cached::new(counting.clone(), 10_000);
        let (a, b) = tokio::join!(cached.speak("hello").collect::<Vec<_>>(), cached.speak("hello").collect::<Vec<_>>());
        for frames in [a, b] {
            assert_eq!(frames.len(), 3);
            assert!(frames[2].is_err());
        }
        assert!(say(&cached, "hello").await.is_err());
        assert_eq!(counting.asked(), 2);
    }

    #[tokio::test]
    async fn what_was_not_asked_for_the_longest_makes_room() {
        let counting = Counting::new(voice());
        let cached = Cached::new(counting.clone(), 2 * 5 * FRAME_BYTES);
        for text in ["first", "other", "first", "third"] {
            say(&cached, text).await.unwrap();
        }
        assert_eq!(counting.asked(), 3);
        say(&cached, "first").await.unwrap();
        assert_eq!(counting.asked(), 3, "it was asked for after the other one");
        say(&cached, "other").await.unwrap();
        assert_eq!(counting.asked(), 4, "it made room for the third");
        say(&cached, "longer than the shelf").await.unwrap();
        say(&cached, "longer than the shelf").await.unwrap();
        assert_eq!(counting.asked(), 6);
        assert_eq!(lock(&cached.shelf).size_bytes, 2 * 5 * FRAME_BYTES);
    }

    struct Panicking;

    impl Tts for Panicking {
        fn speak(&self, _: &str) -> BoxStream<'static, Result<Frame, ProviderError>> {
            stream::poll_fn(|_| panic!("a test's voice breaks")).boxed()
        }
    }

    #[tokio::test]
    async fn a_voice_that_panics_leaves_nobody_waiting() {
        let cached = Cached::new(Arc::new(Panicking), 10_000);
        assert!(say(&cached, "hello").await.is_err());
    }
}
