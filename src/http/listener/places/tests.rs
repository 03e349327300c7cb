//! Who goes, and when.

use std::time::Duration;

use super::entry::GRACE;
use super::phase::{
    ANSWER_LIMIT, BODY_LIMIT, FIRST_BYTE_LIMIT, HEAD_LIMIT, START_LIMIT, STRANGER_IDLE_LIMIT, WEBHOOK_LIMIT,
};
use super::*;

const LOOPBACK: &str = "127.0.0.1";

fn places(count: usize) -> Arc<Places> {
    Places::new(Rules::public(count))
}

/// Somebody who comes when all others have waited for a while, and then has nothing to say.
fn from(places: &Arc<Places>, peer: &str) -> Option<Arc<Place>> {
    let place = places.admit(peer.parse().unwrap(), Instant::now() + GRACE)?;
    place.waits();
    Some(place)
}

fn is_cut(place: &Option<Arc<Place>>) -> bool {
    place.as_ref().unwrap().cut().is_cancelled()
}

#[test]
fn when_all_places_are_taken_the_oldest_stranger_goes_and_the_newest_comes_in() {
    let places = places(3);
    let strangers: Vec<_> = (0..3).map(|_| from(&places, LOOPBACK)).collect();
    let newest = from(&places, LOOPBACK);
    assert_eq!(strangers.iter().map(is_cut).collect::<Vec<_>>(), [true, false, false]);
    assert!(!is_cut(&newest));
}

#[test]
fn a_burst_pushes_nobody_out_whose_request_was_not_looked_at() {
    let (places, peer, start) = (places(3), LOOPBACK.parse().unwrap(), Instant::now());
    let burst: Vec<_> = (0..3).map(|_| places.admit(peer, start)).collect();
    assert!(places.admit(peer, start + Duration::from_secs(60)).is_none(), "nobody was looked at yet");
    burst[1].as_ref().unwrap().waits();
    assert!(places.admit(peer, start).is_none(), "its request may be on its way");
    let next = places.admit(peer, Instant::now() + GRACE);
    assert_eq!(burst.iter().map(is_cut).collect::<Vec<_>>(), [false, true, false]);
    assert!(next.is_some());
}

#[test]
fn who_is_believed_or_about_to_be_answered_stays_while_there_are_strangers() {
    let places = places(3);
    let [believed, asking, silent] = [(); 3].map(|()| from(&places, LOOPBACK));
    believed.as_ref().unwrap().believe();
    believed.as_ref().unwrap().enter(Phase::Idle);
    asking.as_ref().unwrap().enter(Phase::Handler);
    let next = from(&places, LOOPBACK);
    assert_eq!([is_cut(&believed), is_cut(&asking), is_cut(&silent)], [false, false, true]);
    next.as_ref().unwrap().enter(Phase::Handler);
    assert!(from(&places, LOOPBACK).is_none() && !is_cut(&believed), "a stranger waits for one who is believed");
    // Unless those have most of the places.
    next.as_ref().unwrap().believe();
    next.as_ref().unwrap().enter(Phase::Idle);
    let last = from(&places, LOOPBACK);
    assert!(is_cut(&believed) && !is_cut(&asking) && !is_cut(&next), "the oldest of the believed goes last");
    last.as_ref().unwrap().enter(Phase::Handler);
    assert!(from(&places, LOOPBACK).is_none(), "all are being answered");
}

#[test]
fn calls_take_nobodys_place_and_are_never_ended() {
    let places = places(2);
    let calls: Vec<_> =
        (0..10).map(|_| from(&places, LOOPBACK)).inspect(|call| call.as_ref().unwrap().begin_call()).collect();
    let strangers: Vec<_> = (0..100).map(|_| from(&places, LOOPBACK)).collect();
    places.sweep(Instant::now() + Duration::from_secs(3600));
    assert!(!calls.iter().any(is_cut));
    assert!(strangers.iter().all(is_cut));
    calls[0].as_ref().unwrap().leave();
    assert_eq!(places.lock().calls, 9);
}

#[test]
fn one_address_of_the_internet_pushes_out_only_its_own() {
    let places = places(1024);
    let other = from(&places, "8.8.8.8");
    let crowd: Vec<_> = (0..2000).map(|_| from(&places, "1.1.1.1")).collect();
    assert_eq!(crowd.iter().filter(|place| !is_cut(place)).count(), STRANGERS_PER_PEER);
    assert!(!is_cut(&other));
    // A whole /64 is one.
    let crowd: Vec<_> = (0..2000).map(|n| from(&places, &format!("2606:4700::{n:x}"))).collect();
    assert_eq!(crowd.iter().filter(|place| !is_cut(place)).count(), STRANGERS_PER_PEER);
    // Behind a proxy there is one address, and it may have all places.
    for proxy in ["127.0.0.1", "10.0.0.7", "::ffff:172.17.0.1", "fd00::7"] {
        let places = self::places(1024);
        let crowd: Vec<_> = (0..1024).map(|_| from(&places, proxy)).collect();
        assert!(!crowd.iter().any(is_cut), "{proxy}");
    }
}

#[test]
fn each_phase_has_its_deadline() {
    let second = Duration::from_secs(1);
    for (phase, limit) in [
        (Phase::FirstByte, FIRST_BYTE_LIMIT),
        (Phase::Head, HEAD_LIMIT),
        (Phase::Body, BODY_LIMIT),
        (Phase::Handler, WEBHOOK_LIMIT),
        (Phase::Answer, ANSWER_LIMIT),
        (Phase::Idle, STRANGER_IDLE_LIMIT),
        (Phase::Start, START_LIMIT),
    ] {
        let places = places(10);
        let place = from(&places, LOOPBACK);
        place.as_ref().unwrap().enter(phase);
        let entered = Instant::now();
        places.sweep(entered + limit - second);
        assert!(!is_cut(&place), "{phase:?}");
        places.sweep(entered + limit);
        assert!(is_cut(&place), "{phase:?}");
    }
}

#[test]
fn a_client_that_reads_a_little_now_and_then_is_not_kept() {
    let places = places(10);
    let place = from(&places, LOOPBACK);
    let connection = place.as_ref().unwrap();
    connection.blocked();
    let blocked = Instant::now();
    // One answer after the other begins, and none is taken whole.
    for phase in [Phase::Answer, Phase::Body, Phase::Handler, Phase::Answer] {
        connection.enter(phase);
        connection.blocked();
    }
    places.sweep(blocked + ANSWER_LIMIT);
    assert!(is_cut(&place));
}

#[test]
fn an_entry_that_is_over_leaves_nothing_behind() {
    let places = places(4);
    let all: Vec<_> = (0..4).map(|_| from(&places, LOOPBACK)).collect();
    all[1].as_ref().unwrap().believe();
    all[2].as_ref().unwrap().begin_call();
    assert!(places.make_room(Instant::now() + GRACE));
    for place in all.iter().flatten() {
        place.leave();
        place.leave();
    }
    let table = places.lock();
    assert!(table.entries.is_empty() && table.crowds.is_empty() && table.calls == 0, "{table:?}");
}
