//! Taking over what older deployments left in a real Redis.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use redial_call::Role;
use redial_identity::{Caller, CallerAddress, Keys, PhoneHash, UserId};
use redial_memory::consent::ConsentMode;
use redial_memory::model::Profile;
use redial_store::directory::Memory;
use redial_store::import::{self, Import, ImportError, Layout, Outcome, Phones, Report};
use redial_store::process::ProcessStore;
use redial_store::redis::RedisStore;
use redial_store::settings::StoreSettings;
use redial_store::store::{Known, Store};
use redis::AsyncCommands as _;
use redis::aio::MultiplexedConnection;
use secrecy::SecretString;

use crate::support::indexed;
use crate::support::redis::RedisServer;

/// 2026-01-05 12:00 UTC.
const NOW: u64 = 1_767_614_400_000;
const NUMBER: &str = "+14155552671";
const UID: &str = "7f3b2c1a-0d4e-4a55-9c1e-1b2f3a4c5d6e";

/// A source, and the stores to write to.
struct Bench {
    server: RedisServer,
    raw: MultiplexedConnection,
    store: Arc<dyn Memory>,
}

impl Bench {
    async fn start() -> Self {
        let server = RedisServer::start_with(&["--enable-debug-command", "yes"]).await;
        let raw = server.raw().await;
        let store = Arc::new(ProcessStore::new(import::settings(&StoreSettings::default())));
        Self { server, raw, store }
    }

    /// The same, with a Redis to write to: the source's own, under another prefix.
    async fn start_with_redis() -> Self {
        let bench = Self::start().await;
        let settings = StoreSettings { prefix: "redial".to_owned(), ..StoreSettings::default() };
        let url = SecretString::from(bench.server.url());
        let store = RedisStore::connect(&url, import::settings(&settings)).unwrap();
        let store = store.begin_call_within(std::time::Duration::from_secs(20));
        store.health().await.unwrap();
        Self { store: Arc::new(store), ..bench }
    }

    fn import(&self, layout: Layout) -> Import {
        Import {
            layout,
            source: SecretString::from(self.server.url()),
            prefix: layout.prefix().to_owned(),
            phones: Phones::default(),
            consent: ConsentMode::Announce,
            dry_run: false,
        }
    }

    async fn run(&self, import: &Import) -> Report {
        import::run(import, self.store.as_ref(), NOW).await.unwrap()
    }

    async fn known(&self, caller: &Caller) -> Known {
        self.store.begin_call(caller).await.unwrap()
    }

    /// What a session says, by whom.
    async fn said(&self, sid: &str) -> Vec<(Role, String)> {
        let session = self.store.load_session(&sid.parse().unwrap()).await.unwrap().unwrap();
        session.conversation_history.into_iter().map(|message| (message.turn.role, message.turn.text)).collect()
    }

    async fn push(&mut self, key: &str, file: &str) {
        let list: Vec<String> = serde_json::from_str(&fixture(file)).unwrap();
        let _: () = self.raw.rpush(key, list).await.unwrap();
    }

    async fn set(&mut self, key: &str, value: &str) {
        let _: () = self.raw.set(key, value).await.unwrap();
    }

    /// Every key that matches, with a digest of its value in which the order of a hash's fields has no part.
    async fn digests(&mut self, pattern: &str) -> Vec<(String, String)> {
        let mut keys: Vec<String> = self.raw.keys(pattern).await.unwrap();
        keys.sort();
        let mut all = Vec::new();
        for key in keys {
            let mut digest = redis::cmd("DEBUG");
            digest.arg("DIGEST-VALUE").arg(&key);
            let [digest]: [String; 1] = digest.query_async(&mut self.raw).await.unwrap();
            all.push((key, digest));
        }
        all
    }

    /// A whole Sarah deployment with one user.
    async fn fill_sarah(&mut self, hash: &str) {
        self.set(&format!("sarah:phone:{hash}"), UID).await;
        self.set(&format!("sarah:user:{UID}:profile"), &fixture("sarah/user_profile.json")).await;
        let _: () = self.raw.rpush(format!("sarah:user:{UID}:sessions"), &["MZ0", "MZ1"]).await.unwrap();
        self.set("sarah:session:MZ1", &fixture("sarah/session.json")).await;
    }
}

fn fixture(file: &str) -> String {
    std::fs::read_to_string(Path::new("fixtures/import").join(file)).unwrap()
}

fn keys() -> Keys {
    Keys::derive(&"0123456789abcdef0123456789abcdef".into()).unwrap()
}

fn ana() -> Caller {
    keys().caller(&CallerAddress::parse(NUMBER, "US"))
}

fn outcome<'a>(report: &'a Report, key: &str) -> &'a Outcome {
    &report.lines.iter().find(|line| line.key == key).unwrap_or_else(|| panic!("{key} is missing in\n{report}")).outcome
}

fn is_skipped(report: &Report, key: &str, why: &str) -> bool {
    matches!(outcome(report, key), Outcome::Skipped(reason) if reason.contains(why))
}

#[tokio::test]
async fn chats_of_aegen_become_sessions() {
    let mut bench = Bench::start().await;
    bench.set("session:chat:123456789", &fixture("aegen/session_chat_123456789.json")).await;
    bench.set("session:chat:ana/1", &fixture("aegen/session_chat_123456789.json")).await;
    bench.set("session:chat:broken", "\u{80}").await;
    bench.set("session:chat:empty", r#"{"conversation_history": []}"#).await;
    let _: () = bench.raw.lpush("session:chat:list", "x").await.unwrap();
    let report = bench.run(&bench.import(Layout::Aegen)).await;

    let said = [(Role::Caller, "Hola".to_owned()), (Role::Agent, "¡Hola! ¿En qué puedo ayudarte?".to_owned())];
    assert_eq!(bench.said("123456789").await, said);
    let session = bench.store.load_session(&"123456789".parse().unwrap()).await.unwrap().unwrap();
    assert_eq!((session.user_id.as_str(), session.ended_at), ("imp_aegen_123456789", 1_737_387_000_000));
    // An id that cannot be part of a key has another one, the same every time.
    let Outcome::Written(sid) = outcome(&report, "session:chat:ana/1") else { panic!("{report}") };
    assert!(sid.starts_with("imp-") && sid.len() == 36, "{sid}");
    assert_eq!(bench.said(sid).await, said);
    assert!(is_skipped(&report, "session:chat:broken", "no JSON object"));
    assert!(is_skipped(&report, "session:chat:empty", "nothing was said"));
    assert!(is_skipped(&report, "session:chat:list", "a list is there"));
    assert_eq!((report.read(), report.written(), report.skipped()), (5, 2, 3));
}

#[tokio::test]
async fn conversations_come_with_their_summary_where_the_number_is_known() {
    let mut bench = Bench::start().await;
    bench.push("conversation:messages:test_conv", "conversation/messages_test_conv.json").await;
    bench.set("conversation:summary:test_conv", &fixture("conversation/summary_test_conv.txt")).await;
    bench.set("conversation:turns:test_conv", "1").await;
    let mut import = bench.import(Layout::Conversation);

    let report = bench.run(&import).await;
    assert_eq!(bench.said("test_conv").await[0], (Role::Caller, "Test message".to_owned()));
    assert!(is_skipped(&report, "conversation:summary:test_conv", "--phones"));
    assert!(is_skipped(&report, "conversation:turns:test_conv", "number of turns"));

    // Now that the number is known, the same conversation is theirs.
    import.phones = Phones::read(&format!("test_conv,{NUMBER}"), &keys(), "US").unwrap();
    for (written, unchanged) in [(2, 0), (0, 2)] {
        let report = bench.run(&import).await;
        assert_eq!((report.written(), report.unchanged(), report.skipped()), (written, unchanged, 1), "{report}");
        let known = bench.known(&ana()).await;
        assert!(known.profile.summary.contains("The caller tested the connection."), "{}", known.profile.summary);
        let sessions = indexed(bench.store.as_ref(), &known.user_id).await;
        assert_eq!((known.calls, sessions.len()), (1, 1));
        assert_eq!(bench.said(sessions[0].as_str()).await.len(), 2);
    }
}

#[tokio::test]
async fn agents_lists_are_turned_round_and_profiles_become_summaries() {
    let mut bench = Bench::start_with_redis().await;
    let list = "agent/memory_stock_analyzer_user_123_session_abc.json";
    bench.push("agent:memory:stock_analyzer:user_123:session_abc", list).await;
    bench.push("agent:memory:stock_analyzer:user_9:session_abc:messages", list).await;
    bench.set("agent:profile:user:user_123", &fixture("agent/profile_user_123.json")).await;
    bench.set("agent:memory:stock_analyzer:user_123:profile:tone", "formal").await;
    bench.set("agent:memory:stock_analyzer:execution_cache:AAPL", "1").await;
    let mut import = bench.import(Layout::Agent);
    import.phones = Phones::read(&format!("id,number\nuser_123,{NUMBER}"), &keys(), "US").unwrap();
    let report = bench.run(&import).await;

    let said = bench.said("stock_analyzer.user_123.session_abc").await;
    assert_eq!(said[0], (Role::Caller, "How did AAPL do today?".to_owned()));
    assert_eq!(said[3], (Role::Agent, "I will.".to_owned()));
    let other = bench.store.load_session(&"stock_analyzer.user_9.session_abc".parse().unwrap()).await.unwrap().unwrap();
    assert_eq!(other.user_id, "imp_agent_user_9");
    let known = bench.known(&ana()).await;
    for line in ["preferred symbols: AAPL, TSLA", "alert threshold: -0.3", "tone: formal"] {
        assert!(known.profile.summary.contains(line), "{line}: {}", known.profile.summary);
    }
    assert!(is_skipped(&report, "agent:memory:stock_analyzer:execution_cache:AAPL", "cache"));
    assert_eq!((report.written(), report.skipped()), (4, 1), "{report}");
}

#[tokio::test]
async fn sarahs_users_keep_their_ids_and_are_found_by_their_old_hash() {
    for mut bench in [Bench::start().await, Bench::start_with_redis().await] {
        bench.fill_sarah("0a1b2c3d4e5f6071").await;
        bench.set("sarah:session:MZ2", r#"{"turns": [{"role": "user", "text": "Hello"}]}"#).await;
        bench.set("sarah:phone:ffffffffffffffff", "nobody").await;
        let report = bench.run(&bench.import(Layout::Sarah)).await;

        // Whoever rings would be asked for under this hash, with a derived id of her own.
        let old = Caller { hash: Some(PhoneHash::parse("0a1b2c3d4e5f6071").unwrap()), ..ana() };
        let known = bench.known(&old).await;
        assert_eq!((known.user_id.as_str(), known.created, known.calls), (UID, false, 1));
        assert_eq!(indexed(bench.store.as_ref(), &known.user_id).await, ["MZ1"]);
        assert_eq!(known.profile.name.map(|name| name.say), Some("Ana".to_owned()));
        for line in ["Moved the appointment to Friday.", "language: en"] {
            assert!(known.profile.summary.contains(line), "{line}: {}", known.profile.summary);
        }
        assert_eq!(bench.said("MZ1").await[1], (Role::Agent, "Friday at ten is free.".to_owned()));
        assert!(is_skipped(&report, "sarah:session:MZ2", "names no user"));
        assert!(is_skipped(&report, "sarah:phone:ffffffffffffffff", "nothing is remembered"));
        assert_eq!((report.written(), report.skipped()), (3, 2), "{report}");
    }
}

#[tokio::test]
async fn a_profile_as_a_hash_is_taken_over_when_its_sessions_have_expired() {
    for mut bench in [Bench::start().await, Bench::start_with_redis().await] {
        bench.set("sarah:phone:0a1b2c3d4e5f6071", UID).await;
        let fields = [("name", "Ana"), ("last_summary", "Likes mornings."), ("last_seen", "2025-01-20T15:31:00Z")];
        let _: () = bench.raw.hset_multiple(format!("sarah:user:{UID}:profile"), &fields).await.unwrap();
        let import = bench.import(Layout::Sarah);
        for (written, unchanged) in [(2, 0), (0, 2)] {
            let report = bench.run(&import).await;
            assert_eq!((report.written(), report.unchanged()), (written, unchanged), "{report}");
            let old = Caller { hash: Some(PhoneHash::parse("0a1b2c3d4e5f6071").unwrap()), ..ana() };
            let known = bench.known(&old).await;
            assert_eq!((known.calls, known.last_call_at), (1, Some(1_737_387_060_000)));
            assert_eq!(known.profile.summary, "Likes mornings.");
        }
    }
}

#[tokio::test]
async fn an_import_that_is_repeated_changes_nothing_on_either_side() {
    let mut bench = Bench::start_with_redis().await;
    bench.fill_sarah("0a1b2c3d4e5f6071").await;
    let source = bench.digests("sarah:*").await;
    let import = bench.import(Layout::Sarah);
    let first = bench.run(&import).await;
    let stored = bench.digests("redial:*").await;
    let second = bench.run(&import).await;
    assert_eq!((first.written(), first.unchanged()), (3, 0), "{first}");
    assert_eq!((second.written(), second.unchanged()), (0, 3), "{second}");
    assert_eq!(bench.digests("redial:*").await, stored);
    assert_eq!(bench.digests("sarah:*").await, source, "the source was changed");
    // Nor after a commit is usually forgotten.
    let ttl: i64 = bench.raw.ttl("redial:done:MZ1").await.unwrap();
    assert!(ttl > 80 * 86_400, "{ttl}");
}

#[tokio::test]
async fn a_dry_run_reports_and_writes_nothing() {
    let mut bench = Bench::start_with_redis().await;
    bench.fill_sarah("0a1b2c3d4e5f6071").await;
    let before = bench.digests("*").await;
    let report = bench.run(&Import { dry_run: true, ..bench.import(Layout::Sarah) }).await;
    assert_eq!(report.written(), 3, "{report}");
    assert!(report.to_string().contains("sarah:session:MZ1: would be written as MZ1"), "{report}");
    assert_eq!(bench.digests("*").await, before);
}

#[tokio::test]
async fn who_was_erased_does_not_come_back_by_an_import() {
    let mut bench = Bench::start_with_redis().await;
    bench.fill_sarah("0a1b2c3d4e5f6071").await;
    bench.set(&format!("redial:user:{UID}:gone"), "1").await;
    for dry_run in [true, false] {
        let report = bench.run(&Import { dry_run, ..bench.import(Layout::Sarah) }).await;
        assert_eq!((report.written(), report.skipped()), (0, 3), "{report}");
        assert!(is_skipped(&report, "sarah:session:MZ1", "erased"), "{report}");
    }
    assert_eq!(bench.store.load_session(&"MZ1".parse().unwrap()).await.unwrap(), None);

    // The same by the number.
    bench.push("conversation:messages:c1", "conversation/messages_test_conv.json").await;
    bench.set(&format!("redial:user:{}:gone", ana().user_id.as_str()), "1").await;
    let phones = Phones::read(&format!("c1,{NUMBER}"), &keys(), "US").unwrap();
    let report = bench.run(&Import { phones, ..bench.import(Layout::Conversation) }).await;
    assert!(is_skipped(&report, "conversation:messages:c1", "erased"), "{report}");
    assert_eq!(bench.store.load_session(&"c1".parse().unwrap()).await.unwrap(), None);
}

#[tokio::test]
async fn nothing_goes_into_a_profile_that_nobody_has_agreed_to() {
    for consent in [ConsentMode::Ask, ConsentMode::Off] {
        let mut bench = Bench::start().await;
        bench.fill_sarah("0a1b2c3d4e5f6071").await;
        let report = bench.run(&Import { consent, ..bench.import(Layout::Sarah) }).await;
        assert!(is_skipped(&report, &format!("sarah:user:{UID}:profile"), "MEMORY_CONSENT"), "{report}");
        assert!(bench.store.load_session(&"MZ1".parse().unwrap()).await.unwrap().is_some(), "{report}");
        let hash = PhoneHash::parse("0a1b2c3d4e5f6071").unwrap();
        let known = bench.known(&Caller { user_id: UserId::parse("u_x").unwrap(), hash: Some(hash) }).await;
        assert_eq!((known.user_id.as_str(), known.calls), (UID, 1));
        let profile = Profile { v: known.profile.v, ..Profile::default() };
        assert_eq!(known.profile, profile);
    }
}

#[tokio::test]
async fn a_number_that_is_somebody_elses_here_stays_theirs() {
    let mut bench = Bench::start().await;
    bench.fill_sarah("0a1b2c3d4e5f6071").await;
    let eva =
        Caller { user_id: UserId::parse("u_eva").unwrap(), hash: Some(PhoneHash::parse("0a1b2c3d4e5f6071").unwrap()) };
    bench.known(&eva).await;
    let report = bench.run(&bench.import(Layout::Sarah)).await;
    assert_eq!((report.written(), report.skipped()), (0, 3), "{report}");
    assert_eq!(bench.known(&eva).await.calls, 0);
}

#[tokio::test]
async fn a_source_with_more_keys_than_a_scans_page_is_read_whole() {
    let mut bench = Bench::start().await;
    let mut pipe = redis::pipe();
    for n in 0..3000 {
        pipe.set(format!("session:chat:{n}"), fixture("aegen/session_chat_123456789.json")).ignore();
    }
    let _: () = pipe.query_async(&mut bench.raw).await.unwrap();
    let _: () = redis::cmd("CONFIG").arg("RESETSTAT").query_async(&mut bench.raw).await.unwrap();
    let report = bench.run(&bench.import(Layout::Aegen)).await;
    assert_eq!((report.read(), report.written()), (3000, 3000));
    let stats: String = redis::cmd("INFO").arg("commandstats").query_async(&mut bench.raw).await.unwrap();
    assert!(stats.contains("cmdstat_scan:") && !stats.contains("cmdstat_keys:"), "{stats}");
}

#[tokio::test]
async fn a_source_that_is_not_there_or_a_prefix_with_a_glob_is_an_error() {
    let bench = Bench::start().await;
    let away = SecretString::from(format!("redis://127.0.0.1:{}", crate::support::ports::free_port()));
    let import = Import { source: away, ..bench.import(Layout::Aegen) };
    let error = import::run(&import, bench.store.as_ref(), NOW).await.unwrap_err();
    assert!(matches!(error, ImportError::Source(_)), "{error}");
    for prefix in ["", "*", "session:chat[", "a b"] {
        let import = Import { prefix: prefix.to_owned(), ..bench.import(Layout::Aegen) };
        let error = import::run(&import, bench.store.as_ref(), NOW).await.unwrap_err();
        assert!(matches!(error, ImportError::Prefix(_)), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_imports_into_the_configured_store_and_refuses_its_own_keys() {
    let mut bench = Bench::start().await;
    bench.fill_sarah("0a1b2c3d4e5f6071").await;
    let dir = tempfile::tempdir().unwrap();
    let (url, data) = (bench.server.url(), dir.path().to_str().unwrap());
    let redial = |args: &[&str], vars: &[(&str, &str)]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_redial"));
        let vars = vars.iter().copied().chain([("DATA_DIR", data)]);
        let output = command.args(["memory", "import"]).args(args).env_clear().envs(vars).stdin(Stdio::null()).output();
        let output = output.unwrap();
        let text = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
        (output.status.success(), String::from_utf8_lossy(&text).into_owned())
    };
    let (worked, text) = redial(&["--from", "sarah", "--source", &url], &[]);
    assert!(worked && text.contains("3 keys read: 3 written, 0 there already, 0 skipped"), "{text}");
    let (worked, text) = redial(&["--from", "sarah", "--source", &url], &[]);
    assert!(worked && text.contains("3 keys read: 0 written, 3 there already, 0 skipped"), "{text}");
    let (worked, text) = redial(&["--from", "sarah"], &[("REDIS_URL", &url)]);
    assert!(!worked && text.contains("MEMORY_KEY_PREFIX"), "{text}");
    let (worked, text) = redial(&["--from", "sarah"], &[("REDIS_URL", &url), ("MEMORY_KEY_PREFIX", "redial")]);
    assert!(worked && text.contains("3 written"), "{text}");
    let (worked, text) = redial(&["--from", "aegen"], &[]);
    assert!(!worked && text.contains("--source"), "{text}");
    let (worked, text) = redial(&["--from", "elsewhere", "--source", &url], &[]);
    assert!(!worked && text.contains("one of aegen, conversation, agent, sarah"), "{text}");
}
