//! What every store does. A rule is a function over a store; each store runs each rule.

use std::collections::HashSet;
use std::sync::Arc;

use futures_util::{StreamExt as _, stream};
use redial_identity::Caller;
use redial_memory::digest::SessionDigest;
use redial_memory::model::{Confidence, MAX_SESSION_BYTES, Name, Profile, SessionDoc};
use redial_memory::session_id::SessionId;
use redial_store::hang_up::{self, HangUp, Written};
use redial_store::store::{MemoryError, Outcome};

use super::{Bench, NOON, caller, commit, episodes, fold, is_applied, session, settings, settle, unknown, withheld};

/// Runs the rules on the store that an expression makes. A new store is one more line at the end of this file.
macro_rules! every_rule_holds {
    ($store:ident, $bench:expr) => {
        every_rule_holds!(@each $store, $bench,
            fault_03_a_first_call_makes_one_caller_however_many_come_at_once
            a_returning_caller_is_known
            a_session_is_read_as_it_was_written
            a_hang_up_that_comes_1000_times_counts_once
            of_200_hang_ups_at_once_none_is_lost
            a_hang_up_whose_start_was_not_known_is_merged
            a_shorter_copy_after_a_longer_one_changes_nothing
            a_longer_copy_takes_the_place_of_a_shorter_one_that_it_names
            of_two_copies_with_different_turns_both_are_kept
            of_200_copies_at_once_no_turn_is_lost
            a_number_that_was_linked_meanwhile_takes_the_call_to_its_user
            another_callers_session_is_neither_shown_nor_overwritten
            a_profile_that_has_moved_on_is_not_overwritten
            a_withheld_number_leaves_only_the_session
            a_call_whose_name_is_no_id_is_kept_under_one
            an_over_long_document_is_refused
            fault_04_a_call_saved_again_and_again_pushes_no_other_out
            fault_08_facts_do_not_decay_over_ten_calls
            the_last_call_is_the_one_that_ended_last
            a_store_that_answers_says_what_it_is
        );
    };
    (@each $store:ident, $bench:expr, $($rule:ident)*) => {
        mod $store {
            use super::*;
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $rule() {
                    super::$rule($bench).await;
                }
            )*
        }
    };
}

async fn fault_03_a_first_call_makes_one_caller_however_many_come_at_once(bench: Bench) {
    let calls = (0..2000).map(|_| {
        let store = Arc::clone(&bench.store);
        tokio::spawn(async move { store.begin_call(&caller("ana")).await.unwrap() })
    });
    // Spawned before the first is awaited.
    let calls: Vec<_> = calls.collect();
    let mut ids = HashSet::new();
    let mut created = 0;
    for call in calls {
        let known = call.await.unwrap();
        created += u32::from(known.created);
        ids.insert(known.user_id);
    }
    assert_eq!(ids, HashSet::from([caller("ana").user_id]));
    assert_eq!(created, 1);
}

async fn a_returning_caller_is_known(bench: Bench) {
    let ana = caller("ana");
    let first = bench.known(&ana).await;
    assert!(first.created);
    assert_eq!((first.calls, first.last_call_at, first.revision), (0, None, 0));
    assert_eq!(first.profile, Profile::default());

    for (sid, ended_at) in [("CA1", NOON), ("CA2", NOON + 1), ("CA3", NOON + 2)] {
        let known = bench.known(&ana).await;
        let outcome =
            bench.store.commit_session(&commit(&ana, session(sid, &ana, &["hello"], ended_at), &known)).await.unwrap();
        assert_eq!(outcome, Outcome::Applied { revision: known.revision + 1 });
    }

    let back = bench.known(&ana).await;
    assert!(!back.created);
    assert_eq!((back.calls, back.last_call_at, back.revision), (3, Some(NOON + 2), 3));
    assert_eq!(bench.indexed(&back).await, ["CA3", "CA2", "CA1"]);
    assert_eq!(episodes(&back.profile), ["CA1", "CA2", "CA3"]);
}

async fn a_session_is_read_as_it_was_written(bench: Bench) {
    let ana = caller("ana");
    assert_eq!(bench.store.load_session(&"CA1".parse().unwrap()).await.unwrap(), None);
    let known = bench.known(&ana).await;
    let session = session("CA1", &ana, &["¿Qué tal?", "a \"quote\"\nand a line", ""], NOON);
    bench.store.commit_session(&commit(&ana, session.clone(), &known)).await.unwrap();
    assert_eq!(bench.store.load_session(&"CA1".parse().unwrap()).await.unwrap(), Some(session));
}

async fn a_hang_up_that_comes_1000_times_counts_once(bench: Bench) {
    let ana = caller("ana");
    let known = bench.known(&ana).await;
    let hang_up = Arc::new(commit(&ana, session("CA1", &ana, &["hello"], NOON), &known));
    let outcomes: Vec<_> = stream::iter(0..1000)
        .map(|_| {
            let (store, hang_up) = (Arc::clone(&bench.store), Arc::clone(&hang_up));
            tokio::spawn(async move { store.commit_session(&hang_up).await.unwrap() })
        })
        .buffer_unordered(64)
        .map(Result::unwrap)
        .collect()
        .await;
    assert_eq!(outcomes.iter().filter(|outcome| is_applied(outcome)).count(), 1);
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Outcome::Duplicate).count(), 999);
    assert_eq!(bench.known(&ana).await.calls, 1);
}

async fn of_200_hang_ups_at_once_none_is_lost(bench: Bench) {
    let ana = caller("ana");
    let known = bench.known(&ana).await;
    let writes: Vec<_> = (0..200)
        .map(|n| {
            let store = Arc::clone(&bench.store);
            let session = session(&format!("CA{n:03}"), &ana, &["hello"], NOON + n);
            // All from the same start: each but the first meets a profile that has moved on.
            let base = Some((known.revision, known.profile.clone()));
            let hang_up = HangUp { caller: ana.clone(), session, base };
            tokio::spawn(async move { hang_up::write(store.as_ref(), hang_up, fold).await.unwrap().0 })
        })
        .collect();
    for write in writes {
        assert!(matches!(write.await.unwrap(), Written::Applied { .. }));
    }
    let known = bench.known(&ana).await;
    assert_eq!((known.calls, known.revision), (200, 200));
    let folded: HashSet<_> = episodes(&known.profile).into_iter().map(str::to_owned).collect();
    assert_eq!(folded, (0..200).map(|n| format!("CA{n:03}")).collect());
}

async fn a_hang_up_whose_start_was_not_known_is_merged(bench: Bench) {
    let ana = caller("ana");
    bench.call(&ana, "CA1").await;
    let hang_up = HangUp { caller: ana.clone(), session: session("CA2", &ana, &["again"], NOON + 1), base: None };
    let (written, _) = hang_up::write(bench.store.as_ref(), hang_up, fold).await.unwrap();
    assert_eq!(written, Written::Applied { revision: 2 });
    let known = bench.known(&ana).await;
    assert_eq!((known.calls, episodes(&known.profile)), (2, vec!["CA1", "CA2"]));
}

async fn a_shorter_copy_after_a_longer_one_changes_nothing(bench: Bench) {
    let ana = caller("ana");
    let two = session("CA1", &ana, &["hello", "it is Ana"], NOON);
    bench.hang_up(&ana, two.clone()).await;
    let before = bench.known(&ana).await;

    let one = session("CA1", &ana, &["hello"], NOON);
    let shown = bench.store.commit_session(&commit(&ana, one.clone(), &before)).await.unwrap();
    assert_eq!(shown, Outcome::Differs { stored: Some(Box::new(two.clone())), digest: SessionDigest::of(&two) });
    assert_eq!(bench.hang_up(&ana, one).await, Written::Duplicate);
    assert_eq!(bench.store.load_session(&"CA1".parse().unwrap()).await.unwrap(), Some(two));
    assert_eq!(bench.known(&ana).await, before);
}

async fn a_longer_copy_takes_the_place_of_a_shorter_one_that_it_names(bench: Bench) {
    let ana = caller("ana");
    let two = session("CA1", &ana, &["hello", "it is Ana"], NOON);
    bench.hang_up(&ana, two.clone()).await;
    bench.hang_up(&ana, session("CA2", &ana, &["hello"], NOON + 5)).await;

    let three = session("CA1", &ana, &["hello", "it is Ana", "bye"], NOON + 10);
    let mut longer = commit(&ana, three.clone(), &bench.known(&ana).await);
    let shown = Outcome::Differs { stored: Some(Box::new(two.clone())), digest: SessionDigest::of(&two) };
    for not_the_stored_one in [None, Some(SessionDigest::of(&three))] {
        longer.replaces = not_the_stored_one;
        assert_eq!(bench.store.commit_session(&longer).await.unwrap(), shown);
        assert_eq!(bench.store.load_session(&"CA1".parse().unwrap()).await.unwrap().as_ref(), Some(&two));
    }
    longer.replaces = Some(SessionDigest::of(&two));
    assert_eq!(bench.store.commit_session(&longer).await.unwrap(), Outcome::Applied { revision: 3 });
    assert_eq!(bench.store.commit_session(&longer).await.unwrap(), Outcome::Duplicate);
    assert_eq!(bench.store.load_session(&"CA1".parse().unwrap()).await.unwrap(), Some(three));
    let known = bench.known(&ana).await;
    assert_eq!((known.calls, known.last_call_at), (2, Some(NOON + 10)), "replaced, not counted again");
    assert_eq!(bench.indexed(&known).await, ["CA1", "CA2"], "ordered by the later end");
}

async fn of_two_copies_with_different_turns_both_are_kept(bench: Bench) {
    let ana = caller("ana");
    let cut_off = session("CA1", &ana, &["hello", "I have to", "what only the first one heard"], NOON);
    let mut resumed = session("CA1", &ana, &["hello", "I have to move it", "", "bye"], NOON + 1);
    resumed.started_at = cut_off.started_at;
    resumed.conversation_history.remove(2);
    for (sid, copies) in [("CA1", [&cut_off, &resumed]), ("CA2", [&resumed, &cut_off])] {
        for copy in copies {
            let copy = SessionDoc { session_id: sid.parse().unwrap(), ..copy.clone() };
            let written = bench.hang_up(&ana, copy).await;
            assert!(matches!(written, Written::Applied { .. }), "{written:?}");
        }
        let stored = bench.store.load_session(&sid.parse().unwrap()).await.unwrap().unwrap();
        let said: Vec<_> = stored.conversation_history.iter().map(|message| message.turn.text.as_str()).collect();
        assert_eq!(said, ["hello", "I have to move it", "what only the first one heard", "bye"]);
        assert_eq!((stored.started_at, stored.ended_at), (cut_off.started_at, resumed.ended_at));
        for copy in copies {
            let copy = SessionDoc { session_id: sid.parse().unwrap(), ..copy.clone() };
            assert_eq!(bench.hang_up(&ana, copy).await, Written::Duplicate);
        }
    }
    let known = bench.known(&ana).await;
    assert_eq!((known.calls, episodes(&known.profile)), (2, vec!["CA1", "CA2"]));
}

async fn of_200_copies_at_once_no_turn_is_lost(bench: Bench) {
    let ana = caller("ana");
    let known = bench.known(&ana).await;
    let said: Vec<_> = (0..200).map(|n| format!("turn {n}")).collect();
    let said: Vec<_> = said.iter().map(String::as_str).collect();
    let whole = session("CA1", &ana, &said, NOON);
    let writes: Vec<_> = (0..200)
        .map(|n| {
            // Each has one turn that no other has, and one that the next one has as well.
            let mut copy = whole.clone();
            copy.conversation_history = copy.conversation_history.split_off(n).into_iter().take(2).collect();
            let (store, write) = (Arc::clone(&bench.store), commit(&ana, copy, &known));
            tokio::spawn(async move { settle(store.as_ref(), write).await })
        })
        .collect();
    for write in writes {
        assert!(matches!(write.await.unwrap(), Outcome::Applied { .. } | Outcome::Duplicate));
    }
    assert_eq!(bench.store.load_session(&"CA1".parse().unwrap()).await.unwrap(), Some(whole));
    let known = bench.known(&ana).await;
    assert_eq!((known.calls, bench.indexed(&known).await.len(), episodes(&known.profile)), (1, 1, vec!["CA1"]));
}

async fn a_number_that_was_linked_meanwhile_takes_the_call_to_its_user(bench: Bench) {
    let home = caller("ana");
    bench.call(&home, "CA1").await;
    let mobile = Caller { user_id: home.user_id.clone(), ..caller("mobile") };
    bench.known(&mobile).await;

    // A call from the mobile, whose lookup failed: under the id that is derived from its number.
    let derived = caller("mobile");
    let session = session("CA2", &derived, &["again"], NOON + 1);
    let write = commit(&derived, session.clone(), &unknown(&derived));
    let mapped = bench.store.commit_session(&write).await.unwrap();
    assert_eq!(mapped, Outcome::Mapped { user_id: home.user_id.clone() });
    assert_eq!(bench.store.load_session(&"CA2".parse().unwrap()).await.unwrap(), None);
    assert_eq!(bench.known(&home).await.calls, 1);

    let hang_up = HangUp { caller: derived.clone(), session, base: None };
    let (written, _) = hang_up::write(bench.store.as_ref(), hang_up.clone(), fold).await.unwrap();
    assert_eq!(written, Written::Applied { revision: 2 });
    let known = bench.known(&home).await;
    assert_eq!((known.calls, episodes(&known.profile)), (2, vec!["CA1", "CA2"]));
    assert_eq!(
        bench.store.load_session(&"CA2".parse().unwrap()).await.unwrap().unwrap().user_id,
        home.user_id.as_str()
    );
    assert_eq!(bench.known(&derived).await.user_id, home.user_id, "the number is still hers");
    // Sent again it is known, whatever user it names.
    let (again, _) = hang_up::write(bench.store.as_ref(), hang_up, fold).await.unwrap();
    assert_eq!(again, Written::Duplicate);
    assert_eq!(bench.known(&home).await, known);
}

async fn another_callers_session_is_neither_shown_nor_overwritten(bench: Bench) {
    let (ana, bob) = (caller("ana"), caller("bob"));
    bench.call(&ana, "CA1").await;
    let longer = session("CA1", &bob, &["hello", "I am Bob", "and this is longer"], NOON);
    let refused = bench.store.commit_session(&commit(&bob, longer, &bench.known(&bob).await)).await;
    assert!(matches!(refused, Err(MemoryError::Refused(_))), "{refused:?}");
    assert_eq!(bench.store.load_session(&"CA1".parse().unwrap()).await.unwrap().unwrap().user_id, ana.user_id.as_str());
    assert_eq!(bench.known(&bob).await.calls, 0);
}

async fn a_profile_that_has_moved_on_is_not_overwritten(bench: Bench) {
    let ana = caller("ana");
    let before = bench.known(&ana).await;
    bench.call(&ana, "CA1").await;

    let mut late = commit(&ana, session("CA2", &ana, &["hello"], NOON), &before);
    let Outcome::Conflict { revision, profile } = bench.store.commit_session(&late).await.unwrap() else {
        panic!("the revision is not the one that was read");
    };
    assert_eq!((revision, episodes(&profile)), (1, vec!["CA1"]));
    // Counted already; only the profile is to be merged.
    assert_eq!(bench.known(&ana).await.calls, 2);
    assert!(bench.store.load_session(&"CA2".parse().unwrap()).await.unwrap().is_some());

    late.profile = fold(profile, &late.session);
    late.base_revision = revision;
    assert_eq!(bench.store.commit_session(&late).await.unwrap(), Outcome::Applied { revision: 2 });
    assert_eq!(bench.store.commit_session(&late).await.unwrap(), Outcome::Duplicate);
    let known = bench.known(&ana).await;
    assert_eq!((known.calls, episodes(&known.profile)), (2, vec!["CA1", "CA2"]));
}

async fn a_withheld_number_leaves_only_the_session(bench: Bench) {
    let nobody = withheld("4711");
    let known = bench.known(&nobody).await;
    assert_eq!((known.calls, bench.indexed(&known).await.len(), known.revision), (0, 0, 0));
    assert_eq!(known.user_id, nobody.user_id);
    let document = session("CA1", &nobody, &["hello"], NOON);
    let write = commit(&nobody, document.clone(), &known);
    assert!(is_applied(&bench.store.commit_session(&write).await.unwrap()));
    assert_eq!(bench.store.commit_session(&write).await.unwrap(), Outcome::Duplicate);
    assert_eq!(bench.store.load_session(&"CA1".parse().unwrap()).await.unwrap(), Some(document));

    // Even under the same id there is nothing to be found.
    let same_id = Caller { hash: caller("ana").hash, ..nobody };
    let known = bench.known(&same_id).await;
    assert!(known.created);
    assert_eq!((known.calls, known.last_call_at, bench.indexed(&known).await.len(), known.revision), (0, None, 0, 0));
    assert_eq!(known.profile, Profile::default());
}

async fn a_call_whose_name_is_no_id_is_kept_under_one(bench: Bench) {
    let ana = caller("ana");
    let long = "x".repeat(129);
    let names = ["", "*", "CA1*", "{CA1}", "CA1\n", "CA1\r\nDEL x", "../CA1", "a:b", "CA 1", "CA1\0", "СА1", &long];
    for name in names {
        let (known, session_id) = (bench.known(&ana).await, SessionId::named(name));
        let written = session(session_id.as_str(), &ana, &["hello"], NOON);
        let outcome = bench.store.commit_session(&commit(&ana, written.clone(), &known)).await;
        assert!(matches!(outcome, Ok(Outcome::Applied { .. })), "{name:?}: {outcome:?}");
        assert_eq!(bench.store.load_session(&session_id).await.unwrap(), Some(written), "{name:?}");
    }
    assert_eq!(bench.known(&ana).await.calls, 12, "each is a call of its own");
}

async fn an_over_long_document_is_refused(bench: Bench) {
    let ana = caller("ana");
    let known = bench.known(&ana).await;
    // More than a call can make of itself; a profile is refused far earlier.
    let beyond = "word ".repeat(MAX_SESSION_BYTES / 5);
    let long_session = commit(&ana, session("CA1", &ana, &[&beyond], NOON), &known);
    let much = "word ".repeat(60_000);
    let mut long_profile = commit(&ana, session("CA2", &ana, &["hello"], NOON), &known);
    long_profile.profile.summary = much;
    for long in [long_session, long_profile] {
        let refused = bench.store.commit_session(&long).await;
        assert!(matches!(refused, Err(MemoryError::Refused(_))), "{refused:?}");
        assert_eq!(bench.store.load_session(&long.session.session_id).await.unwrap(), None);
    }
    assert_eq!(bench.known(&ana).await.calls, 0);
}

async fn fault_04_a_call_saved_again_and_again_pushes_no_other_out(bench: Bench) {
    let ana = caller("ana");
    for n in 0..8 {
        bench.call(&ana, &format!("CA{n}")).await;
    }
    let mut said = Vec::new();
    for n in 1..=30 {
        said.push("and another thing");
        let so_far = SessionDoc { started_at: NOON, ..session("CA8", &ana, &said, NOON + n * 30_000) };
        let written = bench.hang_up(&ana, so_far).await;
        assert!(matches!(written, Written::Applied { .. }));
    }
    let known = bench.known(&ana).await;
    let mut sessions = bench.indexed(&known).await;
    sessions.sort_unstable();
    assert_eq!(sessions, ["CA0", "CA1", "CA2", "CA3", "CA4", "CA5", "CA6", "CA7", "CA8"]);
    assert_eq!(known.calls, 9);
    assert_eq!(
        bench.store.load_session(&"CA8".parse().unwrap()).await.unwrap().unwrap().conversation_history.len(),
        30
    );
}

async fn fault_08_facts_do_not_decay_over_ten_calls(bench: Bench) {
    let ana = caller("ana");
    let known = bench.known(&ana).await;
    let mut first = commit(&ana, session("CA0", &ana, &["this is Ana"], NOON), &known);
    first.profile.name = Some(Name {
        say: "Ana".to_owned(),
        src: "CA0#0".to_owned(),
        conf: Confidence::Confirmed,
        at: 0,
        changed: false,
    });
    first.profile.summary = "Ana asks for Fridays, \"after four\".".to_owned();
    first.profile.summary_at = NOON;
    first.profile.episodes[0].open = vec!["send the form".to_owned()];
    first.profile.episodes[0].topic = Some("your form".to_owned());
    bench.store.commit_session(&first).await.unwrap();
    for n in 1..10 {
        bench.call(&ana, &format!("CA{n}")).await;
    }
    let profile = bench.known(&ana).await.profile;
    assert_eq!(profile.name, first.profile.name);
    assert_eq!((profile.summary, profile.summary_at), (first.profile.summary, NOON));
    assert_eq!(profile.episodes[0], first.profile.episodes[0]);
    assert_eq!(profile.episodes.len(), 10);
}

async fn the_last_call_is_the_one_that_ended_last(bench: Bench) {
    let ana = caller("ana");
    for (sid, ended_at) in [("CA1", NOON + 5), ("CA2", NOON)] {
        let known = bench.known(&ana).await;
        bench.store.commit_session(&commit(&ana, session(sid, &ana, &["hello"], ended_at), &known)).await.unwrap();
    }
    let known = bench.known(&ana).await;
    assert_eq!(known.last_call_at, Some(NOON + 5));
    assert_eq!(bench.indexed(&known).await, ["CA1", "CA2"]);
}

async fn a_store_that_answers_says_what_it_is(bench: Bench) {
    let health = bench.store.health().await.unwrap();
    assert!(["process", "sqlite", "redis"].contains(&health.kind));
    assert!(health.latency_ms >= 0.0);
}

every_rule_holds!(process, Bench::process(settings()));
every_rule_holds!(sqlite, Bench::sqlite(settings()));
every_rule_holds!(redis, Bench::redis(settings()).await);
every_rule_holds!(tagged, Bench::tagged(settings()).await);
every_rule_holds!(cluster, Bench::cluster(settings()).await);
