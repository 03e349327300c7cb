//! What is found out about a call's caller between the webhook and the stream.

use std::sync::Arc;

use redial_agent::prompts;
use redial_call::{Act, CallId, Role};
use redial_identity::{Caller, PhoneHash};
use redial_language::data::english;
use redial_memory::consent::{is_asked, may_recall};
use redial_memory::greeting::{self, CallerFacts};
use redial_memory::model::Profile;
use redial_store::spool::OpenCall;
use redial_store::{rekey, resume};
use tokio::sync::oneshot;
use tracing::Instrument as _;

use super::clock::unix_seconds;
use crate::app::App;
use crate::calls::{Lookup, Ringing};
use crate::telemetry::limited::Limited;
use crate::token::Grant;

/// Whether a caller who comes back has heard us, as far as is known before what was said is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heard {
    /// They have, or nobody can tell.
    Maybe,
    /// Nobody has had this call.
    Never,
}

/// Starts the look-up of a call that `grant` is about. `country_code`: the caller's, where their number is at hand.
pub(super) fn ring(app: &Arc<App>, grant: &Grant, heard: Heard, country_code: Option<u16>) -> Ringing {
    let Grant { call: sid, caller, older, attestation, resumes, .. } = grant.clone();
    let span = tracing::info_span!("lookup", call.sid = %sid);
    let (found, resumed) = oneshot::channel();
    let lookup = tokio::spawn({
        let (app, caller) = (Arc::clone(app), caller.clone());
        async move {
            let (before, opening) =
                if resumes { said_before(&app, &sid, &caller, heard).await } else { (None, FirstWords::Greeting) };
            let caller = before.as_ref().map_or(caller, |call| call.caller.clone());
            // The stream may have given up waiting.
            if let Some(before) = before {
                let _ = found.send(before);
            }
            look_up(&app, caller, &older, attestation, country_code, opening).await
        }
        .instrument(span)
    });
    Ringing { caller, lookup, resumed: resumes.then_some(resumed) }
}

/// With which words a stream begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FirstWords {
    Greeting,
    /// The stream broke while the agent spoke, or nobody knows what was said: the caller has the floor.
    Repair,
    /// The stream broke before the caller's last words were answered: the answer follows.
    RepairBeforeAnswer,
}

impl FirstWords {
    fn of(before: Option<&OpenCall>, heard: Heard) -> Self {
        let Some(before) = before else {
            return if heard == Heard::Never { Self::Greeting } else { Self::Repair };
        };
        match before.turns.last().map(|message| &message.turn) {
            Some(turn) if turn.role == Role::Caller && !turn.text.is_empty() => Self::RepairBeforeAnswer,
            Some(_) => Self::Repair,
            // What was said before may be summed up; else the stream broke before the caller heard a word.
            None if !before.summary.is_empty() => Self::Repair,
            None => Self::Greeting,
        }
    }
}

/// What was said in a call whose stream broke: from our own journal, else from what another instance has written.
async fn said_before(app: &App, sid: &CallId, caller: &Caller, heard: Heard) -> (Option<OpenCall>, FirstWords) {
    match resume::find(&app.spool, app.store.as_ref(), app.mirror.as_deref(), &sid.into(), caller).await {
        Ok(found) => {
            let opening = FirstWords::of(found.as_ref(), heard);
            (found, opening)
        }
        Err(error) => {
            static WITHOUT: Limited = Limited::new();
            if let Some(left_out) = WITHOUT.due() {
                tracing::warn!(call.sid = %sid, %error, left_out, "the call goes on without its history");
            }
            (None, FirstWords::of(None, heard))
        }
    }
}

/// Finds out who calls and how to greet them, and starts to synthesise the greeting.
async fn look_up(
    app: &App,
    caller: Caller,
    older: &[PhoneHash],
    attestation: greeting::Attestation,
    country_code: Option<u16>,
    opening: FirstWords,
) -> Lookup {
    let began = std::time::Instant::now();
    let mut known = match rekey::begin_call_migrating(app.store.as_ref(), caller.clone(), older).await {
        Ok(known) => Some(known),
        Err(error) => {
            metrics::counter!("redial_memory_errors_total", "operation" => "begin_call").increment(1);
            static STRANGER: Limited = Limited::new();
            if let Some(left_out) = STRANGER.due() {
                tracing::warn!(%error, left_out, "the caller is greeted as a stranger");
            }
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
        doubted: known.as_ref().is_some_and(|known| greeting::is_doubted(&known.profile)),
        attestation,
        days_since_last_call,
        maximum: app.config.memory.greeting_level,
    });
    let profile = known.as_ref().map(|known| known.profile.clone()).unwrap_or_default();
    let withheld = caller.hash.is_none();
    let greeting = match opening {
        FirstWords::Greeting => {
            greeting::opening(&profile, greeting::Opening { level, days_since_last_call, consent, withheld })
        }
        FirstWords::Repair => prompts::resumed().to_owned(),
        FirstWords::RepairBeforeAnswer => prompts::resumed_answer_follows().to_owned(),
    };
    let asks = opening == FirstWords::Greeting && is_asked(consent, withheld, profile.consent.as_ref());
    let greeting_acts = asks.then_some(Act::AskedConsent).into_iter().collect();
    let speech = app.phrases.hold(&greeting);
    let caller = match &known {
        Some(known) => Caller { user_id: known.user_id.clone(), ..caller },
        None => caller,
    };
    let emergency = english().emergency.in_country(country_code).to_owned();
    Lookup { caller, known, level, greeting, greeting_acts, emergency, speech }
}
