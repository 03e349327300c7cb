//! Who may name whom: crates, the rooms of the gateway, files. Direction is what keeps a change where it was made.

mod files;
mod graph;
mod paths;
mod tokens;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use self::files::Files;
use self::graph::Graph;
use self::tokens::tokens;

/// Which crate may depend on which; `redial` is the gateway.
const CRATES: &[(&str, &[&str])] = &[
    (
        "redial",
        &[
            "redial-agent",
            "redial-call",
            "redial-carrier",
            "redial-identity",
            "redial-language",
            "redial-memory",
            "redial-outgoing",
            "redial-provider",
            "redial-speech",
            "redial-store",
            "redial-supervision",
            "redial-vendors",
        ],
    ),
    ("redial-agent", &["redial-call", "redial-language", "redial-memory", "redial-provider"]),
    ("redial-call", &["redial-language"]),
    ("redial-carrier", &["redial-call", "redial-identity"]),
    ("redial-hibari", &[]),
    ("redial-identity", &[]),
    ("redial-language", &[]),
    ("redial-memory", &["redial-call", "redial-identity", "redial-language"]),
    ("redial-minilm", &[]),
    ("redial-outgoing", &[]),
    ("redial-phonemes", &["redial-language"]),
    ("redial-provider", &["redial-call", "redial-memory"]),
    ("redial-smart-turn", &[]),
    (
        "redial-speech",
        &[
            "redial-call",
            "redial-hibari",
            "redial-language",
            "redial-minilm",
            "redial-phonemes",
            "redial-provider",
            "redial-smart-turn",
            "redial-supervision",
        ],
    ),
    (
        "redial-store",
        &[
            "redial-call",
            "redial-identity",
            "redial-language",
            "redial-memory",
            "redial-outgoing",
            "redial-supervision",
        ],
    ),
    ("redial-supervision", &[]),
    ("redial-vendors", &["redial-identity", "redial-memory", "redial-outgoing"]),
];

/// Which top-level module of the gateway may name which, from the command line down. Nothing below `session` names it.
const ROOMS: &[(&str, &[&str])] = &[
    ("cli", &["app", "config", "gateway", "operations", "simulate", "telemetry"]),
    ("gateway", &["app", "calls", "config", "http", "telemetry", "viewers"]),
    ("http", &["app", "calls", "config", "media_stream", "operations", "reception", "routes", "telemetry"]),
    ("reception", &["app", "calls", "media_stream", "orders", "routes", "session", "telemetry", "token"]),
    ("app", &["calls", "config", "operations", "routes", "session", "telemetry", "token", "viewers"]),
    ("session", &["calls", "media_stream", "orders", "telemetry", "viewers"]),
    ("operations", &[]),
    ("calls", &["config"]),
    ("media_stream", &[]),
    ("routes", &["orders"]),
    ("orders", &[]),
    ("viewers", &[]),
    ("token", &[]),
    ("simulate", &[]),
    ("telemetry", &["config"]),
    ("config", &[]),
];

/// Files that import in a circle all the same: the crate and the modules. Nothing is added here; what no longer is in one goes.
const KNOWN_CIRCLES: &[(&str, &[&str])] = &[];

/// A crate of the workspace.
struct Member {
    folder: PathBuf,
    manifest: String,
}

impl Member {
    fn files(&self) -> Files {
        Files::read(&self.folder.join("src"))
    }

    /// Those of our crates that it depends on, its tests aside.
    fn dependencies(&self) -> BTreeSet<String> {
        let mut is_dependencies = false;
        let mut dependencies = BTreeSet::new();
        for line in self.manifest.lines().map(str::trim) {
            if let Some(section) = line.strip_prefix('[') {
                let section = section.trim_end_matches(']');
                is_dependencies = ["dependencies", "build-dependencies"].contains(&section)
                    || (section.starts_with("target.") && section.ends_with(".dependencies"));
                assert!(!section.starts_with("dependencies."), "{section}: one line a dependency is expected");
            } else if is_dependencies && line.starts_with("redial-") {
                let name = line.split(['.', '=', ' ']).next().unwrap_or_default();
                dependencies.insert(name.to_owned());
            }
        }
        dependencies
    }
}

/// Every crate of the workspace, by its name.
fn members() -> BTreeMap<String, Member> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let crates = fs::read_dir(root.join("crates")).unwrap().map(|entry| entry.unwrap().path());
    let member = |folder: PathBuf| {
        let manifest = fs::read_to_string(folder.join("Cargo.toml")).ok()?;
        let package = manifest.split("[package]").nth(1).unwrap();
        let name = package.lines().find_map(|line| line.strip_prefix("name = ")).unwrap();
        Some((name.trim_matches('"').to_owned(), Member { folder, manifest }))
    };
    crates.chain([root.to_owned()]).filter_map(member).collect()
}

/// Fails on what is not in the table, and on what the table has beyond what there is.
fn assert_as_in_the_table(found: &Graph, table: &Graph, name: &str) {
    let (new, gone) = (found.beyond(table).join(", "), table.beyond(found).join(", "));
    assert!(
        new.is_empty() && gone.is_empty(),
        "{name} in tests/it/structure.rs does not fit\nnot in it, so not allowed: {new}\nonly in it, so to be taken out: {gone}"
    );
    assert!(table.circles().is_empty(), "{name} has circles: {:?}", table.circles());
}

#[test]
fn crates_depend_on_those_that_they_may_and_no_other() {
    let mut found = Graph::default();
    for (name, member) in members() {
        found.add(&name);
        for other in member.dependencies() {
            found.name(&name, &other);
        }
    }
    assert_as_in_the_table(&found, &Graph::of(CRATES), "CRATES");
}

#[test]
fn no_crate_depends_on_one_that_it_does_not_name() {
    for (name, member) in members() {
        let files = member.files();
        for other in member.dependencies() {
            let word = other.replace('-', "_");
            let is_named = files.sources().any(|source| tokens(source).iter().any(|token| token.is(&word)));
            assert!(is_named, "{name} depends on {other} and does not name it");
        }
    }
}

#[test]
fn rooms_of_the_gateway_name_those_that_they_may_and_no_other() {
    let gateway = &members()["redial"];
    assert_as_in_the_table(&gateway.files().rooms(), &Graph::of(ROOMS), "ROOMS");
}

#[test]
fn no_files_import_in_a_circle() {
    let mut known = Graph::of(KNOWN_CIRCLES);
    let mut new = String::new();
    for (name, member) in members() {
        let graph = member.files().graph();
        for circle in graph.circles() {
            let is_known = known.edges().get(&name).is_some_and(|known| circle.is_subset(known));
            if is_known {
                known.forget(&name, &circle);
            } else {
                new += &format!("\n{name}:\n{}", shown(&graph, &circle));
            }
        }
    }
    assert!(new.is_empty(), "files import in a circle; what both sides use wants a file of its own:{new}");
    let gone: Vec<_> = known.edges().iter().filter(|(_, modules)| !modules.is_empty()).collect();
    assert!(
        gone.is_empty(),
        "in no circle any more; take them out of KNOWN_CIRCLES in tests/it/structure.rs: {gone:?}"
    );
}

/// The files of a circle, and which others of it each names.
fn shown(graph: &Graph, circle: &BTreeSet<String>) -> String {
    let file = |module: &String| {
        if module.is_empty() { "lib.rs".to_owned() } else { format!("{}.rs", module.replace("::", "/")) }
    };
    let mut lines = String::new();
    for module in circle {
        let others: Vec<String> = graph.edges()[module].intersection(circle).map(file).collect();
        lines += &format!("  src/{} names {}\n", file(module), others.join(", "));
    }
    lines
}

#[test]
fn a_circle_is_shown_with_its_files() {
    let graph = Graph::of(&[("", &["a::b"]), ("a::b", &["", "c"]), ("c", &[])]);
    let [circle] = graph.circles().try_into().unwrap();
    assert_eq!(shown(&graph, &circle), "  src/lib.rs names a/b.rs\n  src/a/b.rs names lib.rs\n");
}

#[test]
fn what_is_not_in_a_table_is_told_and_what_only_a_table_has() {
    let found = Graph::of(&[("a", &["b"]), ("b", &[]), ("new", &[])]);
    let table = Graph::of(&[("a", &["b", "c"]), ("b", &[])]);
    assert_eq!(found.beyond(&table), ["new"]);
    assert_eq!(table.beyond(&found), ["a → c"]);
}

#[test]
fn a_manifest_says_what_its_crate_depends_on() {
    let manifest = "
[workspace.dependencies]
redial-zero = { path = \"crates/zero\" }
[dependencies]
redial-one.workspace = true
redial-two = { path = \"../two\", optional = true }
serde = \"1\"
[target.'cfg(unix)'.dependencies]
redial-three.workspace = true
[dev-dependencies]
redial-four.workspace = true
[features]
redial-five = []
";
    let member = Member { folder: PathBuf::new(), manifest: manifest.to_owned() };
    let expected = ["redial-one", "redial-three", "redial-two"].map(str::to_owned);
    assert_eq!(member.dependencies(), expected.into());
}
