//! The runtime that commands run on.

use std::io;

use tokio::runtime::{Builder, Runtime};

/// The runtime of a command. Two threads or one a core, whichever is more, so that one busy core delays no one.
pub(super) fn runtime() -> io::Result<Runtime> {
    let workers = std::thread::available_parallelism().map_or(2, |cores| cores.get().max(2));
    Builder::new_multi_thread().worker_threads(workers).enable_all().build()
}
