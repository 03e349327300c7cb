//! The rolling summary of a profile: a line a call with its date, then what a model wrote; its bounds.

use jiff::{Span, civil};
use redial_language::printable::printable;

use crate::model::Profile;

/// Calls kept in a profile; the oldest goes first. How often somebody called is counted by the store.
pub const MAX_EPISODES: usize = 20;
/// Characters in an episode's sentence.
pub const MAX_EPISODE_CHARS: usize = 240;
/// Open items of one call.
pub const MAX_OPEN: usize = 5;
/// Characters in an open item.
pub const MAX_OPEN_CHARS: usize = 160;
/// Characters in the rolling summary.
pub const MAX_SUMMARY_CHARS: usize = 1000;

/// A model's share of the summary, in characters. Fixed, so that what is left of its words does not hang on ours.
const MODEL_CHARS: usize = 600;
/// What of a summary is not our lines but a model's words, on one line and within its share.
pub(super) fn model_part(summary: &str) -> String {
    let lines: Vec<&str> = summary.lines().filter(|line| !is_our_line(line)).collect();
    // What a model writes is checked where it is taken over; here it must only stay the same when it is read again.
    cut(&printable(&lines.join(" ")), MODEL_CHARS)
}

/// Sets the summary: the newest episodes, a line each with its date in UTC, newest first; then what a `model` wrote at
/// `model_at`.
pub(super) fn write(profile: &mut Profile, model: &str, model_at: u64) {
    let room = if model.is_empty() { MAX_SUMMARY_CHARS } else { MAX_SUMMARY_CHARS - MODEL_CHARS - 1 };
    let mut summary = String::new();
    for episode in profile.episodes.iter().rev() {
        let line = format!("[{}] {}", date(episode.at), episode.s);
        if summary.chars().count() + line.chars().count() + 1 > room {
            break;
        }
        if !summary.is_empty() {
            summary.push('\n');
        }
        summary.push_str(&line);
    }
    if !model.is_empty() && !summary.is_empty() {
        summary.push('\n');
    }
    summary.push_str(model);
    profile.summary = summary;
    profile.summary_at = if model.is_empty() { newest(profile) } else { model_at };
}

/// `[2026-11-21] …`; brackets are stripped from everything that people or models say.
pub(super) fn is_our_line(line: &str) -> bool {
    line.starts_with('[')
        && line.get(1..5).is_some_and(|year| year.parse::<u32>().is_ok())
        && line.get(11..13) == Some("] ")
}

/// The day of a Unix time in ms, `2026-11-21` (UTC). A time after 9999, which only a broken clock tells, is on its last day: a
/// longer year would not fit the line's form.
pub fn date(at_ms: u64) -> String {
    const DAY_MS: u64 = 86_400_000;
    let days = i64::try_from(at_ms / DAY_MS).unwrap_or(i64::MAX);
    let day = Span::new().try_days(days).and_then(|days| civil::date(1970, 1, 1).checked_add(days));
    day.unwrap_or(civil::Date::MAX).to_string()
}

/// At most `max` characters of `text`, cut behind a word and marked.
pub(super) fn cut(text: &str, max: usize) -> String {
    if text.chars().count() <= max {
        return text.to_owned();
    }
    let short: String = text.chars().take(max.saturating_sub(1)).collect();
    let end = short.rfind(' ').filter(|&end| end > short.len() / 2).unwrap_or(short.len());
    format!("{}…", short[..end].trim_end_matches([',', ' ', '…']))
}

fn newest(profile: &Profile) -> u64 {
    profile.episodes.last().map_or(0, |episode| episode.at)
}
