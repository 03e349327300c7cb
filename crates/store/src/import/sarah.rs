//! Phone hash, user, profile, sessions: the layout that ours descends from, as others and as we write it.
//!
//! The layout names its keys and not its documents, so the usual shapes are accepted: a profile as JSON text or as a
//! hash, a session with `turns`, `messages`, `history` or `conversation_history`. Our own documents stand in the field
//! `doc` of a hash.

use std::collections::BTreeMap;

use redial_memory::model::Metadata;
use serde_json::{Map, Value};

use super::documents::{Conversation, Remembered, Unreadable, object};
use super::time::unix_ms;

/// What a key of this layout is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place<'a> {
    /// `sarah:phone:{hash}` = user id.
    Phone(&'a str),
    /// `sarah:user:{id}:profile`.
    Profile(&'a str),
    /// `sarah:user:{id}:sessions`: ids.
    Sessions(&'a str),
    /// `sarah:session:{id}`.
    Session(&'a str),
    Other,
}

pub(super) fn place<'a>(prefix: &str, key: &'a str) -> Place<'a> {
    let Some(rest) = key.strip_prefix(prefix).and_then(|rest| rest.strip_prefix(':')) else { return Place::Other };
    match rest.split_once(':') {
        Some((_, "")) | None => Place::Other,
        Some(("phone", hash)) => Place::Phone(hash),
        Some(("session", id)) => Place::Session(id),
        Some(("user", rest)) => match rest.rsplit_once(':') {
            Some(("", _)) => Place::Other,
            Some((id, "profile")) => Place::Profile(id),
            Some((id, "sessions")) => Place::Sessions(id),
            Some(_) | None => Place::Other,
        },
        Some(_) => Place::Other,
    }
}

/// Reads a session that is one JSON text.
pub(super) fn conversation(text: &str) -> Result<Conversation, Unreadable> {
    session(&object(text)?)
}

/// Reads a session that is a hash: ours, or one whose fields are JSON or plain text.
pub(super) fn conversation_of_hash(hash: &BTreeMap<String, String>) -> Result<Conversation, Unreadable> {
    match hash.get("doc") {
        Some(doc) => conversation(doc),
        None => session(&fields(hash)),
    }
}

/// Reads a profile that is one JSON text.
pub(super) fn profile(text: &str) -> Result<Remembered, Unreadable> {
    let fields = object(text)?;
    Ok(if fields.contains_key("episodes") { ours(&fields) } else { Remembered::of(&fields) })
}

/// Reads a profile that is a hash: ours, or one whose fields are JSON or plain text.
pub(super) fn profile_of_hash(hash: &BTreeMap<String, String>) -> Result<Remembered, Unreadable> {
    match hash.get("doc") {
        Some(doc) => profile(doc),
        None => Ok(Remembered::of(&fields(hash))),
    }
}

fn session(document: &Map<String, Value>) -> Result<Conversation, Unreadable> {
    let turns = ["conversation_history", "turns", "messages", "history"];
    let turns = turns.iter().find_map(|name| document.get(*name)?.as_array());
    let turns = turns.ok_or_else(|| Unreadable("it has no list of turns".to_owned()))?;
    let mut conversation = Conversation::of(turns);
    let time = |names: &[&str]| names.iter().find_map(|name| unix_ms(document.get(*name)?));
    conversation.started_at = time(&["started_at", "start_time", "created_at"]).or(conversation.started_at);
    conversation.ended_at =
        time(&["ended_at", "end_time", "last_update", "updated_at", "last_activity"]).or(conversation.ended_at);
    conversation.user = document.get("user_id").and_then(Value::as_str).map(str::to_owned);
    conversation.metadata = document
        .get("metadata")
        .and_then(|metadata| serde_json::from_value::<Metadata>(metadata.clone()).ok())
        .unwrap_or_default();
    Ok(conversation)
}

/// Our own profile: name and summary. The episodes are made again from the sessions that still live.
fn ours(fields: &Map<String, Value>) -> Remembered {
    let mut kept = Map::new();
    if let Some(say) = fields.get("name").and_then(|name| name.get("say")) {
        kept.insert("name".to_owned(), say.clone());
    }
    for field in ["summary", "summary_at"] {
        if let Some(value) = fields.get(field) {
            let field = if field == "summary_at" { "updated_at" } else { field };
            kept.insert(field.to_owned(), value.clone());
        }
    }
    Remembered::of(&kept)
}

fn fields(hash: &BTreeMap<String, String>) -> Map<String, Value> {
    let value = |text: &String| match serde_json::from_str::<Value>(text) {
        Ok(value @ (Value::Array(_) | Value::Object(_))) => value,
        // A number or `true` in a hash may as well be somebody's words; both read the same.
        Ok(_) | Err(_) => Value::String(text.clone()),
    };
    hash.iter().map(|(name, text)| (name.clone(), value(text))).collect()
}

#[cfg(test)]
mod tests {
    use redial_call::Role;
    use redial_identity::UserId;

    use super::*;

    const PROFILE: &str = include_str!("../../../../fixtures/import/sarah/user_profile.json");
    const SESSION: &str = include_str!("../../../../fixtures/import/sarah/session.json");

    #[test]
    fn the_layouts_own_example_becomes_a_session() {
        let read = conversation(SESSION).unwrap();
        assert_eq!(read.user.as_deref(), Some("7f3b2c1a-0d4e-4a55-9c1e-1b2f3a4c5d6e"));
        let session = read.into_session(&"MZ1".parse().unwrap(), &UserId::parse("u_1").unwrap(), 0);
        let said: Vec<_> = session.conversation_history.iter().map(|m| (m.turn.role, m.turn.text.as_str())).collect();
        assert_eq!(said[0], (Role::Caller, "I want to move my appointment to Friday."));
        assert_eq!(said[1], (Role::Agent, "Friday at ten is free."));
        assert_eq!((session.started_at, session.ended_at), (1_737_387_000_000, 1_737_387_060_000));
        assert_eq!(session.conversation_history[1].turn.start_ms, 4000);
    }

    #[test]
    fn a_profile_says_the_same_as_text_and_as_hash() {
        let text = profile(PROFILE).unwrap();
        assert_eq!(text.name.as_deref(), Some("Ana"));
        assert_eq!(text.lines, ["Moved the appointment to Friday.", "language: en", "time of day: mornings"]);
        assert_eq!(text.at, Some(1_737_387_060_000));
        let hash: BTreeMap<String, String> = object(PROFILE)
            .unwrap()
            .into_iter()
            .map(|(name, value)| (name, value.as_str().map_or_else(|| value.to_string(), str::to_owned)))
            .collect();
        assert_eq!(profile_of_hash(&hash).unwrap(), text);
    }

    #[test]
    fn our_own_documents_are_read_too() {
        let doc = r#"{"v":1,"name":{"say":"Ana","src":"CA1#2","conf":"confirmed"},"summary":"[2025-01-20] hi",
                      "summary_at":1737387060000,"episodes":[]}"#;
        let read = profile_of_hash(&BTreeMap::from([("doc".to_owned(), doc.to_owned())])).unwrap();
        assert_eq!((read.name.as_deref(), read.at), (Some("Ana"), Some(1_737_387_060_000)));
        let doc = r#"{"chat_id":"CA1","user_id":"u_1","conversation_history":[{"role":"user","content":"hi"}]}"#;
        let read = conversation_of_hash(&BTreeMap::from([("doc".to_owned(), doc.to_owned())])).unwrap();
        assert_eq!(read.messages.len(), 1);
    }

    #[test]
    fn keys_are_what_they_say() {
        for (key, expected) in [
            ("sarah:phone:0a1b", Place::Phone("0a1b")),
            ("sarah:user:7f-3b:profile", Place::Profile("7f-3b")),
            ("sarah:user:a:b:sessions", Place::Sessions("a:b")),
            ("sarah:session:MZ1", Place::Session("MZ1")),
            ("sarah:user::profile", Place::Other),
            ("sarah:user:x:gone", Place::Other),
            ("sarah:done:CA1", Place::Other),
            ("sarah:phone:", Place::Other),
            ("sarahs:phone:x", Place::Other),
        ] {
            assert_eq!(place("sarah", key), expected, "{key}");
        }
    }
}
