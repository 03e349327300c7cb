//! The Redis store over a real cluster of three masters.

use super::server::{another, connect_with, looking_often};
use super::*;
use crate::support::cluster::RedisCluster;
use crate::support::indexed;

/// On a busy machine a cluster's first answer may take longer than a caller is left waiting.
async fn store(cluster: &RedisCluster) -> RedisStore {
    let store = connect(&cluster.url(), StoreSettings::default()).begin_call_within(Duration::from_secs(5));
    eventually(|| store.health()).await;
    store
}

fn caller_named(name: &str) -> Caller {
    Caller { user_id: user(&format!("u_{name}")), hash: Some(PhoneHash::parse(&format!("hash-{name}")).unwrap()) }
}

fn hang_up_of(caller: &Caller, user_id: &UserId, sid: &str, base_revision: u64) -> Commit {
    Commit { caller: caller.clone(), user_id: user_id.clone(), ..hang_up(sid, 1, NOON, base_revision) }
}

#[tokio::test]
async fn callers_of_all_slots_are_remembered_each_in_one_slot() {
    let cluster = RedisCluster::start().await;
    let store = store(&cluster).await;
    let mut owners = std::collections::HashSet::new();
    for i in 0..20 {
        let (caller, sid) = (caller_named(&i.to_string()), format!("CA{i}"));
        let known = store.begin_call(&caller).await.unwrap();
        assert!(known.created);
        store.commit_session(&hang_up_of(&caller, &known.user_id, &sid, 0)).await.unwrap();
        let known = store.begin_call(&caller).await.unwrap();
        assert_eq!(
            (known.created, known.calls, indexed(&store, &known.user_id).await),
            (false, 1, vec![sid.parse().unwrap()])
        );
        assert!(store.load_session(&sid.parse().unwrap()).await.unwrap().is_some());
        owners.insert(cluster.owner_of(&format!("sarah:{{u_{i}}}:profile")).await);
    }
    assert_eq!(owners.len(), 3, "twenty callers are spread over all masters");
    let untagged: Vec<String> = cluster
        .keys()
        .await
        .into_iter()
        .filter(|key| !key.contains(":{u_") && !key.contains(":phone:{") && !key.starts_with("sarah:where:"))
        .collect();
    assert_eq!(untagged, [""; 0]);
}

#[tokio::test]
async fn a_withheld_number_leaves_its_session_and_where_it_is() {
    let cluster = RedisCluster::start().await;
    let store = store(&cluster).await;
    let commit = Commit { caller: withheld(), user_id: user("anon_1"), ..hang_up("CA1", 1, NOON, 0) };
    assert_eq!(store.commit_session(&commit).await.unwrap(), Outcome::Applied { revision: 0 });
    assert_eq!(store.commit_session(&commit).await.unwrap(), Outcome::Duplicate);
    assert_eq!(cluster.keys().await, ["sarah:where:CA1", "sarah:{anon_1}:done:CA1", "sarah:{anon_1}:session:CA1"]);
    assert!(store.load_session(&"CA1".parse().unwrap()).await.unwrap().is_some());
}

#[tokio::test]
async fn an_erased_caller_comes_back_as_somebody_else_and_stays_that() {
    let cluster = RedisCluster::start().await;
    let store = store(&cluster).await;
    let ana = caller_named("ana");
    let owner = cluster.owner_of("sarah:{u_ana}:gone").await;
    cluster.masters[owner].raw().await.set("sarah:{u_ana}:gone", "1").await.unwrap();

    let new = store.begin_call(&ana).await.unwrap();
    assert!(new.created && new.user_id != ana.user_id);
    assert_eq!(store.commit_session(&hang_up_of(&ana, &ana.user_id, "CA1", 0)).await.unwrap(), Outcome::Erased);
    let written = store.commit_session(&hang_up_of(&ana, &new.user_id, "CA1", 0)).await.unwrap();
    assert_eq!(written, Outcome::Applied { revision: 1 });
    let again = store.begin_call(&ana).await.unwrap();
    assert_eq!((again.user_id, again.created, again.calls), (new.user_id, false, 1));
    assert!(store.load_session(&"CA1".parse().unwrap()).await.unwrap().is_some());
}

#[tokio::test]
async fn a_linked_number_has_the_memory_of_the_user_that_it_is_linked_to() {
    let cluster = RedisCluster::start().await;
    let store = store(&cluster).await;
    let (ana, bob) = (caller_named("ana"), caller_named("bob"));
    store.commit_session(&hang_up_of(&bob, &bob.user_id, "CA1", 0)).await.unwrap();
    let phone = "sarah:phone:{hash-ana}";
    let mut raw = cluster.masters[cluster.owner_of(phone).await].raw().await;
    raw.set_ex(phone, "u_bob", 1000).await.unwrap();

    let known = store.begin_call(&ana).await.unwrap();
    assert_eq!((&known.user_id, known.created, known.calls), (&bob.user_id, false, 1));
    assert_ttl(&mut raw, phone, 90 * DAY_S).await;
    let written = store.commit_session(&hang_up_of(&ana, &known.user_id, "CA2", known.revision)).await.unwrap();
    assert_eq!(written, Outcome::Applied { revision: 2 });
    assert_eq!(store.begin_call(&bob).await.unwrap().calls, 2);

    // Bob is erased: Ana's number still points at him, and is given a new id.
    let gone = "sarah:{u_bob}:gone";
    cluster.masters[cluster.owner_of(gone).await].raw().await.set(gone, "1").await.unwrap();
    let known = store.begin_call(&ana).await.unwrap();
    assert!(known.created && known.user_id != bob.user_id && known.user_id != ana.user_id);
    assert_eq!(store.begin_call(&ana).await.unwrap().user_id, known.user_id);
}

#[tokio::test]
async fn a_master_that_is_lost_costs_only_its_own_callers_and_is_another_server_when_it_is_back() {
    let mut cluster = RedisCluster::start().await;
    let store = store(&cluster).await;
    let mut id = store.server();
    let first = another(&mut id, None).await;
    let callers: Vec<Caller> = (0..30).map(|i| caller_named(&i.to_string())).collect();
    let mut lost = Vec::new();
    let mut others = Vec::new();
    for caller in &callers {
        if owners(&cluster, caller).await.contains(&1) { lost.push(caller) } else { others.push(caller) }
    }
    assert!(!lost.is_empty() && !others.is_empty());

    cluster.masters[1].kill();
    eventually(|| async { store.begin_call(lost[0]).await.err().ok_or("still there") }).await;
    let until = Instant::now() + Duration::from_secs(5);
    let (mut asked, mut failed) = (0, 0);
    while Instant::now() < until {
        for caller in &others {
            asked += 1;
            failed += u32::from(store.begin_call(caller).await.is_err());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    eprintln!("while one master of three was dead: {failed} of {asked} call starts of the others' failed");
    assert!(failed * 100 <= asked, "{failed} of {asked} failed");

    cluster.masters[1].restart().await;
    let back = Instant::now();
    for caller in &lost {
        eventually(|| async { store.begin_call(caller).await }).await;
    }
    eprintln!("all its callers were served {:?} after its restart", back.elapsed());
    another(&mut id, Some(&first)).await;
    eventually(|| store.health()).await;
}

#[tokio::test]
async fn scripts_that_a_server_forgot_are_sent_again_while_a_master_is_lost() {
    let mut cluster = RedisCluster::start().await;
    let store = store(&cluster).await;
    cluster.masters[1].kill();
    for i in [0, 2] {
        redis::cmd("SCRIPT").arg("FLUSH").query_async::<()>(&mut cluster.masters[i].raw().await).await.unwrap();
    }
    let mut served = 0;
    for i in 0..20 {
        let (caller, sid) = (caller_named(&i.to_string()), format!("CA{i}"));
        let place = cluster.owner_of(&format!("sarah:where:{sid}")).await;
        if !owners(&cluster, &caller).await.contains(&1) && place != 1 {
            // Not again and again until it works: a server that knows no script is no reason for a caller to wait.
            let known = store.begin_call(&caller).await.unwrap();
            store.commit_session(&hang_up_of(&caller, &known.user_id, &sid, 0)).await.unwrap();
            served += 1;
        }
    }
    assert!(served > 2, "{served}");
}

#[tokio::test]
async fn a_store_that_starts_while_a_master_is_lost_serves_the_others_callers() {
    let mut cluster = RedisCluster::start().await;
    cluster.masters[0].kill();
    // Who answers is looked at as often as how the servers are.
    let store = connect_with(&cluster.url(), looking_often()).begin_call_within(Duration::from_secs(5));
    let mut served = 0;
    for i in 0..20 {
        let caller = caller_named(&i.to_string());
        if !owners(&cluster, &caller).await.contains(&0) {
            eventually(|| async { store.begin_call(&caller).await }).await;
            served += 1;
        }
    }
    assert!(served > 3, "{served}");
    // What is to be delivered to the others does not wait for it, and is sent again once all are there.
    let mut id = store.server();
    let partial = another(&mut id, None).await;
    cluster.masters[0].restart().await;
    another(&mut id, Some(&partial)).await;
    eventually(|| store.health()).await;
}

/// The masters that have a caller's memory: the user's and the number's.
async fn owners(cluster: &RedisCluster, caller: &Caller) -> [usize; 2] {
    let hash = caller.hash.as_ref().unwrap();
    [
        cluster.owner_of(&format!("sarah:{{{}}}:profile", caller.user_id.as_str())).await,
        cluster.owner_of(&format!("sarah:phone:{{{}}}", hash.as_str())).await,
    ]
}

#[tokio::test]
async fn the_advised_acl_user_is_enough() {
    let rules = "gateway on >word ~sarah:* -@all +@read +@write -@dangerous +eval +evalsha +ping +role +info +time \
                 +cluster|slots";
    let mut args = vec!["--user"];
    args.extend(rules.split_whitespace());
    let cluster = RedisCluster::start_with(&args).await;
    let url = cluster.url().replace("://", "://gateway:word@");
    let store = connect(&url, StoreSettings::default()).begin_call_within(Duration::from_secs(5));
    eventually(|| store.health()).await;
    let known = store.begin_call(&caller()).await.unwrap();
    store.commit_session(&hang_up_of(&caller(), &known.user_id, "CA1", 0)).await.unwrap();
    assert!(store.load_session(&"CA1".parse().unwrap()).await.unwrap().is_some());
    another(&mut store.server(), None).await;

    let wrong = connect(&url.replace("word", "other"), StoreSettings::default());
    assert!(advice(wrong.health().await).contains("REDIS_PASSWORD"));
}

#[tokio::test]
async fn a_cluster_that_starts_later_is_found() {
    let mut cluster = RedisCluster::start().await;
    for master in &mut cluster.masters {
        master.kill();
    }
    let store = connect(&cluster.url(), StoreSettings::default());
    assert!(advice(store.health().await).contains("nothing listens"));
    for master in &mut cluster.masters {
        master.restart().await;
    }
    cluster.until_whole().await;
    eventually(|| async { store.begin_call(&caller()).await }).await;
    eventually(|| store.health()).await;
}

#[tokio::test]
async fn one_node_of_a_cluster_and_a_server_that_is_none_are_told_apart() {
    let cluster = RedisCluster::start().await;
    let mut advices = Vec::new();
    for master in &cluster.masters {
        let store = connect(&master.url(), StoreSettings::default());
        eventually(|| store.health()).await;
        advices.extend(store.begin_call(&caller()).await.err().map(|error| advice::<Known>(Err(error))));
    }
    assert!(!advices.is_empty());
    for advice in advices {
        assert!(advice.contains("use redis+cluster://"), "{advice}");
    }
    let single = RedisServer::start().await;
    let store = connect(&single.url().replace("redis:", "redis+cluster:"), StoreSettings::default());
    let advice = advice(store.health().await);
    assert!(advice.contains("use redis://"), "{advice}");
}

#[tokio::test]
async fn a_flat_layout_is_refused() {
    use redial_store::redis::{Layout, RedisOptions};
    let options = RedisOptions { layout: Some(Layout::Flat), ..RedisOptions::default() };
    let error = RedisStore::connect_with(&"redis+cluster://h".into(), StoreSettings::default(), options).unwrap_err();
    assert!(error.to_string().contains("tagged"), "{error}");
}
