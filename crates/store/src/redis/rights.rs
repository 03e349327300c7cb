//! Whether this user may do all that calls need: asked when a server is met, not by the first caller.

use futures_util::future::join_all;
use redis::{ErrorKind, RedisError, ServerErrorKind, Value};

use super::advice::{Denied, Trouble};
use super::keys::Keys;
use super::route::Connection;

/// Tries every command.
const TRY: &str = include_str!("rights.lua");
/// The name of no script: asking for it tells whether scripts may be run on a key, and runs none.
const NO_SCRIPT: &str = "0000000000000000000000000000000000000000";

/// What a user has to be granted, beside the patterns of our keys.
pub(super) const COMMANDS: &str = "+@read +@write +eval +evalsha +ping +role +info +time";

/// What is missing and how to grant it, in one text; `None` when nothing is.
///
/// # Errors
/// When the server does not answer. That it forbids something is no error.
pub(super) async fn missing(connection: &Connection, keys: &Keys) -> Result<Option<String>, Trouble> {
    let mut words: Vec<String> = Vec::new();
    let mut is_unknown = false;
    let mut note = |trouble: Trouble| -> Result<(), Trouble> {
        let text = trouble.to_string();
        match trouble {
            Trouble::NotAllowed(_) => (),
            Trouble::UnknownCommand(_) => is_unknown = true,
            // It is full, a script is being read, a slot has no master: nothing about rights, and said elsewhere.
            trouble if trouble.breaks_the_connection() => return Err(trouble),
            _ => return Ok(()),
        }
        if !words.contains(&text) {
            words.push(text);
        }
        Ok(())
    };
    match commands_refused(&mut connection.clone(), &keys.rights()).await {
        Ok(refused) if refused.is_empty() => (),
        Ok(refused) => note(Trouble::NotAllowed(Denied::InScript(refused)))?,
        Err(error) => note(Trouble::of(&error))?,
    }
    let asked = keys.samples().into_iter().map(|key| {
        let mut connection = connection.clone();
        async move { ask_for_key(&mut connection, &key).await }
    });
    for answer in join_all(asked).await {
        if let Err(error) = answer {
            note(Trouble::of(&error))?;
        }
    }
    if words.is_empty() {
        return Ok(None);
    }
    let way_out = if is_unknown {
        "take rename-command for them out of the server's configuration, or use a server that has them".to_owned()
    } else {
        format!("grant it with ACL SETUSER <user> {} {COMMANDS}", keys.acl_patterns())
    };
    Ok(Some(format!(
        "not all that calls need is allowed, so callers may be greeted as strangers and what they say may wait on this \
         machine's disk: the server says: {}; {way_out}",
        words.join("; ")
    )))
}

/// Names of commands that scripts may not call.
async fn commands_refused(connection: &mut Connection, key: &str) -> Result<Vec<String>, RedisError> {
    let mut eval = redis::cmd("EVAL");
    eval.arg(TRY).arg(1).arg(key);
    let answer: Value = eval.query_async(connection).await?;
    // A server that answers something else has run something else, and says nothing about rights.
    Ok(redis::from_redis_value(answer).unwrap_or_default())
}

/// Whether a script may be run by its name on this key.
async fn ask_for_key(connection: &mut Connection, key: &str) -> Result<(), RedisError> {
    let mut ask = redis::cmd("EVALSHA");
    ask.arg(NO_SCRIPT).arg(1).arg(key);
    match ask.query_async::<Value>(connection).await {
        Err(error) if error.kind() != ErrorKind::Server(ServerErrorKind::NoScript) => Err(error),
        // Rights are looked at first.
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn every_command_of_our_scripts_is_tried() {
        let scripts = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/redis")).unwrap();
        let mut commands = 0;
        for path in scripts.map(|entry| entry.unwrap().path()) {
            if path.extension().is_none_or(|extension| extension != "lua") || path.ends_with("rights.lua") {
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            for name in text.split("call('").skip(1).filter_map(|rest| rest.split('\'').next()) {
                assert!(TRY.contains(&format!("may('{name}'")), "{name} of {}", path.display());
                commands += 1;
            }
        }
        assert!(commands > 50, "{commands}");
    }
}
