//! The archives: files in a directory, and a scripted server of an operator's own.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hmac::{Hmac, KeyInit as _, Mac as _};
use redial_memory::model::SessionDoc;
use redial_memory::session_id::SessionId;
use redial_outgoing::{Endpoint, Networks};
use redial_store::archive::http::HttpArchive;
use redial_store::archive::ndjson::NdjsonArchive;
use redial_store::archive::{self, Archive, ArchiveConfig, ArchiveError, MAX_RECORD_BYTES};
use serde_json::{Value, json};
use sha2::Sha256;
use tempfile::TempDir;

use super::{NOON, caller, session};
use crate::support::http::{Answer, Asked, ScriptedServer};

const DAY_MS: u64 = 86_400_000;
const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// Ana's call that ended this many days after the tests' noon.
fn ana(sid: &str, day: u64) -> SessionDoc {
    session(sid, &caller("ana"), &["I prefer mornings."], NOON + day * DAY_MS)
}

fn open(directory: &TempDir) -> NdjsonArchive {
    NdjsonArchive::open(&directory.path().join("archive")).unwrap()
}

fn first_file(directory: &TempDir) -> PathBuf {
    directory.path().join("archive").join("sessions-2026-01-05.ndjson")
}

fn lines(path: &Path) -> usize {
    fs::read_to_string(path).unwrap().lines().count()
}

fn append(path: &Path, bytes: &[u8]) {
    fs::OpenOptions::new().append(true).open(path).unwrap().write_all(bytes).unwrap();
}

#[tokio::test]
async fn a_session_is_read_back_as_it_was_put() {
    let directory = TempDir::new().unwrap();
    let archive = open(&directory);
    let (old, new) = (ana("CA1", 0), ana("CA2", 1));
    for session in [&old, &new] {
        archive.put(session).await.unwrap();
    }
    for reader in [archive, open(&directory)] {
        assert_eq!(reader.get(&"CA1".parse().unwrap()).await.unwrap().as_ref(), Some(&old));
        assert_eq!(reader.get(&"CA2".parse().unwrap()).await.unwrap().as_ref(), Some(&new));
        for nobody in ["CA", "CA3", "", "..", "../sessions-2026-01-05.ndjson", "u_ana"] {
            assert_eq!(reader.get(&SessionId::named(nobody)).await.unwrap(), None, "{nobody}");
        }
    }
}

#[tokio::test]
async fn there_is_a_file_a_day_that_nobody_else_reads() {
    let directory = TempDir::new().unwrap();
    let archive = open(&directory);
    for (sid, day) in [("CA1", 0), ("CA2", 0), ("CA3", 1)] {
        archive.put(&ana(sid, day)).await.unwrap();
    }
    let first = first_file(&directory);
    assert_eq!((lines(&first), lines(&first.with_file_name("sessions-2026-01-06.ndjson"))), (2, 1));
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&first), mode(first.parent().unwrap())), (0o600, 0o700));
    let record: Value = serde_json::from_str(fs::read_to_string(&first).unwrap().lines().next().unwrap()).unwrap();
    assert_eq!((&record["type"], &record["chat_id"]), (&json!("session"), &json!("CA1")));
    assert_eq!(record["conversation_history"][0]["content"], "I prefer mornings.");
}

#[tokio::test]
async fn a_session_that_is_put_again_is_one_session_and_the_longest_copy_counts() {
    let directory = TempDir::new().unwrap();
    let archive = open(&directory);
    let short = ana("CA1", 0);
    let mut long = session("CA1", &caller("ana"), &["I prefer mornings.", "Bye."], NOON + DAY_MS);
    for copy in [&short, &short, &long, &short] {
        archive.put(copy).await.unwrap();
    }
    assert_eq!(archive.get(&"CA1".parse().unwrap()).await.unwrap().as_ref(), Some(&long));
    // Of copies that ended alike, the last one.
    "status_callback".clone_into(&mut long.metadata.last_event_type);
    archive.put(&long).await.unwrap();
    assert_eq!(archive.get(&"CA1".parse().unwrap()).await.unwrap().as_ref(), Some(&long));
    assert_eq!(archive.erase(&caller("ana").user_id).await.unwrap(), 1);
}

#[tokio::test]
async fn an_erased_user_is_in_no_file_and_others_stay() {
    let directory = TempDir::new().unwrap();
    let archive = open(&directory);
    let bob = session("CB1", &caller("bob"), &["Ask CA1, she knows."], NOON);
    for session in [&ana("CA1", 0), &bob, &ana("CA2", 0), &ana("CA3", 1)] {
        archive.put(session).await.unwrap();
    }
    let first = first_file(&directory);
    // Damaged, but it still names her.
    append(&first, b"{\"type\":\"session\",\"user_id\":\"u_ana\",\"conv\n");
    append(&first, b"not a session of anybody\n");
    assert_eq!(archive.erase(&caller("ana").user_id).await.unwrap(), 3);
    assert_eq!(archive.erase(&caller("ana").user_id).await.unwrap(), 0);
    for sid in ["CA1", "CA2", "CA3"] {
        assert_eq!(archive.get(&sid.parse().unwrap()).await.unwrap(), None, "{sid}");
    }
    assert_eq!(archive.get(&"CB1".parse().unwrap()).await.unwrap().as_ref(), Some(&bob));
    assert_eq!(lines(&first), 2);
    let mut names: Vec<String> = fs::read_dir(first.parent().unwrap())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["lock", "sessions-2026-01-05.ndjson"], "a file with nobody else in it is gone");
    assert_eq!(fs::metadata(&first).unwrap().permissions().mode() & 0o777, 0o600);
    // Whoever calls again is archived again.
    archive.put(&ana("CA4", 0)).await.unwrap();
    assert!(archive.get(&"CA4".parse().unwrap()).await.unwrap().is_some());
}

#[tokio::test]
async fn a_line_that_a_crash_has_torn_is_removed_and_nothing_else() {
    let directory = TempDir::new().unwrap();
    open(&directory).put(&ana("CA1", 0)).await.unwrap();
    let file = first_file(&directory);
    let whole = fs::read(&file).unwrap();
    let second =
        serde_json::to_string(&json!({ "type": "session", "chat_id": "CA2", "pad": "x".repeat(200_000) })).unwrap();
    for length in [1, 40, 100_000, second.len() - 1] {
        append(&file, &second.as_bytes()[..length]);
        let archive = open(&directory);
        assert_eq!(fs::read(&file).unwrap(), whole, "torn after {length} bytes");
        assert!(archive.get(&"CA1".parse().unwrap()).await.unwrap().is_some());
    }
    // The same while it is open: another process died.
    let archive = open(&directory);
    append(&file, b"{\"type\":");
    assert!(archive.get(&"CA1".parse().unwrap()).await.unwrap().is_some());
    archive.put(&ana("CA2", 0)).await.unwrap();
    assert_eq!(lines(&file), 2);
    assert!(archive.get(&"CA2".parse().unwrap()).await.unwrap().is_some());
}

#[tokio::test]
async fn a_whole_line_without_its_end_is_kept() {
    let directory = TempDir::new().unwrap();
    let archive = open(&directory);
    archive.put(&ana("CA1", 0)).await.unwrap();
    let file = first_file(&directory);
    let whole = fs::read(&file).unwrap();
    fs::write(&file, whole.trim_ascii_end()).unwrap();
    archive.put(&ana("CA2", 0)).await.unwrap();
    assert_eq!(lines(&file), 2);
    assert!(archive.get(&"CA1".parse().unwrap()).await.unwrap().is_some());
}

#[tokio::test]
async fn a_damaged_line_is_never_served() {
    let directory = TempDir::new().unwrap();
    let archive = open(&directory);
    for sid in ["CA1", "CA2"] {
        archive.put(&ana(sid, 0)).await.unwrap();
    }
    let file = first_file(&directory);
    let mut bytes = fs::read(&file).unwrap();
    bytes[10] ^= 0x80;
    fs::write(&file, &bytes).unwrap();
    assert_eq!(archive.get(&"CA1".parse().unwrap()).await.unwrap(), None);
    assert!(archive.get(&"CA2".parse().unwrap()).await.unwrap().is_some());
}

#[tokio::test]
async fn what_an_interrupted_erasure_left_is_removed() {
    let directory = TempDir::new().unwrap();
    open(&directory).put(&ana("CA1", 0)).await.unwrap();
    let left = directory.path().join("archive").join(".erasing-abc");
    fs::write(&left, "half").unwrap();
    assert!(open(&directory).get(&"CA1".parse().unwrap()).await.unwrap().is_some());
    assert!(!left.exists());
}

/// Two archives stand for two processes: each opens the lock by itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn putting_and_erasing_at_once_loses_nothing() {
    let directory = TempDir::new().unwrap();
    let archives = [Arc::new(open(&directory)), Arc::new(open(&directory))];
    let mut tasks = Vec::new();
    for n in 0..40_usize {
        let archive = Arc::clone(&archives[n % 2]);
        tasks.push(tokio::spawn(async move {
            let name = if n % 4 == 0 { "bob" } else { "ana" };
            archive.put(&session(&format!("CA{n}"), &caller(name), &["hello"], NOON)).await.unwrap();
            if n % 10 == 9 {
                archive.erase(&caller("bob").user_id).await.unwrap();
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    archives[0].erase(&caller("bob").user_id).await.unwrap();
    for n in 0..40 {
        assert_eq!(archives[1].get(&format!("CA{n}").parse().unwrap()).await.unwrap().is_some(), n % 4 != 0, "CA{n}");
    }
    assert_eq!(lines(&first_file(&directory)), 30);
}

#[tokio::test]
async fn a_session_that_cannot_be_read_back_is_refused() {
    let directory = TempDir::new().unwrap();
    let archive = open(&directory);
    let huge = "x".repeat(MAX_RECORD_BYTES);
    let foreign = SessionDoc { user_id: "a/b".to_owned(), ..ana("CA1", 0) };
    for bad in [ana("..", 0), foreign, session("CA1", &caller("ana"), &[&huge], NOON)] {
        let error = archive.put(&bad).await.unwrap_err();
        assert!(matches!(error, ArchiveError::Refused(_)), "{error:?}");
    }
}

#[tokio::test]
async fn a_directory_that_cannot_be_used_is_named() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, "").unwrap();
    let error = archive::open(&ArchiveConfig::Files { directory: file.clone() }).err().unwrap();
    assert!(error.to_string().contains(file.to_str().unwrap()), "{error}");
}

fn http(server: &ScriptedServer) -> HttpArchive {
    let endpoint = Endpoint::parse(&server.url("/calls"), Networks::Public).unwrap();
    HttpArchive::within(endpoint, SECRET.into(), Duration::from_secs(20)).unwrap()
}

/// Checks a signature as a receiver would, over the body or over method and path.
fn assert_signed(asked: &Asked) {
    let (t, v1) = asked.header("redial-signature").split_once(",v1=").unwrap();
    let t = t.strip_prefix("t=").unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    assert!(t.parse::<u64>().unwrap().abs_diff(now) < 60, "{t} is not now");
    let signed = if asked.body.is_empty() { &asked.line } else { &asked.body };
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(format!("{t}.{signed}").as_bytes());
    mac.verify_slice(&hex::decode(v1).unwrap()).unwrap();
}

#[tokio::test]
async fn a_server_is_given_signed_sessions_with_a_key_that_stays_the_same() {
    let server = ScriptedServer::start([Answer::status(204), Answer::status(409), Answer::status(201)]).await;
    let archive = http(&server);
    archive.put(&ana("CA1", 0)).await.unwrap();
    archive.put(&ana("CA1", 0)).await.unwrap();
    archive.put(&ana("CA1", 1)).await.unwrap();
    let asked = server.asked();
    for asked in &asked {
        assert_eq!(asked.line, "POST /calls");
        assert_eq!(asked.header("content-type"), "application/json");
        assert_signed(asked);
    }
    assert_eq!((&asked[0].json()["type"], &asked[0].json()["chat_id"]), (&json!("session"), &json!("CA1")));
    let keys: Vec<&str> = asked.iter().map(|asked| asked.header("idempotency-key")).collect();
    assert!(keys[0].starts_with("CA1-") && keys[0].len() == "CA1-".len() + 32, "{keys:?}");
    assert!(keys[0] == keys[1] && keys[0] != keys[2], "{keys:?}");
}

#[tokio::test]
async fn a_server_gives_back_what_it_was_given() {
    let kept = ana("CA1", 0);
    let giving = ScriptedServer::start([Answer::status(204)]).await;
    http(&giving).put(&kept).await.unwrap();
    let body = giving.asked()[0].json();
    let server = ScriptedServer::start([Answer::json(200, &body), Answer::status(404)]).await;
    let archive = http(&server);
    assert_eq!(archive.get(&"CA1".parse().unwrap()).await.unwrap(), Some(kept));
    assert_eq!(archive.get(&"CA2".parse().unwrap()).await.unwrap(), None);
    assert_eq!(archive.get(&"..".parse().unwrap()).await.unwrap(), None);
    let asked = server.asked();
    assert_eq!(asked.len(), 2, "no id that leads elsewhere is asked for");
    assert_eq!(asked[0].line, "GET /calls/sessions/CA1");
    asked.iter().for_each(assert_signed);
}

#[tokio::test]
async fn all_calls_of_a_user_are_found_each_once() {
    let directory = TempDir::new().unwrap();
    let archive = open(&directory);
    let longer = session("CA2", &caller("ana"), &["I prefer mornings.", "Goodbye."], NOON + DAY_MS + 1000);
    let bob = session("CA3", &caller("bob"), &["Tell u_ana that I called."], NOON);
    for session in [&ana("CA2", 1), &ana("CA1", 0), &longer, &bob] {
        archive.put(session).await.unwrap();
    }
    assert_eq!(archive.of_user(&caller("ana").user_id).await.unwrap(), Some(vec![ana("CA1", 0), longer]));
    assert_eq!(archive.of_user(&caller("eve").user_id).await.unwrap(), Some(Vec::new()));
}

#[tokio::test]
async fn a_server_gives_back_all_of_a_user_if_it_can() {
    let giving = ScriptedServer::start([Answer::status(204)]).await;
    http(&giving).put(&ana("CA1", 0)).await.unwrap();
    let kept = giving.asked()[0].json();
    let answers = [Answer::json(200, &json!([kept])), Answer::status(404), Answer::json(200, &json!([kept]))];
    let server = ScriptedServer::start(answers).await;
    let archive = http(&server);
    let user = caller("ana").user_id;
    assert_eq!(archive.of_user(&user).await.unwrap(), Some(vec![ana("CA1", 0)]));
    assert_eq!(archive.of_user(&user).await.unwrap(), None);
    let another = archive.of_user(&caller("bob").user_id).await.unwrap_err();
    assert!(matches!(another, ArchiveError::Refused(_)), "{another}");
    assert_eq!(server.asked()[0].line, "GET /calls/users/u_ana/sessions");
    server.asked().iter().for_each(assert_signed);
}

#[tokio::test]
async fn a_server_is_told_of_an_erasure() {
    let answers = [Answer::json(200, &json!({ "erased": 3 })), Answer::status(204), Answer::status(404)];
    let server = ScriptedServer::start(answers).await;
    let archive = http(&server);
    for erased in [3, 0, 0] {
        assert_eq!(archive.erase(&caller("ana").user_id).await.unwrap(), erased);
    }
    let asked = server.asked();
    assert_eq!(asked[0].line, "DELETE /calls/users/u_ana");
    asked.iter().for_each(assert_signed);
}

#[tokio::test]
async fn a_server_in_trouble_is_told_from_one_that_will_not() {
    let elsewhere = ScriptedServer::start([Answer::status(204)]).await;
    for (answer, passing) in [
        (Answer::status(408), true),
        (Answer::with(429, &[("Retry-After", "7")], b""), true),
        (Answer::status(500), true),
        (Answer::status(503), true),
        (Answer::HangUp, true),
        (Answer::status(400), false),
        (Answer::status(401), false),
        (Answer::status(404), false),
        (Answer::status(413), false),
        (Answer::with(307, &[("Location", &elsewhere.url("/calls"))], b""), false),
    ] {
        let server = ScriptedServer::start([answer.clone()]).await;
        let error = http(&server).put(&ana("CA1", 0)).await.unwrap_err();
        assert_eq!(matches!(error, ArchiveError::Unavailable { .. }), passing, "{answer:?}: {error}");
        assert_eq!(server.asked().len(), 1, "an archive tries once");
        assert!(!format!("{error:?}").contains(SECRET));
        if let ArchiveError::Unavailable { retry_after: Some(pause), .. } = error {
            assert_eq!(pause, Duration::from_secs(7));
        }
    }
    assert!(elsewhere.asked().is_empty());
}

#[tokio::test]
async fn a_server_that_hangs_or_answers_something_else_is_no_archive() {
    let server = ScriptedServer::start([Answer::Hang]).await;
    let endpoint = Endpoint::parse(&server.url("/"), Networks::Public).unwrap();
    let archive = HttpArchive::within(endpoint, SECRET.into(), Duration::from_millis(300)).unwrap();
    let error = archive.put(&ana("CA1", 0)).await.unwrap_err();
    assert!(error.to_string().contains("does not answer in time"), "{error}");

    let json_type = [("Content-Type", "application/json")];
    let endless =
        format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{}", " ".repeat(MAX_RECORD_BYTES + 1));
    let mut other = json!({ "type": "session" });
    let kept = serde_json::to_value(ana("CA9", 0)).unwrap();
    other.as_object_mut().unwrap().extend(kept.as_object().unwrap().clone());
    for answer in [
        Answer::Bytes(endless.into_bytes()),
        Answer::with(200, &json_type, b"{\"type\":\"session\"}"),
        Answer::with(200, &json_type, b"<html>"),
        Answer::with(200, &[("Content-Type", "text/html")], b"{}"),
        Answer::json(200, &other),
        Answer::status(204),
    ] {
        let server = ScriptedServer::start([answer]).await;
        let error = http(&server).get(&"CA1".parse().unwrap()).await.unwrap_err();
        assert!(matches!(error, ArchiveError::Refused(_)), "{error:?}");
    }
}
