//! The programs that tests start: those of `tests/programs.txt`, which `test.sh` installs.

use std::process::Command;

/// One program a line, and its Debian package.
const LIST: &str = include_str!("../../programs.txt");

/// A program of the list.
///
/// # Panics
/// When it is not listed: another machine would lack it.
pub(crate) fn program(name: &str) -> Command {
    let is_listed = LIST.lines().any(|line| line.split_whitespace().next() == Some(name));
    assert!(is_listed, "{name} is not in tests/programs.txt, from which test.sh installs what tests start");
    Command::new(name)
}

#[test]
fn no_test_starts_a_program_that_is_not_listed() {
    let mut folders = vec![std::path::PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests"))];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                let unlisted = text.contains(concat!("Command::", "new(\""));
                assert!(!unlisted, "{} starts a program by itself; use support::programs", path.display());
            }
        }
    }
}
