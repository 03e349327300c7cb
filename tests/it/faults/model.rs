//! A model that hangs, fails or babbles delays no hang-up and stores nothing; a good answer later is taken in.

use std::time::{Duration, Instant};

use redial_memory::model::SessionDoc;
use serde_json::json;

use crate::support::gateway::{Setup, TestGateway};
use crate::support::http::{Answer, ScriptedServer};
use crate::support::line::{call_sid, dtmf, media, stop};

/// A gateway that has its calls summarised by a server with these answers.
async fn gateway(server: &ScriptedServer) -> TestGateway {
    Setup::hearing(["Hello."])
        .var("OPENAI_API_KEY", "sk-0a1b2c3d4e5f")
        .var("OPENAI_MODEL", "gpt-4.1-mini")
        .var("OPENAI_BASE_URL", &server.url("/v1"))
        .start()
        .await
}

/// A call in which something is said: by keys the turn is there at once, and by voice it is evidence for a model.
async fn call(gateway: &TestGateway, sid: &str) {
    let mut socket = gateway.stream(sid, "+14155550123").await;
    socket.expect("media").await;
    socket.send(&dtmf('7')).await;
    socket.send(&dtmf('#')).await;
    socket.expect("clear").await;
    for frame in crate::support::gateway::audio("goforward").unwrap().chunks(160) {
        socket.send(&media(None, frame)).await;
        tokio::time::sleep(Duration::from_millis(19)).await;
    }
    for _ in 0..60 {
        socket.send(&media(None, &[0xff; 160])).await;
        tokio::time::sleep(Duration::from_millis(19)).await;
    }
    socket.send(&stop(sid)).await;
}

fn completion(content: &str) -> Answer {
    let message = json!({ "role": "assistant", "content": content, "refusal": null });
    let choice = json!({ "index": 0, "message": message, "finish_reason": "stop" });
    Answer::json(200, &json!({ "id": "chatcmpl-1", "object": "chat.completion", "choices": [choice] }))
}

async fn stored(gateway: &TestGateway, sid: &str) -> (SessionDoc, Duration) {
    let began = Instant::now();
    let session = gateway.session(sid).await;
    (session, began.elapsed())
}

/// Row 21 of the fault matrix.
#[tokio::test(flavor = "multi_thread")]
async fn a_hang_up_is_stored_within_two_seconds_whatever_the_model_does() {
    let babble = "x".repeat(1024 * 1024);
    for answers in [
        vec![Answer::Hang, Answer::Hang],
        vec![Answer::status(500), Answer::status(503)],
        vec![completion(&babble)],
        vec![completion("{\"summary\": 7}")],
        vec![Answer::HangUp, Answer::HangUp],
    ] {
        let server = ScriptedServer::start(answers).await;
        let gateway = gateway(&server).await;
        let sid = call_sid();
        call(&gateway, &sid).await;
        let (session, took) = stored(&gateway, &sid).await;
        assert!(took < Duration::from_secs(2), "{took:?}");
        assert_eq!(session.end_reason, "caller_hung_up");
        let again = call_sid();
        let mut socket = gateway.stream(&again, "+14155550123").await;
        socket.expect("media").await;
        socket.send(&stop(&again)).await;
        stored(&gateway, &again).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_failed_is_asked_again_and_its_answer_is_taken_in() {
    let good = json!({
        "summary": "The caller said hello and nothing more.",
        "facts": [], "open": ["Find out what it was about."], "topic": null,
    });
    let server = ScriptedServer::start([completion("no JSON"), completion(&good.to_string())]).await;
    let gateway = gateway(&server).await;
    let sid = call_sid();
    call(&gateway, &sid).await;
    stored(&gateway, &sid).await;
    let deadline = Instant::now() + Duration::from_secs(20);
    while !gateway.remembered("+14155550123").await.summary.contains("said hello and nothing more") {
        assert!(Instant::now() < deadline, "the model was asked {} times", server.asked().len());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(server.asked().len(), 2);
}
