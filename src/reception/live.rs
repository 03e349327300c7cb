//! A stream has come: the call from its beginning to what is kept of it.

use std::future::pending;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use redial_call::EndReason;
use redial_carrier::line::{self, Codec, LineEvent, ReadError, Started};
use redial_memory::session_id::SessionId;
use redial_speech::vad::Vad;
use redial_store::fate::may_go_on;
use redial_store::mirror::LiveCall;
use redial_store::mirror::feed::Feed;
use redial_store::resume;
use redial_store::spool::OpenCall;
use tokio::sync::oneshot;
use tokio::time::timeout;
use tracing::Instrument as _;

use super::arrival;
use crate::app::App;
use crate::calls::{self, ControlReceiver, Ringing};
use crate::media_stream::{Inbound, MediaStream};
use crate::orders::Orders;
use crate::routes::Routes;
use crate::session::gap::Gap;
use crate::session::log::CallLog;
use crate::session::record::Record;
use crate::session::recorder::Recorder;
use crate::session::{CallParts, CallTask, Resumed, TaskStart, settings_for};
use crate::telemetry::limited::Limited;
use crate::telemetry::millis;

/// The name of the parameter that carries the one-time token.
pub(crate) const TOKEN_PARAMETER: &str = "token";

/// A stranger may hold a socket for this long without a valid `start`.
const START_LIMIT: Duration = Duration::from_secs(3);
/// How long the disk may take to keep a finished session before the store is asked directly.
const DISK_PATIENCE: Duration = Duration::from_secs(2);
/// How long the carrier may take to close its side.
const CLOSE_LIMIT: Duration = Duration::from_secs(5);
/// Messages that a stranger may send without a `start`: a carrier sends two, and at most 3 s of audio in short pieces.
const MAX_FIRST_MESSAGES: u32 = 3000;

/// Serves a socket, whoever is at its other end. `believed` is told once that is a call.
pub(crate) async fn serve(app: Arc<App>, mut socket: MediaStream, routes: &Routes, believed: impl FnOnce() + Send) {
    let mut codec = routes.carrier.codec();
    let start = match timeout(START_LIMIT, first_start(&mut socket, codec.as_mut())).await {
        Ok(Ok(start)) => start,
        Ok(Err((code, reason))) => return refuse(socket, code, reason).await,
        Err(_) => return refuse(socket, POLICY, "no start").await,
    };
    let token = start.parameter(TOKEN_PARAMETER).unwrap_or_default();
    let (control, inbox) = calls::channel();
    let ringing = match arrival::arrive(&app, token, &start.call, control).await {
        Ok(ringing) => ringing,
        Err(reason) => return refuse(socket, POLICY, reason).await,
    };
    believed();
    let span = tracing::info_span!("call", call.sid = %start.call);
    let orders = routes.orders.clone();
    live(app, Stream { socket, codec, start, orders }, ringing, inbox).instrument(span).await;
}

/// Reads up to the `start`. Media before it is dropped: nobody is known to whom it could belong. Else: the close code, and why.
async fn first_start(socket: &mut MediaStream, codec: &mut dyn Codec) -> Result<Started, (u16, &'static str)> {
    for _ in 0..MAX_FIRST_MESSAGES {
        let message = socket.next().await;
        let inbound = match &message {
            Inbound::Text(text) => line::Inbound::Text(text),
            Inbound::Binary(bytes) => line::Inbound::Binary(bytes),
            Inbound::Control => continue,
            Inbound::Broken(fault) => {
                metrics::counter!("redial_stream_faults_total", "what" => fault.as_str()).increment(1);
                return Err((fault.code(), fault.as_str()));
            }
            Inbound::Closed => return Err((POLICY, "closed before start")),
        };
        match codec.read(inbound).map(|message| message.event) {
            Ok(LineEvent::Started(start)) => return Ok(start),
            Ok(LineEvent::Stopped) => return Err((POLICY, "stopped before start")),
            Ok(_) => (),
            Err(error) => {
                tracing::debug!(%error, "before start");
                if matches!(error, ReadError::Unusable(_)) {
                    return Err((POLICY, "unsupported start"));
                }
            }
        }
    }
    Err((POLICY, "too many messages before start"))
}

/// The close code for who is not let in.
const POLICY: u16 = 1008;

async fn refuse(mut socket: MediaStream, code: u16, reason: &'static str) {
    static CLOSED: Limited = Limited::new();
    if let Some(left_out) = CLOSED.due() {
        tracing::warn!(code, reason, left_out, "a media stream is closed");
    }
    socket.close(code, reason);
    // Whether the stranger says goodbye does not matter.
    let _ = timeout(CLOSE_LIMIT, socket.finish()).await;
}

/// A stream that has begun.
struct Stream {
    socket: MediaStream,
    codec: Box<dyn Codec>,
    start: Started,
    /// The API of its carrier.
    orders: Option<Arc<Orders>>,
}

/// The call, and what is kept when it is over.
async fn live(app: Arc<App>, stream: Stream, ringing: Ringing, control: ControlReceiver) {
    let Stream { socket, codec, start, orders } = stream;
    let (record, resumed) = match taken_up(ringing.resumed).await {
        Some(call) => {
            let before = call.lasted(unix_ms());
            let turns = call.turns.iter().map(|message| message.turn.clone()).collect();
            tracing::info!(turns = call.turns.len(), before_ms = millis(before), "the call goes on");
            metrics::counter!("redial_calls_resumed_total").increment(1);
            let summary = call.summary.clone();
            (Record::resumed(call), Some(Resumed { before, turns, summary }))
        }
        None => {
            let record = Record::new(SessionId::from(&start.call), ringing.caller, start.parameter_names());
            (record, None)
        }
    };
    let open = record.open_call();
    let mirror = app.mirror.as_ref().map(|mirror| {
        let call = LiveCall {
            session_id: open.session_id.clone(),
            user_id: open.caller.user_id.clone(),
            hash: open.caller.hash.clone(),
            started_at: open.started_at,
            instance: app.spool.instance().to_owned(),
            summary: resumed.as_ref().map(|resumed| resumed.summary.clone()).unwrap_or_default(),
        };
        Feed::start(Arc::clone(mirror), call, open.turns.clone())
    });
    app.spool.begin(open);
    let parts =
        CallParts { settings: settings_for(codec.capabilities(), app.parts.settings.clone()), ..app.parts.clone() };
    let log = app.config.call_log.then(|| {
        // First, so that whoever erases the caller looks for it.
        app.spool.logged(&record.session_id(), &record.caller());
        let before = resumed.as_ref().map(|resumed| resumed.turns.as_slice()).unwrap_or_default();
        CallLog::start(&app.config.server.data_dir, &record.session_id(), &parts.settings, before)
    });
    let session = CallTask::new(
        parts,
        TaskStart {
            call_sid: start.call.clone(),
            socket,
            codec,
            orders,
            control,
            lookup: ringing.lookup,
            vad: Vad::new(Arc::clone(&app.vad)),
            recorder: Recorder {
                record: record.clone(),
                spool: Arc::clone(&app.spool),
                mirror,
                log,
                viewers: app.viewers.clone(),
                gap: Gap::default(),
            },
            resumed,
        },
    );
    // A task of its own: a panic in it ends this call only, and what was said until then is written all the same.
    let (end_reason, last_event, socket) = match tokio::spawn(session.run().in_current_span()).await {
        Ok((reason, socket)) => (reason.as_str(), last_event(reason), Some(socket)),
        Err(error) => {
            metrics::counter!("redial_panics_total").increment(1);
            tracing::error!(%error, "the call's task died");
            ("internal_error", "error", None)
        }
    };
    // Queued before the call counts as finished: whoever takes it up again finds it there.
    let caller = record.caller();
    let forgotten = record.is_forgotten();
    let session_id = record.session_id();
    let document = record.into_session(end_reason, last_event);
    let closed = (!forgotten).then(|| app.spool.close(&caller, document.clone()));
    let hung_up = !may_go_on(end_reason);
    if hung_up
        && end_reason != EndReason::CallerHungUp.as_str()
        && let Some(mirror) = &app.mirror
    {
        // Also of a call of which nothing is kept.
        let mirror = Arc::clone(mirror);
        app.tasks.spawn(async move { mirror.over(&session_id).await });
    }
    app.calls.finish(&start.call, hung_up);
    if let Some(mut socket) = socket {
        socket.close(1000, "goodbye");
        app.tasks.spawn(async move {
            let _ = timeout(CLOSE_LIMIT, socket.finish()).await;
        });
    }
    tracing::info!(reason = end_reason, "the call is over");
    let Some(closed) = closed else { return };
    let on_disk = async {
        if closed.await.is_err() {
            pending().await // nobody writes it any more
        }
    };
    tokio::pin!(on_disk);
    if timeout(DISK_PATIENCE, on_disk.as_mut()).await.is_err() {
        // The disk does not take it; it is tried on, but the store may be faster. Twice is as good as once.
        tracing::warn!("the session goes to the store at once: the disk does not take it");
        tokio::select! {
            Ok(()) = app.spool.deliver_at_once(caller, document) => (),
            () = on_disk => (),
        }
    }
}

/// What was said before the stream broke, if it is found in time.
async fn taken_up(resumed: Option<oneshot::Receiver<OpenCall>>) -> Option<OpenCall> {
    timeout(resume::PATIENCE, resumed?).await.ok()?.ok()
}

fn unix_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// The carrier's event that the stored document names as the last.
const fn last_event(reason: EndReason) -> &'static str {
    match reason {
        EndReason::CallerHungUp => "stop",
        EndReason::Disconnected | EndReason::HandedOver => "close",
        EndReason::AgentHungUp | EndReason::Silence | EndReason::MaxDuration | EndReason::Shutdown => "hang_up",
    }
}
