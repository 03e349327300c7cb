//! The names of our keys. Every part of a key has been checked to be an id, so no glob or brace gets into one.
//!
//! A cluster runs a script only where all its keys are in one slot, and what stands in braces chooses the slot. In the tagged
//! layout
//! - what is kept of a user, finished sessions included, is in that user's slot: a hang-up is one step;
//! - whose a number is, is in a slot of the number's own: it has to be found by the hash alone, and a number may lead to
//!   any user (linked, joined, back after an erasure, imported);
//! - the place of a session says in whose slot it is, as a session has to be found by its id alone;
//! - the mirror of a live call is in a slot of the session's own.

use redial_identity::{PhoneHash, UserId, is_id};
use redial_memory::session_id::SessionId;

use super::options::Layout;
use crate::settings::StoreSettings;

/// Makes keys below one prefix, and reads them.
#[derive(Debug, Clone)]
pub(super) struct Keys {
    prefix: String,
    /// First part of the keys of a live call's mirror; other programs read these too, so they have no prefix of ours.
    mirror_prefix: String,
    layout: Layout,
}

impl Keys {
    pub(super) fn new(settings: &StoreSettings, layout: Layout) -> Self {
        Self { prefix: settings.prefix.clone(), mirror_prefix: settings.mirror_prefix.clone(), layout }
    }

    pub(super) fn is_tagged(&self) -> bool {
        self.layout == Layout::Tagged
    }

    /// String: whose number it is.
    pub(super) fn phone(&self, hash: &PhoneHash) -> String {
        format!("{}:phone:{}", self.prefix, self.tag(hash.as_str()))
    }

    /// Hash `v, rev, doc, calls, last`.
    pub(super) fn profile(&self, user: &UserId) -> String {
        self.of_user(user, "profile")
    }

    /// Sorted set: session ids by when the call ended, Unix ms.
    pub(super) fn sessions(&self, user: &UserId) -> String {
        self.of_user(user, "sessions")
    }

    /// String: there as long as an erased caller must not come back by a late write.
    pub(super) fn gone(&self, user: &UserId) -> String {
        self.of_user(user, "gone")
    }

    /// Hash `v, doc, uid, ended`. In the flat layout it does not depend on the user.
    pub(super) fn session(&self, user: &UserId, session_id: &SessionId) -> String {
        self.of_session(user, "session", session_id)
    }

    /// Hash `d, n, merged`: which copy of the session was committed.
    pub(super) fn done(&self, user: &UserId, session_id: &SessionId) -> String {
        self.of_session(user, "done", session_id)
    }

    /// The session's key where the id alone is enough to know it: not in the tagged layout.
    pub(super) fn flat_session(&self, session_id: &SessionId) -> Option<String> {
        (!self.is_tagged()).then(|| format!("{}:session:{session_id}", self.prefix))
    }

    /// String, in the tagged layout only: in which user's slot a session is.
    pub(super) fn place(&self, session_id: &SessionId) -> String {
        format!("{}:where:{session_id}", self.prefix)
    }

    /// String: this side has ended the call, whose redirect may ask another instance.
    pub(super) fn over(&self, session_id: &SessionId) -> String {
        format!("{}:over:{session_id}", self.prefix)
    }

    /// String: a stream has taken this one-time token. `id` must be an id.
    pub(super) fn token(&self, id: &str) -> String {
        format!("{}:token:{id}", self.prefix)
    }

    /// String, for ever: tells instances with another pepper that these keys are not theirs.
    pub(super) fn pepper(&self) -> String {
        format!("{}:meta:pepper", self.prefix)
    }

    /// String: how far an outbox of this name had come when the server kept what it was given. `outbox` must be an id.
    pub(super) fn mark(&self, outbox: &str) -> String {
        format!("{}:meta:marker:{outbox}", self.prefix)
    }

    /// Nobody's: what may be done is tried on it, and it is never there.
    pub(super) fn rights(&self) -> String {
        format!("{}:meta:rights", self.prefix)
    }

    /// A key of every kind, of nobody who could be.
    pub(super) fn samples(&self) -> Vec<String> {
        let id = "rights";
        let session_id = SessionId::named(id);
        let of_user = ["profile", "sessions", "gone"].map(|what| match self.layout {
            Layout::Flat => format!("{}:user:{id}:{what}", self.prefix),
            Layout::Tagged => format!("{}:{{{id}}}:{what}", self.prefix),
        });
        let of_session = ["session", "done"].map(|what| match self.layout {
            Layout::Flat => format!("{}:{what}:{id}", self.prefix),
            Layout::Tagged => format!("{}:{{{id}}}:{what}:{id}", self.prefix),
        });
        let mut samples = vec![format!("{}:phone:{}", self.prefix, self.tag(id))];
        samples.extend(of_user);
        samples.extend(of_session);
        samples.extend([self.mark(id), self.over(&session_id), self.token(id)]);
        samples.extend(self.is_tagged().then(|| self.place(&session_id)));
        samples.extend(self.mirrors(&session_id));
        samples
    }

    /// The keys of ours as an ACL rule has them.
    pub(super) fn acl_patterns(&self) -> String {
        let (ours, mirrors) = (escaped(&self.prefix), escaped(&self.mirror_prefix));
        if ours == mirrors { format!("~{ours}:*") } else { format!("~{ours}:* ~{mirrors}:*") }
    }

    /// Where a key of another shape is moved out of the way: in the same slot, and a colon, as an id may have a dot in it:
    /// what is aside must not look like somebody's.
    pub(super) fn aside(key: &str) -> String {
        format!("{key}:aside")
    }

    /// What a live call's mirror is in: messages, summary, turns, call.
    pub(super) fn mirrors(&self, session_id: &SessionId) -> [String; 4] {
        let tagged = self.tag(session_id.as_str());
        ["messages", "summary", "turns", "call"].map(|what| format!("{}:{what}:{tagged}", self.mirror_prefix))
    }

    /// Matches all keys of one kind, or of every kind.
    pub(super) fn pattern(&self, kind: Option<Kind>) -> String {
        let rest = match (kind, self.layout) {
            (None, _) => "*",
            (Some(Kind::Mirror), Layout::Flat) => return format!("{}:call:*", escaped(&self.mirror_prefix)),
            (Some(Kind::Mirror), Layout::Tagged) => return format!("{}:call:{{*}}", escaped(&self.mirror_prefix)),
            (Some(Kind::Place), _) => "where:*",
            (Some(Kind::Pepper), _) => "meta:pepper",
            (Some(Kind::Over), _) => "over:*",
            (Some(Kind::Token), _) => "token:*",
            (Some(Kind::Mark), _) => "meta:marker:*",
            (Some(Kind::Phone), Layout::Flat) => "phone:*",
            (Some(Kind::Profile), Layout::Flat) => "user:*:profile",
            (Some(Kind::Sessions), Layout::Flat) => "user:*:sessions",
            (Some(Kind::Gone), Layout::Flat) => "user:*:gone",
            (Some(Kind::Session), Layout::Flat) => "session:*",
            (Some(Kind::Done), Layout::Flat) => "done:*",
            (Some(Kind::Phone), Layout::Tagged) => "phone:{*}",
            (Some(Kind::Profile), Layout::Tagged) => "{*}:profile",
            (Some(Kind::Sessions), Layout::Tagged) => "{*}:sessions",
            (Some(Kind::Gone), Layout::Tagged) => "{*}:gone",
            (Some(Kind::Session), Layout::Tagged) => "{*}:session:*",
            (Some(Kind::Done), Layout::Tagged) => "{*}:done:*",
        };
        format!("{}:{rest}", escaped(&self.prefix))
    }

    /// In the tagged layout, matches all keys that are kept of a user.
    pub(super) fn pattern_of(&self, user: &UserId) -> String {
        format!("{}:{{{}}}:*", escaped(&self.prefix), user.as_str())
    }

    /// What a key is, and the id in it; `None` when it is none of ours, though it may begin like one.
    pub(super) fn kind<'a>(&self, key: &'a str) -> Option<(Kind, &'a str)> {
        if let Some(session_id) = key.strip_prefix(&self.mirror_prefix).and_then(|rest| rest.strip_prefix(":call:")) {
            let session_id = match self.layout {
                Layout::Flat => session_id,
                Layout::Tagged => session_id.strip_prefix('{')?.strip_suffix('}')?,
            };
            return is_id(session_id).then_some((Kind::Mirror, session_id));
        }
        let rest = key.strip_prefix(&self.prefix)?.strip_prefix(':')?;
        let (kind, id) = match rest.split_once(':')? {
            ("meta", "pepper") => (Kind::Pepper, "pepper"),
            ("over", session_id) => (Kind::Over, session_id),
            ("token", id) => (Kind::Token, id),
            ("meta", rest) => (Kind::Mark, rest.strip_prefix("marker:")?),
            (first, rest) => match self.layout {
                Layout::Flat => flat_kind(first, rest)?,
                Layout::Tagged => tagged_kind(first, rest)?,
            },
        };
        is_id(id).then_some((kind, id))
    }

    /// The session that a key is about; `None`: it is about something else.
    pub(super) fn session_in(&self, key: &str) -> Option<SessionId> {
        match self.kind(key)? {
            (Kind::Session | Kind::Done | Kind::Place | Kind::Mirror | Kind::Over, id) => id.parse().ok(),
            _ => None,
        }
    }

    /// An id that chooses the slot in the tagged layout.
    fn tag(&self, id: &str) -> String {
        match self.layout {
            Layout::Flat => id.to_owned(),
            Layout::Tagged => format!("{{{id}}}"),
        }
    }

    fn of_user(&self, user: &UserId, what: &str) -> String {
        match self.layout {
            Layout::Flat => format!("{}:user:{}:{what}", self.prefix, user.as_str()),
            Layout::Tagged => format!("{}:{{{}}}:{what}", self.prefix, user.as_str()),
        }
    }

    fn of_session(&self, user: &UserId, what: &str, session_id: &SessionId) -> String {
        match self.layout {
            Layout::Flat => format!("{}:{what}:{session_id}", self.prefix),
            Layout::Tagged => format!("{}:{{{}}}:{what}:{session_id}", self.prefix, user.as_str()),
        }
    }
}

/// A prefix may have any characters, though an ordinary one has none that mean something in a pattern.
fn escaped(prefix: &str) -> String {
    prefix.chars().fold(String::new(), |mut escaped, c| {
        if matches!(c, '*' | '?' | '[' | ']' | '\\') {
            escaped.push('\\');
        }
        escaped.push(c);
        escaped
    })
}

fn flat_kind<'a>(first: &str, rest: &'a str) -> Option<(Kind, &'a str)> {
    match first {
        "phone" => Some((Kind::Phone, rest)),
        "session" => Some((Kind::Session, rest)),
        "done" => Some((Kind::Done, rest)),
        "user" => {
            let (user, what) = rest.split_once(':')?;
            Some((Kind::of_user(what)?, user))
        }
        _ => None,
    }
}

fn tagged_kind<'a>(first: &'a str, rest: &'a str) -> Option<(Kind, &'a str)> {
    let tagged = |text: &'a str| text.strip_prefix('{')?.strip_suffix('}');
    match first {
        "phone" => Some((Kind::Phone, tagged(rest)?)),
        "where" => Some((Kind::Place, rest)),
        _ => {
            let user = tagged(first).filter(|user| is_id(user))?;
            match rest.split_once(':') {
                None => Some((Kind::of_user(rest)?, user)),
                Some(("session", session_id)) => Some((Kind::Session, session_id)),
                Some(("done", session_id)) => Some((Kind::Done, session_id)),
                Some(_) => None,
            }
        }
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
    /// In the tagged layout, in whose slot a session is.
    Place,
    /// Who has a live call; the key that stands for the four of its mirror.
    Mirror,
    /// That this side has ended a call.
    Over,
    /// That a one-time token was taken.
    Token,
    /// Tells whether the pepper is still the one that the numbers were hashed with. It has no TTL.
    Pepper,
    /// Tells an outbox whether the server has forgotten what it took.
    Mark,
}

impl Kind {
    fn of_user(what: &str) -> Option<Self> {
        match what {
            "profile" => Some(Self::Profile),
            "sessions" => Some(Self::Sessions),
            "gone" => Some(Self::Gone),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(layout: Layout) -> Keys {
        Keys::new(&StoreSettings::default(), layout)
    }

    fn user() -> UserId {
        UserId::parse("u_ana").unwrap()
    }

    fn all(keys: &Keys) -> Vec<String> {
        let (ana, hash) = (user(), PhoneHash::parse("H").unwrap());
        let of_user = [keys.phone(&hash), keys.profile(&ana), keys.sessions(&ana), keys.gone(&ana)];
        let of_session =
            [keys.session(&ana, &"CA1".parse().unwrap()), keys.done(&ana, &"CA1".parse().unwrap()), keys.pepper()];
        of_user.into_iter().chain(of_session).collect()
    }

    #[test]
    fn both_layouts_are_as_documented() {
        assert_eq!(
            all(&keys(Layout::Flat)),
            [
                "sarah:phone:H",
                "sarah:user:u_ana:profile",
                "sarah:user:u_ana:sessions",
                "sarah:user:u_ana:gone",
                "sarah:session:CA1",
                "sarah:done:CA1",
                "sarah:meta:pepper",
            ]
        );
        let tagged = keys(Layout::Tagged);
        assert_eq!(
            all(&tagged),
            [
                "sarah:phone:{H}",
                "sarah:{u_ana}:profile",
                "sarah:{u_ana}:sessions",
                "sarah:{u_ana}:gone",
                "sarah:{u_ana}:session:CA1",
                "sarah:{u_ana}:done:CA1",
                "sarah:meta:pepper",
            ]
        );
        assert_eq!(tagged.place(&"CA1".parse().unwrap()), "sarah:where:CA1");
        assert_eq!(keys(Layout::Flat).mirrors(&"CA1".parse().unwrap())[0], "conversation:messages:CA1");
        assert!(tagged.mirrors(&"CA1".parse().unwrap()).iter().all(|key| key.ends_with(":{CA1}")));
    }

    #[test]
    fn every_key_says_what_it_is() {
        for layout in [Layout::Flat, Layout::Tagged] {
            let keys = keys(layout);
            let kinds = [
                (Kind::Phone, "H"),
                (Kind::Profile, "u_ana"),
                (Kind::Sessions, "u_ana"),
                (Kind::Gone, "u_ana"),
                (Kind::Session, "CA1"),
                (Kind::Done, "CA1"),
                (Kind::Pepper, "pepper"),
            ];
            for (key, kind) in all(&keys).iter().zip(kinds) {
                assert_eq!(keys.kind(key), Some(kind), "{key}");
            }
        }
        assert_eq!(keys(Layout::Tagged).kind("sarah:where:CA1"), Some((Kind::Place, "CA1")));
        for layout in [Layout::Flat, Layout::Tagged] {
            let keys = keys(layout);
            assert_eq!(keys.kind(&keys.over(&"CA1".parse().unwrap())), Some((Kind::Over, "CA1")));
            assert_eq!(keys.kind(&keys.token("0a1b")), Some((Kind::Token, "0a1b")));
            let mark = keys.mark("0a1b");
            assert_eq!((mark.as_str(), keys.kind(&mark)), ("sarah:meta:marker:0a1b", Some((Kind::Mark, "0a1b"))));
        }
    }

    #[test]
    fn a_key_of_somebody_elses_is_none_of_ours() {
        let foreign = [
            "sarah",
            "sarah:phone",
            "sarah:phone:",
            "sarah2:phone:H",
            "sarah:eu:phone:H",
            "sarah:phone:H:more",
            "sarah:user:u_1",
            "sarah:user:u_1:notes",
            "sarah:meta:other",
            "sarah:meta:marker",
            "sarah:meta:marker:*",
            "sarah:session:CA1:aside",
            "sarah:user:u_1:profile:aside",
            "conversation:messages:CA1",
        ];
        for key in foreign {
            assert_eq!(keys(Layout::Flat).kind(key), None, "{key}");
        }
        for key in foreign.into_iter().chain([
            "sarah:phone:H",
            "sarah:phone:{H",
            "sarah:user:u_1:profile",
            "sarah:{u_1}",
            "sarah:{u_1}:notes",
            "sarah:{a:b}:profile",
            "sarah:{u_1}:session:a:b",
        ]) {
            assert_eq!(keys(Layout::Tagged).kind(key), None, "{key}");
        }
    }

    #[test]
    fn a_pattern_matches_the_prefix_as_it_is_written() {
        let settings = StoreSettings { prefix: "a*[b".to_owned(), ..StoreSettings::default() };
        let keys = |layout| Keys::new(&settings, layout);
        assert_eq!(keys(Layout::Flat).pattern(Some(Kind::Phone)), "a\\*\\[b:phone:*");
        assert_eq!(keys(Layout::Tagged).pattern(Some(Kind::Session)), "a\\*\\[b:{*}:session:*");
        assert_eq!(keys(Layout::Tagged).pattern_of(&user()), "a\\*\\[b:{u_ana}:*");
    }
}
