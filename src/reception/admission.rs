//! What a carrier is told to do with a call: it comes in, or its stream is over.

use std::sync::Arc;
use std::time::Duration;

use redial_agent::prompts;
use redial_call::{CallId, Load};
use redial_carrier::webhook::IncomingCall;
use redial_identity::{CallerAddress, country_code_of};
use redial_store::fate::{self, Fate};
use redial_store::store::MemoryError;

use super::clock::unix_seconds;
use super::lookup::{self, Heard};
use crate::app::App;
use crate::calls::{Admission, Admitted, Asked, Refusal};
use crate::telemetry::limited::Limited;
use crate::token::Grant;

/// How long a webhook waits for what others know of its call. A server that answers takes a ms or two.
const FATE_LIMIT: Duration = Duration::from_millis(100);
/// How long the same is waited for behind an answer that could not wait.
const LATE_FATE_LIMIT: Duration = Duration::from_secs(5);
/// When the end of a call that another instance has is looked for again: that instance says so as it closes the stream, and
/// the carrier may be here before.
const LOOK_AGAIN_AFTER: [Duration; 3] =
    [Duration::from_millis(50), Duration::from_millis(100), Duration::from_millis(150)];

/// Which webhook asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entry {
    /// A call comes in.
    Incoming,
    /// The stream of a call is over, and the carrier asks what comes next.
    Resume,
}

/// What the carrier is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Open a stream that brings this token.
    Connect {
        /// Good once, and for a minute.
        token: String,
    },
    /// Decline the call before it is answered.
    Busy,
    /// Say this, and end the call.
    Say(&'static str),
    /// End the call.
    HangUp,
    /// Ask another instance: this one takes no calls.
    Elsewhere(Refusal),
}

/// Decides about a call.
pub(crate) async fn decide(app: &Arc<App>, request: &IncomingCall, entry: Entry) -> Decision {
    let sid = &request.call;
    // Answered already, this is no new call, whichever URL the carrier has: the one for when others fail may be /voice.
    let goes_on = entry == Entry::Resume || request.is_answered;
    if app.spool.is_gone() {
        return refused(sid, Refusal::DataDirGone, goes_on);
    }
    if !app.failing().is_empty() {
        return refused(sid, Refusal::PartFailing, goes_on);
    }
    if goes_on {
        app.calls.displace(sid).await;
    }
    let known = match goes_on || !app.calls.has(sid) {
        true => fate_of(app, sid, goes_on).await,
        // The same webhook again.
        false => Ok(Fate::Unheard),
    };
    match known {
        Ok(Fate::Over) => {
            app.calls.finish(sid, true);
            Decision::HangUp
        }
        Ok(Fate::Begun { heard: true, .. }) if !goes_on => had_before(sid),
        _ => connect(app, request, &known, goes_on, entry),
    }
}

/// What became of a call, as far as anybody says in time.
async fn fate_of(app: &App, sid: &CallId, goes_on: bool) -> Result<Fate, MemoryError> {
    let session_id = sid.into();
    let ask = || fate::ask(&app.spool, app.store.as_ref(), app.mirror.as_deref(), &session_id, FATE_LIMIT);
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
fn had_before(sid: &CallId) -> Decision {
    static HAD: Limited = Limited::new();
    metrics::counter!("redial_calls_refused_total", "reason" => "had_before").increment(1);
    if let Some(left_out) = HAD.due() {
        tracing::warn!(call.sid = %sid, left_out, "a call that was answered before is said to ring; it is not taken");
    }
    Decision::HangUp
}

/// Gives the call a place, and tells the carrier where to stream.
fn connect(
    app: &Arc<App>,
    request: &IncomingCall,
    known: &Result<Fate, MemoryError>,
    goes_on: bool,
    entry: Entry,
) -> Decision {
    let sid = &request.call;
    let region = &app.config.memory.default_region;
    let address = CallerAddress::parse(&request.from, region);
    let former = CallerAddress::former(&request.from, region);
    let country_code = match &address {
        CallerAddress::Number(number) => country_code_of(&number.e164),
        CallerAddress::Address(_) | CallerAddress::Withheld => None,
    };
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
        attestation: request.attestation,
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
    match app.calls.admit(asked, || lookup::ring(app, &grant, heard, country_code)) {
        Ok(Admission::Place(Admitted { caller, leg, is_new })) => {
            if is_new {
                tracing::info!(call.sid = %sid, caller = %app.keys.log_pseudonym(&caller), "a call comes in");
                metrics::counter!("redial_calls_total").increment(1);
                if known.is_err() {
                    withdraw_if_had(app, sid, goes_on);
                }
            }
            (grant.caller, grant.leg) = (caller, leg);
            grant_stream(app, &grant)
        }
        Ok(Admission::Finished) => Decision::HangUp,
        Err(refusal) => refused(sid, refusal, goes_on),
    }
}

/// A token of its own for each answer: it is fresh, and those of other answers stay good for their minute.
fn grant_stream(app: &App, grant: &Grant) -> Decision {
    match app.tokens.issue(grant, unix_seconds()) {
        Some(token) => Decision::Connect { token },
        None => {
            app.calls.finish(&grant.call, true);
            tracing::error!(call.sid = %grant.call, "the answer cannot be written");
            Decision::Say(prompts::cannot_go_on())
        }
    }
}

/// Takes a call back that was given a place while nobody could say whether it had been had before, once somebody says so.
fn withdraw_if_had(app: &Arc<App>, sid: &CallId, goes_on: bool) {
    let (app, sid) = (Arc::clone(app), sid.clone());
    let (tasks, stop) = (app.background.tasks().clone(), app.background.stop().clone());
    tasks.spawn(async move {
        let (mirror, session_id) = (app.mirror.as_deref(), (&sid).into());
        let fate = tokio::select! {
            fate = fate::ask(&app.spool, app.store.as_ref(), mirror, &session_id, LATE_FATE_LIMIT) => fate,
            () = stop.cancelled() => return,
        };
        let had = matches!(fate, Ok(Fate::Over)) || (!goes_on && matches!(fate, Ok(Fate::Begun { heard: true, .. })));
        if had && app.calls.rings(&sid) {
            app.calls.finish(&sid, true);
        }
    });
}

fn refused(sid: &CallId, refusal: Refusal, goes_on: bool) -> Decision {
    static REFUSED: Limited = Limited::new();
    metrics::counter!("redial_calls_refused_total", "reason" => reason(refusal)).increment(1);
    if let Some(left_out) = REFUSED.due() {
        tracing::warn!(call.sid = %sid, %refusal, left_out, "a call is refused");
    }
    match refusal {
        // The carrier then asks the fallback URL, which is another instance.
        Refusal::ShuttingDown | Refusal::DataDirGone | Refusal::PartFailing => Decision::Elsewhere(refusal),
        Refusal::Full | Refusal::Overloaded | Refusal::CallerBusy if !goes_on => Decision::Busy,
        // Answered already, so that it cannot be rejected any more.
        Refusal::Full | Refusal::Overloaded | Refusal::CallerBusy | Refusal::TooManyLegs => {
            Decision::Say(prompts::cannot_go_on())
        }
    }
}

const fn reason(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::Full => "full",
        Refusal::Overloaded => "overloaded",
        Refusal::CallerBusy => "caller_busy",
        Refusal::ShuttingDown => "shutting_down",
        Refusal::DataDirGone => "data_dir_gone",
        Refusal::PartFailing => "part_failing",
        Refusal::TooManyLegs => "too_many_legs",
    }
}
