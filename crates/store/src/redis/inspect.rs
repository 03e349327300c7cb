//! Looks at a server's condition: which life of which server it is, and what about it would cost callers their memory.
//!
//! All of it is advice: a server that forbids the questions is used all the same, and the answers that are missing are named.

use std::collections::HashMap;
use std::time::{SystemTime, UNIX_EPOCH};

use redis::{Cmd, FromRedisValue};
use uuid::Uuid;

use super::advice::Trouble;
use super::eviction;
use super::route::Connection;

/// Above this, timestamps that gateways write are not comparable any more. TTLs are durations and do not suffer.
const SKEW_MAX_S: u64 = 60;

/// The server that is meant unless it says otherwise.
const REDIS: &str = "Redis";
/// How servers that speak Redis' protocol are known, and where INFO has their version. All of them say a Redis version as
/// well, for the sake of old clients. Redis itself is the last, so that each is something.
const PRODUCTS: [(&str, &str, &str); 5] = [
    ("valkey_version", "Valkey", "valkey_version"),
    ("dragonfly_version", "Dragonfly", "dragonfly_version"),
    ("redict_version", "Redict", "redict_version"),
    ("mvcc_depth", "KeyDB", "redis_version"),
    ("redis_version", REDIS, "redis_version"),
];

/// What a server is called, and which version it is, by a question for a line of INFO.
pub(super) fn product<'a>(line: impl Fn(&str) -> Option<&'a str>) -> (&'static str, &'a str) {
    let known = PRODUCTS.iter().find(|(sign, ..)| line(sign).is_some());
    known.map_or((REDIS, ""), |(_, name, version)| (*name, line(version).unwrap_or_default()))
}

/// What was found out about one server, or about all masters of a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Inspection {
    /// Which life of which server; `None` when INFO is forbidden.
    pub(super) life: Option<String>,
    /// What it is called.
    pub(super) product: &'static str,
    /// One text a finding: what is the matter, what it costs, the way out. Without figures that change from look to look.
    pub(super) findings: Vec<String>,
    /// What a crash costs at worst.
    pub(super) crash: String,
}

/// What a server says of itself. Whatever it did not say is `None`.
#[derive(Debug, Clone, Default)]
struct Facts {
    info: Option<HashMap<String, String>>,
    appendfsync: Option<String>,
    save: Option<String>,
    skew_s: Option<u64>,
}

/// Asks each master. `name`: where it is, as configured or resolved.
///
/// # Errors
/// When a master does not answer; one that answers "forbidden" is no error.
pub(super) async fn inspect(connection: &Connection, name: &str, default_user: bool) -> Result<Inspection, Trouble> {
    let masters = connection.masters().await.map_err(|error| Trouble::of(&error))?;
    let mut whole =
        Inspection { life: Some(String::new()), product: REDIS, findings: Vec::new(), crash: String::new() };
    for mut master in masters {
        let node = master.node().map(ToString::to_string);
        let facts = ask(&mut master).await?;
        let at = node.as_deref().unwrap_or(name);
        whole.life =
            whole.life.zip(facts.life(at)).map(|(all, one)| if all.is_empty() { one } else { all + "," + &one });
        let findings = facts.findings(default_user);
        whole.findings.extend(findings.into_iter().map(|text| match &node {
            Some(node) => format!("{node}: {text}"),
            None => text,
        }));
        whole.product = facts.product().0;
        whole.crash = facts.crash();
    }
    Ok(whole)
}

/// Which lives of which servers these are: what is asked every second of a cluster, whose client keeps a connection up
/// while a server behind it restarts.
pub(super) async fn lives(connection: &Connection, name: &str) -> Result<Option<String>, Trouble> {
    let masters = connection.masters().await.map_err(|error| Trouble::of(&error))?;
    let mut lives = Vec::new();
    for mut master in masters {
        let at = master.node().map_or_else(|| name.to_owned(), ToString::to_string);
        let facts = Facts { info: info(&mut master).await?, ..Facts::default() };
        lives.push(facts.life(&at));
    }
    let lives: Option<Vec<String>> = lives.into_iter().collect();
    Ok(lives.map(|lives| lives.join(",")))
}

/// A name that is never met again: for a server that does not tell its own.
pub(super) fn unknown_life() -> String {
    format!("unknown-{}", Uuid::new_v4().simple())
}

async fn ask(server: &mut Connection) -> Result<Facts, Trouble> {
    let mut config = async |name: &str| -> Result<Option<String>, Trouble> {
        let answer: Option<Vec<String>> = allowed(redis::cmd("CONFIG").arg("GET").arg(name), server).await?;
        Ok(answer.and_then(|pair| pair.into_iter().nth(1)))
    };
    let (appendfsync, save) = (config("appendfsync").await?, config("save").await?);
    let time: Option<(u64, u64)> = allowed(&redis::cmd("TIME"), server).await?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
    let skew_s = time.map(|(seconds, _)| seconds.abs_diff(now));
    Ok(Facts { info: info(server).await?, appendfsync, save, skew_s })
}

async fn info(server: &mut Connection) -> Result<Option<HashMap<String, String>>, Trouble> {
    let text: Option<String> = allowed(&redis::cmd("INFO"), server).await?;
    Ok(text.map(|text| fields(&text)))
}

/// An answer, or `None` where the server forbids or does not know the question.
async fn allowed<T: FromRedisValue>(question: &Cmd, server: &mut Connection) -> Result<Option<T>, Trouble> {
    match question.query_async::<T>(server).await {
        Ok(answer) => Ok(Some(answer)),
        Err(error) => match Trouble::of(&error) {
            Trouble::NotAllowed(_) | Trouble::UnknownCommand(_) | Trouble::NotRedis | Trouble::Other(_) => Ok(None),
            trouble => Err(trouble),
        },
    }
}

fn fields(info: &str) -> HashMap<String, String> {
    let field = |line: &str| line.split_once(':').map(|(name, value)| (name.to_owned(), value.trim().to_owned()));
    info.lines().filter_map(field).collect()
}

impl Facts {
    fn field(&self, name: &str) -> Option<&str> {
        self.info.as_ref()?.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The run, the history of its data, and where it is: a server that restarted, was promoted or was filled from another
    /// one differs in one of them.
    fn life(&self, at: &str) -> Option<String> {
        let run = self.field("run_id")?;
        Some(format!("{run}/{}@{at}", self.field("master_replid").unwrap_or("-")))
    }

    fn product(&self) -> (&'static str, &str) {
        product(|name| self.field(name))
    }

    fn crash(&self) -> String {
        let (name, _) = self.product();
        let cost = match (self.field("aof_enabled"), self.appendfsync.as_deref(), self.save.as_deref()) {
            (None, ..) => "what a crash costs is not known: INFO is forbidden",
            (Some("1"), Some("always"), _) => "a crash costs nothing that was answered",
            (Some("1"), Some("everysec"), _) => {
                return format!("a crash of {name} costs nothing, a power failure the last second or two");
            }
            (Some("1"), Some(_), _) => {
                return format!("a crash of {name} costs nothing, a power failure half a minute or more");
            }
            (Some("1"), None, _) => {
                return format!(
                    "a crash of {name} costs nothing, a power failure what was not yet synced (CONFIG is forbidden)"
                );
            }
            (Some(_), _, Some("")) => "a crash costs everything: nothing is on disk",
            (Some(_), _, Some(_)) => "a crash costs all since the last snapshot, minutes to an hour",
            (Some(_), _, None) => "a crash costs all since the last snapshot, if any are made (CONFIG is forbidden)",
        };
        cost.to_owned()
    }

    fn findings(&self, default_user: bool) -> Vec<String> {
        let mut findings = Vec::new();
        let mut find = |text: &str| findings.push(text.to_owned());
        if self.info.is_none() {
            find(
                "INFO is forbidden, so role, eviction, persistence and version could not be checked, and each reconnect is \
                 taken for a new server: what was written lately is sent again; allow +info",
            );
        }
        if self.info.is_some() && self.appendfsync.is_none() && self.save.is_none() {
            let (name, _) = self.product();
            find(&format!("CONFIG is forbidden, so how often {name} writes to its disk could not be checked"));
        }
        if self.field("role") == Some("slave") {
            find("the server is a replica: nothing can be written; point the URL at the primary");
        }
        self.eviction(&mut find);
        self.persistence(&mut find);
        match self.skew_s {
            None => find("TIME is forbidden, so the clocks could not be compared; allow +time"),
            Some(skew_s) if skew_s > SKEW_MAX_S => find(
                "the server's clock differs from ours by more than 60 s: the order of calls from several gateways may be wrong; \
                 let both follow NTP",
            ),
            Some(_) => (),
        }
        self.version(&mut find);
        if default_user {
            find(
                "the user is `default`, who may do everything: whoever gets its password can delete every caller; \
                 use a user with only our keys and commands (ACL SETUSER)",
            );
        }
        findings
    }

    fn eviction(&self, find: &mut impl FnMut(&str)) {
        let number = |name: &str| self.field(name).and_then(|value| value.parse().ok()).unwrap_or(0);
        let policy = self.field("maxmemory_policy").unwrap_or_default();
        if let Some(advice) = eviction::advice(self.product().0, policy, number("maxmemory"), number("evicted_keys")) {
            find(&advice);
        }
    }

    fn persistence(&self, find: &mut impl FnMut(&str)) {
        let way_out = "; set appendonly yes (appendfsync everysec)";
        let (name, _) = self.product();
        match (self.field("aof_enabled"), self.appendfsync.as_deref(), self.save.as_deref()) {
            (Some("0"), _, Some("")) => {
                find(&format!("{name} keeps nothing on disk: a crash or restart costs all callers{way_out}"));
            }
            (Some("0"), _, Some(_)) => {
                find(&format!("{name} writes snapshots only: a crash costs every call since the last one{way_out}"));
            }
            (Some("0"), _, None) => {
                find(&format!(
                    "{name} keeps no append-only file: a crash costs what the last snapshot lacks, if there is one{way_out}"
                ));
            }
            (Some("1"), Some("no"), _) => {
                find("appendfsync is no: a power failure costs half a minute of calls; set appendfsync everysec");
            }
            _ => (),
        }
    }

    fn version(&self, find: &mut impl FnMut(&str)) {
        let (REDIS, text) = self.product() else { return };
        if text.is_empty() {
            return;
        }
        let mut numbers = text.split('.').map(|number| number.parse::<u32>().unwrap_or(0));
        let mut next = || numbers.next().unwrap_or(0);
        let version = (next(), next(), next());
        if version < (4, 0, 0) {
            find(&format!(
                "Redis {text} does not know HSET of several fields, which every hang-up uses; at least 4.0 is needed"
            ));
        } else if version < (6, 2, 0) {
            find(&format!(
                "Redis {text} gets no security fixes any more, and none of our tests ran on it; use 6.2 or newer"
            ));
        }
        if ((7, 2, 0)..=(8, 6, 2)).contains(&version) {
            find(&format!(
                "Redis {text} has CVE-2026-23479: whoever may run scripts may run any code on that machine; use 8.6.3 or newer, \
                 and until then let nobody else have a password"
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn healthy() -> Facts {
        let info = "# Server\r\nredis_version:7.0.15\r\nrun_id:abc\r\n# Replication\r\nrole:master\r\nmaster_replid:def\r\n\
                    maxmemory:0\r\nmaxmemory_policy:noeviction\r\nevicted_keys:0\r\naof_enabled:1\r\n";
        Facts {
            info: Some(fields(info)),
            appendfsync: Some("everysec".to_owned()),
            save: Some("3600 1".to_owned()),
            skew_s: Some(1),
        }
    }

    fn with(fields: &[(&str, &str)]) -> Facts {
        let mut facts = healthy();
        let info = facts.info.as_mut().unwrap();
        for (name, value) in fields {
            info.insert((*name).to_owned(), (*value).to_owned());
        }
        facts
    }

    #[test]
    fn a_server_as_we_recommend_it_gives_no_finding() {
        assert_eq!(healthy().findings(false), [""; 0]);
        assert_eq!(healthy().life("h:1").as_deref(), Some("abc/def@h:1"));
    }

    #[test]
    fn each_finding_says_what_it_costs_and_the_way_out() {
        let always = |appendfsync: &str, save: &str, aof: &str| Facts {
            appendfsync: Some(appendfsync.to_owned()),
            save: Some(save.to_owned()),
            ..with(&[("aof_enabled", aof)])
        };
        for (facts, cost, way_out) in [
            (with(&[("maxmemory_policy", "allkeys-lru"), ("maxmemory", "1")]), "delete callers", "noeviction"),
            (with(&[("maxmemory_policy", "volatile-ttl")]), "once maxmemory is set", "noeviction"),
            (with(&[("evicted_keys", "3")]), "forgotten already", "raise maxmemory"),
            (always("everysec", "", "0"), "costs all callers", "appendonly yes"),
            (always("everysec", "3600 1", "0"), "since the last one", "appendonly yes"),
            (Facts { appendfsync: None, ..with(&[("aof_enabled", "0")]) }, "since the last one", "appendonly yes"),
            (always("no", "", "1"), "half a minute", "everysec"),
            (with(&[("role", "slave")]), "nothing can be written", "primary"),
            (Facts { skew_s: Some(61), ..healthy() }, "order of calls", "NTP"),
            (with(&[("redis_version", "3.2.1")]), "HSET", "4.0"),
            (with(&[("redis_version", "6.0.16")]), "no security fixes", "6.2"),
            (with(&[("redis_version", "7.2.0")]), "CVE-2026-23479", "8.6.3"),
            (with(&[("redis_version", "8.6.2")]), "CVE-2026-23479", "8.6.3"),
        ] {
            let findings = facts.findings(false);
            assert_eq!(findings.len(), 1, "{findings:?}");
            assert!(findings[0].contains(cost) && findings[0].contains(way_out), "{findings:?}");
        }
        assert!(healthy().findings(true)[0].contains("`default`"));
    }

    #[test]
    fn what_is_not_affected_is_not_warned_about() {
        for fields in [
            &[("redis_version", "6.2.0")][..],
            &[("redis_version", "8.6.3")],
            &[("redis_version", "7.2.4"), ("valkey_version", "8.0.1")],
        ] {
            assert_eq!(with(fields).findings(false), [""; 0], "{fields:?}");
        }
    }

    #[test]
    fn a_server_is_called_by_its_own_name() {
        for (fields, name, version) in [
            (&[][..], "Redis", "7.0.15"),
            (&[("redis_version", "7.2.4"), ("server_name", "valkey"), ("valkey_version", "8.1.3")], "Valkey", "8.1.3"),
            (&[("redis_version", "7.4.0"), ("dragonfly_version", "df-v1.40.1")], "Dragonfly", "df-v1.40.1"),
            (&[("redis_version", "6.3.4"), ("mvcc_depth", "0")], "KeyDB", "6.3.4"),
        ] {
            let mut facts = with(fields);
            assert_eq!(facts.product(), (name, version));
            assert!(facts.crash().contains(&format!("a crash of {name} ")), "{}", facts.crash());
            facts.info.as_mut().unwrap().insert("aof_enabled".to_owned(), "0".to_owned());
            facts.save = None;
            assert!(facts.findings(false)[0].starts_with(name), "{:?}", facts.findings(false));
        }
    }

    #[test]
    fn what_could_not_be_asked_is_said() {
        let findings = Facts::default().findings(false);
        assert!(findings[0].contains("+info") && findings[1].contains("+time"), "{findings:?}");
        assert_eq!(Facts::default().life("h:1"), None);
        let findings = Facts { appendfsync: None, save: None, ..healthy() }.findings(false);
        assert!(findings[0].contains("CONFIG is forbidden"), "{findings:?}");
    }

    #[test]
    fn what_a_crash_costs_is_told_by_what_is_written_when() {
        for (aof, appendfsync, save, expected) in [
            ("1", Some("always"), Some(""), "nothing that was answered"),
            ("1", Some("everysec"), Some(""), "last second"),
            ("1", None, None, "CONFIG is forbidden"),
            ("0", Some("everysec"), Some(""), "everything"),
            ("0", Some("everysec"), Some("900 1"), "last snapshot, minutes"),
        ] {
            let facts = Facts {
                appendfsync: appendfsync.map(str::to_owned),
                save: save.map(str::to_owned),
                ..with(&[("aof_enabled", aof)])
            };
            assert!(facts.crash().contains(expected), "{}", facts.crash());
        }
    }
}
