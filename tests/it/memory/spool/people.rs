//! Whose something is by now, and what stays of whoever was forgotten: nothing.

use std::path::Path;
use std::time::Duration;

use redial_call::{Act, Role};
use redial_identity::{PhoneHash, UserId};
use redial_store::spool::Spool;
use redial_store::store::ServerId;
use tempfile::TempDir;

use super::{Bed, Told, a_moment, asks_to_be_forgotten, caller, eventually, message, open_call, session};

/// A call log in the spool's directory, noted and written.
async fn log_of(spool: &Spool, dir: &Path, user: &str, sid: &str) -> std::path::PathBuf {
    let file = dir.join("calls").join(format!("{sid}.ndjson"));
    std::fs::create_dir_all(dir.join("calls")).unwrap();
    std::fs::write(&file, "words").unwrap();
    spool.logged(&sid.parse().unwrap(), &caller(user));
    spool.held(&caller(user).user_id).await.unwrap();
    file
}

#[tokio::test(start_paused = true)]
async fn the_call_logs_of_a_caller_who_was_erased_elsewhere_go() {
    let (dir, store) = (TempDir::new().unwrap(), Told::new());
    let bed = Bed::timed(dir.path(), &store);
    let log = log_of(&bed.spool, dir.path(), "u_a", "CA1").await;
    let others = log_of(&bed.spool, dir.path(), "u_b", "CA2").await;
    // What is there in its place cannot be deleted, at first.
    std::fs::remove_file(&log).unwrap();
    std::fs::create_dir(&log).unwrap();
    store.erased.lock().unwrap().push(caller("u_a").user_id);
    tokio::time::sleep(Duration::from_secs(15)).await;
    assert_eq!(bed.spool.held(&caller("u_a").user_id).await.unwrap().logs, ["CA1"]);
    std::fs::remove_dir(&log).unwrap();
    std::fs::write(&log, "words").unwrap();
    tokio::time::sleep(Duration::from_secs(15)).await;
    assert!(!log.exists() && others.exists());
    assert!(bed.spool.held(&caller("u_a").user_id).await.unwrap().logs.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_call_log_is_that_of_whose_call_it_turned_out_to_be() {
    let (dir, store) = (TempDir::new().unwrap(), Told::new());
    let bed = Bed::timed(dir.path(), &store);
    log_of(&bed.spool, dir.path(), "u_derived", "CA1").await;
    store.map("u_derived", "u_ana");
    bed.spool.close(&caller("u_derived"), session("u_derived", "CA1", Vec::new())).await.unwrap();
    a_moment().await;
    assert_eq!(bed.spool.held(&caller("u_ana").user_id).await.unwrap().logs, ["CA1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_here_of_an_absorbed_user_is_the_other_ones() {
    let (dir, store) = (TempDir::new().unwrap(), Told::new());
    let spool = Bed::idle(dir.path());
    let (ana, into) = (caller("u_ana").user_id, caller("u_into").user_id);
    spool.begin(open_call("u_ana", "CA1"));
    spool.turn(&"CA1".parse().unwrap(), message(1, "Hello")).await.unwrap();
    spool.close(&caller("u_ana"), session("u_ana", "CA2", Vec::new())).await.unwrap();
    log_of(&spool, dir.path(), "u_ana", "CA2").await;
    spool.rename(&ana, &into).await.unwrap();
    let held = spool.held(&into).await.unwrap();
    assert_eq!((held.turns.len(), held.entries.len(), held.logs.len()), (1, 1, 1));
    assert_eq!(spool.held(&ana).await.unwrap(), redial_store::spool::Held::default());
    let _bed = Bed::deliver(spool, &store);
    eventually("it is delivered as the other one's", async || store.of("u_into") == ["CA2"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_caller_whom_the_lookup_missed_is_forgotten_as_whom_the_number_leads_to() {
    let (dir, store) = (TempDir::new().unwrap(), Told::new());
    let (derived, ana) = (caller("u_derived"), UserId::parse("u_ana").unwrap());
    store.owners.lock().unwrap().insert(derived.hash.clone().unwrap(), ana.clone());
    let bed = Bed::timed(dir.path(), &store);
    bed.spool.close(&derived, session("u_derived", "CA1", asks_to_be_forgotten())).await.unwrap();
    a_moment().await;
    let mut erased = store.erased.lock().unwrap().clone();
    erased.sort();
    assert_eq!(erased, [ana, derived.user_id]);
}

#[tokio::test(start_paused = true)]
async fn who_is_known_by_another_number_is_not_forgotten_with_the_caller() {
    let (dir, store) = (TempDir::new().unwrap(), Told::new());
    let (derived, bob) = (caller("u_derived"), UserId::parse("u_bob").unwrap());
    store.owners.lock().unwrap().extend([
        (derived.hash.clone().unwrap(), bob.clone()),
        (PhoneHash::parse("hanother").unwrap(), derived.user_id.clone()),
    ]);
    let bed = Bed::timed(dir.path(), &store);
    bed.spool.close(&derived, session("u_derived", "CA1", asks_to_be_forgotten())).await.unwrap();
    a_moment().await;
    assert_eq!(*store.erased.lock().unwrap(), [bob]);
    assert!(bed.spool.held(&derived.user_id).await.unwrap().entries.is_empty(), "what was said is not kept");
}

#[tokio::test(start_paused = true)]
async fn a_number_that_was_parted_from_its_user_stays_so_when_the_store_forgets_it_and_when_it_does_not() {
    let (dir, store) = (TempDir::new().unwrap(), Told::new());
    let (ana, other) = (caller("u_ana"), |id: &UserId| *id != caller("u_ana").user_id);
    let number = ana.hash.clone().unwrap();
    let leads_to = || store.owners.lock().unwrap().get(&number).cloned().unwrap();
    store.owners.lock().unwrap().insert(number.clone(), ana.user_id.clone());
    store.calls.lock().unwrap().insert(ana.user_id.clone(), 3);
    let bed = Bed::timed(dir.path(), &store);
    let mut asks = message(2, "Shall I keep you apart from that caller for good?");
    (asks.turn.role, asks.turn.acts) = (Role::Agent, vec![Act::Asked { what: "part".to_owned() }]);
    let said = vec![message(1, "That's not me."), asks, message(3, "Yes, please."), message(4, "I have a cat.")];
    bed.spool.close(&ana, session("u_ana", "CA1", said)).await.unwrap();
    a_moment().await;
    let new = leads_to();
    assert!(other(&new));
    assert_eq!(store.of(new.as_str()), ["CA1"]);
    // Another server, from before the call.
    store.owners.lock().unwrap().insert(number.clone(), ana.user_id.clone());
    store.server.send_replace(Some(ServerId("two".to_owned())));
    a_moment().await;
    assert_eq!((leads_to(), store.of(new.as_str()).len()), (new.clone(), 2));
    // One that has all of it.
    store.calls.lock().unwrap().insert(new.clone(), 1);
    store.server.send_replace(Some(ServerId("three".to_owned())));
    a_moment().await;
    assert_eq!((leads_to(), store.of(new.as_str()).len()), (new, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_byte_of_a_forgotten_caller_stays() {
    let dir = TempDir::new().unwrap();
    let spool = Bed::idle(dir.path());
    spool.begin(open_call("u_a", "CA1"));
    spool.turn(&"CA1".parse().unwrap(), message(1, "xylophone lessons")).await.unwrap();
    spool.close(&caller("u_a"), session("u_a", "CA2", vec![message(1, "xylophone repair")])).await.unwrap();
    spool.close(&caller("u_b"), session("u_b", "CA3", vec![message(1, "a trumpet")])).await.unwrap();
    let forgotten = spool.forget(&UserId::parse("u_a").unwrap()).await.unwrap();
    assert_eq!((forgotten.calls, forgotten.turns, forgotten.entries), (1, 1, 1));
    // What is still under way for this user finds nothing to be added to.
    spool.turn(&"CA1".parse().unwrap(), message(2, "xylophone mallets")).await.unwrap();
    spool.close(&caller("u_a"), session("u_a", "CA1", vec![message(2, "xylophone mallets")])).await.unwrap();
    for file in ["redial.sqlite", "redial.sqlite-wal"] {
        let bytes = std::fs::read(dir.path().join(file)).unwrap_or_default();
        assert!(!String::from_utf8_lossy(&bytes).contains("xylophone"), "{file}");
    }
    let waiting: Vec<_> = spool.waiting(10).await.unwrap().into_iter().map(|entry| entry.kind.as_str()).collect();
    assert_eq!(waiting, ["session", "erase", "erase_archived"]);
}
