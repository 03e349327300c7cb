//! The public port among strangers: whatever they do with their sockets, webhooks are answered and calls go on.
//!
//! `SOCKETS=2000 ./test.sh --profile long doors` is the long form; it prints how long webhooks took.

mod strangers;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use futures_util::future::join_all;
use redial::simulate::{HangUp, Script, Step};
use redial_carrier::twilio::signature;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::{interval, sleep, timeout};
use tokio_tungstenite::tungstenite::Message;

use self::strangers::{Crowd, Kind};
use crate::support::gateway::{Setup, TOKEN, audio};
use crate::support::line::{STREAM, Socket, Wire, call_sid, dtmf, encode, fields, start, stop};
use crate::support::process::GatewayProcess;

/// What is too long on any machine, however busy.
const DEADLINE: Duration = Duration::from_secs(40);

/// Strangers, in the long form.
fn long_form() -> Option<usize> {
    std::env::var("SOCKETS").ok().map(|count| count.parse().unwrap())
}

/// Somebody on the line who presses a row of keys now and then; answers when the gateway ends the call.
fn listen(mut socket: Socket) -> JoinHandle<()> {
    let silence = format!(
        r#"{{"event":"media","streamSid":"{STREAM}","media":{{"track":"inbound","payload":"{}w=="}}}}"#,
        "/".repeat(213)
    );
    tokio::spawn(async move {
        let mut tick = interval(Duration::from_millis(20));
        // Whoever is silent for long is taken to be gone.
        let mut keys = interval(Duration::from_secs(4));
        loop {
            tokio::select! {
                _ = tick.tick() => socket.send_text(&silence).await,
                _ = keys.tick() => {
                    for digit in "4711#".chars() {
                        socket.send(&dtmf(digit)).await;
                    }
                }
                message = socket.0.next() => match message {
                    Some(Ok(Message::Text(text))) if text.contains("\"mark\"") => socket.send_text(&text).await,
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                    Some(Ok(_)) => (),
                },
            }
        }
    })
}

/// A call that is rung and given up: two webhooks. How long the first took to be answered.
async fn ring(wire: &Wire, number: usize) -> Duration {
    let (sid, from) = (call_sid(), format!("+1415{:07}", 5_550_000 + number));
    let began = Instant::now();
    timeout(DEADLINE, wire.ring(&sid, &from)).await.expect("the webhook is answered");
    let took = began.elapsed();
    let mut over = fields(&sid, &from);
    over.iter_mut().filter(|(name, _)| name == "CallStatus").for_each(|(_, status)| *status = "completed".to_owned());
    timeout(DEADLINE, wire.post("/voice/status", &over)).await.expect("the status callback is answered");
    took
}

/// Five calls and a webhook a second, beside a crowd of one kind.
async fn calls_go_on_beside(kind: Kind) {
    let dir = TempDir::new().unwrap();
    let (count, seconds) = long_form().map_or((150, 6), |count| (count, 20));
    // In the short form the system is as small as the crowd.
    // The built-in agent hangs up on keys that mean nothing.
    let vars: &[_] = match long_form() {
        Some(_) => &[("TEST_LISTENS", "1")],
        None => &[("TEST_LISTENS", "1"), ("TEST_FILES", "160"), ("MAX_CALLS", "20")],
    };
    let files = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: files.maximum, maximum: files.maximum }).unwrap();
    let gateway = GatewayProcess::start(dir.path(), vars).await;
    gateway.ready().await;
    let wire = gateway.wire();
    let mut calls = Vec::new();
    for n in 0..5 {
        let mut socket = wire.stream(&call_sid(), &format!("+1415556{n:04}")).await;
        socket.expect("media").await;
        calls.push(listen(socket));
    }
    let crowd = Crowd::gather(kind, count, gateway.address());
    let mut took = Vec::new();
    for n in 0..seconds {
        sleep(Duration::from_secs(1)).await;
        took.push(ring(&wire, n).await);
    }
    assert!(calls.iter().all(|call| !call.is_finished()), "a call is dropped");
    // An operator sees it.
    let metrics = gateway.metrics().await;
    took.sort_unstable();
    let (median, worst) = (took[took.len() / 2].as_millis(), took[took.len() - 1].as_millis());
    let ended = crowd.ended();
    eprintln!("{count} sockets, {kind:?}: webhooks median {median} ms, worst {worst} ms; {ended} sockets were ended");
    assert!(ended > 0, "every stranger still has its first socket");
    // Garbage, a stream without a start and sixteen requests in a row are answered and need no deadline.
    if !matches!(kind, Kind::Garbage | Kind::NoStart | Kind::NeverReads) {
        let said = ["redial_connections_shed_total", "redial_connections_timed_out_total"];
        assert!(said.iter().map(|name| counted(&metrics, name)).sum::<u64>() > 0, "{metrics}");
    }
    let log = gateway.log();
    let warnings: Vec<&str> = log.lines().filter(|line| line.contains("\"WARN\"")).collect();
    assert!(warnings.len() < 50, "{} warnings, such as {:?}", warnings.len(), warnings.last());
    if long_form().is_some() {
        assert!(worst <= 1000, "a webhook took {worst} ms");
    }
}

/// What a counter, or all series of a name, come to.
fn counted(metrics: &str, name: &str) -> u64 {
    let values = metrics.lines().filter(|line| line.starts_with(name)).filter_map(|line| line.rsplit_once(' '));
    values.map(|(_, value)| value.parse::<u64>().unwrap()).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_go_on_beside_sockets_that_say_nothing() {
    calls_go_on_beside(Kind::Silent).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_go_on_beside_heads_that_never_end() {
    calls_go_on_beside(Kind::SlowHead).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_go_on_beside_bodies_that_never_end() {
    calls_go_on_beside(Kind::SlowBody).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_go_on_beside_strangers_who_read_no_answer() {
    calls_go_on_beside(Kind::NeverReads).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_go_on_beside_what_is_no_http() {
    calls_go_on_beside(Kind::Garbage).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_go_on_beside_streams_that_never_start() {
    calls_go_on_beside(Kind::NoStart).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_go_on_beside_connections_that_are_kept_alive() {
    calls_go_on_beside(Kind::KeepsAlive).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_of_each_kind_ends_by_itself_and_is_counted() {
    let gateway = Setup::hearing([""]).start().await;
    let mut socket = gateway.stream(&call_sid(), "+14155550123").await;
    socket.expect("media").await;
    let call = listen(socket);
    let address = gateway.gateway.address();
    let ends =
        join_all(Kind::ALL.map(|kind| async move { (kind, timeout(DEADLINE, kind.hold(address)).await.is_ok()) }));
    for (kind, ended) in ends.await {
        assert!(ended, "{kind:?} is kept");
    }
    let metrics = reqwest::get(gateway.operators_url("/metrics")).await.unwrap().text().await.unwrap();
    // Who reads no answer has had their sixteen requests before the deadline of the last of them.
    for phase in ["first_byte", "head", "body", "idle"] {
        let series = format!("redial_connections_timed_out_total{{phase=\"{phase}\"}}");
        assert!(counted(&metrics, &series) > 0, "{phase} is not counted in {metrics}");
    }
    assert!(!call.is_finished(), "the call is dropped");
}

#[tokio::test]
async fn no_body_is_waited_for_without_a_signature() {
    let gateway = Setup::hearing([""]).start().await;
    for path in ["/voice", "/voice/resume", "/voice/status"] {
        for signature in ["", "X-Twilio-Signature: junk\r\n"] {
            let mut stream = TcpStream::connect(gateway.gateway.address()).await.unwrap();
            let head = format!(
                "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n\
                 {signature}Content-Length: 60000\r\n\r\n"
            );
            stream.write_all(head.as_bytes()).await.unwrap();
            let mut answer = Vec::new();
            timeout(DEADLINE, stream.read_to_end(&mut answer)).await.expect("it is answered").unwrap();
            let answer = String::from_utf8(answer).unwrap();
            assert!(answer.starts_with("HTTP/1.1 403"), "{path}: {answer}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_out_of_files_says_so_a_few_times_and_goes_on() {
    let dir = TempDir::new().unwrap();
    let gateway = GatewayProcess::start(dir.path(), &[]).await;
    gateway.ready().await;
    let wire = gateway.wire();
    let mut socket = wire.stream(&call_sid(), "+14155550123").await;
    socket.expect("media").await;
    let call = listen(socket);
    // Whoever runs it has lowered the limit meanwhile.
    gateway.limit_files(u64::try_from(gateway.open_files() + 12).unwrap());
    let crowd = Crowd::gather(Kind::Silent, 100, gateway.address());
    for n in 0..6 {
        sleep(Duration::from_secs(1)).await;
        ring(&wire, n).await;
    }
    assert!(!call.is_finished(), "the call is dropped");
    drop(crowd);
    let log = gateway.log();
    let said = log.lines().filter(|line| line.contains("cannot be accepted")).count();
    assert!((1..30).contains(&said), "said {said} times");
}

#[tokio::test(flavor = "multi_thread")]
async fn details_in_the_log_hold_no_token_signature_digit_or_word() {
    let dir = TempDir::new().unwrap();
    let gateway = GatewayProcess::start(dir.path(), &[("RUST_LOG", "trace")]).await;
    gateway.ready().await;
    let wire = gateway.wire();
    let script = Script::new("+14155550123", "+18005550199").with_steps([
        Step::say("hibari_name", audio("hibari_name").unwrap()),
        Step::Wait(Duration::from_secs(2)),
        Step::HangUp(HangUp::Normal),
    ]);
    gateway.simulator().call(script).await.unwrap();
    let (sid, from) = (call_sid(), "+14155550124");
    let form = fields(&sid, from);
    let token = wire.ring(&sid, from).await;
    let mut socket = wire.socket().await;
    socket.send(&start(&sid, &token)).await;
    socket.expect("media").await;
    for digit in "8675309#".chars() {
        socket.send(&dtmf(digit)).await;
    }
    socket.expect("mark").await;
    socket.send(&stop(&sid)).await;
    socket.closed().await;
    gateway.operators().await.get("/readyz").await;
    let log = gateway.log();
    assert!(log.contains("a call comes in") && log.contains("the call is over"), "{log}");
    assert!(log.contains("turn kept"), "details of our own are in the log");
    let of_form = signature::sign_form(TOKEN, &wire.url("/voice"), &form);
    let of_socket = signature::sign_websocket(TOKEN, &wire.url("/media-stream").replacen("http", "ws", 1));
    let body = encode(&form);
    for (what, secret) in [
        ("the token", token.as_str()),
        ("the auth token", TOKEN),
        ("the webhook's signature", &of_form),
        ("the socket's signature", &of_socket),
        ("a form", &body),
        ("the row of digits", "8675309"),
        ("a number", "4155550124"),
        ("a frame with digits", "inbound_track"),
        ("a start", "customParameters"),
        ("what a caller said", "Ana"),
        ("what the agent said", "Hello"),
    ] {
        let lines: Vec<&str> = log.lines().filter(|line| line.contains(secret)).take(3).collect();
        assert!(lines.is_empty(), "{what} is in the log: {lines:#?}");
    }
}

#[tokio::test]
async fn without_an_operators_port_there_are_no_metrics() {
    let gateway = Setup::hearing([""]).var("ADMIN_ADDR", "off").start().await;
    assert_eq!(gateway.gateway.admin_address(), None::<SocketAddr>);
    assert_eq!(reqwest::get(gateway.url("/metrics")).await.unwrap().status(), 404);
    assert_eq!(reqwest::get(gateway.url("/readyz")).await.unwrap().text().await.unwrap(), "ready\n");
}
