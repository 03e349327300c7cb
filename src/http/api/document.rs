//! What the API's document says beside its operations, which stand with their handlers.

use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::tag::{Tag, TagBuilder};
use utoipa::openapi::{ComponentsBuilder, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, Server};

use super::names::{Seq, SessionId, UserId};
use super::problem::{FromABrowser, Problem, Told, TooManyFailures, Unauthorized};

const ABOUT: &str = "People's rights and operators' hands. Every request needs the token; requests with an Origin header are \
                     refused, as no web page is meant. A number is sent in a body only, and is in no answer: callers are \
                     named by user ids. Every request leaves an audit line in the log.";

/// Before every path.
pub(super) const ROOT: &str = "/api/v1";

/// What an operation may be about, each with what is said of it.
pub(super) const CALLERS: &str = "callers";
pub(super) const CALLS: &str = "calls";
pub(super) const MEMORY: &str = "memory";
pub(super) const DOCUMENT: &str = "document";

/// The document, without operations yet.
pub(super) fn begun() -> OpenApi {
    let license = LicenseBuilder::new().name("MIT OR Apache-2.0").identifier(Some("MIT OR Apache-2.0")).build();
    let info = InfoBuilder::new()
        .title("Redial: the API of operators")
        .version("1")
        .description(Some(ABOUT))
        .license(Some(license));
    let token = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some("ADMIN_TOKEN")).build();
    let components = ComponentsBuilder::new()
        .security_scheme("token", SecurityScheme::Http(token))
        .schema_from::<Told>()
        // Those that only paths name are not found by themselves.
        .schema_from::<UserId>()
        .schema_from::<SessionId>()
        .schema_from::<Seq>()
        .response_from::<Problem>()
        .response_from::<Unauthorized>()
        .response_from::<FromABrowser>()
        .response_from::<TooManyFailures>();
    OpenApiBuilder::new()
        .info(info)
        .servers(Some([Server::new(ROOT)]))
        .tags(Some([
            tag(CALLERS, "People: what is remembered of them, and their rights"),
            tag(CALLS, "Calls that go on, and those that are over"),
            tag(MEMORY, "Memory itself: how it is, what waits, what cannot be delivered"),
            tag(DOCUMENT, "This document"),
        ]))
        .security(Some([SecurityRequirement::new("token", Vec::<String>::new())]))
        .components(Some(components.build()))
        .build()
}

fn tag(name: &str, about: &str) -> Tag {
    TagBuilder::new().name(name).description(Some(about)).build()
}
