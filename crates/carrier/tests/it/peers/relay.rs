//! The other side of the carrier of words.

use http::{HeaderMap, HeaderName};
use redial_carrier::Carrier;
use redial_carrier::scripted::relay::{self, CONTENT_TYPE, SIGNATURE};
use redial_carrier::webhook::Document;
use serde_json::{Map, Value, json};

use super::json;
use crate::peer::{Answered, Fields, Hook, Peer, Told, Wire};

pub(crate) struct Relay;

impl Peer for Relay {
    fn carrier(&self) -> Box<dyn Carrier> {
        Box::new(relay::Relay::new(json::KEY))
    }

    fn start(&self, call: &str, stream: &str, parameters: &[(&str, &str)]) -> Wire {
        let parameters: Map<String, Value> =
            parameters.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
        let setup = json!({
            "type": "setup", "sessionId": stream, "callSid": call, "parentCallSid": "", "from": "+14155550123",
            "to": "+18005550199", "direction": "inbound", "callType": "PSTN", "callStatus": "RINGING",
            "customParameters": parameters,
        });
        Wire::Text(setup.to_string())
    }

    fn key(&self, digit: char) -> Wire {
        Wire::Text(json!({ "type": "dtmf", "digit": digit.to_string() }).to_string())
    }

    fn end(&self) -> Option<Wire> {
        None
    }

    fn words(&self, text: &str, last: bool) -> Wire {
        Wire::Text(json!({ "type": "prompt", "voicePrompt": text, "lang": "en-US", "last": last }).to_string())
    }

    fn interrupted(&self, heard: &str) -> Wire {
        let interrupt =
            json!({ "type": "interrupt", "utteranceUntilInterrupt": heard, "durationUntilInterruptMs": 460 });
        Wire::Text(interrupt.to_string())
    }

    fn read(&self, message: &Wire) -> Told {
        let message: Value = serde_json::from_str(message.text()).unwrap();
        let members = message.as_object().unwrap().len();
        match message["type"].as_str() {
            Some("text") => {
                assert_eq!(members, 3, "{message}");
                let text = message["token"].as_str().unwrap().to_owned();
                Told::Words { text, last: message["last"].as_bool().unwrap() }
            }
            Some("end") => {
                assert_eq!(members, 1, "{message}");
                Told::End
            }
            _ => panic!("malformed: {message}"),
        }
    }

    fn signature(&self) -> HeaderName {
        SIGNATURE
    }

    fn call(&self, call: &str, from: &str, is_answered: bool) -> Fields {
        json::call(call, from, is_answered)
    }

    fn status(&self, call: &str, is_over: bool) -> Fields {
        json::status(call, is_over)
    }

    fn body(&self, fields: &[(String, String)]) -> Vec<u8> {
        json::body(fields)
    }

    fn signed(&self, body: Vec<u8>) -> Hook {
        json::signed(SIGNATURE, body)
    }

    fn upgrade(&self) -> HeaderMap {
        json::upgrade(SIGNATURE)
    }

    fn answered(&self, document: &Document) -> Answered {
        json::answered(document, CONTENT_TYPE)
    }
}

#[test]
fn words_without_a_last_are_final() {
    use redial_carrier::line::LineEvent;

    use crate::peer::Line;

    let prompt = Wire::Text(json!({ "type": "prompt", "voicePrompt": "Hi." }).to_string());
    assert!(matches!(Line::started(&Relay).event(&prompt), LineEvent::Words { last: true, .. }));
}

#[test]
fn what_is_newer_than_this_build_is_told_by_its_name() {
    use redial_carrier::line::LineEvent;

    use crate::peer::Line;

    for name in ["info", "error"] {
        let message = Wire::Text(json!({ "type": name, "name": "tokensPlayed", "value": "We are" }).to_string());
        let event = Line::started(&Relay).event(&message);
        assert!(matches!(&event, LineEvent::Unknown(told) if told == name), "{event:?}");
    }
}
