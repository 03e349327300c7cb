//! Numbering plans: what form the numbers of a country have, and which numbers are one line.

use std::collections::HashMap;
use std::sync::{LazyLock, OnceLock};

use phonenumber::Metadata;
use phonenumber::metadata::{DATABASE, Descriptor};
use regex::{Regex, RegexBuilder};

use super::address::E164;

/// The longest country code.
const MAX_CODE_DIGITS: usize = 3;

/// How the numbers of a country have changed while the lines stayed, where carriers write them in both ways. The library
/// knows the present form only. Not here: changes where the former number does not tell the present one, as in Côte
/// d'Ivoire in 2021.
struct Change {
    /// Country code.
    code: u16,
    /// Where in the national number.
    at: usize,
    /// What stood there.
    former: &'static str,
    /// What stands there now.
    now: &'static str,
    /// True if carriers wrote the former number after a `+`, so that callers are stored under it.
    is_international: bool,
}

const CHANGES: [Change; 8] = [
    // Mexico, 2019: the 1 of mobiles dialled from abroad, and what was dialled within the country.
    Change { code: 52, at: 0, former: "1", now: "", is_international: true },
    Change { code: 52, at: 0, former: "01", now: "", is_international: false },
    Change { code: 52, at: 0, former: "044", now: "", is_international: false },
    Change { code: 52, at: 0, former: "045", now: "", is_international: false },
    // Argentina: the 9 of mobiles dialled from abroad. Mobiles and landlines share one space of ten digits, so that the
    // number without 9 is no other line; and it does not tell that it is a mobile, so that the 9 cannot be added.
    Change { code: 54, at: 0, former: "9", now: "", is_international: true },
    // Brazil, 2012 to 2016: a ninth digit for mobiles, behind the area code. What remained with eight digits, as did some
    // that begin with 7, is a number as it stands.
    Change { code: 55, at: 2, former: "", now: "9", is_international: true },
    // Colombia, 2021, landlines.
    Change { code: 57, at: 0, former: "", now: "60", is_international: true },
    // Benin, 2024.
    Change { code: 229, at: 0, former: "", now: "01", is_international: true },
];

impl Change {
    /// The number after the change, if this is one from before.
    fn made(&self, plan: &Plan, national: &str) -> Option<String> {
        let changed = replaced(national, self.at, self.former, self.now)?;
        let is_one_line = if self.now.is_empty() {
            plan.has_form(&changed)
        } else {
            // More than the form, which is also that of many a landline.
            !plan.is_valid(national) && plan.is_valid(&changed)
        };
        is_one_line.then_some(changed)
    }
}

fn replaced(text: &str, at: usize, old: &str, new: &str) -> Option<String> {
    let (head, tail) = text.split_at_checked(at)?;
    Some(format!("{head}{new}{}", tail.strip_prefix(old)?))
}

/// The countries of one country code.
struct Plan {
    code: u16,
    /// The main one first.
    countries: Vec<&'static Metadata>,
}

impl Plan {
    /// Splits a complete number's digits into the plan that they belong to and the national number.
    fn of(digits: &str) -> Option<(Self, &str)> {
        if digits.starts_with('0') {
            return None;
        }
        (1..=MAX_CODE_DIGITS).find_map(|length| {
            let (code, national) = digits.split_at_checked(length)?;
            let code = code.parse().ok()?;
            Some((Self { code, countries: DATABASE.by_code(&code)? }, national))
        })
    }

    fn main(&self) -> Option<&'static Metadata> {
        self.countries.first().copied()
    }

    /// True for a number in the form of a country's numbers, with as many digits as one of their kinds has: without its
    /// area code, it would be one line in each area. Whether it is in use is not asked; the library's tables are older
    /// than some numbers.
    fn has_form(&self, national: &str) -> bool {
        Forms::of(self.code)
            .is_some_and(|forms| forms.lengths.contains(&national.len()) && forms.general.is_match(national))
    }

    /// True for a number of a kind that the library knows.
    fn is_valid(&self, national: &str) -> bool {
        Forms::of(self.code).is_some_and(|forms| forms.kinds.is_match(national)) && self.has_form(national)
    }

    /// A national number without the trunk prefix, or with the area code, that the library's rules for its country take
    /// off or add. `None` for a number that has the form of the country's as it stands.
    fn by_rule(&self, national: &str) -> Option<String> {
        let main = self.main()?;
        // The rules of one island among several would make a number of it from any one's.
        let rule = main.national_prefix_transform_rule().filter(|_| self.countries.len() == 1);
        let has_prefix = main.national_prefix().is_some_and(|prefix| national.starts_with(prefix));
        if !(has_prefix || rule.is_some()) || self.has_form(national) {
            return None;
        }
        let changed = match main.national_prefix_for_parsing() {
            None => national.strip_prefix(main.national_prefix()?)?.to_owned(),
            Some(prefix) => {
                let found = prefix.captures(national)?;
                let whole = found.get(0).filter(|whole| whole.start() == 0)?;
                let mut changed = String::new();
                // As the library has it: the rule is for a prefix whose last group took part.
                if let (Some(rule), Some(_)) = (rule, found.get(found.len() - 1).filter(|_| found.len() > 1)) {
                    found.expand(rule, &mut changed);
                }
                changed + &national[whole.end()..]
            }
        };
        self.has_form(&changed).then_some(changed)
    }
}

/// The patterns of one country code, made when they are first needed.
struct Forms {
    general: Regex,
    /// Those of all kinds of lines.
    kinds: Regex,
    /// How many digits a number may have. They stand with the kinds only.
    lengths: Vec<usize>,
}

static FORMS: LazyLock<HashMap<u16, OnceLock<Option<Forms>>>> = LazyLock::new(|| {
    (1..1000).filter(|code: &u16| DATABASE.by_code(code).is_some()).map(|code| (code, OnceLock::new())).collect()
});

impl Forms {
    fn of(code: u16) -> Option<&'static Self> {
        FORMS.get(&code)?.get_or_init(|| Self::new(&DATABASE.by_code(&code)?)).as_ref()
    }

    fn new(countries: &[&Metadata]) -> Option<Self> {
        let kinds: Vec<&Descriptor> = countries.iter().flat_map(|country| kinds(country)).collect();
        let mut lengths: Vec<usize> =
            kinds.iter().flat_map(|kind| kind.possible_length()).map(|&digits| usize::from(digits)).collect();
        lengths.sort_unstable();
        lengths.dedup();
        let general = countries.iter().map(|country| country.descriptors().general());
        Some(Self { general: whole(general)?, kinds: whole(kinds.into_iter())?, lengths })
    }
}

/// The kinds of lines that somebody may call from.
fn kinds(country: &Metadata) -> impl Iterator<Item = &Descriptor> {
    let kinds = country.descriptors();
    [
        kinds.fixed_line(),
        kinds.mobile(),
        kinds.voip(),
        kinds.toll_free(),
        kinds.premium_rate(),
        kinds.shared_cost(),
        kinds.personal_number(),
        kinds.pager(),
        kinds.uan(),
    ]
    .into_iter()
    .flatten()
}

/// Matches a whole number that one of the patterns matches. The library's own matching is content with a beginning.
fn whole<'a>(patterns: impl Iterator<Item = &'a Descriptor>) -> Option<Regex> {
    let patterns: Vec<&str> = patterns.map(|pattern| pattern.national_number().as_str()).collect();
    let pattern = format!("^(?:{})$", patterns.join("|"));
    // ASCII: the numbers are, and all the digits of Unicode would be more to compile.
    RegexBuilder::new(&pattern).ignore_whitespace(true).unicode(false).build().ok()
}

/// The number by which a line is known, whatever complete number it was called by. A number that is not understood is
/// left as it is.
pub(super) fn line(number: &E164) -> E164 {
    respelled(number.digits()).and_then(|digits| E164::from_digits(&digits)).unwrap_or_else(|| number.clone())
}

fn respelled(digits: &str) -> Option<String> {
    // Most calls of most gateways: a number of North America as it should be, for which nothing need be loaded.
    if let [b'1', b'2'..=b'9', ..] = digits.as_bytes() {
        return None;
    }
    let (plan, national) = Plan::of(digits)?;
    let by_rule = plan.by_rule(national);
    let ruled = by_rule.as_deref().unwrap_or(national);
    let mut changes = CHANGES.iter().filter(|change| change.code == plan.code);
    let changed = changes.find_map(|change| change.made(&plan, ruled));
    changed.or(by_rule).map(|national| format!("{}{national}", plan.code))
}

/// The other complete numbers under which the same line may have been stored.
pub(super) fn former(line_now: &E164) -> Vec<E164> {
    if line_now.digits().starts_with('1') {
        return Vec::new(); // nothing has changed there, and nothing need be loaded
    }
    let Some((plan, national)) = Plan::of(line_now.digits()) else { return Vec::new() };
    let changes = CHANGES.iter().filter(|change| change.code == plan.code && change.is_international);
    changes
        .filter_map(|change| replaced(national, change.at, change.now, change.former))
        .filter_map(|national| E164::from_digits(&format!("{}{national}", plan.code)))
        .filter(|former| former != line_now && line(former) == *line_now)
        .collect()
}

/// True for a complete number, without `+`, in the form of its country's.
pub(super) fn has_form(digits: &str) -> bool {
    Plan::of(digits).is_some_and(|(plan, national)| plan.has_form(national))
}

/// True for a complete number, without `+`, of a kind that the library knows.
pub(super) fn is_valid(digits: &str) -> bool {
    Plan::of(digits).is_some_and(|(plan, national)| plan.is_valid(national))
}

/// The code of a number's country, or of several that share one: 1 is North America's.
pub fn country_code_of(number: &E164) -> Option<u16> {
    country_code(&number.as_str()[1..])
}

/// The country code of a complete number, without `+`.
pub(super) fn country_code(digits: &str) -> Option<u16> {
    Plan::of(digits).map(|(plan, _)| plan.code)
}

/// True if a 0 before the national number of this complete one, without `+`, would be a trunk prefix.
pub(super) fn has_trunk_zero(digits: &str) -> bool {
    Plan::of(digits).and_then(|(plan, _)| plan.main()).is_some_and(|main| main.national_prefix() == Some("0"))
}

/// Compiles the patterns of the countries whose numbers are looked at in any spelling.
pub(super) fn warm_up() {
    for code in CHANGES.iter().map(|change| change.code).chain([1]) {
        // The result does not matter: what does not compile is not understood later, either.
        let _ = Forms::of(code);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line_of(number: &str) -> String {
        line(&E164::parse(number).unwrap()).as_str().to_owned()
    }

    #[test]
    fn all_patterns_of_the_library_compile() {
        let codes: Vec<u16> = (1..1000).filter(|code: &u16| DATABASE.by_code(code).is_some()).collect();
        assert!(codes.len() > 200, "{}", codes.len());
        for code in codes {
            assert!(Forms::of(code).is_some_and(|forms| !forms.lengths.is_empty()), "+{code}");
        }
    }

    #[test]
    fn every_example_of_the_library_is_valid_and_stays_itself() {
        let mut seen = 0;
        for code in 1..1000_u16 {
            for country in DATABASE.by_code(&code).unwrap_or_default() {
                for national in kinds(country).filter_map(Descriptor::example) {
                    let digits = format!("{code}{national}");
                    assert!(is_valid(&digits), "+{digits}");
                    let Some(number) = E164::from_digits(&digits) else { continue };
                    let is_argentine_mobile = code == 54 && national.len() == 11 && national.starts_with('9');
                    assert_eq!(line(&number) == number, !is_argentine_mobile, "+{digits}");
                    seen += 1;
                }
            }
        }
        assert!(seen > 1000, "{seen}");
    }

    #[test]
    fn what_is_no_number_of_its_country_is_left_as_it_is() {
        for number in [
            "+1234567",
            "+999999999999999",
            "+2101234567",     // no country
            "+521551234567",   // Mexico, a digit short
            "+52155123456789", // a digit long
            "+5211512345678",  // no area of Mexico begins with 1
            "+54911234567",    // Argentina, short
            "+551121234567",   // a landline of São Paulo
            "+551171234567",   // eight digits that remained
            "+5511921234567",  // a mobile
            "+39612345678",    // Rome without its 0, and not Rome
            "+390612345678",   // Rome
            "+74951234567",    // Moscow
            "+78001234567",    // a free number of Russia begins with the trunk prefix
            "+22585751234",    // Côte d'Ivoire of eight digits
            "+22985751234",    // Benin, eight digits to this day
        ] {
            assert_eq!(line_of(number), number);
        }
    }

    #[test]
    fn former_numbers_lead_back_to_the_line() {
        let cases = [
            ("+525512345678", vec!["+5215512345678"]),
            ("+541123456789", vec!["+5491123456789"]),
            ("+5511961234567", vec!["+551161234567"]),
            ("+5511971234567", vec![]), // the former number may be another's
            ("+551121234567", vec![]),
            ("+576012345678", vec!["+5712345678"]),
            ("+2290195123456", vec!["+22995123456"]),
            ("+22985751234", vec![]),
            ("+14155552671", vec![]),
            ("+442079460018", vec![]),
        ];
        for (number, expected) in cases {
            let number = E164::parse(number).unwrap();
            let found = former(&number);
            let found: Vec<&str> = found.iter().map(E164::as_str).collect();
            assert_eq!(found, expected, "{}", number.as_str());
            for former in expected {
                assert_eq!(line_of(former), number.as_str());
            }
        }
    }
}
