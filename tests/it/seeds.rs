//! `docs/seeds.md` is true: each row is there once, and each test that it names exists.

use std::collections::HashSet;
use std::path::Path;

/// Rows of the two tables.
const ROWS: usize = 77;

#[test]
fn every_test_that_the_table_of_seeds_names_exists() {
    let table = std::fs::read_to_string("docs/seeds.md").unwrap();
    let mut tests = HashSet::new();
    for directory in ["src", "tests", "crates"] {
        collect_tests(Path::new(directory), &mut tests);
    }
    let mut numbers = Vec::new();
    for line in table.lines() {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let Some(number) = cells.first().and_then(|cell| cell.parse::<usize>().ok()) else { continue };
        numbers.push(number);
        assert_eq!(cells.len(), 5, "row {number}");
        if let Some(reason) = cells[4].strip_prefix('—') {
            assert!(reason.len() > 10, "row {number} gives no reason");
            continue;
        }
        let named: Vec<&str> = cells[4].split('`').skip(1).step_by(2).collect();
        assert!(!named.is_empty(), "row {number} names no test");
        for name in named {
            assert!(tests.contains(name), "row {number}: there is no test `{name}`");
        }
    }
    assert_eq!(numbers, (1..=ROWS).collect::<Vec<_>>());
}

#[test]
fn every_place_that_the_table_of_seeds_names_exists() {
    let table = std::fs::read_to_string("docs/seeds.md").unwrap();
    for line in table.lines().filter(|line| line.starts_with("| ")) {
        let Some(place) = line.split(" | ").nth(3) else { continue };
        for path in place.split('`').skip(1).step_by(2) {
            assert!(Path::new(path).exists(), "{path} is not there: {line}");
        }
    }
}

/// The names of all functions that are tests, or that a macro makes tests of.
fn collect_tests(directory: &Path, names: &mut HashSet<String>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect_tests(&path, names);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let source = std::fs::read_to_string(&path).unwrap();
            let mut attributed = false;
            for line in source.lines().map(str::trim) {
                let name = line.strip_prefix("async fn ").or_else(|| line.strip_prefix("fn "));
                match name.and_then(|rest| rest.split_once('(')) {
                    // The conformance suite takes a bench; a macro makes a test of each for each store.
                    Some((name, rest)) if attributed || rest.starts_with("bench: Bench)") => {
                        names.insert(name.to_owned());
                        attributed = false;
                    }
                    Some(_) => attributed = false,
                    None => attributed |= line.starts_with("#[test]") || line.starts_with("#[tokio::test"),
                }
            }
        }
    }
}
