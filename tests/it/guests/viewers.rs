//! Somebody who watches live calls.

use std::time::Duration;

use redial::simulate::Step;
use redial::viewers::{Look, What};
use redial_call::{Action, Event, Role};

use super::{call, setup, texts};
use crate::support::gateway::audio;
use crate::support::line::{call_sid, dtmf, stop};

const ADMIN: &str = "0123456789abcdef0123456789abcdef";
const SAID: &str = "I would like to change my appointment.";

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_sees_all_of_a_call_as_it_happens() {
    let gateway = setup(&[SAID]).start().await;
    let mut view = gateway.gateway.watch();
    let session = call(&gateway, [Step::say("appt", audio("hibari_appt").unwrap())]).await;
    let (mut events, mut turns) = (Vec::new(), Vec::new());
    loop {
        let Some(Look::Seen(seen)) = view.next().await else { panic!("nothing is missed") };
        assert_eq!(seen.session_id, session.session_id);
        match seen.what {
            What::Event(event) => events.push(event),
            What::Action(Action::TurnDone(turn)) => turns.push(turn),
            What::Action(Action::End { .. }) => break,
            What::Action(_) => (),
            What::Forgotten => panic!("nobody was erased"),
        }
    }
    assert!(events.contains(&Event::Started), "{events:?}");
    assert!(events.iter().any(|event| matches!(event, Event::Transcript { text, .. } if text == SAID)), "{events:?}");
    let said: Vec<&str> = turns.iter().filter(|turn| turn.role == Role::Agent).map(|turn| turn.text.as_str()).collect();
    assert_eq!(said, texts(&session, Role::Agent));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_who_does_not_look_misses_something_and_no_call_waits_for_them() {
    let gateway = setup(&[]).start().await;
    let mut idle = gateway.gateway.watch();
    // Each key is an event, and each row of them an answer, of which each sentence is several.
    let calls = (0..32).map(|number| {
        let gateway = &gateway;
        async move {
            let sid = call_sid();
            let mut socket = gateway.stream(&sid, &format!("+141555501{number:02}")).await;
            socket.expect("media").await;
            for digit in "0123456789".repeat(15).chars() {
                socket.send(&dtmf(digit)).await;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            socket.send(&stop(&sid)).await;
            gateway.session(&sid).await
        }
    });
    let sessions = futures_util::future::join_all(calls).await;
    assert!(sessions.iter().all(|session| session.end_reason == "caller_hung_up"), "{sessions:?}");
    assert!(matches!(idle.next().await, Some(Look::Missed(missed)) if missed > 0));
    assert!(matches!(idle.next().await, Some(Look::Seen(_))), "and sees what is left");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_is_told_that_a_caller_was_erased_and_sees_no_more_of_the_call() {
    let gateway = setup(&[SAID]).var("ADMIN_TOKEN", ADMIN).start().await;
    let mut view = gateway.gateway.watch();
    let sid = call_sid();
    let mut socket = gateway.stream(&sid, "+14155550123").await;
    socket.expect("mark").await;
    let said = |what: &What| matches!(what, What::Action(Action::TurnDone(_)));
    let forget = reqwest::Client::builder()
        .no_proxy()
        .build()
        .unwrap()
        .post(gateway.operators_url("/api/v1/callers/forget"))
        .bearer_auth(ADMIN)
        .json(&serde_json::json!({ "caller": "+14155550123" }));
    assert!(forget.send().await.unwrap().status().is_success());
    let mut forgotten = false;
    for digit in "123#".chars() {
        socket.send(&dtmf(digit)).await;
    }
    socket.send(&stop(&sid)).await;
    gateway.idle().await;
    while let Ok(Some(Look::Seen(seen))) = tokio::time::timeout(Duration::from_secs(1), view.next()).await {
        assert!(!forgotten, "{:?} is shown of a call that is forgotten", seen.what);
        forgotten = matches!(seen.what, What::Forgotten);
        assert!(forgotten || !said(&seen.what) || !format!("{:?}", seen.what).contains("123"));
    }
    assert!(forgotten);
}
