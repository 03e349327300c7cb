//! The names of our keys. Every part of a key has been checked to be an id, so no glob or brace gets into one.
//!
//! A cluster runs a script only where all its keys are in one slot, and a slot is chosen by what stands in braces. In the
//! tagged layout that is the user id whose memory it is. The id is derived from the number, so all keys of a call start are
//! known before it is asked; where a number belongs to another id (linked, erased and back), what its own slot holds is
//! only the mapping, and the rest is found at the other id's slot in a second trip.
//!
//! A session is looked up by its id alone. In the tagged layout a key of its own says whose it is: it is written before the
//! session, so that a session never lacks it; one without a session is found to lead nowhere, and expires with the others.

use super::options::Layout;
use crate::identity::{PhoneHash, UserId};

/// Makes keys below one prefix.
#[derive(Debug, Clone)]
pub(super) struct Keys {
    prefix: String,
    layout: Layout,
}

impl Keys {
    pub(super) fn new(prefix: String, layout: Layout) -> Self {
        Self { prefix, layout }
    }

    pub(super) fn layout(&self) -> Layout {
        self.layout
    }

    /// String: whose number it is. `home`: the id whose slot it is in.
    pub(super) fn phone(&self, home: &UserId, hash: &PhoneHash) -> String {
        match self.layout {
            Layout::Flat => format!("{}:phone:{}", self.prefix, hash.as_str()),
            Layout::Tagged => format!("{}:{{{}}}:phone:{}", self.prefix, home.as_str(), hash.as_str()),
        }
    }

    /// Hash `v, rev, doc, calls, last`.
    pub(super) fn profile(&self, user: &UserId) -> String {
        self.of_user(user, user, "profile")
    }

    /// Sorted set: session ids by when the call ended, Unix ms.
    pub(super) fn sessions(&self, user: &UserId) -> String {
        self.of_user(user, user, "sessions")
    }

    /// String: there as long as an erased caller must not come back by a late write.
    pub(super) fn gone(&self, user: &UserId) -> String {
        self.of_user(user, user, "gone")
    }

    /// The four keys of a call start, all in the slot of `home`. When `user` is not `home`, a tagged number is only given
    /// to `user` there, and nothing is kept under the other three.
    pub(super) fn begin(&self, home: &UserId, hash: &PhoneHash, user: &UserId) -> [String; 4] {
        let of_user = |what| self.of_user(home, user, what);
        [self.phone(home, hash), of_user("profile"), of_user("sessions"), of_user("gone")]
    }

    /// The session's key where the id alone is enough to know it: not in the tagged layout.
    pub(super) fn flat_session(&self, sid: &str) -> Option<String> {
        (self.layout == Layout::Flat).then(|| format!("{}:session:{sid}", self.prefix))
    }

    /// Hash `v, doc, uid, ended`. `sid` must be an id.
    pub(super) fn session(&self, user: &UserId, sid: &str) -> String {
        self.of_session(user, "session", sid)
    }

    /// Hash `d, n, merged`: which copy of the session was committed. `sid` must be an id.
    pub(super) fn done(&self, user: &UserId, sid: &str) -> String {
        self.of_session(user, "done", sid)
    }

    /// String, in the tagged layout only: whose session it is. `sid` must be an id.
    pub(super) fn place(&self, sid: &str) -> String {
        format!("{}:where:{sid}", self.prefix)
    }

    /// String, for ever: tells instances with another pepper that these keys are not theirs.
    pub(super) fn pepper(&self) -> String {
        format!("{}:meta:pepper", self.prefix)
    }

    fn of_user(&self, home: &UserId, user: &UserId, what: &str) -> String {
        let (prefix, home, user) = (&self.prefix, home.as_str(), user.as_str());
        match self.layout {
            Layout::Flat => format!("{prefix}:user:{user}:{what}"),
            Layout::Tagged if home == user => format!("{prefix}:{{{user}}}:{what}"),
            Layout::Tagged => format!("{prefix}:{{{home}}}:user:{user}:{what}"),
        }
    }

    fn of_session(&self, user: &UserId, what: &str, sid: &str) -> String {
        match self.layout {
            Layout::Flat => format!("{}:{what}:{sid}", self.prefix),
            Layout::Tagged => format!("{}:{{{}}}:{what}:{sid}", self.prefix, user.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(id: &str) -> UserId {
        UserId::parse(id).unwrap()
    }

    #[test]
    fn both_layouts_are_as_documented() {
        let (ana, hash) = (user("u_ana"), PhoneHash::parse("H").unwrap());
        let all = |layout| {
            let keys = Keys::new("sarah".to_owned(), layout);
            let mut all = keys.begin(&ana, &hash, &ana).to_vec();
            all.extend([keys.session(&ana, "CA1"), keys.done(&ana, "CA1"), keys.pepper()]);
            all
        };
        assert_eq!(
            all(Layout::Flat),
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
        assert_eq!(
            all(Layout::Tagged),
            [
                "sarah:{u_ana}:phone:H",
                "sarah:{u_ana}:profile",
                "sarah:{u_ana}:sessions",
                "sarah:{u_ana}:gone",
                "sarah:{u_ana}:session:CA1",
                "sarah:{u_ana}:done:CA1",
                "sarah:meta:pepper",
            ]
        );
    }

    #[test]
    fn the_keys_of_one_step_are_always_in_one_slot() {
        let keys = Keys::new("sarah".to_owned(), Layout::Tagged);
        for key in keys.begin(&user("u_ana"), &PhoneHash::parse("H").unwrap(), &user("u_other")) {
            assert!(key.contains(":{u_ana}:"), "{key}");
        }
    }
}
