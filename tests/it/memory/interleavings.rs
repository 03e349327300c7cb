//! Callers who call at once, in any order of their steps, never meet.

use std::collections::BTreeSet;

use proptest::prelude::*;
use redial_memory::session_id::SessionId;
use redial_store::store::Known;

use super::{Bench, NOON, caller, commit, episodes, session, settings, settle};

const NAMES: [&str; 3] = ["ana", "bob", "eve"];

/// One step of one caller; a call's start and its hang-up may have anything between them.
#[derive(Debug, Clone, Copy)]
enum Step {
    Begin {
        who: usize,
    },
    /// Writes call `call` with what the latest start has read, however old; `turns` longer than nothing.
    HangUp {
        who: usize,
        call: usize,
        turns: usize,
    },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..NAMES.len()).prop_map(|who| Step::Begin { who }),
        (0..NAMES.len(), 0..6_usize, 1..4_usize).prop_map(|(who, call, turns)| Step::HangUp { who, call, turns }),
    ]
}

async fn run(steps: Vec<Step>) {
    let bench = Bench::process(settings());
    let mut read: [Option<Known>; NAMES.len()] = [const { None }; NAMES.len()];
    let mut called: [BTreeSet<String>; NAMES.len()] = [const { BTreeSet::new() }; NAMES.len()];
    for step in steps {
        match step {
            Step::Begin { who } => read[who] = Some(bench.known(&caller(NAMES[who])).await),
            Step::HangUp { who, call, turns } => {
                let caller = caller(NAMES[who]);
                let Some(base) = &read[who] else { continue };
                let sid = format!("CA-{}-{call}", NAMES[who]);
                called[who].insert(sid.clone());
                let write = commit(&caller, session(&sid, &caller, &vec!["hello"; turns], NOON), base);
                settle(bench.store.as_ref(), write).await;
            }
        }
        for (name, called) in NAMES.iter().zip(&called) {
            let known = bench.known(&caller(name)).await;
            assert_eq!(known.calls, u64::try_from(called.len()).unwrap());
            assert_eq!(&bench.indexed(&known).await.iter().map(SessionId::to_string).collect::<BTreeSet<_>>(), called);
            assert_eq!(&episodes(&known.profile).into_iter().map(str::to_owned).collect::<BTreeSet<_>>(), called);
        }
    }
}

proptest! {
    #[test]
    fn callers_never_meet_and_lose_nothing(steps in prop::collection::vec(step(), 0..40)) {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(run(steps));
    }
}
