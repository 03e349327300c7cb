//! Words both ways, where the carrier recognises and speaks.

use redial_carrier::line::{LineCommand, LineEvent};

use crate::peer::{Line, Peer, Told};

/// What JSON and XML would break on.
const TEXTS: [&str; 4] = ["What are your hours?", "  two  spaces ", "\"quoted\" & <tagged> \\ \u{7} \n", "Zoë 😀"];

pub(crate) fn what_the_caller_says_is_read(peer: &dyn Peer) {
    let mut line = Line::started(peer);
    for (text, last) in TEXTS.into_iter().flat_map(|text| [(text, false), (text, true)]) {
        match line.event(&peer.words(text, last)) {
            LineEvent::Words { text: read, last: over } => assert_eq!((read.as_str(), over), (text, last)),
            other => panic!("{other:?}"),
        }
    }
}

pub(crate) fn an_interruption_tells_what_was_heard(peer: &dyn Peer) {
    let mut line = Line::started(peer);
    for text in TEXTS.into_iter().chain([""]) {
        match line.event(&peer.interrupted(text)) {
            LineEvent::Interrupted { heard } => assert_eq!(heard, text),
            other => panic!("{other:?}"),
        }
    }
}

pub(crate) fn what_is_sent_is_what_the_peer_speaks(peer: &dyn Peer) {
    let mut line = Line::started(peer);
    for (text, last) in TEXTS.into_iter().flat_map(|text| [(text, false), (text, true)]) {
        let told = line.told(peer, LineCommand::Words { text, last });
        assert_eq!(told, [Told::Words { text: text.to_owned(), last }]);
    }
}
