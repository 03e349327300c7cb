//! The largest call that there can be: 500 turns of 4 kB of text, heard, cut off and never said. It is delivered all the
//! same, to every store and to the archive, and what is remembered of it is as small as of any other.

use std::sync::Arc;
use std::time::Duration;

use redial_call::{Role, Turn, TurnId, Via};
use redial_identity::UserId;
use redial_memory::merge::MAX_PROFILE_BYTES;
use redial_memory::model::{MAX_SESSION_BYTES, Message, SessionDoc};
use redial_store::archive::Archive as _;
use redial_store::archive::ndjson::NdjsonArchive;
use redial_store::clock;
use redial_store::spool::{Deliverer, LiveCalls, Sinks, Spool, SpoolSettings};
use redial_store::sqlite::Database;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::{Bench, NOON, caller, session, settings};

const TURNS: u32 = 500;
const TURN_BYTES: usize = 4096;
/// Megabytes on a machine that compiles elsewhere.
const DEADLINE: Duration = Duration::from_secs(150);

struct NoCalls;

impl LiveCalls for NoCalls {
    fn users(&self) -> Vec<UserId> {
        Vec::new()
    }

    fn forget(&self, _: &UserId) {}
}

/// A call whose turns are all of this text, repeated as far as it goes.
fn call(sid: &str, text: &str) -> SessionDoc {
    let text = text.repeat(TURN_BYTES / text.len());
    let turn = |id: u32| {
        let role = if id.is_multiple_of(2) { Role::Agent } else { Role::Caller };
        let unsaid = if role == Role::Agent { text.clone() } else { String::new() };
        let start_ms = u64::from(id) * 20_000;
        let (cut, never_sent, text, via) = (unsaid.clone(), unsaid, text.clone(), Via::Voice);
        Message {
            turn: Turn {
                id: TurnId(id),
                role,
                via,
                text,
                cut,
                never_sent,
                acts: Vec::new(),
                start_ms,
                end_ms: start_ms + 9000,
            },
        }
    };
    let mut largest = session(sid, &caller("ana"), &[], NOON);
    largest.conversation_history = (1..=TURNS).map(turn).collect();
    largest
}

async fn is_delivered(bench: &Bench) {
    let (dir, stop) = (TempDir::new().unwrap(), CancellationToken::new());
    let archive = NdjsonArchive::open(&dir.path().join("archive")).unwrap();
    let database = Database::open(&dir.path().join("redial.sqlite"), clock::system()).unwrap();
    let spool = Arc::new(Spool::open(Arc::new(database), Some(dir.path()), SpoolSettings::default()).unwrap());
    let sinks =
        Sinks { archive: Some(Arc::new(archive.clone())), ..Sinks::only(Arc::clone(&bench.store), Arc::new(NoCalls)) };
    tokio::spawn(Deliverer::new(Arc::clone(&spool), sinks).run(stop.clone()));
    // What people say; and what no text of a call should be, but escaped it takes six bytes for one.
    let calls = [call("CA-words", "I need a \"plumber\" for my bathroom, señora. "), call("CA-escaped", "\u{1}")];
    for call in &calls {
        spool.close(&caller("ana"), call.clone()).await.unwrap();
    }
    assert!(
        spool.delivered(DEADLINE).await,
        "it waits for ever: {:?}",
        spool.dead(10).await.unwrap().first().map(|dead| &dead.reason)
    );
    let dead: Vec<_> = spool.dead(10).await.unwrap().into_iter().map(|dead| dead.reason).collect();
    assert_eq!(dead, [""; 0], "it is put aside");
    for call in &calls {
        let stored = bench.store.load_session(&call.session_id).await.unwrap().expect("it is stored");
        assert!(stored == *call, "it is another one");
    }
    let known = bench.store.user(&caller("ana").user_id).await.unwrap().unwrap();
    let profile = known.profile.expect("it can be read");
    assert_eq!(known.calls, 2);
    assert!(serde_json::to_vec(&profile).unwrap().len() <= MAX_PROFILE_BYTES, "what is remembered is bounded");
    let deadline = std::time::Instant::now() + DEADLINE;
    for call in &calls {
        while archive.get(&call.session_id).await.unwrap().is_none() {
            assert!(std::time::Instant::now() < deadline, "it is not archived");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    stop.cancel();
}

#[test]
fn no_document_that_a_call_can_make_is_beyond_what_is_taken() {
    let mut worst = call("CA-worst", "\u{1}");
    for message in &mut worst.conversation_history {
        (message.turn.cut, message.turn.never_sent) = (message.turn.text.clone(), message.turn.text.clone());
    }
    let bytes = serde_json::to_vec(&worst).unwrap().len();
    assert!(bytes > 36_000_000 && bytes < MAX_SESSION_BYTES, "{bytes}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_process_takes_the_largest_call() {
    is_delivered(&Bench::process(settings())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_takes_the_largest_call() {
    is_delivered(&Bench::sqlite(settings())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_takes_the_largest_call() {
    is_delivered(&Bench::redis(settings()).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_with_the_keys_of_a_cluster_takes_the_largest_call() {
    is_delivered(&Bench::tagged(settings()).await).await;
}
