//! The data directory is taken away, or replaced, under a running gateway.

use std::time::Duration;

use tempfile::TempDir;

use super::{Caller, eventually, said, shared};
use crate::support::line::{Wire, call_sid, fields};
use crate::support::process::GatewayProcess;
use crate::support::redis::RedisServer;

const WITHIN: Duration = Duration::from_secs(30);

async fn ready(wire: &Wire) -> (u16, String) {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = client.get(wire.url("/readyz")).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_whose_data_directory_is_gone_takes_no_calls_and_loses_none() {
    let (home, redis) = (TempDir::new().unwrap(), RedisServer::start().await);
    let (dir, elsewhere) = (home.path().join("data"), home.path().join("elsewhere"));
    let vars = [("REDIS_URL", redis.url()), ("RUST_LOG", "info".to_owned())];
    let vars: Vec<(&str, &str)> = vars.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let gateway = GatewayProcess::start(&dir, &vars).await;
    gateway.ready().await;
    let wire = gateway.wire();
    let mut ana = Caller::call(&wire, "+14155550101").await;
    ana.press("7351928461");
    eventually("calls are taken", WITHIN, async || ready(&wire).await.0 == 200).await;
    for replaced in [false, true] {
        std::fs::rename(&dir, &elsewhere).unwrap();
        if replaced {
            // As by whoever unpacks a backup over it.
            std::fs::create_dir(&dir).unwrap();
            std::fs::copy(elsewhere.join("redial.sqlite"), dir.join("redial.sqlite")).unwrap();
        }
        eventually("it is noticed", WITHIN, async || ready(&wire).await.0 == 503).await;
        let (status, document) = wire.post("/voice", &fields(&call_sid(), "+14155550102")).await;
        assert_eq!(status, 503, "{document}");
        assert!(document.contains("data directory"), "{document}");
        assert!(ana.is_on_the_line(), "a call that goes on is dropped");
        if replaced {
            std::fs::remove_dir_all(&dir).unwrap();
        }
        std::fs::rename(&elsewhere, &dir).unwrap();
        eventually("it is back", WITHIN, async || ready(&wire).await.0 == 200).await;
    }
    std::fs::rename(&dir, &elsewhere).unwrap();
    eventually("it is noticed", WITHIN, async || ready(&wire).await.0 == 503).await;
    ana.hang_up();
    ana.over().await;
    let store = shared(&redis).await;
    eventually("what was said is in Redis", WITHIN, async || {
        use redial_store::store::Store as _;
        store
            .load_session(&ana.sid.parse().unwrap())
            .await
            .is_ok_and(|session| session.is_some_and(|s| said(&s) == ana.pressed))
    })
    .await;
    let times = gateway.log().matches("the data directory is gone, or").count();
    assert_eq!(times, 3, "said once each time");
}
