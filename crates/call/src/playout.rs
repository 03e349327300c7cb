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

/// The marks of a call, over all its turns.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    /// Counts `clear`s, so that no two marks of a call have one name.
    generation: u32,
    named: u32,
    echoes: Echoes,
}

/// Whether this carrier echoes marks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Echoes {
    #[default]
    Untried,
    /// One came at a plausible time, so a missing echo means "not yet".
    Work,
    /// None came for all of a turn: only the clock counts, until one comes after all.
    Missing,
}

/// Where one agent turn's audio is: made, sent, heard.
#[derive(Debug, Default)]
pub(crate) struct Playhead {
    /// Bytes of the turn handed to the carrier and not cleared.
    sent: u64,
    /// The most that was ever sent of the turn.
    sent_most: u64,
    /// Where playback was at some moment since which it has not run dry.
    anchor: Option<(Duration, u64)>,
    outstanding: VecDeque<Mark>,
    last_mark: u64,
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

impl Marks {
    /// `clear` is being sent: marks of before it have other names than those after it.
    pub(crate) fn clear(&mut self) {
        self.generation += 1;
    }

    fn name(&mut self, turn: TurnId) -> String {
        self.named += 1;
        format!("t{}.g{}.{}", turn.0, self.generation, self.named)
    }
}

impl Playhead {
    /// Takes the next piece of a turn of which `available` bytes exist; `complete` when no more will come.
    pub(crate) fn take(
        &mut self,
        now: Duration,
        turn: TurnId,
        available: u64,
        complete: bool,
        marks: &mut Marks,
        settings: &Settings,
    ) -> Option<Piece> {
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
        let mark = (due || (complete && is_tail)).then(|| marks.name(turn));
        if let Some(name) = &mark {
            self.last_mark = self.sent;
            self.outstanding.push_back(Mark { name: name.clone(), at: self.sent });
        }
        Some(Piece { offset_bytes: piece_start, size_bytes: size, mark })
    }

    /// All of it goes to a carrier that speaks by itself, and tells less than all of where it is: the clock guesses, and waits a
    /// while longer.
    pub(crate) fn hand_over(&mut self, now: Duration, available: u64) {
        if available > self.sent {
            if self.clock(now) >= self.sent {
                self.anchor = Some((now, self.sent));
            }
            self.sent = available;
            self.sent_most = self.sent_most.max(available);
            // What it tells of the last word is the mark.
            self.outstanding.clear();
            self.outstanding.push_back(Mark { name: String::new(), at: available });
        }
    }

    /// The carrier says that the caller has heard so many bytes.
    pub(crate) fn set_heard(&mut self, now: Duration, bytes: u64) {
        let bytes = bytes.next_multiple_of(FRAME_BYTES as u64).min(self.sent);
        self.anchor = Some((now, bytes));
        self.outstanding.retain(|mark| mark.at > bytes);
    }

    /// What to wait for after [`Playhead::take`] gave nothing more.
    pub(crate) fn next(&self, available: u64, complete: bool, marks: &Marks, settings: &Settings) -> Next {
        let Some((since, base)) = self.anchor else {
            // Playback stands still; at the very end of the audio there is nothing to go on with.
            let all_heard = complete && self.sent >= available;
            return if all_heard { Next::Heard(Duration::ZERO) } else { Next::Audio };
        };
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
        let waits_for_mark = !self.outstanding.is_empty() && marks.echoes != Echoes::Missing;
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
    pub(crate) fn on_mark(&mut self, now: Duration, name: &str, marks: &mut Marks) {
        let Some(index) = self.outstanding.iter().position(|mark| mark.name == name) else { return };
        let mark = self.outstanding.drain(..=index).next_back();
        let Some(mark) = mark else { return };
        let clock = self.unbounded_clock(now);
        // Nothing is played faster than it sounds: an echo ahead of the clock was sent on receipt.
        const EARLY: u64 = FRAME_BYTES as u64 * 5;
        if clock + EARLY < mark.at {
            return;
        }
        marks.echoes = Echoes::Work;
        if clock > mark.at {
            self.anchor = Some((now, mark.at)); // the carrier is behind our clock
        }
    }

    /// The caller has heard this many bytes of the turn.
    pub(crate) fn heard(&self, now: Duration, marks: &Marks) -> u64 {
        let next_mark = self.outstanding.front().filter(|_| marks.echoes == Echoes::Work);
        self.clock(now).min(next_mark.map_or(self.sent, |mark| mark.at))
    }

    /// The same in whole frames: as much as counts when playback stops here.
    pub(crate) fn heard_frames(&self, now: Duration, marks: &Marks) -> u64 {
        whole_frames(self.heard(now, marks))
    }

    /// The most bytes of the turn that ever left for the carrier.
    pub(crate) const fn sent_most(&self) -> u64 {
        self.sent_most
    }

    /// `clear` is being sent: playback stops here, and goes on from here if it goes on at all.
    pub(crate) fn clear(&mut self, now: Duration, marks: &mut Marks) {
        let heard = self.heard_frames(now, marks);
        marks.clear();
        self.outstanding.clear();
        self.sent = heard;
        self.last_mark = heard;
        self.anchor = None;
    }

    /// The turn is over; marks that have not come by now never will.
    pub(crate) fn give_up_marks(&self, marks: &mut Marks) {
        if !self.outstanding.is_empty() {
            marks.echoes = Echoes::Missing;
        }
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

    /// One turn and the marks of its call.
    #[derive(Default)]
    struct Playing {
        playhead: Playhead,
        marks: Marks,
        settings: Settings,
    }

    impl Playing {
        /// As much of it sent at once as may be.
        fn of(bytes: u64) -> Self {
            let mut playing = Self::default();
            while playing.take(Duration::ZERO, bytes, true).is_some() {}
            playing
        }

        fn take(&mut self, now: Duration, available: u64, complete: bool) -> Option<Piece> {
            self.playhead.take(now, TurnId(1), available, complete, &mut self.marks, &self.settings)
        }

        fn next(&self, available: u64) -> Next {
            self.playhead.next(available, true, &self.marks, &self.settings)
        }

        fn heard(&self, now: Duration) -> u64 {
            self.playhead.heard(now, &self.marks)
        }

        fn mark(&mut self, now: Duration, name: &str) {
            self.playhead.on_mark(now, name, &mut self.marks);
        }

        fn last_mark(&self) -> String {
            self.playhead.outstanding.back().unwrap().name.clone()
        }

        /// Sends the rest of the turn as the clock allows, answering no mark; returns when it was heard and all marks.
        fn send_all(&mut self, bytes: u64) -> (Duration, usize) {
            let (mut now, mut marks) = (Duration::ZERO, 0);
            loop {
                while let Some(piece) = self.take(now, bytes, true) {
                    marks += usize::from(piece.mark.is_some());
                }
                match self.next(bytes) {
                    Next::Send(at) => now = now.max(at),
                    Next::Heard(at) => return (at, marks),
                    Next::Audio => unreachable!("all audio is there"),
                }
            }
        }
    }

    #[test]
    fn the_first_piece_is_the_whole_lead() {
        let mut playing = Playing::default();
        let piece = playing.take(Duration::ZERO, 80_000, true).unwrap();
        assert_eq!((piece.offset_bytes, piece.size_bytes), (0, 3200));
        assert_eq!(playing.take(Duration::ZERO, 80_000, true), None);
        assert_eq!(playing.next(80_000), Next::Send(100 * MS));
    }

    #[test]
    fn without_marks_the_clock_decides_after_a_grace() {
        let mut playing = Playing::default();
        let (heard, marks) = playing.send_all(16_000);
        assert_eq!(heard, 2000 * MS + playing.settings.mark_grace);
        assert!((4..=5).contains(&marks), "{marks}");
        assert_eq!(playing.heard(1000 * MS), 8000);
    }

    #[test]
    fn a_late_mark_holds_the_clock_back() {
        let mut playing = Playing::of(3200);
        playing.mark(600 * MS, &playing.last_mark()); // 400 ms of audio, heard 200 ms late
        assert_eq!(playing.heard(600 * MS), 3200);
        assert_eq!(playing.next(3200), Next::Heard(600 * MS));
        assert_eq!(playing.marks.echoes, Echoes::Work);
    }

    #[test]
    fn a_mark_that_is_echoed_on_receipt_does_not_count_as_heard() {
        let mut playing = Playing::of(3200);
        playing.mark(10 * MS, &playing.last_mark());
        assert_eq!(playing.heard(10 * MS), 80);
        assert_eq!(playing.next(3200), Next::Heard(400 * MS));
    }

    #[test]
    fn echoes_after_clear_are_not_heard() {
        let mut playing = Playing::of(3200);
        let name = playing.last_mark();
        playing.playhead.clear(200 * MS, &mut playing.marks);
        assert_eq!(playing.heard(200 * MS), 1600);
        playing.mark(250 * MS, &name);
        assert_eq!(playing.heard(300 * MS), 1600);
        assert_eq!(playing.playhead.sent_most(), 3200);
    }

    #[test]
    fn after_clear_the_audio_goes_on_where_it_stopped() {
        let mut playing = Playing::of(3200);
        playing.playhead.clear(200 * MS, &mut playing.marks);
        let piece = playing.take(1000 * MS, 3200, true).unwrap();
        assert_eq!((piece.offset_bytes, piece.size_bytes), (1600, 1600));
        assert!(piece.mark.unwrap().starts_with("t1.g1."));
    }

    #[test]
    fn where_marks_work_an_outstanding_one_bounds_what_was_heard() {
        let mut playing = Playing::of(3200);
        playing.mark(420 * MS, &playing.last_mark());
        playing.playhead = Playhead::default();
        playing.take(1000 * MS, 8000, false);
        playing.take(1200 * MS, 8000, false);
        assert_eq!(playing.playhead.outstanding.front().map(|mark| mark.at), Some(4800));
        assert_eq!(playing.heard(9000 * MS), 4800);
    }

    #[test]
    fn what_the_carrier_played_while_the_clock_stood_still_counts_as_played() {
        let mut playing = Playing::of(3200);
        let name = playing.last_mark();
        playing.playhead.stood(100 * MS, 3000 * MS);
        playing.mark(110 * MS, &name);
        assert_eq!(playing.heard(110 * MS), 3200);
        assert_eq!(playing.marks.echoes, Echoes::Work);
        let piece = playing.take(120 * MS, 16_000, false).unwrap();
        assert_eq!((piece.offset_bytes, piece.size_bytes), (3200, 3200), "the whole lead again");
    }

    #[test]
    fn a_gap_in_the_audio_restarts_the_clock() {
        let mut playing = Playing::default();
        playing.take(Duration::ZERO, 800, false);
        assert_eq!(playing.playhead.next(800, false, &playing.marks, &playing.settings), Next::Audio);
        playing.take(5000 * MS, 1600, true);
        assert_eq!(playing.heard(5050 * MS), 1200);
    }
}
