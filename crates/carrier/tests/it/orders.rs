//! Orders about a call: which call, by whom, and what an answer means.

use http::StatusCode;
use redial_call::CallId;
use redial_carrier::control::{NotDone, Order};
use url::Url;

use crate::peer::{CALL, OTHER_CALL, Peer};

pub(crate) fn an_order_names_its_call_and_is_believed(peer: &dyn Peer) {
    let carrier = peer.carrier();
    let Some(control) = carrier.control() else { return assert!(!peer.takes_orders()) };
    let base = Url::parse(control.base()).unwrap();
    assert!(base.query().is_none() && base.username().is_empty(), "{base}");
    for call in [CALL, OTHER_CALL] {
        let request = control.request(Order::HangUp(&call.parse::<CallId>().unwrap()));
        assert_eq!(peer.hung_up(&request), call);
        assert!(request.authorization.is_sensitive(), "it would be logged");
        assert!(request.path.iter().all(|segment| !segment.is_empty() && segment != ".."), "{:?}", request.path);
    }
}

pub(crate) fn an_answer_says_whether_it_was_done(peer: &dyn Peer) {
    let carrier = peer.carrier();
    let Some(control) = carrier.control() else { return assert!(!peer.takes_orders()) };
    for (status, outcome) in [
        (StatusCode::OK, Ok(())),
        (StatusCode::NO_CONTENT, Ok(())),
        (StatusCode::NOT_FOUND, Err(NotDone::Gone)),
        (StatusCode::UNAUTHORIZED, Err(NotDone::Unauthorized)),
        (StatusCode::TOO_MANY_REQUESTS, Err(NotDone::Later(StatusCode::TOO_MANY_REQUESTS))),
        (StatusCode::BAD_GATEWAY, Err(NotDone::Later(StatusCode::BAD_GATEWAY))),
        (StatusCode::BAD_REQUEST, Err(NotDone::Declined(StatusCode::BAD_REQUEST))),
    ] {
        for body in ["", "{}", "null", "[21220]", r#"{"code":"21220"}"#, "<html>"] {
            assert_eq!(control.read(status, body.as_bytes()), outcome, "{status} {body}");
        }
    }
    if let Some(gone) = peer.gone() {
        assert_eq!(control.read(StatusCode::BAD_REQUEST, &gone), Err(NotDone::Gone));
    }
}
