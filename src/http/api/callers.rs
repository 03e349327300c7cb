//! Callers. A number is sent in a body only: paths are logged by whatever stands in between.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use redial_memory::model::Profile;
use serde::Deserialize;

use super::body::{Body, Named, PageQuery, Shape};
use super::context::{Actor, Api};
use super::problem::Problem;
use crate::operations::{OperationError, Subject};

/// One person.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct One {
    caller: String,
}

impl Shape for One {
    const SHAPE: &str = r#"{"caller": "+14155550123"} or {"caller": "u_…"}"#;
}

/// Two who are one.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Two {
    from: String,
    into: String,
}

impl Shape for Two {
    const SHAPE: &str = r#"{"from": "+14155550123", "into": "u_…"}, each a number or a user id"#;
}

/// A profile in the place of another one.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewProfile {
    revision: u64,
    profile: Profile,
}

impl Shape for NewProfile {
    const SHAPE: &str = r#"{"revision": 3, "profile": {…}} as GET has answered it"#;
}

/// `GET /callers`.
pub(super) async fn list(State(api): State<Arc<Api>>, actor: Actor, page: PageQuery) -> Response {
    let callers = api.app.operations().callers(page.after, page.limit).await;
    actor.done("callers.list", "-", callers)
}

/// `POST /callers/find`: whom a number leads to.
pub(super) async fn find(State(api): State<Arc<Api>>, actor: Actor, Body(One { caller }): Body<One>) -> Response {
    match api.app.operations().subject(&caller) {
        Ok(subject) => shown(&api, &actor, &subject).await,
        Err(error) => actor.done("callers.show", "-", Err::<(), _>(error)),
    }
}

/// `GET /callers/{id}`.
pub(super) async fn show(State(api): State<Arc<Api>>, actor: Actor, Named(id): Named<String>) -> Response {
    match by_id(&api, &id) {
        Ok(subject) => shown(&api, &actor, &subject).await,
        Err(error) => actor.done("callers.show", "-", Err::<(), _>(error)),
    }
}

async fn shown(api: &Api, actor: &Actor, subject: &Subject) -> Response {
    let operations = api.app.operations();
    actor.done("callers.show", &operations.pseudonym(subject), operations.show(subject).await)
}

/// `GET /callers/{id}/why`.
pub(super) async fn why(State(api): State<Arc<Api>>, actor: Actor, Named(id): Named<String>) -> Response {
    let operations = api.app.operations();
    match by_id(&api, &id) {
        Ok(subject) => actor.done("callers.why", &operations.pseudonym(&subject), operations.why(&subject).await),
        Err(error) => actor.done("callers.why", "-", Err::<(), _>(error)),
    }
}

/// `GET /callers/{id}/export`.
pub(super) async fn export(State(api): State<Arc<Api>>, actor: Actor, Named(id): Named<String>) -> Response {
    let operations = api.app.operations();
    match by_id(&api, &id) {
        Ok(subject) => actor.done("callers.export", &operations.pseudonym(&subject), operations.export(&subject).await),
        Err(error) => actor.done("callers.export", "-", Err::<(), _>(error)),
    }
}

/// `POST /callers/forget`. 202 while something of it waits.
pub(super) async fn forget(State(api): State<Arc<Api>>, actor: Actor, Body(One { caller }): Body<One>) -> Response {
    let app = Arc::clone(&api.app);
    let erasure = to_the_end(async move {
        let operations = app.operations();
        let subject = match operations.subject(&caller) {
            Ok(subject) => subject,
            Err(error) => return ("-".to_owned(), Err(error)),
        };
        (operations.pseudonym(&subject), operations.forget(&subject).await)
    });
    let (subject, receipt) = match erasure.await {
        Ok(done) => done,
        Err(problem) => return actor.failed("callers.forget", problem),
    };
    let waits = receipt.as_ref().is_ok_and(|receipt| !receipt.complete);
    let status = if waits { StatusCode::ACCEPTED } else { StatusCode::OK };
    actor.done_with(status, "callers.forget", &subject, receipt)
}

/// `POST /callers/merge`.
pub(super) async fn merge(State(api): State<Arc<Api>>, actor: Actor, Body(Two { from, into }): Body<Two>) -> Response {
    let app = Arc::clone(&api.app);
    let merge = to_the_end(async move {
        let operations = app.operations();
        let (from, into) = match (operations.subject(&from), operations.subject(&into)) {
            (Ok(from), Ok(into)) => (from, into),
            (Err(error), _) | (_, Err(error)) => return ("-".to_owned(), Err(error)),
        };
        let subject = format!("{} into {}", operations.pseudonym(&from), operations.pseudonym(&into));
        (subject, operations.merge(&from, &into).await)
    });
    match merge.await {
        Ok((subject, merged)) => actor.done("callers.merge", &subject, merged),
        Err(problem) => actor.failed("callers.merge", problem),
    }
}

/// `POST /callers/split`.
pub(super) async fn split(State(api): State<Arc<Api>>, actor: Actor, Body(One { caller }): Body<One>) -> Response {
    let app = Arc::clone(&api.app);
    let split = to_the_end(async move {
        let operations = app.operations();
        match operations.subject(&caller) {
            Ok(subject) => (operations.pseudonym(&subject), operations.split(&subject).await),
            Err(error) => ("-".to_owned(), Err(error)),
        }
    });
    match split.await {
        Ok((subject, split)) => actor.done("callers.split", &subject, split),
        Err(problem) => actor.failed("callers.split", problem),
    }
}

/// `GET /callers/{id}/profile`: `load_user_profile`.
pub(super) async fn load_profile(State(api): State<Arc<Api>>, actor: Actor, Named(id): Named<String>) -> Response {
    let operations = api.app.operations();
    match operations.user_id(&id) {
        Ok(user) => {
            let subject = operations.pseudonym(&Subject::User(user.clone()));
            actor.done("callers.profile", &subject, operations.load_profile(&user).await)
        }
        Err(error) => actor.done("callers.profile", "-", Err::<(), _>(error)),
    }
}

/// `PUT /callers/{id}/profile`: `store_user_profile`.
pub(super) async fn store_profile(
    State(api): State<Arc<Api>>,
    actor: Actor,
    Named(id): Named<String>,
    Body(NewProfile { revision, profile }): Body<NewProfile>,
) -> Response {
    let operations = api.app.operations();
    match operations.user_id(&id) {
        Ok(user) => {
            let subject = operations.pseudonym(&Subject::User(user.clone()));
            let stored = operations.store_profile(&user, revision, &profile).await;
            let stored = stored.map(|revision| serde_json::json!({ "user_id": user.as_str(), "revision": revision }));
            actor.done("callers.change", &subject, stored)
        }
        Err(error) => actor.done("callers.change", "-", Err::<(), _>(error)),
    }
}

/// Does what must not stop half-way: to its end, also when whoever asked has hung up.
async fn to_the_end<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> Result<T, Problem> {
    tokio::spawn(work).await.map_err(|_| Problem::died())
}

fn by_id(api: &Api, id: &str) -> Result<Subject, OperationError> {
    api.app.operations().user_id(id).map(Subject::User)
}
