//! What was delivered goes to the next server of the store as well, whatever the clock says meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use redial_identity::UserId;
use redial_store::store::ServerId;
use tempfile::TempDir;

use super::{Bed, Told, a_moment, away, caller, eventually, message, open_call, session};

#[tokio::test(flavor = "multi_thread")]
async fn another_server_gets_the_last_hour_again() {
    let (dir, store) = (TempDir::new().unwrap(), Told::new());
    let bed = Bed::open(dir.path(), &store);
    bed.spool.close(&caller("u_a"), session("u_a", "CA1", Vec::new())).await.unwrap();
    eventually("the session arrives", async || store.of("u_a").len() == 1).await;
    store.server.send_replace(None);
    bed.spool.close(&caller("u_a"), session("u_a", "CA2", Vec::new())).await.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(store.of("u_a").len(), 1, "nothing is sent while no server answers");
    store.server.send_replace(Some(ServerId("one".to_owned())));
    eventually("the same server gets what it misses", async || store.of("u_a") == ["CA1", "CA2"]).await;
    store.server.send_replace(Some(ServerId("two".to_owned())));
    eventually("another one gets all", async || store.of("u_a") == ["CA1", "CA2", "CA1", "CA2"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_back_gets_at_once_what_waits() {
    let (dir, store) = (TempDir::new().unwrap(), Told::new());
    let bed = Bed::timed(dir.path(), &store);
    store.fail("u_a", away);
    bed.spool.close(&caller("u_a"), session("u_a", "CA1", Vec::new())).await.unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    let waits = bed.spool.waiting(1).await.unwrap().remove(0);
    assert!(waits.tries > 9, "by now it is tried every 5 to 10 s: {}", waits.tries);
    store.server.send_replace(None);
    store.heal("u_a");
    a_moment().await;
    store.server.send_replace(Some(ServerId("one".to_owned())));
    a_moment().await;
    assert_eq!(store.of("u_a"), ["CA1"]);
}

#[tokio::test(start_paused = true)]
async fn what_an_earlier_server_took_goes_to_the_present_one_as_well() {
    let (dir, store) = (TempDir::new().unwrap(), Told::new());
    let bed = Bed::timed(dir.path(), &store);
    let answering = store.answering.lock().await;
    bed.spool.close(&caller("u_a"), session("u_a", "CA1", Vec::new())).await.unwrap();
    a_moment().await;
    assert_eq!(store.of("u_a"), ["CA1"], "it is taken, and not yet answered");
    store.server.send_replace(Some(ServerId("two".to_owned())));
    a_moment().await;
    drop(answering);
    a_moment().await;
    assert_eq!(store.of("u_a"), ["CA1", "CA1"]);
    let figures = bed.spool.figures().await.unwrap();
    assert_eq!((figures.waiting, figures.delivered), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn what_was_delivered_is_kept_for_the_next_server_however_long_none_answers() {
    const HOUR: Duration = Duration::from_secs(3600);
    let (dir, store) = (TempDir::new().unwrap(), Told::new());
    let bed = Bed::timed(dir.path(), &store);
    bed.spool.close(&caller("u_a"), session("u_a", "CA1", Vec::new())).await.unwrap();
    a_moment().await;
    store.server.send_replace(None);
    tokio::time::sleep(3 * HOUR).await;
    store.server.send_replace(Some(ServerId("two".to_owned())));
    a_moment().await;
    assert_eq!(store.of("u_a"), ["CA1", "CA1"]);
    tokio::time::sleep(HOUR / 2).await;
    assert_eq!(bed.spool.figures().await.unwrap().delivered, 1);
    tokio::time::sleep(HOUR).await;
    assert_eq!(bed.spool.figures().await.unwrap().delivered, 0, "the server that took it answers all the while");
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_jumps_an_hour_neither_ends_the_window_nor_makes_it_longer() {
    const HOUR: Duration = Duration::from_secs(3600);
    for jump_ms in [3_600_000_i64, -3_600_000] {
        let (dir, store, skew) = (TempDir::new().unwrap(), Told::new(), Arc::new(AtomicI64::new(0)));
        let bed = Bed::deliver(Bed::spool_on(Bed::skewed_database(dir.path(), &skew), dir.path()), &store);
        bed.spool.close(&caller("u_a"), session("u_a", "CA1", Vec::new())).await.unwrap();
        a_moment().await;
        assert_eq!(store.of("u_a"), ["CA1"]);
        tokio::time::sleep(Duration::from_secs(30)).await;
        skew.fetch_add(jump_ms, Ordering::Relaxed);
        tokio::time::sleep(HOUR / 2).await;
        store.server.send_replace(Some(ServerId("two".to_owned())));
        a_moment().await;
        assert_eq!(store.of("u_a"), ["CA1", "CA1"], "after a jump of {jump_ms} ms");
        tokio::time::sleep(HOUR / 2).await;
        skew.fetch_add(-2 * jump_ms, Ordering::Relaxed);
        tokio::time::sleep(HOUR / 3).await;
        assert_eq!(bed.spool.figures().await.unwrap().delivered, 1, "after a jump of {jump_ms} ms");
        tokio::time::sleep(HOUR / 3).await;
        assert_eq!(bed.spool.figures().await.unwrap().delivered, 0, "after a jump of {jump_ms} ms");
    }
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_jumps_keeps_nothing_waiting_for_longer() {
    for jump_ms in [3_600_000_i64, -3_600_000] {
        let (dir, store, skew) = (TempDir::new().unwrap(), Told::new(), Arc::new(AtomicI64::new(0)));
        let bed = Bed::deliver(Bed::spool_on(Bed::skewed_database(dir.path(), &skew), dir.path()), &store);
        store.fail("u_a", away);
        bed.spool.close(&caller("u_a"), session("u_a", "CA1", Vec::new())).await.unwrap();
        tokio::time::sleep(Duration::from_secs(60)).await;
        // An erasure that is to wait for some seconds, and a delivery that is on its way.
        bed.spool.forget_later_elsewhere(&UserId::parse("u_b").unwrap(), Duration::from_secs(5)).await.unwrap();
        let answering = store.answering.lock().await;
        bed.spool.close(&caller("u_c"), session("u_c", "CA3", Vec::new())).await.unwrap();
        a_moment().await;
        skew.fetch_add(jump_ms, Ordering::Relaxed);
        drop(answering);
        store.heal("u_a");
        tokio::time::sleep(Duration::from_secs(40)).await;
        assert_eq!((store.of("u_a"), store.of("u_c")), (vec!["CA1".to_owned()], vec!["CA3".to_owned()]));
        assert_eq!(*store.erased.lock().unwrap(), [UserId::parse("u_b").unwrap()]);
        assert_eq!(bed.spool.figures().await.unwrap().waiting, 0, "after a jump of {jump_ms} ms");
    }
}

#[tokio::test(start_paused = true)]
async fn a_file_that_was_too_large_once_keeps_what_is_delivered_later() {
    let (dir, store) = (TempDir::new().unwrap(), Told::new());
    let bed = Bed::deliver(Bed::spool_of(Bed::timed_database(dir.path()), dir.path(), 1_000_000), &store);
    store.server.send_replace(None);
    let words = "I need a plumber. ".repeat(1000);
    for n in 0..100 {
        let session = session("u_a", &format!("CA{n}"), vec![message(1, &words)]);
        bed.spool.close(&caller("u_a"), session).await.unwrap();
    }
    assert!(bed.spool.figures().await.unwrap().bytes > 1_000_000);
    store.server.send_replace(Some(ServerId("one".to_owned())));
    tokio::time::sleep(Duration::from_secs(30)).await;
    let figures = bed.spool.figures().await.unwrap();
    assert_eq!((store.of("u_a").len(), figures.delivered), (100, 0), "it is too large, so what is delivered goes");
    bed.spool.close(&caller("u_a"), session("u_a", "CA", vec![message(1, "Hello")])).await.unwrap();
    tokio::time::sleep(Duration::from_secs(30)).await;
    let figures = bed.spool.figures().await.unwrap();
    assert_eq!(figures.delivered, 1, "{figures:?}");
}

#[tokio::test(start_paused = true)]
async fn an_erasure_is_sent_again_although_it_was_heard_of_meanwhile() {
    let (dir, store) = (TempDir::new().unwrap(), Told::new());
    let bed = Bed::timed(dir.path(), &store);
    let user = UserId::parse("u_a").unwrap();
    bed.spool.forget(&user).await.unwrap();
    a_moment().await;
    // A call that was on the line all the while, and is noted only now.
    bed.spool.begin(open_call("u_a", "CA1"));
    tokio::time::sleep(Duration::from_secs(15)).await;
    assert_eq!(bed.spool.figures().await.unwrap().open_calls, 0, "the store was asked who is erased");
    store.server.send_replace(Some(ServerId("two".to_owned())));
    a_moment().await;
    assert_eq!(*store.erased.lock().unwrap(), [user.clone(), user]);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_server_is_noticed_over_a_restart() {
    let (dir, store) = (TempDir::new().unwrap(), Told::new());
    {
        let bed = Bed::open(dir.path(), &store);
        bed.spool.close(&caller("u_a"), session("u_a", "CA1", Vec::new())).await.unwrap();
        assert!(bed.spool.delivered(Duration::from_secs(5)).await);
    }
    store.server.send_replace(Some(ServerId("two".to_owned())));
    let _bed = Bed::open(dir.path(), &store);
    // Both may do it, the one that is about to stop and the new one; the second time changes nothing.
    eventually("the session is sent again", async || store.of("u_a").len() >= 2).await;
}
