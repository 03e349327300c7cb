//! Numbers as they stand in a sentence: 42, 1,234.5, 1984, 21st, 1990s, and amounts of money.

use crate::lexicon::{Lexicon, Word, endings};
use crate::number_words::{cardinal, decimal, digit_word, ordinal, year};
use crate::stress::Stress;

/// Currencies that are read with their smaller coin; the pence have no plural of their own.
const CURRENCIES: [(char, &str, &str); 3] = [('$', "dollar", "cent"), ('£', "pound", "pence"), ('€', "euro", "cent")];

/// More digits than this are read one by one: nobody hears quintillions.
const MAX_DIGITS: usize = 18;

/// So many digits without a comma are an account, a ticket or a telephone, and are read one by one.
const CODE_DIGITS: usize = 7;

/// A number, or part of a code.
#[derive(Clone, Copy)]
pub(crate) struct Numeral<'a> {
    pub(crate) text: &'a str,
    /// The sign before it, if it is an amount of money.
    pub(crate) currency: Option<char>,
    /// Whether it begins a word; the numbers inside a code are read in a different way.
    pub(crate) is_head: bool,
}

/// The currency whose sign this is.
pub(crate) fn currency(text: &str) -> Option<char> {
    let mut signs = text.chars();
    let sign = signs.next().filter(|sign| CURRENCIES.iter().any(|(known, ..)| known == sign))?;
    signs.next().is_none().then_some(sign)
}

impl Numeral<'_> {
    /// Whether this is a number at all.
    pub(crate) fn is_number(self) -> bool {
        const ENDINGS: [&str; 9] = ["ing", "'d", "ed", "'s", "st", "nd", "rd", "th", "s"];
        let text = ENDINGS.iter().find_map(|ending| self.text.strip_suffix(ending)).unwrap_or(self.text);
        let text = text.strip_prefix('-').filter(|_| self.is_head).unwrap_or(text);
        text.bytes().any(|byte| byte.is_ascii_digit())
            && text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b',' | b'.'))
    }

    /// Its phonemes, if it is one.
    pub(crate) fn phonemes(self, lexicon: &Lexicon) -> Option<String> {
        if !self.is_number() {
            return None;
        }
        let at = self.text.rfind(|last: char| !(last.is_ascii_lowercase() || last == '\''))? + 1;
        let (number, ending) = self.text.split_at(at);
        let (number, minus) = match number.strip_prefix('-') {
            Some(number) => (number, lexicon.word(Word::alone("minus"))),
            None => (number, None),
        };
        let mut spoken: Vec<String> = minus.into_iter().collect();
        spoken.extend(self.read(lexicon, number, ending));
        let phonemes = spoken.join(" ");
        Some(match ending {
            "s" | "'s" => endings::with_s(&phonemes),
            "ed" | "'d" => endings::with_ed(&phonemes),
            "ing" => endings::with_ing(&phonemes),
            _ => phonemes,
        })
    }

    fn read(self, lexicon: &Lexicon, number: &str, ending: &str) -> Vec<String> {
        let plain: String = number.chars().filter(|digit| *digit != ',').collect();
        let dots = plain.matches('.').count();
        let is_ordinal = matches!(ending, "st" | "nd" | "rd" | "th") && dots == 0;
        let is_plain = dots == 0 && !number.contains(',') && self.currency.is_none() && ending.is_empty();
        let is_code = is_plain && (number.len() >= CODE_DIGITS || (number.len() > 1 && number.starts_with('0')));
        if plain.len() - dots > MAX_DIGITS || is_code {
            return digits(lexicon, &plain);
        }
        if number.len() == 4 && !number.contains([',', '.']) && !is_ordinal && self.currency.is_none() {
            return words(lexicon, &year(plain.parse().unwrap_or(0)));
        }
        if !self.is_head && dots == 0 && !is_ordinal {
            return code(lexicon, &plain);
        }
        if (!self.is_head && !is_ordinal) || dots > 1 {
            return plain.split('.').flat_map(|part| version(lexicon, part)).collect();
        }
        if let Some(sign) = self.currency
            && let Some(amount) = money(lexicon, sign, &plain)
        {
            return amount;
        }
        let (whole, fraction) = plain.split_once('.').unwrap_or((&plain, ""));
        let value = whole.parse().unwrap_or(0);
        let mut spoken = if is_ordinal {
            words(lexicon, &ordinal(value))
        } else if whole.is_empty() {
            let mut spoken = words(lexicon, "point");
            spoken.extend(digits(lexicon, fraction));
            spoken
        } else {
            words(lexicon, &decimal(value, fraction))
        };
        spoken.extend(self.currency.and_then(|sign| plural(lexicon, CURRENCIES.iter().find(|c| c.0 == sign)?.1)));
        spoken
    }
}

/// Each word's phonemes; words are separated by spaces and hyphens.
fn words(lexicon: &Lexicon, text: &str) -> Vec<String> {
    text.split([' ', '-'])
        .filter_map(|text| {
            let stress = if text == "point" { Stress::Removed } else { Stress::Own };
            lexicon.word(Word { stress, ..Word::alone(text) })
        })
        .collect()
}

fn digits(lexicon: &Lexicon, digits: &str) -> Vec<String> {
    digits.bytes().filter(u8::is_ascii_digit).filter_map(|digit| lexicon.word(Word::alone(digit_word(digit)))).collect()
}

/// A number in a code: `B12`, `F-150`. Long ones digit by digit, three digits as "one oh five" or "one fifty".
fn code(lexicon: &Lexicon, number: &str) -> Vec<String> {
    let value = |digits: &str| cardinal(digits.parse().unwrap_or(0));
    if number.len() > 3 {
        return digits(lexicon, number);
    }
    match number.split_at_checked(1) {
        Some((hundreds, rest)) if number.len() == 3 && rest != "00" => {
            let mut spoken = words(lexicon, &value(hundreds));
            if let Some(unit) = rest.strip_prefix('0') {
                spoken.extend(lexicon.word(Word::alone("O")));
                spoken.extend(words(lexicon, &value(unit)));
            } else {
                spoken.extend(words(lexicon, &value(rest)));
            }
            spoken
        }
        _ => words(lexicon, &value(number)),
    }
}

/// One part of `2.0.1` or `192.168.1.1`.
fn version(lexicon: &Lexicon, part: &str) -> Vec<String> {
    let round = part.get(1..).is_some_and(|rest| rest.bytes().all(|digit| digit == b'0'));
    if part.starts_with('0') || (part.len() != 2 && !round) {
        digits(lexicon, part)
    } else {
        words(lexicon, &cardinal(part.parse().unwrap_or(0)))
    }
}

/// `42.50` dollars as "forty-two dollars and fifty cents"; `None` if it has more than two decimals.
fn money(lexicon: &Lexicon, sign: char, number: &str) -> Option<Vec<String>> {
    let (_, unit, coin) = *CURRENCIES.iter().find(|currency| currency.0 == sign)?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if fraction.len() > 2 && fraction.bytes().any(|digit| digit != b'0') {
        return None;
    }
    let units: u64 = whole.parse().unwrap_or(0);
    let coins: u64 = fraction.parse().unwrap_or(0);
    let mut spoken = Vec::new();
    if units > 0 || coins == 0 {
        spoken.extend(words(lexicon, &cardinal(units)));
        spoken.extend(if units == 1 { lexicon.word(Word::alone(unit)) } else { plural(lexicon, unit) });
    }
    if coins > 0 {
        if units > 0 {
            spoken.extend(lexicon.word(Word::alone("and")));
        }
        spoken.extend(words(lexicon, &cardinal(coins)));
        spoken.extend(if coins == 1 || coin == "pence" {
            lexicon.word(Word::alone(coin))
        } else {
            plural(lexicon, coin)
        });
    }
    Some(spoken)
}

fn plural(lexicon: &Lexicon, unit: &str) -> Option<String> {
    lexicon.word(Word::alone(unit)).map(|unit| endings::with_s(&unit))
}
