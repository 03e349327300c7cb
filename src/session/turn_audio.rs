//! The audio of the agent's turn: kept until the turn is over, as an interruption may send a part of it again.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

/// μ-law of one turn. What is kept elsewhere is shared with it.
#[derive(Debug, Default)]
pub(super) struct TurnAudio {
    pieces: Vec<Piece>,
    size_bytes: usize,
}

#[derive(Debug)]
enum Piece {
    Shared(Arc<[u8]>),
    Own(Vec<u8>),
}

impl Piece {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Shared(ulaw) => ulaw,
            Self::Own(ulaw) => ulaw,
        }
    }
}

impl TurnAudio {
    pub(super) const fn size_bytes(&self) -> usize {
        self.size_bytes
    }

    pub(super) fn push(&mut self, ulaw: &[u8]) {
        self.size_bytes += ulaw.len();
        match self.pieces.last_mut() {
            Some(Piece::Own(own)) => own.extend_from_slice(ulaw),
            Some(Piece::Shared(_)) | None => self.pieces.push(Piece::Own(ulaw.to_vec())),
        }
    }

    pub(super) fn share(&mut self, ulaw: Arc<[u8]>) {
        self.size_bytes += ulaw.len();
        self.pieces.push(Piece::Shared(ulaw));
    }

    /// A part of it; copied only where it lies in two pieces. `None`: it is not all there.
    pub(super) fn part(&self, range: Range<usize>) -> Option<Cow<'_, [u8]>> {
        if range.start > range.end || range.end > self.size_bytes {
            return None;
        }
        let mut joined = Vec::new();
        let mut begin = 0;
        for piece in self.pieces.iter().map(Piece::bytes) {
            let end = begin + piece.len();
            let (from, to) = (range.start.max(begin), range.end.min(end));
            if from < to {
                let part = &piece[from - begin..to - begin];
                if part.len() == range.len() {
                    return Some(Cow::Borrowed(part));
                }
                joined.extend_from_slice(part);
            }
            begin = end;
        }
        Some(Cow::Owned(joined))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_what_it_would_be_of_all_pieces_in_a_row() {
        let mut audio = TurnAudio::default();
        audio.push(&[0, 1]);
        audio.push(&[2]);
        audio.share(Arc::from([3, 4, 5]));
        audio.push(&[6, 7]);
        let whole = [0, 1, 2, 3, 4, 5, 6, 7];
        assert_eq!(audio.size_bytes(), whole.len());
        for start in 0..=whole.len() {
            for end in start..=whole.len() {
                assert_eq!(audio.part(start..end).as_deref(), Some(&whole[start..end]));
            }
        }
        assert!(matches!(audio.part(3..6), Some(Cow::Borrowed(_))));
        assert_eq!(audio.part(7..9), None);
    }
}
