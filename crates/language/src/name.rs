//! Whose name is said, and what is one: by grammar, lists of given and family names, and spelling.
//!
//! A name counts for the caller's own only behind words that introduce oneself, or as the answer to the question for it. The
//! weaker those words are ("this is", which introduces all sorts of things), the more the lists must say for it: a wrong name is
//! worse than a second question.

mod change;
mod checked;
mod correction;
mod phrase;
mod shape;
mod spelling;
#[cfg(test)]
mod tests;
mod word;

pub use self::change::has_changed;
pub use self::checked::checked;
pub use self::correction::corrected;
pub use self::shape::address;

use self::phrase::{Expected, Phrase, is_cased};
use crate::data::{Phrases, english};
use crate::words::Words;

/// A name that callers give of themselves unasked: "my name is Jennifer Parker", "this is Ana", "Ana speaking".
pub fn volunteered(text: &str) -> Option<String> {
    let words = Words::of(text);
    let found = stated(&words, || introduced(&words).or_else(|| opening(&words)))?;
    Some(spelling::mend(&found, &words))
}

/// A name in the answer to a question for it: also bare ("Jennifer Parker"), unheard of, or spelled ("J-E-N").
pub fn answered(text: &str) -> Option<String> {
    let words = Words::of(text);
    let found =
        stated(&words, || introduced(&words).or_else(|| introduced_when_asked(&words)).or_else(|| bare(&words, 0)));
    match found {
        Some(found) => Some(spelling::mend(&found, &words)),
        None => spelling::alone(&words),
    }
}

/// The name that callers state of themselves, by "my name is", or `otherwise`.
fn stated(words: &Words, otherwise: impl FnOnce() -> Option<Phrase>) -> Option<String> {
    let phrase = match Named::of(words) {
        Some(Named { own: Some(own), .. }) => match (own.whole, own.first, own.last) {
            (Some(whole), ..) => again(words, whole),
            (None, Some(first), Some(last)) => first.with(last),
            // "Bethany, last name Cole."
            (None, None, Some(last)) => match otherwise() {
                Some(first) if first.is_given() && first.len() == 1 && first.end <= last.start => first.with(last),
                Some(_) | None => last,
            },
            (None, first, None) => first?,
        },
        Some(_) | None => again(words, otherwise()?),
    };
    phrase.name()
}

/// "Bond. James Bond.": what is said again, and more.
fn again(words: &Words, phrase: Phrase) -> Phrase {
    let longer = if phrase.paused { Phrase::at(words, phrase.end, Expected::Name) } else { None };
    longer.filter(|longer| longer.extends(&phrase)).unwrap_or(phrase)
}

/// What "… name is …" says, and of whom.
struct Named {
    /// `None`: of somebody else.
    own: Option<Own>,
}

/// The caller's own name, in the pieces that were given.
struct Own {
    whole: Option<Phrase>,
    first: Option<Phrase>,
    last: Option<Phrase>,
}

/// Which part of a name is given.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Whole,
    First,
    Last,
}

impl Named {
    /// What is said behind "name is"; `None` where that is not said.
    fn of(words: &Words) -> Option<Self> {
        let lists = &english().name;
        let mut own: Option<Own> = None;
        let mut of_another = false;
        for at in 0..words.len() {
            let Some(after) = lists.named.iter().filter_map(|lead| words.follows(at, lead)).max() else { continue };
            let (part, owner) = part_and_owner(words, at);
            // "Last name Barker": no "is" is needed where the part is named.
            if part == Part::Whole && after == at + 1 {
                continue;
            }
            let Some(phrase) = Phrase::at(words, after, Expected::Name).filter(|phrase| due(words, phrase)) else {
                continue;
            };
            if is_own(words, owner) {
                let own = own.get_or_insert(Own { whole: None, first: None, last: None });
                let slot = match part {
                    Part::Whole => &mut own.whole,
                    Part::First => &mut own.first,
                    Part::Last => &mut own.last,
                };
                slot.get_or_insert(phrase);
            } else {
                of_another = true;
            }
        }
        (own.is_some() || of_another).then_some(Self { own })
    }
}

/// Which part of a name "name" at `at` means, and the index behind the word for its owner.
fn part_and_owner(words: &Words, at: usize) -> (Part, usize) {
    let lists = &english().name;
    let mut part = if words.at(at) == Some(lists.surname.as_str()) { Part::Last } else { Part::Whole };
    let mut owner = at;
    while let Some(before) = owner.checked_sub(1).and_then(|before| words.at(before)) {
        match before {
            kind if lists.first.has(kind) => part = Part::First,
            kind if lists.last.has(kind) => part = Part::Last,
            kind if lists.kinds.has(kind) => (),
            _ => break,
        }
        owner -= 1;
    }
    (part, owner)
}

/// Whether the words before `owner` say that a name is the caller's: "my", or nothing at all.
fn is_own(words: &Words, owner: usize) -> bool {
    let lists = &english().name;
    match owner.checked_sub(1).and_then(|before| words.at(before)) {
        Some(word) if word == lists.my => true,
        Some(word) if word == lists.the => begins(words, owner - 1),
        _ => begins(words, owner),
    }
}

/// Whether a clause begins at the word `at`: behind nothing, a pause, a greeting or an "and".
fn begins(words: &Words, at: usize) -> bool {
    let lists = &english().name;
    match at.checked_sub(1) {
        None => true,
        Some(before) => {
            paused_at(words, before)
                || words
                    .at(before)
                    .is_some_and(|word| lists.fillers.has(word) || lists.joins.has(word) || lists.corrects.has(word))
        }
    }
}

/// Whether a pause follows the word `at`.
fn paused_at(words: &Words, at: usize) -> bool {
    // The last word of a token stands before its pause.
    let ends = words
        .token_at(at + 1)
        .map(|token| token - 1)
        .or_else(|| (at + 1 == words.len()).then(|| words.tokens().len() - 1));
    ends.is_some_and(|token| words.tokens()[token].pause)
}

/// Whether a name that is due can be this: a single word that means something else needs an end behind it.
fn due(words: &Words, phrase: &Phrase) -> bool {
    !(phrase.is_words() && phrase.len() == 1)
        || ends(words, phrase)
        || announced(words, phrase)
        || words.at(phrase.end).is_some_and(|word| english().name.joins.has(word))
            && (phrase.is_told_by_capital() || (phrase.is_given() && !is_cased(words)))
}

/// Nothing more is said in the clause, and what follows tells nobody else's story.
fn ends(words: &Words, phrase: &Phrase) -> bool {
    (phrase.paused || phrase.end == words.len()) && !tells_of_another(words, phrase.end)
}

/// "Rosa, my daughter", "Bill, who", "Curtis told me".
fn tells_of_another(words: &Words, at: usize) -> bool {
    let lists = &english().name;
    let word = |at: usize| words.at(at).unwrap_or_default();
    lists.others.has(word(at))
        || (word(at) == lists.my && (lists.relations.has(word(at + 1)) || lists.relations.has(word(at + 2))))
}

/// Whether "calling", "here", "from" stands right behind the name.
fn announced(words: &Words, phrase: &Phrase) -> bool {
    follows_any(words, phrase.end, &english().name.announced)
}

/// Whether one of `phrases` is said at `at`.
fn follows_any(words: &Words, at: usize, phrases: &Phrases) -> bool {
    phrases.iter().any(|phrase| words.follows(at, phrase).is_some())
}

/// A name behind words that introduce oneself.
fn introduced(words: &Words) -> Option<Phrase> {
    let lists = &english().name;
    let strong = lists.strong.iter().find_map(|lead| {
        let after = words.after(lead)?;
        let lead_at = after - lead.split(' ').count();
        let denied =
            lead_at.checked_sub(1).and_then(|before| words.at(before)).is_some_and(|word| lists.denies.has(word));
        let phrase = Phrase::at(words, after, Expected::Name).filter(|phrase| due(words, phrase))?;
        // "Call me" asks for a call, too.
        let fits = !lists.only_given.has(lead) || (phrase.is_given() || phrase.parts.len() > phrase.len());
        (fits && !denied && goes_on(words, &phrase)).then_some(phrase)
    });
    strong
        .or_else(|| behind(words, &lists.weak, Expected::Perhaps, |phrase, lead| is_sure(words, phrase, lead)))
        .or_else(|| speaking(words))
}

/// The same in the answer to the question for it: a name that no list knows will do.
fn introduced_when_asked(words: &Words) -> Option<Phrase> {
    behind(words, &english().name.weak_when_asked, Expected::Name, |phrase, _| {
        due(words, phrase) && goes_on(words, phrase)
    })
}

/// The name behind one of `leads` where it begins a clause, if it `fits` (with the index of the lead's first word).
fn behind(
    words: &Words,
    leads: &'static Phrases,
    expected: Expected,
    fits: impl Fn(&Phrase, usize) -> bool,
) -> Option<Phrase> {
    leads.iter().find_map(|lead| {
        (0..words.len()).filter(|&at| begins(words, at)).find_map(|at| {
            let phrase = Phrase::at(words, words.follows(at, lead)?, expected)?;
            fits(&phrase, at).then_some(phrase)
        })
    })
}

/// Whether what stands behind "this is" at `lead` is a name and nothing else.
fn is_sure(words: &Words, phrase: &Phrase, lead: usize) -> bool {
    let lists = &english().name;
    let next = words.at(phrase.end);
    let next_in = |list: &Phrases| next.is_some_and(|word| list.has(word));
    let it_is = lists.it_is.has(words.at(lead).unwrap_or_default());
    // "It's Walter I want", "it's Laura Kim, please": a name that is singled out.
    let cleft = it_is && is_cased(words) && !phrase.paused && next_in(&lists.clefts);
    let wanted = it_is && next_in(&lists.asks_for);
    if next_in(&lists.streets) || cleft || wanted || !goes_on(words, phrase) {
        return false;
    }
    if phrase.is_plain() || phrase.is_full() || announced(words, phrase) {
        return phrase.is_plain() || phrase.is_full() || phrase.parts.len() > 1 || !phrase.is_unknown();
    }
    let greeted = lead.checked_sub(1).and_then(|before| words.at(before)).is_some_and(|word| lists.greetings.has(word));
    // "this is mark and i need": small letters throughout.
    let small = !is_cased(words) && phrase.is_given() && follows_any(words, phrase.end, &lists.opening);
    phrase.is_told_by_capital()
        || (small && lists.this_is.has(words.at(lead).unwrap_or_default()))
        || (ends(words, phrase) && (phrase.is_plain_family() || (greeted && phrase.is_given())))
}

/// Whether what follows may follow a name: an end, or words that begin something new.
fn goes_on(words: &Words, phrase: &Phrase) -> bool {
    let lists = &english().name;
    if tells_of_another(words, phrase.end) {
        return false;
    }
    phrase.paused
        || phrase.end == words.len()
        || follows_any(words, phrase.end, &lists.goes_on)
        || follows_any(words, phrase.end, &lists.asks)
        || announced(words, phrase)
}

/// "Jennifer Parker speaking", "Hi, Ana here".
fn speaking(words: &Words) -> Option<Phrase> {
    let lists = &english().name;
    let start = words.iter().position(|word| !lists.fillers.has(word))?;
    let phrase = Phrase::at(words, start, Expected::Perhaps)?;
    let after = lists.speaking.iter().find_map(|word| words.follows(phrase.end, word))?;
    let new = after == words.len()
        || paused_at(words, after - 1)
        || words.at(after).is_some_and(|word| lists.goes_on.has(word) || lists.announced.has(word));
    (new && (phrase.is_plain()
        || phrase.is_full()
        || phrase.is_told_by_capital()
        || phrase.len() > 1
        || phrase.is_plain_family()))
    .then_some(phrase)
}

/// "Robert Fields, and I'm calling about…", as the first words.
fn opening(words: &Words) -> Option<Phrase> {
    let lists = &english().name;
    let start = words.iter().position(|word| !lists.fillers.has(word))?;
    let phrase = Phrase::at(words, start, Expected::Perhaps).filter(Phrase::is_full)?;
    follows_any(words, phrase.end, &lists.opening).then_some(phrase)
}

/// A name that is all that is said from the word `from` on, or is followed by something new.
fn bare(words: &Words, from: usize) -> Option<Phrase> {
    let lists = &english().name;
    let is_filler = |word: &str| lists.fillers.has(word);
    let start = from + words.iter().skip(from).position(|word| !is_filler(word))?;
    if (from..start).any(|at| words.at(at).is_some_and(|word| lists.thanks.has(word))) {
        return None;
    }
    let phrase = Phrase::at(words, start, Expected::Name)?;
    // Several words that all mean something else are a name only behind a given one: "Rose Young", not "Good Day".
    if phrase.is_words() && phrase.len() > 1 && !phrase.is_given() {
        return None;
    }
    let rest_is_filler = words.iter().skip(phrase.end).all(is_filler) || spelling::starts(words, phrase.end);
    let named = follows_any(words, phrase.end, &lists.says_name);
    let starts = follows_any(words, phrase.end, &lists.goes_on);
    let new = !phrase.is_unknown()
        && (phrase.paused || (starts && !(phrase.is_words() && phrase.len() == 1)))
        && !tells_of_another(words, phrase.end);
    (rest_is_filler || named || new || announced(words, &phrase) && !phrase.is_unknown()).then_some(phrase)
}
