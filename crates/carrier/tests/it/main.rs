//! The conformance suite of carriers. A guest is a [`peer::Peer`] and a line at the end of this file (`docs/carriers.md`).
#![allow(clippy::unwrap_used, reason = "a test may")]

mod audio;
mod hostile;
mod orders;
mod peer;
mod peers;
mod sound;
mod stream;
mod webhooks;
mod words;

/// A test of each case, for one guest.
macro_rules! cases {
    ($guest:ident, $peer:expr, $($module:ident::$case:ident),* $(,)?) => {
        mod $guest {
            $(
                #[test]
                fn $case() {
                    crate::$module::$case(&$peer);
                }
            )*
        }
    };
}

/// What every guest has to pass, and what those of its medium have to.
macro_rules! guest {
    ($guest:ident, $peer:expr, $($of_medium:ident::$case:ident),* $(,)?) => {
        cases! {
            $guest,
            $peer,
            stream::a_start_tells_call_stream_and_parameters,
            stream::a_second_start_of_the_same_call_changes_nothing,
            stream::a_second_start_of_another_call_or_stream_is_told_from_that,
            stream::a_start_without_a_call_or_with_too_many_parameters_is_refused,
            stream::keys_are_read,
            stream::the_end_is_read,
            stream::nothing_is_written_before_the_start,
            stream::what_a_line_can_do_is_written_and_nothing_else,
            hostile::no_message_panics_or_becomes_more_than_it_was,
            hostile::a_message_that_is_too_large_is_refused,
            hostile::no_body_of_a_webhook_panics,
            hostile::errors_of_a_stream_never_repeat_what_the_peer_sent,
            hostile::refusals_of_a_webhook_never_repeat_what_the_peer_sent,
            webhooks::without_a_signature_nothing_is_believed,
            webhooks::a_signature_is_good_for_what_was_signed_only,
            webhooks::a_call_is_read,
            webhooks::the_end_of_a_call_is_told_from_other_states,
            webhooks::a_body_that_is_no_webhook_is_refused,
            webhooks::answers_are_written_and_read_back,
            webhooks::an_answer_that_the_carrier_would_not_take_is_not_written,
            orders::an_order_names_its_call_and_is_believed,
            orders::an_answer_says_whether_it_was_done,
            $($of_medium::$case,)*
        }
    };
}

macro_rules! guest_of_audio {
    ($guest:ident, $peer:expr) => {
        guest! {
            $guest,
            $peer,
            audio::what_the_caller_says_arrives_whole_and_in_order,
            audio::how_the_callers_audio_is_cut_changes_nothing,
            audio::what_is_sent_is_what_the_peer_plays,
            audio::how_what_is_sent_is_cut_changes_nothing,
            audio::what_was_cleared_is_not_played,
        }
    };
}

macro_rules! guest_of_words {
    ($guest:ident, $peer:expr) => {
        guest! {
            $guest,
            $peer,
            words::what_the_caller_says_is_read,
            words::an_interruption_tells_what_was_heard,
            words::what_is_sent_is_what_the_peer_speaks,
        }
    };
}

guest_of_audio!(twilio, crate::peers::twilio::Twilio);
guest_of_audio!(wideband, crate::peers::wideband::Wideband);
guest_of_words!(relay, crate::peers::relay::Relay);
