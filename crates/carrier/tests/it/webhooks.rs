//! Webhooks: who is believed, what is read, what is answered.

use redial_carrier::webhook::{Answer, Document, Refused};

use crate::peer::{Answered, CALL, Fields, Hook, Peer, STREAM_URL};

fn hooks(peer: &dyn Peer) -> [Hook; 2] {
    [peer.hook(&peer.call(CALL, "+14155550123", false)), peer.hook(&peer.status(CALL, true))]
}

/// Whether either of the webhooks that a signature opens takes this.
fn is_stranger(peer: &dyn Peer, hook: &Hook) -> bool {
    let carrier = peer.carrier();
    let refused =
        [carrier.webhook().call(hook.request()).map(|_| ()), carrier.webhook().status(hook.request()).map(|_| ())];
    refused.iter().all(|refused| matches!(refused, Err(Refused::Stranger(_))))
}

pub(crate) fn without_a_signature_nothing_is_believed(peer: &dyn Peer) {
    let carrier = peer.carrier();
    let webhook = carrier.webhook();
    for hook in hooks(peer) {
        assert!(webhook.is_signed(&hook.headers));
        assert_eq!(webhook.look_at(&hook.headers), Ok(()));
        let mut bare = hook.clone();
        bare.headers.remove(peer.signature());
        assert!(!webhook.is_signed(&bare.headers));
        assert!(matches!(webhook.look_at(&bare.headers), Err(Refused::Stranger(_))), "a body would be read");
        assert!(is_stranger(peer, &bare));
        for junk in ["", "junk", &"0".repeat(1000), "ÿ"] {
            let mut junky = hook.clone();
            junky.headers.insert(peer.signature(), http::HeaderValue::from_bytes(junk.as_bytes()).unwrap());
            assert!(matches!(webhook.look_at(&junky.headers), Err(Refused::Stranger(_))), "{junk:?}");
            assert!(is_stranger(peer, &junky), "{junk:?}");
        }
    }
    let mut upgrade = peer.upgrade();
    assert_eq!(webhook.look_at(&upgrade), Ok(()));
    assert_eq!(webhook.verify_stream(STREAM_URL, "", &upgrade), Ok(()));
    upgrade.remove(peer.signature());
    assert!(matches!(webhook.look_at(&upgrade), Err(Refused::Stranger(_))));
    assert!(matches!(webhook.verify_stream(STREAM_URL, "", &upgrade), Err(Refused::Stranger(_))));
}

pub(crate) fn a_signature_is_good_for_what_was_signed_only(peer: &dyn Peer) {
    let carrier = peer.carrier();
    let webhook = carrier.webhook();
    let [call, status] = hooks(peer);
    for (signed, other) in [(&call, &status), (&status, &call)] {
        let mixed = Hook { headers: signed.headers.clone(), body: other.body.clone() };
        assert!(is_stranger(peer, &mixed));
        for at in 0..signed.body.len() {
            let mut changed = signed.clone();
            // Letters and digits, so that it is another field rather than none.
            if changed.body[at].is_ascii_alphanumeric() {
                changed.body[at] = if changed.body[at] == b'0' { b'1' } else { b'0' };
                assert!(is_stranger(peer, &changed), "byte {at}");
            }
        }
    }
    let upgrade = peer.upgrade();
    for url in ["wss://gw.example.com/media-streak", "wss://gw2.example.com/media-stream"] {
        assert!(matches!(webhook.verify_stream(url, "", &upgrade), Err(Refused::Stranger(_))), "{url}");
    }
    assert!(matches!(webhook.verify_stream(STREAM_URL, "a=b", &upgrade), Err(Refused::Stranger(_))));
    assert!(matches!(webhook.verify_stream(STREAM_URL, "", &call.headers), Err(Refused::Stranger(_))));
}

pub(crate) fn a_call_is_read(peer: &dyn Peer) {
    let carrier = peer.carrier();
    for from in ["+14155550123", "anonymous", "", "sip:zoë&co@example.com"] {
        for is_answered in [false, true] {
            let hook = peer.hook(&peer.call(CALL, from, is_answered));
            let call = carrier.webhook().call(hook.request()).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!((call.call.as_str(), call.from.as_str()), (CALL, from));
            assert_eq!(call.is_answered, is_answered);
        }
    }
}

pub(crate) fn the_end_of_a_call_is_told_from_other_states(peer: &dyn Peer) {
    let carrier = peer.carrier();
    for (is_over, expected) in [(true, Some(CALL)), (false, None)] {
        let hook = peer.hook(&peer.status(CALL, is_over));
        let over = carrier.webhook().status(hook.request()).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(over.as_ref().map(|call| call.as_str()), expected);
    }
}

pub(crate) fn a_body_that_is_no_webhook_is_refused(peer: &dyn Peer) {
    let carrier = peer.carrier();
    let webhook = carrier.webhook();
    let fields = peer.call(CALL, "+14155550123", false);
    let of_call = fields.iter().position(|(_, value)| value == CALL).unwrap();
    let without: Fields = fields.iter().filter(|(_, value)| value != CALL).cloned().collect();
    let mut wrong = fields.clone();
    wrong[of_call].1 = "two words".to_owned();
    for fields in [without, wrong] {
        let hook = peer.hook(&fields);
        assert!(matches!(webhook.call(hook.request()), Err(Refused::Malformed(_))));
        assert!(matches!(webhook.status(hook.request()), Err(Refused::Malformed(_))));
    }
    // Whose call it is must not depend on which of two is read.
    let mut twice = fields.clone();
    twice.push(fields[of_call].clone());
    assert!(matches!(webhook.call(peer.hook(&twice).request()), Err(Refused::Malformed(_))));
    let mut other_type = peer.hook(&fields);
    other_type.headers.insert("content-type", "text/plain".parse().unwrap());
    assert!(matches!(webhook.call(other_type.request()), Err(Refused::WrongType(_))));
}

fn written(peer: &dyn Peer, answer: Answer<'_>) -> Document {
    peer.carrier().webhook().answer(answer).unwrap_or_else(|error| panic!("{error}"))
}

pub(crate) fn answers_are_written_and_read_back(peer: &dyn Peer) {
    let connect = Answer::Connect {
        stream_url: STREAM_URL,
        parameters: &[("token", "v1.aB-_9"), ("tenant", "\"acme\" & <co>, Zoë")],
        resume_url: "https://gw.example.com/voice/resume?a=1&b=2",
    };
    let expected = Answered::Connect {
        stream_url: STREAM_URL.to_owned(),
        parameters: crate::peer::fields([("tenant", "\"acme\" & <co>, Zoë"), ("token", "v1.aB-_9")]),
        resume_url: "https://gw.example.com/voice/resume?a=1&b=2".to_owned(),
    };
    let sorted = |answered| match answered {
        Answered::Connect { stream_url, mut parameters, resume_url } => {
            parameters.sort();
            Answered::Connect { stream_url, parameters, resume_url }
        }
        other => other,
    };
    assert_eq!(sorted(peer.answered(&written(peer, connect))), expected);
    let sentence = "We're closed: \"call\" again <tomorrow> & thank you, Zoë.";
    for (answer, expected) in [
        (Answer::Busy, Answered::Busy),
        (Answer::Say(sentence), Answered::Say(sentence.to_owned())),
        (Answer::HangUp, Answered::HangUp),
    ] {
        assert_eq!(peer.answered(&written(peer, answer)), expected);
    }
}

pub(crate) fn an_answer_that_the_carrier_would_not_take_is_not_written(peer: &dyn Peer) {
    let long = "x".repeat(600);
    let connect = Answer::Connect { stream_url: STREAM_URL, parameters: &[("token", &long)], resume_url: "https://x/" };
    let error = peer.carrier().webhook().answer(connect).expect_err("a parameter of 600 characters is too long");
    assert!(!error.to_string().contains("xxx"), "{error}");
    // The longest token that the gateway makes has 490.
    let token = "x".repeat(490);
    let connect =
        Answer::Connect { stream_url: STREAM_URL, parameters: &[("token", &token)], resume_url: "https://x/" };
    assert!(peer.carrier().webhook().answer(connect).is_ok());
}
