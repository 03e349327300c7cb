//! LangChain's message lists by agent, user and session, and profiles as JSON that never expire.
//!
//! `RedisChatMessageHistory` writes with LPUSH, so a list stands newest first.

use serde_json::Value;

use super::documents::{Conversation, Remembered, Unreadable, messages, object};

/// What a key of this layout is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place<'a> {
    /// `agent:memory:{agent}:{user}:{session}`, with `:messages` behind it or not. Without a user, as the layout's
    /// own accessor builds it, a session is a person of its own.
    Messages {
        agent: &'a str,
        user: Option<&'a str>,
        session: &'a str,
    },
    /// `agent:profile:user:{id}` or `agent:profile:{id}`.
    Profile(&'a str),
    /// `agent:memory:{agent}:{user}:profile:{field}`.
    Field {
        user: &'a str,
        field: &'a str,
    },
    /// `agent:memory:{agent}:execution_cache:…`: results of tools, worth nothing without them.
    Cache,
    Other,
}

pub(super) fn place<'a>(prefix: &str, key: &'a str) -> Place<'a> {
    let Some(rest) = key.strip_prefix(prefix).and_then(|rest| rest.strip_prefix(':')) else { return Place::Other };
    let parts: Vec<&str> = rest.split(':').collect();
    if parts.iter().any(|part| part.is_empty()) {
        return Place::Other;
    }
    match parts.as_slice() {
        ["memory", _, "execution_cache", ..] => Place::Cache,
        ["memory", _, user, "profile", field] => Place::Field { user, field },
        ["memory", agent, user, session] | ["memory", agent, user, session, "messages"] => {
            Place::Messages { agent, user: Some(user), session }
        }
        ["memory", agent, session] => Place::Messages { agent, user: None, session },
        ["profile", "user", id] | ["profile", id] => Place::Profile(id),
        _ => Place::Other,
    }
}

/// The name of a session, in which agent and user have a part: two users may each have a `current_session`.
pub(super) fn session_name(agent: &str, user: Option<&str>, session: &str) -> String {
    let parts = [Some(agent), user, Some(session)].into_iter().flatten();
    let separator = if parts.clone().any(|part| part.contains('.')) { ":" } else { "." };
    parts.collect::<Vec<_>>().join(separator)
}

/// Reads the list, which stands newest first.
pub(super) fn conversation(list: &[String]) -> Conversation {
    Conversation::of(messages(list).iter().rev())
}

/// Reads a profile.
pub(super) fn profile(text: &str) -> Result<Remembered, Unreadable> {
    Ok(Remembered::of(&object(text)?))
}

/// Reads one field of a profile, JSON or plain text.
pub(super) fn field(field: &str, text: &str) -> Remembered {
    let value = serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()));
    Remembered::of(&[(field.to_owned(), value)].into_iter().collect())
}

#[cfg(test)]
mod tests {
    use redial_call::Role;
    use redial_identity::UserId;

    use super::*;

    const MESSAGES: &str =
        include_str!("../../../../fixtures/import/agent/memory_stock_analyzer_user_123_session_abc.json");
    const PROFILE: &str = include_str!("../../../../fixtures/import/agent/profile_user_123.json");

    #[test]
    fn a_list_that_was_pushed_from_the_left_is_turned_round() {
        let list: Vec<String> = serde_json::from_str(MESSAGES).unwrap();
        let session = conversation(&list).into_session(&"s".parse().unwrap(), &UserId::parse("u_1").unwrap(), 9);
        let said: Vec<_> = session.conversation_history.iter().map(|m| (m.turn.role, m.turn.text.as_str())).collect();
        assert_eq!(
            said,
            [
                (Role::Caller, "How did AAPL do today?"),
                (Role::Agent, "AAPL closed one percent up."),
                (Role::Caller, "Warn me when it falls."),
                (Role::Agent, "I will."),
            ]
        );
    }

    #[test]
    fn the_layouts_own_profile_becomes_lines_of_a_summary() {
        let remembered = profile(PROFILE).unwrap();
        assert_eq!(
            remembered.lines,
            ["alert threshold: -0.3", "portfolio size: 100000", "preferred symbols: AAPL, TSLA"]
        );
        assert_eq!((remembered.name, remembered.left_out), (None, Vec::<String>::new()));
        assert_eq!(field("preferred_symbols", r#"["AAPL"]"#).lines, ["preferred symbols: AAPL"]);
        assert_eq!(field("tone", "formal").lines, ["tone: formal"]);
        assert!(profile("{}").unwrap().is_empty());
        assert!(profile("[1]").is_err());
    }

    #[test]
    fn keys_are_what_they_say() {
        let messages = |agent, user, session| Place::Messages { agent, user, session };
        for (key, expected) in [
            (
                "agent:memory:stock:user_123:session_abc123:messages",
                messages("stock", Some("user_123"), "session_abc123"),
            ),
            ("agent:memory:stock:user_123:session_abc", messages("stock", Some("user_123"), "session_abc")),
            ("agent:memory:default:user_123_session_abc", messages("default", None, "user_123_session_abc")),
            ("agent:memory:stock:user_123:profile:risk", Place::Field { user: "user_123", field: "risk" }),
            ("agent:memory:stock:execution_cache:quote:AAPL", Place::Cache),
            ("agent:profile:user:user_123", Place::Profile("user_123")),
            ("agent:profile:user_123", Place::Profile("user_123")),
            ("agent:memory::x", Place::Other),
            ("agent:other:x", Place::Other),
            ("agents:profile:x", Place::Other),
        ] {
            assert_eq!(place("agent", key), expected, "{key}");
        }
    }

    #[test]
    fn sessions_of_two_users_have_two_names() {
        assert_eq!(session_name("stock", Some("ana"), "current"), "stock.ana.current");
        assert_ne!(session_name("a.b", Some("c"), "d"), session_name("a", Some("b.c"), "d"));
        assert_ne!(session_name("a", Some("b"), "c.d"), session_name("a", Some("b"), "c"));
    }
}
