//! A stream has started: which call it belongs to, also when another instance has answered the call's webhook.

use std::sync::Arc;
use std::time::Duration;

use redial_call::CallId;
use redial_store::fate::{self, Fate};
use tokio::time::timeout;

use super::clock::unix_seconds;
use super::lookup::{self, Heard};
use crate::app::App;
use crate::calls::{ControlSender, NoCall, Ringing};
use crate::telemetry::limited::Limited;
use crate::token::Grant;

/// How long other instances' knowledge is waited for while a caller hears nothing, when the call rings here.
const OTHERS_LIMIT: Duration = Duration::from_millis(150);
/// The same when it does not: most of what is known of it is known to others.
const STRANGER_LIMIT: Duration = Duration::from_secs(1);

/// The call whose stream has started, and which is live from now on.
///
/// # Errors
/// Why the stream is to be closed.
pub(super) async fn arrive(
    app: &Arc<App>,
    token: &str,
    call: &CallId,
    control: ControlSender,
) -> Result<Ringing, &'static str> {
    static REFUSED: Limited = Limited::new();
    static NO_CALL: Limited = Limited::new();
    static ADOPTED: Limited = Limited::new();
    let refused = |error: &dyn std::fmt::Display| {
        metrics::counter!("redial_tokens_refused_total").increment(1);
        if let Some(left_out) = REFUSED.due() {
            tracing::warn!(call.sid = %call, %error, left_out, "a stream's token is refused");
        }
        "bad token"
    };
    let redeemed = app.tokens.redeem(token, call, unix_seconds()).map_err(|error| refused(&error))?;
    let rings = app.calls.rings(call);
    let limit = if rings { OTHERS_LIMIT } else { STRANGER_LIMIT };
    if let Some(mirror) = &app.mirror
        && let Ok(Ok(false)) = timeout(limit, mirror.take_token(&redeemed.id)).await
    {
        return Err(refused(&"another instance has taken it"));
    }
    let grant = redeemed.grant;
    let heard = if rings && app.mirror.is_none() { Heard::Maybe } else { heard_elsewhere(app, &grant, limit).await? };
    let place = (&grant.caller, grant.leg);
    let ringing =
        app.calls.start(call, place, control, || lookup::ring(app, &grant, heard, None)).map_err(|no_call| {
            if let Some(left_out) = NO_CALL.due() {
                tracing::warn!(call.sid = %call, error = %no_call, left_out, "a stream gets no call");
            }
            match no_call {
                NoCall::Live => "the call has a stream",
                NoCall::Over => "the call is over",
                NoCall::Refused(_) => "no room",
            }
        })?;
    if !rings {
        metrics::counter!("redial_streams_of_other_instances_total").increment(1);
        if let Some(left_out) = ADOPTED.due() {
            tracing::info!(
                call.sid = %call,
                left_out,
                "the stream of a call that does not ring here is served; a load balancer that sends webhook and stream of a call \
                 to one instance spares a second look-up"
            );
        }
    }
    Ok(ringing)
}

/// Looks whether the stream of a call may be served, as far as others know: nobody has had the call, or it is to be taken up.
async fn heard_elsewhere(app: &App, grant: &Grant, limit: Duration) -> Result<Heard, &'static str> {
    let session_id = (&grant.call).into();
    match fate::ask(&app.spool, app.store.as_ref(), app.mirror.as_deref(), &session_id, limit).await {
        Ok(Fate::Over) => Err("the call is over"),
        // Its stream is another one. One that broke is taken up by a webhook of its own.
        Ok(Fate::Begun { .. }) if !grant.resumes => Err("the call has a stream"),
        Ok(Fate::Begun { heard: true, .. }) | Err(_) => Ok(Heard::Maybe),
        Ok(Fate::Begun { heard: false, .. } | Fate::Unheard) => Ok(Heard::Never),
    }
}
