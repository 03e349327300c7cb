//! A small Redis of our own, for networks that are not there: it speaks RESP2 over any byte stream, keeps strings, hashes
//! and sorted sets, and runs the store's scripts for calls, hang-ups and erasures, which are written again here in Rust.
//!
//! It knows no expiry, no users, no replicas. That it answers as `redis-server` does is tested against one.

mod begin_call;
mod commit;
mod erasure;
mod keyspace;
mod resp;
mod user;

use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard};

use redis::Script;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

pub(crate) use self::keyspace::Keyspace;
pub(crate) use self::resp::Reply;

/// What a server that starts again still knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Restart {
    /// Everything, as with an append-only file that is synced with every write.
    Keeps,
    /// Nothing, as without persistence.
    Forgets,
}

/// The server. Clones are the same one.
#[derive(Clone)]
pub(crate) struct ToyRedis {
    restart: Restart,
    state: Arc<Mutex<State>>,
    witness: Arc<Witness>,
}

/// Is told each command and what was answered, in the order of execution.
type Witness = dyn Fn(&[Vec<u8>], &Reply) + Send + Sync;

#[derive(Default)]
struct State {
    keyspace: Keyspace,
    /// How often it was started; names the run.
    lives: u64,
    /// SHA-1 of the scripts that this run was told.
    loaded: BTreeSet<String>,
}

impl ToyRedis {
    /// A server in its first life.
    pub(crate) fn new(restart: Restart) -> Self {
        let state = State { lives: 1, ..State::default() };
        Self { restart, state: Arc::new(Mutex::new(state)), witness: Arc::new(|_, _| ()) }
    }

    /// Tells `witness` each command that is executed from now on over streams of the server that this returns.
    pub(crate) fn witnessed(self, witness: impl Fn(&[Vec<u8>], &Reply) + Send + Sync + 'static) -> Self {
        Self { witness: Arc::new(witness), ..self }
    }

    /// The next life: another run id, no scripts, and the data that [`Restart`] leaves. Whoever serves its streams ends
    /// these himself.
    pub(crate) fn restart(&self) {
        let mut state = self.state();
        state.lives += 1;
        state.loaded.clear();
        if self.restart == Restart::Forgets {
            state.keyspace = Keyspace::default();
        }
    }

    /// Answers one client until it leaves.
    ///
    /// # Errors
    /// Those of the stream, and `InvalidData` when the client does not speak RESP.
    pub(crate) async fn serve(&self, mut stream: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<()> {
        let mut received = Vec::new();
        loop {
            let mut answers = Vec::new();
            while let Some((command, length)) = resp::command(&received)? {
                received.drain(..length);
                self.execute(&command).write_to(&mut answers);
            }
            stream.write_all(&answers).await?;
            if stream.read_buf(&mut received).await? == 0 {
                return Ok(());
            }
        }
    }

    /// Executes one command, as a client would have it executed.
    pub(crate) fn execute(&self, command: &[Vec<u8>]) -> Reply {
        let reply = self.state().execute(command);
        (self.witness)(command, &reply);
        reply
    }

    /// Looks at the data, or changes it.
    pub(crate) fn with<T>(&self, look: impl FnOnce(&mut Keyspace) -> T) -> T {
        look(&mut self.state().keyspace)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no command panics")
    }
}

impl State {
    fn execute(&mut self, command: &[Vec<u8>]) -> Reply {
        let name = command.first().map(|name| name.to_ascii_uppercase()).unwrap_or_default();
        let args = command.get(1..).unwrap_or_default();
        match name.as_slice() {
            b"PING" => Reply::Status("PONG"),
            b"CLIENT" | b"SELECT" => Reply::Status("OK"),
            b"ROLE" => Reply::Array(vec![Reply::bulk("master"), Reply::Int(0), Reply::Array(Vec::new())]),
            b"INFO" => Reply::bulk(self.info()),
            b"SCRIPT" => self.script(args),
            b"EVAL" => self.eval(args),
            b"EVALSHA" => self.eval_sha(args),
            _ => self.keyspace.execute(&name, args),
        }
    }

    /// The lines by which a client knows one run, and one history of writes, from another.
    fn info(&self) -> String {
        let run = format!("{:040x}", self.lives);
        format!(
            "# Server\r\nredis_version:7.0.15\r\nrun_id:{run}\r\n# Replication\r\nrole:master\r\nmaster_replid:{run}\r\n"
        )
    }

    fn script(&mut self, args: &[Vec<u8>]) -> Reply {
        match args {
            [load, text] if load.eq_ignore_ascii_case(b"LOAD") => {
                let sha = sha1(text);
                self.loaded.insert(sha.clone());
                Reply::bulk(sha)
            }
            [flush, ..] if flush.eq_ignore_ascii_case(b"FLUSH") => {
                self.loaded.clear();
                Reply::Status("OK")
            }
            _ => Reply::error("ERR unknown subcommand of SCRIPT"),
        }
    }

    fn eval(&mut self, args: &[Vec<u8>]) -> Reply {
        let Some((text, args)) = args.split_first() else { return Reply::error("ERR no script") };
        let sha = sha1(text);
        self.loaded.insert(sha.clone());
        self.run(&sha, args)
    }

    fn eval_sha(&mut self, args: &[Vec<u8>]) -> Reply {
        let Some((sha, args)) = args.split_first() else { return Reply::error("ERR no script") };
        let sha = String::from_utf8_lossy(sha).to_ascii_lowercase();
        if !self.loaded.contains(&sha) {
            return Reply::error("NOSCRIPT No matching script. Please use EVAL.");
        }
        self.run(&sha, args)
    }

    /// Runs a script on `numkeys key ... arg ...`.
    fn run(&mut self, sha: &str, args: &[Vec<u8>]) -> Reply {
        let numbered = args.split_first().and_then(|(number, rest)| {
            let number = str::from_utf8(number).ok()?.parse::<usize>().ok()?;
            rest.split_at_checked(number)
        });
        let Some((keys, args)) = numbered else {
            return Reply::error("ERR Number of keys can't be greater than number of args");
        };
        let script = SCRIPTS.iter().find(|(known, _)| known == sha).map(|(_, script)| script);
        match script {
            Some(Known::BeginCall) => begin_call::run(&mut self.keyspace, keys, args),
            Some(Known::Commit) => commit::run(&mut self.keyspace, keys, args),
            Some(Known::Erase) => erasure::erase(&mut self.keyspace, keys),
            Some(Known::HandOver) => erasure::hand_over(&mut self.keyspace, keys, args),
            Some(Known::User) => user::run(&mut self.keyspace, keys, args),
            None => Reply::error("ERR this script is not written in the toy"),
        }
    }
}

/// The scripts that are written again here.
enum Known {
    BeginCall,
    Commit,
    Erase,
    HandOver,
    User,
}

/// By the SHA-1 of their texts.
static SCRIPTS: LazyLock<[(String, Known); 5]> = LazyLock::new(|| {
    [
        (BEGIN_CALL, Known::BeginCall),
        (COMMIT, Known::Commit),
        (ERASE, Known::Erase),
        (HAND_OVER, Known::HandOver),
        (USER, Known::User),
    ]
    .map(|(text, script)| (sha1(text.as_bytes()), script))
});

/// The scripts as the store has them.
pub(crate) const BEGIN_CALL: &str = include_str!("../../../crates/store/src/redis/begin_call.lua");
pub(crate) const COMMIT: &str = include_str!("../../../crates/store/src/redis/commit.lua");
pub(crate) const ERASE: &str = include_str!("../../../crates/store/src/redis/erase.lua");
pub(crate) const HAND_OVER: &str = include_str!("../../../crates/store/src/redis/hand_over.lua");
const USER: &str = include_str!("../../../crates/store/src/redis/user.lua");

fn sha1(text: &[u8]) -> String {
    Script::new(&String::from_utf8_lossy(text)).get_hash().to_owned()
}
