//! Numbers as English words: cardinals, ordinals, years, decimals.
//!
//! Words are separated by single spaces; tens and units are joined with a hyphen (`twenty-one`). No "and": an American
//! reads 101 as "one hundred one".

use redial_language::numbers;

/// `1234` as "one thousand two hundred thirty-four".
pub(crate) fn cardinal(number: u64) -> String {
    if number == 0 {
        return below_twenty(0).to_owned();
    }
    let mut groups = Vec::new();
    let mut rest = number;
    let mut power = 0;
    while rest > 0 {
        let group = rest % 1000;
        if group > 0 {
            let words = below_thousand(group);
            let scale = numbers::name_of_thousands(power);
            groups.push(scale.map_or_else(|| words.clone(), |scale| format!("{words} {scale}")));
        }
        rest /= 1000;
        power += 1;
    }
    groups.reverse();
    groups.join(" ")
}

/// `21` as "twenty-first".
pub(crate) fn ordinal(number: u64) -> String {
    let mut words = cardinal(number);
    let last = words.rfind([' ', '-']).map_or(0, |at| at + 1);
    let ordinal = match &words[last..] {
        "one" => "first".to_owned(),
        "two" => "second".to_owned(),
        "three" => "third".to_owned(),
        "five" => "fifth".to_owned(),
        "eight" => "eighth".to_owned(),
        "nine" => "ninth".to_owned(),
        "twelve" => "twelfth".to_owned(),
        tens if tens.ends_with('y') => format!("{}ieth", &tens[..tens.len() - 1]),
        other => format!("{other}th"),
    };
    words.truncate(last);
    words + &ordinal
}

/// `1984` as "nineteen eighty-four", `1905` as "nineteen oh five", `2001` as "two thousand one".
pub(crate) fn year(number: u64) -> String {
    let (century, rest) = (number / 100, number % 100);
    if century == 0 || (century.is_multiple_of(10) && rest < 10) {
        return cardinal(number);
    }
    let century = cardinal(century);
    match rest {
        0 => format!("{century} hundred"),
        1..=9 => format!("{century} oh {}", cardinal(rest)),
        _ => format!("{century} {}", cardinal(rest)),
    }
}

/// `10.05` as "ten point zero five". Zeros at the end of the fraction are not read: `1.50` is "one point five".
pub(crate) fn decimal(whole: u64, fraction: &str) -> String {
    let mut words = cardinal(whole);
    let fraction = fraction.trim_end_matches('0');
    if !fraction.is_empty() {
        words.push_str(" point");
        for digit in fraction.bytes() {
            words.push(' ');
            words.push_str(digit_word(digit));
        }
    }
    words
}

/// The name of one ASCII digit.
pub(crate) fn digit_word(digit: u8) -> &'static str {
    below_twenty(usize::from(digit.wrapping_sub(b'0')).min(9))
}

fn below_thousand(number: u64) -> String {
    let (hundreds, rest) = (number / 100, number % 100);
    let hundred = numbers::name_of_hundred();
    match (hundreds, rest) {
        (0, rest) => below_hundred(rest),
        (hundreds, 0) => format!("{} {hundred}", below_hundred(hundreds)),
        (hundreds, rest) => format!("{} {hundred} {}", below_hundred(hundreds), below_hundred(rest)),
    }
}

fn below_hundred(number: u64) -> String {
    let number = usize::try_from(number % 100).unwrap_or(0);
    match (number / 10, number % 10) {
        (0 | 1, _) => below_twenty(number).to_owned(),
        (tens, 0) => tens_word(tens).to_owned(),
        (tens, units) => format!("{}-{}", tens_word(tens), below_twenty(units)),
    }
}

/// The name of a number that is below twenty.
fn below_twenty(number: usize) -> &'static str {
    numbers::name_below_twenty(number).unwrap_or_default()
}

/// The name of twenty to ninety.
fn tens_word(tens: usize) -> &'static str {
    numbers::name_of_tens(tens).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cardinals_name_every_group_of_three() {
        assert_eq!(cardinal(0), "zero");
        assert_eq!(cardinal(119), "one hundred nineteen");
        assert_eq!(cardinal(1_000_021), "one million twenty-one");
        assert_eq!(
            cardinal(u64::MAX),
            "eighteen quintillion four hundred forty-six quadrillion seven hundred forty-four trillion seventy-three \
             billion seven hundred nine million five hundred fifty-one thousand six hundred fifteen"
        );
    }

    #[test]
    fn only_the_last_word_of_an_ordinal_changes() {
        assert_eq!(ordinal(3), "third");
        assert_eq!(ordinal(21), "twenty-first");
        assert_eq!(ordinal(40), "fortieth");
        assert_eq!(ordinal(112), "one hundred twelfth");
        assert_eq!(ordinal(1000), "one thousandth");
    }

    #[test]
    fn years_are_read_in_pairs() {
        assert_eq!(year(1984), "nineteen eighty-four");
        assert_eq!(year(1905), "nineteen oh five");
        assert_eq!(year(1900), "nineteen hundred");
        assert_eq!(year(2001), "two thousand one");
        assert_eq!(year(2026), "twenty twenty-six");
        assert_eq!(year(47), "forty-seven");
    }

    #[test]
    fn decimals_are_read_digit_by_digit() {
        assert_eq!(decimal(10, "05"), "ten point zero five");
        assert_eq!(decimal(1, "50"), "one point five");
        assert_eq!(decimal(3, "0"), "three");
    }
}
