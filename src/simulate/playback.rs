//! The carrier's playback queue: what the gateway sent, when the caller hears it, when its marks come back.
//!
//! Everything is scheduled when it is queued: audio starts when the audio before it ends, a mark is due when the audio before it
//! has been played. Rules: Twilio's documentation of Media Streams ("Send WebSocket messages to Twilio").

use std::collections::VecDeque;
use std::time::Duration;

use redial_call::audio::{bytes_in, duration_of};

/// Audio that may wait; Twilio drops more than ten minutes (warning 31931).
pub const MAX_QUEUED: Duration = Duration::from_secs(600);

/// When a carrier echoes marks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Marks {
    /// When the audio before a mark was played or cleared, as Twilio documents it.
    #[default]
    Auto,
    /// Not at all; some carriers that speak Twilio's dialect do not know marks.
    Never,
    /// On receipt, whatever is queued.
    AtOnce,
}

/// A piece of audio that the caller heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Played {
    /// When its first sample was played, on the clock of the queue's owner.
    pub from: Duration,
    /// The μ-law that was played; a cleared piece has only its beginning.
    pub ulaw: Vec<u8>,
    /// True when `clear` or the end of the stream cut the audio here.
    pub cut: bool,
}

impl Played {
    /// When its last sample was played.
    pub fn until(&self) -> Duration {
        self.from + duration_of(self.ulaw.len() as u64)
    }
}

/// More than [`MAX_QUEUED`] is waiting, and the audio was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("more than ten minutes of audio are queued, so the audio was dropped")]
pub struct QueueFull;

/// The queue of one stream. The owner passes in the time, which never goes back, and calls [`tick`](Self::tick) at
/// [`next_due`](Self::next_due) or more often.
#[derive(Debug, Default)]
pub struct Playback {
    marks: Marks,
    queue: VecDeque<Item>,
    /// When all audio that was ever queued will have been played.
    free_at: Duration,
    played: Vec<Played>,
    /// Length of all that left the queue.
    left: Duration,
}

#[derive(Debug)]
enum Item {
    Audio { from: Duration, ulaw: Vec<u8> },
    Mark { due: Duration, name: String },
}

impl Playback {
    /// An empty queue of a carrier with this habit.
    pub fn new(marks: Marks) -> Self {
        Self { marks, ..Self::default() }
    }

    /// Queues audio.
    ///
    /// # Errors
    /// When more than ten minutes are waiting; the audio is dropped, the rest plays on.
    pub fn media(&mut self, now: Duration, ulaw: Vec<u8>) -> Result<(), QueueFull> {
        let from = self.free_at.max(now);
        let until = from + duration_of(ulaw.len() as u64);
        if until - now > MAX_QUEUED {
            return Err(QueueFull);
        }
        if !ulaw.is_empty() {
            self.free_at = until;
            self.queue.push_back(Item::Audio { from, ulaw });
        }
        Ok(())
    }

    /// Queues a mark; returns the names to echo now, which include it when nothing is before it.
    pub fn mark(&mut self, now: Duration, name: String) -> Vec<String> {
        match self.marks {
            Marks::Auto => {
                self.queue.push_back(Item::Mark { due: self.free_at, name });
                self.tick(now)
            }
            Marks::Never => Vec::new(),
            Marks::AtOnce => vec![name],
        }
    }

    /// Drops all audio, the piece that is playing too; returns the names of all marks, to be echoed now.
    #[must_use = "the marks are to be echoed"]
    pub fn clear(&mut self, now: Duration) -> Vec<String> {
        let mut names = self.tick(now);
        for item in std::mem::take(&mut self.queue) {
            match item {
                Item::Audio { from, ulaw } => self.cut(now, from, ulaw),
                Item::Mark { name, .. } => names.push(name),
            }
        }
        self.free_at = self.free_at.min(now);
        names
    }

    /// Plays until now; returns the names of the marks that were reached, to be echoed in this order.
    #[must_use = "the marks are to be echoed"]
    pub fn tick(&mut self, now: Duration) -> Vec<String> {
        let mut names = Vec::new();
        while let Some(item) = self.queue.pop_front_if(|item| item.due() <= now) {
            match item {
                Item::Audio { from, ulaw } => self.leave(Played { from, ulaw, cut: false }),
                Item::Mark { name, .. } => names.push(name),
            }
        }
        names
    }

    /// The stream is over: what was not played is dropped, and no mark comes back.
    pub fn close(&mut self, now: Duration) {
        drop(self.clear(now));
    }

    /// When the next item is over, if one is queued.
    pub fn next_due(&self) -> Option<Duration> {
        self.queue.front().map(Item::due)
    }

    /// True when nothing is playing or waiting and each mark was echoed.
    pub fn is_idle(&self) -> bool {
        self.queue.is_empty()
    }

    /// When the last audio ended, or will end if nothing is cleared.
    pub const fn free_at(&self) -> Duration {
        self.free_at
    }

    /// Length of all audio played until now.
    pub fn heard(&self, now: Duration) -> Duration {
        let queued = self.queue.iter().map(|item| match item {
            Item::Audio { from, ulaw } => now.saturating_sub(*from).min(duration_of(ulaw.len() as u64)),
            Item::Mark { .. } => Duration::ZERO,
        });
        self.left + queued.sum::<Duration>()
    }

    /// Takes what was played since it was last taken, in order of time. A piece that is playing is not in it yet.
    pub fn take_played(&mut self) -> Vec<Played> {
        std::mem::take(&mut self.played)
    }

    fn cut(&mut self, now: Duration, from: Duration, mut ulaw: Vec<u8>) {
        let heard = usize::try_from(bytes_in(now.saturating_sub(from))).unwrap_or(usize::MAX);
        ulaw.truncate(heard);
        if ulaw.is_empty() {
            // The cut falls between two pieces, or audio was waiting that nobody heard.
            if let Some(last) = self.played.last_mut() {
                last.cut = true;
            }
        } else {
            self.leave(Played { from, ulaw, cut: true });
        }
    }

    fn leave(&mut self, played: Played) {
        self.left += duration_of(played.ulaw.len() as u64);
        self.played.push(played);
    }
}

impl Item {
    fn due(&self) -> Duration {
        match self {
            Self::Audio { from, ulaw } => *from + duration_of(ulaw.len() as u64),
            Self::Mark { due, .. } => *due,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn audio(ms: usize) -> Vec<u8> {
        vec![0x20; ms * 8]
    }

    /// Runs the queue from one due time to the next, and notes when each mark comes back.
    fn run(playback: &mut Playback, until: Duration) -> Vec<(u128, String)> {
        let mut echoes = Vec::new();
        while let Some(due) = playback.next_due().filter(|due| *due <= until) {
            echoes.extend(playback.tick(due).into_iter().map(|name| (due.as_millis(), name)));
        }
        echoes
    }

    #[test]
    fn a_mark_on_an_empty_queue_comes_back_at_once() {
        let mut playback = Playback::default();
        assert_eq!(playback.mark(ms(5), "probe".to_owned()), ["probe"]);
        assert!(playback.is_idle());
    }

    #[test]
    fn a_mark_comes_back_when_the_audio_before_it_was_played() {
        let mut playback = Playback::default();
        playback.media(ms(100), audio(60)).unwrap();
        assert!(playback.mark(ms(100), "end".to_owned()).is_empty());
        assert!(playback.tick(ms(159)).is_empty());
        assert_eq!(playback.tick(ms(160)), ["end"]);
    }

    #[test]
    fn marks_of_the_documented_call_come_back_when_the_recording_has_them() {
        // The carrier's recorder saw each echo 20 to 50 ms after the queue had it: the way over the network.
        let mut playback = Playback::default();
        let mut echoes = Vec::new();
        let mut say = |playback: &mut Playback, at: u64, bytes: usize, mark: &str| {
            echoes.extend(run(playback, ms(at)));
            playback.media(ms(at), vec![0; bytes]).unwrap();
            assert!(playback.mark(ms(at + 1), mark.to_owned()).is_empty());
        };
        say(&mut playback, 70, 8000, "u1.0");
        say(&mut playback, 72, 6400, "u1.end");
        say(&mut playback, 5000, 9600, "u2.0");
        say(&mut playback, 5001, 16000, "u2.1");
        say(&mut playback, 5002, 12000, "u2.end");
        let mut echoes = [echoes, run(&mut playback, ms(7049))].concat();
        echoes.extend(playback.clear(ms(7050)).into_iter().map(|name| (7050, name)));
        assert_eq!(playback.heard(ms(7050)), ms(1800 + 2050));
        playback.media(ms(8800), vec![0; 7200]).unwrap();
        assert!(playback.mark(ms(8800), "u3.end".to_owned()).is_empty());
        echoes.extend(run(&mut playback, ms(12_000)));
        let recorded =
            [(1090, "u1.0"), (1890, "u1.end"), (6230, "u2.0"), (7092, "u2.1"), (7092, "u2.end"), (9730, "u3.end")];
        assert_eq!(echoes.len(), recorded.len());
        for ((at, name), (recorded_at, recorded_name)) in echoes.iter().zip(recorded) {
            assert_eq!(name, recorded_name);
            assert!((20..=50).contains(&(recorded_at - at)), "{name} at {at}, recorded at {recorded_at}");
        }
    }

    #[test]
    fn clear_returns_all_marks_in_order_and_keeps_what_was_heard() {
        let mut playback = Playback::default();
        for name in ["a", "b", "c"] {
            playback.media(ms(0), audio(100)).unwrap();
            assert!(playback.mark(ms(0), name.to_owned()).is_empty());
        }
        assert_eq!(playback.clear(ms(150)), ["a", "b", "c"]);
        assert_eq!((playback.is_idle(), playback.free_at()), (true, ms(150)));
        let played: Vec<_> = playback.take_played().iter().map(|p| (p.from, p.until(), p.cut)).collect();
        assert_eq!(played, [(ms(0), ms(100), false), (ms(100), ms(150), true)]);
        assert_eq!(playback.heard(ms(500)), ms(150));
    }

    #[test]
    fn a_cut_between_two_pieces_is_noted_on_the_first() {
        let mut playback = Playback::default();
        playback.media(ms(0), audio(100)).unwrap();
        playback.media(ms(0), audio(100)).unwrap();
        assert!(playback.clear(ms(100)).is_empty());
        assert_eq!(playback.take_played(), [Played { from: ms(0), ulaw: audio(100), cut: true }]);
    }

    #[test]
    fn clear_of_an_empty_queue_is_harmless() {
        let mut playback = Playback::default();
        assert!(playback.clear(ms(10)).is_empty());
        playback.media(ms(20), audio(20)).unwrap();
        assert_eq!(playback.free_at(), ms(40));
    }

    #[test]
    fn audio_after_a_pause_starts_when_it_arrives() {
        let mut playback = Playback::default();
        playback.media(ms(0), audio(20)).unwrap();
        playback.media(ms(500), audio(20)).unwrap();
        assert_eq!(playback.heard(ms(510)), ms(30));
        assert!(playback.tick(ms(520)).is_empty());
        let from: Vec<_> = playback.take_played().iter().map(|played| played.from).collect();
        assert_eq!(from, [ms(0), ms(500)]);
    }

    #[test]
    fn more_than_ten_minutes_are_dropped_and_the_rest_plays_on() {
        let mut playback = Playback::default();
        playback.media(ms(0), audio(600_000)).unwrap();
        assert_eq!(playback.media(ms(0), audio(20)), Err(QueueFull));
        playback.media(ms(20), audio(20)).unwrap();
        assert_eq!(playback.free_at(), ms(600_020));
    }

    #[test]
    fn a_closed_stream_echoes_nothing_any_more() {
        let mut playback = Playback::default();
        playback.media(ms(0), audio(100)).unwrap();
        assert!(playback.mark(ms(0), "end".to_owned()).is_empty());
        playback.close(ms(40));
        assert!(playback.tick(ms(1000)).is_empty());
        assert_eq!(playback.heard(ms(1000)), ms(40));
    }

    #[test]
    fn a_carrier_without_marks_echoes_none_and_an_eager_one_all() {
        for (marks, echoed) in [(Marks::Never, vec![]), (Marks::AtOnce, vec!["end".to_owned()])] {
            let mut playback = Playback::new(marks);
            playback.media(ms(0), audio(100)).unwrap();
            assert_eq!(playback.mark(ms(0), "end".to_owned()), echoed);
            assert!(playback.clear(ms(50)).is_empty());
        }
    }
}
