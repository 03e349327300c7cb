//! Ten kills of two gateways, at random, under callers who come back to the other one, who ask for it and then give up, or
//! who have hung up by then. What was on a disk is in the store in the end, once.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use redial_memory::model::SessionDoc;
use tokio::sync::watch;

use super::gateways::{Gateways, journal, said_in};
use super::line::Line;
use crate::faults::bed::caller::number;
use crate::faults::bed::is_long;
use crate::support::line::{Wire, call_sid};

const CALLERS: usize = 6;
/// Long enough for a call to come back to a gateway that still has it open from before it was killed.
const RESUME_GRACE_S: &str = "5";

fn kills() -> usize {
    if is_long() { 60 } else { 10 }
}

/// What is known to be on a disk: by call, its rows in their order.
type Kept = Arc<Mutex<BTreeMap<String, Vec<String>>>>;

/// Numbers that are the same at every run.
struct Chance(u32);

impl Chance {
    fn below(&mut self, limit: u32) -> u32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.0 >> 8) % limit
    }
}

/// Which gateways are up, counted by their lives: an odd number is a life.
type Lives = watch::Receiver<[u32; 2]>;

/// One caller, call after call, until told to stop.
struct Talk {
    wires: [Wire; 2],
    dirs: [PathBuf; 2],
    number: String,
    chance: Chance,
    kept: Kept,
    lives: Lives,
    /// From now on whoever is cut off asks for the call, and gives up before the stream is there.
    gives_up: watch::Receiver<bool>,
    stop: watch::Receiver<bool>,
}

impl Talk {
    async fn run(mut self) -> usize {
        let mut calls = 0;
        while !*self.stop.borrow() {
            calls += 1;
            self.call().await;
        }
        calls
    }

    /// A gateway that is up, another one than that which has just died if there is one.
    async fn one_that_is_up(&mut self, not: Option<usize>) -> usize {
        let is_up = |lives: &[u32; 2], at: usize| lives[at] % 2 == 1;
        let lives = *self.lives.wait_for(|lives| is_up(lives, 0) || is_up(lives, 1)).await.unwrap();
        let other = not.map_or_else(|| self.chance.below(2) as usize, |at| 1 - at);
        if is_up(&lives, other) { other } else { 1 - other }
    }

    async fn call(&mut self) {
        let sid = call_sid();
        let (mut rows, mut at) = (0, self.one_that_is_up(None).await);
        let token = post(&self.wires[at], "/voice", &sid, &self.number).await;
        let Some(mut line) = self.open(at, &sid, token).await else { return };
        loop {
            rows += 1;
            let row = format!("{rows}#");
            line.press(&row).await;
            self.keep(&line, at, &sid, row).await;
            if !line.is_over() && (*self.stop.borrow() || self.chance.below(40) == 0) {
                return line.hang_up(&sid).await;
            }
            if !line.is_over() {
                tokio::time::sleep(Duration::from_millis(u64::from(self.chance.below(150)))).await;
                continue;
            }
            // Hung up by now; or asks and gives up before the stream is there; or goes on.
            let (what, gives_up) = (self.chance.below(10), *self.gives_up.borrow());
            if what < 2 && !gives_up {
                return;
            }
            at = self.one_that_is_up(Some(at)).await;
            let token = post(&self.wires[at], "/voice/resume", &sid, &self.number).await;
            if what < 5 || gives_up {
                return;
            }
            let Some(again) = self.open(at, &sid, token).await else { return };
            line = again;
        }
    }

    async fn open(&self, at: usize, sid: &str, token: Option<String>) -> Option<Line> {
        Line::try_open(&self.wires[at], sid, &token?).await
    }

    /// Waits until a row is on the disk, or the stream is over; then it may be or not.
    async fn keep(&self, line: &Line, at: usize, sid: &str, row: String) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while !line.is_over() && Instant::now() < deadline {
            if journal(&self.dirs[at]).get(sid).is_some_and(|said| said.contains(&row)) {
                self.kept.lock().unwrap().entry(sid.to_owned()).or_default().push(row);
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// The token that a webhook answers, if the gateway lives to answer it.
async fn post(wire: &Wire, path: &str, sid: &str, from: &str) -> Option<String> {
    let document = wire.try_post(path, &crate::support::line::fields(sid, from)).await?;
    document.contains("name=\"token\"").then(|| crate::support::line::token(&document))
}

/// What is missing or doubled of a call.
fn faults_of(sid: &str, kept: &[String], session: Option<&SessionDoc>) -> Vec<String> {
    let Some(session) = session else { return vec![format!("{sid}: all of {kept:?} is missing")] };
    let said = said_in(session);
    let mut faults = Vec::new();
    for row in kept {
        let times = said.iter().filter(|said| *said == row).count();
        if times != 1 {
            faults.push(format!("{sid}: {row} is there {times} times, in {said:?}"));
        }
    }
    faults
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_kills_of_two_gateways_lose_and_double_nothing() {
    let began = Instant::now();
    let mut gateways = Gateways::start(RESUME_GRACE_S).await;
    let (kept, mut chance) = (Kept::default(), Chance(7));
    let (lives, seen) = watch::channel([1, 1]);
    let (stop, stopped) = watch::channel(false);
    let (give_up, gives_up) = watch::channel(false);
    let talks: Vec<_> = (0..CALLERS)
        .map(|n| {
            let talk = Talk {
                wires: [0, 1].map(|at| gateways.wire(at)),
                dirs: [0, 1].map(|at| gateways.dir(at).to_owned()),
                number: number(n),
                chance: Chance(u32::try_from(n).unwrap()),
                kept: Arc::clone(&kept),
                lives: seen.clone(),
                gives_up: gives_up.clone(),
                stop: stopped.clone(),
            };
            tokio::spawn(talk.run())
        })
        .collect();
    for kill in 0..kills() {
        tokio::time::sleep(Duration::from_millis(u64::from(400 + chance.below(1200)))).await;
        let at = kill % 2;
        if kill + 1 == kills() {
            // What these leave behind, no later restart finds.
            give_up.send_replace(true);
        }
        lives.send_modify(|lives| lives[at] += 1);
        gateways.both[at].0.kill();
        tokio::time::sleep(Duration::from_millis(u64::from(chance.below(600)))).await;
        gateways.both[at].0.restart().await;
        gateways.both[at].0.ready().await;
        lives.send_modify(|lives| lives[at] += 1);
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    stop.send_replace(true);
    let mut calls = 0;
    for talk in talks {
        calls += talk.await.unwrap();
    }
    gateways.drained().await;
    let (contents, kept) = (gateways.contents().await, kept.lock().unwrap().clone());
    let sessions = contents.sessions();
    let turns: usize = kept.values().map(Vec::len).sum();
    let faults: Vec<String> = kept.iter().flat_map(|(sid, kept)| faults_of(sid, kept, sessions.get(sid))).collect();
    eprintln!(
        "{} kills of two gateways in {:.1} s: {calls} calls, {turns} turns on a disk, {} missing or doubled",
        kills(),
        began.elapsed().as_secs_f64(),
        faults.len()
    );
    assert!(turns > 10 * kills(), "{turns} turns in {} lives: nothing was tried", kills());
    assert!(faults.is_empty(), "{faults:#?}\n{}", gateways.warnings());
    let counted: u64 = contents.profiles().values().map(|(calls, _)| calls).sum();
    assert_eq!(counted, sessions.len() as u64, "each call counts once");
}
