//! The rules that read facts from a caller's sentences.
//!
//! They know few forms, and each of them well: a fact that is missed is asked for again, a false one is believed. So a
//! sentence with a doubt, a condition, somebody else's words or a negation in it says nothing here, unless a rule is about
//! just that.

use redial_call::{Role, Turn, TurnId, Via};
use redial_language::words::Words;
use redial_language::{languages, sentences};

use super::draft::{Draft, LANGUAGE_KEY};
use crate::model::Confidence;

/// The day on which the caller wants to be called back.
pub(super) const CALL_BACK_KEY: &str = "callback.day";

pub(super) const WEEKDAYS: &[&str] = &["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
const MONTHS: &[&str] = &[
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];
/// Times that come again, as they are said and as they are kept.
const SLOTS: &[(&str, &str)] = &[
    ("mornings", "mornings"),
    ("afternoons", "afternoons"),
    ("evenings", "evenings"),
    ("weekends", "weekends"),
    ("weekdays", "weekdays"),
    ("mondays", "Mondays"),
    ("tuesdays", "Tuesdays"),
    ("wednesdays", "Wednesdays"),
    ("thursdays", "Thursdays"),
    ("fridays", "Fridays"),
    ("saturdays", "Saturdays"),
    ("sundays", "Sundays"),
];
/// "In the morning" is a habit only behind "usually" and "the best time".
const PARTS_OF_DAY: &[(&str, &str)] =
    &[("morning", "mornings"), ("afternoon", "afternoons"), ("evening", "evenings"), ("weekend", "weekends")];
const NUMBERS: &[&str] =
    &["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"];

/// Words that make a sentence about something that is not so, or not known to be.
const DOUBTS: &[&str] = &[
    "if", "unless", "maybe", "perhaps", "might", "wish", "imagine", "suppose", "kidding", "joking", "used", "almost",
    "probably", "guess", "think", "hope", "pretend", "whether",
];
/// Somebody else's words.
const REPORTS: &[&str] = &[
    "he said",
    "she said",
    "they said",
    "you said",
    "who said",
    "somebody said",
    "someone said",
    "told me",
    "told us",
    "says that",
    "said that",
];
/// Words of a wish for once.
const ONCE: &[&str] = &["tomorrow", "today", "tonight", "now", "later", "back", "once", "next", "this"];
/// The talk is about changing a date, so that none that is named is sure to hold.
const CHANGES: &[&str] = &[
    "change",
    "changed",
    "cancel",
    "canceled",
    "cancelled",
    "move",
    "moved",
    "moving",
    "reschedule",
    "rescheduled",
    "postpone",
    "postponed",
    "instead",
    "wrong",
    "different",
    "another",
    "missed",
    "switch",
];

const PETS: &[&str] = &["dog", "cat", "puppy", "kitten", "rabbit", "parrot", "horse", "hamster"];
const BRANDS: &[(&str, &str)] = &[
    ("toyota", "Toyota"),
    ("honda", "Honda"),
    ("ford", "Ford"),
    ("chevrolet", "Chevrolet"),
    ("chevy", "Chevrolet"),
    ("nissan", "Nissan"),
    ("bmw", "BMW"),
    ("mercedes", "Mercedes"),
    ("audi", "Audi"),
    ("volkswagen", "Volkswagen"),
    ("tesla", "Tesla"),
    ("hyundai", "Hyundai"),
    ("kia", "Kia"),
    ("subaru", "Subaru"),
    ("mazda", "Mazda"),
    ("jeep", "Jeep"),
    ("volvo", "Volvo"),
    ("lexus", "Lexus"),
    ("renault", "Renault"),
    ("peugeot", "Peugeot"),
    ("fiat", "Fiat"),
    ("skoda", "Skoda"),
];
const PRODUCTS: &[&str] = &[
    "air conditioner",
    "alarm system",
    "boiler",
    "dishwasher",
    "dryer",
    "freezer",
    "fridge",
    "furnace",
    "heat pump",
    "hot tub",
    "laptop",
    "lawn mower",
    "oven",
    "printer",
    "refrigerator",
    "router",
    "thermostat",
    "washing machine",
    "water heater",
];
/// What may follow a thing that is owned; anything else may make it a part of another ("a dog groomer").
const AFTER_THING: &[&str] = &[
    "and", "but", "so", "who", "that", "which", "named", "called", "with", "in", "at", "here", "now", "too", "from",
    "is", "it", "he", "she", "they", "i", "by",
];
/// What somebody says of a thing of theirs.
const VERBS: &[&str] = &["is", "has", "needs", "keeps", "does", "makes", "stopped", "broke", "leaks", "barks"];
const KINDS_OF_DATE: &[&str] = &[
    "appointment",
    "visit",
    "reservation",
    "booking",
    "lesson",
    "delivery",
    "installation",
    "inspection",
    "viewing",
    "interview",
];

/// What the caller's spoken turns propose; `kept` has the words of each turn that may be stored.
pub(super) fn drafts(turns: &[Turn], kept: &[String]) -> Vec<Draft> {
    let spoken = || {
        let is_spoken = |turn: &Turn| turn.role == Role::Caller && turn.via == Via::Voice;
        turns.iter().zip(kept).filter(move |(turn, _)| is_spoken(turn))
    };
    let dates_change = spoken().any(|(turn, _)| Words::of(&turn.text).any(CHANGES));
    let mut drafts = Vec::new();
    for (turn, text) in spoken() {
        for sentence in sentences::split(text) {
            let mut reading =
                Reading { words: Words::of(&sentence), turn: turn.id, closes: false, drafts: &mut drafts };
            reading.read(sentence.ends_with('?'), dates_change);
        }
    }
    drafts
}

/// One sentence, and where its facts go.
struct Reading<'a> {
    words: Words,
    turn: TurnId,
    closes: bool,
    drafts: &'a mut Vec<Draft>,
}

impl Reading<'_> {
    fn read(&mut self, asks: bool, dates_change: bool) {
        if self.words.any(DOUBTS) || self.words.says_any(REPORTS) {
            return;
        }
        self.wanted_language();
        if !self.words.has("not") {
            self.call_back();
        }
        if asks {
            return;
        }
        self.unwanted_channel();
        self.poor_english();
        if let Some(positive) = without_no_longer(&self.words) {
            self.words = positive;
            self.closes = true;
        }
        let denied = self.words.any(&["not", "never", "nor", "neither"])
            || self.words.iter().skip(1).any(|word| matches!(word, "no" | "none"));
        if denied {
            return;
        }
        self.channel();
        self.time();
        self.spoken_language();
        self.place();
        self.pets();
        self.vehicle();
        self.products();
        if !dates_change {
            self.date();
        }
    }

    fn add(&mut self, k: impl Into<String>, t: impl Into<String>, conf: Confidence) {
        self.drafts.push(Draft { k: k.into(), t: t.into(), turn: self.turn, conf, closes: self.closes });
    }

    fn closing(&mut self, k: impl Into<String>, t: impl Into<String>) {
        let closes = std::mem::replace(&mut self.closes, true);
        self.add(k, t, Confidence::Stated);
        self.closes = closes;
    }

    fn at(&self, word: usize) -> Option<&str> {
        self.words.at(word)
    }

    /// The indices behind every place where one of `leads` is said.
    fn behind(&self, leads: &[&str]) -> Vec<usize> {
        leads.iter().filter_map(|lead| self.words.after(lead)).collect()
    }

    /// Whether the sentence, or this part of it, ends before `word`.
    fn ends_at(&self, word: usize) -> bool {
        self.at(word).is_none() || self.pauses_before(word)
    }

    /// Whether the speaker paused between the word before and `word`.
    fn pauses_before(&self, word: usize) -> bool {
        let pause = self.words.token_at(word).and_then(|token| self.words.tokens().get(token.checked_sub(1)?));
        pause.is_some_and(|token| token.pause)
    }

    /// Whether what stands before `word` may stand behind a thing as such.
    fn is_whole_thing(&self, word: usize) -> bool {
        self.ends_at(word) || self.at(word).is_some_and(|next| AFTER_THING.contains(&next))
    }

    fn channel(&mut self) {
        const CHANNELS: &[(&str, &[&str])] = &[
            (
                "prefers text messages",
                &[
                    "text",
                    "texts",
                    "a text",
                    "text message",
                    "text messages",
                    "a text message",
                    "texting",
                    "to be texted",
                ],
            ),
            ("prefers phone calls", &["calls", "a call", "phone calls", "a phone call", "to talk on the phone"]),
            ("prefers email", &["email", "emails", "an email", "e mail", "an e mail", "to be emailed", "by email"]),
        ];
        if self.words.any(ONCE) || !self.words.any(&["prefer", "rather", "best"]) {
            return;
        }
        for (value, means) in CHANNELS {
            let said = means.iter().any(|means| {
                let preferred = self
                    .behind(&[
                        &format!("i prefer {means}"),
                        &format!("i would prefer {means}"),
                        &format!("i always prefer {means}"),
                        &format!("i would rather have {means}"),
                        &format!("i would rather get {means}"),
                    ])
                    .into_iter()
                    .any(|end| {
                        self.ends_at(end)
                            || matches!(
                                self.at(end),
                                Some("over" | "to" | "rather" | "instead" | "please" | "for" | "and")
                            )
                    });
                let best = self
                    .behind(&[
                        &format!("{means} is best"),
                        &format!("{means} are best"),
                        &format!("{means} works best"),
                    ])
                    .into_iter()
                    .any(|end| self.is_for_caller(end));
                preferred || best
            });
            if said {
                self.add("contact.channel", *value, Confidence::Stated);
                return;
            }
        }
    }

    /// Whether "is best" means the caller: "… for me", or nothing behind it.
    fn is_for_caller(&self, end: usize) -> bool {
        match self.at(end) {
            Some("for") => matches!(self.at(end + 1), Some("me" | "us")),
            Some("to") => matches!((self.at(end + 1), self.at(end + 2)), (Some("reach" | "call"), Some("me"))),
            Some("than") => true,
            _ => self.ends_at(end),
        }
    }

    fn unwanted_channel(&mut self) {
        for (verb, means) in [("text", "text messages"), ("email", "email")] {
            if !self.words.has(verb) {
                continue;
            }
            let unwanted =
                self.behind(&[&format!("do not {verb} me"), &format!("never {verb} me")]).into_iter().any(|end| {
                    self.ends_at(end) || matches!(self.at(end), Some("please" | "anymore" | "again" | "ever" | "any"))
                });
            if unwanted {
                self.add(format!("contact.no_{verb}"), format!("does not want {means}"), Confidence::Stated);
                if verb == "text" {
                    self.closing("contact.channel", "prefers text messages");
                }
            }
        }
    }

    fn time(&mut self) {
        if self.words.any(&["tomorrow", "today", "tonight", "next", "this", "usually not"]) {
            return;
        }
        let Some(slot) = self.preferred_slot() else { return };
        let about = |kinds: &[&str]| self.words.any(kinds);
        let key = if about(KINDS_OF_DATE) || about(&["appointments", "visits", "lessons", "deliveries", "bookings"]) {
            "appointment.pref_time"
        } else if about(&["call", "calls", "reach", "phone", "ring"]) {
            "contact.pref_time"
        } else {
            "pref_time"
        };
        self.add(key, format!("prefers {slot}"), Confidence::Stated);
    }

    /// The time that comes again and suits the caller, if there is just one.
    fn preferred_slot(&self) -> Option<&'static str> {
        let known = |word: &str| SLOTS.iter().chain(PARTS_OF_DAY).any(|(said, _)| *said == word);
        if !self.words.iter().any(known) {
            return None; // nearly every sentence; what follows builds many phrases
        }
        let named = self.words.iter().filter(|word| SLOTS.iter().any(|(said, _)| said == word)).count();
        for (said, kept) in SLOTS {
            let Some(end) = self.words.after(said) else { continue };
            let listed = matches!(self.at(end), Some("and" | "or"))
                || end.checked_sub(2).is_some_and(|before| matches!(self.at(before), Some("and" | "or")));
            if listed && named > 1 {
                return None;
            }
            let judged = match (self.at(end), self.at(end + 1)) {
                (Some("are" | "is"), Some("best" | "better" | "easiest" | "easier" | "ideal")) => Some(end + 2),
                (Some("work" | "works" | "suit" | "suits"), Some("best" | "better")) => Some(end + 2),
                // Weaker praise tells what is possible, and is enough only to be taken back.
                (Some("are" | "is"), Some("good" | "fine")) if self.closes => Some(end + 2),
                (Some("work" | "works"), _) if self.closes => Some(end + 1),
                _ => None,
            };
            if judged.is_some_and(|end| self.is_for_caller(end) || matches!(self.at(end), Some("me"))) {
                return Some(kept);
            }
            let leads = ["i prefer", "i would prefer", "i always prefer", "i am only free", "i am only available"];
            let lead =
                |lead: &str| [format!("{lead} {said}"), format!("{lead} on {said}"), format!("{lead} in the {said}")];
            let habit =
                ["i am usually free", "i am usually available", "i am always free", "best time is", "reach me is"];
            if leads.iter().chain(&habit).flat_map(|phrase| lead(phrase)).any(|phrase| self.words.says(&phrase)) {
                return Some(kept);
            }
        }
        let habits = [
            "best time is",
            "best time to call is",
            "best time to call me is",
            "best time to reach me is",
            "i am usually free",
            "i am usually available",
            "i am only free",
            "i am only available",
            "i am usually home",
        ];
        PARTS_OF_DAY.iter().find_map(|(said, kept)| {
            let phrase = |habit: &&str| self.words.says(&format!("{habit} in the {said}"));
            habits.iter().any(phrase).then_some(*kept)
        })
    }

    fn wanted_language(&mut self) {
        let leads = [
            "i only speak",
            "i speak only",
            "i prefer to speak",
            "i would prefer to speak",
            "i would rather speak",
            "i prefer speaking",
            "can we speak",
            "can we speak in",
            "could we speak",
            "could we speak in",
            "can we talk in",
            "could we talk in",
            "i want to speak",
        ];
        let found = self.behind(&leads).into_iter().find_map(|at| {
            let name = self.at(at)?;
            languages::tag(name)
                .filter(|_| self.ends_at(at + 1) || matches!(self.at(at + 1), Some("please" | "instead" | "if")))?;
            Some(capital(name))
        });
        if let Some(name) = found.filter(|_| !self.words.any(&["not", "no"])) {
            self.add(LANGUAGE_KEY, format!("prefers {name}"), Confidence::Stated);
        }
    }

    fn poor_english(&mut self) {
        if self.words.says_any(&["i do not speak english", "my english is not good", "my english is not very good"]) {
            self.add("lang.english", "speaks little English", Confidence::Stated);
        }
    }

    fn spoken_language(&mut self) {
        let mother_tongue = self.behind(&["my first language is", "my native language is", "my mother tongue is"]);
        for at in mother_tongue {
            if let Some(name) = self.at(at).filter(|name| languages::tag(name).is_some()) {
                let text = format!("native language is {}", capital(name));
                self.add("lang.native", text, Confidence::Stated);
            }
        }
        if self.words.any(&["little", "some", "bit", "also", "too", "badly", "well"]) {
            return;
        }
        for at in self.behind(&["i speak"]) {
            let found = self.at(at).and_then(|name| Some((capital(name), languages::tag(name)?)));
            if let Some((name, tag)) = found.filter(|_| self.ends_at(at + 1)) {
                self.add(format!("lang.{tag}"), format!("speaks {name}"), Confidence::Stated);
            }
        }
    }

    fn place(&mut self) {
        let leads = [
            "i live in",
            "i now live in",
            "we live in",
            "i moved to",
            "we moved to",
            "i have moved to",
            "we have moved to",
            "i just moved to",
            "i recently moved to",
            "i have just moved to",
        ];
        if let Some(place) = self.behind(&leads).into_iter().find_map(|at| self.proper_name(at)) {
            self.add("home.place", format!("lives in {place}"), Confidence::Stated);
        }
    }

    /// The capitalised words from `word` on, at most three: a place, or a model. No day or month is one.
    fn proper_name(&self, word: usize) -> Option<String> {
        let first = self.words.token_at(word)?;
        let mut name: Vec<&str> = Vec::new();
        for token in self.words.tokens().iter().skip(first).take(3) {
            let lower = token.raw.to_lowercase();
            let dated = WEEKDAYS.contains(&lower.as_str()) || MONTHS.contains(&lower.as_str());
            if !token.raw.starts_with(char::is_uppercase) || dated || lower == "i" || lower.starts_with("i'") {
                break;
            }
            name.push(&token.raw);
            if token.pause {
                break;
            }
        }
        (!name.is_empty()).then(|| name.join(" "))
    }

    fn pets(&mut self) {
        for pet in PETS {
            let plural = if *pet == "puppy" { "puppies".to_owned() } else { format!("{pet}s") };
            if !self.words.has(pet) && !self.words.has(&plural) {
                continue;
            }
            let key = format!("pet.{pet}");
            for (count, said) in [("a", *pet), ("one", *pet), ("two", &plural), ("three", &plural), ("four", &plural)] {
                let leads = [format!("have {count} {said}"), format!("have got {count} {said}")];
                let own = leads.iter().filter_map(|lead| self.words.after(&format!("i {lead}"))).next();
                if own.is_some_and(|end| self.is_whole_thing(end)) {
                    let count = if count == "one" { "a" } else { count };
                    self.add(&key, format!("has {count} {said}"), Confidence::Stated);
                }
            }
            let gone = ["died", "has died", "passed away", "has passed away"];
            if gone.iter().any(|gone| self.words.says(&format!("my {pet} {gone}"))) {
                self.closing(&key, format!("has a {pet}"));
            } else if self.behind(&[&format!("my {pet}")]).into_iter().any(|end| self.is_told_of(end)) {
                self.add(&key, format!("has a {pet}"), Confidence::Inferred);
            }
        }
    }

    /// Whether something is said of the thing before `word`, as it is.
    fn is_told_of(&self, word: usize) -> bool {
        self.at(word).is_some_and(|next| VERBS.contains(&next)) && !self.pauses_before(word)
    }

    fn vehicle(&mut self) {
        for (brand, name) in BRANDS {
            let Some(end) = self.words.after(brand) else { continue };
            // The model: "Civic" in "a Honda Civic".
            let model = if self.ends_at(end) { None } else { self.proper_name(end) };
            let words_of_model = model.as_ref().map_or(0, |model| Words::of(model).len());
            let behind = end + words_of_model;
            let before: Vec<&str> = self.words.iter().take(end - 1).collect();
            let what = [Some((*name).to_owned()), model].into_iter().flatten().collect::<Vec<_>>().join(" ");
            let key = format!("vehicle.{}", name.to_lowercase());
            let text = format!("drives a {what}");
            let rented = self.words.any(&["rental", "rented", "loaner", "test", "borrowed", "looking", "want", "buy"]);
            let owned = |lead: &[&str]| {
                // A year or a colour may stand between: "I drive a 2019 Honda".
                [before.as_slice(), before.split_last().map_or(&[][..], |(_, rest)| rest)]
                    .iter()
                    .any(|b| b.ends_with(lead))
            };
            let owns = [
                ["i", "drive", "a"],
                ["i", "have", "a"],
                ["i", "own", "a"],
                ["i", "drive", "an"],
                ["i", "have", "the"],
            ];
            if rented {
                continue;
            }
            if owned(&["i", "sold", "my"]) || owned(&["i", "sold", "the"]) {
                self.closing(key, text);
            } else if owns.iter().any(|lead| owned(lead)) && self.is_whole_thing(behind) {
                self.add(key, text, Confidence::Stated);
            } else if before.ends_with(&["my"]) && self.is_told_of(behind) {
                self.add(key, text, Confidence::Inferred);
            }
        }
    }

    fn products(&mut self) {
        for product in PRODUCTS {
            if !self.words.says(product) {
                continue;
            }
            let article = if product.starts_with(['a', 'e', 'i', 'o']) { "an" } else { "a" };
            let (key, text) = (format!("product.{}", product.replace(' ', "_")), format!("has {article} {product}"));
            let owns = ["i have", "i own", "i bought", "we have", "we own", "we bought"];
            let own = owns
                .iter()
                .flat_map(|own| [format!("{own} {article} {product}"), format!("{own} the {product}")])
                .filter_map(|phrase| self.words.after(&phrase))
                .any(|end| self.is_whole_thing(end));
            if own {
                self.add(key, text, Confidence::Stated);
            } else if self
                .behind(&[&format!("my {product}"), &format!("our {product}")])
                .iter()
                .any(|&end| self.is_told_of(end))
            {
                self.add(key, text, Confidence::Inferred);
            }
        }
    }

    fn date(&mut self) {
        if self.words.any(&["want", "need", "like", "could", "can", "book", "make", "schedule", "past", "last", "was"])
        {
            return;
        }
        for kind in KINDS_OF_DATE {
            if !self.words.has(kind) {
                continue;
            }
            let leads = [
                format!("my {kind} is"),
                format!("our {kind} is"),
                format!("my {kind} is scheduled"),
                format!("my {kind} is booked"),
                format!("i have an {kind}"),
                format!("i have a {kind}"),
                format!("i have my {kind}"),
                format!("we have a {kind}"),
                format!("we have an {kind}"),
            ];
            let day = leads.iter().filter_map(|lead| self.words.after(lead)).find_map(|at| self.day(at));
            if let Some(day) = day {
                self.add(format!("{kind}.date"), format!("{kind} {day}"), Confidence::Stated);
            }
        }
    }

    fn call_back(&mut self) {
        let asked = [
            "call me back",
            "call me",
            "ring me back",
            "ring me",
            "phone me",
            "give me a call",
            "give me a call back",
            "call me again",
        ];
        for phrase in asked {
            let Some(end) = self.words.after(phrase) else { continue };
            let start = end - phrase.split(' ').count();
            let before = |back: usize| start.checked_sub(back).and_then(|at| self.at(at));
            let wished = match (before(1), before(2)) {
                (None | Some("please" | "just" | "then" | "so" | "yes" | "okay"), _) => true,
                (Some("you" | "someone" | "somebody"), Some("can" | "could" | "would" | "will")) => {
                    before(3).is_none_or(|word| matches!(word, "and" | "please" | "so" | "yes" | "okay" | "but" | "or"))
                }
                (Some("and" | "but"), _) => {
                    before(2).is_none_or(|_| self.words.starts_with_any(&["please", "can you"]))
                }
                _ => false,
            };
            if let Some(day) = wished.then(|| self.day(end)).flatten() {
                self.add(CALL_BACK_KEY, format!("asked to be called back {day}"), Confidence::Stated);
                return;
            }
        }
    }

    /// The day at `word`, with its hour if one is named: "on Friday at three pm", "on March 3rd".
    fn day(&self, mut word: usize) -> Option<String> {
        let on = matches!(self.at(word)?, "on" | "for");
        word += usize::from(on);
        let next = self.at(word)? == "next";
        word += usize::from(next || self.at(word)? == "this");
        let (day, end) = if WEEKDAYS.contains(&self.at(word)?) {
            (capital(self.at(word)?), word + 1)
        } else {
            self.date_of_month(word)?
        };
        let next = if next { "next " } else { "" };
        let hour = self.hour(end);
        // "On Friday or Saturday" is no day yet.
        let whole =
            hour.is_some() || self.ends_at(end) || matches!(self.at(end), Some("please" | "and" | "so" | "because"));
        whole.then(|| [format!("on {next}{day}"), hour.unwrap_or_default()].join(" ").trim_end().to_owned())
    }

    fn date_of_month(&self, word: usize) -> Option<(String, usize)> {
        let number = |at: usize| {
            let digits = self.at(at)?.trim_end_matches(['s', 't', 'n', 'd', 'r', 'h']);
            let day = digits.parse::<u32>().ok()?;
            (1..=31).contains(&day).then_some(day)
        };
        let month = |at: usize| self.at(at).filter(|word| MONTHS.contains(word)).map(capital);
        if let Some(month) = month(word) {
            return Some((format!("{month} {}", number(word + 1)?), word + 2));
        }
        let day = number(word + usize::from(self.at(word)? == "the"))?;
        let of = word + usize::from(self.at(word)? == "the") + 1;
        (self.at(of)? == "of").then_some(())?;
        Some((format!("{} {day}", month(of + 1)?), of + 2))
    }

    fn hour(&self, word: usize) -> Option<String> {
        (self.at(word)? == "at").then_some(())?;
        let hour = self.at(word + 1)?;
        let is_hour = NUMBERS.contains(&hour) || hour.parse::<u32>().is_ok_and(|hour| (1..=12).contains(&hour));
        is_hour.then_some(())?;
        let mut said = format!("at {hour}");
        let mut at = word + 2;
        if let Some(minutes @ ("thirty" | "fifteen" | "30" | "15" | "45")) = self.at(at) {
            said = format!("{said} {minutes}");
            at += 1;
        }
        if let Some(half @ ("am" | "pm" | "o'clock")) = self.at(at) {
            said = format!("{said} {half}");
        }
        Some(said)
    }
}

/// "I no longer have a dog", "I don't have a dog any more" without the words that deny it; `None` for other sentences.
fn without_no_longer(words: &Words) -> Option<Words> {
    let tokens = words.tokens();
    let lower: Vec<String> = tokens.iter().map(|token| token.raw.to_lowercase().replace('’', "'")).collect();
    let is = |at: usize, word: &str| lower.get(at).is_some_and(|own| own == word);
    let no_longer = (0..lower.len()).find(|&at| is(at, "no") && is(at + 1, "longer"));
    let any_more = (0..lower.len()).find(|&at| is(at, "anymore") || (is(at, "any") && is(at + 1, "more")));
    let dropped: Vec<usize> = match (no_longer, any_more) {
        (Some(at), _) => vec![at, at + 1],
        (None, Some(at)) if words.has("not") => {
            let not =
                (0..lower.len()).find(|&at| lower[at].ends_with("n't") || lower[at] == "dont" || is(at, "not"))?;
            let auxiliary =
                not.checked_sub(1).filter(|&before| is(not, "not") && (is(before, "do") || is(before, "does")));
            [Some(not), auxiliary, Some(at), (!is(at, "anymore")).then_some(at + 1)].into_iter().flatten().collect()
        }
        _ => return None,
    };
    let left: Vec<String> = tokens
        .iter()
        .enumerate()
        .filter(|(at, _)| !dropped.contains(at))
        .map(|(_, token)| if token.pause { format!("{},", token.raw) } else { token.raw.clone() })
        .collect();
    Some(Words::of(&left.join(" ")))
}

fn capital(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}
