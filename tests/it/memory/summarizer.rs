//! The chat summariser before a scripted server that speaks the wire format of OpenAI's chat completions (API reference,
//! "Create chat completion").

use std::io;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use redial_call::{Role, Via};
use redial_memory::model::SessionDoc;
use redial_memory::summarizer::{Draft, Flaw, Summarizer as _, SummaryError, SummaryRequest};
use redial_outgoing::{Endpoint, Networks};
use redial_vendors::chat::{ChatConfig, ChatSummarizer};
use serde_json::{Value, json};
use tracing_subscriber::fmt::MakeWriter;

use super::{NOON, caller, session};
use crate::support::http::{Answer, ScriptedServer};

const KEY: &str = "sk-0a1b2c3d4e5f";

fn config(url: &str) -> ChatConfig {
    ChatConfig {
        endpoint: Endpoint::parse(url, Networks::Public).unwrap(),
        model: "gpt-4.1-mini".to_owned(),
        key: KEY.into(),
    }
}

fn summarizer(server: &ScriptedServer) -> ChatSummarizer {
    ChatSummarizer::try_within(config(&server.url("/v1")), Duration::from_secs(20)).unwrap()
}

/// Turns 0 and 3 are the caller's, 1 the agent's, 2 keyed.
fn call() -> SessionDoc {
    let said = ["I would like to move my visit.", "Is it urgent, Bob?", "1234", "I prefer mornings."];
    let mut session = session("CA1", &caller("ana"), &said, NOON);
    session.conversation_history[1].turn.role = Role::Agent;
    session.conversation_history[2].turn.via = Via::Keypad;
    session
}

fn request() -> SummaryRequest {
    SummaryRequest { previous_summary: "Has a <dog>.".to_owned(), session: call() }
}

fn answer() -> Value {
    json!({
        "summary": "Wants to move a visit.",
        "facts": [{ "key": "visit.pref_time", "text": "prefers mornings", "turns": [3], "stated": true }],
        "open": ["Move the visit."],
        "topic": "your visit",
    })
}

/// "The chat completion object" with this text.
fn completion(content: &str, finish_reason: &str) -> Value {
    json!({
        "id": "chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT",
        "object": "chat.completion",
        "created": 1_741_569_952,
        "model": "gpt-4.1-mini-2025-04-14",
        "choices": [{
            "index": 0,
            "message": { "role": "assistant", "content": content, "refusal": null, "annotations": [] },
            "logprobs": null,
            "finish_reason": finish_reason,
        }],
        "usage": { "prompt_tokens": 19, "completion_tokens": 10, "total_tokens": 29 },
        "service_tier": "default",
    })
}

fn good() -> Answer {
    Answer::json(200, &completion(&answer().to_string(), "stop"))
}

/// What becomes of the answers, and how many requests it took.
async fn outcome(answers: impl IntoIterator<Item = Answer>) -> (Result<Draft, SummaryError>, usize) {
    let server = ScriptedServer::start(answers).await;
    let result = summarizer(&server).summarize(&request()).await;
    (result, server.asked().len())
}

async fn flaw(answer: Answer) -> Flaw {
    match outcome([answer]).await {
        (Err(SummaryError::Unusable(flaw)), 1) => flaw,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_call_is_summarised_by_a_model() {
    let server = ScriptedServer::start([good()]).await;
    let draft = summarizer(&server).summarize(&request()).await.unwrap();
    assert_eq!(draft.summary, "Wants to move a visit.");
    assert_eq!((draft.facts[0].key.as_str(), draft.facts[0].turns.as_slice()), ("visit.pref_time", &[3][..]));
    assert_eq!((draft.open.len(), draft.topic.as_deref()), (1, Some("your visit")));

    let asked = &server.asked()[0];
    assert_eq!(asked.line, "POST /v1/chat/completions");
    assert_eq!(asked.header("authorization"), format!("Bearer {KEY}"));
    assert_eq!(asked.header("content-type"), "application/json");
    let body = asked.json();
    assert_eq!((&body["model"], &body["temperature"]), (&json!("gpt-4.1-mini"), &json!(0)));
    assert_eq!(body["response_format"]["type"], "json_schema");
    let format = &body["response_format"]["json_schema"];
    assert_eq!((&format["strict"], &format["schema"]["additionalProperties"]), (&json!(true), &json!(false)));
    assert_eq!(body["messages"][0]["role"], "system");
}

#[tokio::test]
async fn the_model_sees_what_counts_as_evidence_and_nothing_that_was_keyed() {
    let server = ScriptedServer::start([good()]).await;
    summarizer(&server).summarize(&request()).await.unwrap();
    let body = server.asked()[0].json();
    let document: Value = serde_json::from_str(body["messages"][1]["content"].as_str().unwrap()).unwrap();
    let expected = json!({
        "earlier_summary": "Has a dog .",
        "turns": [
            { "turn": 0, "speaker": "caller", "evidence": true, "text": "I would like to move my visit." },
            { "speaker": "agent", "evidence": false, "text": "Is it urgent, Bob?" },
            { "turn": 3, "speaker": "caller", "evidence": true, "text": "I prefer mornings." },
        ],
    });
    assert_eq!(document, expected);
}

#[tokio::test]
async fn a_fact_that_rests_on_the_agent_or_on_keys_is_left_out() {
    for turn in [1, 2, 99] {
        let mut answer = answer();
        answer["facts"][0]["turns"] = json!([turn]);
        let (draft, _) = outcome([Answer::json(200, &completion(&answer.to_string(), "stop"))]).await;
        assert_eq!(draft.unwrap().facts, [], "turn {turn}");
    }
}

#[tokio::test]
async fn a_busy_server_and_a_broken_line_get_a_second_try() {
    for first in [
        Answer::with(429, &[("Retry-After", "0")], b"{}"),
        Answer::status(503),
        Answer::HangUp,
        Answer::Bytes(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 999\r\n\r\n{".to_vec()),
    ] {
        let (result, tries) = outcome([first.clone(), good()]).await;
        assert!(result.is_ok() && tries == 2, "{first:?}: {result:?}, {tries} tries");
    }
}

#[tokio::test]
async fn two_tries_and_no_more() {
    let (result, tries) = outcome([Answer::status(500), Answer::status(500), good()]).await;
    let error = result.unwrap_err();
    assert!(matches!(error, SummaryError::Unavailable { .. }) && tries == 2, "{error:?}, {tries} tries");
    assert!(error.to_string().contains("500"), "{error}");
}

#[tokio::test]
async fn a_server_that_asks_for_an_hour_is_not_asked_again() {
    let (result, tries) = outcome([Answer::with(429, &[("Retry-After", "3600")], b""), good()]).await;
    assert_eq!(tries, 1);
    match result {
        Err(SummaryError::Unavailable { retry_after, .. }) => assert_eq!(retry_after, Some(Duration::from_secs(3600))),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_server_that_hangs_is_left_alone_in_time() {
    let server = ScriptedServer::start([Answer::Hang, Answer::Hang]).await;
    let summarizer = ChatSummarizer::try_within(config(&server.url("/v1")), Duration::from_millis(300)).unwrap();
    let began = Instant::now();
    let error = summarizer.summarize(&request()).await.unwrap_err();
    assert!(error.to_string().contains("no answer within 300ms"), "{error}");
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}

#[tokio::test]
async fn an_answer_of_a_megabyte_is_refused() {
    let large = completion(&"x".repeat(1 << 20), "stop").to_string();
    let max_bytes = 256 * 1024;
    let json = ("Content-Type", "application/json");
    assert_eq!(flaw(Answer::with(200, &[json], large.as_bytes())).await, Flaw::TooLarge { max_bytes });
    // Without a length in front, and without an end.
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n";
    assert_eq!(flaw(Answer::Bytes(format!("{head}{large}").into_bytes())).await, Flaw::TooLarge { max_bytes });
}

#[tokio::test]
async fn an_answer_that_is_no_draft_is_thrown_away() {
    let json = [("Content-Type", "application/json")];
    assert_eq!(flaw(Answer::with(200, &json, b"Service is warming up")).await, Flaw::NotJson);
    assert_eq!(flaw(Answer::with(200, &[("Content-Type", "text/html")], b"{}")).await, Flaw::NotJson);
    assert_eq!(flaw(Answer::with(200, &[], b"{}")).await, Flaw::NotJson);
    assert_eq!(flaw(Answer::json(200, &json!({ "choices": [] }))).await, Flaw::WrongShape);
    assert_eq!(flaw(Answer::json(200, &completion("Certainly!", "stop"))).await, Flaw::NotJson);
    assert_eq!(flaw(Answer::json(200, &completion("{\"summary\": 7}", "stop"))).await, Flaw::WrongShape);
    let text = answer().to_string();
    assert_eq!(flaw(Answer::json(200, &completion(&text, "length"))).await, Flaw::CutOff);
    assert_eq!(flaw(Answer::json(200, &completion(&text, "tool_calls"))).await, Flaw::WrongShape);
}

#[tokio::test]
async fn a_refusal_is_final() {
    let mut refusal = completion("", "stop");
    refusal["choices"][0]["message"]["content"] = Value::Null;
    refusal["choices"][0]["message"]["refusal"] = json!("I'm sorry, I cannot assist with that request.");
    for answer in [refusal, completion("", "content_filter")] {
        let (result, tries) = outcome([Answer::json(200, &answer), good()]).await;
        assert!(matches!(result, Err(SummaryError::Refused)) && tries == 1, "{result:?}, {tries} tries");
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let other = ScriptedServer::start([good()]).await;
    let (result, tries) = outcome([Answer::with(307, &[("Location", &other.url("/v1"))], b""), good()]).await;
    assert!(matches!(result, Err(SummaryError::Rejected { status: 307, .. })) && tries == 1, "{result:?}");
    assert!(other.asked().is_empty());
}

#[tokio::test]
async fn a_wrong_key_is_an_operators_matter() {
    let body = json!({ "error": {
        "message": format!("Incorrect API key provided: {KEY}."),
        "type": "invalid_request_error", "param": null, "code": "invalid_api_key",
    } });
    let (result, tries) = outcome([Answer::json(401, &body), good()]).await;
    let text = result.unwrap_err().to_string();
    assert_eq!(tries, 1);
    assert!(text.contains("401 (invalid_api_key)") && text.contains("OPENAI_API_KEY") && !text.contains(KEY), "{text}");
}

#[tokio::test]
async fn a_call_without_words_is_not_sent() {
    let server = ScriptedServer::start([good()]).await;
    let mut request = request();
    request.session = session("CA1", &caller("ana"), &["", "My password is hunter two."], NOON);
    let result = summarizer(&server).summarize(&request).await;
    assert!(matches!(result, Err(SummaryError::NoEvidence)), "{result:?}");
    assert!(server.asked().is_empty());
}

/// Keeps all that is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn neither_the_key_nor_a_word_of_the_call_is_logged() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(log.clone()).finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    for answer in [
        good(),
        Answer::status(401),
        Answer::HangUp,
        Answer::json(200, &completion("{\"summary\": [\"my visit\"]}", "stop")),
        Answer::json(200, &completion("my visit", "stop")),
    ] {
        let server = ScriptedServer::start([answer]).await;
        // As deliveries log it.
        if let Err(error) = summarizer(&server).summarize(&request()).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "a delivery waits");
        }
        assert_eq!(server.asked()[0].header("authorization"), format!("Bearer {KEY}"));
    }
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("a delivery waits"), "{log}");
    for secret in [KEY, "visit", "mornings"] {
        assert!(!log.contains(secret), "{secret} in {log}");
    }
    let config = config("http://localhost:1/v1");
    assert!(!format!("{config:?}").contains(KEY));
}
