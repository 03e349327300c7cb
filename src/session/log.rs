//! The call log: a call's events as NDJSON in the data directory, for `redial replay`.

use std::io;
use std::path::Path;
use std::time::Duration;

use redial_call::log::{Step, header_line, step_line};
use redial_call::{Event, Settings, Turn};
use redial_memory::session_id::SessionId;
use redial_store::spool::call_logs;
use tokio::fs::OpenOptions;
use tokio::io::AsyncWriteExt as _;
use tokio::sync::mpsc;

/// Lines that may wait for the disk: some minutes of a call. A log that falls further behind is given up.
const QUEUE: usize = 4096;

/// Writes one call's log from a task of its own, so that a slow disk never delays audio.
#[derive(Debug)]
pub(crate) struct CallLog {
    lines: Option<mpsc::Sender<String>>,
}

impl CallLog {
    /// Starts `DIR/calls/SESSION.ndjson`, readable by this user only: it holds the caller's words. A further stream of
    /// the same call gets a file of its own, `SESSION.2.ndjson`, which begins with the `turns` before it. Returns at once.
    pub(crate) fn start(data_dir: &Path, session_id: &SessionId, settings: &Settings, turns: &[Turn]) -> Self {
        let (lines, queue) = mpsc::channel::<String>(QUEUE);
        let (data_dir, session_id) = (data_dir.to_owned(), session_id.clone());
        tokio::spawn(async move {
            if let Err(error) = keep(&data_dir, &session_id, queue).await {
                tracing::warn!(call.sid = session_id.as_str(), %error, "the call log cannot be written");
            }
        });
        // The queue is empty: there is room.
        let _ = lines.try_send(header_line(settings, turns));
        Self { lines: Some(lines) }
    }

    pub(crate) fn write(&mut self, now: Duration, event: &Event) {
        let at_ms = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        let step = Step { at_ms, event: event.clone() };
        // A log with a hole would replay as another call.
        if let Some(lines) = &self.lines
            && lines.try_send(step_line(&step)).is_err()
        {
            tracing::warn!("the call log is given up: the disk is too slow or full");
            self.lines = None;
        }
    }
}

/// Makes the file, and writes lines until there will be no more.
async fn keep(data_dir: &Path, session_id: &SessionId, mut queue: mpsc::Receiver<String>) -> io::Result<()> {
    tokio::fs::create_dir_all(data_dir.join("calls")).await?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    options.mode(0o600);
    let mut leg = 1;
    let mut file = loop {
        match options.open(call_logs::path(data_dir, session_id, leg)).await {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => leg += 1,
            opened => break opened?,
        }
    };
    while let Some(mut line) = queue.recv().await {
        line.push('\n');
        file.write_all(line.as_bytes()).await?;
    }
    file.flush().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_log_is_begun_without_waiting_for_the_disk() {
        let dir = tempfile::tempdir().unwrap();
        let settings = Settings::default();
        // Not one of these may wait, or the first would have no place to go.
        let logs = [(); 2].map(|()| CallLog::start(dir.path(), &"CA1".parse().unwrap(), &settings, &[]));
        assert!(!dir.path().join("calls").exists());
        drop(logs);
        let paths = [1, 2].map(|leg| call_logs::path(dir.path(), &"CA1".parse().unwrap(), leg));
        let header = format!("{}\n", header_line(&settings, &[]));
        for _ in 0..500 {
            if paths.iter().all(|path| std::fs::read_to_string(path).is_ok_and(|log| log == header)) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the logs are not there");
    }
}
