//! The table of variables, as `redial config` and the README show it.

/// One variable.
#[derive(Debug, Clone, Copy)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// Its unit or form.
    pub unit: &'static str,
    /// What holds when it is not set.
    pub default: &'static str,
    /// What it means.
    pub about: &'static str,
    /// Its value is never shown, and `NAME_FILE` may name a file that holds it.
    pub secret: bool,
}

const fn plain(name: &'static str, unit: &'static str, default: &'static str, about: &'static str) -> Variable {
    Variable { name, unit, default, about, secret: false }
}

const fn secret(name: &'static str, default: &'static str, about: &'static str) -> Variable {
    Variable { name, unit: "secret", default, about, secret: true }
}

/// Every variable that is read, by the one name that is its own; the others are in [`super::ALIASES`].
pub const VARIABLES: &[Variable] = &[
    plain("BIND_ADDR", "address:port", "127.0.0.1:8080", "where to listen"),
    plain("PORT", "port", "that of BIND_ADDR", "overrides the port"),
    plain(
        "PUBLIC_URL",
        "origin",
        "none",
        "public origin, https://host; signatures and the stream URL are built from it",
    ),
    plain("DATA_DIR", "directory", "data", "journal, outbox, embedded store, phone pepper, call logs"),
    plain("MODELS_DIR", "directory", "models", "weights of the speech models"),
    plain("SHUTDOWN_GRACE_SECONDS", "s", "30", "how long running calls may go on after SIGTERM"),
    plain(
        "ADMIN_ADDR",
        "address:port or off",
        "127.0.0.1:8081",
        "where operators listen: the API, /metrics, and details behind /readyz",
    ),
    secret(
        "ADMIN_TOKEN",
        "generated at each start, in DATA_DIR/admin-token",
        "what operators' programs send as bearer token, 32 bytes or more",
    ),
    plain("TWILIO_ACCOUNT_SID", "AC…", "none", "when set, calls of other accounts are refused"),
    secret("TWILIO_AUTH_TOKEN", "none", "checks that a webhook or stream comes from Twilio"),
    plain(
        "TWILIO_API_URL",
        "https://api.twilio.com",
        "none",
        "when set, calls that the agent ends are ended there too",
    ),
    secret("TWILIO_AUTH_TOKEN_OLD", "none", "the former token, while it is being replaced"),
    plain("USE_REDIS", "true/false", "auto", "Redis, or the embedded store; auto: Redis when a REDIS_ variable is set"),
    secret(
        "REDIS_URL",
        "none",
        "redis[s]://host, redis[s]+sentinel://host,host/SERVICE or redis[s]+cluster://host,host; overrides the parts below",
    ),
    plain("REDIS_HOST", "host", "localhost", "where Redis is"),
    plain("REDIS_PORT", "port", "6379", "its port"),
    secret("REDIS_PASSWORD", "none", "its password"),
    plain("REDIS_USERNAME", "text", "none", "its ACL user"),
    plain("REDIS_DB", "number", "0", "its database"),
    plain("REDIS_SSL", "true/false", "false", "TLS to Redis"),
    plain(
        "REDIS_CONNECTION_POOL_SIZE",
        "number",
        "none",
        "32 times as many requests may wait on each of the two shared connections",
    ),
    plain(
        "REDIS_TLS_CA_FILE",
        "file",
        "public authorities",
        "PEM of the authorities to trust for rediss, and no others",
    ),
    plain(
        "REDIS_SOCKET_CONNECT_TIMEOUT",
        "s",
        "0.4",
        "TCP, TLS and greeting of one attempt; raise it for a server far away",
    ),
    plain("REDIS_SOCKET_TIMEOUT", "s", "5", "for what no caller waits for; a call start always has 150 ms"),
    plain(
        "REDIS_HEALTH_INTERVAL",
        "s",
        "30",
        "how often the server's condition is looked at; whether it answers, every second",
    ),
    plain(
        "MEMORY_PRESET",
        "name",
        "none",
        "aegen, conversation, threads, agent or sarah: prefix, TTLs and refresh of that system, unless set below",
    ),
    plain("MEMORY_LAYOUT", "flat/tagged", "by the URL", "names of the Redis keys; a cluster needs tagged"),
    plain("MEMORY_PERSISTENCE", "true/false", "true", "false: remember in this process only"),
    plain("MEMORY_KEY_PREFIX", "text", "sarah", "first part of every Redis key"),
    plain("MEMORY_SESSION_TTL_HOURS", "h", "24", "how long a session document is kept"),
    plain("MEMORY_SESSION_TTL", "s", "none", "the same in seconds; wins"),
    plain("MEMORY_PROFILE_TTL_DAYS", "days", "90", "how long a caller is remembered; 0: for ever"),
    plain("MEMORY_TTL_REFRESH", "access/write", "access", "when a TTL starts again"),
    plain("MEMORY_MAX_MESSAGES", "turns", "50", "how much of a call the agent is shown"),
    plain(
        "SPOOL_REPLAY_SECONDS",
        "s",
        "3600",
        "how long delivered sessions are kept, to be sent again to a Redis that has forgotten them",
    ),
    plain("SPOOL_DRAIN_PER_SECOND", "sessions/s", "200", "how fast what waited is brought to a Redis that is back"),
    plain("SPOOL_MAX_MB", "MB", "1024", "size of the journal and outbox at which an alarm is raised"),
    plain("RESUME_GRACE_SECONDS", "s", "30", "how long a dead instance's calls wait to be taken up again"),
    secret(
        "MEMORY_PHONE_PEPPER",
        "generated in DATA_DIR",
        "key of the phone hash, 32 bytes or more; the same on all instances",
    ),
    plain(
        "MEMORY_ARCHIVE",
        "file:DIR or URL",
        "none",
        "where finished calls go for good: a file a day, or signed requests",
    ),
    secret("MEMORY_ARCHIVE_SECRET", "none", "signs requests to the archive, 32 bytes or more"),
    secret(
        "OPENAI_API_KEY",
        "none",
        "lets a chat model improve summaries after a call; the caller's words are sent to it",
    ),
    plain("OPENAI_BASE_URL", "URL", "https://api.openai.com/v1", "any server that speaks OpenAI's chat completions"),
    plain("OPENAI_MODEL", "name", "none", "the model; one that knows structured outputs"),
    plain(
        "OUTGOING_ALLOW_PRIVATE",
        "true/false",
        "false",
        "let servers named above be in a private network; never a metadata service",
    ),
    secret("MEMORY_PHONE_PEPPER_OLD", "none", "the former pepper: callers are moved to the present one when they call"),
    plain(
        "MEMORY_LEGACY_HASH",
        "sha256[:N]",
        "none",
        "how an older deployment hashed numbers (N: hex digits kept); its callers are moved when they call",
    ),
    plain(
        "MEMORY_CONSENT",
        "implicit/announce/ask/off",
        "announce",
        "how callers agree to being remembered; off: nothing is kept or used",
    ),
    plain("GREETING_LEVEL", "0, 1, 2", "2", "how much memory may be said aloud"),
    plain("DEFAULT_REGION", "country", "US", "for numbers without +"),
    plain("VOICE", "hibari/flite", "hibari", "the local voice: a natural one, or a small plain one"),
    plain("VOICE_SPEED", "0.7 to 1.3", "1.0", "how fast it speaks, times its own pace"),
    plain("MAX_CALLS", "calls", "500", "calls at once"),
    plain("MAX_CALLS_PER_CALLER", "calls", "3", "calls of one number at once"),
    plain("MAX_CALL_SECONDS", "s", "1800", "longest call"),
    plain(
        "PATIENCE",
        "quick/normal/patient",
        "normal",
        "how long a caller who pauses is waited for: 200, 300 or 700 ms after a finished sentence, 0.4, 0.7 or 1.1 s after \
         one of few words, 1.1, 1.5 or 2.5 s after an open one",
    ),
    plain("DEAD_AIR", "words/tone/silence", "words", "what is heard while an answer is late"),
    plain("CALL_LOG", "true/false", "false", "write each call's events, with its words, to DATA_DIR/calls"),
    plain(
        "RUST_LOG",
        "filter",
        "info",
        "what is logged; of the libraries below us never more than info: their details hold tokens",
    ),
    plain("LOG_FORMAT", "text/json", "text", "how it is logged"),
    plain("LOG_LANG", "en/es", "en", "language in which the connection to Redis is announced"),
];
