//! What must be in the server's keys at the end of a history, whatever happened in it.

use redial::memory::model::{Profile, Session};

use super::plan::Plan;
use crate::memory::episodes;
use crate::support::toy_redis::Keyspace;

/// Says what is wrong, if anything is.
///
/// Each caller's calls are counted, each once; the profile has taken each in, once and in their order; each session is
/// there as it was written, in the index and marked as merged; the number leads to its caller.
pub(super) fn check(plan: &Plan, keys: &Keyspace) -> Result<(), String> {
    for (caller, sessions) in plan.callers() {
        let user = caller.user_id.as_str();
        let profile_key = format!("sarah:user:{user}:profile");
        let field = |key: &str, field: &str| keys.hget(key.as_bytes(), field.as_bytes()).ok().flatten();
        let text = |key: &str, name: &str| field(key, name).map(|value| String::from_utf8_lossy(value).into_owned());

        let (calls, ended) = (text(&profile_key, "calls"), sessions.len().to_string());
        same(&format!("{user}: calls counted"), calls, Some(ended))?;

        let profile = field(&profile_key, "doc").and_then(|doc| serde_json::from_slice::<Profile>(doc).ok());
        let taken_in = profile.as_ref().map(episodes);
        let in_order: Vec<_> = sessions.iter().map(|session| session.chat_id.as_str()).collect();
        same(&format!("{user}: calls in the profile"), taken_in, Some(in_order.clone()))?;

        let last = sessions.iter().map(|session| session.ended_at).max();
        same(&format!("{user}: last call"), text(&profile_key, "last"), last.map(|last| last.to_string()))?;

        let index = keys.sorted(format!("sarah:user:{user}:sessions").as_bytes()).unwrap_or_default();
        let index: Vec<_> = index.iter().map(|(_, sid)| String::from_utf8_lossy(sid)).collect();
        same(&format!("{user}: index"), &index[..], &in_order[..])?;

        let phone = format!("sarah:phone:{}", caller.hash.as_ref().map_or("", |hash| hash.as_str()));
        let owner = keys.get(phone.as_bytes()).ok().flatten();
        same(&format!("{user}: owner of the number"), owner, Some(user.as_bytes()))?;

        for session in sessions {
            let sid = &session.chat_id;
            let stored = field(&format!("sarah:session:{sid}"), "doc");
            let stored = stored.and_then(|doc| serde_json::from_slice::<Session>(doc).ok());
            same(&format!("session {sid}"), stored.as_ref(), Some(session))?;
            same(&format!("{sid}: merged"), text(&format!("sarah:done:{sid}"), "merged").as_deref(), Some("1"))?;
        }
    }
    Ok(())
}

fn same<A: PartialEq<B> + std::fmt::Debug, B: std::fmt::Debug>(what: &str, is: A, should_be: B) -> Result<(), String> {
    if is == should_be { Ok(()) } else { Err(format!("{what}: {is:?} instead of {should_be:?}")) }
}
