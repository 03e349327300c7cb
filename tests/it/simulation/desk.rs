//! What a crash of a gateway does not take: the carrier with its calls, and what callers and operators were told.

use std::cell::{Ref, RefCell, RefMut};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::plan::Plan;

/// Beside the world, and shared by all in it.
pub(super) struct Desk {
    pub(super) plan: Plan,
    pub(super) history: History,
    calls: RefCell<Vec<Call>>,
    /// Which erasures a gateway has taken on, by number.
    asked: RefCell<BTreeSet<usize>>,
    /// Which of them it has acknowledged.
    erased: RefCell<BTreeSet<usize>>,
}

/// One call, as the carrier has it, and what of it was acknowledged.
#[derive(Debug, Default)]
pub(super) struct Call {
    pub(super) place: Place,
    /// Some gateway has begun it.
    pub(super) begun: bool,
    /// How many of its turns were said.
    pub(super) said: usize,
    /// How often its gateway died.
    pub(super) broken: u32,
    /// Turns that are on a disk, by number.
    pub(super) kept: BTreeSet<usize>,
    /// Its end is.
    pub(super) closed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Place {
    /// Not rung yet.
    #[default]
    Planned,
    /// Brought back to this gateway at this time.
    Back(u64, usize),
    At(usize),
    Over,
}

impl Desk {
    pub(super) fn new(plan: Plan, history: History) -> Self {
        let calls = plan.calls.iter().map(|_| Call::default()).collect();
        Self { plan, history, calls: RefCell::new(calls), asked: RefCell::default(), erased: RefCell::default() }
    }

    pub(super) fn calls(&self) -> Ref<'_, Vec<Call>> {
        self.calls.borrow()
    }

    pub(super) fn call(&self, number: usize) -> RefMut<'_, Call> {
        RefMut::map(self.calls.borrow_mut(), |calls| &mut calls[number])
    }

    /// The calls that the carrier brings to a gateway now.
    pub(super) fn ringing(&self, gateway: usize, now: u64) -> Vec<usize> {
        let mut ringing = Vec::new();
        for (number, planned) in self.plan.calls.iter().enumerate() {
            let mut call = self.call(number);
            let rings = match call.place {
                Place::Planned => planned.gateway == gateway && planned.begins_at <= now,
                Place::Back(at, to) => to == gateway && at <= now,
                Place::At(_) | Place::Over => false,
            };
            if rings && self.is_asked_to_forget(planned.caller) {
                call.place = Place::Over;
            } else if rings {
                call.place = Place::At(gateway);
                ringing.push(number);
            }
        }
        ringing
    }

    /// A gateway has died: its calls are brought back, or are over.
    pub(super) fn cut_off(&self, gateway: usize, now: u64) {
        for (number, planned) in self.plan.calls.iter().enumerate() {
            let mut call = self.call(number);
            if call.place == Place::At(gateway) {
                call.broken += 1;
                call.place = match planned.comes_back {
                    Some((later, to)) if call.broken == 1 => Place::Back(now + later, to),
                    _ => Place::Over,
                };
            }
        }
    }

    /// The erasures that a gateway is asked for now, or again.
    pub(super) fn to_forget(&self, gateway: usize, now: u64) -> Vec<usize> {
        let erased = self.erased.borrow();
        let due = |number: &usize| {
            let erasure = self.plan.erasures[*number];
            erasure.gateway == gateway && erasure.at <= now && !erased.contains(number)
        };
        let due: Vec<usize> = (0..self.plan.erasures.len()).filter(due).collect();
        self.asked.borrow_mut().extend(&due);
        due
    }

    pub(super) fn is_forgotten(&self, erasure: usize) {
        self.erased.borrow_mut().insert(erasure);
    }

    fn is_asked_to_forget(&self, caller: usize) -> bool {
        self.asked.borrow().iter().any(|number| self.plan.erasures[*number].caller == caller)
    }

    /// Says what is still going on, if anything is.
    pub(super) fn unfinished(&self) -> Result<(), String> {
        let calls = self.calls();
        let open = self.plan.calls.iter().zip(&*calls).filter(|(_, call)| call.place != Place::Over);
        let open: Vec<_> = open.map(|(planned, call)| format!("{} {:?}", planned.sid, call.place)).collect();
        if !open.is_empty() {
            return Err(format!("calls are not over: {}", open.join(", ")));
        }
        if self.erased.borrow().len() < self.plan.erasures.len() {
            return Err("a caller is not forgotten".to_owned());
        }
        Ok(())
    }
}

/// What happened, with its time in ms.
pub(super) type History = Arc<Mutex<Vec<String>>>;

/// Writes down what happened on the host that is running.
pub(super) fn note(history: &History, what: &str) {
    note_at(history, turmoil::sim_elapsed().unwrap_or_default(), what);
}

pub(super) fn note_at(history: &History, at: Duration, what: &str) {
    history.lock().unwrap().push(format!("{:6} {what}", at.as_millis()));
}
