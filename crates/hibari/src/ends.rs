//! The ends of speech: what the net leaves around it, some 320 ms of silence before and 500 ms after, becomes a pause as people make it.

use crate::Flow;
use crate::frame::HOP;
use crate::pieces::Pause;

/// Mean square below which a hop is quiet: -50 dBFS. The voice speaks at -26 dBFS and its silence is below -100; only the
/// first and last moments of sounds such as "f" and "th" lie between.
const QUIET: f32 = 1e-5;
/// Quiet hops that are kept before the first loud one: 62.5 ms.
const BEFORE: usize = 5;
/// Samples of the sound's own end that are kept after the last loud hop: 50 ms.
const DECAY: usize = 400;
/// The first and last samples that are kept rise from nothing and fall to it: 5 and 20 ms.
const FADE_IN: usize = 40;
const FADE_OUT: usize = 160;

impl Pause {
    /// Samples from the last loud hop to the end of the piece: 200, 120 and 40 ms. The next piece brings 62.5 ms of its own.
    const fn samples(self) -> usize {
        match self {
            Self::Sentence => 1600,
            Self::Clause => 960,
            Self::Word => 320,
        }
    }
}

/// Takes a piece hop by hop and passes on what is to be heard of it.
pub(crate) struct Ends {
    /// Quiet samples that are not passed on yet: before the first loud hop the latest of them, then all since the last one.
    held: Vec<f32>,
    begun: bool,
}

impl Ends {
    pub(crate) fn new() -> Self {
        Self { held: Vec::with_capacity(64 * HOP), begun: false }
    }

    /// Takes the next hop. Speech is passed on at once, silence within it together with the sound that ends it.
    pub(crate) fn push(&mut self, hop: &[f32; HOP], emit: &mut impl FnMut(&[f32]) -> Flow) -> Flow {
        let power = hop.iter().map(|sample| sample * sample).sum::<f32>() / HOP as f32;
        if power < QUIET {
            if !self.begun && self.held.len() == BEFORE * HOP {
                self.held.drain(..HOP);
            }
            self.held.extend_from_slice(hop);
            return Flow::Continue;
        }
        if !self.begun {
            self.begun = true;
            self.held.extend_from_slice(hop);
            for (at, sample) in self.held.iter_mut().take(FADE_IN).enumerate() {
                *sample *= at as f32 / FADE_IN as f32;
            }
            return self.flush(emit);
        }
        match self.flush(emit) {
            Flow::Continue => emit(hop),
            Flow::Stop => Flow::Stop,
        }
    }

    /// Ends the piece with a pause; nothing if all of it was quiet.
    pub(crate) fn finish(mut self, pause: Pause, emit: &mut impl FnMut(&[f32]) -> Flow) -> Flow {
        if !self.begun {
            return Flow::Continue;
        }
        self.held.truncate(DECAY.min(pause.samples()));
        for (at, sample) in self.held.iter_mut().rev().take(FADE_OUT).enumerate() {
            *sample *= at as f32 / FADE_OUT as f32;
        }
        self.held.resize(pause.samples(), 0.0);
        self.flush(emit)
    }

    fn flush(&mut self, emit: &mut impl FnMut(&[f32]) -> Flow) -> Flow {
        if self.held.is_empty() {
            return Flow::Continue;
        }
        let flow = emit(&self.held);
        self.held.clear();
        flow
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOUD: [f32; HOP] = [0.1; HOP];
    const SOFT: [f32; HOP] = [0.001; HOP];

    fn through(hops: &[[f32; HOP]], pause: Pause) -> Vec<f32> {
        let mut heard = Vec::new();
        let mut emit = |samples: &[f32]| {
            heard.extend_from_slice(samples);
            Flow::Continue
        };
        let mut ends = Ends::new();
        for hop in hops {
            assert_eq!(ends.push(hop, &mut emit), Flow::Continue);
        }
        assert_eq!(ends.finish(pause, &mut emit), Flow::Continue);
        heard
    }

    #[test]
    fn silence_around_speech_becomes_a_pause_and_silence_within_it_stays() {
        let hops: Vec<_> = [vec![SOFT; 30], vec![LOUD; 3], vec![SOFT; 9], vec![LOUD; 2], vec![SOFT; 40]].concat();
        let heard = through(&hops, Pause::Sentence);
        assert_eq!(heard.len(), (BEFORE + 3 + 9 + 2) * HOP + 1600);
        assert_eq!((heard[0], heard[HOP], heard[BEFORE * HOP]), (0.0, 0.001, 0.1));
        assert!(heard[(BEFORE + 3) * HOP..(BEFORE + 12) * HOP].iter().all(|sample| *sample == 0.001));
        assert!(heard[heard.len() - 1600 + DECAY - 1..].iter().all(|sample| *sample == 0.0));
    }

    #[test]
    fn speech_that_is_cut_off_does_not_click() {
        let heard = through(&[LOUD; 4], Pause::Clause);
        assert_eq!(heard.len(), 4 * HOP + 960);
        assert!(heard[0] == 0.0 && heard[1] < 0.01, "{:?}", &heard[..2]);
    }

    #[test]
    fn a_piece_without_speech_is_nothing() {
        assert!(through(&[SOFT; 50], Pause::Sentence).is_empty());
        assert!(through(&[], Pause::Sentence).is_empty());
    }

    #[test]
    fn nothing_is_passed_on_to_a_listener_who_has_left() {
        let mut calls = 0;
        let mut emit = |_: &[f32]| {
            calls += 1;
            Flow::Stop
        };
        let mut ends = Ends::new();
        assert_eq!(ends.push(&LOUD, &mut emit), Flow::Stop);
        assert_eq!(calls, 1);
    }
}
