//! How Redis is found: one URL, or host, port and password in variables of their own; and how its client behaves.

use std::{fmt, iter};

use redial_store::redis::address::{self, Address};
use redial_store::redis::{Layout, RedisOptions};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::former::aliases_of;
use super::reader::Reader;

/// Requests in flight for each connection of the pools that other systems have: here all calls share two connections.
const IN_FLIGHT_FOR_EACH: usize = 32;
/// What a URL wins over.
const PARTS: [&str; 6] =
    ["REDIS_HOST", "REDIS_PORT", "REDIS_PASSWORD", "REDIS_PASSWORD_FILE", "REDIS_USERNAME", "REDIS_DB"];

/// Where Redis is.
pub struct RedisConfig {
    /// The full URL with its password.
    url: SecretString,
    redacted: String,
    source: &'static str,
    options: RedisOptions,
}

impl RedisConfig {
    /// The URL, for the client only.
    pub fn url(&self) -> &SecretString {
        &self.url
    }

    /// The URL with the passwords masked.
    pub fn redacted(&self) -> &str {
        &self.redacted
    }

    /// The variable that says where Redis is: `REDIS_URL`, another name of it, or `REDIS_HOST` for the parts.
    pub fn source(&self) -> &'static str {
        self.source
    }

    /// How the client behaves.
    pub fn options(&self) -> &RedisOptions {
        &self.options
    }

    /// Lets the client only look whether the pepper is that of the others, and leave no word of its own.
    pub(crate) fn leave_no_pepper_check(&mut self) {
        self.options.leaves_pepper_check = false;
    }

    /// `None` when nothing asks for Redis.
    ///
    /// Precedence: `REDIS_URL`, then its other names, then the parts; `USE_REDIS` overrules whether at all.
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let wanted = reader.flag("USE_REDIS");
        let tls = reader.flag("REDIS_SSL");
        let options = options(reader);
        let mut urls: Vec<(&str, SecretString)> = Vec::new();
        for name in iter::once("REDIS_URL").chain(aliases_of("REDIS_URL")) {
            urls.extend(reader.secret(name).map(|url| (name, url)));
        }
        let (source, url) = match urls.into_iter().next() {
            Some((name, url)) => (name, Some(url)),
            None => ("REDIS_HOST", None),
        };
        let beside = PARTS.into_iter().chain(aliases_of("REDIS_URL"));
        let set: Vec<&str> = beside.filter(|part| reader.text(part).is_some()).collect();
        if wanted == Some(false) || (wanted.is_none() && url.is_none() && tls.is_none() && set.is_empty()) {
            return None;
        }
        let url = match url {
            Some(text) => {
                let ignored: Vec<&str> = set.into_iter().filter(|part| *part != source).collect();
                if !ignored.is_empty() {
                    reader.warn(format!("{source} says where Redis is: {} is ignored", ignored.join(", ")));
                }
                from_url(reader, source, text.expose_secret(), tls)?
            }
            None => from_parts(reader, tls.unwrap_or(false))?,
        };
        let address = match Address::parse(&url) {
            Ok(address) => address,
            Err(error) => {
                reader.fault(source, error.to_string());
                return None;
            }
        };
        if address.is_cluster() && options.layout == Some(Layout::Flat) {
            reader.fault(
                "MEMORY_LAYOUT",
                format!("is flat, but {source} names a cluster, which needs tagged keys; unset it"),
            );
        }
        if let Some(ca_pem) = &options.ca_pem
            && let Err(error) = address.trusting(ca_pem)
        {
            reader.fault("REDIS_TLS_CA_FILE", error.to_string());
        }
        Some(Self { redacted: address::redacted(&url), url: SecretString::from(url), source, options })
    }
}

impl fmt::Debug for RedisConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.redacted)
    }
}

fn options(reader: &mut Reader<'_>) -> RedisOptions {
    let default = RedisOptions::default();
    let connect_timeout = reader.seconds("REDIS_SOCKET_CONNECT_TIMEOUT", default.connect_timeout, 0.05..=60.0);
    let socket_timeout = reader.seconds("REDIS_SOCKET_TIMEOUT", default.socket_timeout, 0.1..=300.0);
    let health_interval = reader.seconds("REDIS_HEALTH_INTERVAL", default.health_interval, 1.0..=3600.0);
    let layout = match reader.one_of("MEMORY_LAYOUT", "", &["flat", "tagged"]).as_str() {
        "flat" => Some(Layout::Flat),
        "tagged" => Some(Layout::Tagged),
        _ => None,
    };
    let pool = reader.text("REDIS_CONNECTION_POOL_SIZE").map(|_| {
        let size: usize = reader.in_range("REDIS_CONNECTION_POOL_SIZE", 10, 1..=10_000);
        size * IN_FLIGHT_FOR_EACH
    });
    let ca_pem = reader.text("REDIS_TLS_CA_FILE").and_then(|path| match std::fs::read(&path) {
        Ok(pem) => Some(pem),
        Err(error) => {
            reader.fault("REDIS_TLS_CA_FILE", format!("the file {path:?} cannot be read: {error}"));
            None
        }
    });
    RedisOptions { layout, ca_pem, connect_timeout, socket_timeout, health_interval, in_flight: pool, ..default }
}

fn from_url(reader: &mut Reader<'_>, name: &str, text: &str, tls: Option<bool>) -> Option<String> {
    const FORM: &str = "use redis[s]://[user:password@]host[:port][/database], with # @ : / % in a password written as \
                        %23 %40 %3A %2F %25; redis+sentinel://host,host/SERVICE and redis+cluster://host,host are known too";
    let Some((scheme, rest)) = text.split_once("://") else {
        reader.fault(name, format!("cannot be read as a URL; {FORM}"));
        return None;
    };
    let (kind, encrypted) = match scheme {
        "redis" | "redis+sentinel" | "redis+cluster" => (&scheme["redis".len()..], false),
        "rediss" | "rediss+sentinel" | "rediss+cluster" => (&scheme["rediss".len()..], true),
        other => {
            reader.fault(name, format!("the scheme {other:?} is not redis or rediss; {FORM}"));
            return None;
        }
    };
    let needs_tls = kind.is_empty() && check_one_host(reader, name, text, FORM)?;
    let encrypt = match tls {
        Some(false) if encrypted => {
            reader.fault("REDIS_SSL", format!("is false, but {name} says rediss://; make them agree"));
            return None;
        }
        Some(tls) => tls || encrypted,
        None => {
            if needs_tls && !encrypted {
                reader.warn(format!("{name} names an Upstash server, which speaks TLS only: rediss:// is used"));
            }
            encrypted || needs_tls
        }
    };
    Some(format!("redis{}{kind}://{rest}", if encrypt { "s" } else { "" }))
}

/// Says what is wrong with the URL of one server in more words than the client; `Some(true)` when it has to be TLS.
fn check_one_host(reader: &mut Reader<'_>, name: &str, text: &str, form: &str) -> Option<bool> {
    let Ok(url) = Url::parse(text) else {
        reader.fault(name, format!("cannot be read as a URL; {form}"));
        return None;
    };
    if url.host_str().is_none_or(str::is_empty) {
        reader.fault(name, format!("has no host; {form}"));
        return None;
    }
    if url.fragment().is_some() {
        reader.fault(name, format!("has a raw # in it; {form}"));
        return None;
    }
    let database = url.path().trim_start_matches('/');
    if !database.is_empty() && database.parse::<u16>().is_err() {
        reader.fault(name, format!("the database {database:?} is not a number; {form}"));
        return None;
    }
    Some(url.host_str().is_some_and(|host| host.ends_with(".upstash.io")))
}

fn from_parts(reader: &mut Reader<'_>, tls: bool) -> Option<String> {
    let host = reader.text("REDIS_HOST").unwrap_or_else(|| "localhost".to_owned());
    let port: u16 = reader.in_range("REDIS_PORT", 6379, 1..=65_535);
    let database: u16 = reader.in_range("REDIS_DB", 0, 0..=u16::MAX);
    let password = reader.secret("REDIS_PASSWORD");
    let username = reader.text("REDIS_USERNAME");
    let scheme = if tls { "rediss" } else { "redis" };
    let Ok(mut url) = Url::parse(&format!("{scheme}://{host}:{port}/{database}")) else {
        reader.fault("REDIS_HOST", format!("{host:?} is not a host name or address"));
        return None;
    };
    if let Some(username) = username {
        url.set_username(&username).ok()?;
    }
    if let Some(password) = password {
        url.set_password(Some(password.expose_secret())).ok()?;
    }
    Some(url.to_string())
}
