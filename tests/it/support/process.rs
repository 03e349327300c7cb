//! A gateway in a process of its own, which can be killed, frozen and started again.
//!
//! The process is this very test binary, told to run [`child`]. Its listening socket is ours: connections wait while it
//! is down, as behind a supervisor that hands the socket over.

use redial_provider::scripted::{ScriptedAgent, ScriptedStt};
use std::collections::{BTreeMap, HashSet};
use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsRawFd as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use redial::config::Config;
use redial::gateway::{Gateway, RunningCalls};
use redial::simulate::Simulator;
use rustix::io::{FdFlags, fcntl_setfd};
use rustix::process::{Pid, Resource, Rlimit, prlimit, setrlimit};
use tokio::signal::unix::{SignalKind, signal};

use super::gateway::{ACCOUNT_SID, Map, Setup, TOKEN};
use super::line::Wire;
use super::programs::program;

/// Tells the child what it is, and its variables as JSON.
const ROLE: &str = "REDIAL_TEST_GATEWAY";
/// What the child says of its operators' port, before the address.
const OPERATORS: &str = "operators are answered at ";
/// A busy machine may take a while to start a process.
const START_DEADLINE: Duration = Duration::from_secs(30);

/// A turn that the gateway has said to be on its disk: session id, and the turn's number.
pub(crate) type Acknowledged = HashSet<(String, u64)>;

/// The process. Killed when dropped.
pub(crate) struct GatewayProcess {
    listener: TcpListener,
    vars: BTreeMap<String, String>,
    child: Option<Child>,
    acknowledged: Arc<Mutex<Acknowledged>>,
    log: Arc<Mutex<String>>,
    /// Where this life of it answers operators, once it has said so.
    operators: Arc<Mutex<Option<String>>>,
    readers: Vec<std::thread::JoinHandle<()>>,
}

impl GatewayProcess {
    /// Starts a gateway with these variables and `data_dir`; its recogniser hears `PROCESS_SCRIPT`, its voice is scripted.
    pub(crate) async fn start(data_dir: &Path, vars: &[(&str, &str)]) -> Self {
        redial_outgoing::tls::install_provider();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        Self::start_on(listener, data_dir, vars).await
    }

    /// A second process behind the same address, as during a deploy.
    pub(crate) async fn start_beside(&self, data_dir: &Path) -> Self {
        let vars: Vec<(&str, &str)> = self.vars.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        Self::start_on(self.listener.try_clone().unwrap(), data_dir, &vars).await
    }

    /// The same on a socket that is bound already.
    pub(crate) async fn start_on(listener: TcpListener, data_dir: &Path, vars: &[(&str, &str)]) -> Self {
        let mut all = BTreeMap::new();
        let address = listener.local_addr().unwrap();
        let fixed = [
            ("TWILIO_AUTH_TOKEN", TOKEN.to_owned()),
            ("BIND_ADDR", address.to_string()),
            ("ADMIN_ADDR", "127.0.0.1:0".to_owned()),
            ("LOG_FORMAT", "json".to_owned()),
            ("RUST_LOG", "warn,redial_store::spool=debug".to_owned()),
        ];
        for (name, value) in fixed {
            all.insert(name.to_owned(), value);
        }
        for (name, value) in vars {
            all.insert((*name).to_owned(), (*value).to_owned());
        }
        all.insert("DATA_DIR".to_owned(), data_dir.to_str().unwrap().to_owned());
        let mut process = Self {
            listener,
            vars: all,
            child: None,
            acknowledged: Arc::default(),
            log: Arc::default(),
            operators: Arc::default(),
            readers: Vec::new(),
        };
        process.restart().await;
        process
    }

    /// Starts it (again). Returns at once; connections wait until it accepts them.
    pub(crate) async fn restart(&mut self) {
        *self.operators.lock().unwrap() = None;
        let fd = self.listener.as_raw_fd();
        fcntl_setfd(&self.listener, FdFlags::empty()).unwrap();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "support::process::child", "--ignored", "--nocapture"])
            .env(ROLE, serde_json::to_string(&self.vars).unwrap())
            .env("LISTEN_FDS", "1")
            .env("LISTEN_FDS_FIRST_FD", fd.to_string())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = child.stderr.take().unwrap();
        let (acknowledged, log) = (Arc::clone(&self.acknowledged), Arc::clone(&self.log));
        let operators = Arc::clone(&self.operators);
        self.readers.push(std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                if let Some((_, address)) = line.split_once(OPERATORS) {
                    *operators.lock().unwrap() = Some(address.to_owned());
                    continue;
                }
                note(&line, &acknowledged);
                let mut log = log.lock().unwrap();
                log.push_str(&line);
                log.push('\n');
            }
        }));
        self.child = Some(child);
    }

    /// Waits until it takes calls.
    pub(crate) async fn ready(&self) {
        let deadline = Instant::now() + START_DEADLINE;
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(5)).build().unwrap();
        while client.get(self.wire().url("/readyz")).send().await.is_err() {
            assert!(Instant::now() < deadline, "the gateway does not start");
        }
    }

    /// Ends it at once (SIGKILL), and reads what it had said until then.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
        for reader in self.readers.drain(..) {
            reader.join().unwrap();
        }
    }

    /// Asks it to end (SIGTERM).
    pub(crate) fn terminate(&self) {
        self.signal("-TERM");
    }

    /// Waits until it has ended by itself; its exit code.
    pub(crate) async fn ended(&mut self, within: Duration) -> Option<i32> {
        let deadline = Instant::now() + within;
        let mut child = self.child.take().unwrap();
        loop {
            if let Some(status) = child.try_wait().unwrap() {
                return status.code();
            }
            assert!(Instant::now() < deadline, "the gateway does not end");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub(crate) fn signal(&self, signal: &str) {
        let id = self.child.as_ref().unwrap().id().to_string();
        assert!(program("kill").args([signal, &id]).status().unwrap().success());
    }

    /// Its memory in use, in kB.
    pub(crate) fn resident_kb(&self) -> u64 {
        self.status_kb("VmRSS:")
    }

    /// The most memory that this life of it has had in use, in kB.
    pub(crate) fn peak_kb(&self) -> u64 {
        self.status_kb("VmHWM:")
    }

    fn status_kb(&self, field: &str) -> u64 {
        let id = self.child.as_ref().unwrap().id();
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
        let line = status.lines().find(|line| line.starts_with(field)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.listener.local_addr().unwrap()
    }

    pub(crate) fn wire(&self) -> Wire {
        Wire::new(format!("http://{}", self.address()))
    }

    /// The operators' port.
    pub(crate) async fn operators(&self) -> Wire {
        let deadline = Instant::now() + START_DEADLINE;
        loop {
            if let Some(address) = &*self.operators.lock().unwrap() {
                return Wire::new(format!("http://{address}"));
            }
            assert!(Instant::now() < deadline, "the gateway does not say where it answers operators");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub(crate) async fn metrics(&self) -> String {
        self.operators().await.get("/metrics").await
    }

    /// Lets it have no more than this many files, from now on.
    pub(crate) fn limit_files(&self, count: u64) {
        let child = Pid::from_child(self.child.as_ref().unwrap());
        let limit = Rlimit { current: Some(count), maximum: Some(count) };
        prlimit(Some(child), Resource::Nofile, limit).unwrap();
    }

    /// How many files it has open.
    pub(crate) fn open_files(&self) -> usize {
        let id = self.child.as_ref().unwrap().id();
        std::fs::read_dir(format!("/proc/{id}/fd")).unwrap().count()
    }

    pub(crate) fn simulator(&self) -> Simulator {
        Simulator::new(&self.wire().url(""), ACCOUNT_SID, Some(TOKEN.into())).unwrap()
    }

    /// What it has said to be on its disk, over all its lives.
    pub(crate) fn acknowledged(&self) -> Acknowledged {
        self.acknowledged.lock().unwrap().clone()
    }

    /// What it has written to its standard error, over all its lives.
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }
}

impl Drop for GatewayProcess {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may have ended already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn note(line: &str, acknowledged: &Mutex<Acknowledged>) {
    let Ok(line) = serde_json::from_str::<serde_json::Value>(line) else {
        eprintln!("{line}");
        return;
    };
    let fields = &line["fields"];
    match (fields["message"].as_str(), fields["call.sid"].as_str(), fields["turn"].as_u64()) {
        (Some("turn kept"), Some(sid), Some(turn)) => {
            acknowledged.lock().unwrap().insert((sid.to_owned(), turn));
        }
        _ if std::env::var_os("SHOW_GATEWAY_LOG").is_some() => eprintln!("{line}"),
        _ => (),
    }
}

/// What the child's recogniser hears, an entry an utterance.
pub(crate) const PROCESS_SCRIPT: [&str; 4] =
    ["My name is Ana.", "I want to move my visit to Friday.", "Thank you, that is all.", "Goodbye."];

/// Hears everybody out and never hangs up, as the built-in agent does on keys that mean nothing: with `TEST_LISTENS`.
fn listens() -> ScriptedAgent {
    ScriptedAgent::saying("Go on, please.")
}

/// The child's body.
#[test]
#[ignore = "the body of a child process"]
fn child() {
    let Ok(vars) = std::env::var(ROLE) else { return };
    let vars: BTreeMap<String, String> = serde_json::from_str(&vars).unwrap();
    let hand_over = vars.contains_key("TEST_HAND_OVER");
    let mut providers = Setup::hearing(PROCESS_SCRIPT).providers;
    if let Some(delay) = vars.get("TEST_EARS_MS") {
        let delay = Duration::from_millis(delay.parse().unwrap());
        providers.stt = Arc::new(ScriptedStt::new(PROCESS_SCRIPT).delayed(delay));
    }
    if vars.contains_key("TEST_LISTENS") {
        providers.agent = Arc::new(listens());
    }
    if let Some(files) = vars.get("TEST_FILES") {
        let files = files.parse().unwrap();
        let limit = Rlimit { current: Some(files), maximum: Some(files) };
        setrlimit(Resource::Nofile, limit).unwrap();
    }
    let vars = Map::from(vars);
    let config = Config::from_vars(&vars, false).unwrap();
    redial::telemetry::init(&config.log).unwrap();
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(async {
        let mut terminate = signal(SignalKind::terminate()).unwrap();
        let grace = config.server.shutdown_grace;
        let gateway = Gateway::start(config, providers).await.unwrap();
        if let Some(address) = gateway.admin_address() {
            eprintln!("{OPERATORS}{address}");
        }
        terminate.recv().await;
        let calls = if hand_over { RunningCalls::HandOver } else { RunningCalls::Finish };
        let kept = gateway.shut_down(grace, calls).await;
        std::process::exit(i32::from(!kept));
    });
}
