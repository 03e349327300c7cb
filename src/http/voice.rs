//! The webhooks: a call comes in, a call is taken up again, a call is over.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{OriginalUri, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use redial_call::{CallSid, Load, Role};
use tokio::sync::oneshot;
use tracing::Instrument as _;

use crate::agent::greeting::{self, CallerFacts};
use crate::agent::prompts;
use crate::app::App;
use crate::calls::{Admission, Lookup, Refusal, Ringing};
use crate::carrier::signature::SignatureHeaders;
use crate::carrier::twiml;
use crate::carrier::webhook::{self, VoiceRequest};
use crate::identity::{Caller, CallerAddress, PhoneHash};
use crate::memory::clock;
use crate::memory::consent::may_recall;
use crate::memory::model::Profile;
use crate::memory::spool::OpenCall;
use crate::memory::{rekey, resume};

/// The name of the `<Parameter>` that carries the one-time token.
pub(super) const TOKEN_PARAMETER: &str = "token";

/// About how long a restart takes, in s.
const RETRY_AFTER_SECONDS: &str = "2";

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

#[derive(Clone, Copy, PartialEq, Eq)]
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
        tracing::warn!(call.sid = %request.call_sid, "a call of another account");
        return (StatusCode::FORBIDDEN, "AccountSid: not the configured account\n").into_response();
    }
    let address = CallerAddress::parse(request.caller_number(), &app.config.memory.default_region);
    let caller = app.keys.caller(&address);
    if entry == Entry::Resume {
        app.calls.displace(&request.call_sid).await;
    }
    let load = match entry {
        Entry::Incoming => app.parts.stt.load(),
        // Its caller is on the line already, whichever instance they spoke to.
        Entry::Resume => Load::Ample,
    };
    let admission =
        if app.spool.is_gone() { Err(Refusal::DataDirGone) } else { app.calls.admit(&request.call_sid, &caller, load) };
    match admission {
        Ok(Admission::New) => connect(&app, &request, caller, app.keys.older_hashes(&address), entry),
        Ok(Admission::Again(document)) => xml(document),
        Ok(Admission::Finished) => xml(twiml::hang_up()),
        Err(refusal) => {
            metrics::counter!("redial_calls_refused_total", "reason" => reason(refusal)).increment(1);
            tracing::warn!(call.sid = %request.call_sid, %refusal, "a call is refused");
            match (refusal, entry) {
                // The carrier then asks the fallback URL, which is another instance.
                (Refusal::ShuttingDown | Refusal::DataDirGone, _) => {
                    let retry = [(header::RETRY_AFTER, RETRY_AFTER_SECONDS)];
                    let text = format!("this instance takes no calls: {refusal}\n");
                    (StatusCode::SERVICE_UNAVAILABLE, retry, text).into_response()
                }
                // Answered already, so that it cannot be rejected any more.
                (_, Entry::Resume) | (Refusal::TooManyLegs, _) => xml(twiml::say_and_hang_up(prompts::CANNOT_GO_ON)),
                (Refusal::Full | Refusal::Overloaded | Refusal::CallerBusy, Entry::Incoming) => {
                    xml(twiml::reject_busy())
                }
            }
        }
    }
}

/// Starts the look-up and tells the carrier where to stream.
fn connect(app: &Arc<App>, request: &VoiceRequest, caller: Caller, older: Vec<PhoneHash>, entry: Entry) -> Response {
    let sid = &request.call_sid;
    let token = app.tokens.issue(sid, unix_seconds());
    let document = twiml::connect_stream(
        &app.ws_url("/media-stream"),
        &[(TOKEN_PARAMETER, token.as_str())],
        &app.url("/voice/resume"),
    );
    let document = match document {
        Ok(document) => document,
        Err(error) => {
            app.calls.finish(sid, true);
            tracing::error!(call.sid = %sid, %error, "the answer cannot be written");
            return xml(twiml::say_and_hang_up(prompts::CANNOT_GO_ON));
        }
    };
    let attested = request.attestation();
    let span = tracing::info_span!("lookup", call.sid = %sid);
    let (found, resumed) = oneshot::channel();
    let lookup = tokio::spawn({
        let (app, caller, sid) = (Arc::clone(app), caller.clone(), sid.clone());
        async move {
            let before = match entry {
                Entry::Resume => said_before(&app, &sid, &caller).await,
                Entry::Incoming => None,
            };
            let caller = before.as_ref().map_or(caller, |call| call.caller.clone());
            let opening = Opening::of(entry, before.as_ref());
            // The stream may have given up waiting.
            if let Some(before) = before {
                let _ = found.send(before);
            }
            look_up(&app, caller, &older, attested, opening).await
        }
        .instrument(span)
    });
    let resumed = (entry == Entry::Resume).then_some(resumed);
    tracing::info!(call.sid = %sid, caller = %app.keys.log_pseudonym(&caller), "a call comes in");
    metrics::counter!("redial_calls_total").increment(1);
    app.calls.ring(sid, Ringing { caller, lookup, resumed }, document.clone());
    xml(document)
}

/// What was said in a call whose stream broke: from our own journal, else from what another instance has written.
async fn said_before(app: &App, sid: &CallSid, caller: &Caller) -> Option<OpenCall> {
    match resume::find(&app.spool, app.store.as_ref(), app.mirror.as_deref(), sid.as_str(), caller).await {
        Ok(found) => found,
        Err(error) => {
            tracing::warn!(call.sid = %sid, %error, "the call goes on without its history");
            None
        }
    }
}

/// With which words a stream begins.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Opening {
    Greeting,
    /// The stream broke while the agent spoke, or nothing was said: the caller has the floor.
    Repair,
    /// The stream broke before the caller's last words were answered: the answer follows.
    RepairBeforeAnswer,
}

impl Opening {
    fn of(entry: Entry, before: Option<&OpenCall>) -> Self {
        let last = before.and_then(|call| call.turns.last()).map(|message| &message.turn);
        match (entry, last) {
            (Entry::Incoming, _) => Self::Greeting,
            (Entry::Resume, Some(turn)) if turn.role == Role::Caller && !turn.text.is_empty() => {
                Self::RepairBeforeAnswer
            }
            (Entry::Resume, _) => Self::Repair,
        }
    }
}

/// Finds out who calls and how to greet them, and starts to synthesise the greeting.
async fn look_up(
    app: &App,
    caller: Caller,
    older: &[PhoneHash],
    attestation: greeting::Attestation,
    opening: Opening,
) -> Lookup {
    let began = std::time::Instant::now();
    let mut known = match rekey::find(app.store.as_ref(), caller.clone(), older).await {
        Ok(known) => Some(known),
        Err(error) => {
            metrics::counter!("redial_memory_errors_total", "operation" => "begin_call").increment(1);
            tracing::warn!(%error, "the caller is greeted as a stranger");
            None
        }
    };
    metrics::histogram!("redial_lookup_seconds").record(began.elapsed().as_secs_f64());
    let days_since_last_call = known.as_ref().and_then(|known| known.last_call_at).map(|at_ms| {
        let days = unix_seconds().saturating_sub(at_ms / 1000) / 86_400;
        u32::try_from(days).unwrap_or(u32::MAX)
    });
    let consent = app.config.memory.consent;
    if let Some(known) = &mut known
        && !may_recall(consent, known.profile.consent.as_ref())
    {
        // Only that the caller said no is of use; so that they are not asked again.
        known.profile = Profile { consent: known.profile.consent.take(), ..Profile::default() };
    }
    let level = greeting::level(CallerFacts {
        withheld: caller.hash.is_none(),
        first_call: known.as_ref().is_none_or(|known| known.calls == 0),
        attestation,
        days_since_last_call,
        maximum: app.config.memory.greeting_level,
    });
    let profile = known.as_ref().map(|known| known.profile.clone()).unwrap_or_default();
    let greeting = match opening {
        Opening::Greeting => greeting::opening(
            &profile,
            greeting::Opening { level, days_since_last_call, consent, withheld: caller.hash.is_none() },
        ),
        Opening::Repair => prompts::RESUMED.to_owned(),
        Opening::RepairBeforeAnswer => prompts::RESUMED_ANSWER_FOLLOWS.to_owned(),
    };
    app.phrases.warm(&greeting);
    let caller = match &known {
        Some(known) => Caller { user_id: known.user_id.clone(), ..caller },
        None => caller,
    };
    Lookup { caller, known, level, greeting }
}

/// The form of a webhook, once its signature is right; else what to answer.
#[expect(clippy::result_large_err, reason = "the error is the response, and is sent at once")]
fn signed_form(
    app: &App,
    uri: &axum::http::Uri,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Vec<(String, String)>, Response> {
    let is_form = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.starts_with("application/x-www-form-urlencoded"));
    if !is_form {
        let text = "Content-Type: not application/x-www-form-urlencoded\n";
        return Err((StatusCode::UNSUPPORTED_MEDIA_TYPE, text).into_response());
    }
    let pairs = webhook::form_pairs(body).map_err(|error| bad_request(&error))?;
    if let Some(verifier) = &app.verifier {
        let url = app.url(uri.path_and_query().map_or("/", |path| path.as_str()));
        verifier.verify_form(&url, &pairs, signature_headers(headers)).map_err(|error| {
            metrics::counter!("redial_signatures_refused_total").increment(1);
            tracing::warn!(path = uri.path(), %error, "a webhook is refused");
            (StatusCode::FORBIDDEN, format!("X-Twilio-Signature: {error}\n")).into_response()
        })?;
    }
    Ok(pairs)
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

/// For tokens, which live for a minute: a clock that is set meanwhile neither ends nor lengthens that.
pub(super) fn unix_seconds() -> u64 {
    clock::steady_ms() / 1000
}
