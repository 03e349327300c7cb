//! The answers in words.

use std::fmt::Write as _;

use redial_memory::model::{Choice, Class, Confidence};
use redial_memory::session_id::SessionId;

use crate::cli::operators::{expires, more};
use crate::operations::{CallerView, Callers, Erasure, Merged, Receipt, Split, Why, rfc3339};

pub(super) fn callers(callers: &Callers) -> String {
    if callers.callers.is_empty() && callers.next.is_none() {
        return "Nobody is remembered.".to_owned();
    }
    let lines = callers.callers.iter().map(|caller| {
        let last = caller.last_call_at.map_or_else(|| "-".to_owned(), rfc3339);
        let name = caller.name.as_deref().unwrap_or("-");
        let expires = expires(caller.expires_in_s);
        format!("{}  {name}  {} call(s), the last one {last}; expires: {expires}", caller.user_id, caller.calls)
    });
    lines.collect::<Vec<_>>().join("\n") + &more(callers.next.as_ref())
}

pub(super) fn caller(caller: &CallerView) -> String {
    let line = &caller.line;
    let mut text = format!("User ID:   {}\n", line.user_id);
    let _ = writeln!(text, "Name:      {}", line.name.as_deref().unwrap_or("-"));
    let _ = writeln!(text, "Numbers:   {}", caller.numbers);
    let last = line.last_call_at.map_or_else(|| "-".to_owned(), rfc3339);
    let _ = writeln!(text, "Calls:     {}, the last one {last}", line.calls);
    let _ = writeln!(text, "Expires:   {} (revision {})", expires(line.expires_in_s), caller.revision);
    match &caller.profile {
        None => text.push_str("The profile cannot be read by this version: upgrade, or `redial memory repair`.\n"),
        Some(profile) => {
            let _ = writeln!(text, "Summary:   {}", if profile.summary.is_empty() { "-" } else { &profile.summary });
            for episode in &profile.episodes {
                let _ = writeln!(text, "  {}  {}  {}", rfc3339(episode.at), episode.session_id, episode.s);
            }
            let _ = writeln!(text, "Language:  {}", profile.lang.as_deref().unwrap_or("-"));
            let _ = writeln!(text, "Facts:     {}", profile.facts.len());
            for fact in &profile.facts {
                let class = if fact.cls == Class::Sensitive { " (sensitive)" } else { "" };
                let until = fact.until.map_or_else(String::new, |at| format!(", until {}", rfc3339(at)));
                let _ = writeln!(text, "  {}: {}{class}{until}", fact.k, fact.t);
            }
            let consent = profile.consent.as_ref().map_or("-", |given| match given.memory {
                Choice::Yes => "may be remembered",
                Choice::No => "not to be remembered",
            });
            let _ = writeln!(text, "Consent:   {consent}");
        }
    }
    let _ = write!(text, "Sessions:  {}", caller.sessions.iter().map(SessionId::as_str).collect::<Vec<_>>().join(", "));
    text
}

pub(super) fn why(why: &Why) -> String {
    if why.remembered.is_empty() {
        return format!("Nothing is remembered of {} but that they called.", why.user_id);
    }
    let mut text = String::new();
    for thing in &why.remembered {
        let sure = match thing.confidence {
            None => "",
            Some(Confidence::Inferred) => " (worked out from what was said)",
            Some(Confidence::Stated) => " (the caller said so)",
            Some(Confidence::Confirmed) => " (the caller said so, and confirmed it)",
        };
        let until = thing.until.map_or_else(String::new, |at| format!(", until {}", rfc3339(at)));
        let _ = writeln!(text, "{}: {}{sure}{until}", thing.what, thing.value);
        for source in &thing.sources {
            let turn = source.turn.map_or_else(String::new, |turn| format!("#{turn}"));
            let at = source.at.map_or_else(String::new, |at| format!(", {}", rfc3339(at)));
            let said = source.said.as_ref().map_or_else(String::new, |said| format!(": {said:?}"));
            let _ = writeln!(text, "  from {}{turn}{at}{said}", source.session_id);
        }
    }
    text.trim_end().to_owned()
}

pub(super) fn receipt(receipt: &Receipt) -> String {
    let first = match receipt {
        Receipt { nothing_held: true, .. } => "Nothing was held: is it the right number or user id?\n",
        Receipt { complete: true, .. } => "Erased.\n",
        Receipt { erased, .. } if erased.is_empty() => "Not erased yet.\n",
        Receipt { .. } => "Erased in part.\n",
    };
    let mut text = first.to_owned();
    for erasure in &receipt.erased {
        let Erasure { user_id, here, store, archived_sessions, .. } = erasure;
        let _ = writeln!(
            text,
            "{user_id}\n  here: {} call(s) that went on with {} turn(s), {} outbox entries, {} call log(s)",
            here.calls, here.turns, here.entries, here.call_logs
        );
        match store {
            Some(store) => {
                let _ = writeln!(
                    text,
                    "  store: {} number(s), {} profile(s), {} call(s), {} marker(s), {} mirror key(s)",
                    store.numbers, store.profiles, store.sessions, store.markers, store.mirrors
                );
            }
            None => text.push_str("  store: not reached\n"),
        }
        if let Some(sessions) = archived_sessions {
            let _ = writeln!(text, "  archive: {sessions} call(s)");
        }
    }
    for (title, lines) in [
        ("Queued, done by itself:", &receipt.queued),
        ("Left:", &receipt.left),
        ("Copies may remain in:", &receipt.may_remain),
    ] {
        if !lines.is_empty() {
            let _ = writeln!(text, "{title}");
        }
        for line in lines {
            let _ = writeln!(text, "  - {line}");
        }
    }
    text.push_str("A gateway that runs on this data directory lets go of a live call of theirs within 10 s.");
    text
}

pub(super) fn merged(merged: &Merged) -> String {
    let Merged { user_id, absorbed, calls, numbers, .. } = merged;
    format!("{absorbed} is {user_id} now: {calls} call(s), {numbers} number(s).")
}

pub(super) fn split(split: &Split) -> String {
    let Split { user_id, former_user_id, former_numbers } = split;
    format!(
        "The number leads to {user_id} now, of whom nothing is known. {former_user_id} has {former_numbers} number(s) \
         left, and expires if nobody calls."
    )
}
