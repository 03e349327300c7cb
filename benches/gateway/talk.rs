//! Many callers who talk, all at once, with the offline ears and voice: how long they wait for answers, and whether every
//! frame is on time.
//!
//! `cargo bench --bench talk [-- CALLS]`. Starts `redial serve` as a process of its own on the same cores as the callers (the first of `REDIAL_BIN`, if that is set). Each
//! caller says recorded sentences, waits for each answer to end, and hangs up. Needs Linux (/proc).
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a bench may")]

#[allow(dead_code, reason = "`gateway` needs what this bench does not, and the other way round")]
mod process;
mod quantile;

use std::path::Path;
use std::time::{Duration, Instant};

use redial::simulate::{EndedBy, HangUp, Report, Script, Simulator, Step};
use redial_speech::wav;
use tokio::task::JoinSet;
use tokio::time::sleep;

use self::process::{Build, Gateway, TOKEN};
use self::quantile::quantile;

/// What each caller says, in this order, from another place on.
const SENTENCES: [&str; 6] = ["appt", "hours", "bill", "order", "weather", "address"];
const VOICES: [&str; 2] = ["hibari", "fliteslt"];
const SENTENCES_A_CALL: usize = 4;
/// Callers begin within this time, as they do.
const ARRIVALS: Duration = Duration::from_secs(12);

/// A histogram of the gateway's `/metrics`: how many values it has, and how many of them are at most each bound.
async fn buckets(gateway: &Gateway, name: &str) -> (f64, Vec<(f64, f64)>) {
    let url = format!("{}/metrics", gateway.operators_url().unwrap());
    let text = reqwest::get(url).await.unwrap().text().await.unwrap();
    let all = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix("_count ")?.parse().ok());
    let bounds = text.lines().filter_map(|line| {
        let (bound, count) = line.strip_prefix(name)?.strip_prefix("_bucket{le=\"")?.split_once("\"} ")?;
        Some((bound.parse().ok()?, count.parse().ok()?))
    });
    (all.unwrap_or(f64::NAN), bounds.collect())
}

fn script(caller: usize) -> Script {
    let mut script = Script::new(format!("+1415556{caller:04}"), "+18005550123");
    let voice = VOICES[caller % VOICES.len()];
    for turn in 0..SENTENCES_A_CALL {
        let name = format!("{voice}_{}", SENTENCES[(caller + turn) % SENTENCES.len()]);
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("fixtures/audio/synthetic/{name}.wav"));
        script.steps.push(Step::say(name, wav::read(&std::fs::read(file).unwrap()).unwrap()));
    }
    script
}

#[tokio::main]
async fn main() {
    let calls: usize = std::env::args().filter_map(|arg| arg.parse().ok()).next().unwrap_or(25);
    let (build, dir) = (Build::all().remove(0), tempfile::tempdir().unwrap());
    let gateway = Gateway::with_metrics(&build.path, dir.path(), calls);
    let simulator = Simulator::new(&gateway.url(), "AC00000000000000000000000000000000", Some(TOKEN.into())).unwrap();
    gateway.ready().await;
    let (began, cpu) = (Instant::now(), gateway.cpu());
    let mut running = JoinSet::new();
    for caller in 0..calls {
        let simulator = simulator.clone();
        running.spawn(async move {
            sleep(ARRIVALS * caller as u32 / calls as u32).await;
            simulator.call(script(caller)).await
        });
    }
    let reports: Vec<Report> = running.join_all().await.into_iter().map(Result::unwrap).collect();
    let busy = (gateway.cpu() - cpu).as_secs_f64() / began.elapsed().as_secs_f64();

    let refused = reports.iter().filter(|report| matches!(report.ended_by, EndedBy::Rejected { .. })).count();
    let whole = reports.iter().filter(|report| {
        matches!(report.ended_by, EndedBy::Gateway | EndedBy::Caller(HangUp::Normal)) && report.warnings.is_empty()
    });
    let mut gaps: Vec<Duration> = reports.iter().flat_map(|report| &report.latencies).map(|gap| gap.waited).collect();
    gaps.sort();
    println!("{calls} callers, {refused} refused, {} calls whole, {} answers", whole.count(), gaps.len());
    let [p50, p95, p100] = [0.5, 0.95, 1.0].map(|share| quantile(&gaps, share));
    println!("end of speech to the agent's first audio: p50 {p50:.0} ms, p95 {p95:.0} ms, longest {p100:.0} ms");
    let (pieces, within) = buckets(&gateway, "redial_audio_lateness_seconds").await;
    println!(
        "audio after its time: {:.2} % within 20 ms, all within {} ms, of {pieces:.0} pieces",
        100.0 * within.iter().rfind(|(bound, _)| *bound <= 0.02).map_or(f64::NAN, |(_, count)| count / pieces),
        within.iter().find(|(_, count)| *count >= pieces).map_or(f64::INFINITY, |(bound, _)| 1e3 * bound),
    );
    println!("gateway: {:.0} % of one core while they talked", 100.0 * busy);
}
