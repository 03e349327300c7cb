//! `en/facts.toml`: what callers say of themselves and is likely to hold in the next call.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::phrases::Phrases;
use super::template::Template;

/// The words of facts: where they are said, and how they are written down.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FactWords {
    /// First parts of keys that are about something sensitive, whatever their text says.
    pub sensitive_topics: Phrases,
    /// Places where somebody lives, which words alone do not show.
    pub sensitive_phrases: Phrases,
    /// Words that two sentences may share without being about the same.
    pub empty: Phrases,
    /// Words that make a sentence about something that is not so, or not known to be.
    pub doubts: Phrases,
    /// Somebody else's words.
    pub reports: Phrases,
    /// Words that deny, wherever they stand.
    pub denials: Phrases,
    /// Words that deny unless the sentence begins with them.
    pub denials_within: Phrases,
    /// What a wish must be free of.
    pub not: Phrases,
    /// What may follow a thing that is owned; anything else may make it a part of another ("a dog groomer").
    pub after_thing: Phrases,
    /// What somebody says of a thing of theirs.
    pub told: Phrases,
    /// How the caller wants to be reached.
    pub channel: ChannelWords,
    /// When something suits the caller.
    pub time: TimeWords,
    /// What the caller speaks.
    pub language: LanguageWords,
    /// Where the caller lives.
    pub place: PlaceWords,
    /// Animals.
    pub pet: PetWords,
    /// Vehicles.
    pub vehicle: VehicleWords,
    /// Things that need an engineer.
    pub product: ProductWords,
    /// What is to happen on a day.
    pub date: DateWords,
    /// When the caller wants to be called.
    pub call_back: CallBackWords,
}

/// How the caller wants to be reached.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChannelWords {
    /// There is a preference in the sentence.
    pub prefers: Phrases,
    /// Words of a wish for once.
    pub once: Phrases,
    /// What `{means}` is preferred by.
    pub preferred: Vec<Template>,
    /// What may follow it.
    pub after_preferred: Phrases,
    /// What `{means}` is praised by.
    pub best: Vec<Template>,
    /// What may follow praise that is meant for the caller.
    pub for_caller: Phrases,
    /// What follows praise that is meant for others, if none of `for_caller` does.
    pub for_others: Phrases,
    /// What the `{verb}` is refused by.
    pub unwanted: Vec<Template>,
    /// What may follow it.
    pub after_unwanted: Phrases,
    /// The means, the first that is said wins.
    pub means: Vec<Means>,
    /// The means that are refused.
    pub refused: Vec<RefusedMeans>,
}

/// A means by which people are reached.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Means {
    /// What is remembered.
    pub fact: String,
    /// What it is called.
    pub names: Phrases,
}

/// A means by which people do not want to be reached.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RefusedMeans {
    /// What is not to be done; also the end of the fact's key.
    pub verb: String,
    /// What is remembered.
    pub fact: String,
    /// The preference that it ends.
    pub closes: Option<String>,
}

/// When something suits the caller.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimeWords {
    /// Words of a wish for once.
    pub once: Phrases,
    /// What is remembered of a `{slot}`.
    pub fact: Template,
    /// Times that come again, as they are said and kept; the days of the week come to them.
    pub slots: Phrases,
    /// What makes a list of two times, of which none is preferred.
    pub listed: Phrases,
    /// Praise behind a time.
    pub best: Phrases,
    /// Weaker praise tells what is possible, and is enough only to be taken back.
    pub good: Phrases,
    /// What may follow praise, beside what may follow it for `channel`.
    pub for_caller: Phrases,
    /// What comes before a time that is preferred.
    pub leads: Phrases,
    /// A `{lead}` and its `{slot}`.
    pub lead_and_slot: Vec<Template>,
    /// What comes before `in_the` where it is a habit.
    pub habits: Phrases,
    /// A `{habit}` and its `{part}` of the day.
    pub habit_and_part: Template,
    /// The time is for visits; the kinds of `date` come to these.
    pub about_visits: Phrases,
    /// The time is for calls.
    pub about_calls: Phrases,
    /// "In the morning" is a habit only behind "usually" and "the best time".
    pub parts_of_day: BTreeMap<String, String>,
}

/// What the caller speaks.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LanguageWords {
    /// What comes before a language that is wanted.
    pub wanted: Phrases,
    /// What may follow it.
    pub after_wanted: Phrases,
    /// What makes no wish of it.
    pub denials: Phrases,
    /// What is remembered of a wanted `{language}`.
    pub wanted_fact: Template,
    /// The caller speaks little of ours.
    pub poor: Phrases,
    /// Its key.
    pub poor_key: String,
    /// What is remembered of it.
    pub poor_fact: String,
    /// What comes before the first language.
    pub native: Phrases,
    /// What is remembered of a native `{language}`.
    pub native_fact: Template,
    /// What comes before a language that is spoken.
    pub spoken: Phrases,
    /// What makes it spoken badly, or beside others.
    pub spoken_badly: Phrases,
    /// What is remembered of a spoken `{language}`.
    pub spoken_fact: Template,
}

/// Where the caller lives.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlaceWords {
    /// What comes before it.
    pub leads: Phrases,
    /// What is remembered of a `{place}`.
    pub fact: Template,
}

/// Animals.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PetWords {
    /// What is said before `{count}` and the `{pet}`.
    pub have: Vec<Template>,
    /// What is remembered: `{count}`, and the `{pet}`.
    pub fact: Template,
    /// What comes before what is told of a `{pet}`.
    pub mine: Vec<Template>,
    /// The `{pet}` is no more.
    pub gone: Vec<Template>,
    /// One, and several.
    pub kinds: BTreeMap<String, String>,
}

/// Vehicles.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VehicleWords {
    /// What comes before a brand that is driven.
    pub own: Phrases,
    /// What comes before one that is no longer.
    pub sold: Phrases,
    /// What comes before what is told of one.
    pub mine: Phrases,
    /// The vehicle is not the caller's.
    pub not_owned: Phrases,
    /// What is remembered of a `{vehicle}`.
    pub fact: Template,
    /// As they are said, and written.
    pub brands: BTreeMap<String, String>,
}

/// Things that need an engineer.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProductWords {
    /// What they are called.
    pub names: Phrases,
    /// What says that the `{product}` is owned, with its `{article}`.
    pub own: Vec<Template>,
    /// What comes before what is told of a `{product}`.
    pub mine: Vec<Template>,
    /// What is remembered of `{article}` `{product}`.
    pub fact: Template,
}

/// What is to happen on a day.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DateWords {
    /// What has a day.
    pub kinds: Phrases,
    /// What comes before the day of a `{kind}`.
    pub leads: Vec<Template>,
    /// The day is a wish, or past.
    pub unsure: Phrases,
    /// The talk is about changing a date, so that none that is named is sure to hold.
    pub changes: Phrases,
    /// What may follow a day: "on Friday or Saturday" is none yet.
    pub after_day: Phrases,
    /// Minutes behind an hour.
    pub minutes: Phrases,
    /// What may follow an hour.
    pub halves_of_day: Phrases,
    /// What is remembered: the `{kind}`, and the `{day}`.
    pub fact: Template,
}

/// When the caller wants to be called.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallBackWords {
    /// What asks for it.
    pub asked: Phrases,
    /// What may come before it, at any place of the sentence.
    pub before: Phrases,
    /// Who is asked to call.
    pub who: Phrases,
    /// The verb before `who`.
    pub can: Phrases,
    /// What may come before the verb.
    pub before_can: Phrases,
    /// What joins it to a sentence that begins with one of `polite`.
    pub joins: Phrases,
    /// See `joins`.
    pub polite: Phrases,
    /// What is remembered of the `{day}`.
    pub fact: Template,
}
