//! The recordings of `fixtures/turns` and what is known of them.

use crate::speech::ears::{recording, root, table};

/// A caller on tape. Times are ms of the recording.
#[derive(Debug)]
pub(super) struct Recording {
    pub(super) file: String,
    pub(super) voice: String,
    /// The first sound.
    pub(super) begin_ms: u64,
    /// The end of the last one.
    pub(super) end_ms: u64,
    /// Where the caller hesitates: from, to.
    pub(super) pauses: Vec<(u64, u64)>,
    pub(super) ulaw: Vec<u8>,
}

/// All recordings of a kind, in order.
pub(super) fn recordings(kind: &str) -> Vec<Recording> {
    let folder = root().join("fixtures/turns");
    let rows = table::<7>(folder.join("turns.tsv")).into_iter().filter(|row| row[0] == kind);
    rows.map(|[_, file, voice, begin, end, pauses, _]| {
        let ms = |text: &str| -> u64 { text.parse().unwrap() };
        let pause = |text: &str| text.split_once('-').filter(|(from, _)| !from.is_empty()).map(|(a, b)| (ms(a), ms(b)));
        Recording {
            ulaw: recording(folder.join(&file)),
            begin_ms: ms(&begin),
            end_ms: ms(&end),
            pauses: pauses.split(',').filter_map(pause).collect(),
            file,
            voice,
        }
    })
    .collect()
}

#[test]
fn the_table_of_recordings_fits_their_audio() {
    for (kind, count) in [("hesitating", 20), ("complete", 20), ("backchannel", 10), ("interruption", 10)] {
        let recordings = recordings(kind);
        assert_eq!(recordings.len(), count, "{kind}");
        for recording in recordings {
            let length = recording.ulaw.len() as u64 / 8;
            assert!(recording.begin_ms < recording.end_ms && recording.end_ms <= length, "{}", recording.file);
            assert_eq!(recording.pauses.is_empty(), kind != "hesitating", "{}", recording.file);
            for (from, to) in recording.pauses {
                assert!((500..=1300).contains(&(to - from)), "{}", recording.file);
                assert!(recording.begin_ms < from && to < recording.end_ms, "{}", recording.file);
            }
        }
    }
}
