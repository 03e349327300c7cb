//! The mirror's scripts.

use super::script::Script;

/// The mirror's scripts.
pub(super) struct Scripts {
    pub(super) begin: Script,
    pub(super) turn: Script,
    pub(super) load: Script,
    pub(super) end: Script,
}

impl Default for Scripts {
    fn default() -> Self {
        Self {
            begin: Script::new("mirror_begin", include_str!("mirror_begin.lua")),
            turn: Script::new("mirror_turn", include_str!("mirror_turn.lua")),
            load: Script::new("mirror_load", include_str!("mirror_load.lua")),
            end: Script::new("mirror_end", include_str!("mirror_end.lua")),
        }
    }
}
