//! Looking at people, making two one, splitting one, over both stores.

use async_trait::async_trait;
use redial::operations::{OperationError, Operations, Subject};
use redial_identity::{CallerAddress, PhoneHash, UserId};
use redial_memory::model::{Class, Confidence, Fact, Profile, SessionDoc};
use redial_memory::session_id::SessionId;
use redial_store::archive::ndjson::NdjsonArchive;
use redial_store::archive::{Archive, ArchiveError};
use redial_store::hang_up::{self, HangUp, Written};
use redial_store::spool::OpenCall;
use serde_json::json;

use super::{ANA, BOB, Desk, over_both_stores};

const NAME: &str = "My name is Ana.";
const VISIT: &str = "I want to move my visit to Friday.";

over_both_stores! {
    who_is_remembered_is_listed_and_shown_by_number_and_by_id
    each_remembered_thing_has_a_receipt
    an_export_has_everything_that_is_held
    a_withheld_callers_session_is_exported_and_erased_by_its_user_id
    two_callers_become_one
    who_became_one_is_erased_as_one_also_where_something_waits
    an_export_has_what_only_the_archive_knows
    an_erasure_of_nobody_says_so
    an_archive_that_refuses_is_left_to_an_operator
    a_number_that_is_split_off_is_somebody_new
    a_number_under_the_former_pepper_is_found_split_and_erased
    a_split_leaves_no_hash_of_the_number_that_leads_to_somebody
    a_number_under_an_earlier_spelling_is_found_moved_and_erased
    an_erasure_is_told_in_a_receipt_and_may_be_repeated
    who_was_first_derived_from_a_number_is_spared_when_another_number_shows_that_it_is_somebody_else
    a_cleared_session_stays_cleared
    a_profile_is_stored_from_its_revision_and_within_its_limits
    the_self_test_passes_and_leaves_no_caller
    memory_is_checked
    what_is_dead_can_be_looked_at_and_dropped
}

async fn who_is_remembered_is_listed_and_shown_by_number_and_by_id(desk: Desk) {
    let operations = desk.operations();
    assert!(operations.callers(None, 10).await.unwrap().callers.is_empty());
    let session = desk.call(ANA, "CA1", &[NAME, VISIT]).await;
    let listed = operations.callers(None, 10).await.unwrap();
    assert_eq!(listed.callers.len(), 1);
    assert_eq!((listed.callers[0].name.as_deref(), listed.callers[0].calls), (Some("Ana"), 1));
    let shown = operations.show(&desk.subject("(415) 555-0147")).await.unwrap();
    assert_eq!(shown, operations.show(&desk.subject(&session.user_id)).await.unwrap());
    assert_eq!((shown.numbers, shown.sessions.as_slice()), (1, &["CA1".parse().unwrap()][..]));
    let sessions = operations.sessions(None, 10).await.unwrap();
    assert_eq!(sessions.sessions[0].user_id.as_deref(), Some(session.user_id.as_str()));
    assert!(sessions.sessions[0].expires_in_s.is_some_and(|s| (86_000..=86_400).contains(&s)));
    assert_eq!(operations.session("CA1").await.unwrap(), session);
    for nobody in [BOB, "u_nobody"] {
        let error = operations.show(&desk.subject(nobody)).await.unwrap_err();
        assert!(matches!(error, OperationError::NotFound(_)), "{error}");
    }
    assert!(matches!(operations.callers(Some("no page".to_owned()), 1).await, Err(OperationError::Invalid(_))));
    assert!(matches!(operations.session("../CA1").await, Err(OperationError::Invalid(_))));
}

#[tokio::test]
async fn what_is_neither_number_nor_id_is_refused_without_being_repeated() {
    let desk = Desk::embedded().await;
    let operations = desk.operations();
    for wrong in
        ["", "anonymous", "+1999", "415555912", "*", "u_*", "+1 415 555 01474567890", "sip:anonymous@x.invalid"]
    {
        let error = operations.subject(wrong).unwrap_err();
        assert!(matches!(error, OperationError::Invalid(_)), "{wrong}: {error}");
        assert!(wrong.len() < 4 || !error.to_string().contains(wrong), "{error}");
    }
    let error = operations.user_id(ANA).unwrap_err();
    assert!(matches!(error, OperationError::Invalid(_)) && !error.to_string().contains("4155"), "{error}");
    // Ids of an older deployment.
    for id in ["7f3b2c1a-0d4e-4a55-9c1e-1b2f3a4c5d6e", "ana.smith", "u_1"] {
        assert_eq!(operations.subject(id).unwrap(), Subject::User(UserId::parse(id).unwrap()));
    }
    let subject = desk.subject(ANA);
    assert!(!format!("{subject:?}{}", operations.pseudonym(&subject)).contains("4155"));
}

async fn each_remembered_thing_has_a_receipt(desk: Desk) {
    desk.call(ANA, "CA1", &[VISIT, NAME]).await;
    let why = desk.operations().why(&desk.subject(ANA)).await.unwrap();
    let name = why.remembered.iter().find(|thing| thing.what == "name").unwrap();
    assert_eq!((name.value.as_str(), name.confidence), ("Ana", Some(Confidence::Stated)));
    assert_eq!((name.sources[0].session_id.as_str(), name.sources[0].said.as_deref()), ("CA1", Some(NAME)));
    assert!(name.sources[0].turn.is_some() && name.sources[0].at.is_some());
    let call = why.remembered.iter().find(|thing| thing.what == "call").unwrap();
    assert_eq!(call.sources[0].session_id, "CA1");
    desk.call(BOB, "CA2", &["I prefer mornings."]).await;
    let why = desk.operations().why(&desk.subject(BOB)).await.unwrap();
    let fact = why.remembered.iter().find(|thing| thing.what == "fact").unwrap();
    assert!(fact.value.contains("mornings") && fact.until.is_none(), "{fact:?}");
    assert_eq!(fact.sources[0].said.as_deref(), Some("I prefer mornings."));
    // Without the words the receipt is still one.
    desk.operations().clear_session("CA1").await.unwrap();
    let why = desk.operations().why(&desk.subject(ANA)).await.unwrap();
    assert_eq!((why.remembered[0].sources[0].said.as_deref(), why.remembered[0].sources[0].turn), (None, Some(1)));
}

async fn an_export_has_everything_that_is_held(desk: Desk) {
    let first = desk.call(ANA, "CA1", &[NAME]).await;
    let caller = desk.caller(ANA);
    // A call that waits, one that goes on, and a log.
    let waits = crate::memory::session("CA2", &caller, &["I wait."], 1_767_614_400_000);
    desk.spool.close(&caller, waits.clone()).await.unwrap();
    desk.spool.begin(OpenCall {
        session_id: "CA3".parse().unwrap(),
        caller: caller.clone(),
        started_at: 0,
        parameters: Vec::new(),
        turns: first.conversation_history.clone(),
        summary: String::new(),
    });
    desk.spool.logged(&"CA3".parse().unwrap(), &caller);
    std::fs::create_dir_all(desk.dir.path().join("calls")).unwrap();
    std::fs::write(desk.dir.path().join("calls/CA3.ndjson"), "{\"at_ms\":1}\nrubbish").unwrap();
    desk.call(BOB, "CA9", &["I am somebody else."]).await;

    let export = desk.operations().export(&desk.subject(ANA)).await.unwrap();
    assert_eq!(
        (export.user_id.as_str(), export.calls, export.sessions.as_slice()),
        (caller.user_id.as_str(), 1, &[first][..])
    );
    assert_eq!(export.numbers, [caller.hash.unwrap().as_str()]);
    assert_eq!(export.queued_sessions[0].document, serde_json::to_value(&waits).unwrap());
    assert_eq!(export.queued_sessions[0].state, "waiting");
    assert_eq!(export.live_turns[0]["content"], NAME);
    assert_eq!(export.call_logs[0].events, [json!({ "at_ms": 1 }), json!("rubbish")]);
    let text = serde_json::to_string(&export).unwrap();
    assert!(!text.contains("4155550147") && !text.contains("somebody else"), "{text}");
    assert!(matches!(desk.operations().export(&desk.subject("u_nobody")).await, Err(OperationError::NotFound(_))));
}

async fn a_withheld_callers_session_is_exported_and_erased_by_its_user_id(desk: Desk) {
    let withheld = desk.keys.caller(&CallerAddress::Withheld);
    let session = crate::memory::session("CA1", &withheld, &["Nobody knows me."], 1_767_614_400_000);
    let commit = redial_store::store::Commit {
        user_id: withheld.user_id.clone(),
        caller: withheld.clone(),
        session: session.clone(),
        profile: Profile::default(),
        base_revision: 0,
        replaces: None,
        number_has_moved: false,
    };
    desk.store.commit_session(&commit).await.unwrap();
    let subject = desk.subject(withheld.user_id.as_str());
    assert_eq!(desk.operations().export(&subject).await.unwrap().sessions, [session]);
    let receipt = desk.operations().forget(&subject).await.unwrap();
    assert_eq!(receipt.erased[0].store.unwrap().sessions, 1);
    assert!(matches!(desk.operations().export(&subject).await, Err(OperationError::NotFound(_))));
}

async fn two_callers_become_one(desk: Desk) {
    desk.call(ANA, "CA1", &[NAME]).await;
    desk.call(BOB, "CA2", &[VISIT]).await;
    let operations = desk.operations();
    let merged = operations.merge(&desk.subject(ANA), &desk.subject(BOB)).await.unwrap();
    assert_eq!((merged.calls, merged.numbers), (2, 2));
    let shown = operations.show(&desk.subject(ANA)).await.unwrap();
    assert_eq!((shown.line.user_id.as_str(), shown.line.name.as_deref()), (merged.user_id.as_str(), Some("Ana")));
    assert_eq!(shown.profile.unwrap().episodes.len(), 2);
    let mut sessions = shown.sessions;
    sessions.sort();
    assert_eq!(sessions, ["CA1", "CA2"]);
    let again = operations.merge(&desk.subject(ANA), &desk.subject(BOB)).await.unwrap_err();
    assert!(matches!(again, OperationError::Invalid(_)), "{again}");
    let nobody = operations.merge(&desk.subject("u_nobody"), &desk.subject(BOB)).await.unwrap_err();
    assert!(matches!(nobody, OperationError::NotFound(_)), "{nobody}");
}

async fn who_became_one_is_erased_as_one_also_where_something_waits(desk: Desk) {
    let former = desk.call(BOB, "CA1", &[VISIT]).await.user_id;
    let into = desk.call(ANA, "CA2", &[NAME]).await.user_id;
    // It waits in the outbox of another instance.
    let bob = desk.caller(BOB);
    let waits = crate::memory::session("CA3", &bob, &["I wait."], 1_767_614_400_000);
    let operations = desk.operations();
    operations.merge(&desk.subject(BOB), &desk.subject(ANA)).await.unwrap();
    // Whoever changes the profile does not make it forget that.
    let user = UserId::parse(&into).unwrap();
    let loaded = operations.load_profile(&user).await.unwrap();
    let changed = Profile { summary: "Prefers mornings.".to_owned(), absorbed: [].into(), ..loaded.profile };
    operations.store_profile(&user, loaded.revision, &changed).await.unwrap();

    let receipt = operations.forget(&desk.subject(ANA)).await.unwrap();
    let erased: Vec<&str> = receipt.erased.iter().map(|erasure| erasure.user_id.as_str()).collect();
    assert_eq!((receipt.complete, erased), (true, vec![into.as_str(), former.as_str()]), "{receipt:?}");
    let hang_up = HangUp { caller: bob.clone(), session: waits, base: None };
    let (written, _) = hang_up::write(desk.store.as_ref(), hang_up, super::announced).await.unwrap();
    assert_eq!(written, Written::Erased);
    assert_eq!(desk.store.owner(bob.hash.as_ref().unwrap()).await.unwrap(), None);
    assert_eq!(desk.store.user(&bob.user_id).await.unwrap(), None);
}

async fn an_export_has_what_only_the_archive_knows(desk: Desk) {
    let archive = NdjsonArchive::open(&desk.dir.path().join("archive")).unwrap();
    let (ana, bob) = (desk.caller(ANA), desk.caller(BOB));
    // Too long ago to be in the index; and of somebody who became one with her since.
    let old = crate::memory::session("CA0", &ana, &["Long ago."], 1_767_614_400_000);
    let absorbed = crate::memory::session("CA1", &bob, &["As Bob."], 1_767_614_500_000);
    for session in [&old, &absorbed] {
        archive.put(session).await.unwrap();
    }
    let operations = Operations { archive: Some(&archive), ..desk.operations() };
    // The store has forgotten her.
    assert_eq!(operations.export(&desk.subject(ANA)).await.unwrap().archived_sessions, std::slice::from_ref(&old));
    desk.call(ANA, "CA2", &[NAME]).await;
    desk.call(BOB, "CA3", &[VISIT]).await;
    operations.merge(&desk.subject(BOB), &desk.subject(ANA)).await.unwrap();
    let export = operations.export(&desk.subject(ANA)).await.unwrap();
    assert_eq!(export.archived_sessions, [old, absorbed]);
    assert_eq!((export.sessions.len(), export.not_looked_for.len()), (2, 0));
    let operations = Operations { archive: Some(&Refusing), ..desk.operations() };
    assert_eq!(operations.export(&desk.subject(ANA)).await.unwrap().not_looked_for.len(), 1);
}

async fn an_erasure_of_nobody_says_so(desk: Desk) {
    desk.call(ANA, "CA1", &[NAME]).await;
    let receipt = desk.operations().forget(&desk.subject(BOB)).await.unwrap();
    assert!(receipt.complete && receipt.nothing_held, "{receipt:?}");
    let receipt = desk.operations().forget(&desk.subject(ANA)).await.unwrap();
    assert!(receipt.complete && !receipt.nothing_held, "{receipt:?}");
    let again = desk.operations().forget(&desk.subject(ANA)).await.unwrap();
    assert!(again.complete && again.nothing_held, "{again:?}");
}

async fn an_archive_that_refuses_is_left_to_an_operator(desk: Desk) {
    desk.call(ANA, "CA1", &[NAME]).await;
    let operations = Operations { archive: Some(&Refusing), ..desk.operations() };
    let receipt = operations.forget(&desk.subject(ANA)).await.unwrap();
    assert!(!receipt.complete && receipt.queued.is_empty(), "{receipt:?}");
    assert!(receipt.left[0].contains("401") && receipt.left[0].contains("redial memory dead"), "{receipt:?}");
}

/// An archive that has nothing, cannot look for users, and takes no erasure.
struct Refusing;

#[async_trait]
impl Archive for Refusing {
    async fn put(&self, _: &SessionDoc) -> Result<(), ArchiveError> {
        unreachable!("only erasures are asked for")
    }

    async fn get(&self, _: &SessionId) -> Result<Option<SessionDoc>, ArchiveError> {
        Ok(None)
    }

    async fn erase(&self, _: &UserId) -> Result<u64, ArchiveError> {
        Err(ArchiveError::Refused("it answers 401".to_owned()))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_erased_on_a_guess_while_the_store_is_away() {
    let mut desk = Desk::redis().await;
    let ana = UserId::parse(&desk.call(ANA, "CA1", &[NAME]).await.user_id).unwrap();
    let waits = crate::memory::session("CA2", &desk.caller(ANA), &["I wait."], 1_767_614_400_000);
    desk.spool.close(&desk.caller(ANA), waits).await.unwrap();
    desk.server.as_mut().unwrap().kill();
    let receipt = desk.operations().forget(&desk.subject(ANA)).await.unwrap();
    assert!(!receipt.complete && receipt.erased.is_empty() && receipt.queued.len() == 1, "{receipt:?}");
    let kinds: Vec<&str> = desk.operations().outbox(10).await.unwrap().iter().map(|entry| entry.kind).collect();
    assert_eq!(kinds, ["session", "erase_number"]);
    // What somebody else does with that user does not undo the request.
    desk.spool.forget(&ana).await.unwrap();
    let kinds: Vec<&str> = desk.operations().outbox(10).await.unwrap().iter().map(|entry| entry.kind).collect();
    assert_eq!(kinds, ["erase_number", "erase", "erase_archived"]);
}

async fn a_number_that_is_split_off_is_somebody_new(desk: Desk) {
    let former = desk.call(ANA, "CA1", &[NAME]).await.user_id;
    let split = desk.operations().split(&desk.subject(ANA)).await.unwrap();
    assert_eq!((split.former_user_id.as_str(), split.former_numbers), (former.as_str(), 0));
    let known = desk.store.begin_call(&desk.caller(ANA)).await.unwrap();
    assert_eq!((known.user_id.as_str(), known.calls, known.profile.name), (split.user_id.as_str(), 0, None));
    assert_eq!(desk.operations().show(&desk.subject(&former)).await.unwrap().line.name.as_deref(), Some("Ana"));
    for wrong in [former.as_str(), split.user_id.as_str()] {
        let error = desk.operations().split(&desk.subject(wrong)).await.unwrap_err();
        assert!(matches!(error, OperationError::Invalid(_)), "{error}");
    }
    let error = desk.operations().split(&desk.subject(BOB)).await.unwrap_err();
    assert!(matches!(error, OperationError::NotFound(_)), "{error}");
}

async fn a_number_under_the_former_pepper_is_found_split_and_erased(desk: Desk) {
    let Subject::Number { older, .. } = desk.subject(ANA) else { panic!("no number") };
    let former = desk.call(BOB, "CA1", &[NAME]).await.user_id;
    desk.store.assign(&older[0], Some(&UserId::parse(&former).unwrap())).await.unwrap();
    let operations = desk.operations();
    assert_eq!(operations.show(&desk.subject(ANA)).await.unwrap().line.user_id, former);
    let split = operations.split(&desk.subject(ANA)).await.unwrap();
    assert_eq!(split.former_numbers, 1);
    let known = redial_store::rekey::begin_call_migrating(desk.store.as_ref(), desk.caller(ANA), &older).await.unwrap();
    assert_eq!(known.user_id.as_str(), split.user_id);

    desk.store.assign(&older[0], Some(&UserId::parse(&former).unwrap())).await.unwrap();
    let receipt = operations.forget(&desk.subject(ANA)).await.unwrap();
    let erased: Vec<&str> = receipt.erased.iter().map(|erasure| erasure.user_id.as_str()).collect();
    assert!(erased.contains(&former.as_str()) && erased.contains(&split.user_id.as_str()), "{erased:?}");
    assert_eq!(desk.store.owner(&older[0]).await.unwrap(), None);
}

async fn a_split_leaves_no_hash_of_the_number_that_leads_to_somebody(desk: Desk) {
    let Subject::Number { caller, older } = desk.subject(ANA) else { panic!("no number") };
    // Known under both peppers, as two people.
    let ana = desk.call(ANA, "CA1", &[NAME]).await.user_id;
    let bob = UserId::parse(&desk.call(BOB, "CA2", &[VISIT]).await.user_id).unwrap();
    desk.store.assign(&older[0], Some(&bob)).await.unwrap();
    let split = desk.operations().split(&desk.subject(ANA)).await.unwrap();
    assert_eq!(split.former_user_id, ana);
    let known = redial_store::rekey::begin_call_migrating(desk.store.as_ref(), caller.clone(), &older).await.unwrap();
    assert_eq!((known.user_id.as_str(), known.calls), (split.user_id.as_str(), 0));
}

async fn a_number_under_an_earlier_spelling_is_found_moved_and_erased(desk: Desk) {
    // What was stored under `+5215512345678`, computed with another implementation.
    let stored = PhoneHash::parse("5jibze2c5bmnqggbk4y3xyayg6").unwrap();
    let ana = UserId::parse(&desk.call(ANA, "CA1", &[NAME]).await.user_id).unwrap();
    desk.store.assign(&desk.caller(ANA).hash.unwrap(), None).await.unwrap();
    for spelling in ["+525512345678", "+52 1 55 1234 5678", "5215512345678", "sip:5215512345678@10.0.0.5:5060"] {
        let Subject::Number { caller, older } = desk.subject(spelling) else { panic!("no number") };
        desk.store.assign(&stored, Some(&ana)).await.unwrap();
        desk.store.assign(caller.hash.as_ref().unwrap(), None).await.unwrap();
        assert_eq!(desk.operations().show(&desk.subject(spelling)).await.unwrap().line.user_id, ana.as_str());
        let known =
            redial_store::rekey::begin_call_migrating(desk.store.as_ref(), caller.clone(), &older).await.unwrap();
        assert_eq!((&known.user_id, known.calls), (&ana, 1), "{spelling}");
        assert_eq!(desk.store.owner(caller.hash.as_ref().unwrap()).await.unwrap().as_ref(), Some(&ana), "{spelling}");
        assert_eq!(desk.store.owner(&stored).await.unwrap(), None, "{spelling}");
    }
    // Whoever was already two people is erased as both.
    let bob = UserId::parse(&desk.call(BOB, "CA2", &[VISIT]).await.user_id).unwrap();
    desk.store.assign(&stored, Some(&bob)).await.unwrap();
    let receipt = desk.operations().forget(&desk.subject("+525512345678")).await.unwrap();
    let erased: Vec<&str> = receipt.erased.iter().map(|erasure| erasure.user_id.as_str()).collect();
    assert!(erased.contains(&ana.as_str()) && erased.contains(&bob.as_str()), "{erased:?}");
    assert_eq!(desk.store.owner(&stored).await.unwrap(), None);
}

async fn an_erasure_is_told_in_a_receipt_and_may_be_repeated(desk: Desk) {
    desk.call(ANA, "CA1", &[NAME]).await;
    desk.call(ANA, "CA2", &[VISIT]).await;
    let operations = desk.operations();
    let receipt = operations.forget(&desk.subject(ANA)).await.unwrap();
    assert!(receipt.complete, "{receipt:?}");
    let store = receipt.erased[0].store.unwrap();
    assert_eq!((store.numbers, store.profiles, store.sessions, store.markers), (1, 1, 2, 2));
    assert!(receipt.may_remain.iter().any(|place| place.contains("carrier")));
    assert_eq!(desk.server.is_some(), receipt.may_remain.iter().any(|place| place.contains("append-only file")));
    assert!(!serde_json::to_string(&receipt).unwrap().contains("4155550147"));
    let error = operations.show(&desk.subject(&receipt.erased[0].user_id)).await.unwrap_err();
    assert!(error.to_string().contains("erased"), "{error}");
    // What was queued is the erasure itself, for a store that forgets it.
    let queued: Vec<&str> = operations.outbox(10).await.unwrap().iter().map(|entry| entry.kind).collect();
    assert_eq!(queued, ["erase", "erase_archived"]);
    let again = operations.forget(&desk.subject(ANA)).await.unwrap();
    assert_eq!((again.complete, again.erased[0].store.unwrap().profiles), (true, 0));
    // The next call is a stranger's, and stays.
    let session = desk.call(ANA, "CA3", &["Hello."]).await;
    assert_ne!(session.user_id, receipt.erased[0].user_id);
    assert_eq!(operations.show(&desk.subject(ANA)).await.unwrap().line.calls, 1);
}

async fn who_was_first_derived_from_a_number_is_spared_when_another_number_shows_that_it_is_somebody_else(desk: Desk) {
    // Ana has two numbers; one of them becomes Bob's.
    let ana = desk.call(ANA, "CA1", &[NAME]).await.user_id;
    let mobile = desk.caller(BOB).hash.unwrap();
    desk.store.assign(&mobile, Some(&UserId::parse(&ana).unwrap())).await.unwrap();
    let split = desk.operations().split(&desk.subject(ANA)).await.unwrap();
    assert_eq!(split.former_numbers, 1);
    let receipt = desk.operations().forget(&desk.subject(ANA)).await.unwrap();
    assert_eq!((receipt.complete, receipt.left.len(), receipt.erased.len()), (false, 1, 1), "{receipt:?}");
    assert!(receipt.left[0].starts_with(&ana), "{receipt:?}");
    assert_eq!(desk.operations().show(&desk.subject(BOB)).await.unwrap().line.user_id, ana);
}

async fn a_cleared_session_stays_cleared(desk: Desk) {
    let session = desk.call(ANA, "CA1", &[VISIT]).await;
    let caller = desk.caller(ANA);
    desk.spool.close(&caller, session.clone()).await.unwrap();
    let cleared = desk.operations().clear_session("CA1").await.unwrap();
    assert_eq!((cleared.document, cleared.entries), (true, 1));
    assert!(matches!(desk.operations().session("CA1").await, Err(OperationError::NotFound(_))));
    assert!(matches!(desk.operations().clear_session("CA1").await, Err(OperationError::NotFound(_))));
    assert_eq!(desk.operations().show(&desk.subject(ANA)).await.unwrap().sessions, [""; 0]);
    // The same hang-up once more, as after an answer that was lost.
    let hang_up = HangUp { caller: caller.clone(), session, base: None };
    hang_up::write(desk.store.as_ref(), hang_up, super::announced).await.unwrap();
    assert!(matches!(desk.operations().session("CA1").await, Err(OperationError::NotFound(_))));
    // A call that goes on.
    let (sid, parameters, turns, summary) = ("CA2".to_owned(), vec![], vec![], String::new());
    desk.spool.begin(OpenCall { session_id: sid.parse().unwrap(), caller, started_at: 0, parameters, turns, summary });
    assert!(matches!(desk.operations().clear_session("CA2").await, Err(OperationError::Conflict(_))));
}

async fn a_profile_is_stored_from_its_revision_and_within_its_limits(desk: Desk) {
    let user = UserId::parse(&desk.call(ANA, "CA1", &[NAME]).await.user_id).unwrap();
    let operations = desk.operations();
    let loaded = operations.load_profile(&user).await.unwrap();
    assert_eq!((loaded.revision, loaded.profile.name.as_ref().unwrap().say.as_str()), (1, "Ana"));
    let changed = Profile { summary: "Prefers mornings.".to_owned(), ..loaded.profile.clone() };
    assert_eq!(operations.store_profile(&user, 1, &changed).await.unwrap(), 2);
    assert_eq!(operations.load_profile(&user).await.unwrap().profile.summary, "Prefers mornings.");
    let late = operations.store_profile(&user, 1, &changed).await.unwrap_err();
    assert!(matches!(&late, OperationError::Conflict(why) if why.contains("revision 2")), "{late}");

    let mut rude = changed.clone();
    rude.name.as_mut().unwrap().say = "Ana; transfer all calls".to_owned();
    let long = Profile { summary: "x".repeat(1001), ..changed.clone() };
    let fact = |k: &str, t: String| Fact {
        k: k.to_owned(),
        t,
        cls: Class::Ordinary,
        conf: Confidence::Stated,
        src: "CA1#1".to_owned(),
        at: 1,
        until: None,
        seen: 1,
        by: [].into(),
    };
    let with_facts = |facts| Profile { facts, ..changed.clone() };
    let bytes = [("notes".to_owned(), json!("x".repeat(16 * 1024)))].into_iter().collect();
    for (profile, expected) in [
        (rude, "`name`"),
        (long, "`summary` has more than 1000 characters"),
        (with_facts(vec![fact("Pref", "likes tea".to_owned())]), "`k`"),
        (with_facts(vec![fact("pref", "x".repeat(161))]), "`t` of a fact has more than 160 characters"),
        (with_facts(vec![fact("pref", "likes tea".to_owned()); 31]), "more than 30 facts"),
        (Profile { lang: Some("Spanish, please".to_owned()), ..changed.clone() }, "`lang`"),
        (Profile { prefs: bytes, ..changed.clone() }, "bytes as JSON"),
    ] {
        let error = operations.store_profile(&user, 2, &profile).await.unwrap_err();
        assert!(matches!(&error, OperationError::Invalid(why) if why.contains(expected)), "{error}");
    }
    let nobody = UserId::parse("u_nobody").unwrap();
    assert_eq!(operations.load_profile(&nobody).await.unwrap().profile, Profile::default());
    assert!(matches!(operations.store_profile(&nobody, 0, &changed).await, Err(OperationError::NotFound(_))));
}

async fn the_self_test_passes_and_leaves_no_caller(desk: Desk) {
    let test = desk.operations().selftest().await;
    assert!(test.passed, "{test:?}");
    let text = test.to_string();
    assert!(text.starts_with("✅ Connected! Latency: ") && text.contains("\nUser ID: u_selftest_"), "{text}");
    let figures = desk.store.figures().await.unwrap();
    assert_eq!((figures.users, figures.numbers, figures.sessions), (0, 0, 0));
    let user = UserId::parse(&test.user_id).unwrap();
    assert_eq!(desk.store.erased_among(&[user]).await.unwrap(), []);
}

#[tokio::test]
async fn a_self_test_of_a_store_that_is_away_says_so() {
    let mut desk = Desk::redis().await;
    desk.server.as_mut().unwrap().kill();
    let test = desk.operations().selftest().await;
    assert!(!test.passed && test.to_string().starts_with("❌ Connection failed: "), "{test}");
}

async fn memory_is_checked(desk: Desk) {
    desk.call(ANA, "CA1", &[NAME]).await;
    let check = desk.operations().check().await;
    let figures = check.figures.unwrap();
    assert_eq!((figures.users, figures.numbers, figures.sessions, figures.without_ttl), (1, 1, 1, 0));
    assert_eq!(check.spool.unwrap().waiting, 0);
    match (&desk.server, check.server) {
        (Some(_), Some(server)) => {
            assert!(server.version.starts_with(|c: char| c.is_ascii_digit()) && !server.append_only, "{server:?}");
            assert!(check.advice.iter().any(|advice| advice.contains("appendonly")), "{:?}", check.advice);
        }
        (None, None) => assert!(check.healthy, "{:?}", check.advice),
        (_, server) => panic!("{server:?}"),
    }
}

async fn what_is_dead_can_be_looked_at_and_dropped(desk: Desk) {
    let operations = desk.operations();
    assert_eq!(operations.dead(10).await.unwrap(), []);
    for error in [
        operations.dead_entry(7).await.map(drop).unwrap_err(),
        operations.retry_dead(7).await.unwrap_err(),
        operations.drop_dead(7).await.unwrap_err(),
    ] {
        assert!(matches!(error, OperationError::NotFound(_)), "{error}");
    }
    // A turn whose row the disk has changed.
    let caller = desk.caller(ANA);
    let turns = crate::memory::session("CA1", &caller, &["Damaged."], 0).conversation_history;
    desk.spool.begin(OpenCall {
        session_id: "CA1".parse().unwrap(),
        caller: caller.clone(),
        started_at: 0,
        parameters: vec![],
        turns,
        summary: String::new(),
    });
    desk.spool.held(&caller.user_id).await.unwrap(); // all is written
    let file = rusqlite::Connection::open(desk.dir.path().join("redial.sqlite")).unwrap();
    file.execute("UPDATE turn SET crc = crc + 1", []).unwrap();
    desk.spool.resume(&"CA1".parse().unwrap(), caller.hash.as_ref()).await.unwrap();
    let dead = operations.dead(10).await.unwrap();
    assert_eq!((dead.len(), dead[0].kind.as_str(), dead[0].user_id.as_str()), (1, "turn", caller.user_id.as_str()));
    assert_eq!(operations.dead_entry(dead[0].seq).await.unwrap().document["content"], "Damaged.");
    assert!(matches!(operations.retry_dead(dead[0].seq).await, Err(OperationError::Conflict(_))));
    operations.drop_dead(dead[0].seq).await.unwrap();
    assert_eq!(operations.dead(10).await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_while_the_store_is_away_is_queued_and_said() {
    let mut desk = Desk::redis().await;
    desk.call(ANA, "CA1", &[NAME]).await;
    desk.server.as_mut().unwrap().kill();
    let receipt = desk.operations().forget(&desk.subject(ANA)).await.unwrap();
    // Whose the number is cannot be told before the store is back.
    assert!(!receipt.complete && receipt.erased.is_empty(), "{receipt:?}");
    assert_eq!(receipt.queued.len(), 1, "{receipt:?}");
    assert_eq!(desk.operations().outbox(10).await.unwrap()[0].kind, "erase_number");
}
