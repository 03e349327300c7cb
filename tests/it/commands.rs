//! The binary as a person runs it.

mod calling;
mod dotenv;
mod endings;
mod looking;
mod readme;

use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::support::ports::free_port;
use crate::support::programs::program;

fn redial(args: &[&str], vars: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_redial"));
    command.args(args).env_clear().envs(vars.iter().copied()).stdin(Stdio::null());
    command
}

/// Has a memory made in the data directory that these variables name; a busy disk may be too late for the first attempt.
fn make_memory(vars: &[(&str, &str)]) {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let output = redial(&["memory", "selftest"], vars).output().unwrap();
        if output.status.success() {
            return;
        }
        assert!(Instant::now() < deadline, "{}", text(&output));
    }
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.as_slice(), output.stderr.as_slice()].concat()).into_owned()
}

#[test]
fn the_demo_works_with_nothing_configured() {
    let output = redial(&["demo"], &[]).output().unwrap();
    let text = text(&output);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("greeting: Welcome back, Jennifer. Is this about your appointment?"), "{text}");
    assert!(!text.contains("415555"), "a number is shown: {text}");
    // What goes on is told while it does.
    let (meanwhile, _) = text.split_once("What was heard:").unwrap();
    for line in
        ["First call: the line is open", "First call: the agent speaks", "the caller said \"My name is Jennifer"]
    {
        assert!(meanwhile.contains(line), "{line}: {text}");
    }
}

#[test]
fn a_wrong_configuration_is_told_whole_and_exits_64_before_a_port_is_bound() {
    let port = free_port();
    let address = format!("127.0.0.1:{port}");
    let vars =
        [("BIND_ADDR", address.as_str()), ("LOG_FORMAT", "xml"), ("REDIS_URL", "http://x"), ("MAX_CALLS", "many")];
    for command in ["serve", "demo", "config"] {
        let output = redial(&[command], &vars).output().unwrap();
        let text = text(&output);
        assert_eq!(output.status.code(), Some(64), "{command}: {text}");
        for name in ["LOG_FORMAT", "REDIS_URL", "MAX_CALLS"] {
            assert!(text.contains(name), "{command}: {text}");
        }
    }
    assert!(std::net::TcpStream::connect(&address).is_err());
}

#[test]
fn a_missing_model_is_named_with_the_way_out() {
    let dir = tempfile::tempdir().unwrap();
    let output = redial(&["demo"], &[("MODELS_DIR", dir.path().to_str().unwrap())]).output().unwrap();
    let text = text(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("silero8k.f32"), "{text}");
    for command in [&["hear", "fixtures/audio/cards001.wav"][..], &["bench", "speech"], &["serve"]] {
        let elsewhere = [("MODELS_DIR", "no/models"), ("DATA_DIR", dir.path().to_str().unwrap())];
        let output = redial(command, &elsewhere).output().unwrap();
        let folder = std::env::current_dir().unwrap().join("no/models");
        let text = self::text(&output);
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(text.contains(folder.to_str().unwrap()) && text.contains("set MODELS_DIR"), "{command:?}: {text}");
    }
}

#[test]
fn every_variable_is_shown_and_secrets_are_not() {
    let vars = [("TWILIO_AUTH_TOKEN", "hunter2"), ("REDIS_URL", "redis://me:hunter2@h/0"), ("GREETING_LEVEL", "1")];
    let output = redial(&["config"], &vars).output().unwrap();
    let text = text(&output);
    assert!(output.status.success(), "{text}");
    let aliases = redial::config::ALIASES.iter().map(|alias| alias.name);
    for name in redial::config::VARIABLES.iter().map(|variable| variable.name).chain(aliases) {
        assert!(text.contains(name), "{name}");
    }
    assert!(!text.contains("hunter2"), "{text}");
}

#[test]
fn a_gateway_serves_reports_its_health_and_stops_on_sigterm() {
    let dir = tempfile::tempdir().unwrap();
    let port = free_port();
    let address = format!("127.0.0.1:{port}");
    let vars = [
        ("BIND_ADDR", address.as_str()),
        ("ADMIN_ADDR", "127.0.0.1:0"),
        ("DATA_DIR", dir.path().to_str().unwrap()),
        ("RUST_LOG", "trace"),
    ];
    let mut gateway = redial(&["serve"], &vars).stderr(Stdio::piped()).spawn().unwrap();
    let errors = gateway.stderr.take().unwrap();
    let log = std::thread::spawn(move || std::io::read_to_string(errors).unwrap());
    let deadline = Instant::now() + Duration::from_secs(30);
    while !redial(&["health"], &vars).output().unwrap().status.success() {
        assert!(Instant::now() < deadline, "the gateway does not become healthy");
        std::thread::sleep(Duration::from_millis(100));
    }
    let url = format!("http://{address}");
    let output = redial(&["call", "--url", &url, "--from", "+14155550123", "--dtmf", "12#", "--hangup", "normal"], &[])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", text(&output));
    assert!(text(&output).contains("agent"), "{}", text(&output));
    let term = program("kill").args(["-TERM", &gateway.id().to_string()]).status().unwrap();
    assert!(term.success());
    assert!(gateway.wait().unwrap().success());
    let log = log.join().unwrap();
    assert!(log.contains("a call comes in") && log.contains("the call is over"), "{log}");
    assert!(!log.contains("4155550123"), "the number is in the log");
}

#[test]
fn a_recorded_call_replays() {
    let log = "crates/call/tests/it/calls/a_short_call.ndjson";
    let output = redial(&["replay", log], &[]).output().unwrap();
    assert!(output.status.success());
    assert!(text(&output).contains("turn t2 Caller \"What time do you close?\""), "{}", text(&output));
    let missing = redial(&["replay", "no/such/file"], &[]).output().unwrap();
    assert!(text(&missing).contains("no/such/file cannot be read"), "{}", text(&missing));
}

#[cfg(feature = "tts-hibari")]
#[test]
fn a_text_is_said_to_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let mut lengths = Vec::new();
    for (voice, speed) in [("hibari", "1.0"), ("hibari", "0.8"), ("flite", "1.0"), ("flite", "0.8")] {
        let file = dir.path().join("out.wav");
        let args = ["say", "Your number is 555-0142.", "--voice", voice, "--speed", speed, "--wav"];
        let output = redial(&args, &[]).arg(&file).output().unwrap();
        let text = text(&output);
        assert!(output.status.success(), "{voice}: {text}");
        assert!(text.contains("s of speech; first audio after"), "{voice}: {text}");
        let ulaw = redial_speech::wav::read(&std::fs::read(&file).unwrap()).unwrap();
        assert!((12_000..50_000).contains(&ulaw.len()), "{voice}: {} samples", ulaw.len());
        lengths.push(ulaw.len());
    }
    assert!(lengths[1] > lengths[0] && lengths[3] > lengths[2], "{lengths:?}");
}

#[cfg(feature = "tts-hibari")]
#[test]
fn what_is_read_of_a_text_is_shown() {
    let mut command = redial(&["say", "-", "--phonemes"], &[]);
    let mut say = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(&mut say.stdin.take().unwrap(), b"# Hello\nIt is **9:30**. Bye!").unwrap();
    let output = say.wait_with_output().unwrap();
    let text = text(&output);
    assert!(output.status.success(), "{text}");
    assert!(text.starts_with("həlˈO\n") && text.lines().count() == 3 && text.contains("θˈɜɹTi"), "{text}");
}

#[cfg(feature = "tts-hibari")]
#[test]
fn a_voice_that_cannot_speak_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let models = [("MODELS_DIR", dir.path().to_str().unwrap())];
    let missing = redial(&["say", "Hello."], &models).output().unwrap();
    assert_eq!(missing.status.code(), Some(1));
    assert!(text(&missing).contains("hibari") && text(&missing).contains("copy"), "{}", text(&missing));
    let flite = redial(&["say", "Hello.", "--voice", "flite"], &models).output().unwrap();
    assert!(flite.status.success(), "{}", text(&flite));
    for (args, vars) in [
        (&["say", "Hello.", "--speed", "3"][..], &[][..]),
        (&["say", "Hello.", "--voice", "nobody"], &[]),
        (&["say", "Hello."], &[("VOICE_SPEED", "fast")]),
        (&["say", "Hello."], &[("VOICE", "nobody")]),
    ] {
        let output = redial(args, vars).output().unwrap();
        assert_eq!(output.status.code(), Some(64), "{args:?} {vars:?}: {}", text(&output));
    }
}

/// The keys of a server.
async fn keys(server: &crate::support::redis::RedisServer) -> Vec<String> {
    redis::cmd("KEYS").arg("*").query_async(&mut server.raw().await).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_demo_leaves_nothing_in_the_gateways_redis_and_shows_nobody_its_calls() {
    let (server, dir) = (crate::support::redis::RedisServer::start().await, tempfile::tempdir().unwrap());
    let archive = dir.path().join("archive");
    let vars = [
        ("REDIS_URL", server.url()),
        ("MEMORY_ARCHIVE", format!("file:{}", archive.display())),
        ("MEMORY_CONSENT", "off".to_owned()),
        ("GREETING_LEVEL", "0".to_owned()),
    ];
    let vars: Vec<(&str, &str)> = vars.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let output = tokio::task::block_in_place(|| redial(&["demo"], &vars).output().unwrap());
    let text = text(&output);
    assert!(output.status.success() && text.contains("Redis at"), "{text}");
    assert_eq!(keys(&server).await, Vec::<String>::new());
    assert!(!archive.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_self_test_anywhere_leaves_the_gateways_redis_to_the_gateway() {
    let (server, dir) = (crate::support::redis::RedisServer::start().await, tempfile::tempdir().unwrap());
    let (url, elsewhere) = (server.url(), dir.path().join("elsewhere"));
    let vars = [("REDIS_URL", url.as_str()), ("DATA_DIR", elsewhere.to_str().unwrap())];
    let output = tokio::task::block_in_place(|| redial(&["memory", "selftest"], &vars).output().unwrap());
    assert!(output.status.success(), "{}", text(&output));
    let keys = keys(&server).await;
    assert!(!keys.iter().any(|key| key.ends_with("meta:pepper")), "{keys:?}");
}

#[test]
fn a_recording_is_heard_with_times_and_the_real_time_factor() {
    let output = redial(&["hear", "fixtures/audio/lv0870.wav", "fixtures/audio/cards003.wav"], &[]).output().unwrap();
    let text = text(&output);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("fixtures/audio/lv0870.wav (7100 ms)") && text.contains("leisure to consider"), "{text}");
    assert!(text.to_lowercase().contains("seven of") && text.matches("real-time factor").count() == 2, "{text}");
    let wrong = redial(&["hear", "fixtures/README.md"], &[]).output().unwrap();
    assert!(!wrong.status.success());
    let text = self::text(&wrong);
    assert!(text.contains("fixtures/README.md: not a WAV file"), "{text}");
}
