//! Webhooks: what a carrier sends, and what strangers try.

use std::sync::Arc;

use redial::carrier::signature;
use redial::speech::scripted::ScriptedStt;
use redial_call::Load;

use crate::support::gateway::{Setup, TOKEN};
use crate::support::line::{call_sid, encode, fields, token};

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
async fn a_webhook_that_comes_twice_gets_the_same_answer() {
    let gateway = Setup::hearing([""]).start().await;
    let form = fields(&call_sid(), "+14155550123");
    let first = gateway.post("/voice", &form).await;
    assert_eq!(gateway.post("/voice", &form).await, first);
    assert_eq!(gateway.gateway.calls(), 1);
}

#[tokio::test]
async fn what_is_too_much_is_declined_before_it_is_answered() {
    let gateway = Setup::hearing([""]).var("MAX_CALLS", "4").var("MAX_CALLS_PER_CALLER", "2").start().await;
    let ring = |from: &'static str| {
        let gateway = &gateway;
        async move { gateway.post("/voice", &fields(&call_sid(), from)).await.1 }
    };
    assert!(ring("+14155550101").await.contains("<Connect>"));
    assert!(ring("+14155550101").await.contains("<Connect>"));
    assert!(ring("+14155550101").await.contains("<Reject reason=\"busy\"/>"), "a third of one caller");
    assert!(ring("anonymous").await.contains("<Connect>"));
    assert!(ring("anonymous").await.contains("<Connect>"), "nobody is not one caller");
    assert!(ring("+14155550102").await.contains("<Reject reason=\"busy\"/>"), "the machine is full");
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
    for (path, status, text) in [("/healthz", 200, "ok\n"), ("/readyz", 200, "ready\n"), ("/metrics", 404, "")] {
        let answer = client.get(gateway.url(path)).send().await.unwrap();
        assert_eq!((answer.status().as_u16(), answer.text().await.unwrap().as_str()), (status, text), "{path}");
    }
}
