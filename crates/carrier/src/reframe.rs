//! Audio in pieces of any length → frames of 20 ms.

use redial_call::Frame;
use redial_call::audio::FRAME_BYTES;

/// Cuts a track into frames, whatever the length of the carrier's messages.
///
/// A piece that fills no frame waits for the next one: padding it would put silence into the middle of a word, and
/// make the track longer than it was spoken. What is left at the end, under 20 ms, is never a frame.
#[derive(Debug, Default)]
pub struct Reframer {
    /// Always shorter than a frame.
    rest: Vec<u8>,
}

impl Reframer {
    /// Takes the next frame from the front of `ulaw`; `None` when it is used up. Call it until then.
    pub fn next(&mut self, ulaw: &mut &[u8]) -> Option<Frame> {
        let (head, tail) = ulaw.split_at(ulaw.len().min(FRAME_BYTES - self.rest.len()));
        *ulaw = tail;
        if let Ok(whole) = head.try_into() {
            return Some(Frame::new(whole)); // nearly always: the carrier sends frames
        }
        self.rest.extend_from_slice(head);
        let frame = Frame::new(self.rest.as_slice().try_into().ok()?);
        self.rest.clear();
        Some(frame)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn reframed(pieces: &[&[u8]]) -> Vec<Frame> {
        let mut reframer = Reframer::default();
        let mut frames = Vec::new();
        for mut piece in pieces.iter().copied() {
            frames.extend(std::iter::from_fn(|| reframer.next(&mut piece)));
            assert!(piece.is_empty());
        }
        frames
    }

    #[test]
    fn a_frame_passes_as_it_is() {
        assert_eq!(reframed(&[&[7; 160]]), [Frame::new([7; 160])]);
    }

    #[test]
    fn pieces_are_joined_without_silence_between_them() {
        assert_eq!(reframed(&[&[7; 1], &[], &[7; 158]]), []);
        assert_eq!(reframed(&[&[7; 1], &[7; 159]]), [Frame::new([7; 160])]);
        assert_eq!(reframed(&[&[7; 240], &[7; 240]]), [Frame::new([7; 160]); 3]);
    }

    proptest! {
        #[test]
        fn no_byte_is_lost_or_added(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..500), 0..20)) {
            let pieces: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
            let mut track = pieces.concat();
            track.truncate(track.len() / FRAME_BYTES * FRAME_BYTES);
            let frames: Vec<u8> = reframed(&pieces).iter().flat_map(|frame| *frame.as_bytes()).collect();
            prop_assert_eq!(frames, track);
        }
    }
}
