//! Calls of instances that died, and calls that go on with another one.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use redial_call::Turn;
use redial_identity::Caller;
use redial_memory::model::{Message, SessionDoc};
use redial_memory::session_id::SessionId;
use redial_store::directory::Memory;
use redial_store::mirror::{LiveCall, Mirror, Mirrored, Shown};
use redial_store::resume;
use redial_store::spool::{OpenCall, Sinks};
use redial_store::store::MemoryError;
use tempfile::TempDir;

use super::{Bed, NoCalls, Told, away, caller, eventually, message, open_call, said, session};

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_instances_calls_are_finished_and_a_living_ones_are_not() {
    let (dir, store) = (TempDir::new().unwrap(), Told::new());
    let dead = Bed::idle(dir.path());
    dead.begin(open_call("u_a", "CA1"));
    dead.turn(&"CA1".parse().unwrap(), message(1, "I need a plumber")).await.unwrap();
    let living = Bed::idle(dir.path());
    living.begin(open_call("u_b", "CA2"));
    living.turn(&"CA2".parse().unwrap(), message(1, "Hello")).await.unwrap();
    drop(dead);
    let bed = Bed::open(dir.path(), &store);
    eventually("its writer has ended", async || !bed.spool.finish_orphans().await.unwrap().is_empty()).await;
    eventually("the session arrives", async || store.of("u_a") == ["CA1"]).await;
    assert!(store.of("u_b").is_empty());
    assert_eq!(bed.spool.figures().await.unwrap().open_calls, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_somebody_else_asks_for_is_finished_all_the_same() {
    let dir = TempDir::new().unwrap();
    let dead = Bed::idle(dir.path());
    dead.begin(open_call("u_a", "CA1"));
    dead.turn(&"CA1".parse().unwrap(), message(1, "I need a plumber")).await.unwrap();
    drop(dead);
    let spool = Bed::idle(dir.path());
    assert_eq!(spool.resume(&"CA1".parse().unwrap(), caller("u_b").hash.as_ref()).await.unwrap(), None);
    eventually("it is finished", async || spool.finish_orphans().await.unwrap() == ["CA1"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_dead_instance_has_of_a_call_is_kept_when_the_call_goes_on_without_it() {
    let dir = TempDir::new().unwrap();
    let dead = Bed::idle(dir.path());
    dead.begin(open_call("u_a", "CA1"));
    for (id, text) in [(1, "Hello"), (2, "I need a plumber")] {
        dead.turn(&"CA1".parse().unwrap(), message(id, text)).await.unwrap();
    }
    drop(dead);
    let (spool, later) = (Bed::idle(dir.path()), 1_763_690_009_000);
    spool.begin(OpenCall { started_at: later, ..open_call("u_a", "CA1") });
    let again = Message { turn: Turn { start_ms: 400, ..message(1, "A plumber, please").turn } };
    spool.turn(&"CA1".parse().unwrap(), again.clone()).await.unwrap();
    let session = SessionDoc { started_at: later, ..session("u_a", "CA1", vec![again]) };
    spool.close(&caller("u_a"), session).await.unwrap();
    assert_eq!(said(&spool).await, [vec!["Hello", "I need a plumber"], vec!["A plumber, please"]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_another_instance_has_taken_up_stays_open_there() {
    let dir = TempDir::new().unwrap();
    let (one, other) = (Bed::idle(dir.path()), Bed::idle(dir.path()));
    one.begin(open_call("u_a", "CA1"));
    one.turn(&"CA1".parse().unwrap(), message(1, "Hello")).await.unwrap();
    let taken_up = other.resume(&"CA1".parse().unwrap(), caller("u_a").hash.as_ref()).await.unwrap().unwrap();
    other.begin(taken_up);
    other.turn(&"CA1".parse().unwrap(), message(2, "Are you there?")).await.unwrap();
    one.close(&caller("u_a"), session("u_a", "CA1", vec![message(1, "Hello")])).await.unwrap();
    assert_eq!(other.figures().await.unwrap().open_calls, 1);
    other.turn(&"CA1".parse().unwrap(), message(3, "A plumber, please")).await.unwrap();
    // Whatever whoever closes it knows of it.
    other.close(&caller("u_a"), session("u_a", "CA1", Vec::new())).await.unwrap();
    assert_eq!(said(&other).await, [vec!["Hello"], vec!["Hello", "Are you there?", "A plumber, please"]]);
}

/// Notes which calls are over, and whose they were. Knows of others what it is told.
#[derive(Default)]
struct Ended(Mutex<Vec<(String, String)>>, Mutex<Option<Load>>);

type Load = fn() -> Result<Option<Mirrored>, MemoryError>;

#[async_trait]
impl Mirror for Ended {
    async fn begin(&self, _: &LiveCall, _: &[Message], _: u64) -> Shown {
        Shown::Ours
    }

    async fn turn(&self, _: &SessionId, _: &str, _: &Message, _: u64) -> Shown {
        Shown::Ours
    }

    async fn load(&self, _: &SessionId) -> Result<Option<Mirrored>, MemoryError> {
        let told = *self.1.lock().unwrap();
        told.map_or(Ok(None), |told| told())
    }

    async fn end(&self, sid: &SessionId, instance: &str) {
        self.0.lock().unwrap().push((sid.to_owned().to_string(), instance.to_owned()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_ends_with_the_call_of_the_instance_that_has_it() {
    let (dir, store, mirror) = (TempDir::new().unwrap(), Told::new(), Arc::new(Ended::default()));
    let (one, other) = (Bed::idle(dir.path()), Bed::idle(dir.path()));
    one.begin(open_call("u_a", "CA1"));
    one.turn(&"CA1".parse().unwrap(), message(1, "Hello")).await.unwrap();
    let taken_up = other.resume(&"CA1".parse().unwrap(), caller("u_a").hash.as_ref()).await.unwrap().unwrap();
    other.begin(taken_up);
    other.turn(&"CA1".parse().unwrap(), message(2, "Are you there?")).await.unwrap();
    let only = Sinks::only(Arc::clone(&store) as Arc<dyn Memory>, Arc::new(NoCalls));
    let sinks = Sinks { mirror: Some(Arc::clone(&mirror) as _), ..only };
    let [first, bed] = [one, other].map(|spool| Bed::deliver_to(spool, sinks.clone()));
    first.spool.close(&caller("u_a"), session("u_a", "CA1", vec![message(1, "Hello")])).await.unwrap();
    eventually("the first copy arrives", async || bed.spool.figures().await.unwrap().delivered == 1).await;
    bed.spool.close(&caller("u_a"), session("u_a", "CA1", vec![message(1, "Hello")])).await.unwrap();
    assert!(bed.spool.delivered(Duration::from_secs(5)).await);
    let ended = mirror.0.lock().unwrap().clone();
    // Both may have delivered it.
    assert!(!ended.is_empty() && ended.iter().all(|(_, instance)| instance == bed.spool.instance()), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_said_before_the_mirrored_turns_is_taken_up_with_them() {
    let (dir, store, mirror) = (TempDir::new().unwrap(), Told::new(), Ended::default());
    let spool = Bed::idle(dir.path());
    *mirror.1.lock().unwrap() = Some(|| {
        let Caller { user_id, hash } = caller("u_a");
        let (session_id, instance, summary) = ("CA1".to_owned(), "other".to_owned(), "I need a plumber.".to_owned());
        let call =
            LiveCall { session_id: session_id.parse().unwrap(), user_id, hash, started_at: 1, instance, summary };
        Ok(Some(Mirrored { call, messages: vec![message(80, "Tomorrow")], turns: 80 }))
    });
    let found = resume::find(&spool, store.as_ref(), Some(&mirror), &"CA1".parse().unwrap(), &caller("u_a"))
        .await
        .unwrap()
        .unwrap();
    assert_eq!((found.summary.as_str(), found.turns), ("I need a plumber.", vec![message(80, "Tomorrow")]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_known_of_a_call_here_and_elsewhere_is_taken_up_together() {
    let (dir, store, mirror) = (TempDir::new().unwrap(), Told::new(), Ended::default());
    let (spool, ana) = (Bed::idle(dir.path()), caller("u_a"));
    // An earlier copy in the outbox, as it was when the call left this instance.
    let first = session("u_a", "CA1", vec![message(1, "Hello"), message(2, "I need a plumber")]);
    spool.close(&ana, first).await.unwrap();
    let found = async || {
        let found =
            resume::find(&spool, store.as_ref(), Some(&mirror), &"CA1".parse().unwrap(), &ana).await.unwrap().unwrap();
        (found.turns.iter().map(|message| message.turn.id.0).collect::<Vec<_>>(), found.summary)
    };
    let nothing = String::new();
    assert_eq!(found().await, (vec![1, 2], nothing.clone()));
    // What was said with another instance, which has died: the newest of it.
    *mirror.1.lock().unwrap() = Some(|| {
        let Caller { user_id, hash } = caller("u_a");
        let (session_id, instance, summary) = ("CA1".to_owned(), "other".to_owned(), "A plumber.".to_owned());
        let call = LiveCall {
            session_id: session_id.parse().unwrap(),
            user_id,
            hash,
            started_at: 1_763_690_000_000,
            instance,
            summary,
        };
        Ok(Some(Mirrored { call, messages: vec![message(2, "I need a plumber"), message(3, "On Friday")], turns: 3 }))
    });
    assert_eq!(found().await, (vec![1, 2, 3], nothing.clone()), "no summary, as all of it is there");
    // And what a third one has written when it let the call go.
    let third = session("u_a", "CA1", vec![message(1, "Hello"), message(4, "Or on Monday")]);
    store.sessions.lock().unwrap().push(third);
    store.owners.lock().unwrap().insert(ana.hash.clone().unwrap(), ana.user_id.clone());
    assert_eq!(found().await, (vec![1, 2, 3, 4], nothing));
    // Another caller's under the same id is not told, wherever it is.
    let bea = resume::find(&spool, store.as_ref(), Some(&mirror), &"CA1".parse().unwrap(), &caller("u_b")).await;
    assert_eq!(bea.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn turns_that_two_instances_have_given_one_number_are_both_kept() {
    let dir = TempDir::new().unwrap();
    let spool = Bed::idle(dir.path());
    let later = |id, text| Message { turn: Turn { start_ms: 90_000, ..message(id, text).turn } };
    let turns = vec![message(1, "Hello"), message(2, "I need a plumber"), later(2, "On Friday")];
    spool.begin(OpenCall { turns, ..open_call("u_a", "CA1") });
    // A longer version of one of them, and a new turn.
    spool.turn(&"CA1".parse().unwrap(), message(2, "I need a plumber, please")).await.unwrap();
    spool.turn(&"CA1".parse().unwrap(), later(3, "Goodbye")).await.unwrap();
    let found = spool.resume(&"CA1".parse().unwrap(), caller("u_a").hash.as_ref()).await.unwrap().unwrap();
    let words: Vec<_> = found.turns.iter().map(|message| message.turn.text.as_str()).collect();
    assert_eq!(words, ["Hello", "I need a plumber, please", "On Friday", "Goodbye"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_that_cannot_be_read_keeps_nobody_from_the_finished_sessions() {
    let (dir, store, mirror) = (TempDir::new().unwrap(), Told::new(), Ended::default());
    let (spool, ana) = (Bed::idle(dir.path()), caller("u_a"));
    *mirror.1.lock().unwrap() = Some(|| Err(away()));
    let asked = async || resume::find(&spool, store.as_ref(), Some(&mirror), &"CA1".parse().unwrap(), &ana).await;
    assert!(matches!(asked().await, Err(MemoryError::Unavailable { .. })));
    store.sessions.lock().unwrap().push(session("u_a", "CA1", vec![message(1, "Hello")]));
    assert_eq!(asked().await.unwrap().unwrap().turns, [message(1, "Hello")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_taken_up_by_its_caller_only() {
    let dir = TempDir::new().unwrap();
    let spool = Bed::idle(dir.path());
    spool.begin(open_call("u_a", "CA1"));
    drop(spool.turn(&"CA1".parse().unwrap(), message(1, "I need a plumber")));
    let hash = caller("u_a").hash;
    let found = spool.resume(&"CA1".parse().unwrap(), hash.as_ref()).await.unwrap().unwrap();
    assert_eq!(found.turns, [message(1, "I need a plumber")]);
    assert_eq!(found.started_at, 1_763_690_000_000);
    assert_eq!(spool.resume(&"CA1".parse().unwrap(), caller("u_b").hash.as_ref()).await.unwrap(), None);
    assert_eq!(spool.resume(&"CA1".parse().unwrap(), None).await.unwrap(), None);
    assert_eq!(spool.resume(&"CA9".parse().unwrap(), hash.as_ref()).await.unwrap(), None);
    spool.close(&caller("u_a"), session("u_a", "CA1", found.turns.clone())).await.unwrap();
    let again = spool.resume(&"CA1".parse().unwrap(), hash.as_ref()).await.unwrap().unwrap();
    assert_eq!(again.turns, found.turns, "a closed call is found in the outbox");
}
