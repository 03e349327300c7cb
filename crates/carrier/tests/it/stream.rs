//! A stream's start, keys and end, and what may be written when.

use redial_carrier::line::{LineCommand, LineEvent, Medium, ReadError, Started};

use crate::peer::{CALL, Line, OTHER_CALL, OTHER_STREAM, Peer, STREAM, Told, Wire};

pub(crate) fn a_start_tells_call_stream_and_parameters(peer: &dyn Peer) {
    let parameters = [("token", "v1.aB-_9"), ("tenant", "acme \"&\" <co>, Zoë")];
    let mut line = Line::new(peer);
    let LineEvent::Started(started) = line.event(&peer.start(CALL, STREAM, &parameters)) else { panic!("no start") };
    assert_eq!((started.call.as_str(), started.stream.as_str()), (CALL, STREAM));
    for (name, value) in parameters {
        assert_eq!(started.parameter(name), Some(value));
    }
    let mut names = started.parameter_names();
    names.sort();
    assert_eq!(names, ["tenant", "token"]);
    let printed = format!("{started:?}");
    assert!(!printed.contains("v1.aB-_9"), "{printed}");
    let none = Line::new(peer).event(&peer.start(CALL, STREAM, &[]));
    assert!(matches!(none, LineEvent::Started(Started { parameters, .. }) if parameters.is_empty()));
}

pub(crate) fn a_second_start_of_the_same_call_changes_nothing(peer: &dyn Peer) {
    let mut line = Line::started(peer);
    let again = line.read(&peer.start(CALL, STREAM, &[("token", "v1.other")]));
    assert!(matches!(again, Err(ReadError::SecondStart)), "{again:?}");
    goes_on(&mut line, peer);
}

pub(crate) fn a_second_start_of_another_call_or_stream_is_told_from_that(peer: &dyn Peer) {
    for (call, stream) in [(OTHER_CALL, STREAM), (CALL, OTHER_STREAM), (OTHER_CALL, OTHER_STREAM)] {
        let mut line = Line::started(peer);
        let other = line.read(&peer.start(call, stream, &[("token", "v1.x")]));
        assert!(matches!(other, Err(ReadError::OtherStart)), "{other:?}");
        goes_on(&mut line, peer);
    }
}

/// The stream is still the one that has started.
fn goes_on(line: &mut Line, peer: &dyn Peer) {
    assert!(matches!(line.event(&peer.key('7')), LineEvent::Dtmf { digit: '7' }));
    let again = line.read(&peer.start(CALL, STREAM, &[]));
    assert!(matches!(again, Err(ReadError::SecondStart)), "{again:?}");
    assert!(line.try_write(LineCommand::Flush).is_ok());
}

pub(crate) fn a_start_without_a_call_or_with_too_many_parameters_is_refused(peer: &dyn Peer) {
    let long = "x".repeat(600);
    let names: Vec<String> = (0..50).map(|n| format!("p{n}")).collect();
    let many: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "v")).collect();
    for (what, start) in [
        ("no call", peer.start("", STREAM, &[])),
        ("no stream", peer.start(CALL, "", &[])),
        ("a call with a line break", peer.start("CA\n5f2b", STREAM, &[])),
        ("a long call", peer.start(&"C".repeat(1000), STREAM, &[])),
        ("a long parameter", peer.start(CALL, STREAM, &[("token", &long)])),
        ("many parameters", peer.start(CALL, STREAM, &many)),
    ] {
        let mut line = Line::new(peer);
        assert!(line.read(&start).is_err(), "{what}");
        assert!(line.try_write(LineCommand::Flush).is_err(), "{what}: the stream has started");
    }
}

pub(crate) fn keys_are_read(peer: &dyn Peer) {
    let mut line = Line::started(peer);
    for digit in "0123456789*#ABCD".chars() {
        let event = line.event(&peer.key(digit));
        assert!(matches!(event, LineEvent::Dtmf { digit: read } if read == digit), "{digit}: {event:?}");
    }
    for no_key in ['x', ' ', '+', '٣', '\n'] {
        assert!(line.read(&peer.key(no_key)).is_err(), "{no_key:?}");
    }
}

pub(crate) fn the_end_is_read(peer: &dyn Peer) {
    let mut line = Line::started(peer);
    match peer.end() {
        Some(end) => assert!(matches!(line.event(&end), LineEvent::Stopped)),
        // The socket's end is the stream's, and nothing else is taken for it.
        None => assert!(!matches!(line.event(&peer.key('#')), LineEvent::Stopped)),
    }
}

const COMMANDS: [LineCommand<'static>; 6] = [
    LineCommand::Audio(&[0x55; 1600]),
    LineCommand::Flush,
    LineCommand::Mark("t1.g0.1"),
    LineCommand::Clear,
    LineCommand::Words { text: "Hello. ", last: false },
    LineCommand::End,
];

pub(crate) fn nothing_is_written_before_the_start(peer: &dyn Peer) {
    let mut line = Line::new(peer);
    for command in COMMANDS {
        assert!(line.try_write(command).is_err(), "{command:?}");
    }
    // Nor is any of it sent later.
    line.event(&peer.start(CALL, STREAM, &[]));
    assert_eq!(line.told(peer, LineCommand::Flush), []);
}

pub(crate) fn what_a_line_can_do_is_written_and_nothing_else(peer: &dyn Peer) {
    let capabilities = Line::new(peer).codec.capabilities();
    let audio = matches!(capabilities.medium, Medium::Audio(_));
    let told = |command| Line::started(peer).told(peer, command);
    let mark = told(LineCommand::Mark("t1.g0.1"));
    assert_eq!(mark, capabilities.marks.then(|| Told::Mark("t1.g0.1".to_owned())).into_iter().collect::<Vec<_>>());
    let clear = told(LineCommand::Clear);
    assert_eq!(clear, capabilities.clear.then_some(Told::Clear).into_iter().collect::<Vec<_>>());
    let sound = told(LineCommand::Audio(&[0x55; 1600]));
    assert_eq!(!sound.is_empty(), audio);
    assert!(sound.iter().all(|told| matches!(told, Told::Audio(_))), "{sound:?}");
    let words = told(LineCommand::Words { text: "Hello. ", last: false });
    assert_eq!(!words.is_empty(), !audio);
    assert!(words.iter().all(|told| matches!(told, Told::Words { .. })), "{words:?}");
    let end = told(LineCommand::End);
    assert!(matches!(end.as_slice(), [] | [Told::End]), "{end:?}");
    if capabilities.marks {
        let event = Line::started(peer).event(&peer.played("t1.g0.1"));
        assert!(matches!(&event, LineEvent::Played { mark } if mark == "t1.g0.1"), "{event:?}");
    }
    // A message of the other kind is no reason to panic, or to believe anything.
    if !audio {
        assert!(matches!(Line::started(peer).read(&Wire::Binary(vec![0; 640])), Err(ReadError::Kind(_))));
    }
}
