//! `redial memory selftest` and `check`.

use std::fmt::Write as _;

use crate::cli::exit::Exit;
use crate::cli::operators::{ACTOR, Format, Operators, block_on, note};
use crate::operations::{Check as Report, audit};

/// Write, read and delete a scratch caller. Exit code 0 if memory works.
#[derive(Debug, clap::Args)]
pub(crate) struct SelfTest {
    #[command(flatten)]
    format: Format,
}

impl SelfTest {
    pub(crate) fn run(self) -> anyhow::Result<Exit> {
        block_on(async {
            let operators = Operators::open_or_create().await?;
            let test = operators.operations().selftest().await;
            let outcome = if test.passed { "done" } else { "failed" };
            audit::note("memory.selftest", ACTOR, "-", outcome);
            self.format.print(&test, ToString::to_string)?;
            Ok(Exit::of(test.passed))
        })
    }
}

/// How memory is: store, journal, outbox, and what should be done. Exit code 0 if nothing should.
#[derive(Debug, clap::Args)]
pub(crate) struct Check {
    #[command(flatten)]
    format: Format,
}

impl Check {
    pub(crate) fn run(self) -> anyhow::Result<Exit> {
        block_on(async {
            let operators = Operators::look().await?;
            let check = operators.operations().check().await;
            note("memory.check", "-", &Ok(()));
            self.format.print(&check, told)?;
            Ok(Exit::of(check.healthy))
        })
    }
}

fn told(check: &Report) -> String {
    let mut text = match (check.kind, check.latency_ms) {
        (Some(kind), Some(ms)) => format!("Store:    {kind}, {ms:.2} ms\n"),
        _ => "Store:    no answer\n".to_owned(),
    };
    if let Some(figures) = &check.figures {
        let bytes = figures.bytes.map_or_else(String::new, |bytes| format!(", {} kB in all", bytes / 1024));
        let _ = writeln!(
            text,
            "Holds:    {} caller(s), {} number(s), {} call(s), {} key(s) without TTL{bytes}",
            figures.users, figures.numbers, figures.sessions, figures.without_ttl
        );
    }
    if let Some(server) = &check.server {
        let max = if server.max_bytes == 0 { "no limit".to_owned() } else { format!("{} kB", server.max_bytes / 1024) };
        let aof = if server.append_only { "append-only file" } else { "no append-only file" };
        let _ = writeln!(
            text,
            "Server:   {} {}, {} kB of {max}, {}, {} evicted, {aof}",
            server.name,
            server.version,
            server.used_bytes / 1024,
            server.eviction_policy,
            server.evicted_keys
        );
    }
    if let Some(spool) = &check.spool {
        let _ = writeln!(
            text,
            "Journal:  {} open call(s){}\nOutbox:   {} waiting, {} delivered, {} dead; {} kB",
            spool.open_calls,
            if spool.degraded == Some(true) { ", the disk does not take it" } else { "" },
            spool.waiting,
            spool.delivered,
            spool.dead,
            spool.bytes / 1024
        );
    }
    if check.advice.is_empty() {
        text.push_str("Nothing should be done.");
    } else {
        text.push_str("Advice:");
    }
    for advice in &check.advice {
        let _ = write!(text, "\n  - {advice}");
    }
    text
}
