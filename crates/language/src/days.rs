//! Days of the week and months, by their names.

use crate::data::{Phrases, english};

/// The weekday that `word`, in lower case, names, as it is written: "friday" is `Friday`.
pub fn weekday(word: &str) -> Option<&'static str> {
    named(&english().days.weekdays, word)
}

/// The month that `word`, in lower case, names, as it is written.
pub fn month(word: &str) -> Option<&'static str> {
    named(&english().days.months, word)
}

/// The days of the week from Monday on, as they are written.
pub fn weekdays() -> impl Iterator<Item = &'static str> {
    english().days.weekdays.iter()
}

/// The month of this number, January being 1, as it is written.
pub fn month_name(number: usize) -> Option<&'static str> {
    english().days.months.get(number.checked_sub(1)?)
}

fn named(names: &'static Phrases, lower: &str) -> Option<&'static str> {
    // Most words are neither, and none of a name's letters is outside ASCII.
    names.iter().find(|name| name.eq_ignore_ascii_case(lower) && lower.bytes().all(|b| b.is_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_months_are_known_in_lower_case_only() {
        assert_eq!((weekday("friday"), weekday("Friday"), weekday("fridays")), (Some("Friday"), None, None));
        assert_eq!((month("may"), month("monday")), (Some("May"), None));
        assert_eq!(
            (month_name(0), month_name(1), month_name(12), month_name(13)),
            (None, Some("January"), Some("December"), None)
        );
    }
}
