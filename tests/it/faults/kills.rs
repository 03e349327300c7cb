//! The gateway is killed at random instants of live calls: every turn that it had acknowledged is in the restored session.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use redial_store::clock;
use redial_store::settings::StoreSettings;
use redial_store::sqlite::SqliteStore;
use redial_store::store::Store as _;
use tempfile::TempDir;

use crate::support::line::{Socket, call_sid, dtmf, start};
use crate::support::process::{Acknowledged, GatewayProcess};

/// Calls at the same time.
const CALLS: usize = 4;

/// How often the gateway is killed: a few in a normal run; `KILLS=1000` for the long one.
fn kills() -> usize {
    std::env::var("KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(25)
}

/// A caller who presses keys as fast as they are taken: each row of digits is a turn, and cuts a turn of the agent.
async fn press_keys(mut socket: Socket) {
    loop {
        for digit in ['4', '2', '#'] {
            socket.send(&dtmf(digit)).await;
        }
        tokio::time::sleep(Duration::from_millis(15)).await;
    }
}

/// Lives through one life of the gateway, which ends after `life`.
async fn live_and_die(gateway: &mut GatewayProcess, life: Duration) {
    gateway.ready().await;
    let wire = gateway.wire();
    let calls: Vec<_> = (0..CALLS)
        .map(|n| {
            let wire = wire.clone();
            tokio::spawn(async move {
                let (sid, from) = (call_sid(), format!("+1415555{:04}", 100 + n));
                let token = wire.ring(&sid, &from).await;
                let mut socket = wire.socket().await;
                socket.send(&start(&sid, &token)).await;
                press_keys(socket).await;
            })
        })
        .collect();
    tokio::time::sleep(life).await;
    gateway.kill();
    for call in calls {
        call.abort();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_that_was_acknowledged_survives_every_kill() {
    let dir = TempDir::new().unwrap();
    let mut gateway = GatewayProcess::start(dir.path(), &[("RESUME_GRACE_SECONDS", "1")]).await;
    let began = Instant::now();
    let (kills, mut random) = (kills(), 0x2545_f491_u32);
    for _ in 0..kills {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        // Between a call's first message and some dozen turns later.
        live_and_die(&mut gateway, Duration::from_millis(u64::from(20 + random % 500))).await;
        gateway.restart().await;
    }
    gateway.ready().await;
    let acknowledged = gateway.acknowledged();
    assert!(acknowledged.len() > kills, "{} turns in {kills} lives: nothing was tried", acknowledged.len());
    let limit = Duration::from_secs(30) + Duration::from_millis(60) * u32::try_from(kills).unwrap();
    let lost = missing_once_finished(&dir, &acknowledged, limit).await;
    eprintln!(
        "{kills} kills in {:.1} s: {} turns acknowledged, {} lost",
        began.elapsed().as_secs_f64(),
        acknowledged.len(),
        lost.len()
    );
    assert!(lost.is_empty(), "lost: {lost:?}");
}

/// What is not in the stored sessions once the last life's gateway has finished what the others left, or `limit` is over.
async fn missing_once_finished(dir: &TempDir, acknowledged: &Acknowledged, limit: Duration) -> Vec<(String, u64)> {
    let store =
        SqliteStore::open_with_clock(&dir.path().join("redial.sqlite"), StoreSettings::default(), clock::system())
            .unwrap();
    let deadline = Instant::now() + limit;
    let mut stored: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    loop {
        for (sid, _) in acknowledged {
            if !stored.contains_key(sid)
                // The gateway writes them all at once, and may keep the file locked meanwhile.
                && let Ok(Some(session)) = store.load_session(&sid.parse().unwrap()).await
            {
                let turns: Vec<u64> =
                    session.conversation_history.iter().map(|message| u64::from(message.turn.id.0)).collect();
                assert!(turns.is_sorted_by(|a, b| a < b), "{sid}: out of order or twice: {turns:?}");
                stored.insert(sid.clone(), turns);
            }
        }
        let lost: Vec<(String, u64)> = acknowledged
            .iter()
            .filter(|(sid, turn)| !stored.get(sid).is_some_and(|turns| turns.contains(turn)))
            .cloned()
            .collect();
        if lost.is_empty() || Instant::now() > deadline {
            return lost;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
