//! Callers. A number is sent in a body only: paths are logged by whatever stands in between.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use redial_memory::model::Profile;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::body::{Body, Named, PageQuery, Shape};
use super::context::{Actor, Api};
use super::document::CALLERS;
use super::guard::Guarded;
use super::names::{Line, UserId, Who};
use super::problem::Problem;
use crate::operations::{
    CallerView, Callers, Export, Merged, OperationError, Receipt, Split, StoredProfile, Subject, Why,
};

/// One person.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct One {
    /// Who is meant.
    caller: Who,
}

impl Shape for One {
    const SHAPE: &str = r#"{"caller": "+14155550123"} or {"caller": "u_…"}"#;
}

/// One number.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OneLine {
    /// Which number is meant.
    caller: Line,
}

impl Shape for OneLine {
    const SHAPE: &str = r#"{"caller": "+14155550123"}"#;
}

/// Two who are one.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Two {
    /// Who is to go.
    from: Who,
    /// Who is to stay.
    into: Who,
}

impl Shape for Two {
    const SHAPE: &str = r#"{"from": "+14155550123", "into": "u_…"}, each a number or a user id"#;
}

/// A profile in the place of another one.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewProfile {
    /// The revision that was loaded.
    #[schema(maximum = 9007199254740991i64)]
    revision: u64,
    /// The profile that is to be there.
    profile: Profile,
}

impl Shape for NewProfile {
    const SHAPE: &str = r#"{"revision": 3, "profile": {…}} as GET has answered it"#;
}

/// A profile that was put in the place of another one.
#[derive(Serialize, ToSchema)]
pub(super) struct NewRevision {
    /// Whose: the user id, `u_…` or `anon_…`.
    user_id: String,
    /// The revision that it has now.
    revision: u64,
}

/// Who is remembered.
///
/// In no order. Callers who come or go while pages are asked for may be missed, those who stay are not.
#[utoipa::path(
    get,
    path = "/callers",
    operation_id = "listCallers",
    tag = CALLERS,
    params(PageQuery),
    responses(
        (status = 200, description = "A page", body = Callers),
        PageQuery,
        Guarded,
    )
)]
pub(super) async fn list(State(api): State<Arc<Api>>, actor: Actor, page: PageQuery) -> Response {
    let callers = api.app.operations().callers(page.after, page.limit).await;
    actor.done("callers.list", "-", callers)
}

/// Whom a number leads to.
///
/// A POST, so that the number is in no URL and no log.
#[utoipa::path(
    post,
    path = "/callers/find",
    operation_id = "findCaller",
    tag = CALLERS,
    request_body = One,
    responses(
        (status = 200, description = "The caller", body = CallerView),
        (status = 404, response = Problem),
        Body<One>,
        Guarded,
    )
)]
pub(super) async fn find(State(api): State<Arc<Api>>, actor: Actor, Body(One { caller }): Body<One>) -> Response {
    match api.app.operations().subject(&caller.0) {
        Ok(subject) => shown(&api, &actor, &subject).await,
        Err(error) => actor.done("callers.show", "-", Err::<(), _>(error)),
    }
}

/// What is remembered of one caller.
///
/// Also of somebody of whom only finished calls are held.
#[utoipa::path(
    get,
    path = "/callers/{id}",
    operation_id = "showCaller",
    tag = CALLERS,
    params(("id" = UserId, Path, description = "A user id; never a number")),
    responses(
        (status = 200, description = "The caller", body = CallerView),
        (status = 404, response = Problem),
        Named<UserId>,
        Guarded,
    )
)]
pub(super) async fn show(State(api): State<Arc<Api>>, actor: Actor, Named(id): Named<UserId>) -> Response {
    match by_id(&api, &id) {
        Ok(subject) => shown(&api, &actor, &subject).await,
        Err(error) => actor.done("callers.show", "-", Err::<(), _>(error)),
    }
}

async fn shown(api: &Api, actor: &Actor, subject: &Subject) -> Response {
    let operations = api.app.operations();
    actor.done("callers.show", &operations.pseudonym(subject), operations.show(subject).await)
}

/// Where each remembered thing comes from.
///
/// For each remembered thing, the calls and turns that it was taken from, with the words while they are held.
#[utoipa::path(
    get,
    path = "/callers/{id}/why",
    operation_id = "explainCaller",
    tag = CALLERS,
    params(("id" = UserId, Path, description = "A user id; never a number")),
    responses(
        (status = 200, description = "Everything remembered, with receipts", body = Why),
        (status = 404, response = Problem),
        (status = 409, response = Problem),
        Named<UserId>,
        Guarded,
    )
)]
pub(super) async fn why(State(api): State<Arc<Api>>, actor: Actor, Named(id): Named<UserId>) -> Response {
    let operations = api.app.operations();
    match by_id(&api, &id) {
        Ok(subject) => actor.done("callers.why", &operations.pseudonym(&subject), operations.why(&subject).await),
        Err(error) => actor.done("callers.why", "-", Err::<(), _>(error)),
    }
}

/// Everything that is held of a person.
///
/// In the store, the archive, and on this machine's disk: journal, outbox, call logs. Answered whole or not at all.
#[utoipa::path(
    get,
    path = "/callers/{id}/export",
    operation_id = "exportCaller",
    tag = CALLERS,
    params(("id" = UserId, Path, description = "A user id; never a number")),
    responses(
        (status = 200, description = "All of it", body = Export),
        (status = 404, response = Problem),
        (status = 503, response = Problem),
        Named<UserId>,
        Guarded,
    )
)]
pub(super) async fn export(State(api): State<Arc<Api>>, actor: Actor, Named(id): Named<UserId>) -> Response {
    let operations = api.app.operations();
    match by_id(&api, &id) {
        Ok(subject) => actor.done("callers.export", &operations.pseudonym(&subject), operations.export(&subject).await),
        Err(error) => actor.done("callers.export", "-", Err::<(), _>(error)),
    }
}

/// Erase a person.
///
/// Live calls, journal, outbox, call logs, store and archive. On this machine's disk before it is answered: neither
/// a crash nor a store that is away undoes it. By a number, whoever it leads to is erased, under all their numbers.
/// Repeated, it erases what is left.
#[utoipa::path(
    post,
    path = "/callers/forget",
    operation_id = "forgetCaller",
    tag = CALLERS,
    request_body = One,
    responses(
        (status = 200, description = "Everything that is reached is erased", body = Receipt),
        (status = 202, description = "A part of it waits, or was left: the receipt says which", body = Receipt),
        (status = 503, response = Problem),
        Body<One>,
        Guarded,
    )
)]
pub(super) async fn forget(State(api): State<Arc<Api>>, actor: Actor, Body(One { caller }): Body<One>) -> Response {
    let app = Arc::clone(&api.app);
    let erasure = to_the_end(async move {
        let operations = app.operations();
        let subject = match operations.subject(&caller.0) {
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

/// Make two callers one.
///
/// Numbers, calls and what is remembered of `from` go to `into`.
#[utoipa::path(
    post,
    path = "/callers/merge",
    operation_id = "mergeCallers",
    tag = CALLERS,
    request_body = Two,
    responses(
        (status = 200, description = "Who is left", body = Merged),
        (status = 404, response = Problem),
        (status = 409, response = Problem),
        Body<Two>,
        Guarded,
    )
)]
pub(super) async fn merge(State(api): State<Arc<Api>>, actor: Actor, Body(Two { from, into }): Body<Two>) -> Response {
    let app = Arc::clone(&api.app);
    let merge = to_the_end(async move {
        let operations = app.operations();
        let (from, into) = match (operations.subject(&from.0), operations.subject(&into.0)) {
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

/// Let a number be somebody new.
///
/// For a number that was given to somebody else. What is remembered of the former user is left to expire.
#[utoipa::path(
    post,
    path = "/callers/split",
    operation_id = "splitNumber",
    tag = CALLERS,
    request_body = OneLine,
    responses(
        (status = 200, description = "Whom it leads to now", body = Split),
        (status = 404, response = Problem),
        Body<OneLine>,
        Guarded,
    )
)]
pub(super) async fn split(
    State(api): State<Arc<Api>>,
    actor: Actor,
    Body(OneLine { caller }): Body<OneLine>,
) -> Response {
    let app = Arc::clone(&api.app);
    let split = to_the_end(async move {
        let operations = app.operations();
        match operations.subject(&caller.0) {
            Ok(subject) => (operations.pseudonym(&subject), operations.split(&subject).await),
            Err(error) => ("-".to_owned(), Err(error)),
        }
    });
    match split.await {
        Ok((subject, split)) => actor.done("callers.split", &subject, split),
        Err(problem) => actor.failed("callers.split", problem),
    }
}

/// Load a profile.
///
/// `load_user_profile` of older deployments.
#[utoipa::path(
    get,
    path = "/callers/{id}/profile",
    operation_id = "loadUserProfile",
    tag = CALLERS,
    params(("id" = UserId, Path, description = "A user id; never a number")),
    responses(
        (status = 200, description = "The profile; {} for somebody who is not known", body = StoredProfile),
        (status = 409, response = Problem),
        Named<UserId>,
        Guarded,
    )
)]
pub(super) async fn load_profile(State(api): State<Arc<Api>>, actor: Actor, Named(id): Named<UserId>) -> Response {
    let operations = api.app.operations();
    match operations.user_id(&id.0) {
        Ok(user) => {
            let subject = operations.pseudonym(&Subject::User(user.clone()));
            actor.done("callers.profile", &subject, operations.load_profile(&user).await)
        }
        Err(error) => actor.done("callers.profile", "-", Err::<(), _>(error)),
    }
}

/// Put a profile in the place of another one.
///
/// `store_user_profile` of older deployments. `revision` is the one that was loaded: who changed the profile
/// meanwhile is not overwritten. Makes nobody. Beyond what the schema can say: a name must be one that can be said
/// aloud, title-cased; the whole is at most 16 KiB.
#[utoipa::path(
    put,
    path = "/callers/{id}/profile",
    operation_id = "storeUserProfile",
    tag = CALLERS,
    params(("id" = UserId, Path, description = "A user id; never a number")),
    request_body = NewProfile,
    responses(
        (status = 200, description = "Its new revision", body = NewRevision),
        (status = 404, response = Problem),
        (status = 409, response = Problem),
        Body<NewProfile>,
        Guarded,
    )
)]
pub(super) async fn store_profile(
    State(api): State<Arc<Api>>,
    actor: Actor,
    Named(id): Named<UserId>,
    Body(NewProfile { revision, profile }): Body<NewProfile>,
) -> Response {
    let operations = api.app.operations();
    match operations.user_id(&id.0) {
        Ok(user) => {
            let subject = operations.pseudonym(&Subject::User(user.clone()));
            let stored = operations.store_profile(&user, revision, &profile).await;
            let stored = stored.map(|revision| NewRevision { user_id: user.as_str().to_owned(), revision });
            actor.done("callers.change", &subject, stored)
        }
        Err(error) => actor.done("callers.change", "-", Err::<(), _>(error)),
    }
}

/// Does what must not stop half-way: to its end, also when whoever asked has hung up.
async fn to_the_end<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> Result<T, Problem> {
    tokio::spawn(work).await.map_err(|_| Problem::died())
}

fn by_id(api: &Api, id: &UserId) -> Result<Subject, OperationError> {
    api.app.operations().user_id(&id.0).map(Subject::User)
}
