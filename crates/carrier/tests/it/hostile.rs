//! What a peer could do to us, or have us repeat.

use std::error::Error;

use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::Config;
use redial_carrier::line::{LineEvent, Medium, ReadError};
use redial_carrier::webhook::Refused;
use serde_json::{Value, json};

use crate::peer::{CALL, Line, OTHER_CALL, Peer, STREAM, Wire};

/// Two seconds of 8 kHz μ-law: more is in no message.
const MOST_ULAW: usize = 16_384;
/// Parameters of a start.
const MOST_PARAMETERS: usize = 20;

/// One of each message that the carrier sends.
fn messages(peer: &dyn Peer) -> Vec<Wire> {
    let capabilities = Line::new(peer).codec.capabilities();
    let mut messages = vec![peer.start(CALL, STREAM, &[("token", "v1.x"), ("tenant", "acme")]), peer.key('5')];
    messages.extend(peer.end());
    if capabilities.marks {
        messages.push(peer.played("t1.g0.1"));
    }
    match capabilities.medium {
        Medium::Audio(_) => messages.push(peer.packet(&peer.track(&[1000; 320]))),
        Medium::Words => messages.extend([peer.words("My hours?", true), peer.interrupted("We are")]),
    }
    messages
}

/// An event is no larger than the message that it is read from, and no larger than any message has to be.
fn assert_bounded(event: &LineEvent, message: &Wire) {
    let came = match message {
        Wire::Text(text) => text.len(),
        Wire::Binary(bytes) => bytes.len(),
    };
    match event {
        LineEvent::Audio(audio) => assert!(audio.ulaw.len() <= MOST_ULAW.min(came)),
        LineEvent::Started(started) => {
            assert!(started.parameters.len() <= MOST_PARAMETERS);
            let bytes: usize = started.parameters.iter().map(|(name, value)| name.len() + value.len()).sum();
            assert!(bytes <= came);
        }
        LineEvent::Played { mark: text }
        | LineEvent::Words { text, .. }
        | LineEvent::Interrupted { heard: text }
        | LineEvent::Unknown(text) => assert!(text.len() <= came),
        LineEvent::Dtmf { digit } => assert!(digit.is_ascii()),
        LineEvent::Connected | LineEvent::Stopped => (),
    }
}

pub(crate) fn no_message_panics_or_becomes_more_than_it_was(peer: &dyn Peer) {
    let valid = messages(peer);
    let damaged = (select(valid.clone()), any::<Index>(), prop::collection::vec(any::<u8>(), 0..8), any::<bool>());
    let damaged = damaged.prop_map(|(message, at, bytes, cut)| {
        let mut all = match &message {
            Wire::Text(text) => text.clone().into_bytes(),
            Wire::Binary(bytes) => bytes.clone(),
        };
        let at = at.index(all.len() + 1);
        let end = if cut { all.len() } else { all.len().min(at + bytes.len()) };
        all.splice(at..end, bytes);
        match message {
            Wire::Text(_) => Wire::Text(String::from_utf8_lossy(&all).into_owned()),
            Wire::Binary(_) => Wire::Binary(all),
        }
    });
    let message = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..2000).prop_map(Wire::Binary),
        any::<String>().prop_map(Wire::Text),
        select(valid),
        damaged,
    ];
    let config = Config::with_cases(400);
    proptest!(config, |(messages in prop::collection::vec(message, 1..8), started in any::<bool>())| {
        let mut line = if started { Line::started(peer) } else { Line::new(peer) };
        for message in &messages {
            if let Ok(event) = line.read(message) {
                assert_bounded(&event, message);
            }
        }
    });
}

pub(crate) fn a_message_that_is_too_large_is_refused(peer: &dyn Peer) {
    let large = "x".repeat(70_000);
    let deep = format!("{}1{}", "[".repeat(30_000), "]".repeat(30_000));
    let start = peer.start(CALL, STREAM, &[]);
    let in_a_start = start.text().replacen('{', &format!("{{\"more\":\"{large}\","), 1);
    let deep_in_a_start = start.text().replacen('{', &format!("{{\"more\":{deep},"), 1);
    for text in [large.clone(), format!("{{\"event\":\"{large}\"}}"), deep, in_a_start] {
        let mut line = Line::new(peer);
        assert!(line.read(&Wire::Text(text.clone())).is_err(), "{}…", &text[..60]);
    }
    // May be skipped, as a member that is newer than this build; it must not use up the stack.
    let _ = Line::new(peer).read(&Wire::Text(deep_in_a_start));
    assert!(Line::started(peer).read(&Wire::Binary(vec![0; 70_000])).is_err());
    if matches!(Line::new(peer).codec.capabilities().medium, Medium::Audio(_)) {
        let minute = peer.packet(&vec![0x55; 1_000_000]);
        assert!(Line::started(peer).read(&minute).is_err());
    }
}

/// What must not come back. Digits alone could be a number in a place of numbers.
const MARKED: &str = "S3CRET.4155550123";
const NUMBER: u64 = 14_155_550_123;

fn assert_says_nothing(printed: &str, sent: &str) {
    for secret in [MARKED, "S3CRET", "4155550123"] {
        assert!(!printed.contains(secret), "{printed}\nwas said of {sent}");
    }
}

/// All that can be printed of an error.
fn printed(error: &dyn Error) -> String {
    let mut printed = format!("{error} {error:?}");
    let mut source = error.source();
    while let Some(error) = source {
        printed += &format!(" {error} {error:?}");
        source = error.source();
    }
    printed
}

/// The same message with each of its members, at any depth, replaced by each of these.
fn with_each_replaced(message: &Value, by: &[Value]) -> Vec<Value> {
    let Value::Object(members) = message else { return Vec::new() };
    let mut all = Vec::new();
    for (name, member) in members {
        let replaced = by.iter().cloned().chain(with_each_replaced(member, by));
        all.extend(replaced.map(|value| {
            let mut message = message.clone();
            message[name] = value;
            message
        }));
    }
    all
}

pub(crate) fn errors_of_a_stream_never_repeat_what_the_peer_sent(peer: &dyn Peer) {
    let by = [json!(MARKED), json!(NUMBER), json!(-14_155_550_123.5), json!([MARKED]), json!({ MARKED: MARKED })];
    let mut texts = vec![MARKED.to_owned(), format!("{{\"{MARKED}"), format!("{{\"{MARKED}\":{NUMBER}x}}")];
    for message in messages(peer) {
        if let Wire::Text(text) = message {
            let message: Value = serde_json::from_str(&text).unwrap();
            texts.extend(with_each_replaced(&message, &by).iter().map(Value::to_string));
        }
    }
    let mut errors = 0;
    for text in texts {
        for mut line in [Line::new(peer), Line::started(peer)] {
            if let Err(error) = line.read(&Wire::Text(text.clone())) {
                errors += 1;
                assert_says_nothing(&printed(&error), &text);
                assert!(!matches!(error, ReadError::Kind(_)), "{text}");
            }
        }
    }
    assert!(errors > 20, "{errors} errors only");
}

pub(crate) fn no_body_of_a_webhook_panics(peer: &dyn Peer) {
    let carrier = peer.carrier();
    let valid = peer.body(&peer.call(CALL, "+14155550123", false));
    let damaged = (any::<Index>(), prop::collection::vec(any::<u8>(), 0..8)).prop_map(move |(at, bytes)| {
        let mut body = valid.clone();
        let at = at.index(body.len());
        let end = body.len().min(at + bytes.len());
        body.splice(at..end, bytes);
        body
    });
    let body = prop_oneof![prop::collection::vec(any::<u8>(), 0..300), damaged];
    proptest!(Config::with_cases(400), |(body in body)| {
        let hook = peer.signed(body);
        for error in [
            carrier.webhook().call(hook.request()).err(),
            carrier.webhook().status(hook.request()).err(),
        ].into_iter().flatten() {
            prop_assert!(matches!(error, Refused::Malformed(_) | Refused::OtherAccount(_)), "{error}");
        }
    });
}

pub(crate) fn refusals_of_a_webhook_never_repeat_what_the_peer_sent(peer: &dyn Peer) {
    let carrier = peer.carrier();
    let webhook = carrier.webhook();
    let mut refused = 0;
    let mut look = |hook: &crate::peer::Hook| {
        let refusals = [webhook.call(hook.request()).err(), webhook.status(hook.request()).err()];
        for error in refusals.into_iter().flatten() {
            refused += 1;
            assert_says_nothing(&printed(&error), &String::from_utf8_lossy(&hook.body));
        }
    };
    for fields in [peer.call(CALL, "+14155550123", false), peer.status(OTHER_CALL, true)] {
        for at in 0..fields.len() {
            let mut changed = fields.clone();
            changed[at].1 = MARKED.to_owned();
            look(&peer.hook(&changed));
            changed[at].0 = MARKED.to_owned();
            look(&peer.hook(&changed));
        }
        let mut unsigned = peer.hook(&fields);
        unsigned.headers.insert(peer.signature(), MARKED.parse().unwrap());
        look(&unsigned);
        unsigned.headers.insert("content-type", MARKED.parse().unwrap());
        look(&unsigned);
    }
    // Of a carrier that has lost its mind: signed, and no webhook.
    for junk in [
        MARKED.to_owned(),
        json!(MARKED).to_string(),
        format!("{{\"{MARKED}\":"),
        json!({ "call": NUMBER, "status": "ringing" }).to_string(),
        json!({ "call": { MARKED: MARKED }, "status": [MARKED] }).to_string(),
        json!({ "call": CALL, "status": "ringing", "from": NUMBER }).to_string(),
        format!("CallSid={MARKED}&CallSid={MARKED}"),
        format!("CallSid={CALL}&From={MARKED}&From={MARKED}"),
        format!("{MARKED}={MARKED}&").repeat(300),
    ] {
        look(&peer.signed(junk.into_bytes()));
    }
    assert!(refused > 4, "{refused} refusals only");
}
