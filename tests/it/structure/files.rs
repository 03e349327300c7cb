//! The files of a crate, and which of them names which.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use super::graph::Graph;
use super::paths::named;

/// The files of one crate: its modules (`a::b`, the root is empty) and their sources.
pub(super) struct Files(BTreeMap<String, String>);

impl Files {
    /// Reads all of a crate's `src`. A program's `main.rs` is a crate of its own, and left out where there is a library.
    pub(super) fn read(src: &Path) -> Self {
        let mut files = BTreeMap::new();
        let mut folders = vec![src.to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|extension| extension == "rs") {
                    let module = path.strip_prefix(src).unwrap().with_extension("");
                    let module = module.to_str().unwrap().replace('/', "::");
                    files.insert(module, fs::read_to_string(&path).unwrap());
                }
            }
        }
        let root = files.remove("lib").unwrap_or_else(|| panic!("{} is no library", src.display()));
        files.remove("main");
        files.insert(String::new(), root);
        Self(files)
    }

    /// A tree that a test makes up.
    fn of(files: &[(&str, &str)]) -> Self {
        Self(files.iter().map(|(module, source)| ((*module).to_owned(), (*source).to_owned())).collect())
    }

    pub(super) fn sources(&self) -> impl Iterator<Item = &str> {
        self.0.values().map(String::as_str)
    }

    /// Which file names which, by their modules.
    pub(super) fn graph(&self) -> Graph {
        let mut graph = Graph::default();
        for (module, source) in &self.0 {
            let own: Vec<String> = module.split("::").filter(|name| !name.is_empty()).map(str::to_owned).collect();
            graph.add(module);
            for path in named(&own, source) {
                if let Some(other) = self.file_of(&path) {
                    graph.name(module, other);
                }
            }
        }
        graph
    }

    /// Which top-level module names which. The root is none.
    pub(super) fn rooms(&self) -> Graph {
        let room = |module: &str| module.split("::").next().unwrap_or_default().to_owned();
        let mut rooms = Graph::default();
        for (module, named) in self.graph().edges() {
            if !module.is_empty() {
                rooms.add(&room(module));
                for other in named.iter().filter(|other| !other.is_empty()) {
                    rooms.name(&room(module), &room(other));
                }
            }
        }
        rooms
    }

    /// The module whose file has what a path leads to: the longest beginning that is one.
    fn file_of(&self, path: &[String]) -> Option<&str> {
        (0..=path.len()).rev().find_map(|length| {
            let module = path[..length].join("::");
            self.0.get_key_value(&module).map(|(module, _)| module.as_str())
        })
    }
}

/// Circles of a tree, each as its modules.
fn circles(files: &[(&str, &str)]) -> Vec<BTreeSet<String>> {
    Files::of(files).graph().circles()
}

#[test]
fn a_circle_of_two_and_one_of_three_are_found() {
    let found = circles(&[
        ("", "mod above; mod below; mod parent; mod a; mod b; mod c;"),
        ("above", "use crate::{a::A, parent::P};"),
        ("below", "use std::fmt;"),
        ("parent", "mod child; pub struct P; fn f() { child::help() }"),
        ("parent::child", "use super::P; pub fn help() {}"),
        ("a", "use super::b::B;"),
        ("b", "fn f() -> crate::c::C {}"),
        ("c", "use crate::{a::A, below};"),
    ]);
    let circle = |modules: &[&str]| modules.iter().map(|module| (*module).to_owned()).collect();
    assert_eq!(found, [circle(&["a", "b", "c"]), circle(&["parent", "parent::child"])]);
}

#[test]
fn passing_on_what_is_below_is_no_circle_and_tests_are_not_looked_at() {
    let found = circles(&[
        ("", "pub mod parent; mod other; pub use parent::P; pub use crate::other::O;"),
        ("parent", "mod child; pub use self::child::{C, more::M}; pub use child::D; pub struct P; /* child::x() */"),
        ("parent::child", "use super::P; use crate::P as Same; // crate::other::O"),
        ("other", "use crate::parent::P; \n#[cfg(test)]\nmod tests { use super::*; }"),
    ]);
    assert_eq!(found, Vec::<BTreeSet<String>>::new());
}

#[test]
fn what_is_passed_on_from_elsewhere_is_named() {
    let found =
        circles(&[("", "mod a; mod b;"), ("a", "pub use crate::b::B; pub struct A;"), ("b", "use super::a::A;")]);
    assert_eq!(found.len(), 1);
}

#[test]
fn rooms_are_what_stands_at_the_top() {
    let files = Files::of(&[
        ("", "mod a; mod b; use a::A;"),
        ("a", "mod x; use self::x::X;"),
        ("a::x", "use crate::b::y::Y; use crate::Root;"),
        ("b", "pub mod y;"),
        ("b::y", ""),
    ]);
    let edges = files.rooms().edges().iter().map(|(room, others)| (room.clone(), others.len())).collect::<Vec<_>>();
    assert_eq!(edges, [("a".to_owned(), 1), ("b".to_owned(), 0)]);
}
