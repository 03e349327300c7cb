//! Tests of the wire format: what is taken, what is refused, what is written.

use proptest::prelude::*;

use super::*;

const STREAM: &str = "MZ9c8d7e6f5a4b3c2d1e0f9a8b7c6d5e4f";

fn stream() -> StreamId {
    STREAM.parse().unwrap()
}

fn start_text(format: &str, parameters: &str) -> String {
    format!(
        r#"{{"event":"start","sequenceNumber":"1","streamSid":"{STREAM}","start":{{"streamSid":"{STREAM}",
        "accountSid":"AC0a1b2c3d4e5f60718293a4b5c6d7e8f9","callSid":"CA5f2b7c9e0d1a4b3c8e7f6a5b4c3d2e1f",
        "tracks":["inbound"],"mediaFormat":{format}{parameters}}}}}"#
    )
}

const FORMAT: &str = r#"{"encoding":"audio/x-mulaw","sampleRate":8000,"channels":1}"#;

fn fault(text: &str) -> String {
    decode(text).expect_err("a fault").to_string()
}

fn event(text: &str) -> Incoming<'_> {
    decode(text).unwrap_or_else(|error| panic!("{error}: {text}")).event
}

#[test]
fn documented_messages_are_read() {
    assert!(matches!(event(r#"{"event":"connected","protocol":"Call","version":"1.0.0"}"#), Incoming::Connected));
    let text = start_text(FORMAT, r#","customParameters":{"token":"v1.x","tenant":"acme & co"}"#);
    let Incoming::Start(start) = event(&text) else { panic!("no start") };
    assert_eq!(start.call_sid.as_str(), "CA5f2b7c9e0d1a4b3c8e7f6a5b4c3d2e1f");
    assert_eq!(start.stream_sid, stream());
    assert_eq!(start.parameter("tenant"), Some("acme & co"));
    let text = format!(
        r#"{{"event":"media","sequenceNumber":"2","streamSid":"{STREAM}","media":{{"track":"inbound","chunk":"1","timestamp":"20","payload":"/7utpqGgoaatu/87LSYhICEmLTv/"}}}}"#
    );
    let message = decode(&text).unwrap();
    assert_eq!(message.sequence_number, Some(2));
    assert!(matches!(&message.stream_sid, Some(Cow::Borrowed(STREAM))), "copied");
    let Incoming::Media(media) = message.event else { panic!("no media") };
    assert!(media.is_inbound());
    assert_eq!(media.ulaw()[..4], [0xff, 0xbb, 0xad, 0xa6]);
    let text = r##"{"event":"dtmf","sequenceNumber":"213","dtmf":{"track":"inbound_track","digit":"#"}}"##;
    assert!(matches!(event(text), Incoming::Dtmf { digit: '#' }));
    let text = r#"{"event":"mark","sequenceNumber":"97","mark":{"name":"u1.end"}}"#;
    assert!(matches!(event(text), Incoming::Mark { name } if name == "u1.end"));
    assert!(matches!(event(r#"{"event":"stop","stop":{"callSid":"x"}}"#), Incoming::Stop));
    assert!(matches!(event(r#"{"event":"weather","sky":[1,{}]}"#), Incoming::Unknown(name) if name == "weather"));
}

#[test]
fn numbers_and_strings_are_taken_for_each_other() {
    let format = r#"{"encoding":"audio/x-mulaw","sampleRate":"8000","channels":"1"}"#;
    assert!(matches!(event(&start_text(format, "")), Incoming::Start(_)));
    for number in ["7", "\"7\"", "7.5", "\"seven\"", "null", "-7"] {
        let text = format!(r#"{{"event":"media","sequenceNumber":{number},"media":{{"payload":""}}}}"#);
        let expected = matches!(number, "7" | "\"7\"").then_some(7);
        assert_eq!(decode(&text).unwrap().sequence_number, expected, "{number}");
    }
    assert!(matches!(event(r#"{"event":"dtmf","dtmf":{"digit":5}}"#), Incoming::Dtmf { digit: '5' }));
    assert!(matches!(event(r#"{"event":"mark","mark":{"name":17}}"#), Incoming::Mark { name } if name == "17"));
    let text = start_text(FORMAT, r#","customParameters":{"attempt":2}"#);
    let Incoming::Start(start) = event(&text) else { panic!("no start") };
    assert_eq!(start.parameter("attempt"), Some("2"));
}

#[test]
fn the_stream_may_be_named_in_either_place() {
    let inside = start_text(FORMAT, "").replacen(&format!(r#""streamSid":"{STREAM}","start""#), r#""start""#, 1);
    assert!(matches!(event(&inside), Incoming::Start(_)), "{inside}");
    let outside = start_text(FORMAT, "").replacen(&format!(r#"{{"streamSid":"{STREAM}","#), "{", 1);
    assert!(matches!(event(&outside), Incoming::Start(_)), "{outside}");
    let differ = start_text(FORMAT, "").replacen(STREAM, "MZ00000000000000000000000000000000", 1);
    let message = decode(&differ).unwrap();
    assert!(!message.is_of(&stream()), "the outer one is the message's");
    assert!(
        matches!(message.event, Incoming::Start(start) if start.stream_sid == stream()),
        "the inner one is the start's"
    );
}

#[test]
fn a_message_of_another_stream_is_told_from_ours() {
    let of = |stream: &str| format!(r#"{{"event":"stop","streamSid":{stream}}}"#);
    assert!(decode(&of(&format!("\"{STREAM}\""))).unwrap().is_of(&stream()));
    assert!(decode(&of("null")).unwrap().is_of(&stream()));
    for other in ["\"MZ00000000000000000000000000000000\"", "\"\"", "7"] {
        assert!(!decode(&of(other)).unwrap().is_of(&stream()), "{other}");
    }
}

#[test]
fn nothing_of_the_peers_is_printed() {
    let text = start_text(FORMAT, r#","customParameters":{"token":"v1.secret"}"#);
    let number = r#"{"event":"media","media":"+14155550123"}"#;
    let printed =
        format!("{:?} {:?}", decode(&text.replace("8000", "\"8k\"")).unwrap_err(), decode(number).unwrap_err());
    assert!(!printed.contains("secret") && !printed.contains("4155550123"), "{printed}");
}

#[test]
fn other_audio_is_refused_and_ends_the_stream() {
    let error = decode(&start_text(r#"{"encoding":"audio/x-alaw","sampleRate":16000,"channels":2}"#, "")).unwrap_err();
    assert!(error.is_fatal());
    assert_eq!(
        error.to_string(),
        "mediaFormat: audio/x-alaw at 16000 Hz with 2 channel(s) is not audio/x-mulaw at 8000 Hz with 1 channel"
    );
}

#[test]
fn hostile_messages_are_refused_with_a_reason() {
    let long = "x".repeat(MAX_MESSAGE_BYTES + 1);
    assert_eq!(fault(&long), "the message has more than 65536 bytes");
    let deep = format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000));
    assert_eq!(fault(&start_text(FORMAT, &format!(r#","customParameters":{deep}"#))), "not a message of Media Streams");
    // What nobody reads is skipped, however deep it is.
    assert!(matches!(event(&format!(r#"{{"event":"x","y":{deep}}}"#)), Incoming::Unknown(_)));
    for text in [
        "",
        "null",
        "[]",
        "{",
        r#"{"event":null}"#,
        r#"{"event":"stop"} x"#,
        r#"{"event":"media","event":"stop"}"#,
        r#"{"event":"media","media":NaN}"#,
        r#"{"event":"\ud800"}"#,
        r#"{"no":"event"}"#,
    ] {
        assert_eq!(fault(text), "not a message of Media Streams", "{text:?}");
    }
    assert_eq!(fault(r#"{"event":"media"}"#), "media: missing");
    assert_eq!(fault(r#"{"event":"media","media":{"payload":"%%%"}}"#), "media.payload: not base64");
    let payload = "A".repeat(40_000);
    assert_eq!(
        fault(&format!(r#"{{"event":"media","media":{{"payload":"{payload}"}}}}"#)),
        "media.payload: more than 16 kB"
    );
    for digit in ["", "12", "x", "é"] {
        assert_eq!(fault(&format!(r#"{{"event":"dtmf","dtmf":{{"digit":"{digit}"}}}}"#)), "dtmf.digit: not a key");
    }
    let many: Vec<String> = (0..21).map(|n| format!(r#""p{n}":"v""#)).collect();
    let many = format!(r#","customParameters":{{{}}}"#, many.join(","));
    assert_eq!(fault(&start_text(FORMAT, &many)), "start.customParameters: more than 20");
    let long = format!(r#","customParameters":{{"token":"{}"}}"#, "x".repeat(1000));
    assert_eq!(fault(&start_text(FORMAT, &long)), "start.customParameters: one is too long");
    let nested = r#","customParameters":{"token":{"a":1}}"#;
    assert_eq!(fault(&start_text(FORMAT, nested)), "not a message of Media Streams");
    let twice = r#","customParameters":{"token":"a","token":"b"}"#;
    assert_eq!(fault(&start_text(FORMAT, twice)), "not a message of Media Streams");
    let limit = |chars: usize| start_text(FORMAT, &format!(r#","customParameters":{{"t":"{}"}}"#, "é".repeat(chars)));
    assert!(matches!(event(&limit(MAX_PARAMETER_CHARS - 1)), Incoming::Start(_)));
    assert_eq!(fault(&limit(MAX_PARAMETER_CHARS)), "start.customParameters: one is too long");
    let foreign = start_text(FORMAT, "").replace("CA5f2b", "../../");
    assert!(fault(&foreign).starts_with("start.callSid: not a CallSid"), "{}", fault(&foreign));
}

#[test]
fn exactly_the_documented_members_are_written() {
    let mut encoder = Encoder::new();
    assert_eq!(
        encoder.media(&stream(), &[0xff; 160]).unwrap(),
        format!(r#"{{"event":"media","streamSid":"{STREAM}","media":{{"payload":"{}w=="}}}}"#, "/".repeat(213))
    );
    assert_eq!(
        encoder.mark(&stream(), "t1.g0.1"),
        format!(r#"{{"event":"mark","streamSid":"{STREAM}","mark":{{"name":"t1.g0.1"}}}}"#)
    );
    assert_eq!(encoder.clear(&stream()), format!(r#"{{"event":"clear","streamSid":"{STREAM}"}}"#));
}

#[test]
fn a_file_is_not_sent_as_audio() {
    for magic in ["RIFF....WAVE", "ID3.", "OggS", "fLaC"] {
        assert!(Encoder::new().media(&stream(), magic.as_bytes()).is_err(), "{magic}");
    }
}

proptest! {
    #[test]
    fn no_string_panics_the_decoder(text in "\\PC{0,200}") {
        let _ = decode(&text);
    }

    #[test]
    fn no_json_panics_the_decoder(event in "connected|start|media|mark|dtmf|stop", inner in "[\\[\\]{}\",:a-z0-9.]{0,60}") {
        let _ = decode(&format!(r#"{{"event":"{event}","{event}":{inner}}}"#));
    }

    #[test]
    fn audio_comes_back_as_it_was_sent(ulaw in prop::collection::vec(any::<u8>(), 0..1000)) {
        let mut encoder = Encoder::new();
        if let Ok(text) = encoder.media(&stream(), &ulaw) {
            let Incoming::Media(media) = event(text) else { panic!("{text}") };
            prop_assert_eq!(media.ulaw(), &ulaw[..]);
        }
    }
}
