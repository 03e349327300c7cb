//! What a live call is told from outside its stream, and the way there: nothing that is told is ever dropped.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use tokio::sync::Notify;

/// What a live call is told from outside its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control {
    /// The caller was erased: keep nothing of this call.
    Forget,
    /// The status callback named a terminal state.
    Completed,
    /// The carrier has given this stream up and is about to open another one for the call.
    Displaced,
    /// Stop now.
    Shutdown,
    /// Let the call go between two turns; another process takes it up.
    HandOver,
    /// Say goodbye and hang up.
    Drain,
}

impl Control {
    /// The most urgent first: what may come late, or not at all, once the call has ended comes before what ends it.
    const ALL: [Self; 6] =
        [Self::Forget, Self::Completed, Self::Displaced, Self::Shutdown, Self::HandOver, Self::Drain];

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// A way to one call. To be told something twice before it is heard is to be told once, so there is room for all.
pub fn channel() -> (ControlSender, ControlReceiver) {
    let shared = Arc::new(Shared::default());
    (ControlSender(Arc::clone(&shared)), ControlReceiver(shared))
}

/// Whoever may tell the call something.
#[derive(Debug)]
pub struct ControlSender(Arc<Shared>);

/// The call's end.
#[derive(Debug)]
pub struct ControlReceiver(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    /// What was told and not heard yet, a bit each.
    told: AtomicU8,
    is_closed: AtomicBool,
    changed: Notify,
}

impl ControlSender {
    /// Returns at once.
    pub fn tell(&self, what: Control) {
        self.0.told.fetch_or(what.bit(), Ordering::AcqRel);
        self.0.changed.notify_one();
    }
}

impl Drop for ControlSender {
    fn drop(&mut self) {
        self.0.is_closed.store(true, Ordering::Release);
        self.0.changed.notify_one();
    }
}

impl ControlReceiver {
    /// The most urgent of what was told; `None` when there is no more, and nobody to tell.
    ///
    /// # Cancel safety
    /// Dropped, it loses nothing.
    pub async fn recv(&mut self) -> Option<Control> {
        loop {
            // Asked before the look: what is told first, and then closed, is heard.
            let is_closed = self.0.is_closed.load(Ordering::Acquire);
            let told = self.0.told.load(Ordering::Acquire);
            if let Some(next) = Control::ALL.into_iter().find(|control| told & control.bit() != 0) {
                self.0.told.fetch_and(!next.bit(), Ordering::AcqRel);
                return Some(next);
            }
            if is_closed {
                return None;
            }
            self.0.changed.notified().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn however_often_a_call_is_told_something_all_else_arrives() {
        let (sender, mut receiver) = channel();
        for _ in 0..50 {
            sender.tell(Control::Displaced);
        }
        for control in Control::ALL.into_iter().rev() {
            sender.tell(control);
        }
        for control in Control::ALL {
            assert_eq!(receiver.recv().await, Some(control));
        }
        assert!(timeout(Duration::from_millis(10), receiver.recv()).await.is_err(), "nothing more was told");
        sender.tell(Control::Displaced);
        assert_eq!(receiver.recv().await, Some(Control::Displaced), "heard before, and told again");
    }

    #[tokio::test]
    async fn a_call_that_waits_hears_at_once_and_that_there_is_nobody_left() {
        let (sender, mut receiver) = channel();
        let hears = tokio::spawn(async move { [receiver.recv().await, receiver.recv().await, receiver.recv().await] });
        tokio::task::yield_now().await;
        sender.tell(Control::Drain);
        tokio::task::yield_now().await;
        sender.tell(Control::Shutdown);
        drop(sender);
        let heard = timeout(Duration::from_secs(30), hears).await.expect("it still waits").unwrap();
        assert_eq!(heard, [Some(Control::Drain), Some(Control::Shutdown), None]);
    }
}
