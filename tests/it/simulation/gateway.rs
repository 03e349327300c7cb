//! One life of a gateway: the journal, the outbox and the deliveries as they are in the product, over the real store and
//! its client. Only the calls are played.

use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use redial_identity::UserId;
use redial_memory::model::{Message, Metadata, SCHEMA_VERSION, SessionDoc};
use redial_store::redis::{ByteStream, Dial};
use redial_store::spool::{Deliverer, LiveCalls, OpenCall, Sinks, Spool, SpoolSettings};
use redial_store::sqlite::Database;
use redial_store::store::Store;
use tokio::task::spawn_local;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use turmoil::net::TcpStream;

use super::desk::{Desk, Place, note};
use super::plan::EPOCH_MS;
use super::server::KnownServer;
use super::world::{PORT, SERVER};

/// How often the carrier brings calls.
const RINGS_EVERY: Duration = Duration::from_millis(50);
/// How long calls of an earlier life wait to be brought back.
const RESUME_GRACE: Duration = Duration::from_secs(2);
/// The store's first attempt to connect takes no longer: 400 ms for the connection, and as long for its first answer.
const FIRST_ATTEMPT: Duration = Duration::from_secs(1);

/// What is the gateway's over all its lives.
#[derive(Clone)]
pub(super) struct Premises {
    pub(super) number: usize,
    pub(super) data_dir: PathBuf,
    pub(super) replay: Duration,
}

/// The file of journal and outbox.
pub(super) fn file_in(data_dir: &Path) -> PathBuf {
    data_dir.join("redial.sqlite")
}

/// What a life's tasks share.
struct Life {
    number: usize,
    desk: Rc<Desk>,
    spool: Arc<Spool>,
    store: Arc<KnownServer>,
    since: Instant,
}

/// The callers on the line, as the deliveries see them.
struct OnTheLine;

impl LiveCalls for OnTheLine {
    fn users(&self) -> Vec<UserId> {
        Vec::new() // whoever is on the line is in the journal as well
    }

    fn forget(&self, _: &UserId) {} // a call that the journal does not know leaves nothing
}

pub(super) async fn live(premises: Premises, desk: Rc<Desk>) -> turmoil::Result {
    let dial: Dial = Arc::new(|| {
        let stream = TcpStream::connect((SERVER, PORT));
        stream.map(|stream| Ok(Box::new(stream?) as Box<dyn ByteStream>)).boxed()
    });
    let store = Arc::new(KnownServer::over(dial));
    let clock = Arc::new(|| EPOCH_MS + now());
    let database = Database::open_inline(&file_in(&premises.data_dir), clock, desk.plan.slowest_disk)?;
    let settings = SpoolSettings {
        replay: premises.replay,
        per_second: 100_000,
        resume_grace: RESUME_GRACE,
        ..SpoolSettings::default()
    };
    let spool = Arc::new(Spool::open(Arc::new(database), Some(&premises.data_dir), settings)?);
    let sinks = Sinks {
        mirror: Some(Arc::clone(&store.redis) as _),
        ..Sinks::only(Arc::clone(&store) as _, Arc::new(OnTheLine))
    };
    spawn_local(Deliverer::new(Arc::clone(&spool), sinks).run(CancellationToken::new()));
    let life = Rc::new(Life { number: premises.number, desk, spool, store, since: Instant::now() });
    spawn_local(Rc::clone(&life).finish_orphans());
    life.answer().await
}

impl Life {
    async fn answer(self: Rc<Self>) -> turmoil::Result {
        loop {
            for number in self.desk.to_forget(self.number, now()) {
                self.forget(number).await?;
            }
            for number in self.desk.ringing(self.number, now()) {
                spawn_local(Rc::clone(&self).talk(number));
            }
            sleep(RINGS_EVERY).await;
        }
    }

    async fn forget(&self, erasure: usize) -> turmoil::Result {
        let user = &self.desk.plan.callers[self.desk.plan.erasures[erasure].caller].user_id;
        let forgotten = self.spool.forget(user).await?;
        note(&self.desk.history, &format!("gateway {} forgets {} entries", self.number, forgotten.entries));
        self.desk.is_forgotten(erasure);
        Ok(())
    }

    /// As the gateway does it, every few seconds.
    async fn finish_orphans(self: Rc<Self>) -> turmoil::Result {
        loop {
            sleep(RESUME_GRACE).await;
            for sid in self.spool.finish_orphans().await? {
                note(&self.desk.history, &format!("gateway {} finishes {sid}", self.number));
            }
        }
    }

    /// One call, from where it stands to its end.
    async fn talk(self: Rc<Self>, number: usize) {
        let planned = &self.desk.plan.calls[number];
        let caller = self.desk.plan.caller_of(planned);
        let started_at = EPOCH_MS + planned.begins_at;
        let mut open = OpenCall {
            session_id: planned.sid.parse().unwrap(),
            caller: caller.clone(),
            started_at,
            parameters: Vec::new(),
            turns: Vec::new(),
            summary: String::new(),
        };
        let is_back = self.desk.call(number).broken > 0;
        if is_back {
            let found = self.spool.resume(&open.session_id, caller.hash.as_ref()).await.expect("the disk is sound");
            let turns = found.as_ref().map(|call| call.turns.len());
            note(&self.desk.history, &format!("{} is back at gateway {}: {turns:?}", open.session_id, self.number));
            open = found.unwrap_or(open);
        }
        let mut said = open.turns.clone();
        self.desk.call(number).begun = true;
        self.spool.begin(open);
        // Only when no call start waits for the very first connection any more: who waits for the same change of a `watch`
        // channel is woken in an order that tokio draws from its own chance, and no seed would repeat that.
        if !is_back && self.since.elapsed() >= FIRST_ATTEMPT {
            let known = self.store.begin_call(caller).await;
            note(&self.desk.history, &format!("{} {:?}", planned.sid, known.map(|known| known.calls).ok()));
        }
        loop {
            let next = self.desk.call(number).said;
            let Some((at, message)) = planned.turns.get(next) else { break };
            until(*at).await;
            self.desk.call(number).said = next + 1;
            said.push(message.clone());
            self.keep(number, next, message.clone());
        }
        until(planned.ends_at).await;
        self.hang_up(number, said).await;
    }

    /// Hands a turn over, and goes on talking.
    fn keep(&self, number: usize, turn: usize, message: Message) {
        let kept = self.spool.turn(&self.desk.plan.calls[number].sid.parse().unwrap(), message);
        let desk = Rc::clone(&self.desk);
        spawn_local(async move {
            if kept.await.is_ok() {
                note(&desk.history, &format!("{} turn {turn} is kept", desk.plan.calls[number].sid));
                desk.call(number).kept.insert(turn);
            }
        });
    }

    async fn hang_up(&self, number: usize, said: Vec<Message>) {
        let planned = &self.desk.plan.calls[number];
        let caller = self.desk.plan.caller_of(planned);
        let ended_at = EPOCH_MS + now().max(planned.ends_at);
        let turns: Vec<usize> = said.iter().map(|message| message.turn.id.0 as usize).collect();
        let session = SessionDoc {
            session_id: planned.sid.parse().unwrap(),
            conversation_history: said,
            last_update: format!("{ended_at}"),
            metadata: Metadata::default(),
            v: SCHEMA_VERSION,
            user_id: caller.user_id.as_str().to_owned(),
            started_at: EPOCH_MS + planned.begins_at,
            ended_at,
            end_reason: "caller_hung_up".to_owned(),
        };
        if self.spool.close(caller, session).await.is_ok() {
            note(&self.desk.history, &format!("{} is closed", planned.sid));
            let mut call = self.desk.call(number);
            call.kept.extend(turns);
            call.closed = true;
            call.place = Place::Over;
        }
    }
}

/// Ms since the history began.
fn now() -> u64 {
    turmoil::sim_elapsed().unwrap_or_default().as_millis() as u64
}

/// Waits until `at`, in ms since the history began.
async fn until(at: u64) {
    sleep(Duration::from_millis(at.saturating_sub(now()))).await;
}
