//! Many callers who talk, all at once, with the offline ears and voice: how long they wait for answers, and whether every
//! frame is on time.
//!
//! `cargo bench --bench talk [-- CALLS]`. Starts `redial serve` as a process of its own on the same cores as the callers. Each
//! caller says recorded sentences, waits for each answer to end, and hangs up. Needs Linux (/proc).
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a bench may")]

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use redial::simulate::{EndedBy, HangUp, Report, Script, Simulator, Step};
use redial_speech::wav;
use tokio::task::JoinSet;
use tokio::time::sleep;

const TOKEN: &str = "3f9a1c77b20e4d58a6c1e0d94b7f2a85";
/// What each caller says, in this order, from another place on.
const SENTENCES: [&str; 6] = ["appt", "hours", "bill", "order", "weather", "address"];
const VOICES: [&str; 2] = ["hibari", "fliteslt"];
const SENTENCES_A_CALL: usize = 4;
/// Callers begin within this time, as they do.
const ARRIVALS: Duration = Duration::from_secs(12);

struct Gateway {
    process: Child,
    url: String,
    operators: String,
    _dir: tempfile::TempDir,
}

impl Gateway {
    fn start(calls: usize) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let [port, operators] =
            [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap()).map(|free| free.local_addr().unwrap().port());
        let process = Command::new(env!("CARGO_BIN_EXE_redial"))
            .arg("serve")
            .env_clear()
            .env("ADMIN_ADDR", format!("127.0.0.1:{operators}"))
            .env("ADMIN_TOKEN", "0".repeat(32))
            .env("BIND_ADDR", format!("127.0.0.1:{port}"))
            .env("DATA_DIR", dir.path())
            .env("TWILIO_AUTH_TOKEN", TOKEN)
            .env("MAX_CALLS", (calls + 10).to_string())
            .env("RUST_LOG", "error")
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let url = |port| format!("http://127.0.0.1:{port}");
        Self { process, url: url(port), operators: url(operators), _dir: dir }
    }

    async fn ready(&self) {
        for _ in 0..200 {
            if reqwest::get(format!("{}/readyz", self.url)).await.is_ok_and(|answer| answer.status().is_success()) {
                return;
            }
            sleep(Duration::from_millis(100)).await;
        }
        panic!("the gateway does not become ready");
    }

    /// A histogram of `/metrics`: how many values it has, and how many of them are at most each bound.
    async fn buckets(&self, name: &str) -> (f64, Vec<(f64, f64)>) {
        let text = reqwest::get(format!("{}/metrics", self.operators)).await.unwrap().text().await.unwrap();
        let all = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix("_count ")?.parse().ok());
        let bounds = text.lines().filter_map(|line| {
            let (bound, count) = line.strip_prefix(name)?.strip_prefix("_bucket{le=\"")?.split_once("\"} ")?;
            Some((bound.parse().ok()?, count.parse().ok()?))
        });
        (all.unwrap_or(f64::NAN), bounds.collect())
    }

    /// User and system CPU time so far.
    fn cpu(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.process.id())).unwrap();
        let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
        let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
        Duration::from_millis(ticks * 10) // 100 ticks a second on Linux
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
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

/// The share of values, sorted, that is at most the answer.
fn quantile(values: &[Duration], share: f64) -> f64 {
    let at = ((values.len() as f64 * share).ceil() as usize).clamp(1, values.len().max(1)) - 1;
    values.get(at).map_or(f64::NAN, |value| 1e3 * value.as_secs_f64())
}

#[tokio::main]
async fn main() {
    let calls: usize = std::env::args().filter_map(|arg| arg.parse().ok()).next().unwrap_or(25);
    let gateway = Gateway::start(calls);
    let simulator = Simulator::new(&gateway.url, "AC00000000000000000000000000000000", Some(TOKEN.into())).unwrap();
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
    let (pieces, within) = gateway.buckets("redial_audio_lateness_seconds").await;
    println!(
        "audio after its time: {:.2} % within 20 ms, all within {} ms, of {pieces:.0} pieces",
        100.0 * within.iter().rfind(|(bound, _)| *bound <= 0.02).map_or(f64::NAN, |(_, count)| count / pieces),
        within.iter().find(|(_, count)| *count >= pieces).map_or(f64::INFINITY, |(bound, _)| 1e3 * bound),
    );
    println!("gateway: {:.0} % of one core while they talked", 100.0 * busy);
}
