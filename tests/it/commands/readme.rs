//! The README's first commands, word for word.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use super::{redial, text};
use crate::support::ports::free_port;
use crate::support::programs::program;

/// The commands in the README's block that begins with this one.
fn block(first: &str) -> Vec<String> {
    let readme = include_str!("../../../README.md");
    let blocks = readme.split("```sh\n").skip(1).filter_map(|rest| rest.split_once("```").map(|(block, _)| block));
    let block = blocks.into_iter().find(|block| block.starts_with(first)).expect("the README has no such block");
    block.lines().map(str::to_owned).collect()
}

/// A command's words, as a shell parts them where quotes are double ones.
fn words(command: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (part, is_quoted) in command.split('"').zip([false, true].into_iter().cycle()) {
        if is_quoted {
            words.push(part.to_owned());
        } else {
            words.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    words
}

struct Stopped(Child);

impl Drop for Stopped {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_readmes_first_call_leaves_the_name_that_was_said() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let address = format!("127.0.0.1:{port}");
    let models = std::env::current_dir().unwrap().join("models");
    // Not what the README says: a port of our own, and where the models are from here.
    let vars = [("BIND_ADDR", address.as_str()), ("ADMIN_ADDR", "off"), ("MODELS_DIR", models.to_str().unwrap())];
    let run = |command: &str| {
        let line = command.strip_prefix("cargo run --release -- ").expect("a command of ours");
        let words = words(line.trim_end_matches(" &"));
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let mut command = redial(&words, &vars);
        // A busy machine may take longer to start than the README's reader has to wait.
        if words[0] == "call" {
            command.args(["--wait", "120"]);
        }
        command.current_dir(folder.path()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    };
    let commands = block("cargo run --release -- serve &\n");
    let [serve, call, list, kill] = &commands[..] else { panic!("{commands:?}") };
    assert!(serve.ends_with(" serve &") && kill == "kill %1", "{commands:?}");
    let mut gateway = Stopped(run(serve).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());

    let output = run(call).output().unwrap();
    assert!(output.status.success(), "{}", text(&output));
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(told.contains("agent   Hello") && told.contains("recorded: call.wav"), "{}", text(&output));
    assert!(folder.path().join("call.wav").exists());

    let (_, said) = call.split_once("My name is ").unwrap();
    let (name, _) = said.split_once('.').unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let output = run(list).output().unwrap();
        if output.status.success() && text(&output).contains(name) {
            break;
        }
        assert!(Instant::now() < deadline, "{name} is not remembered: {}", text(&output));
        std::thread::sleep(Duration::from_millis(200));
    }
    assert!(program("kill").args(["-TERM", &gateway.0.id().to_string()]).status().unwrap().success());
    assert!(gateway.0.wait().unwrap().success());
}
