//! The simulator against a small gateway, which greets with a tone, answers what it hears with another, and can misbehave.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::join_all;
use redial::simulate::script::{HangUp, Script, Step};
use redial::simulate::{EndedBy, Marks, ReplayEnd, Report, SimulateError, Simulator, WarningCode, Who, replay};
use redial_carrier::twilio::signature::{SignatureHeaders, Verifier};
use serde_json::{Value, json};

const AUTH_TOKEN: &str = "3f9a1c77b20e4d58a6c1e0d94b7f2a85";
const ACCOUNT_SID: &str = "AC0a1b2c3d4e5f60718293a4b5c6d7e8f9";
const FROM: &str = "+14155550123";
const TO: &str = "+18005550199";
const SILENCE: u8 = 0xff;

/// What the gateway does on its streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Habit {
    /// Greets, answers, and says goodbye to a `#`.
    Polite,
    /// The same, after messages that are none.
    Rude,
    /// Drops the connection of its first streams after the greeting; then polite.
    Crashing { streams: usize },
    /// Declines calls.
    Busy,
    /// Takes calls, but no streams.
    Deaf,
    /// Says nothing.
    Mute,
}

#[derive(Debug)]
struct Gateway {
    habit: Habit,
    origin: String,
    greeting_ms: usize,
    log: Mutex<Vec<String>>,
}

impl Gateway {
    /// Starts a gateway, and a carrier in front of it.
    async fn start(habit: Habit) -> (Arc<Self>, Simulator) {
        Self::start_with_greeting(habit, 300).await
    }

    async fn start_with_greeting(habit: Habit, greeting_ms: usize) -> (Arc<Self>, Simulator) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = listener.local_addr().unwrap().to_string();
        let gateway = Arc::new(Self { habit, origin, greeting_ms, log: Mutex::default() });
        let router = Router::new()
            .route("/voice", post(voice))
            .route("/voice/resume", post(resume))
            .route("/voice/status", post(status))
            .route("/media", get(media))
            .with_state(Arc::clone(&gateway));
        tokio::spawn(async move { axum::serve(listener, router).await });
        let simulator = gateway.carrier(AUTH_TOKEN).unwrap();
        (gateway, simulator)
    }

    fn carrier(&self, auth_token: &str) -> Result<Simulator, SimulateError> {
        Simulator::new(&format!("http://{}", self.origin), ACCOUNT_SID, Some(auth_token.to_owned().into()))
    }

    fn note(&self, entry: impl Into<String>) {
        self.log.lock().unwrap().push(entry.into());
    }

    fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }

    /// Checks a form's signature, and returns the status that it reports.
    fn read(&self, headers: &HeaderMap, uri: &Uri, body: &Bytes) -> Option<String> {
        let pairs: Vec<(String, String)> = url::form_urlencoded::parse(body).into_owned().collect();
        let url = format!("http://{}{uri}", self.origin);
        let verifier = Verifier::new(vec![AUTH_TOKEN.to_owned()]);
        verifier.verify_form(&url, &pairs, signature(headers)).ok()?;
        let field = |name: &str| pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
        assert_eq!(field("AccountSid").as_deref(), Some(ACCOUNT_SID));
        assert_eq!(field("To").as_deref(), Some(TO));
        field("CallStatus")
    }

    fn streams(&self) -> usize {
        self.log().iter().filter(|entry| entry.starts_with("start")).count()
    }
}

fn signature(headers: &HeaderMap) -> SignatureHeaders<'_> {
    let signature = headers.get("X-Twilio-Signature").map(|value| value.to_str().unwrap());
    SignatureHeaders { signature, settings: None }
}

fn twiml(verbs: &str) -> Response {
    let document = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response>{verbs}</Response>");
    ([(header::CONTENT_TYPE, "text/xml")], document).into_response()
}

fn connect(origin: &str) -> Response {
    twiml(&format!(
        "<Connect><Stream url=\"ws://{origin}/media\"><Parameter name=\"token\" value=\"t&amp;1\"/></Stream></Connect>\
         <Redirect method=\"POST\">/voice/resume</Redirect>"
    ))
}

async fn voice(State(gateway): State<Arc<Gateway>>, headers: HeaderMap, uri: Uri, body: Bytes) -> Response {
    let Some(status) = gateway.read(&headers, &uri, &body) else { return StatusCode::FORBIDDEN.into_response() };
    gateway.note(format!("voice {status}"));
    match gateway.habit {
        Habit::Busy => twiml("<Reject reason=\"busy\"/>"),
        _ => connect(&gateway.origin),
    }
}

async fn resume(State(gateway): State<Arc<Gateway>>, headers: HeaderMap, uri: Uri, body: Bytes) -> Response {
    let Some(status) = gateway.read(&headers, &uri, &body) else { return StatusCode::FORBIDDEN.into_response() };
    gateway.note(format!("resume {status}"));
    match gateway.habit {
        Habit::Crashing { .. } => connect(&gateway.origin),
        _ => twiml("<Say>Bye.</Say><Hangup/>"),
    }
}

async fn status(State(gateway): State<Arc<Gateway>>, headers: HeaderMap, uri: Uri, body: Bytes) -> StatusCode {
    let Some(status) = gateway.read(&headers, &uri, &body) else { return StatusCode::FORBIDDEN };
    gateway.note(format!("status {status}"));
    StatusCode::NO_CONTENT
}

async fn media(State(gateway): State<Arc<Gateway>>, headers: HeaderMap, upgrade: WebSocketUpgrade) -> Response {
    let url = format!("ws://{}/media", gateway.origin);
    let verifier = Verifier::new(vec![AUTH_TOKEN.to_owned()]);
    let believed = verifier.verify_websocket(&url, "", signature(&headers)).is_ok();
    if !believed || gateway.habit == Habit::Deaf {
        return StatusCode::FORBIDDEN.into_response();
    }
    upgrade.on_upgrade(move |socket| Talk::run(gateway, socket))
}

/// One stream at the gateway.
struct Talk {
    gateway: Arc<Gateway>,
    socket: WebSocket,
    stream_sid: String,
    sequence_number: u64,
    /// Marks that have not come back.
    outstanding: Vec<String>,
    /// Silent frames since the caller spoke; `None` while there is nothing to answer.
    silence: Option<u32>,
    answers: usize,
    frames: usize,
}

impl Talk {
    async fn run(gateway: Arc<Gateway>, socket: WebSocket) {
        let mut talk = Self {
            gateway,
            socket,
            stream_sid: String::new(),
            sequence_number: 0,
            outstanding: Vec::new(),
            silence: None,
            answers: 0,
            frames: 0,
        };
        while let Some(Ok(message)) = talk.socket.recv().await {
            match message {
                Message::Text(text) => {
                    let message: Value = serde_json::from_str(&text).unwrap();
                    if !talk.handle(&message).await {
                        return;
                    }
                }
                Message::Close(frame) => {
                    talk.gateway.note(format!("frames {}", talk.frames));
                    return talk.gateway.note(format!("close {}", frame.map_or(1005, |frame| frame.code)));
                }
                Message::Binary(_) | Message::Ping(_) | Message::Pong(_) => (),
            }
        }
        talk.gateway.note("gone");
    }

    /// False when the gateway has had enough.
    async fn handle(&mut self, message: &Value) -> bool {
        let event = message["event"].as_str().unwrap();
        if event != "connected" {
            let number = &message["sequenceNumber"];
            let number = number.as_u64().unwrap_or_else(|| number.as_str().unwrap().parse().unwrap());
            if number != self.sequence_number + 1 {
                self.gateway.note(format!("number {number} after {}", self.sequence_number));
            }
            self.sequence_number = number;
        }
        match event {
            "start" => return self.start(&message["start"]).await,
            "media" => {
                self.frames += 1;
                let ulaw = STANDARD.decode(message["media"]["payload"].as_str().unwrap()).unwrap();
                self.listen(ulaw.iter().any(|byte| *byte != SILENCE)).await;
            }
            "mark" => {
                let name = message["mark"]["name"].as_str().unwrap();
                self.gateway.note(format!("mark {name}"));
                self.outstanding.retain(|outstanding| outstanding != name);
                if name == "goodbye" {
                    let close = axum::extract::ws::CloseFrame { code: 1000, reason: "".into() };
                    self.socket.send(Message::Close(Some(close))).await.unwrap();
                }
            }
            "dtmf" => {
                let digit = message["dtmf"]["digit"].as_str().unwrap();
                self.gateway.note(format!("dtmf {digit}"));
                if digit == "#" {
                    self.say(100, "goodbye").await;
                }
            }
            "stop" => self.gateway.note("stop"),
            _ => (),
        }
        true
    }

    async fn start(&mut self, start: &Value) -> bool {
        let token = start["customParameters"]["token"].as_str().unwrap().to_owned();
        self.stream_sid = start["streamSid"].as_str().unwrap().to_owned();
        self.gateway.note(format!("start {token}"));
        match self.gateway.habit {
            Habit::Mute => return true,
            Habit::Rude => self.be_rude().await,
            Habit::Polite | Habit::Crashing { .. } | Habit::Busy | Habit::Deaf => (),
        }
        self.say(self.gateway.greeting_ms, "greeting").await;
        // Dropped without a close frame when it returns false.
        !matches!(self.gateway.habit, Habit::Crashing { streams } if self.gateway.streams() <= streams)
    }

    async fn be_rude(&mut self) {
        self.socket.send(Message::Binary(Bytes::from_static(&[SILENCE; 160]))).await.unwrap();
        self.socket.send(Message::text("not JSON")).await.unwrap();
        self.send(json!({"event": "hangup", "streamSid": self.stream_sid})).await;
        self.send(json!({"event": "clear", "streamSid": "MZ0"})).await;
        self.send(json!({"event": "mark", "streamSid": self.stream_sid, "mark": {"name": "m", "extra": 1}})).await;
        self.send(json!({"event": "mark", "streamSid": self.stream_sid})).await;
    }

    async fn listen(&mut self, sounds: bool) {
        match (sounds, self.silence) {
            (true, _) => {
                if self.silence.is_none() && !self.outstanding.is_empty() {
                    self.send(json!({"event": "clear", "streamSid": self.stream_sid})).await;
                }
                self.silence = Some(0);
            }
            // 100 ms of silence: the caller has finished.
            (false, Some(5)) => {
                self.silence = None;
                self.answers += 1;
                self.say(200, &format!("answer {}", self.answers)).await;
            }
            (false, Some(frames)) => self.silence = Some(frames + 1),
            (false, None) => (),
        }
    }

    async fn say(&mut self, length_ms: usize, mark: &str) {
        let payload = STANDARD.encode(vec![0x20; length_ms * 8]);
        self.send(json!({"event": "media", "streamSid": self.stream_sid, "media": {"payload": payload}})).await;
        self.send(json!({"event": "mark", "streamSid": self.stream_sid, "mark": {"name": mark}})).await;
        self.outstanding.push(mark.to_owned());
    }

    async fn send(&mut self, message: Value) {
        // The carrier may be gone.
        let _ = self.socket.send(Message::text(message.to_string())).await;
    }
}

fn say(label: &str, length_ms: usize) -> Step {
    Step::Say { label: label.to_owned(), ulaw: vec![0x10; length_ms * 8] }
}

fn script(steps: impl IntoIterator<Item = Step>) -> Script {
    Script { record: true, ..Script::new(FROM, TO) }.with_steps(steps)
}

fn codes(report: &Report) -> Vec<WarningCode> {
    report.warnings.iter().map(|warning| warning.code).collect()
}

/// The log without the counts of frames.
fn told(gateway: &Gateway) -> Vec<String> {
    gateway.log().into_iter().filter(|entry| !entry.starts_with("frames")).collect()
}

/// Waits until the gateway has noted this, which it may after the call is over for the carrier.
async fn noted(gateway: &Gateway, entry: &str) {
    let found = async {
        while !gateway.log().iter().any(|noted| noted == entry) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), found)
        .await
        .unwrap_or_else(|_| panic!("{entry}: {:?}", gateway.log()));
}

#[tokio::test]
async fn a_call_is_greeted_answered_and_hung_up() {
    let (gateway, simulator) = Gateway::start(Habit::Polite).await;
    let steps = [say("hello", 400), Step::Wait(Duration::from_secs(1)), Step::HangUp(HangUp::Normal)];
    let report = simulator.call(script(steps)).await.unwrap();
    let order =
        ["voice ringing", "start t&1", "mark greeting", "mark answer 1", "stop", "close 1000", "status completed"];
    assert_eq!(told(&gateway), order);
    assert_eq!((report.ended_by, report.warnings), (EndedBy::Caller(HangUp::Normal), vec![]));
    let spoken: Vec<_> = report.spoken.iter().map(|s| (s.who, s.label.as_deref(), s.end_ms - s.start_ms)).collect();
    let [(Who::Agent, None, 300), (Who::Caller, Some("hello"), length), (Who::Agent, None, 200)] = spoken[..] else {
        panic!("{spoken:?}")
    };
    // Sent at its own pace; a busy machine sends some frames late and the next ones closer together.
    assert!((200..=800).contains(&length), "{length}");
    // The gateway answers after six silent frames.
    let [latency] = &report.latencies[..] else { panic!("{:?}", report.latencies) };
    assert!((50..=1000).contains(&latency.waited.as_millis()), "{latency:?}");
    assert_eq!(report.messages["media"].len(), 2);
    assert_eq!(report.caller_track.len(), report.agent_track.len());
    let sounding = |track: &[u8]| track.iter().filter(|byte| **byte != SILENCE).count();
    assert_eq!((sounding(&report.caller_track), sounding(&report.agent_track)), (400 * 8, 500 * 8));
}

#[tokio::test]
async fn a_frame_is_sent_every_20_ms_also_when_nobody_speaks() {
    let (gateway, simulator) = Gateway::start(Habit::Mute).await;
    let steps = [Step::Wait(Duration::from_secs(2)), Step::HangUp(HangUp::Normal)];
    let report = simulator.call(script(steps)).await.unwrap();
    noted(&gateway, "close 1000").await;
    let frames = gateway.log().iter().find_map(|entry| entry.strip_prefix("frames ")?.parse::<u32>().ok());
    // A machine that is busy at the end may be a few frames behind when the two seconds are over.
    assert!(matches!(frames, Some(90..=99)), "{frames:?}");
    assert_eq!((report.spoken, report.warnings), (vec![], vec![]));
}

#[tokio::test]
async fn an_interruption_cuts_the_agent_and_returns_its_marks() {
    let (gateway, simulator) = Gateway::start_with_greeting(Habit::Polite, 3000).await;
    let interrupt =
        Step::Interrupt { after: Duration::from_millis(500), label: "stop".to_owned(), ulaw: vec![0x10; 1600] };
    let steps = [interrupt, Step::Wait(Duration::from_millis(600)), Step::HangUp(HangUp::Normal)];
    let report = simulator.call(script(steps)).await.unwrap();
    let greeting = &report.spoken[0];
    assert!(greeting.cut && (400..1500).contains(&(greeting.end_ms - greeting.start_ms)), "{:?}", report.spoken);
    // Both ends are rounded down to a millisecond.
    assert!((greeting.ulaw.len() as u64 / 8).abs_diff(greeting.end_ms - greeting.start_ms) <= 1);
    assert_eq!(report.messages["clear"].len(), 1);
    assert_eq!(told(&gateway)[2..4], ["mark greeting", "mark answer 1"]);
}

#[tokio::test]
async fn keys_are_sent_and_a_gateway_that_closes_is_asked_what_is_next() {
    let (gateway, simulator) = Gateway::start(Habit::Polite).await;
    let report = simulator.call(script([Step::Dtmf("4#".to_owned())])).await.unwrap();
    let order = [
        "voice ringing",
        "start t&1",
        "mark greeting",
        "dtmf 4",
        "dtmf #",
        "mark goodbye",
        "close 1000",
        "resume in-progress",
        "status completed",
    ];
    assert_eq!(told(&gateway), order);
    assert_eq!((report.ended_by, report.redirects), (EndedBy::Gateway, 1));
    assert_eq!((report.said, report.warnings), (vec!["Bye.".to_owned()], vec![]));
}

#[tokio::test]
async fn a_call_goes_on_after_the_gateway_has_crashed() {
    let (gateway, simulator) = Gateway::start(Habit::Crashing { streams: 2 }).await;
    let report = simulator.call(script([say("hello", 100)])).await.unwrap();
    assert_eq!((report.redirects, &report.ended_by), (2, &EndedBy::Caller(HangUp::Normal)));
    assert_eq!(codes(&report), [WarningCode::ClosedAbnormally; 2]);
    assert_eq!((gateway.streams(), report.latencies.len()), (3, 1));
}

#[tokio::test]
async fn a_gateway_that_always_crashes_is_not_asked_for_ever() {
    let (gateway, simulator) = Gateway::start(Habit::Crashing { streams: usize::MAX }).await;
    let report = simulator.call(script([say("hello", 100)])).await.unwrap();
    assert_eq!((report.redirects, report.ended_by), (5, EndedBy::TooManyRedirects));
    assert_eq!(gateway.log().last().unwrap(), "status completed");
}

#[tokio::test]
async fn messages_that_are_none_are_reported_and_harm_nothing() {
    let (gateway, simulator) = Gateway::start(Habit::Rude).await;
    let report = simulator.call(script([say("hello", 100), Step::HangUp(HangUp::Normal)])).await.unwrap();
    use WarningCode::{InvalidMessage, UndecodableMessage};
    let expected = [UndecodableMessage, InvalidMessage, InvalidMessage, InvalidMessage, InvalidMessage, InvalidMessage];
    assert_eq!(codes(&report), expected);
    assert_eq!(report.spoken[0].end_ms - report.spoken[0].start_ms, 300);
    assert_eq!(told(&gateway)[2], "mark greeting");
}

#[tokio::test]
async fn callers_hang_up_in_every_way() {
    for (how, order) in [
        (HangUp::Normal, &["stop", "close 1000", "status completed"][..]),
        (HangUp::StatusFirst, &["status completed", "stop", "close 1000"]),
        (HangUp::CloseWithoutStop, &["close 1000", "status completed"]),
        (HangUp::Abrupt, &["gone", "status completed"]),
    ] {
        let (gateway, simulator) = Gateway::start(Habit::Mute).await;
        let report = simulator.call(script([Step::HangUp(how)])).await.unwrap();
        assert_eq!((report.ended_by, report.warnings), (EndedBy::Caller(how), vec![]));
        for entry in order {
            noted(&gateway, entry).await;
        }
        let mut log = told(&gateway).split_off(2);
        if how == HangUp::Abrupt {
            log.sort(); // nothing orders the end of a connection and a request on another one
        }
        assert_eq!(log, order, "{how:?}");
    }
}

#[tokio::test]
async fn a_socket_that_the_gateway_leaves_open_after_stop_is_reported() {
    let (gateway, simulator) = Gateway::start(Habit::Mute).await;
    let report = simulator.call(script([Step::HangUp(HangUp::StopWithoutClose)])).await.unwrap();
    assert_eq!(codes(&report), [WarningCode::ClosedAbnormally]);
    noted(&gateway, "gone").await;
    assert_eq!(told(&gateway)[2], "stop");
}

#[tokio::test]
async fn declined_calls_and_refused_streams_end() {
    let (gateway, simulator) = Gateway::start(Habit::Busy).await;
    let report = simulator.call(script([])).await.unwrap();
    assert_eq!(report.ended_by, EndedBy::Rejected { reason: "busy".to_owned() });
    assert_eq!(gateway.log(), ["voice ringing", "status busy"]);

    let (gateway, simulator) = Gateway::start(Habit::Deaf).await;
    let report = simulator.call(script([])).await.unwrap();
    assert_eq!((codes(&report), report.ended_by), (vec![WarningCode::HandshakeFailed], EndedBy::Gateway));
    assert_eq!(gateway.log(), ["voice ringing", "resume in-progress", "status completed"]);
}

#[tokio::test]
async fn a_wrong_auth_token_is_refused_by_the_gateway() {
    let (gateway, _) = Gateway::start(Habit::Polite).await;
    let error = gateway.carrier("another").unwrap().call(script([])).await.unwrap_err();
    assert!(matches!(error, SimulateError::Status { status: 403, .. }), "{error}");
    assert!(!format!("{:?} {error:?}", gateway.carrier("another")).contains("another"));
}

#[tokio::test]
async fn the_time_limit_ends_a_call_in_good_order() {
    let (gateway, simulator) = Gateway::start(Habit::Polite).await;
    let limited = Script { time_limit: Duration::from_millis(800), ..script([say("a long story", 60_000)]) };
    let report = simulator.call(limited).await.unwrap();
    assert_eq!(report.ended_by, EndedBy::TimeLimit);
    assert!(report.spoken.last().unwrap().cut);
    assert_eq!(told(&gateway)[3..], ["stop", "close 1000", "status completed"]);
}

#[tokio::test]
async fn marks_follow_the_carriers_habit() {
    for (marks, came_back) in [(Marks::AtOnce, true), (Marks::Never, false)] {
        let (gateway, simulator) = Gateway::start_with_greeting(Habit::Polite, 5000).await;
        let steps = [Step::Wait(Duration::from_millis(200)), Step::HangUp(HangUp::Normal)];
        simulator.call(Script { marks, ..script(steps) }).await.unwrap();
        assert_eq!(gateway.log().contains(&"mark greeting".to_owned()), came_back);
    }
}

/// A recorded call in the carrier's own words, with the two lines that all begin with.
fn recorded(marks: &str, lines: &[&str]) -> String {
    let header = json!({"call": "a test", "marks": marks, "from": FROM, "transcripts": []});
    let start = r#"{"t":0,"dir":"T>G","f":{"event":"connected","protocol":"Call","version":"1.0.0"}}
{"t":0,"dir":"T>G","f":{"event":"start","sequenceNumber":"1","start":{"accountSid":"AC0","streamSid":"MZ1","callSid":"CA1","tracks":["inbound"],"customParameters":{"token":"$token"}},"streamSid":"MZ1"}}"#;
    format!("{header}\n{start}\n{}\n", lines.join("\n"))
}

#[tokio::test]
async fn a_recorded_call_is_replayed_with_live_marks_in_its_numbers() {
    let (gateway, simulator) = Gateway::start(Habit::Polite).await;
    let file = recorded(
        "auto",
        &[
            r#"{"elided_media_frames":20,"dir":"T>G"}"#,
            r#"{"elided_media_frames":10,"dir":"T>G","wav":"tone"}"#,
            r#"{"elided_media_frames":30,"dir":"T>G"}"#,
            r#"{"t":1200,"post":"status","CallStatus":"completed"}"#,
            r#"{"t":1220,"dir":"T>G","f":{"event":"stop","sequenceNumber":"62","stop":{"accountSid":"AC0","callSid":"CA1"},"streamSid":"MZ1"}}"#,
            r#"{"t":1240,"dir":"T>G","ws_close":1000}"#,
        ],
    );
    let tone = |name: &str| (name == "tone").then(|| vec![0x10; 1600]);
    let replayed = replay(&simulator, &file, tone).await.unwrap();
    assert_eq!((replayed.ended, replayed.warnings), (ReplayEnd::Carrier, vec![]));
    assert!(replayed.call_sid.starts_with("CA") && replayed.call_sid.len() == 34);
    let events: Vec<_> = replayed.received.iter().map(|(_, message)| message["event"].as_str().unwrap()).collect();
    assert_eq!(events, ["media", "mark", "media", "mark"]);
    assert!((600..1200).contains(&replayed.received[2].0), "{:?}", replayed.received[2].0);
    let order =
        ["voice ringing", "start t&1", "mark greeting", "mark answer 1", "status completed", "stop", "close 1000"];
    assert_eq!(told(&gateway), order); // and no gap in the numbers
}

#[tokio::test]
async fn a_recorded_call_can_lose_its_connection_or_outlive_its_file() {
    let (gateway, simulator) = Gateway::start(Habit::Polite).await;
    let cut = recorded("never", &[r#"{"t":400,"dir":"T>G","ws_close":1006}"#]);
    let replayed = replay(&simulator, &cut, |_| None).await.unwrap();
    noted(&gateway, "gone").await;
    assert_eq!((replayed.ended, told(&gateway).len()), (ReplayEnd::Carrier, 3));

    let open = recorded("auto", &[r#"{"elided_media_frames":5,"dir":"T>G"}"#]);
    assert_eq!(replay(&simulator, &open, |_| None).await.unwrap().ended, ReplayEnd::Open);
    noted(&gateway, "mark greeting").await;

    let key =
        r##"{"t":100,"dir":"T>G","f":{"event":"dtmf","sequenceNumber":"2","streamSid":"MZ1","dtmf":{"digit":"#"}}}"##;
    let closed_by_gateway = recorded("auto", &[key]);
    let replayed = replay(&simulator, &closed_by_gateway, |_| None).await.unwrap();
    assert_eq!(replayed.ended, ReplayEnd::Gateway(1000));
}

#[tokio::test]
async fn the_recorded_calls_of_the_project_are_played_at_the_same_time() {
    let (gateway, simulator) = Gateway::start(Habit::Polite).await;
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/calls");
    let files: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap())
        .collect();
    assert!(!files.is_empty());
    let tone = |_: &str| Some(vec![0x10; 8000]);
    let replays = join_all(files.iter().map(|file| replay(&simulator, file, tone))).await;
    for replayed in replays {
        replayed.unwrap();
    }
    assert!(gateway.streams() >= files.len());
}
