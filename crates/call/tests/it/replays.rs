//! Recorded calls, replayed: each log beside a snapshot of what the call did.

use std::fs;

use redial_call::log::{Log, header_line, render, step_line};

#[test]
fn recorded_calls_do_what_their_snapshots_say() {
    insta::glob!("calls/*.ndjson", |path| {
        let log = Log::parse(&fs::read_to_string(path).unwrap()).unwrap();
        insta::assert_snapshot!(render(&log.replay()));
    });
}

#[test]
fn a_log_is_written_as_it_was_read() {
    insta::glob!("calls/*.ndjson", |path| {
        let log = Log::parse(&fs::read_to_string(path).unwrap()).unwrap();
        let mut written = header_line(&log.settings, &log.turns);
        for step in &log.steps {
            written.push('\n');
            written.push_str(&step_line(step));
        }
        assert_eq!(Log::parse(&written).unwrap(), log, "{}", path.display());
        assert_eq!(Log::parse(&written).unwrap().replay(), log.replay());
    });
}

#[test]
fn a_broken_log_is_refused_by_line() {
    let header = header_line(&redial_call::Settings::default(), &[]);
    for (log, fault) in [
        (String::new(), "line 1: the log is empty"),
        ("{}".to_owned(), "line 1: not the header of a call log"),
        ("{\"redial_call_log\":9,\"settings\":{}}".to_owned(), "line 1: log version 9 is not 2"),
        (format!("{header}\n\n{{\"at_ms\":1,\"event\":\"no_such\"}}"), "line 3: not an event"),
        (
            format!("{header}\n{{\"at_ms\":5,\"event\":\"started\"}}\n{{\"at_ms\":4,\"event\":\"drain\"}}"),
            "line 3: time goes back",
        ),
    ] {
        let error = Log::parse(&log).unwrap_err().to_string();
        assert!(error.starts_with(fault), "{error}");
    }
}
