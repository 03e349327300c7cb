//! The gateway as a process under calls on loopback: memory of a call, CPU of a frame, `start` to first audio, start to ready.
//!
//! `cargo bench --bench gateway [-- FIGURE [CALLS]...]`, FIGURE one of `memory`, `listening`, `starts` and `ready`; all without one.
//! `REDIAL_BIN=one:another` measures these builds instead of the one beside this bench. The callers say nothing, so that what is measured is
//! the gateway: parsing, VAD, core, socket; no recognition. Needs Linux (/proc).
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a bench may")]

mod caller;
mod framing;
mod lines;
mod listening;
mod memory;
mod pace;
#[allow(dead_code, reason = "`talk` needs what this bench does not, and the other way round")]
mod process;
mod quantile;
mod ready;
mod sink;
mod starts;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use self::process::Build;

/// Open files beside those of calls, in this process.
const OTHER_FILES: usize = 200;
/// In a burst, a webhook's connection is still open when the call's stream has one.
const FILES_PER_CALL: usize = 2;
/// Calls at once where no number is given.
const MEMORY_CALLS: [usize; 2] = [500, 1500];
const LISTENING_CALLS: usize = 500;
const FIGURES: [&str; 4] = ["memory", "listening", "starts", "ready"];

fn main() {
    // `cargo bench` adds an argument of its own.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    if arguments.iter().any(|argument| argument == sink::ARGUMENT) {
        return sink::run();
    }
    let numbers: Vec<usize> = arguments.iter().filter_map(|argument| argument.parse().ok()).collect();
    let named: Vec<&str> = arguments.iter().map(String::as_str).filter(|name| FIGURES.contains(name)).collect();
    assert!(
        named.len() + numbers.len() == arguments.len(),
        "not one of {FIGURES:?} and numbers of calls: {arguments:?}"
    );
    let figures = if named.is_empty() { FIGURES.to_vec() } else { named };
    let memory_calls = if numbers.is_empty() { MEMORY_CALLS.to_vec() } else { numbers.clone() };
    let listening_calls = if numbers.is_empty() { vec![LISTENING_CALLS] } else { numbers };
    allow_files(memory_calls.iter().chain(&listening_calls).max().unwrap() * FILES_PER_CALL + OTHER_FILES);

    redial_outgoing::tls::install_provider();
    let builds = Build::all();
    for build in &builds {
        println!("{}: {}", build.name, build.path.display());
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    for figure in figures {
        match figure {
            "memory" => runtime.block_on(memory::measure(&builds, &memory_calls)),
            "listening" => {
                for &calls in &listening_calls {
                    runtime.block_on(listening::measure(&builds, calls));
                }
            }
            "starts" => runtime.block_on(starts::measure(&builds)),
            _ => ready::measure(&builds),
        }
    }
}

/// Raises the limit of open files to `needed`, which processes that are started inherit.
fn allow_files(needed: usize) {
    let needed = needed as u64;
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= needed) {
        return;
    }
    let raised = Rlimit { current: Some(needed), maximum: limit.maximum };
    let allowed = limit.maximum.is_none_or(|maximum| maximum >= needed) && setrlimit(Resource::Nofile, raised).is_ok();
    assert!(
        allowed,
        "so many calls need {needed} open files, and the limit is {:?}: raise it (ulimit -n)",
        limit.maximum
    );
}
