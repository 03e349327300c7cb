//! The operators' API over its own port.

use std::time::Duration;

use redial::gateway::RunningCalls;
use reqwest::{Client, Method, Response};
use serde_json::{Value, json};

use super::{ANA, BOB};
use crate::support::described::{Answer, Document};
use crate::support::gateway::{Setup, TestGateway};
use crate::support::line::{call_sid, dtmf, stop};

const TOKEN: &str = "0123456789abcdef0123456789abcdef";

struct Desk {
    gateway: TestGateway,
    client: Client,
    /// What every answer must be like.
    document: Document,
}

impl Desk {
    async fn open() -> Self {
        let setup = Setup::hearing(["Hello."]).var("ADMIN_ADDR", "127.0.0.1:0").var("ADMIN_TOKEN", TOKEN);
        let (gateway, client) = (setup.start().await, Client::builder().no_proxy().build().unwrap());
        let url = format!("http://{}/api/v1/openapi.json", gateway.gateway.admin_address().unwrap());
        let document = client.get(url).bearer_auth(TOKEN).send().await.unwrap().json().await.unwrap();
        Self { gateway, client, document: Document(document) }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}/api/v1{path}", self.gateway.gateway.admin_address().unwrap())
    }

    /// Asks with the token. The answer is as the document says, unless that has no such operation.
    async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
        let request = self.client.request(method.clone(), self.url(path)).bearer_auth(TOKEN);
        let request = match body {
            Some(body) => request.json(&body),
            None => request,
        };
        self.answer(method.as_str(), path, request.send().await.unwrap()).await
    }

    async fn answer(&self, method: &str, path: &str, response: Response) -> (u16, Value) {
        let headers = response.headers().clone();
        let (status, body) = answer(response).await;
        let names: Vec<&str> = headers.keys().map(|name| name.as_str()).collect();
        let content_type = headers["content-type"].to_str().unwrap();
        let answered = Answer { status, content_type, headers: &names, body: &body };
        match self.document.faults(method, path, &answered) {
            Some(faults) => assert!(faults.is_empty(), "{method} {path}, {status}: {faults:#?}\n{body}"),
            None => assert!(matches!(status, 401 | 404 | 405), "{method} {path} is not described: {status}"),
        }
        (status, body)
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        self.ask(Method::GET, path, None).await
    }

    /// A call of `from`, in which some keys were pressed.
    async fn call(&self, from: &str, keys: &str) -> String {
        let sid = call_sid();
        let mut socket = self.gateway.stream(&sid, from).await;
        socket.expect("media").await;
        for key in keys.chars().chain(['#']) {
            socket.send(&dtmf(key)).await;
        }
        socket.expect("clear").await;
        socket.send(&stop(&sid)).await;
        self.gateway.session_with(&sid, |session| session.end_reason == "caller_hung_up").await;
        self.gateway.idle().await;
        sid
    }
}

/// Status and body; a problem is one in every respect.
async fn answer(response: Response) -> (u16, Value) {
    let status = response.status().as_u16();
    let headers = response.headers().clone();
    let text = response.text().await.unwrap();
    let body: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{status}: no JSON: {text}"));
    assert_eq!(headers["cache-control"], "no-store");
    assert!(!headers.contains_key("access-control-allow-origin"));
    if status >= 400 && body.get("steps").is_none() {
        assert_eq!(headers["content-type"], "application/problem+json", "{text}");
        assert_eq!(body["status"], status, "{text}");
        for field in ["type", "title", "detail"] {
            assert!(body[field].as_str().is_some_and(|said| !said.is_empty()), "{field}: {text}");
        }
    }
    assert!(!text.contains("5550147"), "a number: {text}");
    (status, body)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_is_looked_at_changed_and_forgotten() {
    let desk = Desk::open().await;
    let sid = desk.call(ANA, "42").await;
    let (status, found) = desk.ask(Method::POST, "/callers/find", Some(json!({ "caller": ANA }))).await;
    assert_eq!((status, &found["calls"]), (200, &json!(1)));
    let id = found["user_id"].as_str().unwrap();
    assert_eq!(desk.get(&format!("/callers/{id}")).await, (200, found.clone()));
    assert_eq!(desk.get("/callers").await.1["callers"][0]["user_id"], id);
    let (status, session) = desk.get(&format!("/sessions/{sid}")).await;
    assert_eq!((status, &session["user_id"]), (200, &json!(id)));
    assert_eq!(desk.get("/sessions").await.1["sessions"][0]["session_id"], sid);
    assert_eq!(desk.get(&format!("/callers/{id}/why")).await.0, 200);
    assert_eq!(desk.get(&format!("/callers/{id}/export")).await.1["sessions"][0], session);

    let (_, mut profile) = desk.get(&format!("/callers/{id}/profile")).await;
    profile["profile"]["summary"] = json!("Prefers mornings.");
    profile.as_object_mut().unwrap().remove("user_id");
    let put = desk.ask(Method::PUT, &format!("/callers/{id}/profile"), Some(profile.clone())).await;
    assert_eq!(put, (200, json!({ "user_id": id, "revision": 2 })));
    assert_eq!(desk.ask(Method::PUT, &format!("/callers/{id}/profile"), Some(profile)).await.0, 409);
    assert_eq!(desk.get("/callers/u_nobody/profile").await.1["revision"], 0);

    let (status, cleared) = desk.ask(Method::DELETE, &format!("/sessions/{sid}"), None).await;
    assert_eq!((status, &cleared["document"]), (200, &json!(true)));
    assert_eq!(desk.get(&format!("/sessions/{sid}")).await.0, 404);

    desk.call(BOB, "7").await;
    let (status, merged) = desk.ask(Method::POST, "/callers/merge", Some(json!({ "from": BOB, "into": id }))).await;
    assert_eq!((status, &merged["calls"], &merged["numbers"]), (200, &json!(2), &json!(2)));
    let (status, split) = desk.ask(Method::POST, "/callers/split", Some(json!({ "caller": BOB }))).await;
    assert_eq!((status, &split["former_user_id"]), (200, &json!(id)));
    let (status, receipt) = desk.ask(Method::POST, "/callers/forget", Some(json!({ "caller": ANA }))).await;
    assert_eq!((status, &receipt["complete"]), (200, &json!(true)), "{receipt}");
    assert_eq!(desk.get(&format!("/callers/{id}")).await.0, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_described_route_answers_with_the_token_and_none_without() {
    let desk = Desk::open().await;
    let (_, document) = desk.get("/openapi.json").await;
    let mut asked = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        let path = path.replace("{id}", "u_nobody").replace("{seq}", "7");
        for method in methods.as_object().unwrap().keys().filter(|name| *name != "parameters") {
            let method: Method = method.to_ascii_uppercase().parse().unwrap();
            let (status, body) = desk.ask(method.clone(), &path, None).await;
            assert!(!matches!(status, 401 | 403 | 405 | 429 | 500), "{method} {path}: {body}");
            assert_ne!(body["type"], "urn:redial:problem:no-route", "{method} {path}");
            asked += 1;
        }
    }
    assert!(asked > 20, "{asked}");
    // Ten wrong tokens a minute are answered as such; so each gateway is asked for ten paths.
    let paths: Vec<String> = document["paths"].as_object().unwrap().keys().cloned().collect();
    for paths in paths.chunks(10) {
        let desk = Desk::open().await;
        for path in paths.iter().map(|path| path.replace("{id}", "u_nobody").replace("{seq}", "7")) {
            let response = desk.client.get(desk.url(&path)).send().await.unwrap();
            assert_eq!(response.headers()["www-authenticate"], "Bearer realm=\"redial\"");
            assert_eq!(desk.answer("GET", &path, response).await.0, 401, "{path}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_whole_token_opens_and_no_web_page_gets_in() {
    let desk = Desk::open().await;
    let longer = format!("{TOKEN}0");
    let wrong = ["", "Bearer", "Bearer ", &format!("Bearer {}", &TOKEN[..31]), &format!("Bearer {longer}"), TOKEN];
    for header in wrong {
        let request = desk.client.get(desk.url("/callers")).header("Authorization", header);
        assert_eq!(answer(request.send().await.unwrap()).await.0, 401, "{header}");
    }
    let twice = desk.client.get(desk.url("/callers")).bearer_auth(TOKEN).bearer_auth("other");
    assert_eq!(answer(twice.send().await.unwrap()).await.0, 401);
    let page = desk.client.get(desk.url("/callers")).bearer_auth(TOKEN).header("Origin", "http://localhost");
    assert_eq!(desk.answer("GET", "/callers", page.send().await.unwrap()).await.0, 403);
    let mut refused = 0;
    for _ in 0..20 {
        let (status, _) = answer(desk.client.get(desk.url("/x")).bearer_auth("guess").send().await.unwrap()).await;
        refused += usize::from(status == 429);
    }
    assert!(refused >= 15, "{refused}");
    assert_eq!(desk.get("/callers").await.0, 200, "who has the token is not locked out");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sent_wrongly_is_said_and_not_repeated() {
    let desk = Desk::open().await;
    let post = |path: &'static str, body: &str| {
        let request = desk.client.post(desk.url(path)).bearer_auth(TOKEN).body(body.to_owned());
        let desk = &desk;
        async move { desk.answer("POST", path, request.send().await.unwrap()).await }
    };
    for body in ["", "{", "[]", "{\"caller\": 14155550147}", "{\"number\": \"+14155550147\"}", "\"+14155550147\""] {
        let (status, problem) = post("/callers/forget", body).await;
        assert_eq!(status, 400, "{body}");
        assert!(problem["detail"].as_str().unwrap().contains("caller"), "{problem}");
    }
    for body in ["{\"caller\": \"*\"}", "{\"caller\": \"+1415555012\\u0000\"}", "{\"caller\": \"anonymous\"}"] {
        assert_eq!(post("/callers/forget", body).await.0, 400, "{body}");
    }
    let large = format!("{{\"caller\": \"{}\"}}", "1".repeat(70_000));
    assert_eq!(post("/callers/forget", &large).await.0, 413);
    for (path, expected) in [
        ("/callers/+14155550147", 400),
        ("/callers/%2B14155550147", 400),
        ("/callers/..%2f..%2fetc", 400),
        ("/callers/%ff", 400),
        ("/sessions/a:b", 400),
        ("/dead/x", 400),
        ("/callers?limit=0", 400),
        ("/callers?limit=x", 400),
        ("/callers?after=a:b", 400),
        ("/nothing", 404),
        ("/callers/u_nobody", 404),
    ] {
        let (status, problem) = desk.get(path).await;
        assert_eq!(status, expected, "{path}: {problem}");
    }
    assert_eq!(desk.ask(Method::DELETE, "/callers", None).await.0, 405);
    let request = desk.client.delete(desk.url("/callers")).bearer_auth(TOKEN);
    assert_eq!(request.send().await.unwrap().headers()["allow"], "GET,HEAD", "which methods there are is said");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_sends_no_token_is_told_so_each_time_and_who_guesses_is_slowed_down() {
    let desk = Desk::open().await;
    for _ in 0..30 {
        let response = desk.client.get(desk.url("/calls")).send().await.unwrap();
        assert_eq!(response.headers()["www-authenticate"], "Bearer realm=\"redial\"");
        assert_eq!(answer(response).await.0, 401);
    }
    let guess = desk.client.get(desk.url("/calls")).bearer_auth("guess").send().await.unwrap();
    assert!(guess.headers()["retry-after"].to_str().unwrap().parse::<u64>().unwrap() >= 1);
    assert_eq!(desk.answer("GET", "/calls", guess).await.0, 429);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_delivered_is_shown_queued_again_and_dropped() {
    let desk = Desk::open().await;
    let file = rusqlite::Connection::open(desk.gateway.dir.path().join("redial.sqlite")).unwrap();
    let put_aside = "INSERT INTO dead (seq, kind, uid, hash, sid, body, reason, parked)
                     VALUES (?1, 'erase', 'u_nobody', NULL, '', ?2, 'was refused', 1750000000000)";
    file.execute(put_aside, (7, "{}")).unwrap();
    file.execute(put_aside, (-1, "no JSON")).unwrap();
    let (_, listed) = desk.get("/dead").await;
    assert_eq!(listed["dead"].as_array().unwrap().len(), 2, "{listed}");
    assert_eq!(desk.get("/dead?limit=1").await.1["dead"].as_array().unwrap().len(), 1);
    assert_eq!(desk.get("/dead/7").await.1["document"], json!({}));
    assert_eq!(desk.get("/dead/-1").await.1["document"], "no JSON");
    assert_eq!(desk.ask(Method::POST, "/dead/7/retry", None).await, (200, json!({ "queued": true })));
    assert_eq!(desk.ask(Method::DELETE, "/dead/-1", None).await, (200, json!({ "dropped": true })));
    for (method, path) in [(Method::POST, "/dead/7/retry"), (Method::DELETE, "/dead/-1"), (Method::GET, "/dead/7")] {
        assert_eq!(desk.ask(method, path, None).await.0, 404, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_not_as_described_is_noticed() {
    let desk = Desk::open().await;
    let (status, check) = desk.get("/memory").await;
    let faults = |path: &str, change: fn(&mut Value)| {
        let mut body = check.clone();
        change(&mut body);
        let answer = Answer { status, content_type: "application/json", headers: &[], body: &body };
        desk.document.faults("GET", path, &answer).expect("it is described")
    };
    assert_eq!(faults("/memory", |_| ()), Vec::<String>::new());
    let changes: [fn(&mut Value); 5] = [
        |body| body["more"] = json!(1),
        |body| body["spool"]["more"] = json!(1),
        |body| _ = body.as_object_mut().unwrap().remove("kind"),
        |body| body["healthy"] = json!("yes"),
        |body| body["spool"]["dead"] = json!(-1),
    ];
    for change in changes {
        assert_eq!(faults("/memory", change).len(), 1);
    }
    assert!(!faults("/outbox", |_| ()).is_empty(), "the answer of another operation");
}

#[tokio::test(flavor = "multi_thread")]
async fn live_calls_and_memory_are_shown() {
    let desk = Desk::open().await;
    let sid = call_sid();
    let mut socket = desk.gateway.stream(&sid, ANA).await;
    socket.expect("media").await;
    let (_, calls) = desk.get("/calls").await;
    assert_eq!((&calls["calls"][0]["call_sid"], &calls["calls"][0]["state"]), (&json!(sid), &json!("live")));
    let (_, check) = desk.get("/memory").await;
    assert_eq!((&check["kind"], &check["spool"]["open_calls"]), (&json!("sqlite"), &json!(1)));
    assert_eq!(desk.ask(Method::DELETE, &format!("/sessions/{sid}"), None).await.0, 409);
    assert_eq!(desk.ask(Method::POST, "/memory/selftest", None).await.1["passed"], true);
    assert_eq!(desk.get("/outbox").await, (200, json!({ "waiting": [] })));
    assert_eq!(desk.get("/dead").await, (200, json!({ "dead": [] })));
    // None of it is on the port of the carrier.
    let url = desk.gateway.url("/api/v1/calls");
    assert_eq!(desk.client.get(url).bearer_auth(TOKEN).send().await.unwrap().status(), 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_gateway_takes_the_port_over_once_it_is_free() {
    let first = Desk::open().await;
    let address = first.gateway.gateway.admin_address().unwrap();
    let setup = Setup::hearing(["Hello."]).var("ADMIN_ADDR", &address.to_string());
    let second = setup.start().await;
    assert_eq!(second.gateway.admin_address(), None);
    let made = second.gateway.generated_admin_token().unwrap();
    let token = secrecy::ExposeSecret::expose_secret(made).to_owned();
    assert_eq!(token.len(), 64);
    first.gateway.gateway.shut_down(Duration::from_secs(1), RunningCalls::HandOver).await;
    let deadline = std::time::Instant::now() + Duration::from_secs(15);
    while second.gateway.admin_address() != Some(address) {
        assert!(std::time::Instant::now() < deadline, "the port is not taken over");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let response = first.client.get(format!("http://{address}/api/v1/calls")).bearer_auth(token).send().await.unwrap();
    assert_eq!(answer(response).await.0, 200);
}
