//! Words as they are compared: what was said against what was recognised.
//!
//! A recogniser writes "$42.50" or "forty two dollars and fifty cents", "5550-142" or "five five five, zero one four two".
//! Both sides become the words that were spoken: lower case, no punctuation, signs and abbreviations spelled out, and
//! numbers as their digits one by one, so that "seventy eight thirty one" is "7831". Two forms stay words: ordinals, and
//! the day of a month, which is one ("March 3" is "March third").

/// The words of a text, spoken form.
pub(super) fn normal(text: &str) -> Vec<String> {
    let text = text.to_lowercase().replace('’', "'");
    let mut words = Vec::new();
    for chunk in text.split_whitespace() {
        spell_out(chunk, &mut words);
    }
    numbers(&join(words))
}

/// Insertions, deletions and substitutions between two texts.
pub(super) fn errors(wanted: &[String], heard: &[String]) -> usize {
    let mut row: Vec<usize> = (0..=heard.len()).collect();
    for (at, want) in wanted.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = at + 1;
        for (column, word) in heard.iter().enumerate() {
            let substituted = diagonal + usize::from(want != word);
            diagonal = row[column + 1];
            row[column + 1] = substituted.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[heard.len()]
}

/// How many of how many words were wrong.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) wrong: usize,
    pub(super) words: usize,
}

impl Tally {
    /// Of one text.
    pub(super) fn of(said: &str, heard: &str) -> Self {
        let said = normal(said);
        Self { wrong: errors(&said, &normal(heard)), words: said.len() }
    }

    pub(super) fn add(&mut self, other: Self) {
        self.wrong += other.wrong;
        self.words += other.words;
    }

    /// In percent.
    pub(super) fn rate(self) -> f64 {
        100.0 * self.wrong as f64 / self.words.max(1) as f64
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:4.1} % of {} words wrong", self.rate(), self.words)
    }
}

const ONES: [&str; 20] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
];
const TENS: [&str; 10] = ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];
const ORDINALS: [&str; 20] = [
    "zeroth",
    "first",
    "second",
    "third",
    "fourth",
    "fifth",
    "sixth",
    "seventh",
    "eighth",
    "ninth",
    "tenth",
    "eleventh",
    "twelfth",
    "thirteenth",
    "fourteenth",
    "fifteenth",
    "sixteenth",
    "seventeenth",
    "eighteenth",
    "nineteenth",
];
const MONTHS: [&str; 12] = [
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
/// Written one way or the other for the same sound.
const SPELLINGS: &[(&str, &str)] = &[
    ("apt", "apartment"),
    ("ave", "avenue"),
    ("blvd", "boulevard"),
    ("cannot", "can not"),
    ("can't", "can not"),
    ("centre", "center"),
    ("dr", "doctor"),
    ("he's", "he is"),
    ("here's", "here is"),
    ("it's", "it is"),
    ("mr", "mister"),
    ("mrs", "missus"),
    ("ok", "okay"),
    ("rd", "road"),
    ("she's", "she is"),
    ("st", "street"),
    ("that's", "that is"),
    ("there's", "there is"),
    ("what's", "what is"),
    ("where's", "where is"),
    ("who's", "who is"),
    ("won't", "will not"),
];
/// Two words on paper, one in the ear.
const COMPOUNDS: &[(&str, &str, &str)] = &[
    ("a", "m", "am"),
    ("any", "one", "anyone"),
    ("e", "mail", "email"),
    ("good", "bye", "goodbye"),
    ("p", "m", "pm"),
    ("per", "cent", "percent"),
    ("some", "one", "someone"),
    ("street", "light", "streetlight"),
    ("to", "day", "today"),
    ("to", "morrow", "tomorrow"),
    ("to", "night", "tonight"),
    ("voice", "mail", "voicemail"),
];

/// Writes what stands between two spaces as it is said; digits stay digits.
fn spell_out(chunk: &str, words: &mut Vec<String>) {
    let inner = chunk.trim_matches(|char: char| !char.is_alphanumeric() && !"$#+%".contains(char));
    let mut say = |text: &str| words.extend(text.split_whitespace().map(str::to_owned));
    if let Some(money) = inner.strip_prefix('$') {
        return say(&spoken_money(money));
    }
    if let Some(date) = spoken_date(inner) {
        return say(&date);
    }
    if is_address(inner) {
        let spoken =
            inner.replace('@', " at ").replace('.', " dot ").replace('_', " underscore ").replace('-', " dash ");
        return say(&split_digits(&spoken));
    }
    let inner = inner
        .replace("p.m", "pm")
        .replace("a.m", "am")
        .replace('%', " percent ")
        .replace('#', " number ")
        .replace('+', " plus ")
        .replace('&', " and ")
        // On the hour; otherwise the minutes are a number of their own.
        .replace(":00", " ");
    let inner = split_digits(&decimal(&thousands(&inner)));
    for word in inner.split(|char: char| !char.is_alphanumeric() && char != '\'').filter(|word| !word.is_empty()) {
        contraction(word, &mut say);
    }
}

fn contraction(word: &str, say: &mut impl FnMut(&str)) {
    if let Some((_, spelled)) = SPELLINGS.iter().find(|(short, _)| *short == word) {
        return say(spelled);
    }
    for (ending, spelled) in [("n't", "not"), ("'m", "am"), ("'re", "are"), ("'ve", "have"), ("'ll", "will")] {
        if let Some(stem) = word.strip_suffix(ending).filter(|stem| !stem.is_empty()) {
            say(stem);
            return say(spelled);
        }
    }
    say(&word.replace('\'', ""));
}

/// `42.50`, `5`, `1,250`, and what may follow them without a space.
fn spoken_money(amount: &str) -> String {
    let amount = amount.replace(',', "");
    let (dollars, cents) = amount.split_once('.').unwrap_or((&amount, ""));
    let unit = |count: &str, one: &str| format!("{count} {one}{}", if count == "1" { "" } else { "s" });
    match cents.trim_start_matches('0') {
        "" => unit(dollars, "dollar"),
        cents if dollars == "0" => unit(cents, "cent"),
        cents => format!("{} {}", unit(dollars, "dollar"), unit(cents, "cent")),
    }
}

/// `10/12/2026`, as in the United States.
fn spoken_date(text: &str) -> Option<String> {
    let parts: Vec<usize> = text.split('/').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    let [month, day, year] = parts[..] else { return None };
    Some(format!("{} {day} {year}", MONTHS.get(month.checked_sub(1)?)?))
}

/// An e-mail address or a host name.
fn is_address(text: &str) -> bool {
    let is_name = |label: &str| label.chars().count() > 1 && label.chars().all(char::is_alphanumeric);
    text.contains('@')
        || text.rsplit_once('.').is_some_and(|(host, top)| {
            is_name(top)
                && !top.contains(|char: char| char.is_ascii_digit())
                && host.rsplit('.').next().is_some_and(is_name)
        })
}

/// "1,250" without its comma.
fn thousands(text: &str) -> String {
    let mut parts = text.split(',');
    let mut joined = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let digits = part.len() == 3 && part.bytes().all(|byte| byte.is_ascii_digit());
        let after_digit = joined.ends_with(|char: char| char.is_ascii_digit());
        joined.push_str(if digits && after_digit { "" } else { " " });
        joined.push_str(part);
    }
    joined
}

/// "3.5" with its point said.
fn decimal(text: &str) -> String {
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    match text.split_once('.') {
        Some((whole, part)) if is_number(whole) && is_number(part) => format!("{whole} point {part}"),
        Some(_) | None => text.to_owned(),
    }
}

/// "3pm" in two words, "21st" in one.
fn split_digits(text: &str) -> String {
    let mut split = String::new();
    for word in text.split_inclusive(|char: char| !char.is_alphanumeric()) {
        let bare = word.trim_end_matches(|char: char| !char.is_alphanumeric());
        let digits = bare.trim_end_matches(|char: char| char.is_alphabetic());
        let is_ordinal = matches!(&bare[digits.len()..], "st" | "nd" | "rd" | "th");
        match digits.parse::<usize>().ok().filter(|number| is_ordinal && *number < 100) {
            Some(number) => {
                split.push_str(&ordinal(number));
                split.push_str(&word[bare.len()..]);
            }
            None => {
                let mut was_digit = None;
                for char in word.chars() {
                    if char.is_alphanumeric() && was_digit.is_some_and(|was| was != char.is_ascii_digit()) {
                        split.push(' ');
                    }
                    was_digit = char.is_alphanumeric().then(|| char.is_ascii_digit());
                    split.push(char);
                }
            }
        }
    }
    split
}

fn ordinal(number: usize) -> String {
    match (number / 10, number % 10) {
        (0 | 1, _) => ORDINALS[number].to_owned(),
        (tens, 0) => format!("{}ieth", TENS[tens].trim_end_matches('y')),
        (tens, ones) => format!("{} {}", TENS[tens], ORDINALS[ones]),
    }
}

fn join(words: Vec<String>) -> Vec<String> {
    let mut joined: Vec<String> = Vec::new();
    for word in words {
        let compound = joined.last().and_then(|last| {
            COMPOUNDS.iter().find(|(first, second, _)| last == first && word == *second).map(|(_, _, whole)| *whole)
        });
        match (compound, joined.last_mut()) {
            (Some(whole), Some(last)) => whole.clone_into(last),
            _ => joined.push(word),
        }
    }
    joined
}

/// What a word adds to a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part<'a> {
    /// Digits as written.
    Written(&'a str),
    Ones(usize),
    Teens(usize),
    Tens(usize),
    Hundred,
    Thousand,
}

fn part(word: &str) -> Option<Part<'_>> {
    if word.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Part::Written(word));
    }
    if let Some(number) = ONES.iter().position(|name| *name == word) {
        return Some(if number < 10 { Part::Ones(number) } else { Part::Teens(number) });
    }
    match word {
        "hundred" => Some(Part::Hundred),
        "thousand" => Some(Part::Thousand),
        _ => TENS.iter().position(|name| !name.is_empty() && *name == word).map(|tens| Part::Tens(10 * tens)),
    }
}

/// Reads numbers in words and writes all numbers digit by digit.
fn numbers(words: &[String]) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut number = Number::default();
    for (at, word) in words.iter().enumerate() {
        let next = words.get(at + 1).map(String::as_str);
        let number_follows = next.is_some_and(|next| part(next).is_some());
        match (word.as_str(), part(word)) {
            // "two hundred and five", "two dollars and five cents"
            ("and", _) if number_follows && (number.is_scaled() || out.last().is_some_and(|last| is_money(last))) => (),
            ("a", _) if matches!(next, Some("hundred" | "thousand")) => number.push(Part::Ones(1)),
            ("oh" | "o", _) if number_follows && (!number.is_empty()) => number.push(Part::Written("0")),
            // "the twenty first"
            (_, Some(Part::Tens(_))) if next.is_some_and(|next| ORDINALS[1..10].contains(&next)) => {
                number.write(&mut out);
                out.push(word.clone());
            }
            (_, Some(part)) if number.takes(part) => number.push(part),
            (_, _) => {
                number.write(&mut out);
                out.push(word.clone());
            }
        }
    }
    number.write(&mut out);
    out
}

fn is_money(word: &str) -> bool {
    matches!(word, "dollar" | "dollars")
}

/// A number that is being said: groups in a row, such as "seventy eight", "thirty one".
#[derive(Debug, Default)]
struct Number {
    groups: Vec<String>,
    /// The group that may still grow, and what it ends in.
    open: Option<(usize, Ends)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ends {
    Ones,
    Tens,
    Hundred,
    Thousand,
}

impl Number {
    fn is_empty(&self) -> bool {
        self.groups.is_empty() && self.open.is_none()
    }

    fn is_scaled(&self) -> bool {
        matches!(self.open, Some((_, Ends::Hundred | Ends::Thousand)))
    }

    /// "hundreds of" is no number.
    fn takes(&self, part: Part<'_>) -> bool {
        self.open.is_some() || !matches!(part, Part::Hundred | Part::Thousand)
    }

    fn push(&mut self, part: Part<'_>) {
        self.open = match (part, self.open.take()) {
            (Part::Hundred, Some((value, _))) if value % 1000 < 100 => {
                Some((value / 1000 * 1000 + value % 1000 * 100, Ends::Hundred))
            }
            (Part::Thousand, Some((value, _))) if value < 1000 => Some((value * 1000, Ends::Thousand)),
            (Part::Ones(ones), Some((value, Ends::Tens))) if ones > 0 => Some((value + ones, Ends::Ones)),
            (Part::Ones(more) | Part::Teens(more), Some((value, Ends::Hundred | Ends::Thousand))) => {
                Some((value + more, Ends::Ones))
            }
            (Part::Tens(tens), Some((value, Ends::Hundred | Ends::Thousand))) => Some((value + tens, Ends::Tens)),
            (part, before) => {
                self.groups.extend(before.map(|(value, _)| value.to_string()));
                match part {
                    Part::Ones(value) | Part::Teens(value) => Some((value, Ends::Ones)),
                    Part::Tens(value) => Some((value, Ends::Tens)),
                    // A written number may be multiplied ("5 hundred"), unless a zero leads it.
                    Part::Written(digits) => match digits.parse() {
                        Ok(value) if digits.len() < 4 && (!digits.starts_with('0') || digits == "0") => {
                            Some((value, Ends::Ones))
                        }
                        _ => {
                            self.groups.push(digits.to_owned());
                            None
                        }
                    },
                    Part::Hundred | Part::Thousand => None,
                }
            }
        };
    }

    /// Ends the number and writes it; directly after a month its first group is a day.
    fn write(&mut self, out: &mut Vec<String>) {
        self.groups.extend(self.open.take().map(|(value, _)| value.to_string()));
        // "May twenty nineteen"
        let is_year =
            matches!(&self.groups[..], [century, year] if matches!(&**century, "19" | "20") && year.len() == 2);
        for (at, group) in std::mem::take(&mut self.groups).into_iter().enumerate() {
            let after_month = at == 0 && !is_year && out.last().is_some_and(|last| MONTHS.contains(&last.as_str()));
            match group.parse::<usize>() {
                Ok(day @ 1..=31) if after_month => out.extend(ordinal(day).split(' ').map(str::to_owned)),
                _ => out.extend(group.bytes().map(|digit| ONES[usize::from(digit - b'0')].to_owned())),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each line: the same words in several writings.
    const SAME: &[&[&str]] = &[
        &["$42.50", "forty-two dollars and fifty cents.", "42 dollars and 50 cents"],
        &["$1,250", "one thousand two hundred and fifty dollars", "1250 dollars"],
        &["It's $5.", "it is five dollars"],
        &["3:30 p.m.", "three thirty PM", "3 30 p M.."],
        &["at 9:00 am", "At nine a.m."],
        &["9:05", "nine oh five"],
        &["March 3rd", "march third", "March 3"],
        &["December 21, 2026", "december twenty first twenty twenty six", "December 21st 2026"],
        &["10/12/2026", "October twelfth, two thousand twenty-six"],
        &["the 30th", "the thirtieth"],
        &["since May 2019", "since May twenty nineteen"],
        &["555-0142", "five five five, zero one four two", "5550-142", "five five five oh one four two"],
        &["+1 (415) 555-0199", "plus one four one five five five five zero one nine nine"],
        &["order 7831", "order seventy eight thirty one", "order seven, eight, three, one"],
        &["help@example.com", "help at example dot com"],
        &["www.example.com/", "www dot example dot com"],
        &["20%", "twenty per cent"],
        &["Someone tonight", "some one to night"],
        &["#7", "number seven"],
        &["3.5", "three point five"],
        &["1245 Maple St., Apt. 6", "twelve forty five Maple Street, apartment six"],
        &["Mr. O'Neil can't come", "mister oneil can not come"],
        &["I'm sure they'll don’t", "I am sure they will do not"],
        &["two hundred and five", "205", "2 hundred five"],
        &["a hundred and one", "101"],
        &["Unit 7B", "unit 7 b"],
        &["to-morrow by e-mail", "tomorrow by email"],
        &["St. 12 St.", "street twelve street"],
    ];

    #[test]
    fn the_same_words_in_other_writing_are_the_same() {
        for group in SAME {
            for other in &group[1..] {
                assert_eq!(normal(group[0]), normal(other), "{} / {other}", group[0]);
            }
        }
    }

    #[test]
    fn other_words_are_errors() {
        for (said, heard, wrong) in [
            ("ten of clubs", "ten of gloves", 1),
            ("fifteen", "fifty", 2),
            ("$42.50", "$42.15", 2),
            ("March 3rd", "March 13", 1),
            ("three p.m.", "three a.m.", 1),
            ("one two three", "one three", 1),
            ("yes", "", 1),
            ("", "you", 1),
        ] {
            assert_eq!(Tally::of(said, heard).wrong, wrong, "{said} / {heard}: {:?} {:?}", normal(said), normal(heard));
        }
        assert_eq!(normal("It was 7:30, I think."), ["it", "was", "seven", "three", "zero", "i", "think"]);
    }
}
