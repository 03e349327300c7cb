//! Whether memory works: a scratch caller is written, read and deleted.

use std::fmt;
use std::time::Instant;

use redial_call::{Role, Turn, TurnId, Via};
use redial_identity::{Caller, PhoneHash, UserId};
use redial_memory::model::{Message, Metadata, Profile, SCHEMA_VERSION, SessionDoc};
use redial_memory::session_id::SessionId;
use redial_store::clock;
use redial_store::store::{Commit, MemoryError};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::Operations;

/// What a self-test found.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct SelfTest {
    /// True when every step succeeded.
    pub passed: bool,
    /// Which store; null when none answers.
    #[schema(required)]
    pub kind: Option<&'static str>,
    /// Round trip in ms, two decimals.
    #[schema(required)]
    pub latency_ms: Option<f64>,
    /// The scratch caller.
    pub user_id: String,
    /// In order, up to the first that failed.
    pub steps: Vec<Step>,
}

/// One step of a self-test.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Step {
    /// What was tried.
    pub name: &'static str,
    /// How long it took, ms, two decimals.
    pub ms: f64,
    /// What went wrong, and the way out; absent when nothing did.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub error: Option<String>,
}

/// The lines that older deployments' test scripts print, and one a step.
impl fmt::Display for SelfTest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.latency_ms {
            Some(latency_ms) => writeln!(f, "✅ Connected! Latency: {latency_ms:.2} ms")?,
            None => {
                let why = self.steps.iter().find_map(|step| step.error.as_deref()).unwrap_or_default();
                return write!(f, "❌ Connection failed: {why}");
            }
        }
        writeln!(f, "User ID: {}", self.user_id)?;
        for step in &self.steps {
            match &step.error {
                None => writeln!(f, "✅ {} ({:.2} ms)", step.name, step.ms)?,
                Some(error) => writeln!(f, "❌ {}: {error}", step.name)?,
            }
        }
        f.write_str(if self.passed { "Memory works." } else { "Memory does not work." })
    }
}

impl Operations<'_> {
    /// Tries ping, write, read, TTL and delete with a scratch caller, by the very operations of a call.
    ///
    /// The scratch call is one of a withheld number, as an erasure of a remembered user would leave its marker for 30
    /// days; what is left is the commit marker of a random id, with a digest in it, for 2 hours.
    pub async fn selftest(&self) -> SelfTest {
        let scratch = Uuid::new_v4().simple().to_string();
        let user = UserId::parse(&format!("u_selftest_{scratch}")).expect("letters, digits and underscores");
        let mut test = SelfTest {
            passed: false,
            kind: None,
            latency_ms: None,
            user_id: user.as_str().to_owned(),
            steps: Vec::new(),
        };
        test.passed = self.run_selftest(&scratch, &user, &mut test).await.is_some();
        test
    }

    /// `None`: a step failed.
    async fn run_selftest(&self, scratch: &str, user: &UserId, test: &mut SelfTest) -> Option<()> {
        let started = Instant::now();
        let health = test.step("ping", started, self.store.health().await)?;
        test.kind = Some(health.kind);
        test.latency_ms = Some(two_decimals(health.latency_ms));

        let hash = PhoneHash::parse(&format!("selftest-{scratch}")).expect("letters, digits and a hyphen");
        let caller = Caller { user_id: user.clone(), hash: Some(hash.clone()) };
        let started = Instant::now();
        let known = test.step("write a number", started, self.store.begin_call(&caller).await)?;
        let started = Instant::now();
        let owner = self.store.owner(&hash).await.and_then(|owner| {
            expect(known.created && owner.as_ref() == Some(user), "the number does not lead to the scratch caller")
        });
        let read = test.step("read it", started, owner);

        let session = session(scratch);
        let written = self.write_and_read(&session, test).await;

        // Whatever happened, nothing is to be left.
        let started = Instant::now();
        let deleted = async {
            self.store.assign(&hash, None).await?;
            self.store.clear_session(&session.session_id).await?;
            let gone = self.store.owner(&hash).await?.is_none()
                && self.store.load_session(&session.session_id).await?.is_none();
            expect(gone, "what was deleted is still there")
        };
        let deleted = deleted.await;
        test.step("delete both", started, deleted)?;
        read.and(written)
    }

    async fn write_and_read(&self, session: &SessionDoc, test: &mut SelfTest) -> Option<()> {
        let user_id = UserId::parse(&session.user_id).expect("it was made from an id");
        let commit = Commit {
            caller: Caller { user_id: user_id.clone(), hash: None },
            user_id,
            session: session.clone(),
            profile: Profile::default(),
            base_revision: 0,
            replaces: None,
            number_has_moved: false,
        };
        let started = Instant::now();
        test.step("write a call", started, self.store.commit_session(&commit).await)?;
        let started = Instant::now();
        let loaded = self.store.load_session(&session.session_id).await;
        let same = loaded.and_then(|loaded| expect(loaded.as_ref() == Some(session), "another call is read"));
        test.step("read it back", started, same)?;
        let started = Instant::now();
        let ttl = self.store.session_entry(&session.session_id).await;
        let ttl = ttl.and_then(|entry| {
            expect(entry.is_some_and(|entry| entry.expires_in.is_some()), "it has no TTL: it would be kept for ever")
        });
        test.step("it expires", started, ttl)
    }
}

impl SelfTest {
    /// Notes a step; `None` when it failed.
    fn step<T>(&mut self, name: &'static str, started: Instant, result: Result<T, MemoryError>) -> Option<T> {
        let ms = two_decimals(started.elapsed().as_secs_f64() * 1000.0);
        let (done, error) = match result {
            Ok(done) => (Some(done), None),
            Err(error) => (None, Some(error.to_string())),
        };
        self.steps.push(Step { name, ms, error });
        done
    }
}

fn expect(holds: bool, otherwise: &str) -> Result<(), MemoryError> {
    if holds { Ok(()) } else { Err(MemoryError::Refused(otherwise.to_owned())) }
}

fn session(scratch: &str) -> SessionDoc {
    let now = clock::system()();
    let turn = Turn {
        id: TurnId(1),
        role: Role::Caller,
        via: Via::Voice,
        text: "self-test".to_owned(),
        cut: String::new(),
        never_sent: String::new(),
        acts: Vec::new(),
        start_ms: 0,
        end_ms: 1,
    };
    SessionDoc {
        session_id: SessionId::named(&format!("selftest-{scratch}")),
        conversation_history: vec![Message { turn }],
        last_update: super::now_rfc3339(),
        metadata: Metadata { last_event_type: "selftest".to_owned(), payload_keys: Vec::new(), acts: true },
        v: SCHEMA_VERSION,
        user_id: format!("anon_selftest_{scratch}"),
        started_at: now,
        ended_at: now,
        end_reason: "selftest".to_owned(),
    }
}

fn two_decimals(ms: f64) -> f64 {
    (ms * 100.0).round() / 100.0
}
