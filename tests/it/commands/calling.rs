//! `redial call`: what it says of a call that came to nothing, and how it reaches a gateway that is known by another name.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::process::{Output, Stdio};
use std::time::Duration;

use serde_json::Value;

use super::{redial, text};
use crate::support::gateway::{ACCOUNT_SID, Setup, TOKEN};
use crate::support::ports::free_port;

async fn call(args: Vec<String>, vars: Vec<(&'static str, String)>) -> Output {
    let run = move || {
        let args: Vec<&str> =
            ["call", "--hangup", "normal", "--dtmf", "1"].into_iter().chain(args.iter().map(String::as_str)).collect();
        let vars: Vec<(&str, &str)> = vars.iter().map(|(name, value)| (*name, value.as_str())).collect();
        redial(&args, &vars).output().unwrap()
    };
    tokio::task::spawn_blocking(run).await.unwrap()
}

fn url(url: &str) -> Vec<String> {
    vec!["--url".to_owned(), url.to_owned()]
}

/// Answers every request with this, until the test ends.
fn answering(status: &str, body: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/xml\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(answer.as_bytes());
            // What is left unread would reset the connection, and take the answer with it.
            let _ = stream.shutdown(std::net::Shutdown::Write);
            let _ = stream.read_to_end(&mut Vec::new());
        }
    });
    origin
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_is_rung_where_it_is_and_signed_for_as_it_is_known() {
    let setup =
        Setup::hearing([""]).var("PUBLIC_URL", "https://calls.example.com").var("TWILIO_ACCOUNT_SID", ACCOUNT_SID);
    let gateway = setup.start().await;
    let token = ("TWILIO_AUTH_TOKEN", TOKEN.to_owned());
    let account = ("TWILIO_ACCOUNT_SID", ACCOUNT_SID.to_owned());
    let bind = ("BIND_ADDR", gateway.gateway.address().to_string());
    // As in the gateway's own directory: nothing is said.
    let known = ("PUBLIC_URL", "https://calls.example.com".to_owned());
    let output = call(vec!["--json".to_owned()], vec![token.clone(), account.clone(), bind, known]).await;
    assert!(output.status.success(), "{}", text(&output));
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&answer["ended_by"], &answer["faults"]), (&"caller".into(), &Value::Array(Vec::new())));
    assert_eq!(
        (&answer["spoken"][0]["who"], &answer["warnings"]),
        (&"agent".into(), &Value::Array(Vec::new())),
        "{answer}"
    );

    let mut args = url(&gateway.url(""));
    args.extend(["--sign-for", "https://calls.example.com", "--token", TOKEN].map(str::to_owned));
    let output = call(args, vec![account.clone()]).await;
    assert!(output.status.success(), "{}", text(&output));

    // What is refused is told with its cause and the way out.
    let refused = |output: &Output, told: &[&str]| {
        let text = text(output);
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(told.iter().all(|words| text.contains(words)), "{told:?}: {text}");
    };
    let here = || url(&gateway.url(""));
    refused(
        &call(here(), vec![account.clone()]).await,
        &["status 403", "X-Twilio-Signature", "give its TWILIO_AUTH_TOKEN"],
    );
    let output = call(here(), vec![token.clone(), account.clone()]).await;
    refused(&output, &["status 403", "another PUBLIC_URL than http://127.0.0.1", "--sign-for"]);
    let known = ("PUBLIC_URL", "https://calls.example.com".to_owned());
    refused(
        &call(here(), vec![token.clone(), known.clone()]).await,
        &["status 403", "AccountSid", "TWILIO_ACCOUNT_SID"],
    );
    let wrong = ("TWILIO_AUTH_TOKEN", "0".repeat(32));
    refused(&call(here(), vec![wrong, account, known]).await, &["status 403", "another TWILIO_AUTH_TOKEN", "--token"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_comes_to_nothing_fails_and_says_why() {
    let twiml = |verbs: &str| format!("<?xml version=\"1.0\"?><Response>{verbs}</Response>");
    let closed = format!("http://127.0.0.1:{}", free_port());
    let no_stream = "<Connect><Stream url=\"ws://127.0.0.1:1/media\"/></Connect>";
    for (origin, told) in [
        (closed, "nothing listens there: start `redial serve`"),
        (answering("503 Service Unavailable", "this instance is shutting down\n"), "this instance is shutting down"),
        (answering("503 Service Unavailable", ""), "ring again"),
        (answering("404 Not Found", ""), "is this the origin of a gateway?"),
        (answering("200 OK", "<html/>"), "is this the origin of a gateway?"),
        (answering("200 OK", &twiml("<Reject reason=\"busy\"/>")), "declined the call (busy): MAX_CALLS"),
        (answering("200 OK", &twiml("<Hangup/>")), "nothing was heard of the agent"),
        (answering("200 OK", &twiml(no_stream)), "no stream could be opened"),
        (answering("200 OK", &twiml("<Say>Sorry.</Say><Hangup/>")), "could not go on"),
        (answering("200 OK", &twiml("<Redirect>/voice</Redirect>")), "lost again and again"),
    ] {
        let mut args = url(&origin);
        args.extend(["--wait".to_owned(), "0".to_owned()]);
        let output = call(args, Vec::new()).await;
        assert_eq!(output.status.code(), Some(1), "{told}: {}", text(&output));
        assert!(text(&output).contains(told), "{told}: {}", text(&output));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_is_starting_is_waited_for() {
    let address = format!("127.0.0.1:{}", free_port());
    let mut args = url(&format!("http://{address}"));
    args.extend(["--wait", "60", "--token", TOKEN].map(str::to_owned));
    let calling = tokio::spawn(call(args, Vec::new()));
    tokio::time::sleep(Duration::from_millis(500)).await;
    let gateway = Setup::hearing([""]).var("BIND_ADDR", &address).start().await;
    let output = calling.await.unwrap();
    assert!(output.status.success(), "{}", text(&output));
    assert!(text(&output).contains("the line is open"), "{}", text(&output));
    gateway.idle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_is_lost_is_a_failure() {
    let dir = tempfile::tempdir().unwrap();
    let mut gateway = crate::support::process::GatewayProcess::start(dir.path(), &[]).await;
    gateway.ready().await;
    let origin = gateway.wire().url("");
    let mut calling = redial(&["call", "--url", &origin, "--token", TOKEN], &[]);
    let mut calling = calling.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut errors = BufReader::new(calling.stderr.take().unwrap());
    let lost = move || {
        let mut told = String::new();
        while !told.contains("the agent speaks") {
            assert_ne!(errors.read_line(&mut told).unwrap(), 0, "the agent is not heard: {told}");
        }
        gateway.kill();
        // Nobody listens any more.
        drop(gateway);
        errors.read_to_string(&mut told).unwrap();
        (calling.wait().unwrap(), told)
    };
    let (status, told) = tokio::task::spawn_blocking(lost).await.unwrap();
    assert_eq!(status.code(), Some(1), "{told}");
    assert!(told.contains("the line was lost"), "{told}");
}
