//! What an import did, key by key.

use std::fmt;

use serde_json::{Value, json};

/// The report of an import.
#[derive(Debug, Default)]
pub struct Report {
    /// One a key of the source, in the order in which they were dealt with.
    pub lines: Vec<Line>,
    /// A dry run: what is said to be written would have been.
    pub dry_run: bool,
}

/// What became of one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The source's key. It may be of any length, and hold anything.
    pub key: String,
    /// What became of it.
    pub outcome: Outcome,
    /// What an operator should know beside that.
    pub notes: Vec<String>,
}

/// What became of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is stored now, under this name.
    Written(String),
    /// An earlier import stored it, under this name; nothing changed.
    Unchanged(String),
    /// It is not stored, and why.
    Skipped(String),
}

impl Report {
    /// Adds a key without notes.
    pub(super) fn add(&mut self, key: impl Into<String>, outcome: Outcome) {
        self.lines.push(Line { key: key.into(), outcome, notes: Vec::new() });
    }

    pub(super) fn skip(&mut self, key: impl Into<String>, why: impl Into<String>) {
        self.add(key, Outcome::Skipped(why.into()));
    }

    /// Keys that were read.
    pub fn read(&self) -> usize {
        self.lines.len()
    }

    /// Keys that were written.
    pub fn written(&self) -> usize {
        self.count(|outcome| matches!(outcome, Outcome::Written(_)))
    }

    /// Keys that an earlier import wrote.
    pub fn unchanged(&self) -> usize {
        self.count(|outcome| matches!(outcome, Outcome::Unchanged(_)))
    }

    /// Keys that were not written.
    pub fn skipped(&self) -> usize {
        self.count(|outcome| matches!(outcome, Outcome::Skipped(_)))
    }

    /// All of it, to be written as JSON.
    pub fn document(&self) -> Value {
        let lines = self.lines.iter().map(|line| {
            let (outcome, name, why) = match &line.outcome {
                Outcome::Written(name) => ("written", Some(name), None),
                Outcome::Unchanged(name) => ("there_already", Some(name), None),
                Outcome::Skipped(why) => ("skipped", None, Some(why)),
            };
            json!({ "key": line.key, "outcome": outcome, "stored_as": name, "reason": why, "notes": line.notes })
        });
        json!({
            "dry_run": self.dry_run,
            "keys_read": self.read(),
            "written": self.written(),
            "there_already": self.unchanged(),
            "skipped": self.skipped(),
            "keys": lines.collect::<Vec<_>>(),
        })
    }

    fn count(&self, is: impl Fn(&Outcome) -> bool) -> usize {
        self.lines.iter().filter(|line| is(&line.outcome)).count()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let written = if self.dry_run { "would be written" } else { "written" };
        for line in &self.lines {
            // Keys are the peer's text: a terminal must not obey them.
            let key = line.key.escape_debug();
            match &line.outcome {
                Outcome::Written(name) => writeln!(f, "{key}: {written} as {name}")?,
                Outcome::Unchanged(name) => writeln!(f, "{key}: there already as {name}")?,
                Outcome::Skipped(why) => writeln!(f, "{key}: skipped: {}", why.escape_debug())?,
            }
            for note in &line.notes {
                writeln!(f, "    {}", note.escape_debug())?;
            }
        }
        write!(
            f,
            "{} keys read: {} {written}, {} there already, {} skipped",
            self.read(),
            self.written(),
            self.unchanged(),
            self.skipped()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_counts_what_it_shows_and_obeys_no_key() {
        let mut report = Report::default();
        report.add("a", Outcome::Written("s1".to_owned()));
        report.add("b", Outcome::Unchanged("s2".to_owned()));
        report.lines.push(Line {
            key: "c\u{1b}[2J\nd".to_owned(),
            outcome: Outcome::Skipped("why".to_owned()),
            notes: vec!["note".to_owned()],
        });
        assert_eq!(
            report.to_string(),
            "a: written as s1\nb: there already as s2\nc\\u{1b}[2J\\nd: skipped: why\n    note\n\
             3 keys read: 1 written, 1 there already, 1 skipped"
        );
    }
}
