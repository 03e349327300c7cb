//! The store, and which life of the server answers it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use redial_identity::{Caller, PhoneHash, UserId};
use redial_memory::model::{Profile, SessionDoc};
use redial_memory::session_id::SessionId;
use redial_store::directory::{Directory, Erased, Figures, Listing, Page, ProfileChange, SessionEntry, UserEntry};
use redial_store::redis::{Dial, RedisStore};
use redial_store::settings::StoreSettings;
use redial_store::store::{Commit, Health, Known, MemoryError, Outcome, ServerId, Store};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, RedisConnectionInfo};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tokio_util::task::AbortOnDropHandle;

/// How often it is asked who answers.
const ASK_EVERY: Duration = Duration::from_millis(250);
const PATIENCE: Duration = Duration::from_secs(1);

/// The real store, with the server's run id asked for on a connection beside it.
pub(super) struct KnownServer {
    pub(super) redis: Arc<RedisStore>,
    server: watch::Receiver<Option<ServerId>>,
    _asking: AbortOnDropHandle<()>,
}

impl KnownServer {
    pub(super) fn over(dial: Dial) -> Self {
        let redis = Arc::new(RedisStore::over(Arc::clone(&dial), StoreSettings::default()));
        let (told, server) = watch::channel(None);
        let asking = AbortOnDropHandle::new(tokio::spawn(keep_asking(Arc::clone(&redis), dial, told)));
        Self { redis, server, _asking: asking }
    }
}

/// Tells nothing before the store has its own connections: what waits for the very first one is woken in an order that
/// no seed repeats.
async fn keep_asking(redis: Arc<RedisStore>, dial: Dial, told: watch::Sender<Option<ServerId>>) {
    let tell = |life: Option<ServerId>| {
        told.send_if_modified(|known| {
            let is_news = *known != life;
            *known = life;
            is_news
        })
    };
    loop {
        if redis.health().await.is_ok()
            && let Some((mut connection, _driver)) = connect(&dial).await
        {
            while let Some(life) = run_id(&mut connection).await {
                tell(Some(ServerId(life)));
                sleep(ASK_EVERY).await;
            }
        }
        tell(None);
        sleep(ASK_EVERY).await;
    }
}

async fn connect(dial: &Dial) -> Option<(MultiplexedConnection, AbortOnDropHandle<()>)> {
    let connecting = async {
        let (info, config) = (RedisConnectionInfo::default(), AsyncConnectionConfig::new());
        let stream = dial().await.ok()?;
        let (connection, driver) = MultiplexedConnection::new_with_config(&info, stream, config).await.ok()?;
        Some((connection, AbortOnDropHandle::new(tokio::spawn(driver))))
    };
    timeout(PATIENCE, connecting).await.ok()?
}

async fn run_id(connection: &mut MultiplexedConnection) -> Option<String> {
    let mut info = redis::cmd("INFO");
    info.arg("server");
    let info: String = timeout(PATIENCE, info.query_async(connection)).await.ok()?.ok()?;
    info.lines().find_map(|line| line.strip_prefix("run_id:")).map(str::to_owned)
}

#[async_trait]
impl Store for KnownServer {
    async fn begin_call(&self, caller: &Caller) -> Result<Known, MemoryError> {
        self.redis.begin_call(caller).await
    }

    async fn commit_session(&self, commit: &Commit) -> Result<Outcome, MemoryError> {
        self.redis.commit_session(commit).await
    }

    async fn load_session(&self, sid: &SessionId) -> Result<Option<SessionDoc>, MemoryError> {
        self.redis.load_session(sid).await
    }

    async fn health(&self) -> Result<Health, MemoryError> {
        self.redis.health().await
    }

    fn server(&self) -> watch::Receiver<Option<ServerId>> {
        self.server.clone()
    }
}

#[async_trait]
impl Directory for KnownServer {
    async fn owner(&self, hash: &PhoneHash) -> Result<Option<UserId>, MemoryError> {
        self.redis.owner(hash).await
    }

    async fn assign(&self, hash: &PhoneHash, user: Option<&UserId>) -> Result<Option<UserId>, MemoryError> {
        self.redis.assign(hash, user).await
    }

    async fn numbers(&self, user: &UserId) -> Result<Vec<PhoneHash>, MemoryError> {
        self.redis.numbers(user).await
    }

    async fn user(&self, user: &UserId) -> Result<Option<UserEntry>, MemoryError> {
        self.redis.user(user).await
    }

    async fn users(&self, page: Page) -> Result<Listing<UserId>, MemoryError> {
        self.redis.users(page).await
    }

    async fn sessions(&self, page: Page) -> Result<Listing<SessionId>, MemoryError> {
        self.redis.sessions(page).await
    }

    async fn change_profile(&self, user: &UserId, base: u64, profile: &Profile) -> Result<ProfileChange, MemoryError> {
        self.redis.change_profile(user, base, profile).await
    }

    async fn merge_users(
        &self,
        absorbed: &UserId,
        into: &UserId,
        base: u64,
        profile: &Profile,
    ) -> Result<ProfileChange, MemoryError> {
        self.redis.merge_users(absorbed, into, base, profile).await
    }

    async fn erase(&self, user: &UserId) -> Result<Erased, MemoryError> {
        self.redis.erase(user).await
    }

    async fn erased_among(&self, users: &[UserId]) -> Result<Vec<UserId>, MemoryError> {
        self.redis.erased_among(users).await
    }

    async fn session_entry(&self, sid: &SessionId) -> Result<Option<SessionEntry>, MemoryError> {
        self.redis.session_entry(sid).await
    }

    async fn clear_session(&self, sid: &SessionId) -> Result<bool, MemoryError> {
        self.redis.clear_session(sid).await
    }

    async fn figures(&self) -> Result<Figures, MemoryError> {
        self.redis.figures().await
    }

    async fn clear(&self) -> Result<u64, MemoryError> {
        self.redis.clear().await
    }
}
