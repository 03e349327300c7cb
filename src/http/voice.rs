//! The webhooks: a call comes in, a call is taken up again, a call is over.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{OriginalUri, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use redial_agent::prompts;
use redial_call::{CallSid, Load};
use redial_carrier::twilio::signature::SignatureHeaders;
use redial_carrier::twilio::twiml;
use redial_carrier::twilio::webhook::{self, VoiceRequest};
use redial_identity::CallerAddress;
use redial_store::fate::{self, Fate};
use redial_store::store::MemoryError;

use super::lookup::{self, Heard};
use super::unix_seconds;
use crate::app::App;
use crate::calls::{Admission, Asked, Place, Refusal};
use crate::reception::token::Grant;
use crate::telemetry::limited::Limited;

/// The name of the `<Parameter>` that carries the one-time token.
pub(super) const TOKEN_PARAMETER: &str = "token";

/// About how long a restart takes, in s.
const RETRY_AFTER_SECONDS: &str = "2";
/// How long a webhook waits for what others know of its call. A server that answers takes a ms or two.
const FATE_LIMIT: Duration = Duration::from_millis(100);
/// How long the same is waited for behind an answer that could not wait.
const LATE_FATE_LIMIT: Duration = Duration::from_secs(5);
/// When the end of a call that another instance has is looked for again: that instance says so as it closes the stream, and
/// the carrier may be here before.
const LOOK_AGAIN_AFTER: [Duration; 3] =
    [Duration::from_millis(50), Duration::from_millis(100), Duration::from_millis(150)];

/// `POST /voice`: a call comes in.
pub(super) async fn incoming(state: State<Arc<App>>, uri: OriginalUri, headers: HeaderMap, body: Bytes) -> Response {
    answer(state, uri, headers, body, Entry::Incoming).await
}

/// `POST /voice/resume`: the stream of a call is over, and the carrier asks what comes next.
pub(super) async fn resume(state: State<Arc<App>>, uri: OriginalUri, headers: HeaderMap, body: Bytes) -> Response {
    answer(state, uri, headers, body, Entry::Resume).await
}

/// `POST /voice/status`: a call's state has changed.
pub(super) async fn status(
    State(app): State<Arc<App>>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let pairs = match signed_form(&app, &uri, &headers, &body) {
        Ok(pairs) => pairs,
        Err(refusal) => return refusal,
    };
    match webhook::StatusCallback::parse(&pairs) {
        Ok(status) => {
            if status.is_terminal() {
                tracing::info!(call.sid = %status.call_sid, "the carrier says that the call is over");
                app.calls.completed(&status.call_sid);
            }
            StatusCode::NO_CONTENT.into_response()
        }
        Err(error) => bad_request(&error),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Entry {
    Incoming,
    Resume,
}

async fn answer(
    State(app): State<Arc<App>>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    body: Bytes,
    entry: Entry,
) -> Response {
    let pairs = match signed_form(&app, &uri, &headers, &body) {
        Ok(pairs) => pairs,
        Err(refusal) => return refusal,
    };
    let request = match VoiceRequest::parse(&pairs) {
        Ok(request) => request,
        Err(error) => return bad_request(&error),
    };
    if app.config.twilio.account_sid.as_ref().is_some_and(|ours| *ours != request.account_sid) {
        static OTHERS: Limited = Limited::new();
        if let Some(left_out) = OTHERS.due() {
            tracing::warn!(call.sid = %request.call_sid, left_out, "a call of another account");
        }
        return (StatusCode::FORBIDDEN, "AccountSid: not the configured account\n").into_response();
    }
    // Answered already, this is no new call, whichever URL the carrier has: the one for when others fail may be /voice.
    let goes_on = entry == Entry::Resume || request.is_answered();
    if app.spool.is_gone() {
        return refused(&request.call_sid, Refusal::DataDirGone, goes_on);
    }
    if goes_on {
        app.calls.displace(&request.call_sid).await;
    }
    let known = match goes_on || !app.calls.has(&request.call_sid) {
        true => fate_of(&app, &request.call_sid, goes_on).await,
        // The same webhook again.
        false => Ok(Fate::Unheard),
    };
    match known {
        Ok(Fate::Over) => {
            app.calls.finish(&request.call_sid, true);
            xml(twiml::hang_up())
        }
        Ok(Fate::Begun { heard: true, .. }) if !goes_on => had_before(&request.call_sid),
        _ => connect(&app, &request, &known, goes_on, entry),
    }
}

/// What became of a call, as far as anybody says in time.
async fn fate_of(app: &App, sid: &CallSid, goes_on: bool) -> Result<Fate, MemoryError> {
    let ask = || fate::ask(&app.spool, app.store.as_ref(), app.mirror.as_deref(), sid.as_str(), FATE_LIMIT);
    let mut fate = ask().await;
    if goes_on {
        for pause in LOOK_AGAIN_AFTER {
            if !matches!(fate, Ok(Fate::Begun { elsewhere: true, .. })) {
                break;
            }
            tokio::time::sleep(pause).await;
            fate = ask().await;
        }
    }
    fate
}

/// A call that was had is said to be ringing: the carrier does not say so, but whoever sends an old webhook once more.
fn had_before(sid: &CallSid) -> Response {
    static HAD: Limited = Limited::new();
    metrics::counter!("redial_calls_refused_total", "reason" => "had_before").increment(1);
    if let Some(left_out) = HAD.due() {
        tracing::warn!(call.sid = %sid, left_out, "a call that was answered before is said to ring; it is not taken");
    }
    xml(twiml::hang_up())
}

/// Gives the call a place, and tells the carrier where to stream.
fn connect(
    app: &Arc<App>,
    request: &VoiceRequest,
    known: &Result<Fate, MemoryError>,
    goes_on: bool,
    entry: Entry,
) -> Response {
    let sid = &request.call_sid;
    let region = &app.config.memory.default_region;
    let address = CallerAddress::parse(request.caller_number(), region);
    let former = CallerAddress::former(request.caller_number(), region);
    let caller = app.keys.caller(&address);
    let heard = match known {
        Ok(Fate::Unheard | Fate::Begun { heard: false, .. }) if !app.calls.was_heard(sid) => Heard::Never,
        // Nobody answers in time; the carrier's way here says more.
        Err(_) if entry == Entry::Incoming && !app.calls.was_heard(sid) => Heard::Never,
        _ => Heard::Maybe,
    };
    let begun = matches!(known, Ok(Fate::Begun { .. }));
    let mut grant = Grant {
        call: sid.clone(),
        caller,
        older: app.keys.older_hashes(&address, &former),
        attestation: request.attestation(),
        resumes: goes_on || begun,
        leg: 1,
    };
    let asked = Asked {
        sid,
        caller: &grant.caller,
        // Whose caller is on the line already is not turned away, whichever instance they spoke to.
        load: if goes_on { Load::Ample } else { app.parts.stt.load() },
        begun,
    };
    match app.calls.admit(asked, || lookup::ring(app, &grant, heard)) {
        Ok(Admission::Place(Place { caller, leg, is_new })) => {
            if is_new {
                tracing::info!(call.sid = %sid, caller = %app.keys.log_pseudonym(&caller), "a call comes in");
                metrics::counter!("redial_calls_total").increment(1);
                if known.is_err() {
                    withdraw_if_had(app, sid, goes_on);
                }
            }
            (grant.caller, grant.leg) = (caller, leg);
            document(app, &grant)
        }
        Ok(Admission::Finished) => xml(twiml::hang_up()),
        Err(refusal) => refused(sid, refusal, goes_on),
    }
}

/// A document of its own for each answer: its token is fresh, and those of other answers stay good for their minute.
fn document(app: &App, grant: &Grant) -> Response {
    let document = app.tokens.issue(grant, unix_seconds()).and_then(|token| {
        let (stream, resume) = (app.ws_url("/media-stream"), app.url("/voice/resume"));
        twiml::connect_stream(&stream, &[(TOKEN_PARAMETER, token.as_str())], &resume).ok()
    });
    match document {
        Some(document) => xml(document),
        None => {
            app.calls.finish(&grant.call, true);
            tracing::error!(call.sid = %grant.call, "the answer cannot be written");
            xml(twiml::say_and_hang_up(prompts::cannot_go_on()))
        }
    }
}

/// Takes a call back that was given a place while nobody could say whether it had been had before, once somebody says so.
fn withdraw_if_had(app: &Arc<App>, sid: &CallSid, goes_on: bool) {
    let (app, sid) = (Arc::clone(app), sid.clone());
    let (tasks, stop) = (app.background.tasks.clone(), app.background.stop.clone());
    tasks.spawn(async move {
        let mirror = app.mirror.as_deref();
        let fate = tokio::select! {
            fate = fate::ask(&app.spool, app.store.as_ref(), mirror, sid.as_str(), LATE_FATE_LIMIT) => fate,
            () = stop.cancelled() => return,
        };
        let had = matches!(fate, Ok(Fate::Over)) || (!goes_on && matches!(fate, Ok(Fate::Begun { heard: true, .. })));
        if had && app.calls.rings(&sid) {
            app.calls.finish(&sid, true);
        }
    });
}

fn refused(sid: &CallSid, refusal: Refusal, goes_on: bool) -> Response {
    static REFUSED: Limited = Limited::new();
    metrics::counter!("redial_calls_refused_total", "reason" => reason(refusal)).increment(1);
    if let Some(left_out) = REFUSED.due() {
        tracing::warn!(call.sid = %sid, %refusal, left_out, "a call is refused");
    }
    match refusal {
        // The carrier then asks the fallback URL, which is another instance.
        Refusal::ShuttingDown | Refusal::DataDirGone => {
            let retry = [(header::RETRY_AFTER, RETRY_AFTER_SECONDS)];
            (StatusCode::SERVICE_UNAVAILABLE, retry, format!("this instance takes no calls: {refusal}\n"))
                .into_response()
        }
        Refusal::Full | Refusal::Overloaded | Refusal::CallerBusy if !goes_on => xml(twiml::reject_busy()),
        // Answered already, so that it cannot be rejected any more.
        Refusal::Full | Refusal::Overloaded | Refusal::CallerBusy | Refusal::TooManyLegs => {
            xml(twiml::say_and_hang_up(prompts::cannot_go_on()))
        }
    }
}

/// The form of a webhook, once its signature is right; else what to answer.
#[expect(clippy::result_large_err, reason = "the error is the response, and is sent at once")]
fn signed_form(
    app: &App,
    uri: &axum::http::Uri,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Vec<(String, String)>, Response> {
    if !is_form(headers) {
        let text = "Content-Type: not application/x-www-form-urlencoded\n";
        return Err((StatusCode::UNSUPPORTED_MEDIA_TYPE, text).into_response());
    }
    let pairs = webhook::form_pairs(body).map_err(|error| bad_request(&error))?;
    if let Some(verifier) = &app.verifier {
        let url = app.url(uri.path_and_query().map_or("/", |path| path.as_str()));
        verifier.verify_form(&url, &pairs, signature_headers(headers)).map_err(|error| {
            static REFUSED: Limited = Limited::new();
            metrics::counter!("redial_signatures_refused_total").increment(1);
            if let Some(left_out) = REFUSED.due() {
                tracing::warn!(path = uri.path(), %error, left_out, "a webhook is refused");
            }
            (StatusCode::FORBIDDEN, format!("X-Twilio-Signature: {error}\n")).into_response()
        })?;
    }
    Ok(pairs)
}

/// Whether a body is said to be a form. The type's name has no case, and may have parameters behind it (RFC 9110, 8.3.1).
pub(super) fn is_form(headers: &HeaderMap) -> bool {
    let named = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = named.split_once(';').map_or(named, |(kind, _)| kind);
    kind.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

pub(super) fn signature_headers(headers: &HeaderMap) -> SignatureHeaders<'_> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    SignatureHeaders { signature: text("x-twilio-signature"), settings: text("x-twilio-webhooks-signature-settings") }
}

fn bad_request(error: &dyn std::fmt::Display) -> Response {
    (StatusCode::BAD_REQUEST, format!("{error}\n")).into_response()
}

fn xml(document: String) -> Response {
    ([(header::CONTENT_TYPE, "text/xml; charset=utf-8")], document).into_response()
}

const fn reason(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::Full => "full",
        Refusal::Overloaded => "overloaded",
        Refusal::CallerBusy => "caller_busy",
        Refusal::ShuttingDown => "shutting_down",
        Refusal::DataDirGone => "data_dir_gone",
        Refusal::TooManyLegs => "too_many_legs",
    }
}
