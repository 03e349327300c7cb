//! The other side of the wideband carrier.

use http::{HeaderMap, HeaderName};
use redial_carrier::Carrier;
use redial_carrier::control::ApiRequest;
use redial_carrier::scripted::hooks::sign;
use redial_carrier::scripted::orders::Orders;
use redial_carrier::scripted::wideband::{self, CONTENT_TYPE, FRAME_BYTES, SIGNATURE};
use redial_carrier::webhook::Document;
use serde_json::json;

use super::json;
use crate::peer::{Answered, Fields, Hook, Peer, Told, Wire};

pub(crate) struct Wideband;

impl Peer for Wideband {
    fn carrier(&self) -> Box<dyn Carrier> {
        let orders = Orders::new("https://wideband.example.com/v1", json::KEY);
        Box::new(wideband::Wideband::new(json::KEY).with_orders(orders))
    }

    fn takes_orders(&self) -> bool {
        true
    }

    fn hung_up(&self, request: &ApiRequest) -> String {
        let [calls, call] = &request.path[..] else { panic!("{:?}", request.path) };
        assert_eq!((calls.as_str(), request.content_type), ("calls", "application/json"));
        assert_eq!(request.body, r#"{"do":"end"}"#);
        assert_eq!(request.authorization, format!("HMAC {}", sign(json::KEY, request.body.as_bytes())));
        call.clone()
    }

    fn start(&self, call: &str, stream: &str, parameters: &[(&str, &str)]) -> Wire {
        let mut start = json!({
            "event": "websocket:connected", "content-type": CONTENT_TYPE, "call": call, "stream": stream,
        });
        for (name, value) in parameters {
            start[name] = json!(value);
        }
        Wire::Text(start.to_string())
    }

    fn key(&self, digit: char) -> Wire {
        Wire::Text(json!({ "event": "websocket:dtmf", "digit": digit.to_string(), "duration": 260 }).to_string())
    }

    fn end(&self) -> Option<Wire> {
        None
    }

    fn track(&self, samples: &[i16]) -> Vec<u8> {
        samples.iter().flat_map(|sample| sample.to_le_bytes()).collect()
    }

    fn packet(&self, track: &[u8]) -> Wire {
        Wire::Binary(track.to_owned())
    }

    fn read(&self, message: &Wire) -> Told {
        match message {
            Wire::Binary(bytes) => {
                assert_eq!(bytes.len(), FRAME_BYTES, "a frame has 20 ms, no more and no less");
                Told::Audio(bytes.chunks(2).map(|sample| i16::from_le_bytes(sample.try_into().unwrap())).collect())
            }
            Wire::Text(text) => {
                assert_eq!(text, r#"{"action":"clear"}"#);
                Told::Clear
            }
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
fn a_start_of_other_audio_ends_the_stream() {
    use redial_carrier::line::ReadError;

    use crate::peer::{CALL, Line, STREAM};

    let start = Wideband.start(CALL, STREAM, &[("content-type", "audio/l16;rate=24000")]);
    assert!(matches!(Line::new(&Wideband).read(&start), Err(ReadError::Unusable(_))));
}

#[test]
fn a_tail_is_filled_up_with_silence() {
    use redial_carrier::line::LineCommand;

    use crate::peer::Line;

    let mut line = Line::started(&Wideband);
    assert_eq!(line.told(&Wideband, LineCommand::Audio(&[0x80; 10])), [], "no frame yet");
    let flushed = line.told(&Wideband, LineCommand::Flush);
    let [Told::Audio(samples)] = flushed.as_slice() else { panic!("{flushed:?}") };
    assert_eq!(samples.len(), 320);
    // The filter rings for 2 ms behind the last sample, which was cut; then nothing.
    assert!(samples[..19].iter().all(|sample| *sample > 16_000));
    assert!(samples[52..].iter().all(|sample| *sample == 0), "{samples:?}");
    assert_eq!(line.told(&Wideband, LineCommand::Flush), []);
}
