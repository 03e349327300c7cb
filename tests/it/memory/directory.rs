//! What operators may ask of every store: looking, changing, joining, erasing.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use redial_identity::{Caller, PhoneHash, UserId};
use redial_memory::model::{Profile, SCHEMA_VERSION};
use redial_memory::session_id::SessionId;
use redial_store::directory::{Directory, Erased, Page, ProfileChange, UserEntry};
use redial_store::hang_up::{self, HangUp, Written};
use redial_store::settings::StoreSettings;
use redial_store::sqlite::SqliteStore;
use redial_store::store::{MemoryError, Outcome, Store};
use tempfile::TempDir;

use super::{Bench, NOON, caller, clock, commit, episodes, file_in, session, settings, withheld};

const HOUR_MS: u64 = 3_600_000;
const DAY_MS: u64 = 24 * HOUR_MS;

/// Runs the rules on the store that an expression makes.
macro_rules! every_rule_holds {
    ($store:ident, $bench:expr) => {
        every_rule_holds!(@each $store, $bench,
            a_number_leads_to_whom_it_was_assigned
            a_user_is_shown_with_all_that_is_held
            every_user_and_session_is_on_some_page
            a_page_of_another_name_is_refused
            a_profile_is_changed_only_from_its_present_revision
            nobody_is_made_by_a_change
            a_call_that_ended_before_its_number_was_split_off_is_the_former_users
            two_users_become_one
            a_number_without_a_call_is_absorbed_too
            a_join_from_an_old_revision_changes_nothing
            nobody_is_absorbed_by_or_into_somebody_unknown
            an_erased_user_leaves_nothing
            an_erasure_of_nobody_answers_zeros
            the_session_of_a_withheld_number_is_erased_by_its_user
            what_is_held_is_counted
            clearing_removes_everything_but_the_markers_of_the_erased
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

fn hash(name: &str) -> PhoneHash {
    caller(name).hash.unwrap()
}

fn id(name: &str) -> UserId {
    caller(name).user_id
}

fn summary(text: &str) -> Profile {
    Profile { v: SCHEMA_VERSION, summary: text.to_owned(), ..Profile::default() }
}

/// Writes a call of `name` that ended at `ended_at`.
async fn hang_up(bench: &Bench, name: &str, sid: &str, ended_at: u64) {
    let caller = caller(name);
    let known = bench.known(&caller).await;
    let owner = Caller { user_id: known.user_id.clone(), ..caller };
    let write = commit(&owner, session(sid, &owner, &["hello"], ended_at), &known);
    assert!(super::is_applied(&bench.store.commit_session(&write).await.unwrap()));
}

async fn entry(bench: &Bench, user: &UserId) -> UserEntry {
    bench.store.user(user).await.unwrap().unwrap()
}

/// The numbers of a user, in order.
async fn numbers(bench: &Bench, user: &UserId) -> Vec<PhoneHash> {
    let mut numbers = bench.store.numbers(user).await.unwrap();
    numbers.sort();
    numbers
}

/// All that a store lists, however many pages that takes.
macro_rules! all_pages {
    ($bench:expr, $listing:ident, $limit:expr) => {{
        let (mut entries, mut after) = (Vec::new(), None);
        loop {
            let page = $bench.store.$listing(Page { after, limit: $limit }).await.unwrap();
            entries.extend(page.entries);
            after = page.next;
            if after.is_none() {
                break entries;
            }
        }
    }};
}

async fn a_number_leads_to_whom_it_was_assigned(bench: Bench) {
    hang_up(&bench, "ana", "CA1", NOON).await;
    assert_eq!(bench.store.owner(&hash("ana")).await.unwrap(), Some(id("ana")));
    assert_eq!(bench.store.owner(&hash("mobile")).await.unwrap(), None);

    assert_eq!(bench.store.assign(&hash("mobile"), Some(&id("ana"))).await.unwrap(), None);
    assert_eq!(bench.store.assign(&hash("mobile"), Some(&id("ana"))).await.unwrap(), Some(id("ana")));
    assert_eq!(numbers(&bench, &id("ana")).await, [hash("ana"), hash("mobile")]);
    let known = bench.known(&caller("mobile")).await;
    assert_eq!((known.user_id, known.calls, known.created), (id("ana"), 1, false));

    assert_eq!(bench.store.assign(&hash("mobile"), Some(&id("bob"))).await.unwrap(), Some(id("ana")));
    assert_eq!(bench.store.owner(&hash("mobile")).await.unwrap(), Some(id("bob")));
    assert_eq!(bench.store.assign(&hash("mobile"), None).await.unwrap(), Some(id("bob")));
    assert_eq!(bench.store.assign(&hash("mobile"), None).await.unwrap(), None);
    assert_eq!(bench.store.owner(&hash("mobile")).await.unwrap(), None);
    assert_eq!(numbers(&bench, &id("ana")).await, [hash("ana")]);
}

async fn a_call_that_ended_before_its_number_was_split_off_is_the_former_users(bench: Bench) {
    hang_up(&bench, "ana", "CA1", NOON).await;
    let new = UserId::random_since(NOON + 2000);
    bench.store.assign(&hash("ana"), Some(&new)).await.unwrap();
    for (sid, ended_at, expected) in [("CA2", NOON + 1000, id("ana")), ("CA3", NOON + 3000, new.clone())] {
        // It waited in an outbox; no profile is known to it.
        let session = session(sid, &caller("ana"), &["I would like my boiler serviced."], ended_at);
        let hang_up = HangUp { caller: caller("ana"), session, base: None };
        let (written, owner) = hang_up::write(bench.store.as_ref(), hang_up, super::fold).await.unwrap();
        assert!(matches!(written, Written::Applied { .. }), "{written:?}");
        assert_eq!(owner, expected, "{sid}");
        assert_eq!(bench.store.load_session(&sid.parse().unwrap()).await.unwrap().unwrap().user_id, expected.as_str());
    }
    let (ana, theirs) = (entry(&bench, &id("ana")).await, entry(&bench, &new).await);
    assert_eq!((ana.calls, episodes(&ana.profile.unwrap())), (2, vec!["CA1", "CA2"]));
    assert_eq!((theirs.calls, episodes(&theirs.profile.unwrap())), (1, vec!["CA3"]));
    assert_eq!(bench.store.owner(&hash("ana")).await.unwrap(), Some(new));
    assert!(numbers(&bench, &id("ana")).await.is_empty());
}

async fn a_user_is_shown_with_all_that_is_held(bench: Bench) {
    assert_eq!(bench.store.user(&id("ana")).await.unwrap(), None);
    // A number that rang once and has no finished call: there is nobody to be shown yet.
    bench.known(&caller("ana")).await;
    assert_eq!(bench.store.user(&id("ana")).await.unwrap(), None);

    for (n, sid) in ["CA1", "CA2", "CA3", "CA4", "CA5"].into_iter().enumerate() {
        hang_up(&bench, "ana", sid, NOON + n as u64).await;
    }
    let entry = entry(&bench, &id("ana")).await;
    assert_eq!((entry.user_id, entry.revision, entry.calls), (id("ana"), 5, 5));
    assert_eq!(entry.last_call_at, Some(NOON + 4));
    assert_eq!(entry.sessions, ["CA5", "CA4", "CA3", "CA2", "CA1"]);
    assert_eq!(episodes(&entry.profile.unwrap()).len(), 5);
    let days_90 = Duration::from_millis(90 * DAY_MS);
    let expires_in = entry.expires_in.unwrap();
    assert!(expires_in <= days_90 && expires_in > days_90 - Duration::from_secs(60), "{expires_in:?}");
}

async fn every_user_and_session_is_on_some_page(bench: Bench) {
    assert_eq!(all_pages!(bench, users, 7), []);
    let names: Vec<String> = (0..40).map(|n| format!("user{n:02}")).collect();
    for name in &names {
        hang_up(&bench, name, &format!("CA-{name}"), NOON).await;
    }
    let users: BTreeSet<UserId> = all_pages!(bench, users, 7).into_iter().collect();
    assert_eq!(users, names.iter().map(|name| id(name)).collect());
    let sessions: BTreeSet<SessionId> = all_pages!(bench, sessions, 1).into_iter().collect();
    assert_eq!(sessions, names.iter().map(|name| format!("CA-{name}").parse().unwrap()).collect());
    // No page has room for nothing, or the listing would not end.
    assert!(!all_pages!(bench, users, 0).is_empty());
}

async fn a_page_of_another_name_is_refused(bench: Bench) {
    hang_up(&bench, "ana", "CA1", NOON).await;
    for after in ["", "*", "two words", "-1 OR 1=1"] {
        let page = Page { after: Some(after.to_owned()), limit: 10 };
        assert!(matches!(bench.store.users(page.clone()).await, Err(MemoryError::Refused(_))), "{after}");
        assert!(matches!(bench.store.sessions(page).await, Err(MemoryError::Refused(_))), "{after}");
    }
}

async fn a_profile_is_changed_only_from_its_present_revision(bench: Bench) {
    hang_up(&bench, "ana", "CA1", NOON).await;
    let before = entry(&bench, &id("ana")).await;
    let change = bench.store.change_profile(&id("ana"), 1, &summary("prefers mornings")).await.unwrap();
    assert_eq!(change, ProfileChange::Applied { revision: 2 });
    let after = entry(&bench, &id("ana")).await;
    assert_eq!((after.revision, after.profile), (2, Some(summary("prefers mornings"))));
    assert_eq!((after.calls, after.last_call_at, after.sessions), (before.calls, before.last_call_at, before.sessions));

    for base in [0, 1, 3, u64::MAX] {
        let change = bench.store.change_profile(&id("ana"), base, &summary("overwritten")).await.unwrap();
        assert_eq!(change, ProfileChange::Conflict { revision: 2, profile: Some(summary("prefers mornings")) });
    }
    // A call that was going on meanwhile finds that the profile has moved on.
    let known = bench.known(&caller("ana")).await;
    assert_eq!((known.revision, known.profile), (2, summary("prefers mornings")));
    let large = summary(&"x".repeat(300_000));
    let refused = bench.store.change_profile(&id("ana"), 2, &large).await;
    assert!(matches!(refused, Err(MemoryError::Refused(_))), "{refused:?}");
}

async fn nobody_is_made_by_a_change(bench: Bench) {
    bench.known(&caller("ana")).await;
    let change = bench.store.change_profile(&id("ana"), 0, &summary("new")).await.unwrap();
    assert_eq!(change, ProfileChange::Unknown);
    assert_eq!(bench.store.user(&id("ana")).await.unwrap(), None);
    assert_eq!(bench.known(&caller("ana")).await.revision, 0);
}

async fn two_users_become_one(bench: Bench) {
    hang_up(&bench, "ana", "CA1", NOON).await;
    hang_up(&bench, "ana", "CA3", NOON + 2).await;
    hang_up(&bench, "bob", "CA2", NOON + 1).await;
    hang_up(&bench, "bob", "CA4", NOON + 3).await;
    hang_up(&bench, "eve", "CA5", NOON + 4).await;
    bench.store.assign(&hash("mobile"), Some(&id("bob"))).await.unwrap();
    let eve = entry(&bench, &id("eve")).await;

    let change = bench.store.merge_users(&id("bob"), &id("ana"), 2, &summary("both")).await.unwrap();
    assert_eq!(change, ProfileChange::Applied { revision: 3 });
    let ana = entry(&bench, &id("ana")).await;
    assert_eq!((ana.revision, ana.calls, ana.last_call_at), (3, 4, Some(NOON + 3)));
    assert_eq!(ana.profile, Some(summary("both")));
    assert_eq!(ana.sessions, ["CA4", "CA3", "CA2", "CA1"]);
    assert_eq!(numbers(&bench, &id("ana")).await, [hash("ana"), hash("bob"), hash("mobile")]);
    for sid in ["CA1", "CA2", "CA3", "CA4"] {
        let document = bench.store.load_session(&sid.parse().unwrap()).await.unwrap().unwrap();
        assert_eq!((document.user_id.as_str(), document.conversation_history.len()), ("u_ana", 1), "{sid}");
    }

    assert_eq!(bench.store.user(&id("bob")).await.unwrap(), None);
    assert_eq!(numbers(&bench, &id("bob")).await, []);
    assert_eq!(bench.store.erased_among(&[id("bob")]).await.unwrap(), []);
    assert_eq!(without_ttl(entry(&bench, &id("eve")).await), without_ttl(eve));
    let known = bench.known(&caller("bob")).await;
    assert_eq!((known.user_id, known.calls, known.created), (id("ana"), 4, false));

    // Repeated, it changes nothing, whatever revision it names.
    for base in [2, 3] {
        let change = bench.store.merge_users(&id("bob"), &id("ana"), base, &summary("again")).await.unwrap();
        assert_eq!(change, ProfileChange::Unknown);
    }
    assert_eq!(without_ttl(entry(&bench, &id("ana")).await), without_ttl(ana));
    let erased = bench.store.erase(&id("ana")).await.unwrap();
    assert_eq!(erased, Erased { numbers: 3, profiles: 1, sessions: 4, markers: 4, mirrors: 0 });
}

async fn a_number_without_a_call_is_absorbed_too(bench: Bench) {
    hang_up(&bench, "ana", "CA1", NOON).await;
    bench.known(&caller("bob")).await;
    let change = bench.store.merge_users(&id("bob"), &id("ana"), 1, &summary("both")).await.unwrap();
    assert_eq!(change, ProfileChange::Applied { revision: 2 });
    assert_eq!(numbers(&bench, &id("ana")).await, [hash("ana"), hash("bob")]);
    assert_eq!(entry(&bench, &id("ana")).await.calls, 1);
}

async fn a_join_from_an_old_revision_changes_nothing(bench: Bench) {
    hang_up(&bench, "ana", "CA1", NOON).await;
    hang_up(&bench, "ana", "CA2", NOON + 1).await;
    hang_up(&bench, "bob", "CA3", NOON + 2).await;
    let (ana, bob) = (entry(&bench, &id("ana")).await, entry(&bench, &id("bob")).await);
    let change = bench.store.merge_users(&id("bob"), &id("ana"), 1, &summary("both")).await.unwrap();
    assert_eq!(change, ProfileChange::Conflict { revision: 2, profile: ana.profile.clone() });
    assert_eq!(without_ttl(entry(&bench, &id("ana")).await), without_ttl(ana));
    assert_eq!(without_ttl(entry(&bench, &id("bob")).await), without_ttl(bob));
    assert_eq!(numbers(&bench, &id("bob")).await, [hash("bob")]);
}

async fn nobody_is_absorbed_by_or_into_somebody_unknown(bench: Bench) {
    hang_up(&bench, "ana", "CA1", NOON).await;
    for (absorbed, into) in [("bob", "ana"), ("ana", "bob")] {
        let change = bench.store.merge_users(&id(absorbed), &id(into), 1, &summary("both")).await.unwrap();
        assert_eq!(change, ProfileChange::Unknown);
    }
    let refused = bench.store.merge_users(&id("ana"), &id("ana"), 1, &summary("both")).await;
    assert!(matches!(refused, Err(MemoryError::Refused(_))), "{refused:?}");

    hang_up(&bench, "bob", "CA2", NOON).await;
    bench.store.erase(&id("bob")).await.unwrap();
    for (absorbed, into) in [("bob", "ana"), ("ana", "bob")] {
        let change = bench.store.merge_users(&id(absorbed), &id(into), 1, &summary("both")).await.unwrap();
        assert_eq!(change, ProfileChange::Unknown);
    }
    assert_eq!(entry(&bench, &id("ana")).await.revision, 1);
}

async fn an_erased_user_leaves_nothing(bench: Bench) {
    hang_up(&bench, "ana", "CA1", NOON).await;
    hang_up(&bench, "ana", "CA2", NOON + 1).await;
    hang_up(&bench, "bob", "CA3", NOON + 2).await;
    bench.store.assign(&hash("mobile"), Some(&id("ana"))).await.unwrap();
    let going_on = bench.known(&caller("ana")).await;
    let bob = entry(&bench, &id("bob")).await;

    let erased = bench.store.erase(&id("ana")).await.unwrap();
    assert_eq!(erased, Erased { numbers: 2, profiles: 1, sessions: 2, markers: 2, mirrors: 0 });
    assert_eq!(bench.store.user(&id("ana")).await.unwrap(), None);
    assert_eq!(bench.store.owner(&hash("mobile")).await.unwrap(), None);
    assert_eq!(numbers(&bench, &id("ana")).await, []);
    for sid in ["CA1", "CA2"] {
        assert_eq!(bench.store.load_session(&sid.parse().unwrap()).await.unwrap(), None);
    }
    assert_eq!(all_pages!(bench, users, 10), [id("bob")]);
    assert_eq!(all_pages!(bench, sessions, 10), ["CA3"]);
    assert_eq!(bench.store.erased_among(&[id("bob"), id("ana"), id("eve")]).await.unwrap(), [id("ana")]);
    assert_eq!(bench.store.erase(&id("ana")).await.unwrap(), Erased::default());

    // The call that was going on does not bring her back, and her next one is a stranger's.
    let late = commit(&caller("ana"), session("CA4", &caller("ana"), &["hello"], NOON + 9), &going_on);
    assert_eq!(bench.store.commit_session(&late).await.unwrap(), Outcome::Erased);
    let change = bench.store.change_profile(&id("ana"), 2, &summary("back")).await.unwrap();
    assert_eq!(change, ProfileChange::Unknown);
    let anew = bench.known(&caller("ana")).await;
    assert!(anew.created);
    assert_ne!(anew.user_id, id("ana"));
    assert_eq!((anew.calls, anew.revision, bench.indexed(&anew).await.len()), (0, 0, 0));
    // Whose number it is now, an erasure of the former owner leaves alone.
    assert_eq!(bench.store.erase(&id("ana")).await.unwrap(), Erased::default());
    assert_eq!(bench.store.owner(&hash("ana")).await.unwrap(), Some(anew.user_id));

    assert_eq!(without_ttl(entry(&bench, &id("bob")).await), without_ttl(bob));
    assert_eq!(numbers(&bench, &id("bob")).await, [hash("bob")]);
}

async fn an_erasure_of_nobody_answers_zeros(bench: Bench) {
    assert_eq!(bench.store.erase(&id("ana")).await.unwrap(), Erased::default());
    // It is an order all the same: a hang-up that arrives later is not written.
    assert_eq!(bench.store.erased_among(&[id("ana")]).await.unwrap(), [id("ana")]);
}

async fn the_session_of_a_withheld_number_is_erased_by_its_user(bench: Bench) {
    let nobody = withheld("4711");
    let known = bench.known(&nobody).await;
    let write = commit(&nobody, session("CA1", &nobody, &["hello"], NOON), &known);
    assert!(super::is_applied(&bench.store.commit_session(&write).await.unwrap()));
    let erased = bench.store.erase(&nobody.user_id).await.unwrap();
    assert_eq!(erased, Erased { sessions: 1, markers: 1, ..Erased::default() });
    assert_eq!(bench.store.load_session(&"CA1".parse().unwrap()).await.unwrap(), None);
    // A hang-up that comes late, of this call and of another one.
    for sid in ["CA1", "CA2"] {
        let late = commit(&nobody, session(sid, &nobody, &["hello"], NOON), &known);
        assert_eq!(bench.store.commit_session(&late).await.unwrap(), Outcome::Erased);
        assert_eq!(bench.store.load_session(&sid.parse().unwrap()).await.unwrap(), None);
    }
}

async fn what_is_held_is_counted(bench: Bench) {
    for (name, sid) in [("ana", "CA1"), ("ana", "CA2"), ("bob", "CA3")] {
        hang_up(&bench, name, sid, NOON).await;
    }
    bench.known(&caller("eve")).await;
    let figures = bench.store.figures().await.unwrap();
    assert_eq!((figures.users, figures.numbers, figures.sessions, figures.without_ttl), (2, 3, 3, 0));
    assert!(figures.bytes.is_none_or(|bytes| bytes > 4096), "{figures:?}");
}

async fn clearing_removes_everything_but_the_markers_of_the_erased(bench: Bench) {
    assert_eq!(bench.store.clear().await.unwrap(), 0);
    hang_up(&bench, "ana", "CA1", NOON).await;
    hang_up(&bench, "bob", "CA2", NOON).await;
    let going_on = bench.known(&caller("ana")).await;
    bench.store.erase(&id("ana")).await.unwrap();
    // Number, profile, index, session, marker.
    assert_eq!(bench.store.clear().await.unwrap(), 5);
    let figures = bench.store.figures().await.unwrap();
    assert_eq!((figures.users, figures.numbers, figures.sessions), (0, 0, 0));
    assert_eq!(bench.store.load_session(&"CA2".parse().unwrap()).await.unwrap(), None);
    let late = commit(&caller("ana"), session("CA1", &caller("ana"), &["hello"], NOON), &going_on);
    assert_eq!(bench.store.commit_session(&late).await.unwrap(), Outcome::Erased);
    // Cleared and called again: as if it were the first time.
    let known = bench.known(&caller("bob")).await;
    assert_eq!((known.created, known.calls, known.revision), (true, 0, 0));
}

every_rule_holds!(process, Bench::process(settings()));
every_rule_holds!(sqlite, Bench::sqlite(settings()));
every_rule_holds!(redis, Bench::redis(settings()).await);
every_rule_holds!(tagged, Bench::tagged(settings()).await);
every_rule_holds!(cluster, Bench::cluster(settings()).await);

/// A server's TTLs go on while a test looks.
fn without_ttl(entry: UserEntry) -> UserEntry {
    UserEntry { expires_in: None, ..entry }
}

fn local(settings: &StoreSettings) -> [Bench; 2] {
    [Bench::process(settings.clone()), Bench::sqlite(settings.clone())]
}

#[tokio::test]
async fn an_erased_user_is_remembered_as_such_for_30_days() {
    for bench in local(&settings()) {
        hang_up(&bench, "ana", "CA1", NOON).await;
        bench.store.erase(&id("ana")).await.unwrap();
        bench.advance_ms(30 * DAY_MS - 1);
        assert_eq!(bench.store.erased_among(&[id("ana")]).await.unwrap(), [id("ana")]);
        bench.advance_ms(1);
        assert_eq!(bench.store.erased_among(&[id("ana")]).await.unwrap(), []);
        assert_eq!(bench.known(&caller("ana")).await.user_id, id("ana"));
    }
}

#[tokio::test]
async fn only_an_assignment_starts_a_ttl_again() {
    for bench in local(&settings()) {
        hang_up(&bench, "ana", "CA1", NOON).await;
        hang_up(&bench, "bob", "CA2", NOON).await;
        bench.advance_ms(DAY_MS);
        bench.store.change_profile(&id("ana"), 1, &summary("changed")).await.unwrap();
        bench.store.assign(&hash("mobile"), Some(&id("ana"))).await.unwrap();
        assert_eq!(entry(&bench, &id("ana")).await.expires_in, Some(Duration::from_millis(89 * DAY_MS)));
        bench.store.merge_users(&id("bob"), &id("ana"), 2, &summary("both")).await.unwrap();
        assert_eq!(entry(&bench, &id("ana")).await.expires_in, Some(Duration::from_millis(89 * DAY_MS)));
        bench.advance_ms(89 * DAY_MS);
        assert_eq!(bench.store.user(&id("ana")).await.unwrap(), None);
        assert_eq!(bench.store.owner(&hash("bob")).await.unwrap(), None);
        assert_eq!(bench.store.owner(&hash("mobile")).await.unwrap(), Some(id("ana")));
        bench.advance_ms(DAY_MS);
        assert_eq!(bench.store.owner(&hash("mobile")).await.unwrap(), None);
    }
}

#[tokio::test]
async fn sessions_whose_user_has_expired_are_erased_all_the_same() {
    let settings = StoreSettings { profile_ttl: Some(Duration::from_secs(60)), ..settings() };
    for bench in local(&settings) {
        hang_up(&bench, "ana", "CA1", NOON).await;
        bench.advance_ms(61_000);
        assert_eq!(bench.store.user(&id("ana")).await.unwrap(), None);
        let erased = bench.store.erase(&id("ana")).await.unwrap();
        assert_eq!(erased, Erased { sessions: 1, markers: 1, ..Erased::default() });
        assert_eq!(bench.store.load_session(&"CA1".parse().unwrap()).await.unwrap(), None);
    }
}

#[tokio::test]
async fn who_is_kept_for_ever_is_a_stray_once_the_ttl_is_set() {
    let (clock, _) = clock();
    let directory = TempDir::new().unwrap();
    let open = |profile_ttl| {
        let settings = StoreSettings { profile_ttl, ..settings() };
        SqliteStore::open_with_clock(&file_in(&directory), settings, Arc::clone(&clock)).unwrap()
    };
    let ana = caller("ana");
    let for_ever = open(None);
    let known = for_ever.begin_call(&ana).await.unwrap();
    for_ever.commit_session(&commit(&ana, session("CA1", &ana, &["hello"], NOON), &known)).await.unwrap();
    assert_eq!(for_ever.figures().await.unwrap().without_ttl, 0);
    assert_eq!(for_ever.user(&ana.user_id).await.unwrap().unwrap().expires_in, None);
    drop(for_ever);
    // Number and user.
    let limited = open(Some(Duration::from_secs(60)));
    assert_eq!(limited.figures().await.unwrap().without_ttl, 2);
}

/// Whether a text is anywhere in the file or in its log.
fn can_be_read(directory: &TempDir, text: &str) -> bool {
    fs::read_dir(file_in(directory).parent().unwrap()).unwrap().any(|file| {
        let bytes = fs::read(file.unwrap().path()).unwrap();
        bytes.windows(text.len()).any(|window| window == text.as_bytes())
    })
}

/// A file with one short and one very long call of Ana's, and a call of Bob's, in which `word` and `bobs` were said.
async fn file_with_words(directory: &TempDir) -> (SqliteStore, Arc<std::sync::atomic::AtomicU64>) {
    let (clock, time) = clock();
    let store = SqliteStore::open_with_clock(&file_in(directory), settings(), clock).unwrap();
    let store = store.begin_call_within(Duration::from_secs(20));
    let long = "zanzibar ".repeat(10_000);
    for (name, sid, said) in [("ana", "CA1", "zanzibar"), ("ana", "CA2", &long), ("bob", "CA3", "timbuktu")] {
        let caller = caller(name);
        let known = store.begin_call(&caller).await.unwrap();
        let write = commit(&caller, session(sid, &caller, &[said], NOON), &known);
        assert!(super::is_applied(&store.commit_session(&write).await.unwrap()));
    }
    store.change_profile(&id("ana"), 2, &summary("zanzibar")).await.unwrap();
    (store, time)
}

#[tokio::test]
async fn no_word_of_an_erased_caller_stays_readable_in_the_file() {
    let directory = TempDir::new().unwrap();
    let (store, _) = file_with_words(&directory).await;
    let hers = ["zanzibar", "hash-of-ana", "CA1", "CA2"];
    for text in hers {
        assert!(can_be_read(&directory, text), "{text}");
    }
    let erased = store.erase(&id("ana")).await.unwrap();
    assert_eq!(erased, Erased { numbers: 1, profiles: 1, sessions: 2, markers: 2, mirrors: 0 });
    for text in hers {
        assert!(!can_be_read(&directory, text), "{text}");
    }
    assert!(can_be_read(&directory, "timbuktu"));
    assert_eq!(store.clear().await.unwrap(), 5);
    assert!(!can_be_read(&directory, "timbuktu"));
}

#[tokio::test]
async fn while_another_process_reads_the_file_an_erasure_is_finished_later() {
    let directory = TempDir::new().unwrap();
    let (store, time) = file_with_words(&directory).await;
    let reader = rusqlite::Connection::open(file_in(&directory)).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM session;").unwrap();
    assert_eq!(store.erase(&id("ana")).await.unwrap().sessions, 2);
    assert!(can_be_read(&directory, "zanzibar"));
    drop(reader);
    time.fetch_add(60_000, std::sync::atomic::Ordering::SeqCst);
    store.health().await.unwrap();
    // The sweep follows the answer; the next request waits for it.
    store.health().await.unwrap();
    assert!(!can_be_read(&directory, "zanzibar"));
}

#[tokio::test]
async fn a_profile_that_sqlite_holds_for_a_newer_version_is_neither_changed_nor_absorbed() {
    let directory = TempDir::new().unwrap();
    let (store, _) = file_with_words(&directory).await;
    let hand = rusqlite::Connection::open(file_in(&directory)).unwrap();
    hand.execute("UPDATE user SET v = 99 WHERE uid = 'u_ana'", []).unwrap();
    let conflict = |revision| ProfileChange::Conflict { revision, profile: None };
    assert_eq!(store.change_profile(&id("ana"), 3, &summary("new")).await.unwrap(), conflict(3));
    assert_eq!(store.merge_users(&id("bob"), &id("ana"), 3, &summary("new")).await.unwrap(), conflict(3));
    assert_eq!(store.merge_users(&id("ana"), &id("bob"), 1, &summary("new")).await.unwrap(), conflict(1));
    let entry = store.user(&id("ana")).await.unwrap().unwrap();
    assert_eq!((entry.profile, entry.revision, entry.calls), (None, 3, 2));
    // It can be erased.
    assert_eq!(store.erase(&id("ana")).await.unwrap().profiles, 1);
}

const NAMES: [&str; 3] = ["ana", "bob", "eve"];

/// Who calls, in which order; and which further numbers lead to whom.
#[derive(Debug, Clone)]
struct Past {
    calls: Vec<usize>,
    numbers: Vec<usize>,
}

fn past() -> impl Strategy<Value = Past> {
    let who = || 0..NAMES.len();
    (prop::collection::vec(who(), 0..8), prop::collection::vec(who(), 0..5))
        .prop_map(|(calls, numbers)| Past { calls, numbers })
}

impl Past {
    async fn happens(&self, bench: &Bench) {
        for (n, who) in self.calls.iter().enumerate() {
            hang_up(bench, NAMES[*who], &format!("CA{n}"), NOON + n as u64).await;
        }
        for (n, who) in self.numbers.iter().enumerate() {
            bench.store.assign(&hash(&format!("number{n}")), Some(&id(NAMES[*who]))).await.unwrap();
        }
    }

    /// The sessions of one of them, newest first.
    fn sessions(&self, who: usize) -> Vec<String> {
        let theirs = self.calls.iter().enumerate().filter(|(_, caller)| **caller == who);
        theirs.map(|(n, _)| format!("CA{n}")).rev().collect()
    }
}

/// All that a store tells of a user.
async fn told(bench: &Bench, user: &UserId) -> (Option<UserEntry>, Vec<PhoneHash>, Vec<Option<String>>) {
    let entry = bench.store.user(user).await.unwrap().map(without_ttl);
    let mut owners = Vec::new();
    for sid in entry.iter().flat_map(|entry| &entry.sessions) {
        owners.push(bench.store.load_session(sid).await.unwrap().map(|session| session.user_id));
    }
    (entry, numbers(bench, user).await, owners)
}

async fn erasing_touches_nobody_else(bench: Bench, past: Past, who: usize) {
    past.happens(&bench).await;
    let mut before = Vec::new();
    for name in NAMES {
        before.push(told(&bench, &id(name)).await);
    }
    let erased = bench.store.erase(&id(NAMES[who])).await.unwrap();
    let (entry, numbers, _) = &before[who];
    let sessions = past.sessions(who).len() as u64;
    assert_eq!((erased.profiles, erased.numbers), (u64::from(entry.is_some()), numbers.len() as u64));
    assert_eq!((erased.sessions, erased.markers), (sessions, sessions));
    for (other, name) in NAMES.iter().enumerate() {
        let expected = if other == who { (None, vec![], vec![]) } else { before[other].clone() };
        assert_eq!(told(&bench, &id(name)).await, expected);
    }
    assert_eq!(bench.store.erase(&id(NAMES[who])).await.unwrap(), Erased::default());
}

async fn absorbing_loses_nothing(bench: Bench, past: Past) {
    past.happens(&bench).await;
    let (ana, bob) = (id("ana"), id("bob"));
    let (mine, theirs) = (told(&bench, &ana).await, told(&bench, &bob).await);
    let eve = told(&bench, &id("eve")).await;
    let revision = mine.0.as_ref().map_or(0, |entry| entry.revision);
    let change = bench.store.merge_users(&bob, &ana, revision, &summary("both")).await.unwrap();

    if mine.0.is_none() || (theirs.0.is_none() && theirs.1.is_empty()) {
        assert_eq!(change, ProfileChange::Unknown);
        assert_eq!((told(&bench, &ana).await, told(&bench, &bob).await), (mine, theirs));
        return;
    }
    assert_eq!(change, ProfileChange::Applied { revision: revision + 1 });
    let (entry, hashes, owners) = told(&bench, &ana).await;
    let entry = entry.unwrap();
    let sessions = past.calls.iter().enumerate().rev().filter(|(_, who)| **who < 2);
    assert_eq!(entry.sessions, sessions.map(|(n, _)| format!("CA{n}").parse().unwrap()).collect::<Vec<SessionId>>());
    assert_eq!(entry.calls, entry.sessions.len() as u64);
    assert!(owners.iter().all(|owner| owner.as_deref() == Some("u_ana")));
    let both: BTreeSet<PhoneHash> = mine.1.into_iter().chain(theirs.1).collect();
    assert_eq!(hashes.into_iter().collect::<BTreeSet<_>>(), both);
    assert_eq!(told(&bench, &bob).await, (None, vec![], vec![]));
    assert_eq!(told(&bench, &id("eve")).await, eve);
}

fn block_on(work: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn an_erasure_touches_nobody_else(past in past(), who in 0..NAMES.len()) {
        block_on(async {
            erasing_touches_nobody_else(Bench::process(settings()), past.clone(), who).await;
            erasing_touches_nobody_else(Bench::sqlite(settings()), past.clone(), who).await;
            erasing_touches_nobody_else(Bench::redis(settings()).await, past.clone(), who).await;
            erasing_touches_nobody_else(Bench::tagged(settings()).await, past, who).await;
        });
    }

    #[test]
    fn a_join_loses_nothing(past in past()) {
        block_on(async {
            absorbing_loses_nothing(Bench::process(settings()), past.clone()).await;
            absorbing_loses_nothing(Bench::sqlite(settings()), past.clone()).await;
            absorbing_loses_nothing(Bench::redis(settings()).await, past.clone()).await;
            absorbing_loses_nothing(Bench::tagged(settings()).await, past).await;
        });
    }
}
