//! Twilio's side: Media Streams, forms and TwiML.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue};
use quick_xml::Reader;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesStart, Event};
use redial_call::audio;
use redial_carrier::Carrier;
use redial_carrier::control::ApiRequest;
use redial_carrier::twilio::rest::Rest;
use redial_carrier::twilio::{self, signature};
use redial_carrier::webhook::Document;
use serde_json::{Map, Value, json};

use crate::peer::{Answered, CALL, Fields, Hook, Peer, STREAM, STREAM_URL, Told, URL, Wire, fields};

const TOKEN: &str = "3f9a1c77b20e4d58a6c1e0d94b7f2a85";
const ACCOUNT: &str = "AC0a1b2c3d4e5f60718293a4b5c6d7e8f9";
const SIGNATURE: HeaderName = HeaderName::from_static("x-twilio-signature");

pub(crate) struct Twilio;

impl Peer for Twilio {
    fn carrier(&self) -> Box<dyn Carrier> {
        let rest = Rest::new("https://api.twilio.com", ACCOUNT, TOKEN);
        Box::new(twilio::Twilio::new(vec![TOKEN.to_owned()], Some(ACCOUNT.to_owned())).with_rest(rest))
    }

    fn takes_orders(&self) -> bool {
        true
    }

    fn hung_up(&self, request: &ApiRequest) -> String {
        let [version, accounts, account, calls, call] = &request.path[..] else { panic!("{:?}", request.path) };
        assert_eq!([version, accounts, account, calls], ["2010-04-01", "Accounts", ACCOUNT, "Calls"]);
        let credentials = STANDARD.encode(format!("{ACCOUNT}:{TOKEN}"));
        assert_eq!(request.authorization, format!("Basic {credentials}"));
        assert_eq!(request.content_type, "application/x-www-form-urlencoded");
        assert_eq!(request.body, "Status=completed");
        call.strip_suffix(".json").unwrap().to_owned()
    }

    fn gone(&self) -> Option<Vec<u8>> {
        let fault = json!({ "code": 21220, "message": "Call is not in-progress. Cannot redirect.", "status": 400 });
        Some(fault.to_string().into_bytes())
    }

    fn start(&self, call: &str, stream: &str, parameters: &[(&str, &str)]) -> Wire {
        let parameters: Map<String, Value> =
            parameters.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
        let start = json!({
            "event": "start", "sequenceNumber": "1", "streamSid": stream,
            "start": {
                "accountSid": ACCOUNT, "streamSid": stream, "callSid": call, "tracks": ["inbound"],
                "mediaFormat": { "encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1 },
                "customParameters": parameters,
            },
        });
        Wire::Text(start.to_string())
    }

    fn key(&self, digit: char) -> Wire {
        let dtmf = json!({ "track": "inbound_track", "digit": digit.to_string() });
        Wire::Text(json!({ "event": "dtmf", "streamSid": STREAM, "sequenceNumber": "5", "dtmf": dtmf }).to_string())
    }

    fn end(&self) -> Option<Wire> {
        let stop = json!({ "accountSid": ACCOUNT, "callSid": CALL });
        let stop = json!({ "event": "stop", "sequenceNumber": "9", "streamSid": STREAM, "stop": stop });
        Some(Wire::Text(stop.to_string()))
    }

    fn played(&self, mark: &str) -> Wire {
        let mark = json!({ "event": "mark", "sequenceNumber": "7", "streamSid": STREAM, "mark": { "name": mark } });
        Wire::Text(mark.to_string())
    }

    fn track(&self, samples: &[i16]) -> Vec<u8> {
        samples.iter().map(|sample| audio::encode(*sample)).collect()
    }

    fn packet(&self, track: &[u8]) -> Wire {
        let media = json!({ "track": "inbound", "chunk": "1", "timestamp": "20", "payload": STANDARD.encode(track) });
        let media = json!({ "event": "media", "sequenceNumber": "2", "streamSid": STREAM, "media": media });
        Wire::Text(media.to_string())
    }

    /// A member more or less, or another stream's id, and Twilio drops the message (warning 31951).
    fn read(&self, message: &Wire) -> Told {
        let message: Value = serde_json::from_str(message.text()).unwrap();
        let event = message["event"].as_str().unwrap();
        let within = |member: &str| message[event][member].as_str().unwrap_or_else(|| panic!("{message}")).to_owned();
        let (told, exactly) = match event {
            "media" => {
                let payload = within("payload");
                let ulaw = STANDARD.decode(&payload).unwrap();
                let told = Told::Audio(ulaw.iter().map(|byte| audio::decode(*byte)).collect());
                (told, json!({ "event": "media", "streamSid": STREAM, "media": { "payload": payload } }))
            }
            "mark" => {
                let name = within("name");
                let exactly = json!({ "event": "mark", "streamSid": STREAM, "mark": { "name": &name } });
                (Told::Mark(name), exactly)
            }
            "clear" => (Told::Clear, json!({ "event": "clear", "streamSid": STREAM })),
            _ => panic!("an event that Twilio does not know: {message}"),
        };
        assert_eq!(message, exactly);
        told
    }

    fn signature(&self) -> HeaderName {
        SIGNATURE
    }

    fn call(&self, call: &str, from: &str, is_answered: bool) -> Fields {
        let status = if is_answered { "in-progress" } else { "ringing" };
        fields([("AccountSid", ACCOUNT), ("CallSid", call), ("CallStatus", status), ("From", from)])
    }

    fn status(&self, call: &str, is_over: bool) -> Fields {
        let status = if is_over { "completed" } else { "in-progress" };
        fields([("AccountSid", ACCOUNT), ("CallSid", call), ("CallStatus", status), ("CallDuration", "12")])
    }

    fn body(&self, fields: &[(String, String)]) -> Vec<u8> {
        url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish().into_bytes()
    }

    fn signed(&self, body: Vec<u8>) -> Hook {
        let fields: Fields = url::form_urlencoded::parse(&body).into_owned().collect();
        let mut headers = signature_header(&signature::sign_form(TOKEN, URL, &fields));
        let form = HeaderValue::from_static("application/x-www-form-urlencoded; charset=UTF-8");
        headers.insert("content-type", form);
        Hook { headers, body }
    }

    fn upgrade(&self) -> HeaderMap {
        signature_header(&signature::sign_websocket(TOKEN, STREAM_URL))
    }

    fn answered(&self, document: &Document) -> Answered {
        assert_eq!(document.content_type, "text/xml; charset=utf-8");
        let verbs = elements(&document.body);
        let shown: Vec<(&str, &str)> = verbs.iter().map(|verb| (verb.name.as_str(), verb.text.as_str())).collect();
        match shown.as_slice() {
            [("Response", ""), ("Connect", ""), ("Stream", ""), parameters @ .., ("Redirect", resume_url)] => {
                assert!(parameters.iter().all(|(name, _)| *name == "Parameter"), "{shown:?}");
                let parameters = verbs[3..verbs.len() - 1].iter();
                let parameters = parameters.map(|verb| (verb.attribute("name"), verb.attribute("value")));
                Answered::Connect {
                    stream_url: verbs[2].attribute("url"),
                    parameters: parameters.collect(),
                    resume_url: (*resume_url).to_owned(),
                }
            }
            [("Response", ""), ("Reject", "")] => {
                assert_eq!(verbs[1].attribute("reason"), "busy");
                Answered::Busy
            }
            [("Response", ""), ("Say", text), ("Hangup", "")] => Answered::Say((*text).to_owned()),
            [("Response", ""), ("Hangup", "")] => Answered::HangUp,
            _ => panic!("not followed: {shown:?}"),
        }
    }
}

fn signature_header(signature: &str) -> HeaderMap {
    HeaderMap::from_iter([(SIGNATURE, signature.parse().unwrap())])
}

/// An element of a document, with the text that stands directly in it.
struct Element {
    name: String,
    attributes: Fields,
    text: String,
}

impl Element {
    fn open(start: &BytesStart<'_>) -> Self {
        let attributes = start.attributes().map(|attribute| {
            let attribute = attribute.unwrap();
            let value = attribute.normalized_value(quick_xml::XmlVersion::Explicit1_0).unwrap();
            (String::from_utf8_lossy(attribute.key.as_ref()).into_owned(), value.into_owned())
        });
        let name = String::from_utf8_lossy(start.name().as_ref()).into_owned();
        Self { name, attributes: attributes.collect(), text: String::new() }
    }

    fn attribute(&self, name: &str) -> String {
        let found = self.attributes.iter().find(|(key, _)| key == name);
        found.unwrap_or_else(|| panic!("<{}> has no {name}", self.name)).1.clone()
    }
}

/// All elements of a document, each before those in it. The gateway is tested against a reader that knows nesting as well.
fn elements(document: &str) -> Vec<Element> {
    let mut reader = Reader::from_str(document);
    let mut elements: Vec<Element> = Vec::new();
    let mut open = Vec::new();
    let say = |open: &[usize], elements: &mut Vec<Element>, text: &str| {
        if let Some(at) = open.last() {
            elements[*at].text.push_str(text);
        }
    };
    loop {
        match reader.read_event().unwrap() {
            Event::Start(start) => {
                open.push(elements.len());
                elements.push(Element::open(&start));
            }
            Event::Empty(start) => elements.push(Element::open(&start)),
            Event::End(_) => _ = open.pop(),
            Event::Text(text) => say(&open, &mut elements, &text.xml10_content().unwrap()),
            Event::GeneralRef(reference) => {
                let resolved = resolve_xml_entity(&reference.decode().unwrap()).unwrap().to_owned();
                say(&open, &mut elements, &resolved);
            }
            Event::Decl(_) => (),
            Event::Eof => break,
            other => panic!("{other:?}"),
        }
    }
    assert!(open.is_empty(), "not closed");
    elements
}
