//! The Redis store by way of real Sentinels.

use super::server::another;
use super::*;
use crate::support::sentinel::Sentinels;

async fn store(sentinels: &Sentinels) -> RedisStore {
    let store = connect(&sentinels.url(), StoreSettings::default());
    eventually(|| store.health()).await;
    store
}

#[tokio::test]
async fn the_promoted_replica_is_found_within_five_seconds() {
    let mut sentinels = Sentinels::start().await;
    let store = store(&sentinels).await;
    let mut id = store.server();
    let first = another(&mut id, None).await;
    store.begin_call(&caller()).await.unwrap();
    store.commit_session(&hang_up("CA1", 1, NOON, 0)).await.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await; // for the replica

    sentinels.master.kill();
    let killed = Instant::now();
    let written = eventually(|| async { store.commit_session(&hang_up("CA2", 1, NOON, 1)).await }).await;
    let took = killed.elapsed();
    eprintln!("first good write {took:?} after the master was killed");
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert_eq!(written, Outcome::Applied { revision: 2 });
    let second = another(&mut id, Some(&first)).await;
    assert!(second.0.ends_with(&sentinels.replica.port().to_string()), "{second:?}");
}

#[tokio::test]
async fn a_master_that_is_swapped_for_its_replica_is_followed() {
    let mut sentinels = Sentinels::start().await;
    sentinels.kill_sentinel(2);
    let store = store(&sentinels).await;
    let mut id = store.server();
    let first = another(&mut id, None).await;
    store.begin_call(&caller()).await.unwrap();
    sentinels.swap().await;
    let swapped = Instant::now();
    another(&mut id, Some(&first)).await;
    eprintln!("the new master is known {:?} after the order to swap", swapped.elapsed());
    eventually(|| async { store.commit_session(&hang_up("CA1", 1, NOON, 0)).await }).await;
    assert!(sentinels.replica.raw().await.exists(SESSION).await.unwrap());
}

#[tokio::test]
async fn one_sentinel_of_three_is_enough() {
    let mut sentinels = Sentinels::start().await;
    sentinels.kill_sentinel(0);
    sentinels.kill_sentinel(1);
    store(&sentinels).await.begin_call(&caller()).await.unwrap();
}

#[tokio::test]
async fn what_is_wrong_with_sentinels_is_advised_on() {
    let mut sentinels = Sentinels::start().await;
    let unknown = connect(&sentinels.url().replace("/main", "/other"), StoreSettings::default());
    assert!(advice(unknown.health().await).contains("no master of that name"));
    let server = RedisServer::start().await;
    let no_sentinel = format!("{}/main", server.url().replace("redis:", "redis+sentinel:"));
    let no_sentinel = connect(&no_sentinel, StoreSettings::default());
    assert!(advice(no_sentinel.health().await).contains("none of the Sentinels"));
    for i in 0..3 {
        sentinels.kill_sentinel(i);
    }
    let gone = connect(&sentinels.url(), StoreSettings::default());
    assert!(advice(gone.health().await).contains("none of the Sentinels"));
}
