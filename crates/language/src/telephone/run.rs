//! Groups of digits that belong together, and what they are by the words around them.

use super::found::{Found, Kind, is_complete, is_possible, is_whole};
use super::group::{Group, Mark, Piece, is_month, said_before, says};
use crate::clean;
use crate::data::english;

/// So many words before a number say what it is.
const LABEL_WORDS: usize = 6;

/// The digits of a number that is said beside a telephone number: a time, a house.
const SHORT_DIGITS: usize = 4;

/// Groups that follow each other with nothing between them but pauses and small words.
struct Run {
    /// The digits of each, with a `+` before those behind one.
    groups: Vec<String>,
    /// The groups before which the caller corrected themselves.
    corrections: Vec<usize>,
    /// The group that an area code is.
    area: Option<usize>,
    extension: Option<String>,
    start: usize,
    end: usize,
}

/// What stands between two groups of one number.
#[derive(Default)]
struct Between {
    corrects: bool,
    area: bool,
    extension: bool,
    /// The index of the next group.
    next: usize,
}

/// All numbers in `pieces`, each with the index behind it.
pub(super) fn all(pieces: &[Piece], asked: bool) -> Vec<(Found, usize)> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < pieces.len() {
        let Piece::Group(group) = &pieces[at] else {
            at += 1;
            continue;
        };
        if let Some(kind) = shown(pieces, at, group) {
            found.push((Found { digits: group.digits.clone(), extension: None, kind }, at + 1));
            at += 1;
            continue;
        }
        let run = Run::at(pieces, at);
        at = run.end;
        run.read(pieces, asked, &mut found);
    }
    found
}

impl Run {
    fn at(pieces: &[Piece], start: usize) -> Self {
        let area = said_before(pieces, start, english().telephone.area.iter()).then_some(0);
        let mut run = Self { groups: Vec::new(), corrections: Vec::new(), area, extension: None, start, end: start };
        let mut next = Some(Between { next: start, ..Between::default() });
        while let Some(between) = next {
            let Some(Piece::Group(group)) = pieces.get(between.next) else { break };
            if between.next > start && shown(pieces, between.next, group).is_some() {
                break;
            }
            run.end = between.next + 1;
            if between.extension {
                run.extension = Some(group.digits.clone());
                break;
            }
            if between.corrects {
                run.corrections.push(run.groups.len());
            }
            if between.area {
                run.area = Some(run.groups.len());
            }
            run.groups.push(if group.plus { format!("+{}", group.digits) } else { group.digits.clone() });
            next = between_groups(pieces, run.end);
        }
        run
    }

    /// What the run is, behind the numbers that were found before.
    fn read(self, pieces: &[Piece], asked: bool, found: &mut Vec<(Found, usize)>) {
        let label = label(pieces, self.start, self.end);
        let end = self.end;
        let extension = self.extension.clone();
        let mut groups = self.corrected();
        let mut push = |digits: String, extension: Option<String>, kind: Kind| {
            found.push((Found { digits, extension, kind }, end));
        };
        let digits = groups.concat();
        if clean::holds_card_number(&digits) {
            return push(digits, None, Kind::Reference);
        }
        if let Some(kind @ (Kind::Reference | Kind::Address)) = label {
            // "Order 4471, 415 555 0142": what is left may be a number of its own.
            let split = (1..groups.len()).find(|&at| is_complete(&groups[at..].concat()));
            let rest = split.map(|at| groups.split_off(at).concat());
            push(groups.concat(), None, kind);
            if let Some(rest) = rest {
                push(rest, extension, Kind::Telephone);
            }
            return;
        }
        let expected = asked || label == Some(Kind::Telephone);
        let local = groups.iter().map(String::len).eq([3, 4]);
        if is_possible(&digits) && (is_complete(&digits) || (digits.len() == 7 && (expected || local))) {
            return push(digits, extension, Kind::Telephone);
        }
        // A number and something else in one breath: "at three, 415 555 0142".
        let mut windows: Vec<(usize, usize)> = Vec::new();
        let mut last = groups.len();
        while let Some(window) = window_before(&groups, last) {
            last = window.0;
            windows.push(window);
        }
        if windows.is_empty() {
            let kind = match label {
                _ if expected && is_possible(&digits) => Kind::Telephone,
                Some(Kind::Telephone) | None => Kind::Other,
                Some(kind) => kind,
            };
            return push(digits, if kind == Kind::Telephone { extension } else { None }, kind);
        }
        let mut after = 0;
        for &(from, to) in windows.iter().rev() {
            if from > after {
                push(groups[after..from].concat(), None, Kind::Other);
            }
            let extension = if to == groups.len() { extension.clone() } else { None };
            push(groups[from..to].concat(), extension, Kind::Telephone);
            after = to;
        }
        if after < groups.len() {
            push(groups[after..].concat(), None, Kind::Other);
        }
    }

    /// The groups that count, after what the caller took back.
    fn corrected(mut self) -> Vec<String> {
        // "555 0142, area code 415": it comes first.
        if let Some(at) = self.area.filter(|&at| at > 0 && self.corrections.is_empty())
            && self.groups[at].len() == 3
            && self.groups[..at].concat().len() == 7
        {
            let area = self.groups.remove(at);
            self.groups.insert(0, area);
        }
        let mut ends = self.corrections.clone();
        ends.push(self.groups.len());
        let mut groups: Vec<String> = self.groups[..ends[0]].to_vec();
        for (from, to) in ends.iter().zip(&ends[1..]) {
            groups = replaced(&groups, &self.groups[*from..*to]);
        }
        groups
    }
}

/// The last window of `groups` before `last` that is a complete number.
fn window_before(groups: &[String], last: usize) -> Option<(usize, usize)> {
    let windows = (1..=last).rev().flat_map(|to| (0..to).rev().map(move |from| (from, to)));
    windows
        .into_iter()
        .find(|&(from, to)| is_complete(&groups[from..to].concat()) && is_possible(&groups[from..to].concat()))
}

/// `said` after `new` has taken the place of its end: of as much as makes the number whole.
fn replaced(said: &[String], new: &[String]) -> Vec<String> {
    let joined = new.concat();
    if said.is_empty() || is_complete(&joined) {
        return new.to_vec();
    }
    // Groups are taken back whole, then single digits.
    let by_group = (0..said.len()).rev().map(|kept| [&said[..kept], new].concat());
    if let Some(groups) = by_group.into_iter().find(|groups| is_complete(&groups.concat())) {
        return groups;
    }
    let both = [said, new].concat();
    if is_complete(&both.concat()) {
        return both;
    }
    let all = said.concat();
    let by_digit = (1..all.len()).rev().map(|kept| format!("{}{joined}", &all[..kept]));
    if let Some(digits) = by_digit.into_iter().find(|digits| is_complete(digits)) {
        return vec![digits];
    }
    if is_whole(&joined) {
        return new.to_vec();
    }
    let kept = all.len().saturating_sub(joined.len());
    if is_whole(&all) && kept > 0 {
        return vec![format!("{}{joined}", &all[..kept])];
    }
    // Still unfinished: the last group is said again.
    [&said[..said.len() - 1], new].concat()
}

/// What follows a group up to the next one of the same number.
fn between_groups(pieces: &[Piece], from: usize) -> Option<Between> {
    let lists = &english().telephone;
    let mut between = Between { next: from, ..Between::default() };
    loop {
        match pieces.get(between.next)? {
            Piece::Group(_) => return Some(between),
            Piece::Pause => between.next += 1,
            Piece::Word(_) => {
                let at = between.next;
                let area = says(pieces, at, lists.area.iter());
                let extension = says(pieces, at, lists.extension.iter());
                let corrects = says(pieces, at, lists.corrects.iter());
                let joins = says(pieces, at, lists.joins.iter());
                between.next = [area, extension, corrects, joins].into_iter().flatten().max()?;
                let longest = Some(between.next);
                between.area |= area == longest;
                between.extension |= extension == longest;
                between.corrects |= corrects == longest;
            }
        }
    }
}

/// What the group at `at` is by its own writing and the words right beside it, whatever else is said.
fn shown(pieces: &[Piece], at: usize, group: &Group) -> Option<Kind> {
    let lists = &english().telephone;
    match group.mark {
        Some(Mark::Price) => return Some(Kind::Price),
        Some(Mark::Clock) => return Some(Kind::Time),
        Some(Mark::Date) => return Some(Kind::Date),
        Some(Mark::Fraction) => return Some(Kind::Other),
        None => (),
    }
    let behind = |phrases: &'static crate::data::Phrases| says(pieces, at + 1, phrases.iter()).is_some();
    if group.digits.len() > 2 * SHORT_DIGITS {
        return None;
    }
    if behind(&lists.hours) {
        return Some(Kind::Time);
    }
    if behind(&lists.money) {
        return Some(Kind::Price);
    }
    if behind(&lists.units) {
        return Some(Kind::Other);
    }
    if group.digits.len() > SHORT_DIGITS + 1 {
        return None;
    }
    let word = |at: Option<usize>| match at.and_then(|at| pieces.get(at)) {
        Some(Piece::Word(word)) => word.as_str(),
        _ => "",
    };
    let month = is_month(word(at.checked_sub(1))) || is_month(word(Some(at + 1)));
    if month && group.digits.len() != 3 {
        return Some(Kind::Date);
    }
    let street = (1..=3)
        .map(|i| word(Some(at + i)))
        .take_while(|word| !word.is_empty())
        .skip(1)
        .any(|word| lists.streets.has(word));
    street.then_some(Kind::Address)
}

/// What the number from `start` to `end` is by the words before it, and behind it.
fn label(pieces: &[Piece], start: usize, end: usize) -> Option<Kind> {
    let lists = &english().telephone;
    if said_before(pieces, start, lists.area.iter()) {
        return Some(Kind::Telephone);
    }
    let before: Vec<&str> = pieces[..start]
        .iter()
        .rev()
        .take_while(|piece| !matches!(piece, Piece::Group(_)))
        .filter_map(|piece| if let Piece::Word(word) = piece { Some(word.as_str()) } else { None })
        .take(LABEL_WORDS)
        .collect();
    for (i, word) in before.iter().enumerate() {
        let owner = before.get(i + 1).copied().unwrap_or_default();
        match *word {
            word if word == lists.number && lists.reference.has(owner) => return Some(Kind::Reference),
            word if word == lists.number && lists.places.has(owner) => return Some(Kind::Address),
            word if word == lists.number || lists.telephone.has(word) => return Some(Kind::Telephone),
            word if lists.postcodes.has(word) || lists.postcodes.has(owner) => return Some(Kind::Address),
            word if lists.reference.has(word) => return Some(Kind::Reference),
            word if lists.places.has(word) => return Some(Kind::Address),
            word if lists.label_links.has(word) => (),
            // "Model number KX 9175": letters that belong to it.
            word if word.len() <= 3 && !english().names.words.has(word) => (),
            _ => break,
        }
    }
    // "0142 is my order number"
    let behind = says(pieces, end, lists.is_my.iter()).and_then(|at| pieces.get(at));
    if let Some(Piece::Word(word)) = behind
        && lists.reference.has(word)
    {
        return Some(Kind::Reference);
    }
    if before.iter().any(|word| lists.telephone.has(word)) {
        return Some(Kind::Telephone);
    }
    let hour = before.first().is_some_and(|word| lists.before_hours.has(word)) && end == start + 1;
    (hour && clock(&pieces[start])).then_some(Kind::Time)
}

/// Whether digits can be a time of day: "3", "330", "1430".
fn clock(piece: &Piece) -> bool {
    let Piece::Group(group) = piece else { return false };
    let (hours, minutes) = group.digits.split_at(group.digits.len().saturating_sub(2));
    let number = |digits: &str| digits.parse::<u8>().unwrap_or_default();
    match group.digits.len() {
        1 | 2 => number(&group.digits) <= 24,
        3 | 4 => number(hours) <= 24 && number(minutes) < 60,
        _ => false,
    }
}
