//! The media socket: who gets in, and what a stranger or a broken peer can do to a call, or to others.

use std::time::{Duration, Instant};

use futures_util::{FutureExt as _, SinkExt as _, StreamExt as _};
use redial_call::Role;
use redial_carrier::twilio::signature;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::{Bytes, Error, Message};

use crate::support::gateway::{Setup, TOKEN, TestGateway};
use crate::support::line::{STREAM, call_sid, dtmf, media, start, stop};

fn status(result: Result<crate::support::line::Socket, Error>) -> u16 {
    match result {
        Err(Error::Http(response)) => response.status().as_u16(),
        Err(other) => panic!("{other}"),
        Ok(_) => 101,
    }
}

/// What a series has counted: each is there from the start, with 0.
fn counted(metrics: &str, series: &str) -> u64 {
    let line = metrics
        .lines()
        .find_map(|line| line.strip_prefix(series))
        .unwrap_or_else(|| panic!("no {series} in {metrics}"));
    line.trim().parse().unwrap()
}

/// A gateway with a healthy call on it, which must be greeted and written whatever happens beside it.
struct Bystander {
    gateway: TestGateway,
    sid: String,
    socket: crate::support::line::Socket,
}

impl Bystander {
    async fn on(gateway: TestGateway) -> Self {
        let sid = call_sid();
        let mut socket = gateway.stream(&sid, "+14155550100").await;
        socket.expect("media").await;
        Self { gateway, sid, socket }
    }

    /// Ends the healthy call and checks that it is whole.
    async fn finish_unharmed(mut self) {
        self.socket.send(&stop(&self.sid)).await;
        let session = self.gateway.session(&self.sid).await;
        assert_eq!(session.end_reason, "caller_hung_up");
        assert!(!session.conversation_history.is_empty(), "the greeting is not in the record");
    }
}

#[tokio::test]
async fn an_upgrade_is_refused_before_101() {
    let gateway = Setup::hearing([""]).start().await;
    gateway.ring(&call_sid(), "+14155550123").await;
    let of_https = signature::sign_websocket(TOKEN, &gateway.url("/media-stream"));
    let of_other_token = signature::sign_websocket("x", &gateway.url("/media-stream").replacen("http", "ws", 1));
    assert_eq!(status(gateway.try_socket(&[("x-twilio-signature", "")]).await), 403);
    assert_eq!(status(gateway.try_socket(&[("x-twilio-signature", "junk")]).await), 403);
    assert_eq!(status(gateway.try_socket(&[("x-twilio-signature", &of_https)]).await), 403);
    assert_eq!(status(gateway.try_socket(&[("x-twilio-signature", &of_other_token)]).await), 403);
    assert_eq!(status(gateway.try_socket(&[("origin", "https://evil.example.com")]).await), 403);
    assert_eq!(status(gateway.try_socket(&[]).await), 101);
}

#[tokio::test]
async fn no_socket_is_opened_when_no_call_waits_for_one() {
    let gateway = Setup::hearing([""]).start().await;
    assert_eq!(status(gateway.try_socket(&[]).await), 503);
}

#[tokio::test]
async fn compression_is_not_negotiated() {
    let gateway = Setup::hearing([""]).start().await;
    gateway.ring(&call_sid(), "+14155550123").await;
    let mut raw = TcpStream::connect(gateway.gateway.address()).await.unwrap();
    let signature = signature::sign_websocket(TOKEN, &gateway.url("/media-stream").replacen("http", "ws", 1));
    let request = format!(
        "GET /media-stream HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\
         Sec-WebSocket-Protocol: chat\r\nX-Twilio-Signature: {signature}\r\n\r\n"
    );
    raw.write_all(request.as_bytes()).await.unwrap();
    let mut head = vec![0; 1024];
    let read = raw.read(&mut head).await.unwrap();
    let head = String::from_utf8_lossy(&head[..read]).to_lowercase();
    assert!(head.starts_with("http/1.1 101"), "{head}");
    assert!(!head.contains("sec-websocket-extensions") && !head.contains("sec-websocket-protocol"), "{head}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_opens_one_stream_of_its_own_call() {
    let bystander = Bystander::on(Setup::hearing([""]).start().await).await;
    let gateway = &bystander.gateway;
    let (mine, other) = (call_sid(), call_sid());
    let token = gateway.ring(&mine, "+14155550123").await;
    let others_token = gateway.ring(&other, "+14155550124").await;
    let long = "x".repeat(400);
    for (what, sid, token) in [
        ("none", &mine, ""),
        ("of another call", &mine, others_token.as_str()),
        ("cut", &mine, &token[..token.len() - 2]),
        ("too long", &mine, long.as_str()),
        ("of an unknown call", &call_sid(), token.as_str()),
    ] {
        let mut socket = gateway.socket().await;
        socket.send(&start(sid, token)).await;
        assert_eq!(socket.closed().await, Some(1008), "{what}");
    }
    let mut first = gateway.socket().await;
    first.send(&start(&mine, &token)).await;
    first.expect("media").await;
    let mut second = gateway.socket().await;
    second.send(&start(&mine, &token)).await;
    assert_eq!(second.closed().await, Some(1008), "used before");
    bystander.finish_unharmed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_does_not_start_is_closed() {
    let gateway = Setup::hearing([""]).start().await;
    let sid = call_sid();
    let token = gateway.ring(&sid, "+14155550123").await;
    let mut silent = gateway.socket().await;
    let mut chatty = gateway.socket().await;
    chatty.send(&json!({ "event": "connected", "protocol": "Call", "version": "1.0.0" })).await;
    chatty.send(&json!({ "event": "media", "media": { "payload": "//8=" } })).await;
    assert_eq!(silent.closed().await, Some(1008));
    assert_eq!(chatty.closed().await, Some(1008));
    let mut wrong_format = gateway.socket().await;
    let mut message = start(&sid, &token);
    message["start"]["mediaFormat"]["sampleRate"] = json!(16_000);
    wrong_format.send(&message).await;
    assert_eq!(wrong_format.closed().await, Some(1008));
    // None of them used up the token.
    let mut right = gateway.socket().await;
    right.send(&start(&sid, &token)).await;
    right.expect("media").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_start_for_another_stream_ends_the_call() {
    let bystander = Bystander::on(Setup::hearing([""]).start().await).await;
    for (member, value) in [("streamSid", format!("MZ{}", "1".repeat(32))), ("callSid", call_sid())] {
        let sid = call_sid();
        let mut socket = bystander.gateway.stream(&sid, "+14155550123").await;
        socket.expect("media").await;
        let mut second = start(&sid, "");
        second["start"][member] = json!(value);
        socket.send(&second).await;
        assert_eq!(socket.closed().await, Some(1008), "{member}");
        assert_eq!(bystander.gateway.session(&sid).await.end_reason, "disconnected");
    }
    bystander.finish_unharmed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_messages_are_ignored_and_the_call_goes_on() {
    let gateway = Setup::hearing([""]).start().await;
    let sid = call_sid();
    let mut socket = gateway.stream(&sid, "+14155550123").await;
    socket.expect("media").await;
    let deep = format!(r#"{{"event":"mark","mark":{}}}"#, "[".repeat(10_000));
    for text in [
        "",
        "null",
        "{",
        r#"{"event":"media","media":{"payload":"%%%"}}"#,
        r#"{"event":"media","media":{"payload":""}}"#,
        r#"{"event":"media","event":"stop"}"#,
        r#"{"event":"media","sequenceNumber":18446744073709551616,"media":{"payload":"/w=="}}"#,
        r#"{"event":"media","sequenceNumber":NaN,"media":{"payload":"/w=="}}"#,
        r#"{"event":"media","sequenceNumber":18446744073709551615,"media":{"payload":"/w=="}}"#,
        r#"{"event":"media","sequenceNumber":"1","media":{"payload":"/w=="}}"#,
        r#"{"event":"mark","mark":{"name":"\ud800"}}"#,
        r#"{"event":"dtmf","dtmf":{"digit":"<script>"}}"#,
        deep.as_str(),
    ] {
        socket.send_text(text).await;
    }
    socket.0.send(Message::binary(Bytes::from_static(&[0; 160]))).await.unwrap();
    socket.0.send(Message::Ping(Bytes::from_static(b"still there?"))).await.unwrap();
    socket.send(&stop(&sid)).await;
    assert_eq!(gateway.session(&sid).await.end_reason, "caller_hung_up");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_of_another_stream_is_ignored() {
    let gateway = Setup::hearing([""]).start().await;
    let sid = call_sid();
    let mut socket = gateway.stream(&sid, "+14155550123").await;
    socket.expect("media").await;
    let mut foreign = stop(&sid);
    foreign["streamSid"] = json!(format!("MZ{}", "1".repeat(32)));
    socket.send(&foreign).await;
    drop(socket);
    // Had it counted, the caller would have hung up.
    assert_eq!(gateway.session(&sid).await.end_reason, "disconnected");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_of_a_megabyte_ends_only_its_own_call() {
    let bystander = Bystander::on(Setup::hearing([""]).start().await).await;
    let sid = call_sid();
    let mut socket = bystander.gateway.stream(&sid, "+14155550123").await;
    socket.expect("media").await;
    let payload = "A".repeat(1 << 20);
    socket.send(&json!({ "event": "media", "streamSid": STREAM, "media": { "payload": payload } })).await;
    assert_eq!(socket.closed().await, Some(1009));
    assert_eq!(bystander.gateway.session(&sid).await.end_reason, "disconnected");
    bystander.finish_unharmed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_messages_ends_only_its_own_call() {
    let bystander = Bystander::on(Setup::hearing([""]).start().await).await;
    for flood in [Message::text(r#"{"event":"x"}"#), Message::Ping(Bytes::new())] {
        let sid = call_sid();
        let mut socket = bystander.gateway.stream(&sid, "+14155550123").await;
        socket.expect("media").await;
        // More than any machine is too slow for: what comes slowly is no flood.
        for _ in 0..20_000 {
            if socket.0.send(flood.clone()).await.is_err() {
                break;
            }
        }
        assert_eq!(bystander.gateway.session(&sid).await.end_reason, "disconnected");
    }
    bystander.finish_unharmed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_breaks_the_framing_or_the_connection_loses_only_its_call() {
    let bystander = Bystander::on(Setup::hearing([""]).start().await).await;
    // Reserved bits, a fragmented control frame, a frame without a mask, the rest of nothing, a text that is not UTF-8.
    for (junk, code) in [
        (&[0xff; 32][..], 1002),
        (&[0x09, 0x80, 1, 2, 3, 4], 1002),
        (&[0x81, 0x05, b'h', b'e', b'l', b'l', b'o'], 1002),
        (&[0x80, 0x80, 1, 2, 3, 4], 1002),
        (&[0x81, 0x82, 0, 0, 0, 0, 0xc3, 0x28], 1007),
    ] {
        let sid = call_sid();
        let mut socket = bystander.gateway.stream(&sid, "+14155550123").await;
        socket.expect("media").await;
        match socket.0.get_mut() {
            tokio_tungstenite::MaybeTlsStream::Plain(tcp) => tcp.write_all(junk).await.unwrap(),
            _ => unreachable!("loopback is plain"),
        }
        assert_eq!(socket.closed().await, Some(code), "{junk:?}");
        assert_eq!(bystander.gateway.session(&sid).await.end_reason, "disconnected", "{junk:?}");
    }
    let sid = call_sid();
    let mut socket = bystander.gateway.stream(&sid, "+14155550123").await;
    socket.expect("media").await;
    drop(socket);
    assert_eq!(bystander.gateway.session(&sid).await.end_reason, "disconnected");
    bystander.finish_unharmed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn framing_faults_are_counted_by_kind() {
    let gateway = Setup::hearing([""]).start().await;
    let sid = call_sid();
    let mut socket = gateway.stream(&sid, "+14155550123").await;
    socket.expect("media").await;
    match socket.0.get_mut() {
        tokio_tungstenite::MaybeTlsStream::Plain(tcp) => tcp.write_all(&[0xff; 32]).await.unwrap(),
        _ => unreachable!("loopback is plain"),
    }
    assert_eq!(socket.closed().await, Some(1002));
    let metrics = reqwest::get(gateway.operators_url("/metrics")).await.unwrap().text().await.unwrap();
    assert_eq!(counted(&metrics, r#"redial_stream_faults_total{what="protocol error"}"#), 1);
    assert_eq!(counted(&metrics, r#"redial_stream_faults_total{what="not UTF-8"}"#), 0);
}

/// What the gateway answers to this head of a request, in lower case.
async fn answer(gateway: &TestGateway, head: &str) -> String {
    let mut raw = TcpStream::connect(gateway.gateway.address()).await.unwrap();
    raw.write_all(head.as_bytes()).await.unwrap();
    let mut answer = vec![0; 2048];
    let read = timeout(Duration::from_secs(8), raw.read(&mut answer)).await.expect("an answer").unwrap();
    String::from_utf8_lossy(&answer[..read]).to_lowercase()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handshake_that_is_not_in_order_is_told_what_is_wrong() {
    let gateway = Setup::hearing([""]).start().await;
    gateway.ring(&call_sid(), "+14155550123").await;
    let signature = signature::sign_websocket(TOKEN, &gateway.url("/media-stream").replacen("http", "ws", 1));
    let head = |host: &str, version: &str, key: &str| {
        format!(
            "GET /media-stream HTTP/1.1\r\n{host}Connection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: {version}\r\nSec-WebSocket-Key: {key}\r\nX-Twilio-Signature: {signature}\r\n\r\n"
        )
    };
    let (host, key) = ("Host: x\r\n", "dGhlIHNhbXBsZSBub25jZQ==");
    let old = answer(&gateway, &head(host, "8", key)).await;
    assert!(old.starts_with("http/1.1 426") && old.contains("sec-websocket-version: 13"), "{old}");
    for wrong in ["", "AAAA", "dGhlIHNhbXBsZSBub25jZSBvZiAy", "no base64 at all!"] {
        let refused = answer(&gateway, &head(host, "13", wrong)).await;
        assert!(refused.starts_with("http/1.1 400") && refused.contains("sec-websocket-key"), "{wrong:?}: {refused}");
    }
    for hosts in ["", "Host: x\r\nHost: y\r\n"] {
        let nameless = answer(&gateway, &head(hosts, "13", key)).await;
        assert!(nameless.starts_with("http/1.1 400") && nameless.contains("host"), "{hosts:?}: {nameless}");
    }
    let taken = answer(&gateway, &head(host, "13", key)).await;
    assert!(taken.starts_with("http/1.1 101") && taken.contains("s3pplmbitxaq9kygzzhzrbk+xoo="), "{taken}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_does_not_name_its_host_is_refused_on_every_route() {
    let gateway = Setup::hearing([""]).start().await;
    for path in ["/healthz", "/metrics", "/voice", "/nowhere"] {
        let answer = answer(&gateway, &format!("GET {path} HTTP/1.1\r\n\r\n")).await;
        assert!(answer.starts_with("http/1.1 400"), "{path}: {answer}");
    }
    let old = answer(&gateway, "GET /healthz HTTP/1.0\r\n\r\n").await;
    assert!(old.contains(" 200 "), "HTTP/1.0 has no Host: {old}");
}

#[tokio::test(flavor = "multi_thread")]
async fn short_messages_at_real_time_are_no_flood() {
    let gateway = Setup::hearing([""]).start().await;
    let sid = call_sid();
    let mut socket = gateway.stream(&sid, "+14155550123").await;
    socket.expect("media").await;
    let mut pace = tokio::time::interval(Duration::from_millis(2));
    for n in 0..2000 {
        pace.tick().await; // 500 a second
        socket.send(&media(Some(n * 2), &[0xff; 16])).await;
    }
    socket.send(&stop(&sid)).await;
    assert_eq!(gateway.session(&sid).await.end_reason, "caller_hung_up");
}

#[tokio::test(flavor = "multi_thread")]
async fn more_audio_than_there_is_time_for_is_left_out_and_the_call_goes_on() {
    let gateway = Setup::hearing([""]).start().await;
    let sid = call_sid();
    let mut socket = gateway.stream(&sid, "+14155550123").await;
    socket.expect("media").await;
    for n in 0..60 {
        socket.send(&media(Some(n * 500), &[0xff; 4000])).await; // 30 s at once
    }
    socket.send(&stop(&sid)).await;
    assert_eq!(gateway.session(&sid).await.end_reason, "caller_hung_up");
    let metrics = reqwest::get(gateway.operators_url("/metrics")).await.unwrap().text().await.unwrap();
    let shed = counted(&metrics, r#"redial_shed_messages_total{what="audio"}"#);
    assert!((20..=32).contains(&shed), "half of 60 messages is more than there is time for: {shed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn pings_keep_no_line_alive() {
    let gateway = Setup::hearing([""]).start().await;
    let sid = call_sid();
    let mut socket = gateway.stream(&sid, "+14155550123").await;
    socket.expect("media").await;
    // A proxy goes on pinging for a carrier that has gone.
    let pinging = tokio::spawn(async move {
        while socket.0.send(Message::Ping(Bytes::new())).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    });
    let deadline = Instant::now() + Duration::from_secs(25);
    let session = loop {
        if let Some(session) = gateway.gateway.session(&sid.parse().unwrap()).await.unwrap() {
            break session;
        }
        assert!(Instant::now() < deadline, "the call is held by pings");
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    assert_eq!(session.end_reason, "disconnected");
    pinging.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_without_end_make_a_small_session_and_none_is_lost() {
    let gateway = Setup::hearing([""]).start().await;
    let sid = call_sid();
    let mut socket = gateway.stream(&sid, "+14155550123").await;
    socket.expect("media").await;
    let (mut pressed, mut pace) = (String::new(), tokio::time::interval(Duration::from_millis(7)));
    for row in 0..220 {
        for key in format!("{}#", row % 100).chars() {
            pace.tick().await;
            socket.send(&dtmf(key)).await;
            pressed.push(key);
            while let Some(Some(Ok(_))) = socket.0.next().now_or_never() {} // a carrier reads what it is sent
        }
    }
    socket.send(&stop(&sid)).await;
    let session = gateway.session(&sid).await;
    let turns = session.conversation_history.iter().map(|message| &message.turn);
    let said: String = turns.filter(|turn| turn.role == Role::Caller).map(|turn| turn.text.replace(' ', "")).collect();
    assert_eq!(said, pressed, "{}", session.end_reason);
    let size = serde_json::to_vec(&session).unwrap().len();
    assert!(size < 16_000 && session.conversation_history.len() < 40, "{size} bytes: {session:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_and_oversized_heads_are_cut_off() {
    let bystander = Bystander::on(Setup::hearing([""]).start().await).await;
    let address = bystander.gateway.gateway.address();
    let mut slow = TcpStream::connect(address).await.unwrap();
    slow.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ").await.unwrap();
    let mut big = TcpStream::connect(address).await.unwrap();
    let head = format!("GET /healthz HTTP/1.1\r\nHost: x\r\nX-Big: {}\r\n\r\n", "x".repeat(1 << 20));
    // The gateway may hang up while the head is still being written.
    let _ = timeout(Duration::from_secs(5), big.write_all(head.as_bytes())).await;
    let mut many = TcpStream::connect(address).await.unwrap();
    let headers: String = (0..200).map(|n| format!("X-{n}: y\r\n")).collect();
    many.write_all(format!("GET /healthz HTTP/1.1\r\nHost: x\r\n{headers}\r\n").as_bytes()).await.unwrap();
    for (what, mut socket) in [("slow", slow), ("big", big), ("many", many)] {
        let mut answer = Vec::new();
        let ended = timeout(Duration::from_secs(8), socket.read_to_end(&mut answer)).await;
        assert!(ended.is_ok(), "{what}: the connection is kept");
        let text = String::from_utf8_lossy(&answer);
        assert!(!text.contains("200 OK"), "{what}: {text}");
    }
    bystander.finish_unharmed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_connections_do_not_keep_calls_out() {
    let bystander = Bystander::on(Setup::hearing([""]).start().await).await;
    let address = bystander.gateway.gateway.address();
    let mut idle = Vec::new();
    for _ in 0..400 {
        idle.push(TcpStream::connect(address).await.unwrap());
    }
    let sid = call_sid();
    let mut socket = bystander.gateway.stream(&sid, "+14155550123").await;
    socket.expect("media").await;
    bystander.finish_unharmed().await;
    drop(idle);
}
