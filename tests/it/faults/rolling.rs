//! Two gateways over one Redis, replaced one after the other under live calls: each time the call goes on with all that was
//! said before, and in the end everything is there once.

mod gateways;
mod kills;
mod line;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures_util::future::join_all;

use self::gateways::{Gateways, said_in};
use self::line::Line;
use crate::faults::bed::{caller::number, is_long};
use crate::support::line::call_sid;

/// A busy machine may take long for anything.
const PATIENCE: Duration = Duration::from_secs(40);
/// Rows of keys that each caller presses at each gateway.
const ROWS: usize = 2;

/// How a gateway is replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Deploy {
    /// It hands its calls over and ends.
    HandOver,
    /// It is killed, once the mirror has what was said.
    Kill,
}

/// A caller, and what of theirs is on a gateway's disk.
struct Caller {
    sid: String,
    number: String,
    line: Option<Line>,
    said: Vec<String>,
}

fn calls() -> usize {
    if is_long() { 40 } else { 4 }
}

/// What each of them has said.
fn said(callers: &[Caller]) -> BTreeMap<String, Vec<String>> {
    callers.iter().map(|caller| (caller.sid.clone(), caller.said.clone())).collect()
}

/// Waits until a gateway's journal has of each call all that was said in it, in its order and once.
async fn whole(gateways: &Gateways, at: usize, callers: &[Caller], when: &str) {
    let (deadline, expected) = (Instant::now() + PATIENCE, said(callers));
    // As it was last, as a caller who says nothing more is hung up on in the end.
    let mut journal = BTreeMap::new();
    loop {
        journal.extend(gateways.journal(at));
        let differs: Vec<_> =
            expected.iter().filter(|(sid, said)| journal.get(*sid) != Some(said)).map(|(sid, _)| sid).collect();
        if differs.is_empty() {
            return;
        }
        let first = differs[0];
        assert!(
            Instant::now() < deadline,
            "{when}: {} of {} calls are not whole, as {first}: {:?} instead of {:?}\n{}",
            differs.len(),
            expected.len(),
            journal.get(first),
            expected[first],
            gateways.warnings()
        );
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
}

/// Each caller presses so many rows, one after the other.
async fn talk(gateways: &Gateways, at: usize, callers: &mut [Caller], when: &str) {
    for _ in 0..ROWS {
        for caller in callers.iter_mut() {
            let row = format!("{}#", caller.said.len() + 1);
            caller.line.as_ref().unwrap().press(&row).await;
            caller.said.push(row);
        }
        whole(gateways, at, callers, when).await;
    }
}

async fn a_rolling_deploy(deploy: Deploy) {
    let began = Instant::now();
    let mut gateways = Gateways::start("1").await;
    let mut callers = Vec::new();
    for n in 0..calls() {
        let (sid, number) = (call_sid(), number(n));
        let line = Some(Line::ring(&gateways.wire(0), &sid, &number).await);
        callers.push(Caller { sid, number, line, said: Vec::new() });
    }
    talk(&gateways, 0, &mut callers, "at first").await;
    for (leg, (from, to)) in [(0, 1), (1, 0), (0, 1)].into_iter().enumerate() {
        let when = format!("{deploy:?}, {} goes on at {}", leg + 1, ["A", "B"][to]);
        match deploy {
            Deploy::HandOver => gateways.both[from].0.terminate(),
            Deploy::Kill => {
                gateways.mirrored(&said(&callers)).await;
                gateways.both[from].0.kill();
            }
        }
        let wire = gateways.wire(to);
        join_all(callers.iter_mut().map(async |caller| {
            caller.line.take().unwrap().over().await;
            caller.line = Some(Line::resume(&wire, &caller.sid, &caller.number).await);
        }))
        .await;
        whole(&gateways, to, &callers, &when).await;
        talk(&gateways, to, &mut callers, &when).await;
        if deploy == Deploy::HandOver {
            assert_eq!(gateways.both[from].0.ended(PATIENCE).await, Some(0), "{when}");
        }
        gateways.both[from].0.restart().await;
        gateways.both[from].0.ready().await;
    }
    for caller in &mut callers {
        caller.line.take().unwrap().hang_up(&caller.sid).await;
    }
    gateways.drained().await;
    let contents = gateways.contents().await;
    let sessions = contents.sessions();
    for caller in &callers {
        assert_eq!(said_in(&sessions[&caller.sid]), caller.said, "{}", caller.sid);
        let starts: Vec<u64> =
            sessions[&caller.sid].conversation_history.iter().map(|message| message.turn.start_ms).collect();
        assert!(starts.is_sorted(), "one clock for the whole call: {starts:?}");
    }
    let counted: Vec<u64> = contents.profiles().values().map(|(calls, _)| *calls).collect();
    assert_eq!(counted, vec![1; callers.len()], "each call counts once");
    let rows: usize = callers.iter().map(|caller| caller.said.len()).sum();
    eprintln!(
        "rolling deploy A, B, A, B ({deploy:?}): {} live calls, 3 times each taken up whole, {rows} turns, lost 0, \
         doubled 0, in {:.1} s",
        callers.len(),
        began.elapsed().as_secs_f64()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_are_handed_to_and_fro_keep_all_that_was_said() {
    a_rolling_deploy(Deploy::HandOver).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_whose_gateways_are_killed_in_turn_keep_all_that_was_said() {
    a_rolling_deploy(Deploy::Kill).await;
}
