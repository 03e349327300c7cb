//! Process start to `/readyz` that says 200, with a new data directory and with one that was there before.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::process::{Build, Gateway};
use crate::quantile::quantile;

const RUNS: usize = 7;
const LONGEST: Duration = Duration::from_secs(20);
const LOOK_EVERY: Duration = Duration::from_millis(1);

pub(crate) fn measure(builds: &[Build]) {
    let kept: Vec<tempfile::TempDir> = builds.iter().map(|_| tempfile::tempdir().unwrap()).collect();
    let (mut first, mut again) = (vec![Vec::new(); builds.len()], vec![Vec::new(); builds.len()]);
    for (build, dir) in builds.iter().zip(&kept) {
        one(build, dir.path());
    }
    for _ in 0..RUNS {
        for (place, (build, dir)) in builds.iter().zip(&kept).enumerate() {
            first[place].push(one(build, tempfile::tempdir().unwrap().path()));
            again[place].push(one(build, dir.path()));
        }
    }
    for (place, build) in builds.iter().enumerate() {
        let [first, again] = [&mut first, &mut again].map(|all| {
            let runs = &mut all[place];
            runs.sort();
            let [least, median, most] = [0.0, 0.5, 1.0].map(|share| quantile(runs, share));
            format!("{median:.0} ms ({least:.0} to {most:.0})")
        });
        println!("{}: process start -> ready: new data directory {first}, as before {again}", build.name);
    }
}

fn one(build: &Build, data_dir: &Path) -> Duration {
    let began = Instant::now();
    let gateway = Gateway::start(&build.path, data_dir, 500, &[]);
    while !is_ready(gateway.port()) {
        assert!(began.elapsed() < LONGEST, "the gateway does not become ready");
        std::thread::sleep(LOOK_EVERY);
    }
    began.elapsed()
}

fn is_ready(port: u16) -> bool {
    let Ok(mut socket) = TcpStream::connect(("127.0.0.1", port)) else { return false };
    let request = format!("GET /readyz HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n");
    let mut answer = Vec::new();
    socket.write_all(request.as_bytes()).is_ok()
        && socket.read_to_end(&mut answer).is_ok()
        && answer.starts_with(b"HTTP/1.1 200 ")
}
