//! `start` to the first audio of known callers: one after another, 150 a second, and when 500 webhooks come at once.

use std::collections::HashSet;
use std::time::Duration;

use tokio::time::sleep;

use crate::caller::{First, number};
use crate::lines::{Lines, Quiet};
use crate::pace::{self, Begun};
use crate::process::{Build, Gateway};
use crate::quantile::quantile;

/// Callers who have called before. Each has ended its last call before it rings again.
const KNOWN: usize = 500;
/// Calls while nothing else happens.
const IDLE: usize = 60;
const IDLE_PAUSE: Duration = Duration::from_millis(50);
const STEADY: Duration = Duration::from_secs(10);
const STEADY_PER_SECOND: usize = 150;
const STEADY_PAUSE: Duration = Duration::from_micros(1_000_000 / STEADY_PER_SECOND as u64);
/// Callers hang up after so long, so that some 200 are on the line.
const STAY: Duration = Duration::from_secs(1);
const BURST_WITHIN: Duration = Duration::from_millis(300);
/// For what was said to be written and brought to the store.
const PAUSE: Duration = Duration::from_secs(6);

pub(crate) async fn measure(builds: &[Build]) {
    for build in builds {
        one(build).await;
    }
}

async fn one(build: &Build) {
    let dir = tempfile::tempdir().unwrap();
    // Callers who say nothing are remembered, too.
    let gateway = Gateway::start(&build.path, dir.path(), KNOWN * 2, &[("MEMORY_CONSENT", "implicit")]);
    gateway.ready().await;
    let lines = Lines::start(Quiet::FaintNoise);
    let begin = |calls: usize, pause: Duration| {
        pace::begin(gateway.port(), pause, (0..calls).map(|n| number(n % KNOWN)), |call| lines.add_for(call, STAY))
    };

    let strangers = begin(KNOWN, Duration::from_millis(10)).await;
    let to_strangers: HashSet<&str> = strangers.first.iter().map(|first| first.payload.as_str()).collect();
    sleep(PAUSE).await;

    let report = |what: &str, begun: &Begun| {
        let strangers = begun.first.iter().filter(|first| to_strangers.contains(first.payload.as_str())).count();
        let mixed = if strangers > 0 { format!("; {strangers} were greeted as strangers") } else { String::new() };
        println!(
            "{}: {what}: start -> first audio {}, webhook {}{}{mixed}",
            build.name,
            figures(begun, |first| first.audio),
            figures(begun, |first| first.webhook),
            begun.faults(),
        );
    };
    report(&format!("{IDLE} calls, idle"), &begin(IDLE, IDLE_PAUSE).await);
    sleep(PAUSE).await;
    let calls = STEADY_PER_SECOND * STEADY.as_secs() as usize;
    report(&format!("{STEADY_PER_SECOND} calls a second, {calls} calls"), &begin(calls, STEADY_PAUSE).await);
    sleep(PAUSE).await;
    let burst = begin(KNOWN, BURST_WITHIN / KNOWN as u32).await;
    report(&format!("{KNOWN} calls within {BURST_WITHIN:?}"), &burst);
    if lines.late() > 0 {
        println!("{}: {} frames were sent late", build.name, lines.late());
    }
}

fn figures(begun: &Begun, of: impl Fn(&First) -> Duration) -> String {
    let mut values: Vec<Duration> = begun.first.iter().map(of).collect();
    values.sort();
    let [p50, p99, most] = [0.5, 0.99, 1.0].map(|share| quantile(&values, share));
    format!("p50 {p50:.2} ms, p99 {p99:.2} ms, most {most:.1} ms")
}
