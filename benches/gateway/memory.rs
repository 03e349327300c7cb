//! Memory of a call: resident memory while all have heard their greeting, less that before the first, and what stays afterwards.

use std::ops::Range;
use std::time::Duration;

use tokio::time::sleep;

use crate::caller::number;
use crate::lines::{Lines, Quiet};
use crate::pace;
use crate::process::{Build, Gateway, Memory};

/// Calls before the first that is measured: threads, caches and the greeting's audio are there then.
const WARM_UP: usize = 100;
/// From one call to the next: 150 a second.
const PAUSE: Duration = Duration::from_micros(6667);
/// From the last call's first audio: greetings are over, and nobody is asked for the second time whether they are still there.
const HEARD: Duration = Duration::from_secs(8);
/// From the hang-up: the calls' last turns are written.
const OVER: Duration = Duration::from_secs(5);

pub(crate) async fn measure(builds: &[Build], calls: &[usize]) {
    for &calls in calls {
        for build in builds {
            one(build, calls).await;
        }
    }
}

async fn one(build: &Build, calls: usize) {
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(&build.path, dir.path(), calls, &[]);
    gateway.ready().await;
    let begin = async |callers: Range<usize>| {
        let lines = Lines::start(Quiet::FaintNoise);
        let begun = pace::begin(gateway.port(), PAUSE, callers.map(number), |call| lines.add(call)).await;
        sleep(HEARD).await;
        (begun, lines)
    };
    let (_, lines) = begin(0..WARM_UP).await;
    drop(lines);
    sleep(OVER).await;

    let before = gateway.memory();
    let (begun, lines) = begin(WARM_UP..WARM_UP + calls).await;
    let during = gateway.memory();
    let alive = lines.alive();
    drop(lines);
    sleep(OVER).await;
    let after = gateway.memory();
    // What stays is the allocator's, unless as many calls take as much once more.
    let (_, lines) = begin(WARM_UP..WARM_UP + calls).await;
    let second = gateway.memory();
    drop(lines);
    let a_call = |memory: Memory, less: Memory| {
        let resident = (memory.resident_kib - less.resident_kib) / alive as f64;
        format!("{resident:.1} KiB (anonymous {:.1})", (memory.anonymous_kib - less.anonymous_kib) / alive as f64)
    };
    println!(
        "{}: {calls} calls, {alive} on the line{}: {} a call; {} stay {} s after; as many calls again take {} more; \
         before the first {:.1} MiB (anonymous {:.1})",
        build.name,
        begun.faults(),
        a_call(during, before),
        a_call(after, before),
        OVER.as_secs(),
        a_call(second, during),
        before.resident_kib / 1024.0,
        before.anonymous_kib / 1024.0,
    );
}
