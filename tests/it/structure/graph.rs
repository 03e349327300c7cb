//! Who names whom, and the circles in that.

use std::collections::{BTreeMap, BTreeSet};

/// Names, and the others that each of them names.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Graph(BTreeMap<String, BTreeSet<String>>);

impl Graph {
    /// Reads a table.
    pub(super) fn of(table: &[(&str, &[&str])]) -> Self {
        let mut graph = Self::default();
        for (name, others) in table {
            assert!(!graph.0.contains_key(*name), "{name} is twice in the table");
            graph.add(name);
            for other in *others {
                graph.name(name, other);
            }
        }
        graph
    }

    /// Adds a name that may name nobody.
    pub(super) fn add(&mut self, name: &str) {
        self.0.entry(name.to_owned()).or_default();
    }

    /// Adds that one names another. Who names itself is not of interest.
    pub(super) fn name(&mut self, name: &str, other: &str) {
        if name != other {
            self.0.entry(name.to_owned()).or_default().insert(other.to_owned());
        }
    }

    /// Takes some of the others away.
    pub(super) fn forget(&mut self, name: &str, others: &BTreeSet<String>) {
        if let Some(named) = self.0.get_mut(name) {
            named.retain(|other| !others.contains(other));
        }
    }

    pub(super) fn edges(&self) -> &BTreeMap<String, BTreeSet<String>> {
        &self.0
    }

    /// The sets of names that all lead to each other.
    pub(super) fn circles(&self) -> Vec<BTreeSet<String>> {
        let reached: BTreeMap<&str, BTreeSet<&str>> =
            self.0.keys().map(|name| (name.as_str(), self.reached(name))).collect();
        let leads = |from: &str, to: &str| reached.get(from).is_some_and(|reached| reached.contains(to));
        let mut circles: Vec<BTreeSet<String>> = Vec::new();
        for name in self.0.keys().filter(|name| leads(name, name)) {
            if !circles.iter().any(|circle| circle.contains(name)) {
                circles.push(self.0.keys().filter(|other| leads(name, other) && leads(other, name)).cloned().collect());
            }
        }
        circles
    }

    /// Whom a name leads to, itself only in a circle.
    fn reached(&self, name: &str) -> BTreeSet<&str> {
        let mut reached = BTreeSet::new();
        let mut next = vec![name];
        while let Some(name) = next.pop() {
            for other in self.0.get(name).into_iter().flatten() {
                if reached.insert(other.as_str()) {
                    next.push(other);
                }
            }
        }
        reached
    }

    /// Whom `self` has beyond `allowed`, a line each.
    pub(super) fn beyond(&self, allowed: &Self) -> Vec<String> {
        let mut beyond = Vec::new();
        for (name, others) in &self.0 {
            match allowed.0.get(name) {
                None => beyond.push(name.clone()),
                Some(allowed) => beyond.extend(others.difference(allowed).map(|other| format!("{name} → {other}"))),
            }
        }
        beyond
    }
}
