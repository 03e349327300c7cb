//! A disk that is full, locked or damaged, and values that no file takes.

use std::time::Duration;

use redial_memory::model::LATEST_MS;
use redial_store::spool::{Entry, OpenCall};
use tempfile::TempDir;

use super::{Bed, Told, asks_to_be_forgotten, caller, eventually, message, open_call, said, session};
use crate::support::disk::SmallDisk;

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_row_is_reported_and_never_served() {
    let dir = TempDir::new().unwrap();
    let spool = Bed::idle(dir.path());
    spool.begin(open_call("u_a", "CA1"));
    for id in 1..=3 {
        spool.turn(&"CA1".parse().unwrap(), message(id, "I need a plumber")).await.unwrap();
    }
    spool.close(&caller("u_b"), session("u_b", "CA2", vec![message(1, "Hello")])).await.unwrap();
    let file = rusqlite::Connection::open(dir.path().join("redial.sqlite")).unwrap();
    file.execute("UPDATE turn SET doc = replace(doc, 'plumber', 'Plumber') WHERE id = 2", []).unwrap();
    file.execute("UPDATE outbox SET body = replace(body, 'Hello', 'Jello')", []).unwrap();
    let found = spool.resume(&"CA1".parse().unwrap(), caller("u_a").hash.as_ref()).await.unwrap().unwrap();
    assert_eq!(found.turns.iter().map(|message| message.turn.id.0).collect::<Vec<_>>(), [1, 3]);
    assert_eq!(spool.waiting(10).await.unwrap(), Vec::<Entry>::new());
    let mut dead: Vec<_> = spool.dead(10).await.unwrap().into_iter().map(|dead| (dead.kind, dead.session_id)).collect();
    dead.sort();
    assert_eq!(dead, [("session".to_owned(), "CA2".to_owned()), ("turn".to_owned(), "CA1".to_owned())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_while_the_disk_is_full() {
    let Some(disk) = SmallDisk::mount(4) else { return };
    let store = Told::new();
    let bed = Bed::open(disk.path(), &store);
    bed.spool.begin(open_call("u_a", "CA1"));
    bed.spool.turn(&"CA1".parse().unwrap(), message(1, "before")).await.unwrap();
    disk.fill();
    let words = "meanwhile ".repeat(300);
    let mut acks: Vec<_> = (2..50).map(|id| bed.spool.turn(&"CA1".parse().unwrap(), message(id, &words))).collect();
    eventually("the journal is degraded", async || bed.spool.is_degraded()).await;
    assert!(acks[47].try_recv().is_err(), "nothing is acknowledged that is not on the disk");
    disk.free();
    for ack in acks {
        tokio::time::timeout(Duration::from_secs(10), ack).await.expect("the disk is tried again").unwrap();
    }
    assert!(!bed.spool.is_degraded());
    let found = bed.spool.resume(&"CA1".parse().unwrap(), caller("u_a").hash.as_ref()).await.unwrap().unwrap();
    assert_eq!(found.turns.len(), 49);
    bed.spool.close(&caller("u_a"), session("u_a", "CA1", found.turns)).await.unwrap();
    eventually("the session arrives", async || store.of("u_a") == ["CA1"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_while_another_process_keeps_the_file_locked() {
    let dir = TempDir::new().unwrap();
    let spool = Bed::idle(dir.path());
    spool.begin(open_call("u_a", "CA1"));
    spool.turn(&"CA1".parse().unwrap(), message(1, "before")).await.unwrap();
    let other = rusqlite::Connection::open(dir.path().join("redial.sqlite")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let ack = spool.turn(&"CA1".parse().unwrap(), message(2, "meanwhile"));
    eventually("the journal is degraded", async || spool.is_degraded()).await;
    other.execute_batch("COMMIT").unwrap();
    tokio::time::timeout(Duration::from_secs(10), ack).await.expect("the file is tried again").unwrap();
    let found = spool.resume(&"CA1".parse().unwrap(), caller("u_a").hash.as_ref()).await.unwrap().unwrap();
    assert_eq!(found.turns.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_disk_does_not_take_goes_to_the_store_as_it_would_from_there() {
    let (dir, store) = (TempDir::new().unwrap(), Told::new());
    let bed = Bed::open(dir.path(), &store);
    let other = rusqlite::Connection::open(dir.path().join("redial.sqlite")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let stored = bed.spool.deliver_at_once(caller("u_a"), session("u_a", "CA1", vec![message(1, "Hello")]));
    tokio::time::timeout(Duration::from_secs(10), stored).await.expect("no disk is needed").unwrap();
    assert_eq!(store.of("u_a"), ["CA1"]);
    // Who asks to be forgotten is not written down for it.
    let forgotten = bed.spool.deliver_at_once(caller("u_b"), session("u_b", "CA2", asks_to_be_forgotten()));
    other.execute_batch("COMMIT").unwrap();
    tokio::time::timeout(Duration::from_secs(20), forgotten).await.expect("the disk takes it").unwrap();
    eventually("they are erased", async || store.erased.lock().unwrap().len() == 1).await;
    assert!(store.of("u_b").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_file_never_takes_is_put_aside_alone_and_nothing_waits_behind_it() {
    let (dir, store) = (TempDir::new().unwrap(), Told::new());
    let bed = Bed::open(dir.path(), &store);
    // All of it in one batch: the disk takes nothing for a while, and that is waited for.
    let other = rusqlite::Connection::open(dir.path().join("redial.sqlite")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    bed.spool.begin(open_call("u_a", "CA0"));
    eventually("the journal is degraded", async || bed.spool.is_degraded()).await;
    let mut acks = Vec::new();
    for n in 1..=9 {
        let (user, sid) = (format!("u_{n}"), format!("CA{n}"));
        // As a mirror that has lost its mind would have it.
        let started_at = match n {
            4 => (1 << 63) + 5,
            6 => LATEST_MS + 1, // the file would take it, and nobody could read it
            _ => 1_763_690_000_000,
        };
        bed.spool.begin(OpenCall { started_at, turns: vec![message(1, "Hello")], ..open_call(&user, &sid) });
        acks.push(bed.spool.turn(&sid.parse().unwrap(), message(2, "I need a plumber")));
    }
    acks.push(bed.spool.close(&caller("u_0"), session("u_0", "CA10", vec![message(1, "Hello")])));
    other.execute_batch("COMMIT").unwrap();
    for ack in acks {
        tokio::time::timeout(Duration::from_secs(20), ack).await.expect("nobody waits for the offender").unwrap();
    }
    assert!(!bed.spool.is_degraded(), "the disk is as it should be");
    eventually("an unrelated session arrives", async || store.of("u_0") == ["CA10"]).await;
    for n in [1, 2, 3, 5, 7, 8, 9] {
        let found = bed
            .spool
            .resume(&format!("CA{n}").parse().unwrap(), caller(&format!("u_{n}")).hash.as_ref())
            .await
            .unwrap();
        assert_eq!(found.map(|call| call.turns.len()), Some(2), "CA{n}");
    }
    let dead = bed.spool.dead(10).await.unwrap();
    let aside: Vec<_> =
        dead.iter().map(|dead| (dead.kind.as_str(), dead.session_id.as_str(), dead.user_id.as_str())).collect();
    assert_eq!(aside, [("call", "CA4", "u_4"), ("call", "CA6", "u_6")]);
    assert!(
        dead.iter().all(|dead| dead.body.contains("Hello") && dead.reason.contains("report it, then drop it")),
        "{dead:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_whose_time_is_beyond_the_calendar_takes_nobody_along() {
    let dir = TempDir::new().unwrap();
    {
        let dead = Bed::idle(dir.path());
        for sid in ["CA1", "CA2"] {
            dead.begin(open_call("u_a", sid));
            dead.turn(&sid.parse().unwrap(), message(1, "I need a plumber")).await.unwrap();
        }
    }
    let file = rusqlite::Connection::open(dir.path().join("redial.sqlite")).unwrap();
    let doc = r#"{"role":"user","content":"Beyond","id":2,"start_ms":9,"end_ms":9223372036854775813}"#;
    let crc = crc32fast::hash(doc.as_bytes());
    file.execute("INSERT INTO turn (sid, id, doc, crc) VALUES ('CA1', 2, ?1, ?2)", rusqlite::params![doc, crc])
        .unwrap();
    drop(file);
    let spool = Bed::idle(dir.path());
    let mut finished = Vec::new();
    eventually("both are finished", async || {
        finished.extend(spool.finish_orphans().await.unwrap());
        finished.len() == 2
    })
    .await;
    assert_eq!(said(&spool).await, [vec!["I need a plumber"], vec!["I need a plumber"]]);
    let dead = spool.dead(10).await.unwrap();
    assert_eq!((dead.len(), dead[0].kind.as_str(), dead[0].body.as_str()), (1, "turn", doc));
}

#[tokio::test(flavor = "multi_thread")]
async fn values_that_are_no_text_fail_no_look_at_all_others() {
    let dir = TempDir::new().unwrap();
    let spool = Bed::idle(dir.path());
    spool.begin(open_call("u_a", "CA1"));
    spool.turn(&"CA1".parse().unwrap(), message(1, "Hello")).await.unwrap();
    for (user, sid) in [("u_a", "CA2"), ("u_b", "CA3"), ("u_c", "CA4")] {
        spool.close(&caller(user), session(user, sid, vec![message(1, "Hello")])).await.unwrap();
        spool.logged(&sid.parse().unwrap(), &caller(user));
    }
    spool.held(&caller("u_a").user_id).await.unwrap();
    let file = rusqlite::Connection::open(dir.path().join("redial.sqlite")).unwrap();
    for damage in [
        "UPDATE outbox SET uid = CAST(x'755fff' AS TEXT), tries = -1, next_at = -1 WHERE sid = 'CA3'",
        "UPDATE log SET uid = CAST(x'755fff' AS TEXT) WHERE sid = 'CA3'",
        "UPDATE log SET sid = CAST(x'ff' AS TEXT), uid = 'u_a' WHERE sid = 'CA4'",
        "INSERT INTO dead VALUES (-9, CAST(x'ff' AS TEXT), CAST(x'fe' AS TEXT), NULL, CAST(x'fd' AS TEXT),
                                  CAST(x'fc' AS TEXT), CAST(x'fb' AS TEXT), -1)",
    ] {
        file.execute(damage, []).unwrap();
    }
    let held = spool.held(&caller("u_a").user_id).await.unwrap();
    assert_eq!((held.turns.len(), held.entries.len(), held.logs), (1, 1, vec!["CA2".parse().unwrap()]));
    assert_eq!(spool.waiting(10).await.unwrap().len(), 2);
    let dead = spool.dead(10).await.unwrap();
    let shown: Vec<_> = dead.iter().map(|dead| (dead.user_id.as_str(), dead.session_id.as_str())).collect();
    assert_eq!(shown, [("hex:fe", "hex:fd"), ("hex:755fff", "CA3")]);
    assert!(spool.retry_dead(-9).await.is_err(), "nobody knows what it is");
    assert!(spool.drop_dead(-9).await.unwrap());
    let forgotten = spool.forget(&caller("u_a").user_id).await.unwrap();
    assert_eq!((forgotten.calls, forgotten.turns, forgotten.entries), (1, 1, 1));
}
