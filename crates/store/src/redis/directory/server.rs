//! What the server says of itself.

use super::super::RedisStore;
use super::super::advice::Trouble;
use super::super::inspect::product;
use crate::directory::ServerReport;
use crate::store::MemoryError;

impl RedisStore {
    /// `None` when this user may not ask.
    pub(super) async fn ask_the_server(&self) -> Result<Option<ServerReport>, MemoryError> {
        // One section after the other: naming several in one command came with Redis 7.
        let mut info = String::new();
        for section in ["server", "memory", "stats", "persistence"] {
            let text: String = match self.command(redis::cmd("INFO").arg(section)).await {
                Ok(text) => text,
                Err(Trouble::NotAllowed(_) | Trouble::UnknownCommand(_) | Trouble::Other(_)) => return Ok(None),
                Err(trouble) => return Err(self.failed("", trouble)),
            };
            info.push_str(&text);
            info.push('\n');
        }
        Ok(Some(read(&info)))
    }
}

/// Reads `name:value` lines; what is not told is zero or empty.
fn read(info: &str) -> ServerReport {
    let line = |name: &str| {
        let line = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.map(str::trim).filter(|value| !value.is_empty())
    };
    let text = |name: &str| line(name).unwrap_or_default().to_owned();
    let number = |name: &str| line(name).and_then(|value| value.parse().ok()).unwrap_or(0);
    let (name, version) = product(line);
    ServerReport {
        name,
        version: version.to_owned(),
        used_bytes: number("used_memory"),
        max_bytes: number("maxmemory"),
        eviction_policy: text("maxmemory_policy"),
        evicted_keys: number("evicted_keys"),
        append_only: text("aof_enabled") == "1",
        last_snapshot_at: number("rdb_last_save_time"),
        writes_since_snapshot: number("rdb_changes_since_last_save"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_by_their_whole_names_and_missing_ones_are_zero() {
        let info = "# Memory\r\nused_memory:1048576\r\nused_memory_human:1.00M\r\nmaxmemory:0\r\n\
                    maxmemory_policy:allkeys-lru\r\nmaxmemory_human:0B\r\n\n# Persistence\r\naof_enabled:1\r\n";
        let report = read(info);
        assert_eq!((report.used_bytes, report.max_bytes, report.evicted_keys), (1_048_576, 0, 0));
        assert_eq!((report.eviction_policy.as_str(), report.append_only), ("allkeys-lru", true));
    }
}
