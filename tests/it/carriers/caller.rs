//! A caller of the wideband carrier: the carrier's side of its webhooks and its socket, in real time.

use std::collections::VecDeque;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use redial_call::audio;
use redial_carrier::resample::Doubler;
use redial_carrier::scripted::hooks::sign;
use redial_carrier::scripted::wideband::{CONTENT_TYPE, FRAME_BYTES, SIGNATURE};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::time::{interval, timeout};
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Bytes, Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::support::gateway::{TestGateway, audio as fixture};
use crate::support::line::STREAM;

/// The key that carrier and gateway share.
pub(super) const KEY: &[u8] = b"0123456789abcdef0123456789abcdef";

/// How long something may take to be heard. Generous: it is never waited out when all is well.
const PATIENCE: Duration = Duration::from_secs(20);
/// A pause after which an answer is taken to be over: no scripted one has any.
const PAUSE: Duration = Duration::from_millis(600);
/// A frame's level from which on it is a sound: the scripted voice has some 730.
const SOUND: f64 = 200.0;
/// Sound that counts as something heard: 200 ms.
const SOME_FRAMES: usize = 10;

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Posts a webhook: status and answer, which is null where there is no JSON.
pub(super) async fn post(gateway: &TestGateway, path: &str, body: &Value, signature: &str) -> (u16, Value) {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut request = client.post(gateway.url(path)).header("content-type", "application/json");
    if !signature.is_empty() {
        request = request.header(SIGNATURE.as_str(), signature);
    }
    let answer = request.body(body.to_string()).send().await.unwrap();
    let status = answer.status().as_u16();
    (status, serde_json::from_str(&answer.text().await.unwrap()).unwrap_or_default())
}

pub(super) fn signature(body: &Value) -> String {
    sign(KEY, body.to_string().as_bytes())
}

/// A call comes in.
pub(super) async fn incoming(gateway: &TestGateway, carrier: &str, sid: &str, from: &str) -> (u16, Value) {
    let body = json!({ "call": sid, "status": "ringing", "from": from });
    post(gateway, &format!("/{carrier}/voice"), &body, &signature(&body)).await
}

/// The carrier says that a call is over.
pub(super) async fn over(gateway: &TestGateway, carrier: &str, sid: &str) {
    let body = json!({ "call": sid, "status": "completed" });
    let (status, answer) = post(gateway, &format!("/{carrier}/voice/status"), &body, &signature(&body)).await;
    assert_eq!(status, 204, "{answer}");
}

/// Opens a socket. Else: the status that it is refused with.
pub(super) async fn try_socket(url: &str, signature: Option<&str>) -> Result<Socket, u16> {
    let mut request = url.into_client_request().unwrap();
    if let Some(signature) = signature {
        request.headers_mut().insert(SIGNATURE, signature.parse().unwrap());
    }
    match connect_async(request).await {
        Ok((socket, _)) => Ok(socket),
        Err(Error::Http(response)) => Err(response.status().as_u16()),
        Err(other) => panic!("{other}"),
    }
}

/// What came from the gateway by now.
#[derive(Debug, Clone, Default)]
struct Heard {
    frames: usize,
    /// Those of the frames that hold a sound.
    loud: usize,
    clears: usize,
    /// Messages that the carrier would not take.
    wrong: Vec<String>,
    is_closed: bool,
}

impl Heard {
    fn take(&mut self, message: &Message) {
        match message {
            Message::Binary(bytes) if bytes.len() == FRAME_BYTES => {
                self.frames += 1;
                self.loud += usize::from(level(bytes) > SOUND);
            }
            Message::Text(text) if text.as_str() == r#"{"action":"clear"}"# => self.clears += 1,
            Message::Close(_) => self.is_closed = true,
            Message::Ping(_) | Message::Pong(_) => (),
            other => self.wrong.push(format!("{} bytes: {other:.80}", other.len())),
        }
    }
}

/// The root mean square of a frame's samples.
fn level(frame: &Bytes) -> f64 {
    let samples = frame.chunks(2).map(|sample| f64::from(i16::from_le_bytes([sample[0], sample[1]])));
    (samples.map(|sample| sample * sample).sum::<f64>() / (frame.len() / 2) as f64).sqrt()
}

#[derive(Debug)]
enum Order {
    /// Audio of this carrier's, to be sent as it is spoken.
    Say(Vec<u8>),
    Send(String),
    Close,
}

/// A caller on the line. Sends 50 frames a second, silence too.
pub(super) struct Caller {
    orders: mpsc::Sender<Order>,
    heard: watch::Receiver<Heard>,
    /// What was heard when something was last waited for.
    before: Heard,
}

impl Caller {
    /// Opens the stream that an answer asks for, and starts it.
    pub(super) async fn answer(document: &Value, sid: &str) -> Self {
        let url = document["url"].as_str().unwrap();
        let mut socket = try_socket(url, Some(&sign(KEY, url.as_bytes()))).await.unwrap();
        let mut start = json!({
            "event": "websocket:connected", "content-type": CONTENT_TYPE, "call": sid, "stream": STREAM,
        });
        for (name, value) in document["headers"].as_object().unwrap() {
            start[name] = value.clone();
        }
        socket.send(Message::text(start.to_string())).await.unwrap();
        let (orders, inbox) = mpsc::channel(16);
        let (told, heard) = watch::channel(Heard::default());
        tokio::spawn(live(socket, inbox, told));
        Self { orders, heard, before: Heard::default() }
    }

    /// How many frames came by now.
    pub(super) fn frames(&self) -> usize {
        self.heard.borrow().frames
    }

    /// How often what was sent and not played was taken back by now.
    pub(super) fn clears(&self) -> usize {
        self.heard.borrow().clears
    }

    fn order(&self, order: Order) {
        self.orders.try_send(order).expect("the caller is on the line");
    }

    /// Says a fixture.
    pub(super) fn says(&self, name: &str) {
        let ulaw = fixture(name).unwrap();
        let (mut doubler, mut samples) = (Doubler::default(), Vec::new());
        doubler.push(ulaw.into_iter().map(audio::decode), &mut samples);
        doubler.finish(&mut samples);
        self.order(Order::Say(samples.into_iter().flat_map(i16::to_le_bytes).collect()));
    }

    pub(super) fn sends(&self, message: &Value) {
        self.order(Order::Send(message.to_string()));
    }

    pub(super) async fn closes(&mut self) {
        self.order(Order::Close);
        self.is_closed().await;
    }

    /// Waits for what this says of what was heard before and is now.
    async fn until(&mut self, what: &str, comes: impl Fn(&Heard, &Heard) -> bool) {
        let before = self.before.clone();
        let came = self.heard.wait_for(|now| comes(&before, now) || !now.wrong.is_empty());
        let came = matches!(timeout(PATIENCE, came).await, Ok(Ok(_)));
        let now = self.heard.borrow().clone();
        assert!(now.wrong.is_empty(), "{:?}", now.wrong);
        assert!(came, "not {what}; before {before:?}, now {now:?}");
        self.before = now;
    }

    /// Waits for sound.
    pub(super) async fn hears_something(&mut self, what: &str) {
        self.until(what, |before, now| now.loud >= before.loud + SOME_FRAMES).await;
    }

    /// Waits for a pause.
    pub(super) async fn hears_nothing_more(&mut self) {
        let pause = async {
            while timeout(PAUSE, self.heard.changed()).await.is_ok() {
                assert!(!self.heard.borrow().is_closed, "the gateway has hung up");
            }
        };
        timeout(PATIENCE, pause).await.expect("the gateway goes on talking");
        self.until("a line without faults", |_, _| true).await;
    }

    /// Waits until what was sent and not played is taken back.
    pub(super) async fn is_cleared(&mut self) {
        self.until("cleared", |before, now| now.clears > before.clears).await;
    }

    pub(super) async fn is_closed(&mut self) {
        self.until("closed", |_, now| now.is_closed).await;
    }
}

async fn live(mut socket: Socket, mut orders: mpsc::Receiver<Order>, told: watch::Sender<Heard>) {
    let mut tick = interval(Duration::from_millis(20));
    let mut speech: VecDeque<u8> = VecDeque::new();
    loop {
        tokio::select! {
            _ = tick.tick() => {
                let length = speech.len().min(FRAME_BYTES);
                let mut frame: Vec<u8> = speech.drain(..length).collect();
                frame.resize(FRAME_BYTES, 0);
                // The gateway may have closed; then the socket tells so.
                let _ = socket.send(Message::binary(frame)).await;
            }
            order = orders.recv() => match order {
                Some(Order::Say(track)) => speech.extend(track),
                Some(Order::Send(text)) => _ = socket.send(Message::text(text)).await,
                Some(Order::Close) => _ = socket.close(None).await,
                None => return,
            },
            message = socket.next() => match message {
                Some(Ok(message)) => told.send_modify(|heard| heard.take(&message)),
                Some(Err(_)) | None => {
                    told.send_modify(|heard| heard.is_closed = true);
                    return;
                }
            },
        }
    }
}
