//! CPU of a frame while callers are quiet and the gateway listens, against a bare sink that is sent the same at the same pace.

use std::time::{Duration, Instant};

use tokio::time::sleep;

use crate::caller::number;
use crate::lines::{Lines, Quiet};
use crate::pace;
use crate::process::{Build, Gateway};
use crate::sink::Sink;

const ROUNDS: usize = 3;
/// From one call to the next: so quickly that all listen before the first is asked whether they are still there.
const PAUSE: Duration = Duration::from_millis(4);
/// No call has said anything for so long: all greetings are over.
const SILENT: Duration = Duration::from_millis(500);
const LONGEST_GREETING: Duration = Duration::from_secs(20);
const WINDOW: Duration = Duration::from_secs(4);

/// CPU of a frame, in µs.
type Cost = f64;

pub(crate) async fn measure(builds: &[Build], calls: usize) {
    let kinds = [Quiet::DigitalSilence, Quiet::FaintNoise];
    let mut sinks: Vec<Cost> = Vec::new();
    let mut costs: Vec<Vec<Cost>> = vec![Vec::new(); builds.len() * kinds.len()];
    for _ in 0..ROUNDS {
        sinks.push(sink(calls).await);
        let all = builds.iter().flat_map(|build| kinds.map(|quiet| (build, quiet)));
        for ((build, quiet), costs) in all.zip(&mut costs) {
            costs.push(gateway(build, calls, quiet).await);
        }
    }
    let sink = median(&mut sinks);
    println!("{calls} lines, bare sink: {sink:.1} us a frame");
    let all = builds.iter().flat_map(|build| kinds.map(|quiet| (build, quiet)));
    for ((build, quiet), costs) in all.zip(&mut costs) {
        let cost = median(costs);
        println!(
            "{}: {calls} calls, {}: {cost:.1} us a frame, {:.3} % of a core a call, {:.2} times the sink",
            build.name,
            match quiet {
                Quiet::DigitalSilence => "digital silence",
                Quiet::FaintNoise => "faint noise",
            },
            cost / 200.0, // 50 frames a second
            cost / sink
        );
    }
}

async fn sink(calls: usize) -> Cost {
    let sink = Sink::start();
    let lines = Lines::start(Quiet::DigitalSilence);
    for _ in 0..calls {
        lines.add_bare(sink.connect());
    }
    sleep(Duration::from_secs(1)).await;
    window(&lines, || sink.cpu()).await
}

async fn gateway(build: &Build, calls: usize, quiet: Quiet) -> Cost {
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(&build.path, dir.path(), calls, &[]);
    gateway.ready().await;
    let lines = Lines::start(quiet);
    let begun = pace::begin(gateway.port(), PAUSE, (0..calls).map(number), |call| lines.add(call)).await;
    assert!(begun.first.len() == calls, "not all calls began{}", begun.faults());
    let deadline = Instant::now() + LONGEST_GREETING;
    loop {
        let heard = lines.heard();
        sleep(SILENT).await;
        if lines.heard() == heard {
            break;
        }
        assert!(Instant::now() < deadline, "the greetings do not end");
    }
    let heard = lines.heard();
    let cost = window(&lines, || gateway.cpu()).await;
    if lines.heard() > heard {
        println!("{}: {} messages of speech in the window: not all were listening", build.name, lines.heard() - heard);
    }
    cost
}

async fn window(lines: &Lines, cpu: impl Fn() -> Duration) -> Cost {
    let (began, sent, late) = (cpu(), lines.sent(), lines.late());
    sleep(WINDOW).await;
    let (cost, sent, late) = (cpu() - began, lines.sent() - sent, lines.late() - late);
    if late * 100 > sent {
        println!("{late} of {sent} frames were sent late: the machine is too busy for this figure");
    }
    cost.as_secs_f64() * 1e6 / sent as f64
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
