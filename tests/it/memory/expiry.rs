//! What the local stores forget, and when; by a clock that the test moves.

use std::time::Duration;

use redial_identity::Caller;
use redial_memory::digest::SessionDigest;
use redial_memory::model::Profile;
use redial_store::hang_up::Written;
use redial_store::settings::{StoreSettings, TtlRefresh};
use redial_store::store::{MemoryError, Outcome};

use super::{Bench, NOON, caller, commit, episodes, is_applied, session, settings};

const HOUR_MS: u64 = 3_600_000;
const DAY_MS: u64 = 24 * HOUR_MS;

/// Both local stores, for settings that may differ from the usual ones.
fn local(settings: &StoreSettings) -> [Bench; 2] {
    [Bench::process(settings.clone()), Bench::sqlite(settings.clone())]
}

#[tokio::test]
async fn a_session_is_there_for_24_hours() {
    for bench in local(&settings()) {
        bench.call(&caller("ana"), "CA1").await;
        bench.advance_ms(DAY_MS - 1);
        assert!(bench.store.load_session(&"CA1".parse().unwrap()).await.unwrap().is_some());
        bench.advance_ms(1);
        assert!(bench.store.load_session(&"CA1".parse().unwrap()).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn a_caller_who_calls_within_90_days_stays_known() {
    for bench in local(&settings()) {
        let ana = caller("ana");
        bench.call(&ana, "CA1").await;
        for _ in 0..3 {
            bench.advance_ms(90 * DAY_MS - 1);
            let known = bench.known(&ana).await;
            assert_eq!((known.created, known.calls, bench.indexed(&known).await.len()), (false, 1, 1));
        }
        bench.advance_ms(90 * DAY_MS);
        let known = bench.known(&ana).await;
        assert_eq!((known.created, known.calls, known.revision, bench.indexed(&known).await.len()), (true, 0, 0, 0));
        assert_eq!(known.profile, Profile::default());
    }
}

#[tokio::test]
async fn with_refresh_on_write_a_call_start_keeps_nobody() {
    for bench in local(&StoreSettings { refresh: TtlRefresh::Write, ..settings() }) {
        let ana = caller("ana");
        bench.call(&ana, "CA1").await;
        bench.advance_ms(89 * DAY_MS);
        assert!(!bench.known(&ana).await.created);
        bench.advance_ms(DAY_MS);
        let known = bench.known(&ana).await;
        assert_eq!((known.created, known.calls), (true, 0));
        // A hang-up does keep.
        bench.call(&ana, "CA2").await;
        bench.advance_ms(89 * DAY_MS);
        bench.call(&ana, "CA3").await;
        bench.advance_ms(89 * DAY_MS);
        assert_eq!(bench.known(&ana).await.calls, 2);
    }
}

#[tokio::test]
async fn without_a_ttl_a_caller_is_known_for_ever() {
    for bench in local(&StoreSettings { profile_ttl: None, refresh: TtlRefresh::Write, ..settings() }) {
        bench.call(&caller("ana"), "CA1").await;
        bench.advance_ms(100 * 365 * DAY_MS);
        let known = bench.known(&caller("ana")).await;
        assert_eq!((known.created, known.calls), (false, 1));
    }
}

#[tokio::test]
async fn a_caller_who_was_forgotten_finds_no_trace_of_herself() {
    for bench in local(&settings()) {
        let ana = caller("ana");
        bench.call(&ana, "CA1").await;
        bench.advance_ms(90 * DAY_MS);
        bench.call(&ana, "CA2").await;
        let known = bench.known(&ana).await;
        assert_eq!(
            (known.calls, bench.indexed(&known).await, episodes(&known.profile)),
            (1, vec!["CA2".parse().unwrap()], vec!["CA2"])
        );
    }
}

#[tokio::test]
async fn the_index_keeps_the_newest_and_all_whose_documents_live() {
    for bench in local(&settings()) {
        let ana = caller("ana");
        let mut ended_at = NOON;
        let mut calls = async |sids: &[&str]| {
            for sid in sids {
                ended_at += 1;
                let known = bench.known(&ana).await;
                let document = session(sid, &ana, &["hello"], ended_at);
                assert!(is_applied(&bench.store.commit_session(&commit(&ana, document, &known)).await.unwrap()));
            }
            bench.indexed(&bench.known(&ana).await).await
        };
        assert_eq!(calls(&["CA1", "CA2", "CA3", "CA4", "CA5"]).await, ["CA5", "CA4", "CA3", "CA2", "CA1"]);
        bench.advance_ms(DAY_MS);
        // Their documents have expired: three ids are kept, the new one among them.
        assert_eq!(calls(&["CA6"]).await, ["CA6", "CA5", "CA4"]);
    }
}

#[tokio::test]
async fn a_hang_up_that_is_replayed_after_its_id_left_the_index_counts_once() {
    // Documents that die before their markers.
    let settings = StoreSettings { session_ttl: Duration::from_secs(60), keep_sessions: 1, ..settings() };
    for bench in local(&settings) {
        let ana = caller("ana");
        let first = commit(&ana, session("CA1", &ana, &["hello"], NOON), &bench.known(&ana).await);
        assert!(is_applied(&bench.store.commit_session(&first).await.unwrap()));
        bench.advance_ms(61_000);
        let known = bench.known(&ana).await;
        let second = commit(&ana, session("CA2", &ana, &["hello"], NOON + 61_000), &known);
        assert!(is_applied(&bench.store.commit_session(&second).await.unwrap()));
        assert_eq!(bench.indexed(&bench.known(&ana).await).await, ["CA2"]);
        assert_eq!(bench.store.commit_session(&first).await.unwrap(), Outcome::Duplicate);
        assert_eq!(bench.known(&ana).await.calls, 2);
    }
}

#[tokio::test]
async fn a_document_that_names_another_user_than_its_commit_is_not_taken() {
    for bench in local(&settings()) {
        let (ana, bob) = (caller("ana"), caller("bob"));
        let misnamed = session("CA2", &ana, &["hello"], NOON);
        let refused = bench.store.commit_session(&commit(&bob, misnamed, &bench.known(&bob).await)).await;
        assert!(matches!(refused, Err(MemoryError::Refused(_))), "{refused:?}");
    }
}

#[tokio::test]
async fn of_a_copy_whose_document_has_expired_the_longer_one_stays() {
    // Documents that die before their markers.
    let settings = StoreSettings { session_ttl: Duration::from_secs(60), ..settings() };
    for bench in local(&settings) {
        let ana = caller("ana");
        let two = session("CA1", &ana, &["hello", "it is Ana"], NOON);
        bench.hang_up(&ana, two.clone()).await;
        bench.advance_ms(60_000);

        let other_two = session("CA1", &ana, &["hello", "it is Eve"], NOON);
        assert_eq!(bench.hang_up(&ana, other_two).await, Written::Duplicate);
        assert_eq!(bench.store.load_session(&"CA1".parse().unwrap()).await.unwrap(), None);

        let three = session("CA1", &ana, &["hello", "it is Eve", "bye"], NOON);
        let shown = bench.store.commit_session(&commit(&ana, three.clone(), &bench.known(&ana).await)).await.unwrap();
        assert_eq!(shown, Outcome::Differs { stored: None, digest: SessionDigest::of(&two) });
        assert_eq!(bench.hang_up(&ana, three.clone()).await, Written::Applied { revision: 2 });
        assert_eq!(bench.store.load_session(&"CA1".parse().unwrap()).await.unwrap(), Some(three));
        assert_eq!(bench.known(&ana).await.calls, 1);
    }
}

#[tokio::test]
async fn two_numbers_of_one_person_lead_to_the_same_memory() {
    for bench in local(&settings()) {
        let home = caller("ana");
        bench.call(&home, "CA1").await;
        // The first call from the other number was made under Ana's id.
        let mobile = Caller { user_id: home.user_id.clone(), ..caller("mobile") };
        assert!(bench.known(&mobile).await.created);
        // From now on the mapping counts, not the id that is derived from the number.
        let known = bench.known(&caller("mobile")).await;
        assert_eq!((known.user_id, known.calls, known.created), (home.user_id, 1, false));
    }
}
