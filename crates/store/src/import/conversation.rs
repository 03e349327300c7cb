//! A list of messages a conversation, oldest first, with a rolling summary beside it.

use super::documents::{Conversation, Remembered, messages};

/// What a key of this layout is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place<'a> {
    /// `conversation:messages:{id}`.
    Messages(&'a str),
    /// `conversation:summary:{id}`.
    Summary(&'a str),
    /// `conversation:turns:{id}`: a counter, which the messages make superfluous.
    Turns,
    Other,
}

pub(super) fn place<'a>(prefix: &str, key: &'a str) -> Place<'a> {
    let rest = key.strip_prefix(prefix).and_then(|rest| rest.strip_prefix(':'));
    match rest.and_then(|rest| rest.split_once(':')) {
        Some((_, "")) => Place::Other,
        Some(("messages", id)) => Place::Messages(id),
        Some(("summary", id)) => Place::Summary(id),
        Some(("turns", _)) => Place::Turns,
        Some(_) | None => Place::Other,
    }
}

/// Reads the list as it stands: it is written with RPUSH.
pub(super) fn conversation(list: &[String]) -> Conversation {
    Conversation::of(&messages(list))
}

/// Reads the rolling summary.
pub(super) fn summary(text: &str) -> Remembered {
    let mut remembered = Remembered::default();
    remembered.take_line("the summary", text);
    remembered
}

#[cfg(test)]
mod tests {
    use redial_call::Role;
    use redial_identity::UserId;

    use super::*;

    const MESSAGES: &str = include_str!("../../../../fixtures/import/conversation/messages_test_conv.json");
    const SUMMARY: &str = include_str!("../../../../fixtures/import/conversation/summary_test_conv.txt");

    #[test]
    fn the_layouts_own_example_becomes_a_session() {
        let list: Vec<String> = serde_json::from_str(MESSAGES).unwrap();
        let Place::Messages(id) = place("conversation", "conversation:messages:test_conv") else { unreachable!() };
        let user = UserId::parse("imp_conversation_test_conv").unwrap();
        let session = conversation(&list).into_session(&id.parse().unwrap(), &user, 9);
        assert_eq!((session.session_id.as_str(), session.ended_at), ("test_conv", 9));
        let said: Vec<_> = session.conversation_history.iter().map(|m| (m.turn.role, m.turn.text.as_str())).collect();
        assert_eq!(said, [(Role::Caller, "Test message"), (Role::Agent, "Test answer")]);
        assert_eq!(summary(SUMMARY).lines, ["The caller tested the connection."]);
    }

    #[test]
    fn keys_are_what_they_say() {
        assert_eq!(place("conversation", "conversation:summary:conv_xyz"), Place::Summary("conv_xyz"));
        assert_eq!(place("conversation", "conversation:turns:conv_xyz"), Place::Turns);
        assert_eq!(place("a:b", "a:b:messages:c:d"), Place::Messages("c:d"));
        for other in ["conversation:messages:", "conversation:other:x", "conversations:messages:x", "conversation"] {
            assert_eq!(place("conversation", other), Place::Other, "{other}");
        }
    }
}
