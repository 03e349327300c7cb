//! One call as the carrier makes it: a signed webhook, the media stream's upgrade, `start`, the first audio.

use std::time::{Duration, Instant};

use redial_carrier::twilio::signature;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::framing;
use crate::process::TOKEN;

pub(crate) const STREAM: &str = "MZ9c8d7e6f5a4b3c2d1e0f9a8b7c6d5e4f";
/// Twilio connects some 100s of ms after the webhook; the look-up and the greeting's synthesis use that time.
const CARRIER_DELAY: Duration = Duration::from_millis(300);
/// For each answer of a gateway under load.
const PATIENCE: Duration = Duration::from_secs(20);
const HEAD_END: &[u8] = b"\r\n\r\n";

/// A call whose caller has begun to hear the greeting.
pub(crate) struct Connected {
    pub(crate) socket: TcpStream,
    /// What came and is no whole message yet.
    pub(crate) received: Vec<u8>,
}

/// What was measured of its beginning.
pub(crate) struct First {
    /// From the webhook to its answer.
    pub(crate) webhook: Duration,
    /// From `start` to the first audio.
    pub(crate) audio: Duration,
    /// That audio as the message says it.
    pub(crate) payload: String,
}

/// Why there is no call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoCall {
    /// The webhook's answer does not connect it.
    Declined,
    /// The connection or an answer did not come about.
    Lost,
}

/// The number of the `n`th caller; all are in North America.
pub(crate) fn number(n: usize) -> String {
    format!("+1415{:07}", 5_550_000 + n)
}

/// Rings from `from`, connects, and waits for the first audio.
pub(crate) async fn call(http: &reqwest::Client, port: u16, from: String) -> Result<(Connected, First), NoCall> {
    let sid = format!("CA{}", uuid::Uuid::new_v4().simple());
    let began = Instant::now();
    let answer = timeout(PATIENCE, ring(http, port, &sid, from)).await.ok().flatten().ok_or(NoCall::Lost)?;
    let webhook = began.elapsed();
    let token = answer.split_once("name=\"token\" value=\"").and_then(|(_, rest)| rest.split_once('"'));
    let token = token.ok_or(NoCall::Declined)?.0;
    sleep(CARRIER_DELAY).await;
    timeout(PATIENCE, connect(port, &sid, token, webhook)).await.ok().flatten().ok_or(NoCall::Lost)
}

async fn ring(http: &reqwest::Client, port: u16, sid: &str, from: String) -> Option<String> {
    let url = format!("http://127.0.0.1:{port}/voice");
    let fields = vec![("CallSid".to_owned(), sid.to_owned()), ("From".to_owned(), from)];
    let signature = signature::sign_form(TOKEN, &url, &fields);
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&fields).finish();
    let request = http
        .post(&url)
        .header("Content-Type", "application/x-www-form-urlencoded")
        .header("X-Twilio-Signature", signature)
        .body(body);
    request.send().await.ok()?.text().await.ok()
}

/// `None`: the gateway does not take the stream, or closes it before any audio.
async fn connect(port: u16, sid: &str, token: &str, webhook: Duration) -> Option<(Connected, First)> {
    let mut socket = TcpStream::connect(("127.0.0.1", port)).await.ok()?;
    socket.set_nodelay(true).ok()?;
    let signature = signature::sign_websocket(TOKEN, &format!("ws://127.0.0.1:{port}/media-stream"));
    let upgrade = format!(
        "GET /media-stream HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nX-Twilio-Signature: {signature}\r\n\r\n"
    );
    socket.write_all(upgrade.as_bytes()).await.ok()?;
    let mut received = Vec::new();
    let head = loop {
        if let Some(at) = received.windows(HEAD_END.len()).position(|bytes| bytes == HEAD_END) {
            break at + HEAD_END.len();
        }
        read(&mut socket, &mut received).await?;
    };
    if !received.starts_with(b"HTTP/1.1 101 ") {
        return None;
    }
    received.drain(..head);

    let start = json!({ "event": "start", "sequenceNumber": "1", "streamSid": STREAM, "start": {
        "streamSid": STREAM, "callSid": sid, "tracks": ["inbound"], "customParameters": { "token": token },
        "mediaFormat": { "encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1 } } });
    let mut message = Vec::new();
    framing::put_text(&mut message, &start.to_string());
    let began = Instant::now();
    socket.write_all(&message).await.ok()?;
    let mut payload = None;
    while payload.is_none() {
        read(&mut socket, &mut received).await?;
        framing::take_messages(&mut received, |message| payload = payload.take().or_else(|| audio_of(message)));
    }
    let first = First { webhook, audio: began.elapsed(), payload: payload? };
    Some((Connected { socket, received }, first))
}

async fn read(socket: &mut TcpStream, received: &mut Vec<u8>) -> Option<()> {
    let size = socket.read_buf(received).await.ok()?;
    (size > 0).then_some(())
}

fn audio_of(message: &[u8]) -> Option<String> {
    let message: serde_json::Value = serde_json::from_slice(message).ok()?;
    Some(message.pointer("/media/payload")?.as_str()?.to_owned())
}
