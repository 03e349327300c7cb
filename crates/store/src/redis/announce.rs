//! What the log says while Redis is connected to for the first time: ten facts, in the order and the two languages in
//! which operators of earlier systems look for them.

use std::time::Duration;

use super::ttl_s;

/// In which language the start is logged (`LOG_LANG`). Everything later is in English.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// English.
    En,
    /// Spanish.
    Es,
}

/// What the facts are about.
#[derive(Debug, Clone)]
pub struct Announcement<'a> {
    /// In which language.
    pub language: Language,
    /// Which variable says where Redis is.
    pub source: &'a str,
    /// Where it is, with the passwords masked.
    pub url: &'a str,
    /// How long a session is kept.
    pub session_ttl: Duration,
}

impl Announcement<'_> {
    /// Facts 1 to 6, before the first connection.
    pub fn connecting(&self) {
        for line in self.before() {
            tracing::info!("{line}");
        }
    }

    /// Facts 7 to 10: it answers.
    pub fn connected(&self) {
        for line in self.after() {
            tracing::info!("{line}");
        }
    }

    /// Fact 7, when it does not answer yet. Why is logged by whoever connects.
    pub fn not_connected(&self) {
        match self.language {
            Language::En => tracing::warn!("Redis ping successful: False"),
            Language::Es => tracing::warn!("Redis ping exitoso: False"),
        }
    }

    fn before(&self) -> [String; 6] {
        let Self { source, url, .. } = self;
        let ttl = ttl_s(self.session_ttl);
        let direct = source.ends_with("URL");
        match self.language {
            Language::En => [
                "Redis configuration - USE_REDIS: True".to_owned(),
                format!("{source}: {url} ({})", if direct { "using the URL" } else { "using its parts" }),
                "Initialising SessionManager - Redis: True".to_owned(),
                format!("Connecting to Redis with configuration: {{'url': '{url}', 'ttl_seconds': {ttl}}}"),
                format!("Connecting by {source}: {url}"),
                "Testing the Redis connection...".to_owned(),
            ],
            Language::Es => [
                "Configuración Redis - USE_REDIS: True".to_owned(),
                format!("{source}: {url} ({})", if direct { "usando URL directa" } else { "usando sus partes" }),
                "Inicializando SessionManager - Redis: True".to_owned(),
                format!("Intentando conectar a Redis con configuración: {{'url': '{url}', 'ttl_seconds': {ttl}}}"),
                format!("Conectando usando {source}: {url}"),
                "Probando conexión Redis...".to_owned(),
            ],
        }
    }

    fn after(&self) -> [String; 5] {
        let ttl = ttl_s(self.session_ttl);
        let connected = format!("✅ Redis conversation memory connected: {}", self.url);
        match self.language {
            Language::En => [
                "Redis ping successful: True".to_owned(),
                connected,
                format!("RedisStore initialised successfully - TTL: {ttl}s"),
                "SessionManager initialised successfully - Type: RedisStore".to_owned(),
                format!("Clean-up by Redis itself, no thread - TTL: {ttl}s"),
            ],
            Language::Es => [
                "Redis ping exitoso: True".to_owned(),
                connected,
                format!("RedisStore inicializado exitosamente - TTL: {ttl}s"),
                "SessionManager inicializado exitosamente - Tipo: RedisStore".to_owned(),
                format!("Limpieza por Redis mismo, sin hilo - TTL: {ttl}s"),
            ],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ten_facts_are_told_in_both_languages() {
        let facts = |language, source| {
            let url = "redis://default:***@h";
            let told = Announcement { language, source, url, session_ttl: Duration::from_secs(7200) };
            [&told.before()[..], &told.after()[..]].concat().join("\n")
        };
        insta::assert_snapshot!(facts(Language::Es, "REDIS_URL"), @r"
        Configuración Redis - USE_REDIS: True
        REDIS_URL: redis://default:***@h (usando URL directa)
        Inicializando SessionManager - Redis: True
        Intentando conectar a Redis con configuración: {'url': 'redis://default:***@h', 'ttl_seconds': 7200}
        Conectando usando REDIS_URL: redis://default:***@h
        Probando conexión Redis...
        Redis ping exitoso: True
        ✅ Redis conversation memory connected: redis://default:***@h
        RedisStore inicializado exitosamente - TTL: 7200s
        SessionManager inicializado exitosamente - Tipo: RedisStore
        Limpieza por Redis mismo, sin hilo - TTL: 7200s
        ");
        insta::assert_snapshot!(facts(Language::En, "REDIS_HOST"), @r"
        Redis configuration - USE_REDIS: True
        REDIS_HOST: redis://default:***@h (using its parts)
        Initialising SessionManager - Redis: True
        Connecting to Redis with configuration: {'url': 'redis://default:***@h', 'ttl_seconds': 7200}
        Connecting by REDIS_HOST: redis://default:***@h
        Testing the Redis connection...
        Redis ping successful: True
        ✅ Redis conversation memory connected: redis://default:***@h
        RedisStore initialised successfully - TTL: 7200s
        SessionManager initialised successfully - Type: RedisStore
        Clean-up by Redis itself, no thread - TTL: 7200s
        ");
    }
}
