//! The callers' lines once calls are connected: one thread sends a frame every 20 ms on each, and reads what comes.
//!
//! It uses no runtime, so that it takes little of the cores that it shares with what is measured.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt::Write as _;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::caller::{Connected, STREAM};
use crate::framing;

const FRAME: Duration = Duration::from_millis(20);
/// A frame that is sent so long after its time is counted as late: the machine is too busy for what is measured.
const LATE: Duration = Duration::from_millis(5);
/// Longest sleep, so that new lines are seen.
const NAP: Duration = Duration::from_millis(1);
/// Spreads lines over the 20 ms, whichever way they come: the golden ratio.
const SPREAD: f64 = 0.618_034;

/// What the callers' side is like. They say nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Quiet {
    DigitalSilence,
    /// One step either side of zero: an analogue line.
    FaintNoise,
}

impl Quiet {
    fn payload(self) -> String {
        match self {
            Self::DigitalSilence => format!("{}w==", "/".repeat(213)),
            Self::FaintNoise => "fv5+/v7+fn7+/n5+fv7+/n7+fv5+fv7+/n5+".repeat(6),
        }
    }
}

#[derive(Debug, Default)]
struct Counters {
    alive: AtomicU64,
    sent: AtomicU64,
    late: AtomicU64,
    heard: AtomicU64,
    stop: AtomicBool,
}

/// All lines; dropped, they are cut.
pub(crate) struct Lines {
    counters: Arc<Counters>,
    new: Sender<Line>,
    thread: Option<JoinHandle<()>>,
}

struct Line {
    socket: TcpStream,
    received: Vec<u8>,
    sequence: u64,
    /// When the caller hangs up.
    until: Option<Instant>,
}

impl Lines {
    pub(crate) fn start(quiet: Quiet) -> Self {
        let counters = Arc::new(Counters::default());
        let (new, lines) = channel();
        let thread = std::thread::spawn({
            let counters = Arc::clone(&counters);
            move || {
                Pace { quiet: quiet.payload(), counters, new: lines, lines: Vec::new(), due: BinaryHeap::new() }.run()
            }
        });
        Self { counters, new, thread: Some(thread) }
    }

    /// A call that lasts until all are hung up.
    pub(crate) fn add(&self, call: Connected) {
        self.push(call.socket.into_std().unwrap(), call.received, None);
    }

    /// A call whose caller hangs up after a while.
    pub(crate) fn add_for(&self, call: Connected, stay: Duration) {
        self.push(call.socket.into_std().unwrap(), call.received, Some(Instant::now() + stay));
    }

    /// A connection that is sent the same, and answers nothing.
    pub(crate) fn add_bare(&self, socket: TcpStream) {
        socket.set_nodelay(true).unwrap();
        self.push(socket, Vec::new(), None);
    }

    fn push(&self, socket: TcpStream, received: Vec<u8>, until: Option<Instant>) {
        socket.set_nonblocking(true).unwrap();
        self.counters.alive.fetch_add(1, Ordering::Relaxed);
        self.new.send(Line { socket, received, sequence: 1, until }).unwrap();
    }

    /// Lines that are not hung up, from either side.
    pub(crate) fn alive(&self) -> u64 {
        self.counters.alive.load(Ordering::Relaxed)
    }

    /// Frames that were sent so far.
    pub(crate) fn sent(&self) -> u64 {
        self.counters.sent.load(Ordering::Relaxed)
    }

    /// Of these, how many some ms after their time.
    pub(crate) fn late(&self) -> u64 {
        self.counters.late.load(Ordering::Relaxed)
    }

    /// Messages with audio that came so far.
    pub(crate) fn heard(&self) -> u64 {
        self.counters.heard.load(Ordering::Relaxed)
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        self.counters.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

struct Pace {
    quiet: String,
    counters: Arc<Counters>,
    new: Receiver<Line>,
    lines: Vec<Option<Line>>,
    /// When which line sends its next frame.
    due: BinaryHeap<Reverse<(Instant, usize)>>,
}

impl Pace {
    fn run(mut self) {
        let epoch = Instant::now();
        let (mut text, mut frame) = (String::new(), Vec::new());
        while !self.counters.stop.load(Ordering::Relaxed) {
            loop {
                match self.new.try_recv() {
                    Ok(line) => self.take_in(epoch, line),
                    Err(TryRecvError::Empty) => break,
                    Err(TryRecvError::Disconnected) => return,
                }
            }
            let now = Instant::now();
            let wait = self.due.peek().map_or(NAP, |Reverse((at, _))| at.saturating_duration_since(now)).min(NAP);
            if wait > Duration::ZERO {
                std::thread::sleep(wait);
                continue;
            }
            let Some(Reverse((at, place))) = self.due.pop() else { continue };
            if now - at > LATE {
                self.counters.late.fetch_add(1, Ordering::Relaxed);
            }
            let Some(line) = &mut self.lines[place] else { continue };
            if line.until.is_some_and(|until| until <= now)
                || !line.turn(&self.quiet, &self.counters, &mut text, &mut frame)
            {
                self.hang_up(place);
            } else {
                self.due.push(Reverse((at + FRAME, place)));
            }
        }
        for place in 0..self.lines.len() {
            self.hang_up(place);
        }
    }

    fn take_in(&mut self, epoch: Instant, line: Line) {
        let place = self.lines.len();
        let phase = FRAME.mul_f64((place as f64 * SPREAD).fract());
        let frames = epoch.elapsed().as_nanos() / FRAME.as_nanos() + 1;
        self.due.push(Reverse((epoch + FRAME * u32::try_from(frames).unwrap() + phase, place)));
        self.lines.push(Some(line));
    }

    /// As a carrier does: it says `stop`, and closes.
    fn hang_up(&mut self, place: usize) {
        let Some(mut line) = self.lines[place].take() else { return };
        let mut frame = Vec::new();
        framing::put_text(
            &mut frame,
            &format!(r#"{{"event":"stop","sequenceNumber":"{}","streamSid":"{STREAM}"}}"#, line.sequence + 1),
        );
        let _ = line.socket.write_all(&frame);
        self.counters.alive.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Line {
    /// Sends the next frame, reads what has come, and says so when a mark was reached. False when the line is cut.
    fn turn(&mut self, quiet: &str, counters: &Counters, text: &mut String, frame: &mut Vec<u8>) -> bool {
        let sequence = self.sequence + 1;
        self.sequence = sequence;
        text.clear();
        let timestamp = sequence * 20;
        write!(
            text,
            r#"{{"event":"media","sequenceNumber":"{sequence}","streamSid":"{STREAM}","media":{{"track":"inbound","chunk":"{sequence}","timestamp":"{timestamp}","payload":"{quiet}"}}}}"#
        )
        .unwrap();
        frame.clear();
        framing::put_text(frame, text);
        if self.socket.write_all(frame).is_err() {
            return false;
        }
        counters.sent.fetch_add(1, Ordering::Relaxed);
        self.read(counters)
    }

    fn read(&mut self, counters: &Counters) -> bool {
        let mut buffer = [0; 8192];
        loop {
            match self.socket.read(&mut buffer) {
                Ok(0) => return false,
                Ok(size) => self.received.extend_from_slice(&buffer[..size]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => return false,
            }
        }
        // As if all that was sent had been played at once.
        let mut marks = Vec::new();
        framing::take_messages(&mut self.received, |message| {
            if message.starts_with(br#"{"event":"media""#) {
                counters.heard.fetch_add(1, Ordering::Relaxed);
            } else if message.starts_with(br#"{"event":"mark""#) {
                framing::put_text(&mut marks, std::str::from_utf8(message).unwrap());
            }
        });
        marks.is_empty() || self.socket.write_all(&marks).is_ok()
    }
}
