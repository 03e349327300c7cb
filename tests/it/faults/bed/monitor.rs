//! The order in which a Redis was written to, as it says itself.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio_util::task::AbortOnDropHandle;

use crate::support::redis::RedisServer;

/// Listens to all commands, those of scripts included, from its start on.
pub(crate) struct Monitor {
    sessions: Arc<Mutex<Vec<String>>>,
    _task: AbortOnDropHandle<()>,
}

impl Monitor {
    pub(crate) async fn start(server: &RedisServer) -> Self {
        let mut stream = BufReader::new(TcpStream::connect(("127.0.0.1", server.port())).await.unwrap());
        stream.write_all(b"MONITOR\r\n").await.unwrap();
        let mut line = String::new();
        stream.read_line(&mut line).await.unwrap();
        assert_eq!(line, "+OK\r\n");
        let sessions = Arc::new(Mutex::new(Vec::new()));
        let task = AbortOnDropHandle::new(tokio::spawn({
            let sessions = Arc::clone(&sessions);
            async move {
                let mut lines = stream.lines();
                while let Ok(Some(line)) = lines.next_line().await {
                    sessions.lock().unwrap().extend(written(&line));
                }
            }
        }));
        Self { sessions, _task: task }
    }

    /// The sessions in the order in which their documents were written.
    pub(crate) fn sessions(&self) -> Vec<String> {
        self.sessions.lock().unwrap().clone()
    }
}

/// The session whose document a script writes with this command.
fn written(line: &str) -> Option<String> {
    let (_, rest) = line.split_once("lua] \"HSET\" \"sarah:session:")?;
    rest.split_once('"').map(|(sid, _)| sid.to_owned())
}
