//! The pool as those see it who give it work.

use std::sync::{Mutex, mpsc};
use std::time::Duration;

use super::*;

/// A pool of one thread, which is busy until the sender is dropped.
fn busy(capacity: usize) -> (WorkerPool, mpsc::Sender<()>, Job<()>) {
    let pool = WorkerPool::new(1, capacity).unwrap();
    let (release, released) = mpsc::channel::<()>();
    let (begun, begins) = mpsc::channel();
    let job = pool
        .submit(move |_| {
            begun.send(()).unwrap();
            let _ = released.recv();
        })
        .unwrap();
    begins.recv().unwrap();
    (pool, release, job)
}

#[tokio::test]
async fn results_come_back() {
    let pool = WorkerPool::sized_to_cores().unwrap();
    assert_eq!(pool.submit(|_| 6 * 7).unwrap().await.unwrap(), 42);
}

#[tokio::test]
async fn a_full_queue_refuses_more() {
    let (pool, release, first) = busy(1);
    let second = pool.submit(|_| 2).unwrap();
    assert!(matches!(pool.submit(|_| 3), Err(ProviderError::Overloaded)));
    drop(release);
    first.await.unwrap();
    assert_eq!(second.await.unwrap(), 2);
}

#[tokio::test]
async fn a_cancelled_job_makes_room_and_never_runs() {
    let (pool, release, _first) = busy(1);
    let (ran, runs) = mpsc::channel();
    drop(pool.submit(move |_| ran.send(()).unwrap()).unwrap());
    let third = pool.submit(|_| 3).unwrap();
    drop(release);
    assert_eq!(third.await.unwrap(), 3);
    assert!(runs.recv().is_err());
}

#[tokio::test]
async fn only_work_that_nobody_presses_has_time() {
    let pool = WorkerPool::new(1, 1).unwrap();
    assert!(pool.submit(|worker| worker.has_time()).unwrap().await.unwrap());
    let (begun, begins) = mpsc::channel();
    let (go_on, goes_on) = mpsc::channel();
    let pressed = pool.submit(move |worker| {
        begun.send(()).unwrap();
        goes_on.recv().unwrap();
        worker.has_time()
    });
    begins.recv().unwrap();
    let next = pool.submit(|_| ()).unwrap();
    go_on.send(()).unwrap();
    assert!(!pressed.unwrap().await.unwrap());
    next.await.unwrap();
    while !pool.is_idle() {
        tokio::task::yield_now().await;
    }
    assert!(!pool.submit_as(Priority::Partial, |worker| worker.has_time()).unwrap().await.unwrap());
}

#[tokio::test]
async fn running_work_sees_that_it_is_cancelled() {
    let pool = WorkerPool::new(1, 1).unwrap();
    let (begun, begins) = mpsc::channel();
    let (ended, ends) = mpsc::channel();
    let job = pool
        .submit(move |worker| {
            assert!(!worker.is_cancelled());
            begun.send(()).unwrap();
            while !worker.is_cancelled() {
                thread::yield_now();
            }
            ended.send(()).unwrap();
        })
        .unwrap();
    begins.recv().unwrap();
    drop(job);
    ends.recv_timeout(Duration::from_secs(10)).unwrap();
}

/// Something that a job holds.
struct Falls(mpsc::Sender<()>);

impl Drop for Falls {
    fn drop(&mut self) {
        self.0.send(()).unwrap();
        panic!("what a job holds breaks as it is dropped, as the test wants it");
    }
}

#[tokio::test]
async fn a_thread_that_dies_beside_its_work_does_the_next() {
    let (pool, release, first) = busy(4);
    let (fallen, falls) = mpsc::channel();
    let held = Falls(fallen);
    drop(pool.submit(move |_| drop(held)).unwrap());
    let third = pool.submit(|_| 3).unwrap();
    drop(release);
    first.await.unwrap();
    assert_eq!(tokio::time::timeout(Duration::from_secs(30), third).await.expect("nobody works any more").unwrap(), 3);
    falls.try_recv().expect("the thread has not died");
    while !pool.is_idle() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_panic_is_an_error_of_its_own_job_only() {
    let pool = WorkerPool::new(1, 4).unwrap();
    let job = pool.submit(|_| panic!("out of tune")).unwrap();
    let error: Result<(), _> = job.await;
    assert!(matches!(error, Err(ProviderError::Other(source)) if source.to_string().contains("out of tune")));
    assert_eq!(pool.submit(|_| 1).unwrap().await.unwrap(), 1);
}

#[tokio::test]
async fn a_dropped_pool_answers_those_who_wait() {
    let (pool, release, _first) = busy(1);
    let second = pool.submit(|_| 2).unwrap();
    drop(pool);
    assert!(matches!(second.await, Err(ProviderError::Other(_))));
    drop(release);
}

#[tokio::test]
async fn the_most_urgent_job_comes_first() {
    let (pool, release, first) = busy(4);
    let (began, begins) = mpsc::channel();
    let jobs = [Priority::Turn, Priority::Final, Priority::Turn, Priority::Final].map(|priority| {
        let began = began.clone();
        pool.submit_as(priority, move |_| began.send(priority).unwrap()).unwrap()
    });
    drop(release);
    first.await.unwrap();
    for job in jobs {
        job.await.unwrap();
    }
    drop(began);
    let order: Vec<Priority> = begins.iter().collect();
    assert_eq!(order, [Priority::Final, Priority::Final, Priority::Turn, Priority::Turn]);
}

#[tokio::test]
async fn each_priority_has_a_queue_of_its_own() {
    let (pool, _release, _first) = busy(1);
    let _turn = pool.submit_as(Priority::Turn, |_| ()).unwrap();
    assert!(matches!(pool.submit_as(Priority::Turn, |_| ()), Err(ProviderError::Overloaded)));
    let _final = pool.submit(|_| ()).unwrap();
}

#[tokio::test]
async fn a_partial_needs_a_thread_that_idles() {
    let (pool, release, first) = busy(4);
    assert!(matches!(pool.submit_as(Priority::Partial, |_| ()), Err(ProviderError::Overloaded)));
    drop(release);
    first.await.unwrap();
    // The thread hands the result over before it is back.
    let partial = loop {
        if let Ok(partial) = pool.submit_as(Priority::Partial, |_| 1) {
            break partial;
        }
        thread::yield_now();
    };
    assert_eq!(partial.await.unwrap(), 1);
}

#[tokio::test]
async fn a_running_partial_gives_way_to_a_final_and_knows_it() {
    let pool = WorkerPool::new(1, 4).unwrap();
    let (begun, begins) = mpsc::channel();
    let partial = pool.submit_as(Priority::Partial, move |worker| {
        begun.send(()).unwrap();
        let since = Instant::now();
        while !worker.is_cancelled() && since.elapsed() < Duration::from_secs(10) {
            thread::yield_now();
        }
        worker.is_cancelled()
    });
    let partial = partial.unwrap();
    begins.recv().unwrap();
    assert!(!pool.submit(|worker| worker.is_cancelled()).unwrap().await.unwrap());
    assert!(partial.await.unwrap(), "it saw that it was broken off");
}

#[tokio::test]
async fn verdicts_leave_a_thread_for_finals() {
    let pool = WorkerPool::new(2, 4).unwrap();
    let (release, released) = mpsc::channel::<()>();
    let released = Arc::new(Mutex::new(released));
    let turns: Vec<Job<()>> = (0..2)
        .map(|_| {
            let released = Arc::clone(&released);
            let wait = move |_: &Worker<'_>| {
                let _ = released.lock().unwrap().recv();
            };
            pool.submit_as(Priority::Turn, wait).unwrap()
        })
        .collect();
    assert_eq!(pool.submit(|_| 1).unwrap().await.unwrap(), 1);
    drop(release);
    for turn in turns {
        turn.await.unwrap();
    }
}

#[tokio::test]
async fn finals_that_wait_are_a_load_and_partials_are_refused() {
    let pool = WorkerPool::new(2, 16).unwrap();
    assert_eq!(pool.load(), Load::Ample);
    let slow: Vec<_> = (0..16).map(|_| pool.submit(|_| thread::sleep(Duration::from_millis(60))).unwrap()).collect();
    for job in slow {
        job.await.unwrap();
    }
    assert!(pool.load() > Load::Ample);
    assert!(matches!(pool.submit_as(Priority::Partial, |_| ()), Err(ProviderError::Overloaded)));
}
