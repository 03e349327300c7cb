//! The gateway as a process under calls on loopback: `start` to the first greeting frame, then CPU and memory of many calls.
//!
//! `cargo bench --bench gateway [-- CALLS]`. The callers are quiet after the greeting, so that what is measured is the
//! gateway: parsing, VAD, core, socket; no recognition. Needs Linux (/proc).
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a bench may")]

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use futures_util::{SinkExt as _, StreamExt as _};
use redial_carrier::twilio::signature;
use serde_json::json;
use tokio::net::TcpStream;
use tokio::time::{interval_at, sleep, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

const TOKEN: &str = "3f9a1c77b20e4d58a6c1e0d94b7f2a85";
const STREAM: &str = "MZ9c8d7e6f5a4b3c2d1e0f9a8b7c6d5e4f";
/// Twilio connects some 100s of ms after the webhook; the look-up and the greeting's synthesis use that time.
const CARRIER_DELAY: Duration = Duration::from_millis(300);
/// Measured right after the last call began: some 5 s of greeting and 7 s of listening, before anybody is asked whether they are
/// still there.
const STEADY: Duration = Duration::from_secs(12);
/// Calls that are set up at the same time.
const RAMP: usize = 50;

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

struct Gateway {
    process: Child,
    port: u16,
    _dir: tempfile::TempDir,
}

impl Gateway {
    fn start(calls: usize) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let process = Command::new(env!("CARGO_BIN_EXE_redial"))
            .arg("serve")
            .env_clear()
            .env("ADMIN_ADDR", "off")
            .env("BIND_ADDR", format!("127.0.0.1:{port}"))
            .env("DATA_DIR", dir.path())
            .env("TWILIO_AUTH_TOKEN", TOKEN)
            .env("MAX_CALLS", (calls + 10).to_string())
            .env("RUST_LOG", "warn")
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        Self { process, port, _dir: dir }
    }

    /// User and system CPU time so far.
    fn cpu(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.process.id())).unwrap();
        let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
        let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
        Duration::from_millis(ticks * 10) // 100 ticks a second on Linux
    }

    fn rss_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Rings and connects; returns the socket and the time from `start` to the first audio.
async fn call(port: u16, http: &reqwest::Client, n: usize) -> (Socket, Duration) {
    let sid = format!("CA{}", uuid::Uuid::new_v4().simple());
    let url = format!("http://127.0.0.1:{port}/voice");
    let fields: Vec<(String, String)> = [("CallSid", sid.clone()), ("From", format!("+1415{:07}", 5_550_000 + n))]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    let signature = signature::sign_form(TOKEN, &url, &fields);
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&fields).finish();
    let answer = http
        .post(&url)
        .header("Content-Type", "application/x-www-form-urlencoded")
        .header("X-Twilio-Signature", signature)
        .body(body)
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    let token = answer.split_once("name=\"token\" value=\"").unwrap().1.split_once('"').unwrap().0.to_owned();
    sleep(CARRIER_DELAY).await;
    let url = format!("ws://127.0.0.1:{port}/media-stream");
    let mut request = url.as_str().into_client_request().unwrap();
    request.headers_mut().insert("x-twilio-signature", signature::sign_websocket(TOKEN, &url).parse().unwrap());
    let (mut socket, _) = connect_async(request).await.unwrap();
    let start = json!({ "event": "start", "sequenceNumber": "1", "streamSid": STREAM, "start": {
        "streamSid": STREAM, "callSid": sid, "tracks": ["inbound"], "customParameters": { "token": token },
        "mediaFormat": { "encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1 } } });
    let began = Instant::now();
    socket.send(Message::text(start.to_string())).await.unwrap();
    loop {
        match timeout(Duration::from_secs(10), socket.next()).await.unwrap() {
            Some(Ok(Message::Text(text))) if text.contains("\"media\"") => return (socket, began.elapsed()),
            Some(Ok(_)) => (),
            other => panic!("{other:?}"),
        }
    }
}

/// Sends a frame every 20 ms and reads what comes, until it is dropped. `noise`: not digital silence.
async fn line(mut socket: Socket, noise: bool) {
    // One step either side of zero: a quiet analogue line.
    let payload =
        if noise { "fv5+/v7+fn7+/n5+fv7+/n7+fv5+fv7+/n5+".repeat(6) } else { format!("{}w==", "/".repeat(213)) };
    let mut tick = interval_at(tokio::time::Instant::now(), Duration::from_millis(20));
    for sequence in 2u64.. {
        tokio::select! {
            _ = tick.tick() => {
                let text = format!(
                    r#"{{"event":"media","sequenceNumber":"{sequence}","streamSid":"{STREAM}","media":{{"track":"inbound","chunk":"{sequence}","timestamp":"{}","payload":"{payload}"}}}}"#,
                    sequence * 20
                );
                if socket.send(Message::text(text)).await.is_err() {
                    return;
                }
            }
            message = socket.next() => match message {
                Some(Ok(Message::Text(text))) if text.contains("\"mark\"") => {
                    if socket.send(Message::Text(text)).await.is_err() {
                        return;
                    }
                }
                Some(Ok(_)) => (),
                Some(Err(_)) | None => return,
            },
        }
    }
}

async fn ready(port: u16) -> reqwest::Client {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    while http.get(format!("http://127.0.0.1:{port}/readyz")).send().await.is_err() {
        assert!(Instant::now() < deadline, "the gateway does not start");
        sleep(Duration::from_millis(5)).await;
    }
    http
}

async fn load(calls: usize, noise: bool) {
    let gateway = Gateway::start(calls);
    let http = ready(gateway.port).await;
    let mut first_audio = Vec::new();
    for n in 0..100 {
        let (socket, took) = call(gateway.port, &http, n).await;
        first_audio.push(took);
        drop(socket);
    }
    first_audio.sort();
    println!(
        "start -> first greeting frame, idle, 100 calls: p50 {:.2?}, p99 {:.2?}",
        first_audio[first_audio.len() / 2],
        first_audio[first_audio.len() * 99 / 100]
    );
    let before = gateway.rss_kib();
    let mut lines = Vec::new();
    for batch in (0..calls).collect::<Vec<_>>().chunks(RAMP) {
        let sockets = batch.iter().map(|n| call(gateway.port, &http, *n));
        for (socket, _) in futures_util::future::join_all(sockets).await {
            lines.push(tokio::spawn(line(socket, noise)));
        }
    }
    let (cpu, began) = (gateway.cpu(), Instant::now());
    sleep(STEADY).await;
    let share = (gateway.cpu() - cpu).as_secs_f64() / began.elapsed().as_secs_f64() / calls as f64;
    let memory = (gateway.rss_kib().saturating_sub(before)) as f64 / calls as f64;
    let alive = lines.iter().filter(|line| !line.is_finished()).count();
    let what = if noise { "faint noise" } else { "digital silence" };
    println!(
        "{calls} calls, {what}: {:.3} % of a core a call, {:.1} us a frame, {memory:.0} KiB a call (base {before} KiB), {alive} alive",
        share * 100.0,
        share * 20_000.0
    );
}

fn main() {
    redial_outgoing::tls::install_provider();
    let calls = std::env::args().skip(1).find_map(|arg| arg.parse().ok()).unwrap_or(200);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    for noise in [false, true] {
        runtime.block_on(load(calls, noise));
    }
}
