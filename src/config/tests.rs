//! Tests of the configuration: a map of variables in, a configuration or all faults out.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use redial_store::archive::ArchiveConfig;
use redial_store::redis::Layout;
use secrecy::ExposeSecret as _;

use super::*;

struct Map(BTreeMap<&'static str, String>);

impl Vars for Map {
    fn var(&self, name: &str) -> Option<String> {
        self.0.get(name).cloned()
    }

    fn names(&self) -> Vec<String> {
        self.0.keys().map(|name| (*name).to_owned()).collect()
    }
}

fn read(vars: &[(&'static str, &str)]) -> Result<Config, ConfigError> {
    Config::from_vars(&Map(vars.iter().map(|(name, value)| (*name, (*value).to_owned())).collect()), false)
}

fn faults(vars: &[(&'static str, &str)]) -> Vec<String> {
    read(vars).expect_err("faults").faults.iter().map(ToString::to_string).collect()
}

fn redis_url(vars: &[(&'static str, &str)]) -> String {
    match read(vars).unwrap().memory.backend {
        Backend::Redis(redis) => redis.url().expose_secret().to_owned(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn nothing_configured_is_safe_and_works_alone() {
    let config = read(&[]).unwrap();
    assert_eq!(config.server.bind.to_string(), "127.0.0.1:8080");
    assert!(matches!(config.memory.backend, Backend::Embedded));
    assert_eq!(config.memory.store.session_ttl, Duration::from_secs(24 * 3600));
    assert_eq!(config.memory.store.profile_ttl, Some(Duration::from_secs(90 * 86_400)));
    assert_eq!(config.memory.store.prefix, "sarah");
    assert_eq!(config.limits.calls_per_caller, 3);
    assert!(config.warnings.is_empty());
}

#[test]
fn every_fault_is_reported_in_one_go() {
    let faults = faults(&[
        ("BIND_ADDR", "localhost"),
        ("PORT", "99999"),
        ("PUBLIC_URL", "https://calls.example.com/voice"),
        ("REDIS_URL", "http://localhost"),
        ("MEMORY_SESSION_TTL_HOURS", "-1"),
        ("MEMORY_PROFILE_TTL_DAYS", "1e9"),
        ("MEMORY_PHONE_PEPPER", "abc"),
        ("MEMORY_KEY_PREFIX", "a:{b}"),
        ("MEMORY_CONSENT", "sometimes"),
        ("GREETING_LEVEL", "3"),
        ("DEFAULT_REGION", "Mars"),
        ("MAX_CALLS", "0"),
        ("LLM_PROVIDER", "openai"),
        ("VOICE", "nobody"),
        ("VOICE_SPEED", "1.4"),
        ("LOG_FORMAT", "xml"),
        ("CALL_LOG", "maybe"),
    ]);
    let names: Vec<&str> = faults.iter().filter_map(|fault| fault.split(':').next()).collect();
    assert_eq!(
        names,
        [
            "BIND_ADDR",
            "PORT",
            "PUBLIC_URL",
            "REDIS_URL",
            "MEMORY_SESSION_TTL_HOURS",
            "MEMORY_PROFILE_TTL_DAYS",
            "MEMORY_KEY_PREFIX",
            "MEMORY_CONSENT",
            "GREETING_LEVEL",
            "MEMORY_PHONE_PEPPER",
            "DEFAULT_REGION",
            "MAX_CALLS",
            "LLM_PROVIDER",
            "VOICE",
            "VOICE_SPEED",
            "CALL_LOG",
            "LOG_FORMAT",
        ]
    );
    assert!(faults.iter().all(|fault| !fault.contains("abc")), "a secret is shown: {faults:?}");
}

#[test]
fn a_public_address_needs_signatures() {
    let faults = faults(&[("BIND_ADDR", "0.0.0.0:8080")]);
    assert!(faults[0].starts_with("TWILIO_AUTH_TOKEN: is not set"), "{faults:?}");
    let vars = Map([("BIND_ADDR", "0.0.0.0:8080".to_owned())].into());
    assert!(Config::from_vars(&vars, true).is_ok());
    let signed =
        [("BIND_ADDR", "0.0.0.0:8080"), ("TWILIO_AUTH_TOKEN", "x"), ("PUBLIC_URL", "https://calls.example.com")];
    assert!(read(&signed).is_ok());
    assert!(read(&signed[..2]).is_err());
}

#[test]
fn a_public_url_that_ends_every_call_after_the_ring_is_a_fault() {
    let told = faults(&[("PUBLIC_URL", "http://calls.example.com")]);
    assert!(told[0].starts_with("PUBLIC_URL: begins with http://") && told[0].contains("wss://"), "{told:?}");
    assert!(read(&[("PUBLIC_URL", "http://127.0.0.1:8080")]).is_ok());
    // Said once: that it is wrong, and not also that it is not set.
    let signed =
        [("BIND_ADDR", "0.0.0.0:8080"), ("TWILIO_AUTH_TOKEN", "x"), ("PUBLIC_URL", "http://calls.example.com")];
    assert_eq!(faults(&signed).len(), 1);
}

#[test]
fn redis_is_found_by_url_or_by_parts() {
    for (vars, url) in [
        (&[("REDIS_URL", "redis://localhost:6379/0")][..], "redis://localhost:6379/0"),
        (&[("REDIS_URL", "redis://:pass@host")], "redis://:pass@host"),
        (&[("REDIS_URL", "rediss://user:pass@host:6380/2")], "rediss://user:pass@host:6380/2"),
        (&[("REDIS_SESSION_URL", "redis://redis:6379/1")], "redis://redis:6379/1"),
        (&[("REDIS_URL", "redis://a/0"), ("REDIS_SESSION_URL", "redis://b/1"), ("REDIS_HOST", "c")], "redis://a/0"),
        (&[("REDIS_HOST", "redis.example.com")], "redis://redis.example.com:6379/0"),
        (&[("USE_REDIS", "true")], "redis://localhost:6379/0"),
        (&[("REDIS_HOST", "h"), ("REDIS_SSL", "true"), ("REDIS_DB", "3")], "rediss://h:6379/3"),
        (&[("REDIS_URL", "redis://h:1/0"), ("REDIS_SSL", "true")], "rediss://h:1/0"),
        (
            &[("REDIS_PASSWORD", "p#s:s/w@r%d"), ("REDIS_USERNAME", "gateway")],
            "redis://gateway:p%23s%3As%2Fw%40r%d@localhost:6379/0",
        ),
        (&[("REDIS_URL", "redis://x:y@eu1.upstash.io:6379")], "rediss://x:y@eu1.upstash.io:6379"),
        (
            &[("REDIS_URL", "redis+sentinel://me:pw@a:26379,b/main/2?sentinel_password=s")],
            "redis+sentinel://me:pw@a:26379,b/main/2?sentinel_password=s",
        ),
        (&[("REDIS_URL", "redis+sentinel://a/main"), ("REDIS_SSL", "true")], "rediss+sentinel://a/main"),
        (&[("REDIS_URL", "redis+cluster://a:1,b:2")], "redis+cluster://a:1,b:2"),
        (&[("REDIS_URL", "rediss+cluster://a:1,b:2"), ("REDIS_SSL", "true")], "rediss+cluster://a:1,b:2"),
    ] {
        assert_eq!(redis_url(vars), url, "{vars:?}");
    }
    assert!(matches!(read(&[("REDIS_HOST", "h"), ("USE_REDIS", "false")]).unwrap().memory.backend, Backend::Embedded));
}

#[test]
fn contradictions_about_redis_are_faults() {
    for (vars, fault) in [
        (&[("REDIS_URL", "rediss://h"), ("REDIS_SSL", "false")][..], "REDIS_SSL: is false"),
        (&[("REDIS_URL", "redis://:p#w@h")], "REDIS_URL: "),
        (&[("REDIS_URL", "redis://h/x")], "REDIS_URL: the database \"x\" is not a number"),
        (&[("REDIS_URL", "redis://h/0/1")], "REDIS_URL: the database \"0/1\" is not a number"),
        (&[("REDIS_URL", "redis+cluster://h/1")], "REDIS_URL: a cluster has no databases"),
        (
            &[("REDIS_URL", "redis+cluster://h"), ("MEMORY_LAYOUT", "flat")],
            "MEMORY_LAYOUT: is flat, but REDIS_URL names",
        ),
        (&[("REDIS_URL", "redis+sentinel://h")], "REDIS_URL: the name of the Sentinels' service is expected"),
        (&[("REDIS_URL", "rediss+sentinel://h/main"), ("REDIS_SSL", "false")], "REDIS_SSL: is false"),
        (&[("REDIS_URL", "redis+pigeon://h")], "REDIS_URL: the scheme \"redis+pigeon\""),
        (
            &[("REDIS_SOCKET_TIMEOUT", "soon")],
            "REDIS_SOCKET_TIMEOUT: \"soon\" is not a number of seconds from 0.1 to 300",
        ),
        (&[("REDIS_HEALTH_INTERVAL", "0")], "REDIS_HEALTH_INTERVAL: 0 is not a number of seconds from 1 to 3600"),
        (&[("REDIS_HOST", "h"), ("REDIS_TLS_CA_FILE", "/no/such/file")], "REDIS_TLS_CA_FILE: the file"),
        (&[("MEMORY_PRESET", "mine")], "MEMORY_PRESET: \"mine\" is none of aegen, conversation"),
        (&[("REDIS_PORT", "99999")], "REDIS_PORT: \"99999\" is not a whole number from 1 to 65535"),
    ] {
        assert!(faults(vars)[0].starts_with(fault), "{vars:?}: {:?}", faults(vars));
    }
}

#[test]
fn a_password_is_never_shown() {
    for (url, shown) in [
        ("redis://me:hunter2@h/0", "redis://me:***@h/0"),
        ("redis+cluster://me:hunter2@a,b", "redis+cluster://me:***@a,b"),
        ("redis+sentinel://me:hunter2@a/main?sentinel_password=hunter2", "redis+sentinel://me:***@a/main?***"),
    ] {
        let config = read(&[("REDIS_URL", url), ("TWILIO_AUTH_TOKEN", "hunter2")]).unwrap();
        assert!(!format!("{config:?}").contains("hunter2"));
        assert!(format!("{config:?}").contains(shown), "{config:?}");
    }
    for url in ["redis+cluster://:hunter2@a/1", "redis+sentinel://:hunter2@a", "redis://:hun#ter2@h", "hunter2"] {
        assert!(!format!("{:?}", faults(&[("REDIS_URL", url)])).contains("ter2"), "{url}");
    }
}

#[test]
fn what_a_url_wins_over_is_said() {
    let config = read(&[("REDIS_URL", "redis://a"), ("REDIS_SESSION_URL", "redis://b"), ("REDIS_HOST", "c")]).unwrap();
    assert_eq!(config.warnings, ["REDIS_URL says where Redis is: REDIS_HOST, REDIS_SESSION_URL is ignored"]);
    let config = read(&[("REDIS_SESSION_URL", "redis://b"), ("REDIS_DB", "2")]).unwrap();
    assert_eq!(config.warnings, ["REDIS_SESSION_URL says where Redis is: REDIS_DB is ignored"]);
    for (vars, source) in [
        (&[("REDIS_URL", "redis://a")][..], "REDIS_URL"),
        (&[("REDIS_SESSION_URL", "redis://a")], "REDIS_SESSION_URL"),
        (&[("REDIS_HOST", "a")], "REDIS_HOST"),
    ] {
        let config = read(vars).unwrap();
        let Backend::Redis(redis) = &config.memory.backend else { panic!("{config:?}") };
        assert_eq!((redis.source(), config.warnings.len()), (source, 0));
    }
}

#[test]
fn how_the_client_behaves_is_configured() {
    let config = read(&[
        ("REDIS_HOST", "h"),
        ("REDIS_CONNECTION_POOL_SIZE", "20"),
        ("REDIS_SOCKET_TIMEOUT", "2.5"),
        ("REDIS_SOCKET_CONNECT_TIMEOUT", "5"),
        ("REDIS_HEALTH_INTERVAL", "10"),
        ("MEMORY_LAYOUT", "tagged"),
    ])
    .unwrap();
    let Backend::Redis(redis) = &config.memory.backend else { panic!("{config:?}") };
    let options = redis.options();
    assert_eq!((options.in_flight, options.layout), (Some(640), Some(Layout::Tagged)));
    assert_eq!(options.connect_timeout, Duration::from_secs(5));
    assert_eq!(options.socket_timeout, Duration::from_millis(2500));
    assert_eq!(options.health_interval, Duration::from_secs(10));
}

#[test]
fn a_preset_sets_what_is_not_set_by_itself() {
    let store = |vars: &[(&'static str, &str)]| {
        let StoreSettings { prefix, session_ttl, profile_ttl, refresh, .. } = read(vars).unwrap().memory.store;
        (prefix, session_ttl.as_secs(), profile_ttl.map(|ttl| ttl.as_secs() / 86_400), refresh)
    };
    for (preset, prefix, session_ttl_s, profile_days, refresh) in [
        ("", "sarah", 86_400, Some(90), TtlRefresh::Access),
        ("aegen", "session", 3600, Some(90), TtlRefresh::Write),
        ("conversation", "conversation", 86_400, Some(90), TtlRefresh::Write),
        ("threads", "sarah", 7200, Some(90), TtlRefresh::Access),
        ("agent", "agent", 3600, None, TtlRefresh::Access),
        ("sarah", "sarah", 86_400, Some(90), TtlRefresh::Write),
    ] {
        let expected = (prefix.to_owned(), session_ttl_s, profile_days, refresh);
        assert_eq!(store(&[("MEMORY_PRESET", preset)]), expected, "{preset}");
    }
    let over = store(&[
        ("MEMORY_PRESET", "agent"),
        ("MEMORY_KEY_PREFIX", "mine"),
        ("MEMORY_SESSION_TTL", "7200"),
        ("MEMORY_PROFILE_TTL_DAYS", "7"),
        ("MEMORY_TTL_REFRESH", "write"),
    ]);
    assert_eq!(over, ("mine".to_owned(), 7200, Some(7), TtlRefresh::Write));
}

#[test]
fn live_calls_are_mirrored_where_other_programs_look_for_them() {
    let mirror = |preset| {
        let vars = [("MEMORY_PRESET", preset), ("MEMORY_KEY_PREFIX", "mine"), ("MEMORY_MAX_MESSAGES", "20")];
        let store = read(&vars).unwrap().memory.store;
        (store.mirror_prefix, store.mirror_messages)
    };
    assert_eq!(mirror("conversation"), ("mine".to_owned(), 20));
    assert_eq!(mirror("sarah"), ("conversation".to_owned(), 20));
}

#[test]
fn what_is_replayed_or_still_there_is_remembered_an_hour_longer() {
    for (seconds, session_s, marker_s) in
        [("0", "60", 3660), ("3600", "60", 7200), ("86400", "60", 90_000), ("3600", "86400", 90_000)]
    {
        let vars = [("SPOOL_REPLAY_SECONDS", seconds), ("MEMORY_SESSION_TTL", session_s)];
        let store = read(&vars).unwrap().memory.store;
        assert_eq!(store.marker_ttl.as_secs(), marker_s);
    }
}

#[test]
fn a_ttl_in_seconds_wins_and_says_so() {
    let config = read(&[("REDIS_SESSION_TTL", "3600"), ("MEMORY_SESSION_TTL_HOURS", "5")]).unwrap();
    assert_eq!(config.memory.store.session_ttl, Duration::from_secs(3600));
    assert_eq!(config.warnings, ["REDIS_SESSION_TTL (seconds) wins over MEMORY_SESSION_TTL_HOURS"]);
    let config = read(&[("REDIS_SESSION_TTL", "3600"), ("MEMORY_SESSION_TTL", "60")]).unwrap();
    assert_eq!(config.memory.store.session_ttl, Duration::from_secs(60));
    assert_eq!(config.warnings, ["MEMORY_SESSION_TTL (seconds) wins over REDIS_SESSION_TTL"]);
    assert_eq!(read(&[("MEMORY_PROFILE_TTL_DAYS", "0")]).unwrap().memory.store.profile_ttl, None);
}

#[test]
fn a_slip_of_the_pen_is_warned_about() {
    let config = read(&[("REDIS_PASWORD", "x"), ("USE_REDIS", "false"), ("MEMORY_PHONE_PEPPER_FILE", "")]).unwrap();
    assert_eq!(config.warnings, ["REDIS_PASWORD is set, but nothing reads it: did you mean REDIS_PASSWORD?"]);
}

#[test]
fn a_secret_may_be_in_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("token");
    std::fs::write(&path, "from the file\n").unwrap();
    let config = read(&[("TWILIO_AUTH_TOKEN_FILE", path.to_str().unwrap())]).unwrap();
    assert_eq!(config.twilio.auth_tokens[0].expose_secret(), "from the file");
    assert!(faults(&[("TWILIO_AUTH_TOKEN_FILE", "/no/such/file")])[0].contains("cannot be read"));
    let both = [("TWILIO_AUTH_TOKEN_FILE", path.to_str().unwrap()), ("TWILIO_AUTH_TOKEN", "x")];
    assert!(faults(&both)[0].contains("set one of them"));
}

#[test]
fn a_chat_model_is_asked_only_when_it_is_named_and_paid_for() {
    assert!(read(&[]).unwrap().summarizer.is_none());
    let whole =
        [("OPENAI_API_KEY", "sk-hunter2"), ("OPENAI_MODEL", "m"), ("OPENAI_BASE_URL", "http://localhost:1/v1/")];
    let chat = read(&whole).unwrap().summarizer.unwrap();
    assert_eq!((chat.endpoint.url().as_str(), chat.model.as_str()), ("http://localhost:1/v1", "m"));
    assert!(!format!("{chat:?}").contains("hunter2"));
    let chat = read(&whole[..2]).unwrap().summarizer.unwrap();
    assert_eq!(chat.endpoint.url().as_str(), "https://api.openai.com/v1");
    for (vars, expected) in [
        (&whole[..1], &["OPENAI_MODEL: is not set beside OPENAI_API_KEY"][..]),
        (&whole[1..2], &["OPENAI_API_KEY: is not set beside OPENAI_MODEL"]),
        (
            &whole[2..],
            &["OPENAI_API_KEY: is not set beside OPENAI_BASE_URL", "OPENAI_MODEL: is not set beside OPENAI_BASE_URL"],
        ),
        (
            &[("OPENAI_API_KEY", "a\u{1}b"), ("OPENAI_MODEL", "m"), ("OPENAI_BASE_URL", "http://10.0.0.1")],
            &["OPENAI_API_KEY: has characters", "OPENAI_BASE_URL: is not https"],
        ),
    ] {
        let faults = faults(vars);
        assert_eq!(faults.len(), expected.len(), "{faults:?}");
        assert!(faults.iter().zip(expected).all(|(fault, start)| fault.starts_with(start)), "{faults:?}");
    }
}

#[test]
fn an_archive_is_a_directory_or_a_server_with_a_secret() {
    const SECRET: (&str, &str) = ("MEMORY_ARCHIVE_SECRET", "0123456789abcdef0123456789abcdef");
    assert!(read(&[]).unwrap().archive.is_none());
    for (place, path) in
        [("file:calls", "calls"), ("file:/var/calls", "/var/calls"), ("file:///var/calls", "/var/calls")]
    {
        match read(&[("MEMORY_ARCHIVE", place)]).unwrap().archive {
            Some(ArchiveConfig::Files { directory }) => assert_eq!(directory, PathBuf::from(path)),
            other => panic!("{other:?}"),
        }
    }
    match read(&[("MEMORY_ARCHIVE", "https://archive.example.com/calls"), SECRET]).unwrap().archive {
        Some(ArchiveConfig::Server { endpoint, .. }) => {
            assert_eq!(endpoint.url().as_str(), "https://archive.example.com/calls");
        }
        other => panic!("{other:?}"),
    }
    let private = [("MEMORY_ARCHIVE", "https://192.168.0.7"), SECRET, ("OUTGOING_ALLOW_PRIVATE", "true")];
    assert!(read(&private).is_ok());
    for (vars, fault) in [
        (&private[..2], "MEMORY_ARCHIVE: names an address that is not public; set OUTGOING_ALLOW_PRIVATE=true"),
        (&[("MEMORY_ARCHIVE", "https://a.example.com")][..], "MEMORY_ARCHIVE_SECRET: is not set beside MEMORY_ARCHIVE"),
        (
            &[("MEMORY_ARCHIVE", "https://a.example.com"), ("MEMORY_ARCHIVE_SECRET", "abc")],
            "MEMORY_ARCHIVE_SECRET: is s",
        ),
        (&[SECRET], "MEMORY_ARCHIVE: is not set beside MEMORY_ARCHIVE_SECRET"),
        (&[("MEMORY_ARCHIVE", "file:")], "MEMORY_ARCHIVE: \"file:\" names no directory"),
        (&[("MEMORY_ARCHIVE", "file://host/calls")], "MEMORY_ARCHIVE: \"file://host/calls\" names no directory"),
        (&[("MEMORY_ARCHIVE", "/var/calls")], "MEMORY_ARCHIVE: is not a URL such as https://host/path; use file:"),
    ] {
        let faults = faults(vars);
        assert!(faults.len() == 1 && faults[0].starts_with(fault), "{vars:?}: {faults:?}");
    }
    assert!(
        faults(&[("MEMORY_ARCHIVE", "https://a.example.com"), ("MEMORY_ARCHIVE_SECRET_FILE", "/no/such/file")])[0]
            .contains("cannot be read")
    );
}

#[test]
fn what_older_deployments_set_is_understood() {
    let config = read(&[
        ("MEMORY_PERSISTENCE", "false"),
        ("MEMORY_MAX_MESSAGES", "100"),
        ("REDIS_CONNECTION_POOL_SIZE", "10"),
        ("REDIS_URL", "redis://localhost:6379/0"),
        ("MEMORY_PHONE_PEPPER_OLD", "0123456789abcdef0123456789abcdef"),
        ("MEMORY_LEGACY_HASH", "sha256:16"),
    ])
    .unwrap();
    assert!(matches!(config.memory.backend, Backend::Process));
    assert_eq!(config.memory.max_messages, 100);
    assert_eq!(read(&[]).unwrap().memory.max_messages, 50);
    assert!(config.memory.old_pepper.is_some());
    assert_eq!(config.memory.legacy_hash.map(|hash| hash.to_string()), Some("sha256:16".to_owned()));
    assert_eq!(config.warnings, [""; 0]);
    let faults = faults(&[("MEMORY_LEGACY_HASH", "md5"), ("MEMORY_PHONE_PEPPER_OLD", "short")]);
    assert!(faults[0].starts_with("MEMORY_PHONE_PEPPER_OLD: is shorter than 32 bytes"), "{faults:?}");
    assert!(faults[1].starts_with("MEMORY_LEGACY_HASH: \"md5\" is neither `sha256` nor"), "{faults:?}");
    assert!(!faults[0].contains("\"short\""), "a secret is shown");
}

#[test]
fn the_readme_has_every_variable_as_it_is() {
    let readme = include_str!("../../README.md");
    for variable in VARIABLES {
        let row = format!("| `{}` | {} | {} | {} |", variable.name, variable.unit, variable.default, variable.about);
        assert!(readme.contains(&row), "the README lacks this row:\n{row}");
    }
    for alias in ALIASES {
        let row = format!("| `{}` | `{}` |", alias.name, alias.of);
        assert!(readme.contains(&row), "the README lacks this row:\n{row}");
    }
    let (_, section) = readme.split_once("\n## Configuration\n").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| `")).count();
    assert_eq!(rows, VARIABLES.len() + ALIASES.len(), "the README has a variable that nothing reads");
}

/// Notes which variables are asked for.
struct Asked(RefCell<BTreeSet<String>>);

impl Vars for Asked {
    fn var(&self, name: &str) -> Option<String> {
        self.0.borrow_mut().insert(name.to_owned());
        // Without it, nobody asks where Redis is.
        (name == "USE_REDIS").then(|| "true".to_owned())
    }

    fn names(&self) -> Vec<String> {
        Vec::new()
    }
}

#[test]
fn the_table_has_every_variable_that_is_read_and_no_other() {
    let asked = Asked(RefCell::default());
    Config::from_vars(&asked, false).unwrap();
    let mut known: BTreeSet<String> = former::GONE.iter().map(|gone| gone.name.to_owned()).collect();
    for Variable { name, secret, .. } in variables_and_aliases() {
        known.insert(name.to_owned());
        known.extend(secret.then(|| format!("{name}_FILE")));
    }
    assert_eq!(asked.0.into_inner(), known);
}

#[test]
fn another_name_means_the_same_and_is_nobodys_own() {
    for alias in ALIASES {
        assert_eq!(alias.variable().unit, VARIABLES.iter().find(|variable| variable.name == alias.of).unwrap().unit);
        assert!(!VARIABLES.iter().any(|variable| variable.name == alias.name), "{}", alias.name);
    }
}

#[test]
fn a_variable_that_is_gone_is_told_of_by_name() {
    let one_choice = [("STT_PROVIDER", "local"), ("TTS_PROVIDER", "local"), ("LLM_PROVIDER", "builtin")];
    let config = read(&one_choice).unwrap();
    assert_eq!(config.warnings.len(), 3);
    for ((name, _), warning) in one_choice.iter().zip(&config.warnings) {
        assert!(warning.starts_with(&format!("{name} is set, but nothing reads it")), "{warning}");
    }
    for name in ["STT_PROVIDER", "TTS_PROVIDER", "LLM_PROVIDER", "AGENT_FILE"] {
        let told = faults(&[(name, "another")]);
        assert!(
            told.len() == 1 && told[0].starts_with(&format!("{name}: \"another\" is not in this build")),
            "{told:?}"
        );
    }
}

#[test]
fn the_operators_door_is_on_loopback_and_elsewhere_only_with_a_token() {
    const TOKEN: (&str, &str) = ("ADMIN_TOKEN", "0123456789abcdef0123456789abcdef");
    let admin = read(&[]).unwrap().admin.unwrap();
    assert_eq!((admin.bind.to_string().as_str(), admin.token.is_none()), ("127.0.0.1:8081", true));
    assert!(read(&[("ADMIN_ADDR", "off")]).unwrap().admin.is_none());
    let admin = read(&[("ADMIN_ADDR", "0.0.0.0:9000"), TOKEN]).unwrap().admin.unwrap();
    assert_eq!(admin.token.unwrap().expose_secret(), TOKEN.1);
    for (vars, expected) in [
        (&[("ADMIN_ADDR", "0.0.0.0:9000")][..], "ADMIN_TOKEN: is not set, but ADMIN_ADDR 0.0.0.0:9000 is not loopback"),
        (&[("ADMIN_ADDR", "everywhere")], "ADMIN_ADDR: \"everywhere\" is not an address and port"),
        (&[("ADMIN_ADDR", "0.0.0.0:9000"), ("ADMIN_TOKEN", "abc")], "ADMIN_TOKEN: is shorter than 32 bytes"),
    ] {
        let faults = faults(vars);
        assert!(faults.len() == 1 && faults[0].starts_with(expected), "{faults:?}");
        assert!(!faults[0].contains("abc"), "{faults:?}");
    }
}

#[test]
fn the_carriers_api_needs_the_account_and_its_token_and_a_place_that_may_be_asked() {
    const ACCOUNT: (&str, &str) = ("TWILIO_ACCOUNT_SID", "AC0a1b2c3d4e5f60718293a4b5c6d7e8f9");
    let url = |url| ("TWILIO_API_URL", url);
    let good = read(&[ACCOUNT, ("TWILIO_AUTH_TOKEN", "x"), url("https://api.dublin.ie1.twilio.com")]).unwrap();
    assert_eq!(good.twilio_rest.unwrap().account_sid, ACCOUNT.1);
    assert!(read(&[ACCOUNT, ("TWILIO_AUTH_TOKEN", "x")]).unwrap().twilio_rest.is_none(), "it is asked for");
    for bad in [
        &[url("https://api.twilio.com"), ACCOUNT][..],
        &[url("https://api.twilio.com"), ("TWILIO_AUTH_TOKEN", "x")],
        &[url("http://api.twilio.com"), ACCOUNT, ("TWILIO_AUTH_TOKEN", "x")],
        &[url("https://10.0.0.1"), ACCOUNT, ("TWILIO_AUTH_TOKEN", "x")],
    ] {
        let faults = faults(bad);
        assert!(faults.iter().any(|fault| fault.starts_with("TWILIO_API_URL: ")), "{faults:?}");
    }
}
