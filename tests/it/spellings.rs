//! One line in all its spellings is one caller, and two lines are never one: over every example of the number library.

use std::collections::{HashMap, HashSet};

use phonenumber::metadata::DATABASE;
use phonenumber::{Metadata, Mode, country};
use proptest::prelude::*;
use redial_identity::{Caller, CallerAddress, E164, Keys};
use serde::Deserialize;

fn keys() -> Keys {
    Keys::derive(&"0123456789abcdef0123456789abcdef".into()).unwrap()
}

fn caller(raw: &str, region: &str) -> Caller {
    keys().caller(&CallerAddress::parse(raw, region))
}

/// A complete number that the library gives as an example, with the region whose it is.
fn examples() -> Vec<(String, String)> {
    let mut examples = Vec::new();
    for country in DATABASE.iter().filter(|country| country.id() != "001") {
        let kinds = country.descriptors();
        let kinds = [kinds.fixed_line(), kinds.mobile(), kinds.voip(), kinds.toll_free()];
        for national in kinds.into_iter().flatten().filter_map(|kind| kind.example()) {
            let number = format!("+{}{national}", country.country_code());
            if E164::parse(&number).is_some() {
                examples.push((country.id().to_owned(), number));
            }
        }
    }
    examples.sort();
    examples.dedup();
    examples
}

fn metadata(region: &str) -> &'static Metadata {
    DATABASE.by_id(region).unwrap()
}

#[test]
fn spellings_that_people_reported_are_one_caller() {
    #[derive(Deserialize)]
    struct Case {
        same: Vec<String>,
        why: String,
    }
    let cases: Vec<Case> = serde_json::from_str(include_str!("../../fixtures/callers/from.json")).unwrap();
    for case in cases {
        let callers: HashSet<String> =
            case.same.iter().map(|raw| caller(raw, "US").hash.unwrap().as_str().to_owned()).collect();
        assert_eq!(callers.len(), 1, "{}: {:?}", case.why, case.same);
    }
}

#[test]
fn every_spelling_of_an_example_is_one_caller() {
    let (mut asked, mut nobodys) = (0, 0);
    for (region, number) in examples() {
        let parsed = phonenumber::parse(None, &number).unwrap();
        // Of some of its own examples the library takes digits off, such as Belarus' 80, and would spell another line.
        let is_itself = parsed.format().mode(Mode::E164).to_string() == number;
        let spelled = |mode: Mode| is_itself.then(|| parsed.format().mode(mode).to_string());
        let digits = &number[1..];
        let expected = caller(&number, "US");
        assert!(expected.hash.is_some(), "{number}");
        // With its country code and a plus, or what stands for one, a number is the same wherever it is read.
        let complete = [
            format!("tel:{number};verstat=TN-Validation-Passed"),
            format!("sip:{number}@10.0.0.5:5060;user=phone"),
            format!("sip:%2B{digits}@trunk.example"),
            format!("\"A. Name\" <sip:{number}@10.0.0.5>;tag=1"),
        ];
        for raw in complete.into_iter().chain([Mode::International, Mode::Rfc3966].into_iter().filter_map(spelled)) {
            asked += 1;
            assert_eq!(caller(&raw, "US"), expected, "{raw} for {number}");
            assert_eq!(caller(&raw, &region), expected, "{raw} in {region} for {number}");
        }
        // Without: as it is written in its country, or by a trunk there. Where that might be somebody else, it is nobody.
        let sure = [format!("sip:{digits}@10.0.0.5:5060"), digits.to_owned(), format!("00{digits}")];
        for raw in sure.into_iter().chain(spelled(Mode::National)) {
            asked += 1;
            let read = caller(&raw, &region);
            nobodys += usize::from(read.hash.is_none() || raw.starts_with("sip:") && read != expected);
            let is_address = matches!(CallerAddress::parse(&raw, &region), CallerAddress::Address(_));
            assert!(read == expected || read.hash.is_none() || is_address, "{raw} in {region} for {number}");
        }
    }
    assert!(asked > 7500 && nobodys * 20 < asked, "{nobodys} of {asked} are nobody's");
}

#[test]
fn two_examples_are_two_callers() {
    let mut lines: HashMap<String, String> = HashMap::new();
    let mut numbers: Vec<String> = examples().into_iter().map(|(_, number)| number).collect();
    numbers.sort();
    numbers.dedup();
    for number in numbers {
        let line = caller(&number, "US").hash.unwrap().as_str().to_owned();
        if let Some(other) = lines.insert(line, number.clone()) {
            // Argentina's examples of a landline and a mobile are one, with and without the 9.
            assert_eq!((other.as_str(), number.as_str()), ("+541123456789", "+5491123456789"));
        }
    }
    assert!(lines.len() > 600, "{}", lines.len());
}

/// A number of a region that the library takes for valid, near an example.
fn valid_number() -> impl Strategy<Value = (String, String)> {
    let examples = examples();
    (0..examples.len(), 1_usize..=7, prop::collection::vec(0_u8..10, 7)).prop_filter_map(
        "not a valid number",
        move |(at, changed, digits)| {
            let (region, example) = &examples[at];
            let kept = example.len().saturating_sub(changed);
            let number = example[..kept].to_owned()
                + &digits.iter().take(example.len() - kept).map(u8::to_string).collect::<String>();
            let parsed = phonenumber::parse(region.parse::<country::Id>().ok(), &number).ok()?;
            let is_itself = format!("{}", parsed.format().mode(Mode::E164)) == number;
            (is_itself && phonenumber::is_valid(&parsed)).then(|| (region.clone(), number))
        },
    )
}

proptest! {
    #[test]
    fn a_valid_number_stays_itself((_, number) in valid_number()) {
        let CallerAddress::Number(read) = CallerAddress::parse(&number, "US") else {
            return Err(TestCaseError::fail(format!("{number} is nobody's")));
        };
        let line = read.e164.as_str().to_owned();
        let without_the_9 = number.strip_prefix("+549").map(|national| format!("+54{national}"));
        prop_assert!(line == number || Some(&line) == without_the_9.as_ref(), "{} is {}", number, line);
    }

    #[test]
    fn a_number_without_its_plus_is_that_line_or_one_of_the_region_or_nobody(
        (_, number) in valid_number(),
        region in "(US|GB|DE|MX|AR|BR|IT|FR|CN|IN|NG|AU|PL)",
    ) {
        let expected = CallerAddress::parse(&number, &region);
        match CallerAddress::parse(&number[1..], &region) {
            CallerAddress::Withheld => (),
            read if read == expected => (),
            CallerAddress::Number(read) => {
                let code = format!("+{}", metadata(&region).country_code());
                prop_assert!(read.e164.as_str().starts_with(&code), "{} in {} is {}", number, region, read.e164.as_str());
            }
            CallerAddress::Address(_) => prop_assert!(false, "{} is an address", number),
        }
    }

    #[test]
    fn two_spellings_of_two_lines_are_two_callers((_, one) in valid_number(), (_, other) in valid_number()) {
        let of = |number: &str| number.replacen("+549", "+54", 1);
        let same = caller(&format!("sip:{one}@10.0.0.5"), "US") == caller(&format!("tel:{other}"), "GB");
        prop_assert_eq!(same, of(&one) == of(&other));
    }
}
