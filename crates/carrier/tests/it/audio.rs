//! Audio both ways: nothing is lost, added or out of order, however it is cut.

use proptest::prelude::*;
use proptest::test_runner::Config;
use redial_call::audio::{self, FRAME_BYTES, SAMPLE_RATE_HZ, SILENCE};
use redial_carrier::line::{LineCommand, LineEvent, Medium};

use crate::peer::{Line, Peer, Told};
use crate::sound::{assert_is_the_tune, tone, tune};

/// Samples a second on the wire.
fn rate_hz(peer: &dyn Peer) -> u32 {
    match Line::new(peer).codec.capabilities().medium {
        Medium::Audio(format) => format.rate_hz,
        Medium::Words => panic!("no audio"),
    }
}

/// These bytes in pieces of these lengths; the rest is the last one.
fn pieces<'a>(bytes: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
    let (mut pieces, mut rest) = (Vec::new(), bytes);
    for cut in cuts {
        let (piece, after) = rest.split_at(rest.len().min(*cut));
        pieces.push(piece);
        rest = after;
    }
    // No message is longer than a tenth of a second of the widest audio.
    pieces.extend(rest.chunks(3200));
    pieces
}

/// What we hear of a track that comes in these pieces.
fn heard(peer: &dyn Peer, pieces: &[&[u8]]) -> Vec<u8> {
    let mut line = Line::started(peer);
    let mut ulaw = Vec::new();
    for piece in pieces {
        match line.event(&peer.packet(piece)) {
            LineEvent::Audio(audio) => {
                assert!(audio.inbound);
                ulaw.extend(audio.ulaw);
            }
            other => panic!("{other:?}"),
        }
    }
    ulaw
}

/// What the peer plays of μ-law that we send in these pieces.
fn played(peer: &dyn Peer, pieces: &[&[u8]]) -> Vec<i16> {
    let mut line = Line::started(peer);
    let mut told = Vec::new();
    for piece in pieces {
        told.extend(line.told(peer, LineCommand::Audio(piece)));
    }
    told.extend(line.told(peer, LineCommand::Flush));
    sound(told)
}

fn sound(told: Vec<Told>) -> Vec<i16> {
    let samples = told.into_iter().flat_map(|told| match told {
        Told::Audio(samples) => samples,
        other => panic!("{other:?} where audio was sent"),
    });
    samples.collect()
}

fn ulaw(samples: &[i16]) -> Vec<u8> {
    samples.iter().map(|sample| audio::encode(*sample)).collect()
}

/// Lengths of frames, of pieces of frames, odd ones, none.
const CUTS: [usize; 12] = [1, 0, 1, 639, 640, 641, 159, 161, 3, 2000, 0, 77];

pub(crate) fn what_the_caller_says_arrives_whole_and_in_order(peer: &dyn Peer) {
    let track = peer.track(&tune(rate_hz(peer)));
    for cuts in [&CUTS[..], &[]] {
        let samples: Vec<i16> = heard(peer, &pieces(&track, cuts)).into_iter().map(audio::decode).collect();
        assert_is_the_tune(&samples, SAMPLE_RATE_HZ);
    }
}

pub(crate) fn how_the_callers_audio_is_cut_changes_nothing(peer: &dyn Peer) {
    let track = peer.track(&tone(rate_hz(peer), 1000.0, 300));
    let whole = heard(peer, &pieces(&track, &[]));
    proptest!(Config::with_cases(64), |(cuts in prop::collection::vec(0_usize..1000, 0..40))| {
        prop_assert_eq!(&heard(peer, &pieces(&track, &cuts)), &whole);
    });
}

pub(crate) fn what_is_sent_is_what_the_peer_plays(peer: &dyn Peer) {
    let track = ulaw(&tune(SAMPLE_RATE_HZ));
    for cuts in [&CUTS[..], &[]] {
        assert_is_the_tune(&played(peer, &pieces(&track, cuts)), rate_hz(peer));
    }
    // What is whole frames already gets none added: the clock of what was heard would be wrong by it.
    let frames = played(peer, &pieces(&track, &[FRAME_BYTES; 20]));
    assert_eq!(frames.len(), track.len() * rate_hz(peer) as usize / SAMPLE_RATE_HZ as usize);
}

pub(crate) fn how_what_is_sent_is_cut_changes_nothing(peer: &dyn Peer) {
    let track = ulaw(&tone(SAMPLE_RATE_HZ, 1000.0, 300));
    let whole = played(peer, &pieces(&track, &[]));
    proptest!(Config::with_cases(64), |(cuts in prop::collection::vec(0_usize..1000, 0..20))| {
        prop_assert_eq!(&played(peer, &pieces(&track, &cuts)), &whole);
    });
}

pub(crate) fn what_was_cleared_is_not_played(peer: &dyn Peer) {
    let mut line = Line::started(peer);
    // Ends within a frame, so that whoever holds frames back has some of it.
    line.told(peer, LineCommand::Audio(&ulaw(&tone(SAMPLE_RATE_HZ, 1000.0, 333))));
    let cleared = line.told(peer, LineCommand::Clear);
    if line.codec.capabilities().clear {
        assert_eq!(cleared, [Told::Clear]);
    }
    let mut after = line.told(peer, LineCommand::Audio(&[SILENCE; FRAME_BYTES * 3]));
    after.extend(line.told(peer, LineCommand::Flush));
    let after = sound(after);
    assert_eq!(after.len(), FRAME_BYTES * 3 * rate_hz(peer) as usize / SAMPLE_RATE_HZ as usize);
    assert!(after.iter().all(|sample| *sample == 0), "sound of before is played");
    assert_eq!(line.told(peer, LineCommand::Flush), [], "nothing is left");
}
