//! A user who may not do all that calls need is told so when the server is met, not by the first caller.

use redial_store::redis::RedisOptions;

use super::server::{Log, connect_with, looking_often, until_found};
use super::*;

/// What is documented as enough.
const ENOUGH: &str = "~sarah:* ~conversation:* -@all +@read +@write -@dangerous +eval +evalsha +ping +info +role +time";

async fn server_with(rules: &str) -> (RedisServer, String) {
    let user = format!("gateway on >word {rules}");
    let mut args = vec!["--appendonly", "yes", "--user"];
    args.extend(user.split_whitespace());
    let server = RedisServer::start_with(&args).await;
    let url = server.url().replace("//", "//gateway:word@");
    (server, url)
}

/// The one finding about rights, as who asks first is told it.
async fn first_word(url: &str) -> Option<String> {
    let store = connect_with(url, RedisOptions::default());
    let findings = eventually(|| store.health()).await.findings;
    let mut of_rights = findings.into_iter().filter(|finding| finding.contains("not all that calls need is allowed"));
    let found = of_rights.next();
    assert_eq!(of_rights.next(), None);
    found
}

#[tokio::test]
async fn a_user_who_may_run_no_script_is_told_at_the_start_with_the_line_to_grant() {
    let (log, _guard) = Log::start();
    let (server, url) = server_with(&ENOUGH.replace("+eval +evalsha ", "")).await;
    let store = connect_with(&url, looking_often());
    let findings = eventually(|| store.health()).await.findings;
    let told = findings.iter().find(|finding| finding.contains("not all that calls need")).expect("told at once");
    for part in [
        "NOPERM this user has no permissions to run the 'eval' command",
        "'evalsha' command",
        "ACL SETUSER <user> ~sarah:* ~conversation:* +@read +@write +eval +evalsha +ping +role +info +time",
    ] {
        assert!(told.contains(part), "{part} in {told}");
    }
    assert!(!told.contains("gateway"), "{told}");
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(log.count("not all that calls need is allowed"), 1, "once, though looked for often: {}", log.text());
    assert!(log.text().contains("ACL SETUSER <user>"), "{}", log.text());
    let refused = advice(store.begin_call(&caller()).await);
    assert!(refused.contains("may not do this"), "{refused}");

    let mut grant = redis::cmd("ACL");
    let () = grant
        .arg("SETUSER")
        .arg("gateway")
        .arg("+eval")
        .arg("+evalsha")
        .query_async(&mut server.raw().await)
        .await
        .unwrap();
    until_found(&store, "not all that calls need", false).await;
    store.begin_call(&caller()).await.unwrap();
}

#[tokio::test]
async fn each_missing_right_is_named_and_a_user_with_all_of_them_hears_nothing() {
    for (without, with, named) in [
        ("", "", None),
        ("+evalsha ", "", Some("'evalsha' command")),
        ("+@write ", "", Some("UNLINK, DEL")),
        ("+@write ", "+@write -hset -zadd", Some("subcommand: ZADD, HSET")),
        ("~conversation:* ", "", Some("access one of the keys")),
        ("~sarah:* ", "~sarah:user:* ~sarah:meta:* ~sarah:session:* ~sarah:done:*", Some("access one of the keys")),
    ] {
        let rules = format!("{} {with}", ENOUGH.replace(without, ""));
        let rules = if without.is_empty() { ENOUGH.to_owned() } else { rules };
        let (server, url) = server_with(&rules).await;
        let told = first_word(&url).await;
        match named {
            None => assert_eq!(told, None, "{rules}"),
            Some(named) => assert!(told.as_ref().is_some_and(|told| told.contains(named)), "{rules}: {told:?}"),
        }
        assert!(everything(&mut server.raw().await).await.is_empty(), "trying leaves nothing");
    }
}

#[tokio::test]
async fn a_server_without_scripts_is_named_with_its_own_words() {
    let server = RedisServer::start_with(&["--rename-command", "EVAL", "", "--rename-command", "EVALSHA", ""]).await;
    let told = first_word(&server.url()).await.expect("a finding");
    assert!(told.contains("ERR unknown command 'eval'") && told.contains("rename-command"), "{told}");
    assert!(!told.contains("ACL SETUSER"), "{told}");
}

#[tokio::test]
async fn in_a_cluster_all_rights_are_there_or_named_as_well() {
    let rules = "~sarah:* ~conversation:* -@all +@read +@write -@dangerous +ping +role +info +time +cluster|slots";
    for (more, expected) in [("", true), ("+eval +evalsha", false)] {
        let user = format!("gateway on >word {rules} {more}");
        let mut args = vec!["--user"];
        args.extend(user.split_whitespace());
        let cluster = crate::support::cluster::RedisCluster::start_with(&args).await;
        let told = first_word(&cluster.url().replace("://", "://gateway:word@")).await;
        assert_eq!(told.is_some(), expected, "{told:?}");
    }
}
