//! What a gateway writes to its standard error, and what it does not.

use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

use redial::simulate::{HangUp, Script, Step};
use serde_json::Value;
use tempfile::TempDir;

use crate::support::gateway::audio;
use crate::support::ports::free_port;
use crate::support::process::GatewayProcess;

/// Waits until the log holds this.
async fn until_said(gateway: &GatewayProcess, words: &str) -> String {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let log = gateway.log();
        if log.contains(words) {
            return log;
        }
        assert!(Instant::now() < deadline, "{words:?} is not in {log}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_goes_into_a_file_has_no_colours() {
    let dir = TempDir::new().unwrap();
    let gateway = GatewayProcess::start(dir.path(), &[("LOG_FORMAT", "text"), ("RUST_LOG", "info")]).await;
    gateway.ready().await;
    let log = until_said(&gateway, "embedded store").await;
    assert!(log.contains("INFO"), "{log}");
    assert!(!log.contains('\x1b'), "{log:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_made_is_in_a_file_for_this_user_only_and_in_no_log() {
    let dir = TempDir::new().unwrap();
    let address = format!("127.0.0.1:{}", free_port());
    let gateway = GatewayProcess::start(dir.path(), &[("ADMIN_ADDR", &address), ("RUST_LOG", "trace")]).await;
    gateway.ready().await;
    let file = dir.path().join("admin-token");
    let log = until_said(&gateway, file.to_str().unwrap()).await;
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let token = std::fs::read_to_string(&file).unwrap();
    assert_eq!(token.trim().len(), 64);
    assert!(!log.contains(token.trim()));
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let calls = client.get(format!("http://{address}/api/v1/calls")).bearer_auth(token.trim()).send().await.unwrap();
    assert_eq!(calls.status(), 200);
    assert!(!gateway.log().contains(token.trim()), "asking with it does not log it either");
}

/// Fields that count or measure.
fn is_number(name: &str) -> bool {
    let units = ["_ms", "_s", "_bytes", "_hz"];
    let counts = ["turn", "turns", "calls", "open", "waiting", "dead", "tries", "seq", "entries", "count"];
    units.iter().any(|unit| name.ends_with(unit)) || counts.contains(&name)
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_are_numbers_in_a_log_of_json() {
    let dir = TempDir::new().unwrap();
    let mut gateway = GatewayProcess::start(dir.path(), &[("RUST_LOG", "info,redial=debug")]).await;
    gateway.ready().await;
    let script = Script::new("+14155550123", "+18005550199").with_steps([
        Step::say("appointment", audio("hibari_appt").unwrap()),
        Step::Wait(Duration::from_secs(3)),
        Step::HangUp(HangUp::Normal),
    ]);
    gateway.simulator().call(script).await.unwrap();
    until_said(&gateway, "the call is over").await;
    gateway.kill();
    let (mut numbers, mut roles) = (Vec::new(), Vec::new());
    for line in gateway.log().lines() {
        let Ok(line) = serde_json::from_str::<Value>(line) else { continue };
        for (name, value) in line["fields"].as_object().unwrap() {
            if is_number(name) {
                assert!(value.is_number(), "{name} in {line}");
                numbers.push(name.clone());
            }
            if let Some(text) = value.as_str() {
                assert!(!text.starts_with("Some(") && !text.starts_with('"'), "{name} in {line}");
            }
            if name == "role" {
                roles.push(value.as_str().unwrap().to_owned());
            }
        }
    }
    for expected in ["turn_latency_ms", "start_ms", "turn"] {
        assert!(numbers.iter().any(|name| name == expected), "{expected} in {}", gateway.log());
    }
    for expected in ["user", "assistant"] {
        assert!(roles.iter().any(|role| role == expected), "{roles:?}");
    }
}
