//! The commands of operators, as a person runs them.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use redial_store::clock;
use redial_store::settings::StoreSettings;
use redial_store::sqlite::SqliteStore;
use serde_json::Value;

use super::{ANA, BOB};
use crate::support::redis::RedisServer;

/// Exit code, standard output, standard error.
fn redial(args: &[&str], vars: &[(&str, &str)], input: &str) -> (Option<i32>, String, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_redial"))
        .args(args)
        .env_clear()
        .envs(vars.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that reads nothing may have ended.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// A data directory in which Ana and Bob have called once.
async fn two_callers(dir: &Path) {
    let pepper = redial_identity::load_or_create_pepper(dir).unwrap();
    let keys = redial_identity::Keys::derive(&pepper).unwrap();
    let store = SqliteStore::open(&dir.join("redial.sqlite"), StoreSettings::default()).unwrap();
    for (number, sid, said) in [(ANA, "CA1", "My name is Ana."), (BOB, "CA2", "My name is Bob.")] {
        let caller = keys.caller(&redial_identity::CallerAddress::parse(number, "US"));
        let session = crate::memory::session(sid, &caller, &[said], clock::system()());
        let hang_up = redial_store::hang_up::HangUp { caller, session, base: None };
        redial_store::hang_up::write(&store, hang_up, super::announced).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_is_found_explained_exported_and_forgotten() {
    let dir = tempfile::tempdir().unwrap();
    two_callers(dir.path()).await;
    let vars = [("DATA_DIR", dir.path().to_str().unwrap())];
    let mut seen = String::new();
    let mut run = |args: &[&str], input: &str| {
        let (code, out, err) = redial(args, &vars, input);
        seen.push_str(&out);
        seen.push_str(&err);
        (code, out)
    };

    let (code, out) = run(&["caller", "list"], "");
    assert!(code == Some(0) && out.contains("Ana") && out.contains("Bob"), "{out}");
    let (_, out) = run(&["caller", "list", "--json"], "");
    let listed: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(listed["callers"].as_array().unwrap().len(), 2);
    assert!(out.contains("\"expires_in_s\""), "{out}");
    let (_, out) = run(&["caller", "show", ANA, "--json"], "");
    let shown: Value = serde_json::from_str(&out).unwrap();
    let profile = &shown["profile"];
    assert_eq!((&profile["name"]["name"], &profile["calls"][0]["session_id"]), (&"Ana".into(), &"CA1".into()), "{out}");
    assert!(shown["last_call_at_ms"].is_u64() && profile.get("v").is_none(), "{out}");
    let (code, out) = run(&["caller", "show", "-"], "+1 415 555 0147\n");
    assert!(code == Some(0) && out.contains("Name:      Ana"), "{out}");
    assert!(out.contains("Expires:   in 89 days") || out.contains("Expires:   in 90 days"), "{out}");
    let (code, out) = run(&["caller", "why", ANA], "");
    assert!(code == Some(0) && out.contains("name: Ana (the caller said so)") && out.contains("CA1#"), "{out}");
    assert!(out.contains("\"My name is Ana.\""), "{out}");
    let (_, out) = run(&["caller", "export", ANA], "");
    let export: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(export["sessions"][0]["chat_id"], "CA1");
    let (code, out) = run(&["session", "show", "CA1"], "");
    assert!(code == Some(0) && out.contains("caller  My name is Ana."), "{out}");
    let (code, out) = run(&["session", "list"], "");
    assert!(code == Some(0) && out.contains("CA1") && out.contains("CA2"), "{out}");
    let (code, out) = run(&["caller", "merge", BOB, ANA], "");
    assert!(code == Some(0) && out.contains("2 call(s), 2 number(s)"), "{out}");
    let (code, out) = run(&["caller", "split", BOB], "");
    assert!(code == Some(0) && out.contains("1 number(s) left"), "{out}");
    let (code, out) = run(&["caller", "forget", ANA], "");
    assert!(code == Some(0) && out.starts_with("Erased.") && out.contains("the carrier's own records"), "{out}");
    let (code, _) = run(&["caller", "show", ANA], "");
    assert_eq!(code, Some(1));
    let (code, out) = run(&["memory", "outbox"], "");
    assert!(code == Some(0) && out.contains("erase"), "{out}");
    assert!(!seen.contains("5550147") && !seen.contains("5550148") && !seen.contains("555 0147"), "a number: {seen}");
}

#[tokio::test(flavor = "multi_thread")]
async fn exit_codes_tell_a_wrong_command_line_from_a_failure() {
    let dir = tempfile::tempdir().unwrap();
    two_callers(dir.path()).await;
    let vars = [("DATA_DIR", dir.path().to_str().unwrap())];
    for (args, expected) in [
        (&["caller"][..], 64),
        (&["caller", "show"], 64),
        (&["caller", "show", "+1415"], 64),
        (&["caller", "list", "--after", "no page"], 64),
        (&["caller", "split", "u_1"], 64),
        (&["memory", "clear"], 64),
        (&["memory", "clear", "--yes", "--prefix", "other"], 64),
        (&["memory", "rekey"], 64),
        (&["caller", "show", "+14155550199"], 1),
        (&["session", "show", "CA9"], 1),
        (&["memory", "dead", "show", "-7"], 1),
        (&["memory", "repair", "sarah:session:CA1"], 1),
        (&["memory", "check"], 0),
        (&["memory", "dead", "list"], 0),
        (&["memory", "rekey", "--status"], 0),
        (&["memory", "selftest"], 0),
        (&["--help"], 0),
    ] {
        let (code, out, err) = redial(args, &vars, "");
        assert_eq!(code, Some(expected), "{args:?}: {out}{err}");
        assert!(!err.contains("5550199") && !out.contains("5550199"), "{args:?}: {out}{err}");
    }
    let (code, _, err) = redial(&["caller", "list"], &[("DATA_DIR", "/nowhere/at/all")], "");
    assert!(code == Some(1) && err.contains("set DATA_DIR"), "{err}");
    let (code, _, err) = redial(&["caller", "list"], &[("MEMORY_PERSISTENCE", "false"), vars[0]], "");
    assert!(code == Some(1) && err.contains("ask its API"), "{err}");
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_is_tested_checked_repaired_and_cleared() {
    let server = RedisServer::start().await;
    let dir = tempfile::tempdir().unwrap();
    let url = server.url();
    let vars = [("DATA_DIR", dir.path().to_str().unwrap()), ("REDIS_URL", url.as_str())];
    let (code, out, err) = redial(&["memory", "selftest"], &vars, "");
    assert!(code == Some(0) && out.starts_with("✅ Connected! Latency: ") && out.contains("User ID: "), "{out}{err}");
    let (code, out, _) = redial(&["memory", "check"], &vars, "");
    assert!(code == Some(1) && out.contains("Server:   Redis ") && out.contains("appendonly"), "{out}");
    let mut redis = server.raw().await;
    let set = |key: &'static str| {
        let mut command = redis::cmd("SET");
        command.arg(key).arg("no JSON");
        command
    };
    for key in ["sarah:session:CA1", "other:phone:H", "theirs"] {
        set(key).query_async::<redis::Value>(&mut redis).await.unwrap();
    }
    let (code, out, err) = redial(&["memory", "repair", "sarah:session:CA1"], &vars, "");
    assert!(code == Some(0) && out.contains("string found, hash wanted") && out.contains(":aside"), "{out}{err}");
    let (code, out, err) = redial(&["memory", "clear", "--yes", "--prefix", "other"], &vars, "");
    assert!(code == Some(0) && out.starts_with("1 key(s)"), "{out}{err}");
    let theirs: String = redis::cmd("GET").arg("theirs").query_async(&mut redis).await.unwrap();
    assert_eq!(theirs, "no JSON");
    drop(server);
    let (code, out, _) = redial(&["memory", "selftest"], &vars, "");
    assert!(code == Some(1) && out.starts_with("❌ Connection failed: "), "{out}");
}
