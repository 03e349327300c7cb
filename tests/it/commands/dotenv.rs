//! `.env`: what is wrong with it is told by place and name, and secrets are not.

use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::process::Output;

use super::{redial, text};

fn run(folder: &Path, args: &[&str], vars: &[(&str, &str)]) -> Output {
    redial(args, vars).current_dir(folder).output().unwrap()
}

#[test]
fn a_fault_of_the_file_is_told_with_those_of_the_variables_and_never_its_secret() {
    let folder = tempfile::tempdir().unwrap();
    let file = "# ours\nTWILIO_AUTH_TOKEN='hunter2\nREDIS_PASSWORD=\"hunter2\" hunter2\nhunter2\nMAX_CALLS=many\n";
    std::fs::write(folder.path().join(".env"), file).unwrap();
    for args in [
        &["serve"][..],
        &["config"],
        &["config", "--json"],
        &["health"],
        &["demo"],
        &["caller", "list"],
        &["memory", "check"],
    ] {
        let output = run(folder.path(), args, &[("LOG_FORMAT", "xml")]);
        let told = text(&output);
        assert_eq!(output.status.code(), Some(64), "{args:?}: {told}");
        for fault in
            [".env:2: TWILIO_AUTH_TOKEN: ", ".env:3: REDIS_PASSWORD: ", ".env:4: ", "MAX_CALLS: ", "LOG_FORMAT: "]
        {
            assert!(told.contains(fault), "{args:?} lacks {fault}: {told}");
        }
        assert!(!told.contains("hunter2"), "{args:?} shows a secret: {told}");
    }
    // Commands beside the gateway read the same file.
    for args in [&["say", "Hello."][..], &["hear", "x.wav"], &["bench", "speech"], &["call"]] {
        let output = run(folder.path(), args, &[]);
        let told = text(&output);
        assert_eq!(output.status.code(), Some(64), "{args:?}: {told}");
        assert!(told.contains(".env:2: TWILIO_AUTH_TOKEN: ") && !told.contains("hunter2"), "{args:?}: {told}");
    }
}

#[test]
fn a_value_is_taken_as_it_stands() {
    let folder = tempfile::tempdir().unwrap();
    let file = "export MEMORY_KEY_PREFIX = 'first' # why\r\nDATA_DIR=/srv/$HOME/${USER} data\nVOICE_SPEED=\"0.9\"\nDEFAULT_REGION=DE\n";
    std::fs::write(folder.path().join(".env"), file).unwrap();
    let vars = [("HOME", "/root"), ("USER", "me"), ("DEFAULT_REGION", "MX")];
    let output = run(folder.path(), &["config", "--json"], &vars);
    let config: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let value = |name: &str| {
        let variables = config["variables"].as_array().unwrap();
        variables.iter().find(|variable| variable["name"] == name).unwrap()["value"].clone()
    };
    assert_eq!(value("MEMORY_KEY_PREFIX"), "first");
    assert_eq!(value("DATA_DIR"), "/srv/$HOME/${USER} data");
    assert_eq!(value("VOICE_SPEED"), "0.9");
    assert_eq!(value("DEFAULT_REGION"), "MX", "the environment wins");
    let warnings = config["warnings"].to_string();
    assert!(warnings.contains(".env:2: DATA_DIR has a ${"), "{warnings}");
}

#[test]
fn a_name_that_was_likely_meant_to_be_ours_is_warned_about() {
    let folder = tempfile::tempdir().unwrap();
    let file = "TWILO_AUTH_TOKEN=hunter2\nSPOOL_SIZE=3\nPOSTGRES_URL=x\nCOMPOSE_PROJECT_NAME=y\n";
    std::fs::write(folder.path().join(".env"), file).unwrap();
    let vars = [("PUBLICURL", "x"), ("REDIS_SERVICE_HOST", "10.0.0.1"), ("TERM", "xterm"), ("RUST_BACKTRACE", "1")];
    let output = run(folder.path(), &["config"], &vars);
    let told = text(&output);
    assert_eq!(output.status.code(), Some(0), "{told}");
    let warnings: Vec<&str> = told.lines().filter_map(|line| line.strip_prefix("warning: ")).collect();
    let expected = [
        "PUBLICURL is set, but nothing reads it: did you mean PUBLIC_URL?",
        "SPOOL_SIZE is set, but nothing reads it",
        "TWILO_AUTH_TOKEN is set, but nothing reads it: did you mean TWILIO_AUTH_TOKEN?",
    ];
    assert_eq!(warnings, expected);
    assert!(!told.contains("hunter2"), "{told}");
}

#[test]
fn what_cannot_be_read_at_all_is_a_fault() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join(".env")).unwrap();
    let output = run(folder.path(), &["config"], &[]);
    assert_eq!(output.status.code(), Some(64), "{}", text(&output));
    assert!(text(&output).contains(".env: cannot be read"), "{}", text(&output));
    let mut command = redial(&["config"], &[]);
    let output = command.env("TWILIO_AUTH_TOKEN", std::ffi::OsStr::from_bytes(b"hunter2\xff")).output().unwrap();
    assert_eq!(output.status.code(), Some(64), "{}", text(&output));
    assert!(text(&output).contains("TWILIO_AUTH_TOKEN: is not UTF-8"), "{}", text(&output));
    assert!(!text(&output).contains("hunter2"), "{}", text(&output));
}
