//! The call log: a call's events as NDJSON in the data directory, for `redial replay`.

use std::io;
use std::path::Path;
use std::time::Duration;

use redial_call::log::{Step, header_line, step_line};
use redial_call::{Event, Settings};
use tokio::fs::OpenOptions;
use tokio::io::AsyncWriteExt as _;
use tokio::sync::mpsc;

use crate::memory::spool::call_logs;

/// Lines that may wait for the disk: some minutes of a call. A log that falls further behind is given up.
const QUEUE: usize = 4096;

/// Writes one call's log from a task of its own, so that a slow disk never delays audio.
#[derive(Debug)]
pub(crate) struct CallLog {
    lines: Option<mpsc::Sender<String>>,
}

impl CallLog {
    /// Starts `DIR/calls/SESSION.ndjson`, readable by this user only: it holds the caller's words. A further stream of
    /// the same call gets a file of its own, `SESSION.2.ndjson`.
    ///
    /// # Errors
    /// When the file cannot be made.
    pub(crate) async fn create(data_dir: &Path, session_id: &str, settings: &Settings) -> io::Result<Self> {
        let dir = data_dir.join("calls");
        tokio::fs::create_dir_all(&dir).await?;
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
        let (lines, mut queue) = mpsc::channel::<String>(QUEUE);
        tokio::spawn(async move {
            while let Some(mut line) = queue.recv().await {
                line.push('\n');
                if let Err(error) = file.write_all(line.as_bytes()).await {
                    tracing::warn!(%error, "the call log cannot be written");
                    return;
                }
            }
            if let Err(error) = file.flush().await {
                tracing::warn!(%error, "the call log cannot be written");
            }
        });
        // The queue is empty: there is room.
        let _ = lines.try_send(header_line(settings));
        Ok(Self { lines: Some(lines) })
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
