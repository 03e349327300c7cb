//! `MEMORY_PRESET`: the prefix and times of a system that a deployment comes from, in one word.

use std::time::Duration;

use redial_store::settings::TtlRefresh;

use super::reader::Reader;

/// What one word sets. A variable of its own wins over each of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Preset {
    pub(super) prefix: &'static str,
    pub(super) session_ttl: Duration,
    /// 0: for ever.
    pub(super) profile_ttl_days: u64,
    pub(super) refresh: TtlRefresh,
    /// Other programs look for live calls below that prefix too, whatever it is set to.
    pub(super) mirrors_there: bool,
}

const fn preset(prefix: &'static str, session_ttl_s: u64, profile_ttl_days: u64, refresh: TtlRefresh) -> Preset {
    let session_ttl = Duration::from_secs(session_ttl_s);
    Preset { prefix, session_ttl, profile_ttl_days, refresh, mirrors_there: false }
}

const HOUR_S: u64 = 3600;
/// What holds when nothing is said.
const DEFAULT: Preset = preset("sarah", 24 * HOUR_S, 90, TtlRefresh::Access);
/// Each as its system has it; where one says nothing of profiles, our 90 days.
const PRESETS: [(&str, Preset); 5] = [
    ("aegen", preset("session", HOUR_S, 90, TtlRefresh::Write)),
    ("conversation", Preset { mirrors_there: true, ..preset("conversation", 24 * HOUR_S, 90, TtlRefresh::Write) }),
    ("threads", preset("sarah", 2 * HOUR_S, 90, TtlRefresh::Access)),
    ("agent", preset("agent", HOUR_S, 0, TtlRefresh::Access)),
    ("sarah", preset("sarah", 24 * HOUR_S, 90, TtlRefresh::Write)),
];

impl Preset {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let names = PRESETS.map(|(name, _)| name);
        let chosen = reader.one_of("MEMORY_PRESET", "", &names);
        PRESETS.iter().find(|(name, _)| *name == chosen).map_or(DEFAULT, |(_, preset)| *preset)
    }
}
