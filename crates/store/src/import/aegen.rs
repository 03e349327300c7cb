//! One JSON document a chat, under `session:chat:{chat_id}` in database 1.

use redial_memory::model::Metadata;
use serde_json::Value;

use super::documents::{Conversation, Unreadable, object};
use super::time::unix_ms;

/// The id in a key of this layout.
pub(super) fn chat_id<'a>(prefix: &str, key: &'a str) -> Option<&'a str> {
    key.strip_prefix(prefix)?.strip_prefix(':').filter(|id| !id.is_empty())
}

/// Reads the document: `conversation_history`, `last_update`, `metadata`.
pub(super) fn conversation(text: &str) -> Result<Conversation, Unreadable> {
    let document = object(text)?;
    let history = document.get("conversation_history").and_then(Value::as_array);
    let history = history.ok_or_else(|| Unreadable("it has no conversation_history".to_owned()))?;
    let mut conversation = Conversation::of(history);
    conversation.ended_at = document.get("last_update").and_then(unix_ms).or(conversation.ended_at);
    conversation.metadata = document
        .get("metadata")
        .and_then(|metadata| serde_json::from_value::<Metadata>(metadata.clone()).ok())
        .unwrap_or_default();
    Ok(conversation)
}

#[cfg(test)]
mod tests {
    use redial_call::Role;
    use redial_identity::UserId;

    use super::*;

    const CHAT: &str = include_str!("../../../../fixtures/import/aegen/session_chat_123456789.json");

    #[test]
    fn the_layouts_own_example_becomes_a_session() {
        let id = chat_id("session:chat", "session:chat:123456789").unwrap();
        let user = UserId::parse("imp_aegen_123456789").unwrap();
        let session = conversation(CHAT).unwrap().into_session(&id.parse().unwrap(), &user, 0);
        assert_eq!(session.session_id.as_str(), "123456789");
        let said: Vec<_> = session.conversation_history.iter().map(|m| (m.turn.role, m.turn.text.as_str())).collect();
        assert_eq!(said, [(Role::Caller, "Hola"), (Role::Agent, "¡Hola! ¿En qué puedo ayudarte?")]);
        assert_eq!(session.last_update, "2025-01-20T15:30:00.000Z");
        assert_eq!(session.metadata.last_event_type, "audio");
        assert_eq!(session.metadata.payload_keys, ["transcript", "response"]);
    }

    #[test]
    fn what_is_no_chat_says_why() {
        for (text, why) in [("[]", "no JSON object"), ("{}", "no conversation_history"), ("\u{80}pickle", "JSON")] {
            assert!(conversation(text).unwrap_err().0.contains(why), "{text}");
        }
        assert_eq!(chat_id("session:chat", "session:chat:"), None);
        assert_eq!(chat_id("session:chat", "session:chatter:1"), None);
    }
}
