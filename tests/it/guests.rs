//! Whole calls with a guest at each seam: a mind with acts and tools, ears that take the turns, a voice with word times, a
//! speech-to-speech model, a carrier's API, viewers.

mod hands;
mod listeners;
mod models;
mod orders;
mod viewers;
mod voices;

use redial::simulate::{HangUp, Script, Step};
use redial_call::{Role, Turn};
use redial_memory::model::SessionDoc;

use crate::support::gateway::{Setup, TestGateway};

const FROM: &str = "+14155550123";

/// Ears that hear these utterances, no greeting about being remembered, and a log of the core's events.
fn setup(hears: &[&str]) -> Setup {
    Setup::hearing(hears.iter().copied()).var("MEMORY_CONSENT", "implicit").var("CALL_LOG", "true")
}

/// A call of these steps, which hears the last answer out and hangs up.
async fn call(gateway: &TestGateway, steps: impl IntoIterator<Item = Step>) -> SessionDoc {
    let end = [Step::say("nothing more", Vec::new()), Step::HangUp(HangUp::Normal)];
    let script = Script::new(FROM, "+18005550199").with_steps(steps.into_iter().chain(end));
    let report = gateway.simulator().call(script).await.unwrap();
    assert!(report.warnings.is_empty(), "{:?}", report.warnings);
    gateway.session(&report.call_sid).await
}

fn turns(session: &SessionDoc, role: Role) -> Vec<&Turn> {
    session.conversation_history.iter().map(|message| &message.turn).filter(|turn| turn.role == role).collect()
}

fn texts(session: &SessionDoc, role: Role) -> Vec<&str> {
    turns(session, role).into_iter().map(|turn| turn.text.as_str()).collect()
}
