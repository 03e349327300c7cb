//! One profile of two.

use crate::memory::model::{Profile, SCHEMA_VERSION};

/// As many episodes as a profile has.
const MAX_EPISODES: usize = 20;

/// The profile of one person who was remembered as two: what `into` says stays, and what only `from` knows is added. Of
/// more calls than a profile holds the latest ones are kept.
pub(super) fn joined(from: &Profile, into: &Profile) -> Profile {
    let mut episodes = into.episodes.clone();
    episodes
        .extend(from.episodes.iter().filter(|theirs| into.episodes.iter().all(|ours| ours.sid != theirs.sid)).cloned());
    episodes.sort_by_key(|episode| episode.at);
    let beyond = episodes.len().saturating_sub(MAX_EPISODES);
    episodes.drain(..beyond);
    let (summary, summary_at) = match into.summary.is_empty() {
        true => (from.summary.clone(), from.summary_at),
        false => (into.summary.clone(), into.summary_at),
    };
    let name = into.name.clone().or_else(|| from.name.clone());
    Profile { v: SCHEMA_VERSION, name, summary, summary_at, episodes }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::model::{Confidence, Episode, Name};

    fn profile(name: Option<&str>, summary: &str, calls: std::ops::Range<u64>) -> Profile {
        let name = name.map(|say| Name { say: say.to_owned(), src: "CA1#1".to_owned(), conf: Confidence::Stated });
        let episode = |at: u64| Episode { sid: format!("CA{at}"), at, s: String::new(), open: Vec::new(), topic: None };
        let episodes = calls.map(episode).collect();
        Profile { v: SCHEMA_VERSION, name, summary: summary.to_owned(), summary_at: 1, episodes }
    }

    #[test]
    fn what_only_one_of_them_knows_is_known_afterwards() {
        let joined = joined(&profile(Some("Ana"), "old", 0..3), &profile(None, "", 2..5));
        assert_eq!((joined.name.unwrap().say.as_str(), joined.summary.as_str()), ("Ana", "old"));
        let sids: Vec<_> = joined.episodes.iter().map(|episode| episode.sid.as_str()).collect();
        assert_eq!(sids, ["CA0", "CA1", "CA2", "CA3", "CA4"]);
    }

    #[test]
    fn what_the_target_says_stays_and_the_latest_calls_are_kept() {
        let joined = joined(&profile(Some("Ana"), "old", 0..15), &profile(Some("Anna"), "new", 100..110));
        assert_eq!((joined.name.unwrap().say.as_str(), joined.summary.as_str()), ("Anna", "new"));
        assert_eq!((joined.episodes.len(), joined.episodes[0].at, joined.episodes[19].at), (20, 5, 109));
    }
}
