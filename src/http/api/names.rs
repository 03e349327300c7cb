//! What requests name: people, calls, entries. What the document says of these texts is what `operations` and the guard of
//! paths accept of them.

use serde::Deserialize;
use utoipa::openapi::schema::{AnyOfBuilder, Object, ObjectBuilder, Schema, Type};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};

/// A user id: `u_…` or `anon_…` as this program makes them, or one that was imported. Never what could be a number.
#[derive(Deserialize, ToSchema)]
#[schema(
    min_length = 1,
    max_length = 128,
    pattern = "^([0-9._-]*[A-Za-z][A-Za-z0-9._-]*|[._-]*([0-9][._-]*){0,4})$",
    examples("u_2f4c9a7e51b04d0c8f6a3b1e7d905c42")
)]
pub(super) struct UserId(pub(super) String);

/// The call's id, which is the carrier's; `CA….2` for a second leg.
#[derive(Deserialize, ToSchema)]
#[schema(
    min_length = 1,
    max_length = 128,
    pattern = "^[A-Za-z0-9._-]+$",
    examples("CA0a1b2c3d4e5f60718293a4b5c6d7e8f9")
)]
pub(super) struct SessionId(pub(super) String);

/// The number of an entry; of what was put aside without having been in the outbox, below 0.
#[derive(Deserialize, ToSchema)]
#[schema(minimum = -9223372036854775808i64, maximum = 9223372036854775807i64)]
pub(super) struct Seq(pub(super) i64);

/// A number, or a SIP or client address.
#[derive(Deserialize)]
pub(super) struct Line(pub(super) String);

/// A number, a SIP or client address, or a user id.
#[derive(Deserialize)]
pub(super) struct Who(pub(super) String);

impl PartialSchema for Line {
    fn schema() -> RefOr<Schema> {
        let number = text("A number with its country code", r"^ *\+[1-9][0-9]{6,14} *$").examples(["+14155550123"]);
        let sip =
            text("A SIP address", r"^ *sips?:[A-Za-z0-9._-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63}){1,2} *$");
        let client = text("The name of a client of the carrier's", "^ *client:[A-Za-z0-9._-]{1,128} *$");
        AnyOfBuilder::new()
            .description(Some("A number, or a SIP or client address. Spaces around it do not matter."))
            .item(number)
            .item(sip.max_length(Some(256)).examples(["sip:bob@example.com"]))
            .item(client.examples(["client:bob"]))
            .into()
    }
}

impl ToSchema for Line {}

impl PartialSchema for Who {
    fn schema() -> RefOr<Schema> {
        let user_id =
            text("A user id", r"^ *([0-9._-]*[A-Za-z][A-Za-z0-9._-]*|[._-]+([0-9][._-]*){0,4}|([0-9][._-]*){1,4}) *$");
        AnyOfBuilder::new()
            .description(Some("A number, a SIP or client address, or a user id. Spaces around it do not matter."))
            .item(Ref::from_schema_name(Line::name()))
            .item(user_id.max_length(Some(256)))
            .into()
    }
}

impl ToSchema for Who {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((Line::name().into_owned(), Line::schema()));
    }
}

fn text(about: &str, pattern: &str) -> ObjectBuilder {
    Object::builder().schema_type(Type::String).description(Some(about)).pattern(Some(pattern))
}
