//! The rules that read facts from a caller's sentences.
//!
//! They know few forms, and each of them well: a fact that is missed is asked for again, a false one is believed. So a
//! sentence with a doubt, a condition, somebody else's words or a negation in it says nothing here, unless a rule is about
//! just that.

use redial_call::{Role, Turn, TurnId, Via};
use redial_language::data::facts::FactWords;
use redial_language::data::{Phrases, Template, english};
use redial_language::words::Words;
use redial_language::{days, languages, numbers, sentences};

use super::draft::{Draft, LANGUAGE_KEY};
use crate::model::Confidence;

/// The day on which the caller wants to be called back.
pub(super) const CALL_BACK_KEY: &str = "callback.day";

/// What the caller's spoken turns propose; `kept` has the words of each turn that may be stored.
pub(super) fn drafts(turns: &[Turn], kept: &[String]) -> Vec<Draft> {
    let spoken = || {
        let is_spoken = |turn: &Turn| turn.role == Role::Caller && turn.via == Via::Voice;
        turns.iter().zip(kept).filter(move |(turn, _)| is_spoken(turn))
    };
    let dates_change = spoken().any(|(turn, _)| Words::of(&turn.text).any(&english().facts.date.changes));
    let mut drafts = Vec::new();
    for (turn, text) in spoken() {
        for sentence in sentences::split(text) {
            let (words, lists) = (Words::of(&sentence), &english().facts);
            let mut reading = Reading { words, lists, turn: turn.id, closes: false, drafts: &mut drafts };
            reading.read(sentence.ends_with('?'), dates_change);
        }
    }
    drafts
}

/// One sentence, and where its facts go.
struct Reading<'a> {
    words: Words,
    lists: &'static FactWords,
    turn: TurnId,
    closes: bool,
    drafts: &'a mut Vec<Draft>,
}

impl Reading<'_> {
    fn read(&mut self, asks: bool, dates_change: bool) {
        if self.words.any(&self.lists.doubts) || self.words.says_any(&self.lists.reports) {
            return;
        }
        self.wanted_language();
        if !self.words.any(&self.lists.not) {
            self.call_back();
        }
        if asks {
            return;
        }
        self.unwanted_channel();
        self.poor_language();
        if let Some(positive) = without_no_longer(&self.words) {
            self.words = positive;
            self.closes = true;
        }
        let denied = self.words.any(&self.lists.denials)
            || self.words.iter().skip(1).any(|word| self.lists.denials_within.has(word));
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
    fn behind(&self, leads: impl IntoIterator<Item = impl AsRef<str>>) -> Vec<usize> {
        leads.into_iter().filter_map(|lead| self.words.after(lead.as_ref())).collect()
    }

    /// Whether one of `phrases` is said from `word` on.
    fn goes_on(&self, word: usize, phrases: &Phrases) -> bool {
        phrases.iter().any(|phrase| self.words.follows(word, phrase).is_some())
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
        self.ends_at(word) || self.goes_on(word, &self.lists.after_thing)
    }

    fn channel(&mut self) {
        let lists = &self.lists.channel;
        if self.words.any(&lists.once) || !self.words.any(&lists.prefers) {
            return;
        }
        for means in &lists.means {
            let said = means.names.iter().any(|name| {
                let blanks = [("means", name)];
                let preferred = self.behind(filled(&lists.preferred, &blanks));
                let best = self.behind(filled(&lists.best, &blanks));
                preferred.into_iter().any(|end| self.ends_at(end) || self.goes_on(end, &lists.after_preferred))
                    || best.into_iter().any(|end| self.is_for_caller(end))
            });
            if said {
                self.add("contact.channel", &*means.fact, Confidence::Stated);
                return;
            }
        }
    }

    /// Whether "is best" means the caller: "… for me", or nothing behind it.
    fn is_for_caller(&self, end: usize) -> bool {
        let lists = &self.lists.channel;
        self.goes_on(end, &lists.for_caller) || (self.ends_at(end) && !self.goes_on(end, &lists.for_others))
    }

    fn unwanted_channel(&mut self) {
        let lists = &self.lists.channel;
        for means in &lists.refused {
            let verb = means.verb.as_str();
            if !self.words.has(verb) {
                continue;
            }
            let refused = self.behind(filled(&lists.unwanted, &[("verb", verb)]));
            if refused.into_iter().any(|end| self.ends_at(end) || self.goes_on(end, &lists.after_unwanted)) {
                self.add(format!("contact.no_{verb}"), &*means.fact, Confidence::Stated);
                if let Some(preference) = &means.closes {
                    self.closing("contact.channel", &**preference);
                }
            }
        }
    }

    fn time(&mut self) {
        let lists = &self.lists.time;
        if self.words.any(&lists.once) {
            return;
        }
        let Some(slot) = self.preferred_slot() else { return };
        let key = if self.words.any(&self.lists.date.kinds) || self.words.any(&lists.about_visits) {
            "appointment.pref_time"
        } else if self.words.any(&lists.about_calls) {
            "contact.pref_time"
        } else {
            "pref_time"
        };
        self.add(key, lists.fact.fill(&[("slot", &slot)]), Confidence::Stated);
    }

    /// The time that comes again and suits the caller, if there is just one.
    fn preferred_slot(&self) -> Option<String> {
        let lists = &self.lists.time;
        let named = self.words.iter().filter(|word| self.is_slot(word)).count();
        if named == 0 && !lists.parts_of_day.keys().any(|part| self.words.has(part)) {
            return None; // nearly every sentence; what follows builds many phrases
        }
        let weekdays = days::weekdays().map(|weekday| format!("{weekday}s"));
        for kept in lists.slots.iter().map(str::to_owned).chain(weekdays) {
            let said = kept.to_lowercase();
            let Some(end) = self.words.after(&said) else { continue };
            let listed = self.goes_on(end, &lists.listed)
                || end.checked_sub(2).is_some_and(|before| self.goes_on(before, &lists.listed));
            if listed && named > 1 {
                return None;
            }
            let best = |praise: &Phrases| praise.iter().find_map(|praise| self.words.follows(end, praise));
            let judged = best(&lists.best).or_else(|| if self.closes { best(&lists.good) } else { None });
            if judged.is_some_and(|end| self.is_for_caller(end) || self.goes_on(end, &lists.for_caller)) {
                return Some(kept);
            }
            let with_slot = |lead| filled(&lists.lead_and_slot, &[("lead", lead), ("slot", &said)]);
            if lists.leads.iter().flat_map(with_slot).any(|phrase| self.words.says(&phrase)) {
                return Some(kept);
            }
        }
        lists.parts_of_day.iter().find_map(|(part, kept)| {
            let phrase = |habit: &str| self.words.says(&lists.habit_and_part.fill(&[("habit", habit), ("part", part)]));
            lists.habits.iter().any(phrase).then(|| kept.clone())
        })
    }

    /// Whether `word` is a time that comes again: "mornings", "fridays".
    fn is_slot(&self, word: &str) -> bool {
        self.lists.time.slots.has(word) || word.strip_suffix('s').is_some_and(|day| days::weekday(day).is_some())
    }

    fn wanted_language(&mut self) {
        let lists = &self.lists.language;
        let found = self.behind(lists.wanted.iter()).into_iter().find_map(|at| {
            let name = self.at(at)?;
            languages::tag(name).filter(|_| self.ends_at(at + 1) || self.goes_on(at + 1, &lists.after_wanted))?;
            Some(capital(name))
        });
        if let Some(name) = found.filter(|_| !self.words.any(&lists.denials)) {
            self.add(LANGUAGE_KEY, lists.wanted_fact.fill(&[("language", &name)]), Confidence::Stated);
        }
    }

    fn poor_language(&mut self) {
        let lists = &self.lists.language;
        if self.words.says_any(&lists.poor) {
            self.add(&*lists.poor_key, &*lists.poor_fact, Confidence::Stated);
        }
    }

    fn spoken_language(&mut self) {
        let lists = &self.lists.language;
        for at in self.behind(lists.native.iter()) {
            if let Some(name) = self.at(at).filter(|name| languages::tag(name).is_some()) {
                let text = lists.native_fact.fill(&[("language", &capital(name))]);
                self.add("lang.native", text, Confidence::Stated);
            }
        }
        if self.words.any(&lists.spoken_badly) {
            return;
        }
        for at in self.behind(lists.spoken.iter()) {
            let found = self.at(at).and_then(|name| Some((capital(name), languages::tag(name)?)));
            if let Some((name, tag)) = found.filter(|_| self.ends_at(at + 1)) {
                let text = lists.spoken_fact.fill(&[("language", &name)]);
                self.add(format!("lang.{tag}"), text, Confidence::Stated);
            }
        }
    }

    fn place(&mut self) {
        let lists = &self.lists.place;
        if let Some(place) = self.behind(lists.leads.iter()).into_iter().find_map(|at| self.proper_name(at)) {
            self.add("home.place", lists.fact.fill(&[("place", &place)]), Confidence::Stated);
        }
    }

    /// The capitalised words from `word` on, at most three: a place, or a model. No day or month is one.
    fn proper_name(&self, word: usize) -> Option<String> {
        let first = self.words.token_at(word)?;
        let mut name: Vec<&str> = Vec::new();
        for token in self.words.tokens().iter().skip(first).take(3) {
            let lower = token.raw.to_lowercase();
            let dated = days::weekday(&lower).or_else(|| days::month(&lower)).is_some();
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
        let lists = &self.lists.pet;
        for (pet, plural) in &lists.kinds {
            if !self.words.has(pet) && !self.words.has(plural) {
                continue;
            }
            let key = format!("pet.{pet}");
            let counted = (2..=4).filter_map(|count| Some((numbers::name_below_twenty(count)?, plural)));
            let one = [Some("a"), numbers::name_below_twenty(1)].into_iter().flatten().map(|count| (count, pet));
            for (at, (count, said)) in one.chain(counted).enumerate() {
                let leads = filled(&lists.have, &[("count", count), ("pet", said)]);
                if self.behind(leads).first().is_some_and(|end| self.is_whole_thing(*end)) {
                    let count = if at < 2 { "a" } else { count };
                    self.add(&key, lists.fact.fill(&[("count", count), ("pet", said)]), Confidence::Stated);
                }
            }
            let has_one = || lists.fact.fill(&[("count", "a"), ("pet", pet)]);
            let blanks = [("pet", pet.as_str())];
            if filled(&lists.gone, &blanks).iter().any(|gone| self.words.says(gone)) {
                self.closing(&key, has_one());
            } else if self.behind(filled(&lists.mine, &blanks)).into_iter().any(|end| self.is_told_of(end)) {
                self.add(&key, has_one(), Confidence::Inferred);
            }
        }
    }

    /// Whether something is said of the thing before `word`, as it is.
    fn is_told_of(&self, word: usize) -> bool {
        self.goes_on(word, &self.lists.told) && !self.pauses_before(word)
    }

    fn vehicle(&mut self) {
        let lists = &self.lists.vehicle;
        for (brand, name) in &lists.brands {
            let Some(end) = self.words.after(brand) else { continue };
            if self.words.any(&lists.not_owned) {
                continue;
            }
            // The model: "Civic" in "a Honda Civic".
            let model = if self.ends_at(end) { None } else { self.proper_name(end) };
            let words_of_model = model.as_ref().map_or(0, |model| Words::of(model).len());
            let behind = end + words_of_model;
            let before: Vec<&str> = self.words.iter().take(end - 1).collect();
            let what = [Some(name.clone()), model].into_iter().flatten().collect::<Vec<_>>().join(" ");
            let key = format!("vehicle.{}", name.to_lowercase());
            let text = lists.fact.fill(&[("vehicle", &what)]);
            // A year or a colour may stand between: "I drive a 2019 Honda".
            let without_last = before.split_last().map_or(&[][..], |(_, rest)| rest);
            let owned =
                |leads: &Phrases| leads.iter().any(|lead| ends_with(&before, lead) || ends_with(without_last, lead));
            let (own, sold) = (owned(&lists.own), owned(&lists.sold));
            let mine = lists.mine.iter().any(|mine| ends_with(&before, mine));
            if sold {
                self.closing(key, text);
            } else if own && self.is_whole_thing(behind) {
                self.add(key, text, Confidence::Stated);
            } else if mine && self.is_told_of(behind) {
                self.add(key, text, Confidence::Inferred);
            }
        }
    }

    fn products(&mut self) {
        let lists = &self.lists.product;
        for product in lists.names.iter() {
            if !self.words.says(product) {
                continue;
            }
            let article = if product.starts_with(['a', 'e', 'i', 'o']) { "an" } else { "a" };
            let blanks = [("article", article), ("product", product)];
            let (key, text) = (format!("product.{}", product.replace(' ', "_")), lists.fact.fill(&blanks));
            let own = self.behind(filled(&lists.own, &blanks)).into_iter().any(|end| self.is_whole_thing(end));
            if own {
                self.add(key, text, Confidence::Stated);
            } else if self.behind(filled(&lists.mine, &blanks)).into_iter().any(|end| self.is_told_of(end)) {
                self.add(key, text, Confidence::Inferred);
            }
        }
    }

    fn date(&mut self) {
        let lists = &self.lists.date;
        if self.words.any(&lists.unsure) {
            return;
        }
        for kind in lists.kinds.iter() {
            if !self.words.has(kind) {
                continue;
            }
            let leads = self.behind(filled(&lists.leads, &[("kind", kind)]));
            if let Some(day) = leads.into_iter().find_map(|at| self.day(at)) {
                let text = lists.fact.fill(&[("kind", kind), ("day", &day)]);
                self.add(format!("{kind}.date"), text, Confidence::Stated);
            }
        }
    }

    fn call_back(&mut self) {
        let lists = &self.lists.call_back;
        for phrase in lists.asked.iter() {
            let Some(end) = self.words.after(phrase) else { continue };
            let start = end - phrase.split(' ').count();
            let before = |back: usize| start.checked_sub(back).and_then(|at| self.at(at));
            let wished = match (before(1), before(2)) {
                (None, _) => true,
                (Some(word), _) if lists.before.has(word) => true,
                (Some(who), Some(verb)) if lists.who.has(who) && lists.can.has(verb) => {
                    before(3).is_none_or(|word| lists.before_can.has(word))
                }
                (Some(word), before) if lists.joins.has(word) => {
                    before.is_none() || self.words.starts_with_any(&lists.polite)
                }
                _ => false,
            };
            if let Some(day) = wished.then(|| self.day(end)).flatten() {
                self.add(CALL_BACK_KEY, lists.fact.fill(&[("day", &day)]), Confidence::Stated);
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
        let (day, end) = match days::weekday(self.at(word)?) {
            Some(weekday) => (weekday.to_owned(), word + 1),
            None => self.date_of_month(word)?,
        };
        let next = if next { "next " } else { "" };
        let hour = self.hour(end);
        // "On Friday or Saturday" is no day yet.
        let whole = hour.is_some() || self.ends_at(end) || self.goes_on(end, &self.lists.date.after_day);
        whole.then(|| [format!("on {next}{day}"), hour.unwrap_or_default()].join(" ").trim_end().to_owned())
    }

    fn date_of_month(&self, word: usize) -> Option<(String, usize)> {
        let number = |at: usize| {
            let digits = self.at(at)?.trim_end_matches(['s', 't', 'n', 'd', 'r', 'h']);
            let day = digits.parse::<u32>().ok()?;
            (1..=31).contains(&day).then_some(day)
        };
        let month = |at: usize| days::month(self.at(at)?);
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
        let in_words = numbers::below_twenty(hour).is_some_and(|hour| (1..=12).contains(&hour));
        let is_hour = in_words || hour.parse::<u32>().is_ok_and(|hour| (1..=12).contains(&hour));
        is_hour.then_some(())?;
        let mut said = format!("at {hour}");
        let mut at = word + 2;
        if let Some(minutes) = self.at(at).filter(|word| self.lists.date.minutes.has(word)) {
            said = format!("{said} {minutes}");
            at += 1;
        }
        if let Some(half) = self.at(at).filter(|word| self.lists.date.halves_of_day.has(word)) {
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

/// The phrases of `templates` with their blanks filled.
fn filled(templates: &[Template], blanks: &[(&str, &str)]) -> Vec<String> {
    templates.iter().map(|template| template.fill(blanks)).collect()
}

/// Whether `words` end with those of `phrase`.
fn ends_with(words: &[&str], phrase: &str) -> bool {
    let mut back = words.iter().rev();
    phrase.rsplit(' ').all(|word| back.next() == Some(&word))
}
