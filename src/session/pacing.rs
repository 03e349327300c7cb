//! How a call is paced, by what its line can do.

use std::time::Duration;

use redial_call::{Endpointing, Medium, Settings};
use redial_carrier::line::{self, Capabilities};

/// Audio ahead of the caller's ear where nothing can be taken back: for so long an interrupted agent is heard on.
const LEAD_WITHOUT_CLEAR: Duration = Duration::from_millis(100);
/// Audio in a message then: the next one has to come long before the lead is used up.
const MESSAGE_WITHOUT_CLEAR: Duration = Duration::from_millis(20);

/// The settings of a call on this line.
pub(crate) fn settings_for(line: Capabilities, mut settings: Settings) -> Settings {
    settings.medium = match line.medium {
        line::Medium::Audio(_) => Medium::Audio,
        line::Medium::Words => Medium::Text,
    };
    if settings.medium == Medium::Text {
        settings.endpointing = Endpointing::Recogniser; // which the carrier is
    }
    if !line.marks {
        settings.mark_grace = Duration::ZERO; // for marks that will never come
    }
    if !line.clear {
        settings.lead = settings.lead.min(LEAD_WITHOUT_CLEAR);
        settings.message = settings.message.min(MESSAGE_WITHOUT_CLEAR);
    }
    settings
}

#[cfg(test)]
mod tests {
    use redial_call::{Action, Call, Event};
    use redial_carrier::line::{AudioFormat, Encoding};

    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn line(marks: bool, clear: bool) -> Capabilities {
        let format = AudioFormat { encoding: Encoding::L16, rate_hz: 16_000, frame: 20 * MS };
        Capabilities { medium: line::Medium::Audio(format), marks, clear }
    }

    fn settings(marks: bool, clear: bool) -> Settings {
        settings_for(line(marks, clear), Settings::default())
    }

    /// A greeting of two seconds that is made at once and whose marks never come back: when its pieces were sent, in ms, with
    /// their bytes; and when it counted as heard.
    fn greeting(settings: &Settings) -> (Vec<(u64, u64)>, u64) {
        let mut call = Call::new(settings.clone());
        let mut sent = Vec::new();
        let mut now = Duration::ZERO;
        call.handle(now, Event::Started);
        call.handle(now, Event::Greeting { text: "Hello.".to_owned(), acts: Vec::new() });
        loop {
            let mut events = Vec::new();
            while let Some(action) = call.poll_action() {
                match action {
                    Action::Speak { turn, .. } => {
                        events.extend([Event::Synthesized { turn, size_bytes: 16_000 }, Event::SentenceDone { turn }]);
                    }
                    Action::Play { size_bytes, .. } => sent.push((now.as_millis() as u64, size_bytes)),
                    Action::TurnDone(_) => return (sent, now.as_millis() as u64),
                    _ => (),
                }
            }
            if events.is_empty() {
                now = call.poll_timeout().expect("a turn that is played has a deadline");
                call.handle_timeout(now);
            }
            for event in events {
                call.handle(now, event);
            }
        }
    }

    #[test]
    fn a_line_that_can_all_is_paced_as_configured() {
        assert_eq!(settings(true, true), Settings::default());
    }

    #[test]
    fn marks_that_never_come_are_not_waited_for() {
        assert_eq!(greeting(&settings(true, true)).1, 3500, "one that has marks may be late with them");
        assert_eq!(greeting(&settings(false, true)).1, 2000);
    }

    #[test]
    fn where_nothing_can_be_taken_back_little_is_sent_ahead_and_the_line_never_runs_dry() {
        let (sent, _) = greeting(&settings(false, false));
        let mut bytes = 0;
        for (n, (at, size)) in sent.iter().enumerate() {
            let played = at * 8;
            bytes += size;
            assert!(bytes <= played + 800, "{} ms ahead at {at} ms", (bytes - played) / 8);
            let next = sent.get(n + 1).map_or(2000, |(at, _)| *at);
            assert!(n + 1 == sent.len() || bytes >= next * 8 + 320, "less than 40 ms are left at {next} ms");
        }
        assert_eq!(bytes, 16_000);
        assert_eq!(settings(false, false).lead, 100 * MS);
    }

    #[test]
    fn a_lead_that_is_smaller_still_stays_so() {
        let small = Settings { lead: 60 * MS, message: 10 * MS, ..Settings::default() };
        assert_eq!(settings_for(line(true, false), small.clone()), small);
    }
}
