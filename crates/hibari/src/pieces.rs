//! Cuts what is too long for one run of the net.

/// Stands at both ends of what the net is given.
const EDGE: i32 = 0;
/// Numbers of `vocab.json`: `;` `:` `,` `.` `!` `?` `—` `…`, the marks that a speaker pauses at.
const SEMICOLON: i32 = 1;
const COLON: i32 = 2;
const COMMA: i32 = 3;
const POINT: i32 = 4;
const EXCLAMATION: i32 = 5;
const QUESTION: i32 = 6;
const DASH: i32 = 9;
const ELLIPSIS: i32 = 10;
/// The marks that may stand behind one of those: `"` `)` `“` `”`.
const CLOSING: [i32; 4] = [11, 13, 14, 15];
/// Between words. Phonemes have larger numbers.
const SPACE: i32 = 16;

/// The most phonemes in one run, about 10 s of speech. A run's time and memory (12 kB a frame of 12.5 ms for its outputs alone) grow with it, and the first audio
/// waits for the whole of it.
const LONGEST: usize = 200;

/// What follows a piece of speech.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pause {
    /// It ends as a sentence does.
    Sentence,
    /// It ends at a comma or the like, or without any mark.
    Clause,
    /// It was cut between two words.
    Word,
}

/// The pieces of a sentence, each with the edges that the net wants, and what follows it.
///
/// What has no phonemes has no pieces. Edges of the input are not needed and do no harm. A piece ends behind a mark if there is one in its second half, else at a space, else
/// where it must.
pub(crate) fn pieces(ids: &[i32]) -> impl Iterator<Item = (Vec<i32>, Pause)> {
    let mut left: Vec<i32> = ids.iter().copied().filter(|id| *id != EDGE).collect();
    std::iter::from_fn(move || {
        if !left.iter().any(|id| *id > SPACE) {
            // Marks without words: the net would breathe.
            return None;
        }
        let rest = left.split_off(cut(&left));
        let piece = std::mem::replace(&mut left, rest);
        let pause = pause(&piece, left.is_empty());
        let edged = [EDGE].into_iter().chain(piece).chain([EDGE]).collect();
        Some((edged, pause))
    })
}

/// How much of `ids` is the next piece.
fn cut(ids: &[i32]) -> usize {
    if ids.len() <= LONGEST {
        return ids.len();
    }
    let window = &ids[LONGEST / 2..LONGEST];
    let behind = |wanted: fn(i32) -> bool| window.iter().rposition(|id| wanted(*id)).map(|at| LONGEST / 2 + at + 1);
    behind(is_pause).or_else(|| behind(|id| id == SPACE)).unwrap_or(LONGEST)
}

fn is_pause(id: i32) -> bool {
    matches!(id, SEMICOLON | COLON | COMMA | POINT | EXCLAMATION | QUESTION | DASH | ELLIPSIS)
}

fn pause(piece: &[i32], is_last: bool) -> Pause {
    match piece.iter().rev().find(|id| **id != SPACE && !CLOSING.contains(id)) {
        Some(&(POINT | EXCLAMATION | QUESTION | ELLIPSIS)) => Pause::Sentence,
        Some(&id) if is_pause(id) || is_last => Pause::Clause,
        Some(_) | None => Pause::Word,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A phoneme.
    const A: i32 = 43;

    #[test]
    fn a_sentence_of_usual_length_is_one_piece() {
        let all: Vec<_> = pieces(&[EDGE, A, A, COMMA, SPACE, A, POINT, CLOSING[0], EDGE]).collect();
        assert_eq!(all, [(vec![EDGE, A, A, COMMA, SPACE, A, POINT, CLOSING[0], EDGE], Pause::Sentence)]);
        assert_eq!(pieces(&[A, COMMA]).next(), Some((vec![EDGE, A, COMMA, EDGE], Pause::Clause)));
        assert_eq!(pieces(&[A]).next(), Some((vec![EDGE, A, EDGE], Pause::Clause)));
        assert_eq!(pieces(&[EDGE, EDGE]).next(), None);
        assert_eq!(pieces(&[ELLIPSIS, SPACE, QUESTION]).next(), None);
    }

    #[test]
    fn a_long_one_is_cut_at_commas_then_at_spaces() {
        let mut ids = [A, A, A, A, SPACE].repeat(60);
        let spaces: Vec<_> = pieces(&ids).map(|(piece, pause)| (piece.len() - 2, pause)).collect();
        assert_eq!(spaces, [(200, Pause::Word), (100, Pause::Clause)]);
        ids[150] = COMMA;
        let comma: Vec<_> = pieces(&ids).map(|(piece, pause)| (piece.len() - 2, pause)).collect();
        assert_eq!(comma, [(151, Pause::Clause), (149, Pause::Clause)]);
    }

    proptest! {
        #[test]
        fn no_phoneme_is_lost_and_no_piece_is_too_long(ids in prop::collection::vec(-3..200_i32, 0..900)) {
            let mut joined = Vec::new();
            for (piece, _) in pieces(&ids) {
                prop_assert!((3..=LONGEST + 2).contains(&piece.len()));
                joined.extend_from_slice(&piece[1..piece.len() - 1]);
            }
            let wanted: Vec<i32> = ids.into_iter().filter(|id| *id != EDGE).collect();
            let (same, silent) = wanted.split_at(joined.len());
            prop_assert_eq!(joined, same);
            prop_assert!(silent.iter().all(|id| *id <= SPACE));
        }
    }
}
