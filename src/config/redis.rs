//! How Redis is found: one URL, or host, port and password in variables of their own.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::reader::Reader;

/// Where Redis is.
pub struct RedisConfig {
    /// The full URL with its password.
    url: SecretString,
    redacted: String,
}

impl RedisConfig {
    /// The URL, for the client only.
    pub fn url(&self) -> &SecretString {
        &self.url
    }

    /// The URL with the password masked.
    pub fn redacted(&self) -> &str {
        &self.redacted
    }

    /// `None` when nothing asks for Redis.
    ///
    /// Precedence: `REDIS_URL`, then `REDIS_SESSION_URL`, then the parts; `USE_REDIS` overrules whether at all.
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let wanted = reader.flag("USE_REDIS");
        let tls = reader.flag("REDIS_SSL");
        let (name, url) = match (reader.secret("REDIS_URL"), reader.secret("REDIS_SESSION_URL")) {
            (Some(url), _) => ("REDIS_URL", Some(url)),
            (None, Some(url)) => ("REDIS_SESSION_URL", Some(url)),
            (None, None) => ("REDIS_HOST", None),
        };
        let parts = ["REDIS_HOST", "REDIS_PORT", "REDIS_PASSWORD", "REDIS_PASSWORD_FILE", "REDIS_USERNAME", "REDIS_DB"];
        let any_part = tls.is_some() || parts.iter().any(|part| reader.text(part).is_some());
        if wanted == Some(false) || (wanted.is_none() && url.is_none() && !any_part) {
            return None;
        }
        let url = match url {
            Some(text) => from_url(reader, name, text.expose_secret(), tls)?,
            None => from_parts(reader, tls.unwrap_or(false))?,
        };
        let mut masked = url.clone();
        if masked.password().is_some() {
            masked.set_password(Some("***")).ok()?;
        }
        Some(Self { url: SecretString::from(url.to_string()), redacted: masked.to_string() })
    }
}

impl fmt::Debug for RedisConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.redacted)
    }
}

fn from_url(reader: &mut Reader<'_>, name: &str, text: &str, tls: Option<bool>) -> Option<Url> {
    const FORM: &str = "use redis://[user:password@]host[:port][/database], with # @ : / % in a password written as \
                        %23 %40 %3A %2F %25";
    let Ok(mut url) = Url::parse(text) else {
        reader.fault(name, format!("cannot be read as a URL; {FORM}"));
        return None;
    };
    match url.scheme() {
        "redis" | "rediss" => (),
        "redis+sentinel" | "redis+cluster" => {
            reader.fault(name, "Sentinel and Cluster are not in this build; name one server".to_owned());
            return None;
        }
        other => {
            reader.fault(name, format!("the scheme {other:?} is not redis or rediss; {FORM}"));
            return None;
        }
    }
    if url.host_str().is_none_or(str::is_empty) {
        reader.fault(name, format!("has no host; {FORM}"));
        return None;
    }
    if url.fragment().is_some() {
        reader.fault(name, format!("has a raw # in it; {FORM}"));
        return None;
    }
    let database = url.path().trim_start_matches('/');
    if !database.is_empty() && database.parse::<u16>().is_err() {
        reader.fault(name, format!("the database {database:?} is not a number; {FORM}"));
        return None;
    }
    let encrypted = url.scheme() == "rediss";
    let needs_tls = url.host_str().is_some_and(|host| host.ends_with(".upstash.io"));
    match tls {
        Some(false) if encrypted => {
            reader.fault("REDIS_SSL", format!("is false, but {name} says rediss://; make them agree"));
            return None;
        }
        Some(true) if !encrypted => url = with_tls(&url)?,
        Some(_) => (),
        None if needs_tls && !encrypted => {
            reader.warn(format!("{name} names an Upstash server, which speaks TLS only: rediss:// is used"));
            url = with_tls(&url)?;
        }
        None => (),
    }
    Some(url)
}

/// `Url::set_scheme` refuses to change between schemes that it does not know.
fn with_tls(url: &Url) -> Option<Url> {
    let rest = url.as_str().strip_prefix("redis://")?;
    Url::parse(&format!("rediss://{rest}")).ok()
}

fn from_parts(reader: &mut Reader<'_>, tls: bool) -> Option<Url> {
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
    Some(url)
}
