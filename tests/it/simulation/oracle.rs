//! What must be in the server's keys and in the gateways' files at the end of a history, whatever happened in it.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::path::Path;

use redial_call::Role;
use redial_identity::Caller;
use redial_memory::model::{Profile, SessionDoc};
use rusqlite::{Connection, OpenFlags};

use super::desk::{Call, Desk};
use super::gateway::file_in;
use super::plan::PlannedCall;
use crate::memory::episodes;
use crate::support::toy_redis::Keyspace;

/// Says what is wrong with the server's keys, if anything is.
///
/// Each call of which something was acknowledged is one session, with every acknowledged turn once and in order, counted
/// once, in the index and marked as merged; its caller's profile has it once; the number leads to its caller. Nothing is
/// there of a caller who was erased.
pub(super) fn check_server(desk: &Desk, keys: &Keyspace) -> Result<(), String> {
    let calls = desk.calls();
    for (number, caller) in desk.plan.callers.iter().enumerate() {
        let theirs: Vec<_> = desk.plan.calls.iter().zip(&*calls).filter(|(call, _)| call.caller == number).collect();
        let sids = theirs.iter().map(|(planned, _)| planned.sid.as_str());
        let checked = match desk.plan.is_erased(number) {
            true => check_erased(caller, sids, keys),
            false if theirs.iter().any(|(_, call)| call.begun) => check_caller(caller, &theirs, keys),
            false => Ok(()),
        };
        checked.map_err(|wrong| format!("{}: {wrong}", caller.user_id.as_str()))?;
    }
    Ok(())
}

fn check_caller(caller: &Caller, calls: &[(&PlannedCall, &Call)], keys: &Keyspace) -> Result<(), String> {
    let user = caller.user_id.as_str();
    let profile_key = format!("sarah:user:{user}:profile");
    let index = keys.sorted(format!("sarah:user:{user}:sessions").as_bytes()).unwrap_or_default();
    let indexed: BTreeSet<String> = index.iter().map(|(_, sid)| String::from_utf8_lossy(sid).into_owned()).collect();

    let of = |which: fn(&Call) -> bool| calls.iter().filter(move |(_, call)| which(call)).map(|(it, _)| &it.sid);
    let known = of(|call| call.closed || !call.kept.is_empty());
    let missing: Vec<_> = known.filter(|sid| !indexed.contains(*sid)).collect();
    same("calls that were acknowledged and are missing", missing, Vec::<&String>::new())?;
    let begun: BTreeSet<_> = of(|call| call.begun).collect();
    let strange: Vec<_> = indexed.iter().filter(|sid| !begun.contains(sid)).collect();
    same("calls that there never were", strange, Vec::<&String>::new())?;

    let mut sessions = Vec::new();
    for (planned, call) in calls.iter().filter(|(planned, _)| indexed.contains(&planned.sid)) {
        sessions.push(check_session(user, planned, call, keys)?);
    }
    sessions.sort_by(|a, b| (a.ended_at, &a.session_id).cmp(&(b.ended_at, &b.session_id)));
    if sessions.is_empty() {
        return Ok(());
    }

    same("calls counted", text(keys, &profile_key, "calls"), Some(indexed.len().to_string()))?;
    let last = sessions.last().map(|session| session.ended_at.to_string());
    same("last call", text(keys, &profile_key, "last"), last)?;
    let ends: Vec<_> =
        sessions.iter().map(|session| (session.ended_at as f64, session.session_id.to_string())).collect();
    let index: Vec<_> = index.iter().map(|(end, sid)| (*end, String::from_utf8_lossy(sid).into_owned())).collect();
    same("index", index, ends)?;
    let profile = text(keys, &profile_key, "doc").and_then(|doc| serde_json::from_str::<Profile>(&doc).ok());
    let in_profile = profile.as_ref().map(episodes).unwrap_or_default();
    // Nothing is told of a call in which the caller said nothing.
    let speaks = |session: &&SessionDoc| session.conversation_history.iter().any(|it| it.turn.role == Role::Caller);
    let spoken: Vec<_> = sessions.iter().filter(speaks).map(|session| session.session_id.as_str()).collect();
    let by_name = |mut sids: Vec<&str>| {
        sids.sort_unstable();
        sids.into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    same("calls in the profile", by_name(in_profile.clone()), by_name(spoken.clone()))?;
    // Copies of a call with the same turns are the same to the store, so that the profile may name the end of either.
    let copied: Vec<_> = calls.iter().filter(|(_, call)| call.broken > 0).map(|(it, _)| it.sid.as_str()).collect();
    let once =
        |sids: Vec<&str>| sids.into_iter().filter(|sid| !copied.contains(sid)).map(str::to_owned).collect::<Vec<_>>();
    same("order of calls in the profile", once(in_profile), once(spoken))?;

    same("owner of the number", owner_of(caller, keys), Some(user.as_bytes()))
}

/// One session, as it is stored.
fn check_session(user: &str, planned: &PlannedCall, call: &Call, keys: &Keyspace) -> Result<SessionDoc, String> {
    let sid = &planned.sid;
    let stored = text(keys, &format!("sarah:session:{sid}"), "doc");
    let session = stored.and_then(|doc| serde_json::from_str::<SessionDoc>(&doc).ok());
    let session = session.ok_or_else(|| format!("{sid}: no session"))?;
    same(&format!("{sid}: user"), session.user_id.as_str(), user)?;
    same(&format!("{sid}: merged"), text(keys, &format!("sarah:done:{sid}"), "merged").as_deref(), Some("1"))?;
    let turns = &session.conversation_history;
    let ids: Vec<usize> = turns.iter().map(|message| message.turn.id.0 as usize).collect();
    if !ids.is_sorted_by(|a, b| a < b) {
        return Err(format!("{sid}: turns not once and in order: {ids:?}"));
    }
    for (id, message) in ids.iter().zip(turns) {
        same(&format!("{sid}: turn {id}"), Some(message), planned.turns.get(*id).map(|(_, message)| message))?;
    }
    let lost: Vec<_> = call.kept.iter().filter(|turn| !ids.contains(turn)).collect();
    same(&format!("{sid}: turns that were acknowledged and are missing"), lost, Vec::<&usize>::new())?;
    Ok(session)
}

fn check_erased<'a>(caller: &Caller, sids: impl Iterator<Item = &'a str>, keys: &Keyspace) -> Result<(), String> {
    let user = caller.user_id.as_str();
    let of_calls = sids.flat_map(|sid| [format!("sarah:session:{sid}"), format!("sarah:done:{sid}")]);
    let of_user = ["profile", "sessions"].map(|what| format!("sarah:user:{user}:{what}"));
    let left: Vec<_> = of_user.into_iter().chain(of_calls).filter(|key| keys.exists(key.as_bytes())).collect();
    same("left of a caller who was erased", left, Vec::<String>::new())?;
    if owner_of(caller, keys) == Some(user.as_bytes()) {
        return Err("the number still leads to a caller who was erased".to_owned());
    }
    Ok(())
}

/// Says what is wrong with a gateway's file: something waits, is dead, or is an erased caller's.
///
/// `first_written`: sessions in the order in which the server was first given them. Those of a caller are in the order in
/// which they were queued here.
pub(super) fn check_outbox(desk: &Desk, data_dir: &Path, first_written: &[String]) -> Result<(), String> {
    let calls = desk.calls();
    let moved = |(planned, call): &(&PlannedCall, &Call)| {
        call.broken > 0 && planned.comes_back.is_some_and(|(_, to)| to != planned.gateway)
    };
    // Two gateways have a copy of these, and either may be first.
    let moved: Vec<_> = desk.plan.calls.iter().zip(&*calls).filter(moved).map(|(planned, _)| &planned.sid).collect();
    let file = Connection::open_with_flags(file_in(data_dir), OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let all = |sql: &str| {
        let mut statement = file.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
        rows.map(Result::unwrap).collect::<Vec<_>>()
    };
    let nothing = |what: &str, sql: &str| same(what, all(sql), Vec::<String>::new());
    nothing("waits", "SELECT kind || ' ' || sid FROM outbox WHERE delivered IS NULL")?;
    nothing("is open", "SELECT sid FROM call UNION SELECT sid FROM turn")?;
    nothing("is dead", "SELECT sid || ' ' || reason FROM dead")?;
    for (number, caller) in desk.plan.callers.iter().enumerate() {
        let user = caller.user_id.as_str();
        let theirs = format!("FROM outbox WHERE kind = 'session' AND uid = '{user}'");
        if desk.plan.is_erased(number) {
            nothing("is left of an erased caller", &format!("SELECT sid {theirs}"))?;
            continue;
        }
        let queued = all(&format!("SELECT sid {theirs} GROUP BY sid ORDER BY min(seq)"));
        let queued: Vec<_> = queued.iter().filter(|sid| !moved.contains(sid)).collect();
        let written: Vec<_> = first_written.iter().filter(|sid| queued.contains(sid)).collect();
        same(&format!("{user}: order of writing"), written, queued)?;
    }
    Ok(())
}

fn owner_of<'a>(caller: &Caller, keys: &'a Keyspace) -> Option<&'a [u8]> {
    let phone = format!("sarah:phone:{}", caller.hash.as_ref().map_or("", |hash| hash.as_str()));
    keys.get(phone.as_bytes()).ok().flatten()
}

fn text(keys: &Keyspace, key: &str, field: &str) -> Option<String> {
    let value = keys.hget(key.as_bytes(), field.as_bytes()).ok().flatten();
    value.map(|value| String::from_utf8_lossy(value).into_owned())
}

fn same<A: PartialEq<B> + Debug, B: Debug>(what: &str, is: A, should_be: B) -> Result<(), String> {
    if is == should_be { Ok(()) } else { Err(format!("{what}: {is:?} instead of {should_be:?}")) }
}
