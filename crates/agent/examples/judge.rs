#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a program that tells what it found")]
use futures_util::FutureExt as _;
#[path = "../tests/it/net.rs"]
#[allow(dead_code)]
mod net;
fn main() {
    let file = std::env::args().nth(1).unwrap();
    let faults = std::env::args().nth(2).is_some();
    let report =
        redial_agent::judge::judge(&std::fs::read_to_string(file).unwrap(), &net::Net).now_or_never().unwrap().unwrap();
    if faults {
        for fault in &report.faults {
            println!("{fault}");
        }
    }
    print!("{report}");
}
