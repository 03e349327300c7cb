//! Webhooks: what a carrier sends, and what strangers try.

use std::sync::Arc;
use std::time::Duration;

use redial::gateway::RunningCalls;
use redial_call::Load;
use redial_carrier::twilio::signature;
use redial_provider::scripted::ScriptedStt;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

use crate::support::gateway::{Setup, TOKEN, TestGateway};
use crate::support::line::{Socket, Wire, call_sid, encode, fields, start, stop, token};
use crate::support::process::GatewayProcess;

#[tokio::test]
async fn a_call_is_answered_with_a_stream_and_a_way_back() {
    let gateway = Setup::hearing([""]).start().await;
    let (status, document) = gateway.post("/voice", &fields(&call_sid(), "+14155550123")).await;
    assert_eq!(status, 200);
    let stream = gateway.url("/media-stream").replacen("http", "ws", 1);
    assert!(document.contains(&format!("<Connect><Stream url=\"{stream}\">")), "{document}");
    let resume = gateway.url("/voice/resume");
    assert!(document.contains(&format!("</Connect><Redirect method=\"POST\">{resume}</Redirect>")), "{document}");
    assert!(!document.contains("4155550123"), "{document}");
}

#[tokio::test]
async fn the_public_url_and_not_the_request_makes_urls_and_signatures() {
    let gateway = Setup::hearing([""]).var("PUBLIC_URL", "https://calls.example.com").start().await;
    let form = fields(&call_sid(), "+14155550123");
    let right = signature::sign_form(TOKEN, "https://calls.example.com/voice", &form);
    let (status, document) = gateway.post_raw("/voice", encode(&form), Some(&right)).await;
    assert_eq!(status, 200, "{document}");
    assert!(document.contains("wss://calls.example.com/media-stream"), "{document}");
    let by_host = signature::sign_form(TOKEN, &gateway.url("/voice"), &form);
    let (status, _) = gateway.post_raw("/voice", encode(&form), Some(&by_host)).await;
    assert_eq!(status, 403);
}

#[tokio::test]
async fn a_webhook_without_the_right_signature_is_refused_with_a_reason() {
    let gateway = Setup::hearing([""]).start().await;
    let form = fields(&call_sid(), "+14155550123");
    let sign = |url: &str, form: &[(String, String)]| signature::sign_form(TOKEN, url, form);
    let url = gateway.url("/voice");
    let other_token = signature::sign_form("an old token", &url, &form);
    for (what, signature, reason) in [
        ("none", None, "missing"),
        ("junk", Some("x".to_owned()), "malformed"),
        ("another path", Some(sign(&gateway.url("/voice/"), &form)), "does not match"),
        ("another scheme", Some(sign(&url.replacen("http", "https", 1), &form)), "does not match"),
        ("another port", Some(sign("http://127.0.0.1:1/voice", &form)), "does not match"),
        ("another form", Some(sign(&url, &form[1..])), "does not match"),
        ("another token", Some(other_token), "does not match"),
    ] {
        let (status, body) = gateway.post_raw("/voice", encode(&form), signature.as_deref()).await;
        assert_eq!(status, 403, "{what}");
        assert!(body.contains(reason), "{what}: {body}");
    }
    assert_eq!(gateway.gateway.calls(), 0, "a refused call keeps a place");
}

#[tokio::test]
async fn a_token_being_replaced_is_believed_until_it_is_gone() {
    let gateway =
        Setup::hearing([""]).var("TWILIO_AUTH_TOKEN", "a new token").var("TWILIO_AUTH_TOKEN_OLD", TOKEN).start().await;
    let (status, _) = gateway.post("/voice", &fields(&call_sid(), "+14155550123")).await;
    assert_eq!(status, 200);
}

#[tokio::test]
async fn bad_forms_are_refused_by_field_and_leave_no_trace() {
    let gateway = Setup::hearing([""]).start().await;
    let sid = call_sid();
    let twice = {
        let mut form = fields(&sid, "+14155550123");
        form.push(("From".to_owned(), "+14155550199".to_owned()));
        form
    };
    let many: Vec<(String, String)> = (0..10_000).map(|n| (format!("f{n}"), String::new())).collect();
    for (form, status, reason) in [
        (twice, 400, "From: there twice"),
        (fields("CA12", "+14155550123"), 400, "CallSid: not a CallSid"),
        (fields("../../etc/passwd", "+1"), 400, "CallSid: not a CallSid"),
        (fields(&sid, "+1")[..2].to_vec(), 400, "CallSid: missing"),
        (many, 413, ""),
        (fields(&sid, &"9".repeat(1 << 20)), 413, ""),
    ] {
        let (got, body) = gateway.post("/voice", &form).await;
        assert_eq!(got, status, "{body}");
        assert!(body.contains(reason), "{body}");
    }
    assert_eq!(gateway.gateway.calls(), 0);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    // Without a signature that could be right, nothing is looked at.
    let signed = |request: reqwest::RequestBuilder| {
        request.header("X-Twilio-Signature", signature::sign_form(TOKEN, &gateway.url("/voice"), &[])).send()
    };
    let json = client.post(gateway.url("/voice")).header("Content-Type", "application/json").body("{}");
    assert_eq!(signed(json).await.unwrap().status().as_u16(), 415);
    let get = signed(client.get(gateway.url("/voice?From=%2B14155550123"))).await.unwrap();
    assert_eq!(get.status().as_u16(), 405);
}

#[tokio::test]
async fn a_webhook_that_comes_again_gets_a_document_with_a_token_of_its_own() {
    let gateway = Setup::hearing([""]).start().await;
    let sid = call_sid();
    let form = fields(&sid, "+14155550123");
    let mut tokens = Vec::new();
    for _ in 0..3 {
        let (status, document) = gateway.post("/voice", &form).await;
        assert_eq!(status, 200);
        let token = token(&document);
        assert!(document.contains("<Connect>") && !tokens.contains(&token), "{document}");
        tokens.push(token);
    }
    assert_eq!(gateway.gateway.calls(), 1);
    // The carrier streams for the answer that reached it, whichever that was; and once.
    let mut socket = gateway.socket().await;
    socket.send(&start(&sid, &tokens[0])).await;
    socket.expect("media").await;
    for token in [&tokens[0], &tokens[1]] {
        let mut another = gateway.socket().await;
        another.send(&start(&sid, token)).await;
        assert_eq!(another.closed().await, Some(1008));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_callers_webhooks_six_at_once_never_get_an_empty_document() {
    let gateway = Setup::hearing([""]).var("MAX_CALLS", "100000").start().await;
    let wire = Wire::new(gateway.url(""));
    let mut live = Vec::new();
    for round in 0..150 {
        let calls = [0, 1].map(|caller| (call_sid(), format!("+1415555{:04}", 2 * round + caller)));
        let webhooks = calls.iter().flat_map(|call| std::iter::repeat_n(call, 6));
        let answers = webhooks.map(|(sid, from)| {
            let (wire, form) = (wire.clone(), fields(sid, from));
            tokio::spawn(async move { wire.post("/voice", &form).await })
        });
        let answers: Vec<_> = answers.collect();
        let mut tokens = Vec::new();
        for answer in answers {
            let (status, document) = answer.await.unwrap();
            assert!(status == 200 && document.contains("<Connect>"), "round {round}: {status} {document:?}");
            tokens.push(token(&document));
        }
        if round % 50 == 0 {
            for ((sid, _), tokens) in calls.iter().zip(tokens.chunks(6)) {
                let mut socket = gateway.socket().await;
                socket.send(&start(sid, &tokens[round % 6])).await;
                socket.expect("media").await;
                live.push(socket);
            }
        }
    }
    assert_eq!(gateway.gateway.calls(), 300, "each call has one place");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_captured_before_a_restart_is_not_admitted_after_it() {
    let gateway = Setup::hearing([""]).start().await;
    let (sid, from) = (call_sid(), "+14155550123");
    let mut socket = gateway.stream(&sid, from).await;
    socket.expect("media").await;
    socket.send(&stop(&sid)).await;
    gateway.session(&sid).await;
    let TestGateway { gateway: running, dir, .. } = gateway;
    assert!(running.shut_down(Duration::from_secs(5), RunningCalls::Finish).await);
    let again = Setup::hearing([""]).start_in(dir).await;
    for path in ["/voice", "/voice/resume"] {
        let (status, document) = again.post(path, &fields(&sid, from)).await;
        assert!(status == 200 && document.contains("<Response><Hangup/></Response>"), "{path}: {document}");
    }
    assert_eq!(again.gateway.calls(), 0, "it has a place");
    assert!(!again.ring(&call_sid(), from).await.is_empty(), "another call of the same caller is taken");
}

#[tokio::test]
async fn what_is_too_much_is_declined_before_it_is_answered() {
    let gateway = Setup::hearing([""]).var("MAX_CALLS", "4").var("MAX_CALLS_PER_CALLER", "2").start().await;
    let ring = |from: &'static str| {
        let gateway = &gateway;
        async move { gateway.post("/voice", &fields(&call_sid(), from)).await.1 }
    };
    let mut live = Vec::new();
    for _ in 0..2 {
        let mut socket = gateway.stream(&call_sid(), "+14155550101").await;
        socket.expect("media").await;
        live.push(socket);
    }
    assert!(ring("+14155550101").await.contains("<Reject reason=\"busy\"/>"), "a third of one caller");
    assert!(ring("anonymous").await.contains("<Connect>"));
    assert!(ring("anonymous").await.contains("<Connect>"), "nobody is not one caller");
    assert!(ring("+14155550102").await.contains("<Reject reason=\"busy\"/>"), "the machine is full");
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_whose_streams_never_come_do_not_make_their_caller_busy() {
    let gateway = Setup::hearing([""]).var("MAX_CALLS_PER_CALLER", "3").start().await;
    let from = "+14155550101";
    let mut rung = Vec::new();
    for nth in 1..=8 {
        let sid = call_sid();
        let (_, document) = gateway.post("/voice", &fields(&sid, from)).await;
        assert!(document.contains("<Connect>"), "webhook {nth}: {document}");
        rung.push((sid, token(&document)));
        assert!(gateway.gateway.calls() <= 3, "{} places for one caller", gateway.gateway.calls());
    }
    // The oldest gave its place up, and is served all the same when its stream comes; but never more than three at once.
    let mut live = Vec::new();
    for nth in [0, 7, 3, 5] {
        let (sid, token) = &rung[nth];
        let mut socket = gateway.socket().await;
        socket.send(&start(sid, token)).await;
        if live.len() < 3 {
            socket.expect("media").await;
            live.push(socket);
        } else {
            assert_eq!(socket.closed().await, Some(1008), "a fourth call of one caller is live");
        }
    }
    let (_, document) = gateway.post("/voice", &fields(&call_sid(), from)).await;
    assert!(document.contains("<Reject reason=\"busy\"/>"), "{document}");
}

#[tokio::test]
async fn a_form_is_a_form_however_its_type_is_written() {
    let gateway = Setup::hearing([""]).start().await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let post = async |kind: &str| {
        let form = fields(&call_sid(), "+14155550123");
        let signature = signature::sign_form(TOKEN, &gateway.url("/voice"), &form);
        let request = client.post(gateway.url("/voice")).header("X-Twilio-Signature", signature);
        request.header("Content-Type", kind).body(encode(&form)).send().await.unwrap().status().as_u16()
    };
    for kind in [
        "application/x-www-form-urlencoded",
        "Application/X-WWW-Form-Urlencoded; Charset=UTF-8",
        "APPLICATION/X-WWW-FORM-URLENCODED",
        "application/x-www-form-urlencoded ;charset=utf-8",
    ] {
        assert_eq!(post(kind).await, 200, "{kind}");
    }
    for kind in ["application/x-www-form-urlencoded-no", "text/plain", "application/json", "; x"] {
        assert_eq!(post(kind).await, 415, "{kind}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slash_at_the_end_of_a_webhook_is_taken_and_signed_as_it_was_sent() {
    let gateway = Setup::hearing([""]).start().await;
    let sid = call_sid();
    let form = fields(&sid, "+14155550123");
    for path in ["/voice/", "/voice/resume/"] {
        let (status, document) = gateway.post(path, &form).await;
        assert!(status == 200 && document.contains("<Connect>"), "{path}: {status} {document}");
        let without = signature::sign_form(TOKEN, &gateway.url(path.trim_end_matches('/')), &form);
        assert_eq!(gateway.post_raw(path, encode(&form), Some(&without)).await.0, 403, "{path}");
    }
    assert_eq!(gateway.post("/voice/status/", &form).await.0, 204);
    let token = gateway.ring(&sid, "+14155550123").await;
    let url = gateway.url("/media-stream/").replacen("http", "ws", 1);
    let mut request = url.as_str().into_client_request().unwrap();
    request.headers_mut().insert("x-twilio-signature", signature::sign_websocket(TOKEN, &url).parse().unwrap());
    let (socket, _) = connect_async(request).await.unwrap();
    let mut socket = Socket(socket);
    socket.send(&start(&sid, &token)).await;
    socket.expect("media").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_set_wrongly_in_the_carriers_console_is_answered_and_logged_with_what_is_right() {
    let dir = tempfile::tempdir().unwrap();
    let mut gateway = GatewayProcess::start(dir.path(), &[]).await;
    gateway.ready().await;
    let wire = gateway.wire();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let get = client.get(wire.url("/voice?From=%2B14155550123&CallSid=CA1")).send().await.unwrap();
    assert_eq!((get.status().as_u16(), get.headers()["allow"].to_str().unwrap()), (405, "POST"));
    assert!(get.text().await.unwrap().contains("HTTP POST"));
    let form = fields(&call_sid(), "+14155550123");
    let (status, body) = wire.post("/webhooks/+14155550199/voice", &form).await;
    assert!(status == 404 && body.contains(&wire.url("/voice")), "{status} {body}");
    let (status, body) = wire.post("/twilio/status", &form).await;
    assert!(status == 404 && body.contains(&wire.url("/voice/status")), "{status} {body}");
    // Of a stranger's request there is nothing to tell.
    let stray = client.get(wire.url("/wp-login.php")).send().await.unwrap();
    assert_eq!((stray.status().as_u16(), stray.text().await.unwrap().as_str()), (404, "not found\n"));
    // However often.
    for _ in 0..100 {
        client.get(wire.url("/voice")).send().await.unwrap();
        wire.post_raw("/voice", encode(&form), Some("AAAAAAAAAAAAAAAAAAAAAAAAAAA=")).await;
    }
    gateway.kill();
    let log = gateway.log();
    let lines = |what: &str| log.lines().filter(|line| line.contains(what)).count();
    assert!((1..=25).contains(&lines("choose HTTP POST")), "{log}");
    assert!((1..=25).contains(&lines("a webhook is refused")), "{log}");
    assert_eq!(lines("a path that there is not"), 2, "{log}");
    assert!(log.contains(&wire.url("/voice/status")) && !log.contains("wp-login"), "{log}");
    assert!(!log.contains("14155550123") && !log.contains("14155550199"), "a number is in the log");
}

#[tokio::test]
async fn a_machine_that_is_behind_takes_no_new_call_but_goes_on_with_broken_ones() {
    let mut setup = Setup::hearing([""]);
    setup.providers.stt = Arc::new(ScriptedStt::new([""]).under(Load::Full));
    let gateway = setup.start().await;
    let (_, document) = gateway.post("/voice", &fields(&call_sid(), "+14155550123")).await;
    assert!(document.contains("<Reject reason=\"busy\"/>"), "{document}");
    let (_, document) = gateway.post("/voice/resume", &fields(&call_sid(), "+14155550123")).await;
    assert!(document.contains("<Connect>"), "{document}");
}

#[tokio::test]
async fn a_status_callback_gives_a_ringing_calls_place_back() {
    let gateway = Setup::hearing([""]).start().await;
    let sid = call_sid();
    gateway.ring(&sid, "+14155550123").await;
    let mut form = fields(&sid, "+14155550123");
    form[3].1 = "in-progress".to_owned();
    assert_eq!(gateway.post("/voice/status", &form).await.0, 204);
    assert_eq!(gateway.gateway.calls(), 1);
    form[3].1 = "no-answer".to_owned();
    assert_eq!(gateway.post("/voice/status", &form).await.0, 204);
    assert_eq!(gateway.gateway.calls(), 0);
    assert!(gateway.post("/voice", &fields(&sid, "+14155550123")).await.1.contains("<Hangup/>"));
}

#[tokio::test]
async fn calls_of_another_account_are_refused() {
    let gateway = Setup::hearing([""]).var("TWILIO_ACCOUNT_SID", &format!("AC{}", "1".repeat(32))).start().await;
    let (status, body) = gateway.post("/voice", &fields(&call_sid(), "+14155550123")).await;
    assert_eq!((status, body.as_str()), (403, "AccountSid: not the configured account\n"));
}

#[tokio::test]
async fn a_resumed_call_is_taken_up_and_a_finished_one_ends() {
    let gateway = Setup::hearing([""]).start().await;
    let sid = call_sid();
    // The stream broke, or another instance had the call: it goes on here.
    let (_, document) = gateway.post("/voice/resume", &fields(&sid, "+14155550123")).await;
    assert!(!token(&document).is_empty());
}

#[tokio::test]
async fn operators_see_health_and_metrics_without_callers() {
    let gateway = Setup::hearing([""]).start().await;
    gateway.ring(&call_sid(), "+14155550123").await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let get = |path: &'static str| client.get(gateway.operators_url(path)).send();
    assert_eq!(get("/healthz").await.unwrap().text().await.unwrap(), "ok\n");
    let ready: serde_json::Value = get("/readyz").await.unwrap().json().await.unwrap();
    assert_eq!(ready["accepting_calls"], true);
    assert_eq!(ready["memory"]["kind"], "sqlite");
    let metrics = get("/metrics").await.unwrap().text().await.unwrap();
    assert!(metrics.contains("redial_calls_total"), "{metrics}");
    assert!(!metrics.contains("4155550123"), "{metrics}");
}

#[tokio::test]
async fn strangers_see_no_more_than_that_calls_are_taken() {
    let gateway = Setup::hearing([""]).start().await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    for (path, status, text) in
        [("/healthz", 200, "ok\n"), ("/readyz", 200, "ready\n"), ("/metrics", 404, "not found\n")]
    {
        let answer = client.get(gateway.url(path)).send().await.unwrap();
        assert_eq!((answer.status().as_u16(), answer.text().await.unwrap().as_str()), (status, text), "{path}");
    }
}
