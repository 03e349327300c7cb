use proptest::prelude::*;

use super::*;

/// The telephone numbers of `text`.
fn telephones(text: &str, asked: bool) -> Vec<String> {
    let all = numbers(text, asked);
    all.iter().filter(|found| found.kind == Kind::Telephone).map(Found::written).collect()
}

#[test]
fn a_telephone_number_is_found_however_it_is_said() {
    for (text, number) in [
        ("Please call me back after three p.m. on four one five, five five five, zero one four two.", "4155550142"),
        ("My number is 415-555-0142.", "4155550142"),
        ("It's (415) 555 0142", "4155550142"),
        ("415.555.0142", "4155550142"),
        ("4155550142", "4155550142"),
        ("four one five 555 0142", "4155550142"),
        ("4, 1, 5, 5, 5, 5, 0, 1, 4, 2.", "4155550142"),
        ("4 1 5 5 5 5 0 1 4 2", "4155550142"),
        ("Four one five. Five five five. Zero one four two.", "4155550142"),
        ("four one five... uh... five five five... um, zero one four two", "4155550142"),
        ("area code four one five, then five five five, then zero one four two", "4155550142"),
        ("Four fifteen, five fifty-five, oh one forty-two.", "4155550142"),
        ("four one five triple five oh one four two", "4155550142"),
        ("four one five, five double five, oh one four two", "4155550142"),
        ("my cell's four one five dash five five five dash oh one four two", "4155550142"),
        ("eight hundred, five five five, five thousand", "8005555000"),
        ("four one five, five five five, zero one for two", "4155550142"),
        ("four one five five five five all one four two", "4155550142"),
        ("one eight hundred five five five zero one four two", "18005550142"),
        ("1-800-555-0142", "18005550142"),
        ("plus one four one five five five five zero one four two", "+14155550142"),
        ("+1 (415) 555-0142", "+14155550142"),
        ("plus forty four, twenty, seven nine four six oh nine five eight", "+442079460958"),
        ("+44 20 7946 0958", "+442079460958"),
        ("+49 30 901820, please", "+4930901820"),
        ("oh two oh, seven nine four six, oh nine five eight", "02079460958"),
        ("Reach me on 415 555 0142 extension twelve.", "4155550142x12"),
        ("415 555 0142 x 12", "4155550142x12"),
        ("415-555-0142 ext. 12", "4155550142x12"),
        ("(415) 555-0142 x12", "4155550142x12"),
        ("four one five five five five zero one four two, and my extension is one two", "4155550142x12"),
        ("555 0142, area code 415", "4155550142"),
        ("You can call 415 555 0142 at five thirty.", "4155550142"),
        ("Call me at three, 415 555 0142.", "4155550142"),
        ("Call 415 555 0142 before 5 p.m. or after 9 a.m.", "4155550142"),
        ("I paid $120, call me at 415 555 0142.", "4155550142"),
        ("It's for apartment 12, my phone is 415 555 0142.", "4155550142"),
        ("Order 4471, and the number is 415 555 0142.", "4155550142"),
        ("On May 5th, 415 555 0142.", "4155550142"),
        ("In 20 minutes, at 415 555 0142, please.", "4155550142"),
        ("My zip is 94107 and my number is 415 555 0142.", "4155550142"),
        ("ring 555 0142", "5550142"),
        (
            "Yeah, so my number, it's, uh, four one five, and then five five five, and then zero one four two.",
            "4155550142",
        ),
        ("four one five five five five oh one four two is my cell", "4155550142"),
        ("415-555-0142, that's right", "4155550142"),
        ("four one five, no sorry, five one five, five five five, zero one four two", "5155550142"),
        ("four one five, five five five, zero one four three, no, zero one four two", "4155550142"),
        ("415 555 0143, I mean 0142", "4155550142"),
        ("415 555 0143, sorry, the last digit is two", "4155550142"),
        ("415 555 0199. No, wait, it ends in four two.", "4155550142"),
        ("four one five, five five six, correction, five five five, zero one four two", "4155550142"),
        ("four one six, scratch that, four one five five five five zero one four two", "4155550142"),
        ("four one five five, no, five five five zero one four two", "4155550142"),
        ("My work number is 415 555 0142 and my cell is 510 555 0199.", "4155550142 5105550199"),
        ("You can use 415 555 0142 too.", "4155550142"),
        ("415 555 0142 or 510 555 0199", "4155550142 5105550199"),
    ] {
        assert_eq!(telephones(text, false).join(" "), number, "{text}");
        assert_eq!(telephones(text, true).join(" "), number, "asked: {text}");
    }
}

#[test]
fn what_was_asked_for_may_be_a_number_of_any_plausible_length() {
    for (text, number) in [
        ("five five five oh one four two", "5550142"),
        ("555-0142", "5550142"),
        ("It's 030 901820.", "030901820"),
        ("twelve thirty four, fifty six seventy eight", "12345678"),
        ("four one five five five five zero one four", "415555014"),
    ] {
        assert_eq!(telephones(text, true).join(" "), number, "{text}");
    }
    for text in [
        "four one five",
        "After five.",
        "At 3:30.",
        "I have two.",
        "My order number is 4155550142.",
        "none",
        "oh, I see",
        "zero",
    ] {
        assert_eq!(telephones(text, true), Vec::<String>::new(), "{text}");
    }
}

#[test]
fn other_numbers_are_what_they_are() {
    for (text, kinds) in [
        ("My order number is 4155550142.", vec![("4155550142", Kind::Reference)]),
        ("It's about invoice 20931.", vec![("20931", Kind::Reference)]),
        ("The confirmation number is seven eight three one.", vec![("7831", Kind::Reference)]),
        ("4155550142 is my account number.", vec![("4155550142", Kind::Reference)]),
        (
            "My policy number is four one five, five five five, zero one four two.",
            vec![("4155550142", Kind::Reference)],
        ),
        ("The card is 4111 1111 1111 1111.", vec![("4111111111111111", Kind::Reference)]),
        ("At three thirty.", vec![("330", Kind::Time)]),
        ("At 3:30.", vec![("330", Kind::Time)]),
        ("Three p.m. is fine.", vec![("3", Kind::Time)]),
        ("between nine and five", vec![("95", Kind::Other)]),
        ("It cost $1,200.", vec![("1200", Kind::Price)]),
        ("It cost forty nine dollars.", vec![("49", Kind::Price)]),
        ("March 3, 2027", vec![("3", Kind::Date), ("2027", Kind::Other)]),
        ("on the 5th", vec![("5", Kind::Date)]),
        ("7/7/2027", vec![("772027", Kind::Date)]),
        ("I live at 427 Cedar Avenue.", vec![("427", Kind::Address)]),
        ("apartment twelve", vec![("12", Kind::Address)]),
        ("The zip code is 94107.", vec![("94107", Kind::Address)]),
        ("for seven people", vec![("7", Kind::Other)]),
        ("in 45 minutes", vec![("45", Kind::Other)]),
        ("about 3.5 percent", vec![("35", Kind::Other)]),
        (
            "three to five, at nine to five",
            vec![("3", Kind::Other), ("5", Kind::Time), ("9", Kind::Time), ("5", Kind::Time)],
        ),
        ("flight nineteen", vec![("19", Kind::Reference)]),
        ("two hundred and forty dollars", vec![("240", Kind::Price)]),
        ("Oh, I don't know.", vec![]),
    ] {
        let found = numbers(text, false);
        let found: Vec<(&str, Kind)> = found.iter().map(|found| (found.digits.as_str(), found.kind)).collect();
        assert_eq!(found, kinds, "{text}");
    }
}

#[test]
fn a_number_that_was_read_back_is_corrected_in_part() {
    for (old, text, new) in [
        ("4155550142", "No, the last digit is three.", Some("4155550143")),
        ("4155550142", "The last four are 0143.", Some("4155550143")),
        ("4155550142", "the last four digits are oh one four three", Some("4155550143")),
        ("4155550142", "It ends in four three.", Some("4155550143")),
        ("4155550142", "no, it ends with 43", Some("4155550143")),
        ("4155550142", "The area code is 510.", Some("5105550142")),
        ("4155550142", "No, area code five one zero.", Some("5105550142")),
        ("4155550142", "I mean 0143.", Some("4155550143")),
        ("4155550142", "No, 0143.", Some("4155550143")),
        ("4155550142", "Not 0142, 0143.", Some("4155550143")),
        ("4155550142", "It's 0143, not 0142.", Some("4155550143")),
        ("4155550142", "0143 instead of 0142", Some("4155550143")),
        ("4155550142", "No, not four one five, five one zero.", Some("5105550142")),
        ("4155550142", "No, it's five one zero, five five five, zero one four two.", Some("5105550142")),
        ("4155550142", "No, it's 510-555-0199.", Some("5105550199")),
        ("4155550142", "it's five five five, oh one nine nine", Some("4155550199")),
        ("4155550142", "The first three are 510.", Some("5105550142")),
        ("4155550142", "it starts with five one zero", Some("5105550142")),
        ("4155550142", "the first digit is five", Some("5155550142")),
        ("4155550142", "the third digit is six", Some("4165550142")),
        ("4155550142", "last two are nine nine", Some("4155550199")),
        ("4155550142", "The middle three are five five six.", Some("4155560142")),
        ("4155550142", "four three at the end", Some("4155550143")),
        ("4155550142", "No, the last digit is not two, it's three.", Some("4155550143")),
        ("4155550142", "No, five one five.", None),
        ("4155550142", "No, five one zero.", None),
        ("4155550142", "no, five five six", Some("4155560142")),
        ("4155550142x12", "The last digit is three.", Some("4155550143x12")),
        ("+442079460958", "The last digit is nine.", Some("+442079460959")),
        ("5550142", "The area code is 415.", Some("4155550142")),
        ("4155550142", "No.", None),
        ("4155550142", "No, that's wrong.", None),
        ("4155550142", "Yes.", None),
        ("4155550142", "No, three.", None),
        ("4155550142", "The last digit is wrong.", None),
        ("4155550142", "Call me after three.", None),
        ("4155550142", "My order is 7831.", None),
        ("4155550142", "The last four are 014.", None),
        ("4155550142", "It's 415 555 0142.", None),
        ("4155550142", "I can be there at 1430.", None),
    ] {
        assert_eq!(corrected(old, text).as_deref(), new, "{text}");
    }
}

#[test]
fn a_number_is_whole_by_its_count() {
    for digits in
        ["5550142", "4155550142", "14155550142", "02079460958", "+442079460958", "+4930901820", "4155550142x12"]
    {
        assert!(is_whole(digits), "{digits}");
    }
    for digits in ["", "415", "415555", "41555501", "415555014", "44155550142", "+4930901", "+4412345678901234"] {
        assert!(!is_whole(digits), "{digits}");
    }
}

#[test]
fn digits_are_spoken_in_groups() {
    for (digits, said) in [
        ("5550142", "five five five, zero one four two"),
        ("4155550142", "four one five, five five five, zero one four two"),
        ("14155550142", "one, four one five, five five five, zero one four two"),
        ("12", "one two"),
        ("", ""),
        ("4155550142x12", "four one five, five five five, zero one four two, extension one two"),
        ("+14155550142", "plus one, four one five, five five five, zero one four two"),
        ("+442079460958", "plus four four two, zero seven nine, four six zero, nine five eight"),
    ] {
        assert_eq!(spoken(digits), said);
    }
}

#[test]
fn keys_begin_again_at_a_star_and_end_at_a_hash() {
    for (keys, digits) in [
        ("4155*4155550142#", "4155550142"),
        ("415", "415"),
        ("", ""),
        ("415*", ""),
        ("4155550142#99", "4155550142"),
        ("**5#", "5"),
        ("#112", "112"),
        ("*#", ""),
    ] {
        assert_eq!(keyed(keys), digits, "{keys}");
    }
}

/// Words of which turns are made.
fn word() -> impl Strategy<Value = String> {
    let words = [
        "four",
        "one",
        "oh",
        "zero",
        "double",
        "triple",
        "five",
        "fifty-five",
        "hundred",
        "nineteen",
        "415",
        "555-0142",
        "+1",
        "(415)",
        "$5",
        "3:30",
        "p.m.",
        "5th",
        "x12",
        "extension",
        "no",
        "sorry,",
        "I mean",
        "area code",
        "order",
        "number",
        "last",
        "digit",
        "is",
        "not",
        "0142",
        "at",
        "the end",
        ",",
        ".",
        "…",
        "call",
        "me",
        "May",
        "dollars",
        "and",
        "plus",
        "1,200",
        "3.5",
        "é",
        "ß",
    ];
    proptest::sample::select(words.to_vec()).prop_map(str::to_owned)
}

fn all_digits(text: &str) -> String {
    group::pieces(text)
        .iter()
        .filter_map(|piece| if let group::Piece::Group(group) = piece { Some(group.digits.clone()) } else { None })
        .collect()
}

proptest! {
    #[test]
    fn nothing_that_is_said_panics_or_invents_digits(said in prop::collection::vec(word(), 0..30), noise in ".{0,60}") {
        for text in [said.join(" "), noise] {
            let there = all_digits(&text);
            for asked in [false, true] {
                for found in numbers(&text, asked) {
                    let counted = |digits: &str, digit: char| digits.chars().filter(|c| *c == digit).count();
                    for digit in '0'..='9' {
                        prop_assert!(counted(&found.digits, digit) <= counted(&there, digit));
                    }
                }
            }
            if let Some(new) = corrected("4155550142", &text) {
                prop_assert!(new != "4155550142" && is_possible(new.split('x').next().unwrap_or_default()));
            }
            let _ = (is_whole(&text), spoken(&text), keyed(&text));
        }
    }

    #[test]
    fn a_number_is_found_among_times_and_prices_and_never_mixed_with_them(
        number in "[2-9][0-9]{9}", hour in 1..13_u8, price in 1..999_u16, words in any::<bool>(), first in any::<bool>(),
    ) {
        let said = if words {
            spoken(&number)
        } else {
            format!("{}-{}-{}", &number[..3], &number[3..6], &number[6..])
        };
        let text = if first {
            format!("Call {said}, at {hour} p.m., it was ${price}.")
        } else {
            format!("It was {price} dollars, so after {hour} p.m. {said}.")
        };
        prop_assert_eq!(telephones(&text, false), [number]);
    }
}
