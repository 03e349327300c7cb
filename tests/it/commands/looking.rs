//! Commands that only look: they make nothing, and answer programs in JSON.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{make_memory, redial, text};

/// All that is below a folder.
fn below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            found.extend(below(&path));
        }
        found.push(path);
    }
    found.sort();
    found
}

const LOOKING: [&[&str]; 13] = [
    &["config"],
    &["health"],
    &["caller", "list"],
    &["caller", "show", "+14155550147"],
    &["caller", "why", "+14155550147"],
    &["caller", "export", "+14155550147"],
    &["session", "list"],
    &["session", "show", "CA1"],
    &["memory", "check"],
    &["memory", "outbox"],
    &["memory", "dead", "list"],
    &["memory", "dead", "show", "1"],
    &["memory", "rekey", "--status"],
];

#[tokio::test(flavor = "multi_thread")]
async fn who_only_looks_makes_nothing() {
    let server = crate::support::redis::RedisServer::start().await;
    let folder = tempfile::tempdir().unwrap();
    let (empty, url) = (folder.path().join("empty"), server.url());
    std::fs::create_dir(&empty).unwrap();
    let before = below(folder.path());
    let missing = folder.path().join("missing");
    let import = ["memory", "import", "--from", "sarah", "--source", &url, "--dry-run"];
    let redis = [("REDIS_URL", url.as_str()), ("BIND_ADDR", "127.0.0.1:1")];
    for args in LOOKING.iter().copied().chain([&import[..]]) {
        for data_dir in [&missing, &empty] {
            for store in [&redis[..0], &redis] {
                let vars: Vec<_> = store
                    .iter()
                    .copied()
                    .chain([("DATA_DIR", data_dir.to_str().unwrap()), ("BIND_ADDR", "127.0.0.1:1")])
                    .collect();
                let output = redial(args, &vars).output().unwrap();
                assert_eq!(below(folder.path()), before, "{args:?} {vars:?}: {}", text(&output));
                assert_ne!(output.status.code(), Some(101), "{args:?} {vars:?}: {}", text(&output));
            }
        }
    }
    let other = [redis[0], ("DATA_DIR", missing.to_str().unwrap()), ("MEMORY_KEY_PREFIX", "mine")];
    let output = redial(&import, &other).output().unwrap();
    assert!(output.status.success() && text(&output).contains("0 keys read"), "{}", text(&output));
    assert_eq!(below(folder.path()), before, "an import that is only tried");
    assert_eq!(super::keys(&server).await, Vec::<String>::new(), "somebody wrote to Redis");
    // Whoever looks for a memory where there is none is told where it would be.
    let output = redial(&["caller", "list"], &[("DATA_DIR", empty.to_str().unwrap())]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output).contains("set DATA_DIR"), "{}", text(&output));
    // With a pepper, Redis can be looked at without a journal.
    let pepper = "0123456789abcdef0123456789abcdef";
    let vars = [redis[0], ("DATA_DIR", empty.to_str().unwrap()), ("MEMORY_PHONE_PEPPER", pepper)];
    let output = redial(&["caller", "list"], &vars).output().unwrap();
    assert!(output.status.success() && text(&output).contains("Nobody is remembered."), "{}", text(&output));
    assert_eq!(below(folder.path()), before);
}

#[test]
fn what_lists_or_measures_answers_in_json() {
    let dir = tempfile::tempdir().unwrap();
    let vars = [("DATA_DIR", dir.path().to_str().unwrap()), ("BIND_ADDR", "127.0.0.1:1")];
    let wav = dir.path().join("out.wav");
    make_memory(&vars);
    let say = ["say", "Hello.", "--voice", "flite", "--wav", wav.to_str().unwrap()];
    let listing: [(&[&str], &str); 10] = [
        (&say, "/first_audio_after_ms"),
        (&["config"], "/variables/0/name"),
        (&["caller", "list"], "/callers"),
        (&["session", "list"], "/sessions"),
        (&["memory", "check"], "/spool/bytes"),
        (&["memory", "outbox"], ""),
        (&["memory", "dead", "list"], ""),
        (&["memory", "rekey", "--status"], "/numbers"),
        (&["hear", "fixtures/audio/cards001.wav"], "/0/utterances/0/words"),
        (&["bench", "speech", "--passes", "1"], "/recognition/p95_ms"),
    ];
    for (args, place) in listing {
        let args: Vec<&str> = args.iter().copied().chain(["--json"]).collect();
        let output = redial(&args, &vars).output().unwrap();
        assert!(output.status.success(), "{args:?}: {}", text(&output));
        let answer: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{args:?} is no JSON ({error}): {}", text(&output)));
        assert!(answer.pointer(place).is_some(), "{args:?} lacks {place}: {answer}");
    }
}

#[test]
fn times_and_names_are_written_out() {
    let dir = tempfile::tempdir().unwrap();
    let vars = [("DATA_DIR", dir.path().to_str().unwrap())];
    make_memory(&vars);
    let older = [vars[0], ("MEMORY_PHONE_PEPPER_OLD", "0123456789abcdef0123456789abcdef")];
    let output = redial(&["memory", "rekey", "--status"], &older).output().unwrap();
    assert!(text(&output).contains("90 days after the change"), "{}", text(&output));
}
