//! What happens to a call after it is written: whom its words are shown to, and as whose.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use redial_identity::{Caller, UserId};
use redial_memory::consent::ConsentMode;
use redial_memory::model::{Choice, Consent, Profile, SessionDoc};
use redial_memory::session_id::SessionId;
use redial_memory::summarizer::{Draft, Summarizer, SummaryError, SummaryRequest};
use redial_store::archive::{Archive, ArchiveError};
use redial_store::clock;
use redial_store::directory::{Directory as _, Memory};
use redial_store::hang_up::{self, HangUp};
use redial_store::process::ProcessStore;
use redial_store::settings::StoreSettings;
use redial_store::spool::{Deliverer, LiveCalls, Sinks, Spool, SpoolSettings};
use redial_store::sqlite::Database;
use redial_store::store::Store as _;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::{NOON, caller, session, withheld};

/// An archive and a model that keep what they are shown.
#[derive(Default)]
struct Seen {
    archived: Mutex<Vec<SessionDoc>>,
    asked: Mutex<Vec<String>>,
}

#[async_trait]
impl Archive for Seen {
    async fn put(&self, session: &SessionDoc) -> Result<(), ArchiveError> {
        self.archived.lock().unwrap().push(session.clone());
        Ok(())
    }

    async fn get(&self, _: &SessionId) -> Result<Option<SessionDoc>, ArchiveError> {
        unreachable!("deliveries read no archive")
    }

    async fn erase(&self, _: &UserId) -> Result<u64, ArchiveError> {
        Ok(0)
    }
}

#[async_trait]
impl Summarizer for Seen {
    async fn summarize(&self, request: &SummaryRequest) -> Result<Draft, SummaryError> {
        self.asked.lock().unwrap().push(request.session.session_id.to_string());
        Err(SummaryError::NoEvidence)
    }
}

struct NoCalls;

impl LiveCalls for NoCalls {
    fn users(&self) -> Vec<UserId> {
        Vec::new()
    }

    fn forget(&self, _: &UserId) {}
}

/// An outbox that delivers to a store, an archive and a model.
struct Bed {
    store: Arc<ProcessStore>,
    spool: Arc<Spool>,
    seen: Arc<Seen>,
    stop: CancellationToken,
    _dir: TempDir,
}

impl Bed {
    fn under(consent: ConsentMode) -> Self {
        let dir = TempDir::new().unwrap();
        let store = Arc::new(ProcessStore::new(StoreSettings::default()));
        let (spool, seen, stop) = (spool(dir.path()), Arc::new(Seen::default()), CancellationToken::new());
        let sinks = Sinks {
            archive: Some(Arc::clone(&seen) as Arc<dyn Archive>),
            summarizer: Some(Arc::clone(&seen) as Arc<dyn Summarizer>),
            consent,
            ..Sinks::only(Arc::clone(&store) as Arc<dyn Memory>, Arc::new(NoCalls))
        };
        tokio::spawn(Deliverer::new(Arc::clone(&spool), sinks).run(stop.clone()));
        Self { store, spool, seen, stop, _dir: dir }
    }

    /// A call whose caller has answered in an earlier one.
    async fn answered(&self, caller: &Caller, memory: Choice) {
        let consent = Consent { memory, at: 1, how: "voice".to_owned(), src: "CA0#1".to_owned() };
        let earlier = session("CA0", caller, &["Hello."], NOON);
        let fold = |profile, _: &SessionDoc| Profile { consent: Some(consent.clone()), ..profile };
        let hang_up = HangUp { caller: caller.clone(), session: earlier, base: None };
        hang_up::write(self.store.as_ref(), hang_up, fold).await.unwrap();
    }

    /// Closes a call and waits until all that follows from it is done. Answers whether archive and model were shown it.
    async fn call(&self, caller: &Caller, sid: &str, said: &[&str]) -> (bool, bool) {
        self.spool.close(caller, session(sid, caller, said, NOON + 60_000)).await.unwrap();
        let deadline = Instant::now() + Duration::from_secs(15);
        while self.spool.figures().await.unwrap().waiting > 0 {
            assert!(Instant::now() < deadline, "{:?}", self.spool.waiting(10).await);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(self.spool.figures().await.unwrap().dead, 0);
        assert!(
            self.store.load_session(&sid.parse().unwrap()).await.unwrap().is_some(),
            "the call itself is written in any case"
        );
        let archived = self.seen.archived.lock().unwrap().iter().any(|session| session.session_id == sid);
        (archived, self.seen.asked.lock().unwrap().iter().any(|asked| asked == sid))
    }
}

impl Drop for Bed {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn spool(dir: &Path) -> Arc<Spool> {
    let database = Arc::new(Database::open(&dir.join("redial.sqlite"), clock::system()).unwrap());
    let settings = SpoolSettings { per_second: 100_000, ..SpoolSettings::default() };
    Arc::new(Spool::open(database, Some(dir), settings).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_shown_to_archive_and_model_only_as_far_as_its_caller_agreed() {
    use ConsentMode::{Announce, Ask, Implicit, Off};
    for (mode, answer, shown) in [
        (Implicit, None, true),
        (Announce, None, true),
        (Announce, Some(Choice::No), false),
        (Ask, None, false),
        (Ask, Some(Choice::Yes), true),
        (Ask, Some(Choice::No), false),
        (Off, Some(Choice::Yes), false),
    ] {
        let (bed, ana) = (Bed::under(mode), caller("ana"));
        if let Some(answer) = answer {
            bed.answered(&ana, answer).await;
        }
        let seen = bed.call(&ana, "CA1", &["I would like my boiler serviced."]).await;
        assert_eq!(seen, (shown, shown), "{mode:?} {answer:?}");
        let seen = bed.call(&ana, "CA2", &["My name is Ana.", "Please don't remember this call."]).await;
        assert_eq!(seen, (false, false), "{mode:?} {answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_withheld_numbers_call_goes_nowhere_where_no_erasure_would_find_it() {
    let bed = Bed::under(ConsentMode::Announce);
    assert_eq!(bed.call(&withheld("x"), "CA1", &["I would like my boiler serviced."]).await, (false, false));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_archived_as_that_of_whose_it_turned_out_to_be() {
    let (bed, ana) = (Bed::under(ConsentMode::Announce), caller("ana"));
    let owner = UserId::parse("u_owner").unwrap();
    bed.store.assign(ana.hash.as_ref().unwrap(), Some(&owner)).await.unwrap();
    assert!(bed.call(&ana, "CA1", &["I would like my boiler serviced."]).await.0);
    let archived = bed.seen.archived.lock().unwrap();
    assert_eq!(archived.iter().map(|session| session.user_id.as_str()).collect::<Vec<_>>(), ["u_owner"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_by_number_is_of_whomever_the_number_leads_to_when_the_store_answers() {
    let (bed, mobile, office) = (Bed::under(ConsentMode::Announce), caller("ana"), caller("office"));
    // Ana was first known by her mobile, which is Bob's since; he had another user before, who became one with him.
    bed.call(&mobile, "CA1", &["I would like my boiler serviced."]).await;
    bed.store.assign(office.hash.as_ref().unwrap(), Some(&mobile.user_id)).await.unwrap();
    let bob = UserId::random_since(NOON + 61_000);
    bed.store.assign(mobile.hash.as_ref().unwrap(), Some(&bob)).await.unwrap();
    let as_bob = Caller { user_id: bob.clone(), ..mobile.clone() };
    let fold = |profile, _: &SessionDoc| Profile { absorbed: ["u_former".to_owned()].into(), ..profile };
    let session = session("CA2", &as_bob, &["Hello."], NOON + 120_000);
    hang_up::write(bed.store.as_ref(), HangUp { caller: as_bob, session, base: None }, fold).await.unwrap();

    bed.spool.forget_number(&mobile, &[]).await.unwrap();
    let former = UserId::parse("u_former").unwrap();
    let deadline = Instant::now() + Duration::from_secs(15);
    while bed.store.erased_among(&[bob.clone(), former.clone()]).await.unwrap().len() < 2 {
        assert!(Instant::now() < deadline, "{:?}", bed.spool.waiting(10).await);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(bed.store.user(&bob).await.unwrap(), None);
    assert_eq!(bed.store.user(&mobile.user_id).await.unwrap().unwrap().calls, 1, "Ana has another number now");
}
