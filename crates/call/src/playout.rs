//! The heard ledger: how much of the agent's audio the caller has heard, and when more may be sent.
//!
//! The carrier queues what it gets and plays it at 8000 bytes a second. A mark comes back when the audio before
//! it has been played, or when `clear` flushed it; an echo of a flushed mark must not count. Some carriers echo at
//! once, some never: so the position is a clock that marks may only hold back, and that goes on without them.

use std::collections::VecDeque;
use std::time::Duration;

use crate::audio::{FRAME_BYTES, bytes_in, duration_of};
use crate::ids::TurnId;
use crate::settings::Settings;

/// The playback of one agent turn after another.
#[derive(Debug)]
pub(crate) struct Playout {
    turn: TurnId,
    /// Counts `clear`s, so that no two marks of a call have one name.
    generation: u32,
    marks_named: u32,
    /// Bytes of the turn handed to the carrier and not cleared.
    sent: u64,
    /// The most that was ever sent of the turn.
    sent_most: u64,
    /// Where playback was at some moment since which it has not run dry.
    anchor: Option<(Duration, u64)>,
    outstanding: VecDeque<Mark>,
    last_mark: u64,
    marks: Marks,
}

/// Whether this carrier echoes marks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Marks {
    Untried,
    /// One came at a plausible time, so a missing echo means "not yet".
    Work,
    /// None came for all of a turn: only the clock counts, until one comes after all.
    Missing,
}

#[derive(Debug)]
struct Mark {
    name: String,
    at: u64,
}

/// A piece of audio that may be sent now.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) offset_bytes: u64,
    pub(crate) size_bytes: u64,
    /// The mark to send after it.
    pub(crate) mark: Option<String>,
}

/// What playback waits for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// The next piece may be sent at this time.
    Send(Duration),
    /// All is sent; it counts as heard at this time if nothing happens before.
    Heard(Duration),
    /// Audio that is not there yet.
    Audio,
}

impl Playout {
    pub(crate) fn new() -> Self {
        Self {
            turn: TurnId(0),
            generation: 0,
            marks_named: 0,
            sent: 0,
            sent_most: 0,
            anchor: None,
            outstanding: VecDeque::new(),
            last_mark: 0,
            marks: Marks::Untried,
        }
    }

    /// Starts a turn. What is still outstanding of the one before no longer counts.
    pub(crate) fn begin(&mut self, turn: TurnId) {
        self.turn = turn;
        self.sent = 0;
        self.sent_most = 0;
        self.last_mark = 0;
        self.anchor = None;
        self.outstanding.clear();
    }

    /// Takes the next piece of a turn of which `available` bytes exist; `complete` when no more will come.
    pub(crate) fn take(&mut self, now: Duration, available: u64, complete: bool, settings: &Settings) -> Option<Piece> {
        let unsent = available.saturating_sub(self.sent);
        if unsent == 0 {
            return None;
        }
        if self.clock(now) >= self.sent {
            self.anchor = Some((now, self.sent)); // a fresh start, or the queue ran dry
        }
        let ahead = self.sent - self.clock(now);
        let room = whole_frames(bytes_in(settings.lead)).saturating_sub(ahead);
        let size = if unsent <= room { unsent } else { whole_frames(room) };
        let message = whole_frames(bytes_in(settings.message));
        let is_tail = size == unsent;
        if size == 0 || (size < message && !is_tail) {
            return None;
        }
        let piece_start = self.sent;
        self.sent += size;
        self.sent_most = self.sent_most.max(self.sent);
        let due = self.sent - self.last_mark >= bytes_in(settings.mark_interval);
        let mark = (due || (complete && is_tail)).then(|| self.mark());
        Some(Piece { offset_bytes: piece_start, size_bytes: size, mark })
    }

    /// What to wait for after [`Playout::take`] gave nothing more.
    pub(crate) fn next(&self, available: u64, complete: bool, settings: &Settings) -> Next {
        let Some((since, base)) = self.anchor else { return Next::Audio };
        if self.sent < available {
            // Enough room for one message: the clock has to be this far.
            let wanted = (self.sent + bytes_in(settings.message)).saturating_sub(whole_frames(bytes_in(settings.lead)));
            let wanted = wanted.min(self.sent).max(base);
            return Next::Send(ceil_ms(since + duration_of(wanted - base)));
        }
        if !complete {
            return Next::Audio;
        }
        let end = since + duration_of(self.sent - base);
        let waits_for_mark = !self.outstanding.is_empty() && self.marks != Marks::Missing;
        let grace = if waits_for_mark { settings.mark_grace } else { Duration::ZERO };
        Next::Heard(ceil_ms(end + grace))
    }

    /// True when all that was sent has been played by the clock, whatever the marks say.
    pub(crate) fn is_over(&self, now: Duration) -> bool {
        self.sent > 0 && self.clock(now) >= self.sent
    }

    /// The clock stood still for so long, and the carrier played on.
    pub(crate) fn stood(&mut self, now: Duration, time: Duration) {
        if self.anchor.is_some() {
            self.anchor = Some((now, (self.clock(now) + bytes_in(time)).min(self.sent)));
        }
    }

    /// The carrier echoed a mark. Names of cleared or unknown marks mean nothing.
    pub(crate) fn on_mark(&mut self, now: Duration, name: &str) {
        let Some(index) = self.outstanding.iter().position(|mark| mark.name == name) else { return };
        let mark = self.outstanding.drain(..=index).next_back();
        let Some(mark) = mark else { return };
        let clock = self.unbounded_clock(now);
        // Nothing is played faster than it sounds: an echo ahead of the clock was sent on receipt.
        const EARLY: u64 = FRAME_BYTES as u64 * 5;
        if clock + EARLY < mark.at {
            return;
        }
        self.marks = Marks::Work;
        if clock > mark.at {
            self.anchor = Some((now, mark.at)); // the carrier is behind our clock
        }
    }

    /// The caller has heard this many bytes of the turn.
    pub(crate) fn heard(&self, now: Duration) -> u64 {
        let next_mark = self.outstanding.front().filter(|_| self.marks == Marks::Work);
        self.clock(now).min(next_mark.map_or(self.sent, |mark| mark.at))
    }

    /// The most bytes of the turn that ever left for the carrier.
    pub(crate) const fn sent_most(&self) -> u64 {
        self.sent_most
    }

    /// `clear` is being sent: playback stops here, and goes on from here if it goes on at all.
    /// Returns the bytes heard.
    pub(crate) fn clear(&mut self, now: Duration) -> u64 {
        let heard = whole_frames(self.heard(now));
        self.generation += 1;
        self.outstanding.clear();
        self.sent = heard;
        self.last_mark = heard;
        self.anchor = None;
        heard
    }

    /// The turn is over; marks that have not come by now never will.
    pub(crate) fn give_up_marks(&mut self) {
        if !self.outstanding.is_empty() {
            self.marks = Marks::Missing;
            self.outstanding.clear();
        }
    }

    fn mark(&mut self) -> String {
        self.marks_named += 1;
        self.last_mark = self.sent;
        let name = format!("t{}.g{}.{}", self.turn.0, self.generation, self.marks_named);
        self.outstanding.push_back(Mark { name: name.clone(), at: self.sent });
        name
    }

    fn clock(&self, now: Duration) -> u64 {
        self.unbounded_clock(now).min(self.sent)
    }

    /// Where playback would be if there were always audio.
    fn unbounded_clock(&self, now: Duration) -> u64 {
        match self.anchor {
            Some((since, base)) => base + bytes_in(now.saturating_sub(since)),
            None => self.sent,
        }
    }
}

const fn whole_frames(bytes: u64) -> u64 {
    bytes - bytes % FRAME_BYTES as u64
}

/// Deadlines are whole ms, so that a recorded call replays exactly.
fn ceil_ms(time: Duration) -> Duration {
    let ms = u64::try_from(time.as_micros().div_ceil(1000)).unwrap_or(u64::MAX);
    Duration::from_millis(ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn settings() -> Settings {
        Settings::default()
    }

    fn playing(bytes: u64) -> Playout {
        let mut playout = Playout::new();
        playout.begin(TurnId(1));
        while playout.take(Duration::ZERO, bytes, true, &settings()).is_some() {}
        playout
    }

    /// Sends the rest of the turn as the clock allows, answering no mark; returns the names of all marks.
    fn send_all(playout: &mut Playout, from: Duration, bytes: u64) -> (Duration, Vec<(Duration, String)>) {
        let (mut now, mut marks) = (from, Vec::new());
        loop {
            while let Some(piece) = playout.take(now, bytes, true, &settings()) {
                marks.extend(piece.mark.map(|name| (now, name)));
            }
            match playout.next(bytes, true, &settings()) {
                Next::Send(at) => now = now.max(at),
                Next::Heard(at) => return (at, marks),
                Next::Audio => unreachable!("all audio is there"),
            }
        }
    }

    #[test]
    fn the_first_piece_is_the_whole_lead() {
        let mut playout = Playout::new();
        playout.begin(TurnId(1));
        let piece = playout.take(Duration::ZERO, 80_000, true, &settings()).unwrap();
        assert_eq!((piece.offset_bytes, piece.size_bytes), (0, 3200));
        assert_eq!(playout.take(Duration::ZERO, 80_000, true, &settings()), None);
        assert_eq!(playout.next(80_000, true, &settings()), Next::Send(100 * MS));
    }

    #[test]
    fn without_marks_the_clock_decides_after_a_grace() {
        let mut playout = Playout::new();
        playout.begin(TurnId(1));
        let (heard, marks) = send_all(&mut playout, Duration::ZERO, 16_000);
        assert_eq!(heard, 2000 * MS + settings().mark_grace);
        assert!(marks.len() >= 4 && marks.len() <= 5, "{marks:?}");
        assert_eq!(playout.heard(1000 * MS), 8000);
    }

    #[test]
    fn a_late_mark_holds_the_clock_back() {
        let mut playout = playing(3200);
        let name = playout.outstanding.back().unwrap().name.clone();
        playout.on_mark(600 * MS, &name); // 400 ms of audio, heard 200 ms late
        assert_eq!(playout.heard(600 * MS), 3200);
        assert_eq!(playout.next(3200, true, &settings()), Next::Heard(600 * MS));
        assert_eq!(playout.marks, Marks::Work);
    }

    #[test]
    fn a_mark_that_is_echoed_on_receipt_does_not_count_as_heard() {
        let mut playout = playing(3200);
        let name = playout.outstanding.back().unwrap().name.clone();
        playout.on_mark(10 * MS, &name);
        assert_eq!(playout.heard(10 * MS), 80);
        assert_eq!(playout.next(3200, true, &settings()), Next::Heard(400 * MS));
    }

    #[test]
    fn echoes_after_clear_are_not_heard() {
        let mut playout = playing(3200);
        let name = playout.outstanding.back().unwrap().name.clone();
        assert_eq!(playout.clear(200 * MS), 1600);
        playout.on_mark(250 * MS, &name);
        assert_eq!(playout.heard(300 * MS), 1600);
        assert_eq!(playout.sent_most(), 3200);
    }

    #[test]
    fn after_clear_the_audio_goes_on_where_it_stopped() {
        let mut playout = playing(3200);
        playout.clear(200 * MS);
        let piece = playout.take(1000 * MS, 3200, true, &settings()).unwrap();
        assert_eq!((piece.offset_bytes, piece.size_bytes), (1600, 1600));
        assert!(piece.mark.unwrap().starts_with("t1.g1."));
    }

    #[test]
    fn where_marks_work_an_outstanding_one_bounds_what_was_heard() {
        let mut playout = playing(3200);
        let name = playout.outstanding.back().unwrap().name.clone();
        playout.on_mark(420 * MS, &name);
        playout.begin(TurnId(2));
        playout.take(1000 * MS, 8000, false, &settings());
        playout.take(1200 * MS, 8000, false, &settings());
        assert_eq!(playout.outstanding.front().map(|mark| mark.at), Some(4800));
        assert_eq!(playout.heard(9000 * MS), 4800);
    }

    #[test]
    fn what_the_carrier_played_while_the_clock_stood_still_counts_as_played() {
        let mut playout = playing(3200);
        let name = playout.outstanding.back().unwrap().name.clone();
        playout.stood(100 * MS, 3000 * MS);
        playout.on_mark(110 * MS, &name);
        assert_eq!(playout.heard(110 * MS), 3200);
        assert_eq!(playout.marks, Marks::Work);
        let piece = playout.take(120 * MS, 16_000, false, &settings()).unwrap();
        assert_eq!((piece.offset_bytes, piece.size_bytes), (3200, 3200), "the whole lead again");
    }

    #[test]
    fn a_gap_in_the_audio_restarts_the_clock() {
        let mut playout = Playout::new();
        playout.begin(TurnId(1));
        playout.take(Duration::ZERO, 800, false, &settings());
        assert_eq!(playout.next(800, false, &settings()), Next::Audio);
        playout.take(5000 * MS, 1600, true, &settings());
        assert_eq!(playout.heard(5050 * MS), 1200);
    }
}
