//! A gateway as a process of its own, and what the system says it costs.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// The carrier's secret in all benches.
pub(crate) const TOKEN: &str = "3f9a1c77b20e4d58a6c1e0d94b7f2a85";

/// A build of the gateway.
#[derive(Debug, Clone)]
pub(crate) struct Build {
    /// Tells it from others in what is printed.
    pub(crate) name: String,
    pub(crate) path: PathBuf,
}

impl Build {
    /// Those that `REDIAL_BIN` names, several with `:` between them; without it the one that belongs to this bench.
    pub(crate) fn all() -> Vec<Self> {
        let own = env!("CARGO_BIN_EXE_redial");
        let paths = std::env::var_os("REDIAL_BIN").unwrap_or_else(|| own.into());
        let builds: Vec<Self> = std::env::split_paths(&paths)
            .enumerate()
            .map(|(place, path)| Self { name: ((b'A' + place as u8) as char).to_string(), path })
            .collect();
        for build in &builds {
            assert!(build.path.is_file(), "REDIAL_BIN: {} is no file", build.path.display());
        }
        builds
    }
}

/// A gateway that runs until this is dropped.
pub(crate) struct Gateway {
    process: Child,
    port: u16,
    operators: Option<u16>,
}

impl Gateway {
    /// Starts one with room for `calls` and ten more; `env` beside what all benches set.
    pub(crate) fn start(binary: &Path, data_dir: &Path, calls: usize, env: &[(&str, &str)]) -> Self {
        let port = free_port();
        let process = command(binary, data_dir, port, calls, env).env("ADMIN_ADDR", "off").spawn().unwrap();
        Self { process, port, operators: None }
    }

    /// The same, and it answers operators, who are told its metrics.
    pub(crate) fn with_metrics(binary: &Path, data_dir: &Path, calls: usize) -> Self {
        let (port, operators) = (free_port(), free_port());
        let process = command(binary, data_dir, port, calls, &[])
            .env("ADMIN_ADDR", format!("127.0.0.1:{operators}"))
            .env("ADMIN_TOKEN", "0".repeat(32))
            .spawn()
            .unwrap();
        Self { process, port, operators: Some(operators) }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Where its metrics are, if it was started with them.
    pub(crate) fn operators_url(&self) -> Option<String> {
        self.operators.map(|port| format!("http://127.0.0.1:{port}"))
    }

    /// Waits until it says that it takes calls.
    pub(crate) async fn ready(&self) {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        for _ in 0..2000 {
            let answer = http.get(format!("{}/readyz", self.url())).send().await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the gateway does not become ready");
    }

    pub(crate) fn cpu(&self) -> Duration {
        cpu(self.process.id())
    }

    /// Resident memory: all of it, and what is no file's.
    pub(crate) fn memory(&self) -> Memory {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let kib = |name: &str| -> f64 {
            let line = status.lines().find(|line| line.starts_with(name)).unwrap();
            line.split_whitespace().nth(1).unwrap().parse().unwrap()
        };
        Memory { resident_kib: kib("VmRSS:"), anonymous_kib: kib("RssAnon:") }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Memory {
    pub(crate) resident_kib: f64,
    pub(crate) anonymous_kib: f64,
}

fn command(binary: &Path, data_dir: &Path, port: u16, calls: usize, env: &[(&str, &str)]) -> Command {
    let mut command = Command::new(binary);
    command
        .arg("serve")
        .env_clear()
        .env("BIND_ADDR", format!("127.0.0.1:{port}"))
        .env("DATA_DIR", data_dir)
        .env("TWILIO_AUTH_TOKEN", TOKEN)
        .env("MAX_CALLS", (calls + 10).to_string())
        .env("RUST_LOG", "error")
        .envs(env.iter().copied())
        .stdout(Stdio::null());
    command
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// User and system CPU time of a process so far.
pub(crate) fn cpu(process: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 10) // 100 ticks a second on Linux
}
