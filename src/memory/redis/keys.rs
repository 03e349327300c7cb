//! The names of our keys. Every part of a key has been checked to be an id, so no glob or brace gets into one.

use crate::identity::{PhoneHash, UserId, is_id};

/// Makes keys below one prefix.
#[derive(Debug, Clone)]
pub(super) struct Keys {
    prefix: String,
}

impl Keys {
    pub(super) fn new(prefix: String) -> Self {
        Self { prefix }
    }

    /// String: whose number it is.
    pub(super) fn phone(&self, hash: &PhoneHash) -> String {
        format!("{}:phone:{}", self.prefix, hash.as_str())
    }

    /// Hash `v, rev, doc, calls, last`.
    pub(super) fn profile(&self, user: &UserId) -> String {
        format!("{}:user:{}:profile", self.prefix, user.as_str())
    }

    /// Sorted set: session ids by when the call ended, Unix ms.
    pub(super) fn sessions(&self, user: &UserId) -> String {
        format!("{}:user:{}:sessions", self.prefix, user.as_str())
    }

    /// String: there as long as an erased caller must not come back by a late write.
    pub(super) fn gone(&self, user: &UserId) -> String {
        format!("{}:user:{}:gone", self.prefix, user.as_str())
    }

    /// Hash `v, doc, uid, ended`. `sid` must be an id.
    pub(super) fn session(&self, sid: &str) -> String {
        format!("{}:session:{sid}", self.prefix)
    }

    /// Hash `d, n, merged`: which copy of the session was committed. `sid` must be an id.
    pub(super) fn done(&self, sid: &str) -> String {
        format!("{}:done:{sid}", self.prefix)
    }

    /// Where a key of another shape is moved out of the way. A colon, as an id may have a dot in it: what is aside must
    /// not look like somebody's.
    pub(super) fn aside(key: &str) -> String {
        format!("{key}:aside")
    }

    /// Matches all keys of one kind, or of every kind.
    pub(super) fn pattern(&self, kind: Option<Kind>) -> String {
        // A prefix may have any characters, though an ordinary one has none that mean something in a pattern.
        let prefix = self.prefix.chars().fold(String::new(), |mut escaped, c| {
            if matches!(c, '*' | '?' | '[' | ']' | '\\') {
                escaped.push('\\');
            }
            escaped.push(c);
            escaped
        });
        let rest = match kind {
            None => "*",
            Some(Kind::Phone) => "phone:*",
            Some(Kind::Profile) => "user:*:profile",
            Some(Kind::Sessions) => "user:*:sessions",
            Some(Kind::Gone) => "user:*:gone",
            Some(Kind::Session) => "session:*",
            Some(Kind::Done) => "done:*",
            Some(Kind::Pepper) => "meta:pepper",
        };
        format!("{prefix}:{rest}")
    }

    /// What a key is, and the id in it; `None` when it is none of ours, though it may begin like one.
    pub(super) fn kind<'a>(&self, key: &'a str) -> Option<(Kind, &'a str)> {
        let rest = key.strip_prefix(&self.prefix)?.strip_prefix(':')?;
        let (first, id) = rest.split_once(':')?;
        let (kind, id) = match first {
            "phone" => (Kind::Phone, id),
            "session" => (Kind::Session, id),
            "done" => (Kind::Done, id),
            "meta" if id == "pepper" => (Kind::Pepper, id),
            "user" => match id.split_once(':')? {
                (user, "profile") => (Kind::Profile, user),
                (user, "sessions") => (Kind::Sessions, user),
                (user, "gone") => (Kind::Gone, user),
                _ => return None,
            },
            _ => return None,
        };
        is_id(id).then_some((kind, id))
    }
}

/// What a key of ours is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Phone,
    Profile,
    Sessions,
    Gone,
    Session,
    Done,
    /// Tells whether the pepper is still the one that the numbers were hashed with. It has no TTL.
    Pepper,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_says_what_it_is() {
        let keys = Keys::new("sarah".to_owned());
        let (hash, user) = (PhoneHash::parse("H").unwrap(), UserId::parse("u_1").unwrap());
        for (key, kind, id) in [
            (keys.phone(&hash), Kind::Phone, "H"),
            (keys.profile(&user), Kind::Profile, "u_1"),
            (keys.sessions(&user), Kind::Sessions, "u_1"),
            (keys.gone(&user), Kind::Gone, "u_1"),
            (keys.session("CA1"), Kind::Session, "CA1"),
            (keys.done("CA1"), Kind::Done, "CA1"),
            ("sarah:meta:pepper".to_owned(), Kind::Pepper, "pepper"),
        ] {
            assert_eq!(keys.kind(&key), Some((kind, id)), "{key}");
        }
    }

    #[test]
    fn a_key_of_somebody_elses_is_none_of_ours() {
        let keys = Keys::new("sarah".to_owned());
        for key in [
            "sarah",
            "sarah:phone",
            "sarah:phone:",
            "sarah2:phone:H",
            "sarah:eu:phone:H",
            "sarah:phone:H:more",
            "sarah:user:u_1",
            "sarah:user:u_1:notes",
            "sarah:meta:other",
            "sarah:session:CA1:aside",
            "sarah:user:u_1:profile:aside",
            "conversation:messages:CA1",
        ] {
            assert_eq!(keys.kind(key), None, "{key}");
        }
    }

    #[test]
    fn a_pattern_matches_the_prefix_as_it_is_written() {
        assert_eq!(Keys::new("a*[b".to_owned()).pattern(Some(Kind::Phone)), "a\\*\\[b:phone:*");
    }
}
