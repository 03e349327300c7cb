//! What waits is delivered: in order for each caller, tried again, and put aside when it cannot be.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use redial_identity::UserId;
use redial_memory::model::SessionDoc;
use redial_memory::session_id::SessionId;
use redial_store::archive::{Archive, ArchiveError};
use redial_store::directory::Memory;
use redial_store::spool::Sinks;
use redial_store::store::{MemoryError, ServerId};
use tempfile::TempDir;

use super::{Bed, NoCalls, Told, a_moment, away, caller, eventually, message, session, too_large};

#[tokio::test(flavor = "multi_thread")]
async fn a_callers_sessions_arrive_in_order_and_nobody_waits_for_another() {
    let (dir, store) = (TempDir::new().unwrap(), Told::new());
    store.fail("u_stuck", away);
    let bed = Bed::open(dir.path(), &store);
    for n in 0..20 {
        for user in ["u_stuck", "u_free"] {
            drop(bed.spool.close(&caller(user), session(user, &format!("{user}.{n}"), Vec::new())));
        }
    }
    let expected = |user: &str| (0..20).map(|n| format!("{user}.{n}")).collect::<Vec<_>>();
    eventually("all of the free one's", async || store.of("u_free") == expected("u_free")).await;
    assert!(store.of("u_stuck").is_empty());
    store.heal("u_stuck");
    eventually("all of the stuck one's", async || store.of("u_stuck") == expected("u_stuck")).await;
    assert!(bed.spool.delivered(Duration::from_secs(5)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_survives_the_process() {
    let (dir, store) = (TempDir::new().unwrap(), Told::new());
    {
        let spool = Bed::idle(dir.path());
        spool.close(&caller("u_a"), session("u_a", "CA1", vec![message(1, "Hello")])).await.unwrap();
    }
    let _bed = Bed::open(dir.path(), &store);
    eventually("the session arrives", async || store.of("u_a") == ["CA1"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_delivery_that_dies_keeps_nobody_else_waiting_and_is_tried_again() {
    fn dies() -> MemoryError {
        panic!("a delivery dies, as the test wants it");
    }
    let (dir, store) = (TempDir::new().unwrap(), Told::new());
    store.fail("u_a", dies);
    let bed = Bed::timed(dir.path(), &store);
    bed.spool.close(&caller("u_a"), session("u_a", "CA1", Vec::new())).await.unwrap();
    bed.spool.close(&caller("u_b"), session("u_b", "CA2", Vec::new())).await.unwrap();
    a_moment().await;
    assert_eq!(store.of("u_b"), ["CA2"]);
    store.heal("u_a");
    a_moment().await;
    assert!(store.of("u_a").is_empty(), "not at once, as it would most likely die again");
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(store.of("u_a"), ["CA1"]);
}

#[tokio::test(start_paused = true)]
async fn a_delivery_that_dies_each_time_is_put_aside() {
    fn dies() -> MemoryError {
        panic!("a delivery dies, as the test wants it");
    }
    let (dir, store) = (TempDir::new().unwrap(), Told::new());
    store.fail("u_a", dies);
    let bed = Bed::timed(dir.path(), &store);
    bed.spool.close(&caller("u_a"), session("u_a", "CA1", Vec::new())).await.unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    let dead = bed.spool.dead(10).await.unwrap();
    assert_eq!(dead.iter().map(|dead| dead.session_id.as_str()).collect::<Vec<_>>(), ["CA1"]);
    assert!(dead[0].reason.contains("died"), "{}", dead[0].reason);
    assert!(bed.spool.waiting(1).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_delivered_is_put_aside_and_can_be_tried_again() {
    let (dir, store) = (TempDir::new().unwrap(), Told::new());
    store.fail("u_a", too_large);
    let bed = Bed::open(dir.path(), &store);
    bed.spool.close(&caller("u_a"), session("u_a", "CA1", Vec::new())).await.unwrap();
    eventually("it is put aside", async || bed.spool.dead(10).await.unwrap().len() == 1).await;
    let dead = bed.spool.dead(10).await.unwrap().remove(0);
    assert_eq!((dead.session_id.as_str(), dead.kind.as_str()), ("CA1", "session"));
    assert!(dead.reason.contains("too large"), "{}", dead.reason);
    store.heal("u_a");
    bed.spool.close(&caller("u_a"), session("u_a", "CA2", Vec::new())).await.unwrap();
    eventually("the queue goes on", async || store.of("u_a") == ["CA2"]).await;
    assert!(bed.spool.retry_dead(dead.seq).await.unwrap());
    eventually("it arrives", async || store.of("u_a") == ["CA2", "CA1"]).await;
    assert!(!bed.spool.retry_dead(dead.seq).await.unwrap(), "it is not there any more");
}

/// Counts what it is offered.
#[derive(Default)]
struct Shelf(Mutex<Vec<String>>);

#[async_trait]
impl Archive for Shelf {
    async fn put(&self, session: &SessionDoc) -> Result<(), ArchiveError> {
        self.0.lock().unwrap().push(session.session_id.to_string());
        Ok(())
    }

    async fn get(&self, _: &SessionId) -> Result<Option<SessionDoc>, ArchiveError> {
        Ok(None)
    }

    async fn erase(&self, _: &UserId) -> Result<u64, ArchiveError> {
        Ok(0)
    }
}

#[tokio::test(start_paused = true)]
async fn the_archive_is_offered_a_session_once_however_often_it_is_delivered() {
    let (dir, store, shelf) = (TempDir::new().unwrap(), Told::new(), Arc::new(Shelf::default()));
    let only = Sinks::only(Arc::clone(&store) as Arc<dyn Memory>, Arc::new(NoCalls));
    let sinks = Sinks { archive: Some(Arc::clone(&shelf) as _), ..only };
    let bed = Bed::deliver_to(Bed::spool_on(Bed::timed_database(dir.path()), dir.path()), sinks);
    bed.spool.close(&caller("u_a"), session("u_a", "CA1", Vec::new())).await.unwrap();
    a_moment().await;
    assert_eq!(*shelf.0.lock().unwrap(), ["CA1"]);
    for server in ["two", "three"] {
        store.server.send_replace(Some(ServerId(server.to_owned())));
        a_moment().await;
    }
    assert_eq!(store.of("u_a"), ["CA1", "CA1", "CA1"]);
    assert_eq!(*shelf.0.lock().unwrap(), ["CA1"]);
}
