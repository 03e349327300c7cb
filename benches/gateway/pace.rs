//! Calls that begin at an even pace, whatever becomes of those before.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use crate::caller::{Connected, First, NoCall, call};

/// What became of calls that began together.
#[derive(Default)]
pub(crate) struct Begun {
    /// Of each that has heard audio, in the order in which that was.
    pub(crate) first: Vec<First>,
    /// Calls that the gateway declined.
    pub(crate) declined: usize,
    /// Calls that got no answer or no audio.
    pub(crate) lost: usize,
}

impl Begun {
    /// Says what went wrong, if something did.
    pub(crate) fn faults(&self) -> String {
        match (self.declined, self.lost) {
            (0, 0) => String::new(),
            (declined, lost) => format!("; {declined} calls declined, {lost} without an answer or audio"),
        }
    }
}

/// Begins a call every `pause`, and gives each to `each` once its caller hears the greeting. Waits for the last one.
pub(crate) async fn begin(
    port: u16,
    pause: Duration,
    numbers: impl Iterator<Item = String>,
    each: impl Fn(Connected),
) -> Begun {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut running = JoinSet::new();
    let mut begun = Begun::default();
    let mut take = |call: Result<(Connected, First), NoCall>| match call {
        Ok((call, first)) => {
            each(call);
            begun.first.push(first);
        }
        Err(NoCall::Declined) => begun.declined += 1,
        Err(NoCall::Lost) => begun.lost += 1,
    };
    let mut at = Instant::now();
    for from in numbers {
        loop {
            tokio::select! {
                () = sleep_until(at) => break,
                Some(call) = running.join_next() => take(call.unwrap()),
            }
        }
        let http = http.clone();
        running.spawn(async move { call(&http, port, from).await });
        at += pause;
    }
    while let Some(call) = running.join_next().await {
        take(call.unwrap());
    }
    begun
}
