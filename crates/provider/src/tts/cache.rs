//! Fixed phrases, and what will be said soon, kept as audio.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::stream::{self, BoxStream, Stream, StreamExt};
use redial_call::audio::FRAME_BYTES;
use redial_call::{Frame, TurnId};
use tokio::sync::watch;

use super::{Kept, Spoken, Tts, VoiceContext, VoiceSession};
use crate::ProviderError;

/// Keeps what a voice says again and again, and what it is about to say; nothing else, as sentences may be about somebody.
///
/// Fixed phrases are kept once they were spoken, up to a number of bytes; what was not asked for the longest makes room first. Any
/// other text is kept as long as somebody [holds](Cached::hold) it. Requests for a kept text that is being spoken share the one synthesis.
/// What fails is not kept. Must be used on a tokio runtime; dropping the last stream of a text cancels its synthesis, unless
/// it is held.
#[derive(Clone)]
pub struct Cached {
    voice: Arc<dyn Tts>,
    fixed: Arc<HashSet<String>>,
    shelf: Arc<Mutex<Shelf>>,
}

/// Somebody is about to say this. Dropped, it is forgotten, unless it is a fixed phrase or somebody else's as well.
#[derive(Debug)]
pub struct Held {
    text: String,
    shelf: Arc<Mutex<Shelf>>,
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut shelf = lock(&self.shelf);
        let Some(entry) = shelf.entries.get_mut(&self.text) else { return };
        entry.holders = entry.holders.saturating_sub(1);
        if entry.holders > 0 {
            return;
        }
        if let Speech::Coming { warmed, .. } = &mut entry.speech {
            *warmed = None;
        }
        if !entry.is_fixed {
            shelf.remove(&self.text);
        }
    }
}

impl Cached {
    /// Keeps at most `capacity_bytes` of what `voice` has spoken of the `fixed` phrases. One second is 8000 bytes.
    pub fn new(voice: Arc<dyn Tts>, capacity_bytes: usize, fixed: impl IntoIterator<Item = String>) -> Self {
        let shelf = Shelf { capacity_bytes, size_bytes: 0, clock: 0, entries: HashMap::new() };
        Self { voice, fixed: Arc::new(fixed.into_iter().collect()), shelf: Arc::new(Mutex::new(shelf)) }
    }

    /// Starts to speak these fixed phrases now, so that they are there when they are needed.
    pub fn warm<'a>(&self, phrases: impl IntoIterator<Item = &'a str>) {
        let mut shelf = lock(&self.shelf);
        for text in phrases.into_iter().filter(|text| self.fixed.contains(*text)) {
            self.entry(&mut shelf, text).go_on_alone();
        }
    }

    /// Starts to speak `text` now, for a [`VoiceSession::speak`] that comes later, and keeps it as long as the answer is.
    pub fn hold(&self, text: &str) -> Held {
        let mut shelf = lock(&self.shelf);
        let entry = self.entry(&mut shelf, text);
        entry.holders += 1;
        entry.go_on_alone();
        Held { text: text.to_owned(), shelf: Arc::clone(&self.shelf) }
    }

    /// The whole speech, where it is there already.
    pub fn kept(&self, text: &str) -> Option<Kept> {
        let mut shelf = lock(&self.shelf);
        shelf.clock += 1;
        let clock = shelf.clock;
        let entry = shelf.entries.get_mut(text)?;
        entry.asked_at = clock;
        match &entry.speech {
            Speech::Kept(kept) => Some(kept.clone()),
            Speech::Coming { .. } => None,
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
            tokio::spawn(reading.run(self.voice.open(&VoiceContext::default())));
            let is_fixed = self.fixed.contains(text);
            Entry { asked_at: clock, is_fixed, holders: 0, speech: Speech::Coming { progress, warmed: None } }
        });
        entry.asked_at = clock;
        entry
    }
}

impl Tts for Cached {
    fn open(&self, context: &VoiceContext) -> Box<dyn VoiceSession> {
        Box::new(Session { own: self.voice.open(context), cache: self.clone() })
    }
}

/// The voice of one call: what is kept from the shelf, all else by its own.
struct Session {
    own: Box<dyn VoiceSession>,
    cache: Cached,
}

impl VoiceSession for Session {
    fn speak(&mut self, turn: TurnId, text: &str) -> BoxStream<'static, Result<Spoken, ProviderError>> {
        let mut shelf = lock(&self.cache.shelf);
        if !self.cache.fixed.contains(text) && !shelf.entries.contains_key(text) {
            drop(shelf);
            return self.own.speak(turn, text);
        }
        match &self.cache.entry(&mut shelf, text).speech {
            Speech::Kept(kept) => pieces(kept.clone()).boxed(),
            Speech::Coming { progress, .. } => stream::unfold((progress.subscribe(), 0), follow).boxed(),
        }
    }

    fn finish(&mut self, turn: TurnId) {
        self.own.finish(turn);
    }

    fn kept(&self, text: &str) -> Option<Kept> {
        self.cache.kept(text)
    }
}

/// A speech that is there, as it would come.
fn pieces(kept: Kept) -> impl Stream<Item = Result<Spoken, ProviderError>> {
    let words = (!kept.words.is_empty()).then(|| Spoken::Words(kept.words.to_vec()));
    let frames = kept.ulaw.len() / FRAME_BYTES;
    let frames = (0..frames).map(move |at| Spoken::Audio(Frame::padded(&kept.ulaw[at * FRAME_BYTES..][..FRAME_BYTES])));
    stream::iter(words.into_iter().chain(frames).map(Ok))
}

/// Waits for the piece at a place in a speech that is coming.
async fn follow(
    (mut progress, at): (watch::Receiver<Progress>, usize),
) -> Option<(Result<Spoken, ProviderError>, (watch::Receiver<Progress>, usize))> {
    let item = {
        let reached = progress.wait_for(|progress| progress.end.is_some() || progress.pieces.len() > at).await.ok()?;
        match (reached.pieces.get(at), &reached.end) {
            (Some(piece), _) => Ok(piece.clone()),
            // Beyond the error there is nothing.
            (None, Some(Err(error))) if at == reached.pieces.len() => Err(error.to_error()),
            (None, _) => return None,
        }
    };
    Some((item, (progress, at + 1)))
}

#[derive(Debug)]
struct Shelf {
    capacity_bytes: usize,
    /// Of all speeches that are kept.
    size_bytes: usize,
    /// Counts requests, which is all the time that the order of entries needs.
    clock: u64,
    entries: HashMap<String, Entry>,
}

#[derive(Debug)]
struct Entry {
    asked_at: u64,
    is_fixed: bool,
    /// Those who are about to say it.
    holders: usize,
    speech: Speech,
}

impl Entry {
    /// The synthesis goes on when nobody listens.
    fn go_on_alone(&mut self) {
        if let Speech::Coming { progress, warmed } = &mut self.speech {
            // A listener of our own.
            warmed.get_or_insert_with(|| progress.subscribe());
        }
    }
}

#[derive(Debug)]
enum Speech {
    /// Being spoken.
    Coming { progress: Arc<watch::Sender<Progress>>, warmed: Option<watch::Receiver<Progress>> },
    /// Spoken.
    Kept(Kept),
}

#[derive(Debug, Default)]
struct Progress {
    pieces: Vec<Spoken>,
    end: Option<Result<(), Shared>>,
}

impl Shelf {
    /// Puts a speech on the shelf, if it is still wanted, and takes off what has to go for it. One larger than the shelf is not kept.
    fn keep(&mut self, text: &str, pieces: &[Spoken]) {
        let Some(mut entry) = self.remove(text).filter(|entry| entry.is_fixed || entry.holders > 0) else { return };
        let (mut ulaw, mut words) = (Vec::new(), Vec::new());
        for piece in pieces {
            match piece {
                Spoken::Audio(frame) => ulaw.extend_from_slice(frame.as_bytes()),
                Spoken::Words(more) => words.extend_from_slice(more),
            }
        }
        if ulaw.len() > self.capacity_bytes {
            return;
        }
        self.size_bytes += ulaw.len();
        entry.speech = Speech::Kept(Kept { ulaw: ulaw.into(), words: words.into() });
        self.entries.insert(text.to_owned(), entry);
        while self.size_bytes > self.capacity_bytes {
            let kept =
                self.entries.iter().filter(|(_, entry)| entry.holders == 0 && matches!(entry.speech, Speech::Kept(_)));
            let Some((oldest, _)) = kept.min_by_key(|(_, entry)| entry.asked_at) else {
                return;
            };
            let oldest = oldest.clone();
            self.remove(&oldest);
        }
    }

    fn remove(&mut self, text: &str) -> Option<Entry> {
        let entry = self.entries.remove(text)?;
        if let Speech::Kept(kept) = &entry.speech {
            self.size_bytes -= kept.ulaw.len();
        }
        Some(entry)
    }
}

/// The one synthesis of a text. However it ends, its place on the shelf is settled and its listeners are told.
struct Reading {
    text: String,
    progress: Arc<watch::Sender<Progress>>,
    shelf: Arc<Mutex<Shelf>>,
    ended: bool,
}

impl Reading {
    /// Speaks with a voice that was opened for it.
    async fn run(mut self, mut voice: Box<dyn VoiceSession>) {
        let mut speech = voice.speak(TurnId(0), &self.text);
        loop {
            let piece = tokio::select! {
                piece = speech.next() => piece,
                () = self.progress.closed() => {
                    if self.give_up() {
                        return;
                    }
                    continue;
                }
            };
            match piece {
                Some(Ok(piece)) => self.progress.send_modify(|progress| progress.pieces.push(piece)),
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
            Ok(()) => shelf.keep(&self.text, &self.progress.borrow().pieces),
            Err(_) => drop(shelf.remove(&self.text)),
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

    impl Tts for Arc<Counting> {
        fn open(&self, _: &VoiceContext) -> Box<dyn VoiceSession> {
            Box::new(Self::clone(self))
        }
    }

    impl VoiceSession for Arc<Counting> {
        fn speak(&mut self, turn: TurnId, text: &str) -> BoxStream<'static, Result<Spoken, ProviderError>> {
            self.asked.fetch_add(1, Ordering::Relaxed);
            let tell = TellOnDrop(Arc::clone(&self.dropped));
            self.voice.clone().speak(turn, text).inspect(move |_| _ = &tell).boxed()
        }
    }

    /// 160 bytes a character.
    fn voice() -> ScriptedTts {
        ScriptedTts::new().per_char_ms(20)
    }

    fn speak(cached: &Cached, text: &str) -> BoxStream<'static, Result<Spoken, ProviderError>> {
        cached.open(&VoiceContext::default()).speak(TurnId(1), text)
    }

    async fn say(cached: &Cached, text: &str) -> Result<usize, ProviderError> {
        speak(cached, text).try_fold(0, async |count, _| Ok(count + 1)).await
    }

    /// Texts that are phrases of every test.
    const PHRASES: [&str; 4] = ["hello", "first", "other", "third"];

    fn cached(voice: impl Tts + 'static, capacity_bytes: usize) -> Cached {
        Cached::new(Arc::new(voice), capacity_bytes, PHRASES.map(str::to_owned))
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_held_streams_without_waiting_and_is_forgotten_with_its_last_holder() {
        let counting = Counting::new(voice().delayed(Duration::from_secs(1)));
        let cached = cached(counting.clone(), 10_000);
        let held = [cached.hold("hello, Ana"), cached.hold("hello, Ana")];
        assert_eq!(say(&cached, "hello, Ana").await.unwrap(), 10);
        assert_eq!(speak(&cached, "hello, Ana").collect::<Vec<_>>().now_or_never().expect("no wait").len(), 10);
        assert_eq!(cached.kept("hello, Ana").expect("it is kept").ulaw.len(), 10 * FRAME_BYTES);
        assert_eq!(counting.asked(), 1);
        let [one, other] = held;
        drop(one);
        assert!(cached.kept("hello, Ana").is_some());
        drop(other);
        assert!(cached.kept("hello, Ana").is_none());
        assert_eq!(lock(&cached.shelf).size_bytes, 0);
    }

    #[tokio::test]
    async fn what_is_said_once_is_not_kept() {
        let counting = Counting::new(voice());
        let cached = cached(counting.clone(), 10_000);
        for _ in 0..2 {
            say(&cached, "your number is 555").await.unwrap();
        }
        assert_eq!(counting.asked(), 2);
        assert!(lock(&cached.shelf).entries.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn phrases_that_were_warmed_stream_without_waiting() {
        let counting = Counting::new(voice().delayed(Duration::from_secs(1)));
        let cached = cached(counting.clone(), 10_000);
        cached.warm(["hello", "none of them"]);
        cached.warm(["hello"]);
        assert_eq!(say(&cached, "hello").await.unwrap(), 5);
        assert_eq!(speak(&cached, "hello").collect::<Vec<_>>().now_or_never().expect("no wait").len(), 5);
        assert_eq!(counting.asked(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn those_who_ask_at_once_share_one_synthesis() {
        let counting = Counting::new(voice().delayed(Duration::from_secs(1)));
        let cached = cached(counting.clone(), 10_000);
        let (a, b) = tokio::join!(say(&cached, "hello"), say(&cached, "hello"));
        assert_eq!((a.unwrap(), b.unwrap()), (5, 5));
        assert_eq!(counting.asked(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_text_that_nobody_waits_for_is_cancelled_unless_it_is_held() {
        let counting = Counting::new(voice().delayed(Duration::from_secs(1)));
        let cached = cached(counting.clone(), 10_000);
        drop(speak(&cached, "hello"));
        counting.dropped.notified().await;
        assert_eq!(say(&cached, "hello").await.unwrap(), 5);
        assert_eq!(counting.asked(), 2);

        let _held = cached.hold("goodbye");
        drop(speak(&cached, "goodbye"));
        assert_eq!(say(&cached, "goodbye").await.unwrap(), 7);
        assert_eq!(counting.asked(), 3);
    }

    #[tokio::test]
    async fn a_speech_keeps_its_words_times() {
        let cached = cached(voice().telling_words(), 10_000);
        let coming: Vec<Spoken> = speak(&cached, "hello").try_collect().await.unwrap();
        let kept = cached.kept("hello").expect("it is kept");
        assert_eq!((kept.words.len(), kept.words[0].text.as_str(), kept.words[0].end_ms), (1, "hello", 100));
        let again: Vec<Spoken> = speak(&cached, "hello").try_collect().await.unwrap();
        let audio = |pieces: &[Spoken]| pieces.iter().filter(|piece| matches!(piece, Spoken::Audio(_))).count();
        assert_eq!((coming.len(), audio(&again)), (6, 5));
        assert!(again.contains(&Spoken::Words(kept.words.to_vec())));
    }

    #[tokio::test]
    async fn a_failure_reaches_every_listener_and_is_not_kept() {
        let counting = Counting::new(voice().failing_after(2));
        let cached = cached(counting.clone(), 10_000);
        let (a, b) =
            tokio::join!(speak(&cached, "hello").collect::<Vec<_>>(), speak(&cached, "hello").collect::<Vec<_>>());
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
        let cached = cached(counting.clone(), 2 * 5 * FRAME_BYTES);
        for text in ["first", "other", "first", "third"] {
            say(&cached, text).await.unwrap();
        }
        assert_eq!(counting.asked(), 3);
        say(&cached, "first").await.unwrap();
        assert_eq!(counting.asked(), 3, "it was asked for after the other one");
        say(&cached, "other").await.unwrap();
        assert_eq!(counting.asked(), 4, "it made room for the third");
        let _held = cached.hold("longer than the shelf");
        say(&cached, "longer than the shelf").await.unwrap();
        say(&cached, "longer than the shelf").await.unwrap();
        assert_eq!(counting.asked(), 6);
        assert_eq!(lock(&cached.shelf).size_bytes, 2 * 5 * FRAME_BYTES);
    }

    struct Panicking;

    impl Tts for Panicking {
        fn open(&self, _: &VoiceContext) -> Box<dyn VoiceSession> {
            Box::new(Self)
        }
    }

    impl VoiceSession for Panicking {
        fn speak(&mut self, _: TurnId, _: &str) -> BoxStream<'static, Result<Spoken, ProviderError>> {
            stream::poll_fn(|_| panic!("a test's voice breaks")).boxed()
        }
    }

    #[tokio::test]
    async fn a_voice_that_panics_leaves_nobody_waiting() {
        let cached = cached(Panicking, 10_000);
        assert!(say(&cached, "hello").await.is_err());
    }
}
