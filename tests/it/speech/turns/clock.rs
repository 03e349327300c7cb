//! A clock that stands still while anything is worked on, so that what a call comes to does not hang on how fast this
//! machine is, or how busy.

use std::pin::pin;
use std::thread;
use std::time::{Duration, Instant};

use tokio::runtime::Builder;
use tokio::task::{spawn_blocking, yield_now};
use tokio::time::advance;

/// How far the clock goes at once: a quarter of a frame.
const STEP: Duration = Duration::from_millis(5);
/// Rounds of all tasks and sockets after which none of them has anything left to do. From a caller's frame to what the
/// gateway answers are some ten.
const ROUNDS: usize = 25;
/// How many times as fast as real time it goes at most: what has threads of its own, like the database, needs some of it too.
const FASTEST: u32 = 20;
/// How often it is asked whether the models are done.
const LOOK_AGAIN: Duration = Duration::from_micros(200);

/// Runs a test whose time passes only when nothing is left to do at this moment: no task is ready, no socket has bytes, and
/// `is_idle` says that no thread works.
pub(super) fn run_stepwise(is_idle: impl Fn() -> bool, test: impl Future<Output = ()>) {
    let runtime = Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let (ended, until_ended) = std::sync::mpsc::channel::<()>();
    runtime.block_on(async {
        // A paused clock runs off by itself when all tasks wait, but not while a blocking task goes on.
        let holds = spawn_blocking(move || until_ended.recv());
        tokio::select! {
            () = pin!(test) => (),
            () = step_on(is_idle) => (),
        }
        drop(ended);
        let _ = holds.await;
    });
}

async fn step_on(is_idle: impl Fn() -> bool) {
    loop {
        let stepped = Instant::now();
        for _ in 0..ROUNDS {
            yield_now().await;
        }
        if is_idle() {
            thread::sleep((STEP / FASTEST).saturating_sub(stepped.elapsed()));
            advance(STEP).await;
        } else {
            thread::sleep(LOOK_AGAIN);
        }
    }
}
