//! Lua scripts by their hash; by their text where a server does not know them yet.
//!
//! The client's own way is to load a script everywhere and to ask again. In a cluster that fails for all callers while one
//! master is down, and it takes a trip more.

use redis::aio::ConnectionLike;
use redis::{Cmd, ErrorKind, RedisResult, ServerErrorKind, ToRedisArgs, Value};

use super::answer::Answer;

/// A script.
pub(super) struct Script {
    /// The name of its file, for errors.
    name: &'static str,
    text: &'static str,
    sha1: String,
}

impl Script {
    pub(super) fn new(name: &'static str, text: &'static str) -> Self {
        Self { name, text, sha1: redis::Script::new(text).get_hash().to_owned() }
    }

    /// Begins a call of it with these keys, all of one slot.
    pub(super) fn with_keys<K: ToRedisArgs>(&self, keys: impl IntoIterator<Item = K>) -> Invocation<'_> {
        let mut invocation = Invocation { script: self, number_of_keys: 0, args: Vec::new() };
        for key in keys {
            invocation.number_of_keys += 1;
            invocation.arg(key);
        }
        invocation
    }
}

/// One call of a script.
pub(super) struct Invocation<'a> {
    script: &'a Script,
    number_of_keys: usize,
    /// Keys, then arguments.
    args: Vec<Vec<u8>>,
}

impl Invocation<'_> {
    pub(super) fn arg(&mut self, arg: impl ToRedisArgs) -> &mut Self {
        arg.write_redis_args(&mut self.args);
        self
    }

    pub(super) async fn run(&self, connection: &mut impl ConnectionLike) -> RedisResult<Answer> {
        let answer: Value = match self.command("EVALSHA", &self.script.sha1).query_async(connection).await {
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                self.command("EVAL", self.script.text).query_async(connection).await?
            }
            answer => answer?,
        };
        // All scripts have a key.
        let key = self.args.first().map(|key| String::from_utf8_lossy(key).into_owned());
        Ok(Answer::of(self.script.name, key.unwrap_or_default(), answer))
    }

    fn command(&self, name: &str, script: &str) -> Cmd {
        let mut command = redis::cmd(name);
        command.arg(script).arg(self.number_of_keys).arg(&self.args);
        command
    }
}
