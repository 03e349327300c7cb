//! A hand on the wire: signed webhooks and bare sockets, for what a well-behaved simulator never does.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::{SinkExt as _, StreamExt as _};
use redial_carrier::twilio::signature;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::gateway::{TOKEN, TestGateway};

pub(crate) const STREAM: &str = "MZ9c8d7e6f5a4b3c2d1e0f9a8b7c6d5e4f";

/// A fresh call id.
pub(crate) fn call_sid() -> String {
    format!("CA{}", uuid::Uuid::new_v4().simple())
}

/// The fields of a voice webhook.
pub(crate) fn fields(sid: &str, from: &str) -> Vec<(String, String)> {
    [
        ("AccountSid", "AC0a1b2c3d4e5f60718293a4b5c6d7e8f9"),
        ("ApiVersion", "2010-04-01"),
        ("CallSid", sid),
        ("CallStatus", "ringing"),
        ("Direction", "inbound"),
        ("From", from),
        ("To", "+18005550199"),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .collect()
}

pub(crate) fn encode(fields: &[(String, String)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

/// A gateway at an address, asked as the carrier would.
#[derive(Debug, Clone)]
pub(crate) struct Wire {
    base: String,
    /// Shared by clones, so that a flood of webhooks comes over few connections.
    client: reqwest::Client,
}

impl Wire {
    pub(crate) fn new(base: String) -> Self {
        redial_outgoing::tls::install_provider();
        // No connection is kept: the gateway at its other end may have been killed.
        let client = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0).build().unwrap();
        Self { base, client }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// What a path answers.
    pub(crate) async fn get(&self, path: &str) -> String {
        self.client.get(self.url(path)).send().await.unwrap().text().await.unwrap()
    }

    /// Posts a form, signed for this URL. Returns status and body.
    pub(crate) async fn post(&self, path: &str, fields: &[(String, String)]) -> (u16, String) {
        let signature = signature::sign_form(TOKEN, &self.url(path), fields);
        self.post_raw(path, encode(fields), Some(&signature)).await
    }

    /// As [`Wire::post`]: the body, or nothing when no gateway lives to answer.
    pub(crate) async fn try_post(&self, path: &str, fields: &[(String, String)]) -> Option<String> {
        let signature = signature::sign_form(TOKEN, &self.url(path), fields);
        self.try_post_raw(path, encode(fields), Some(&signature)).await.ok().map(|(_, body)| body)
    }

    pub(crate) async fn post_raw(&self, path: &str, body: String, signature: Option<&str>) -> (u16, String) {
        self.try_post_raw(path, body, signature).await.unwrap()
    }

    async fn try_post_raw(&self, path: &str, body: String, signature: Option<&str>) -> reqwest::Result<(u16, String)> {
        let mut request = self
            .client
            .post(self.url(path))
            .header("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8")
            .body(body);
        if let Some(signature) = signature {
            request = request.header("X-Twilio-Signature", signature);
        }
        let answer = request.send().await?;
        Ok((answer.status().as_u16(), answer.text().await?))
    }

    /// Asks how a call goes on whose stream broke: the token of the stream that may follow.
    pub(crate) async fn resume(&self, sid: &str, from: &str) -> String {
        let (status, document) = self.post("/voice/resume", &fields(sid, from)).await;
        assert_eq!(status, 200, "{document}");
        token(&document)
    }

    /// Rings: the token of the stream that may follow.
    pub(crate) async fn ring(&self, sid: &str, from: &str) -> String {
        let (status, document) = self.post("/voice", &fields(sid, from)).await;
        assert_eq!(status, 200, "{document}");
        token(&document)
    }

    /// Opens a signed socket.
    pub(crate) async fn socket(&self) -> Socket {
        self.try_socket(&[]).await.unwrap()
    }

    /// Opens a socket with further headers; those named replace the signed one.
    pub(crate) async fn try_socket(&self, headers: &[(&'static str, &str)]) -> Result<Socket, Error> {
        let url = self.url("/media-stream").replacen("http", "ws", 1);
        let mut request = url.as_str().into_client_request().unwrap();
        let signature = signature::sign_websocket(TOKEN, &url);
        request.headers_mut().insert("x-twilio-signature", signature.parse().unwrap());
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        connect_async(request).await.map(|(socket, _)| Socket(socket))
    }

    /// A stream that has started.
    pub(crate) async fn stream(&self, sid: &str, from: &str) -> Socket {
        let token = self.ring(sid, from).await;
        let mut socket = self.socket().await;
        socket.send(&start(sid, &token)).await;
        socket
    }
}

impl TestGateway {
    fn wire(&self) -> Wire {
        Wire::new(self.url(""))
    }

    /// As [`Wire::post`].
    pub(crate) async fn post(&self, path: &str, fields: &[(String, String)]) -> (u16, String) {
        self.wire().post(path, fields).await
    }

    /// As [`Wire::post_raw`].
    pub(crate) async fn post_raw(&self, path: &str, body: String, signature: Option<&str>) -> (u16, String) {
        self.wire().post_raw(path, body, signature).await
    }

    /// As [`Wire::ring`].
    pub(crate) async fn ring(&self, sid: &str, from: &str) -> String {
        self.wire().ring(sid, from).await
    }

    /// As [`Wire::resume`].
    pub(crate) async fn resume(&self, sid: &str, from: &str) -> String {
        self.wire().resume(sid, from).await
    }

    /// As [`Wire::socket`].
    pub(crate) async fn socket(&self) -> Socket {
        self.wire().socket().await
    }

    /// As [`Wire::try_socket`].
    pub(crate) async fn try_socket(&self, headers: &[(&'static str, &str)]) -> Result<Socket, Error> {
        self.wire().try_socket(headers).await
    }

    /// As [`Wire::stream`].
    pub(crate) async fn stream(&self, sid: &str, from: &str) -> Socket {
        self.wire().stream(sid, from).await
    }
}

/// The token in a TwiML document.
pub(crate) fn token(document: &str) -> String {
    let (_, rest) = document.split_once("name=\"token\" value=\"").unwrap_or_else(|| panic!("no token in {document}"));
    rest.split_once('"').unwrap().0.to_owned()
}

pub(crate) fn start(sid: &str, token: &str) -> Value {
    json!({
        "event": "start", "sequenceNumber": "1", "streamSid": STREAM,
        "start": {
            "accountSid": "AC0a1b2c3d4e5f60718293a4b5c6d7e8f9", "streamSid": STREAM, "callSid": sid,
            "tracks": ["inbound"],
            "mediaFormat": { "encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1 },
            "customParameters": { "token": token },
        },
    })
}

/// Audio of the caller's, of any length, and its time in ms since the stream began.
pub(crate) fn media(timestamp_ms: Option<u64>, ulaw: &[u8]) -> Value {
    let mut media = json!({ "track": "inbound", "chunk": "1", "payload": STANDARD.encode(ulaw) });
    if let Some(timestamp_ms) = timestamp_ms {
        media["timestamp"] = json!(timestamp_ms.to_string());
    }
    json!({ "event": "media", "streamSid": STREAM, "sequenceNumber": "3", "media": media })
}

/// One key.
pub(crate) fn dtmf(digit: char) -> Value {
    json!({
        "event": "dtmf", "streamSid": STREAM, "sequenceNumber": "5",
        "dtmf": { "track": "inbound_track", "digit": digit.to_string() },
    })
}

pub(crate) fn stop(sid: &str) -> Value {
    json!({ "event": "stop", "sequenceNumber": "9", "streamSid": STREAM, "stop": { "callSid": sid } })
}

/// A bare socket.
pub(crate) struct Socket(pub(crate) WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Socket {
    pub(crate) async fn send(&mut self, message: &Value) {
        self.send_text(&message.to_string()).await;
    }

    pub(crate) async fn send_text(&mut self, text: &str) {
        // The gateway may have hung up already; the test looks at what it said.
        let _ = self.0.send(Message::text(text)).await;
    }

    /// The first event of a kind, within 5 s.
    pub(crate) async fn expect(&mut self, event: &str) -> Value {
        let search = async {
            loop {
                match self.0.next().await {
                    Some(Ok(Message::Text(text))) => {
                        let message: Value = serde_json::from_str(&text).unwrap();
                        if message["event"] == event {
                            return message;
                        }
                    }
                    Some(Ok(_)) => (),
                    other => panic!("{other:?} instead of {event}"),
                }
            }
        };
        timeout(Duration::from_secs(5), search).await.unwrap_or_else(|_| panic!("no {event} within 5 s"))
    }

    /// The close code that the gateway ends with, within 8 s; `None` when the connection just broke.
    pub(crate) async fn closed(&mut self) -> Option<u16> {
        let search = async {
            loop {
                match self.0.next().await {
                    Some(Ok(Message::Close(frame))) => return frame.map(|frame| frame.code.into()),
                    Some(Ok(_)) => (),
                    Some(Err(_)) | None => return None,
                }
            }
        };
        timeout(Duration::from_secs(8), search).await.expect("the gateway keeps the socket open")
    }
}
