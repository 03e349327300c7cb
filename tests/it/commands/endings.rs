//! How commands end: their exit codes, and readers that leave before all is printed.

use std::fs::File;
use std::process::Stdio;
use std::time::{Duration, Instant};

use super::{make_memory, redial, text};
use crate::support::ports::free_port;
use crate::support::programs::program;

/// A pipe that nobody reads any more.
fn left() -> Stdio {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    writer.into()
}

const LOG: &str = "crates/call/tests/it/calls/a_short_call.ndjson";

/// Commands that print, and how each ends in a data directory of `memory selftest`.
const PRINTING: [(&[&str], i32); 15] = [
    (&["config"], 0),
    (&["config", "--json"], 0),
    (&["--help"], 0),
    (&["--version"], 0),
    (&["nonsense"], 64),
    (&["replay", LOG], 0),
    (&["replay", LOG, "--json"], 0),
    (&["say", "Hello.", "--voice", "flite"], 0),
    (&["hear", "fixtures/audio/cards001.wav"], 0),
    (&["caller", "list"], 0),
    (&["session", "list"], 0),
    (&["memory", "check"], 0),
    (&["memory", "outbox"], 0),
    (&["memory", "dead", "list"], 0),
    (&["memory", "rekey", "--status"], 0),
];

#[test]
fn a_reader_that_leaves_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let vars = [("DATA_DIR", dir.path().to_str().unwrap())];
    make_memory(&vars);
    for (args, code) in PRINTING {
        let output =
            redial(args, &vars).stdout(left()).stderr(Stdio::piped()).spawn().unwrap().wait_with_output().unwrap();
        let told = text(&output);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {told}");
        assert!(!told.contains("panicked") && !told.contains("roken pipe"), "{args:?}: {told}");
        let output = redial(args, &vars).stdout(Stdio::null()).stderr(left()).status().unwrap();
        assert_eq!(output.code(), Some(code), "{args:?}, without a standard error");
    }
}

#[test]
fn an_output_that_cannot_be_written_is_an_error_of_its_own() {
    for args in [&["config"][..], &["config", "--json"], &["replay", LOG]] {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let output = redial(args, &[]).stdout(full).stderr(Stdio::piped()).spawn().unwrap().wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(74), "{args:?}: {}", text(&output));
        assert!(text(&output).contains("the output cannot be written"), "{args:?}: {}", text(&output));
    }
}

#[test]
fn every_command_ends_as_the_table_in_the_readme_says() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let set = [("DATA_DIR", data.to_str().unwrap()), ("BIND_ADDR", "127.0.0.1:1")];
    make_memory(&set);
    let wrong = [set[0], ("VOICE_SPEED", "fast"), ("PUBLIC_URL", "nowhere"), ("RUST_LOG", "redial=loud")];
    let silence = dir.path().join("silence.wav");
    std::fs::write(&silence, redial_speech::wav::write_mono(&[0xff; 8000])).unwrap();
    let silence = silence.to_str().unwrap();
    let wav = ["call", "--wav", silence, "--wait", "0"];
    for (args, vars, code) in [
        // yes
        (&["memory", "check"][..], &set[..], 0),
        (&["hear", silence], &set, 0),
        // no
        (&["health"], &set, 1),
        (&wav, &set, 1),
        (&["hear", "no/such.wav"], &set, 1),
        (&["replay", "no/such.ndjson"], &set, 1),
        (&["caller", "show", "+14155550199"], &set, 1),
        (&["session", "show", "CA9"], &set, 1),
        (&["say", "Hello.", "--voice", "flite", "--wav", "/no/such/folder/out.wav"], &set, 1),
        // nothing was held
        (&["caller", "forget", "+14155550199"], &set, 2),
        // a wrong command line
        (&[], &set, 64),
        (&["caller", "forget", "+1"], &set, 64),
        (&["call", "--url", "nowhere"], &set, 64),
        (&["call", "--wait", "soon"], &set, 64),
        (&["call", "--sign-for", "nowhere"], &set, 64),
        (&["bench", "speech", "--passes", "0"], &set, 64),
        (&["say", "Hello.", "--voice", "flite", "--phonemes"], &set, 64),
        // a wrong configuration
        (&["serve"], &wrong, 64),
        (&["demo"], &wrong, 64),
        (&["config"], &wrong, 64),
        (&["health"], &wrong, 64),
        (&["caller", "list"], &wrong, 64),
        (&["session", "list"], &wrong, 64),
        (&["memory", "check"], &wrong, 64),
        (&["memory", "import", "--from", "sarah"], &wrong, 64),
        (&["say", "Hello."], &wrong, 64),
        (&["hear", silence], &wrong, 64),
        (&["bench", "speech"], &wrong, 64),
        (&wav, &wrong, 64),
    ] {
        let output = redial(args, vars).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{args:?} {vars:?}: {}", text(&output));
    }
}

#[test]
fn a_wrong_log_filter_is_told_with_the_other_faults() {
    let output = redial(&["serve"], &[("RUST_LOG", "redial=loud"), ("PORT", "many")]).output().unwrap();
    assert_eq!(output.status.code(), Some(64), "{}", text(&output));
    assert!(text(&output).contains("RUST_LOG: ") && text(&output).contains("PORT: "), "{}", text(&output));
}

#[test]
fn a_gateway_whose_log_nobody_reads_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let address = format!("127.0.0.1:{}", free_port());
    let vars =
        [("BIND_ADDR", address.as_str()), ("ADMIN_ADDR", "127.0.0.1:0"), ("DATA_DIR", dir.path().to_str().unwrap())];
    let mut gateway = redial(&["serve"], &vars).stdout(left()).stderr(left()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    let healthy = loop {
        let ended = gateway.try_wait().unwrap();
        assert!(ended.is_none(), "the gateway has ended: {ended:?}");
        if redial(&["health"], &vars).output().unwrap().status.success() {
            break true;
        }
        if Instant::now() > deadline {
            break false;
        }
        std::thread::sleep(Duration::from_millis(100));
    };
    let id = gateway.id().to_string();
    assert!(program("kill").args(["-TERM", &id]).status().unwrap().success());
    assert!(gateway.wait().unwrap().success() && healthy);
}
