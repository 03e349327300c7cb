//! The side of a carrier whose webhooks are JSON, signed with a shared key.

use http::{HeaderMap, HeaderName, HeaderValue};
use redial_carrier::scripted::hooks::sign;
use redial_carrier::webhook::Document;
use serde_json::{Value, json};

use crate::peer::{Answered, Fields, Hook, STREAM_URL, fields};

/// The key that carrier and gateway share.
pub(super) const KEY: &[u8] = b"0123456789abcdef0123456789abcdef";

pub(super) fn call(call: &str, from: &str, is_answered: bool) -> Fields {
    let status = if is_answered { "answered" } else { "ringing" };
    fields([("call", call), ("status", status), ("from", from), ("attestation", "A")])
}

pub(super) fn status(call: &str, is_over: bool) -> Fields {
    fields([("call", call), ("status", if is_over { "completed" } else { "transferring" })])
}

pub(super) fn body(fields: &[(String, String)]) -> Vec<u8> {
    // By hand: an object of the library's has no member twice.
    let members: Vec<String> = fields.iter().map(|(name, value)| format!("{}:{}", json!(name), json!(value))).collect();
    format!("{{{}}}", members.join(",")).into_bytes()
}

pub(super) fn signed(header: HeaderName, body: Vec<u8>) -> Hook {
    let mut headers = signature(header, &body);
    headers.insert("content-type", HeaderValue::from_static("application/json; charset=utf-8"));
    Hook { headers, body }
}

pub(super) fn upgrade(header: HeaderName) -> HeaderMap {
    signature(header, STREAM_URL.as_bytes())
}

fn signature(header: HeaderName, signed: &[u8]) -> HeaderMap {
    HeaderMap::from_iter([(header, sign(KEY, signed).parse().unwrap())])
}

/// Reads an answer, which has these members and no other.
pub(super) fn answered(document: &Document, content_type: &str) -> Answered {
    assert_eq!(document.content_type, "application/json");
    let answer: Value = serde_json::from_str(&document.body).unwrap();
    let text = |name: &str| answer[name].as_str().unwrap_or_else(|| panic!("no {name} in {answer}")).to_owned();
    let (answered, members) = match answer["action"].as_str() {
        Some("connect") => {
            assert_eq!(answer["content-type"], content_type);
            let parameters = answer["headers"].as_object().unwrap().iter();
            let parameters = parameters.map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()));
            let (stream_url, resume_url) = (text("url"), text("then"));
            (Answered::Connect { stream_url, parameters: parameters.collect(), resume_url }, 5)
        }
        Some("reject") => {
            assert_eq!(answer["reason"], "busy");
            (Answered::Busy, 2)
        }
        Some("say") => (Answered::Say(text("text")), 2),
        Some("hang_up") => (Answered::HangUp, 1),
        _ => panic!("no answer: {answer}"),
    };
    assert_eq!(answer.as_object().unwrap().len(), members, "{answer}");
    answered
}
