//! The caller's address as the carrier sends it: a number, a SIP or client address, or nothing usable.
//!
//! Two callers must never end up as one person, so what is not certainly one person's address is
//! [`CallerAddress::Withheld`]: a caller without memory is an inconvenience, a stranger's memory is a leak.

use std::fmt::{self, Write as _};
use std::str::FromStr as _;

use phonenumber::metadata::DATABASE;
use phonenumber::{Mode, country};

/// The longest text that can still be a number: 15 digits, every one with a separator, a scheme and an
/// extension. A longer one is not cut, because two callers could then share what is left.
const MAX_NUMBER_BYTES: usize = 64;

/// The longest SIP or client address: room for a user part and a host name of a carrier's trunk.
const MAX_ADDRESS_BYTES: usize = 256;

/// The shortest number that names one line: the ITU sets only a maximum, and numbers below seven digits are
/// short codes and internal lines.
const MIN_DIGITS: usize = 7;

/// ITU-T E.164: country code and national number together.
const MAX_DIGITS: usize = 15;

/// Our own limit: longer than the internal numbers of any switchboard we know of.
const MAX_EXTENSION_DIGITS: usize = 9;

/// What carriers write instead of a number. Only SIP and client addresses need the list: as a number, any word
/// is refused anyway.
const WITHHELD_WORDS: [&str; 9] =
    ["anonymous", "restricted", "unknown", "private", "blocked", "withheld", "unavailable", "payphone", "none"];

/// The same words spelled on a keypad, which some carriers send as if they were numbers. They parse as numbers
/// of Lesotho, China, Uganda and Russia.
const WITHHELD_KEYPAD: [&str; 5] = [
    "266696687",   // ANONYMOUS
    "86282452253", // UNAVAILABLE
    "8656696",     // UNKNOWN
    "2562533",     // BLOCKED
    "7378742833",  // RESTRICTED
];

/// What may stand between an extension's digits and its number, longest first.
const EXTENSION_MARKERS: [&str; 5] = ["extension", "extn", "ext", "x", "#"];

/// Whom the carrier says is calling.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum CallerAddress {
    /// A line of the public telephone network.
    Number(PhoneNumber),
    /// A SIP or client address without a number.
    Address(Address),
    /// Nobody in particular: withheld, malformed, or not certainly one line.
    Withheld,
}

impl CallerAddress {
    /// Reads the `From` of a carrier. What cannot be read is [`Withheld`](Self::Withheld).
    ///
    /// `region` is the ISO 3166 code (`US`) of the country in which a number without `+` is dialled; with an unknown
    /// region such a number is withheld. An E.164 number, with separators or without, needs no look at the library's
    /// metadata; any other number does ([`warm_up`]).
    pub fn parse(raw: &str, region: &str) -> Self {
        // Spaces only: a line break or tab at either end is somebody's injection, not a number.
        let text = raw.trim_matches(' ');
        if let Some(e164) = E164::parse(text) {
            return Self::number(e164, None);
        }
        if text.len() > MAX_ADDRESS_BYTES || !text.bytes().all(|b| b == b' ' || b.is_ascii_graphic()) {
            return Self::Withheld;
        }
        let text = text.to_ascii_lowercase();
        match text.split_once(':') {
            Some(("sip" | "sips", rest)) => Self::sip(rest),
            Some(("client", name)) => Self::client(name),
            Some(("tel" | "whatsapp", rest)) => Self::telephone(rest, region),
            Some(_) => Self::Withheld,
            None => Self::telephone(&text, region),
        }
    }

    /// Every number passes here, however it was written, so that no spelling gets around the keypad list.
    fn number(e164: E164, extension: Option<Extension>) -> Self {
        if is_keypad_word(e164.digits()) { Self::Withheld } else { Self::Number(PhoneNumber { e164, extension }) }
    }

    /// Reads what follows `sip:`. `sips:` is the same person over TLS.
    fn sip(rest: &str) -> Self {
        // RFC 3261, 19.1.1: sip:user:password@host:port;parameters?headers. The user part may hold a telephone
        // number's own parameters, so the host is split off first.
        let Some((user, host)) = rest.rsplit_once('@') else {
            return Self::Withheld; // a host alone is all of its callers
        };
        let host = host.split([';', '?']).next().unwrap_or_default();
        let user = user.split(':').next().unwrap_or_default();
        // Some trunks escape the plus sign, which need not be escaped.
        let user = user.strip_prefix("%2b").map_or_else(|| user.to_owned(), |rest| format!("+{rest}"));
        let subscriber = user.split(';').next().unwrap_or_default();
        if subscriber.is_empty() || host.is_empty() || is_withheld(subscriber) || is_nowhere(host) {
            return Self::Withheld;
        }
        match E164::parse(subscriber) {
            Some(e164) => match split_parameters(&user) {
                Some((_, extension)) => Self::number(e164, extension),
                None => Self::Withheld,
            },
            None => Self::address(format!("sip:{subscriber}@{host}")),
        }
    }

    fn client(name: &str) -> Self {
        if name.is_empty() || is_withheld(name) {
            return Self::Withheld;
        }
        Self::address(format!("client:{name}"))
    }

    fn address(text: String) -> Self {
        if text.contains(' ') { Self::Withheld } else { Self::Address(Address(text)) }
    }

    /// Reads a number in any spelling, in lower case, with its extension.
    fn telephone(text: &str, region: &str) -> Self {
        if text.len() > MAX_NUMBER_BYTES {
            return Self::Withheld;
        }
        let Some((number, extension)) = split_parameters(text) else { return Self::Withheld };
        let (number, extension) = match extension {
            Some(extension) => (number, Some(extension)),
            None => match split_extension(number) {
                Some(split) => split,
                None => return Self::Withheld,
            },
        };
        match normalise(number.trim_matches(' '), region) {
            Some(e164) => Self::number(e164, extension),
            None => Self::Withheld,
        }
    }
}

/// One line, or one extension behind a line: another extension is another person.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PhoneNumber {
    /// The line.
    pub e164: E164,
    /// The extension behind it, if the carrier gave one.
    pub extension: Option<Extension>,
}

/// A number in the form of ITU-T E.164: `+`, a digit from 1 to 9, 7 to 15 digits in all.
///
/// It is personal data: `Debug` shows `+1***71`, and there is no `Display`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct E164(String);

impl E164 {
    /// Reads a number that is already in this form; `None` for every other spelling. Whether the number is in use, or
    /// its country exists, is not asked.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('+')?.as_bytes();
        let is_number = (MIN_DIGITS..=MAX_DIGITS).contains(&digits.len())
            && digits[0] != b'0'
            && digits.iter().all(u8::is_ascii_digit);
        is_number.then(|| Self(text.to_owned()))
    }

    /// The number with its `+`, as a carrier's API takes it. Not for logs.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn digits(&self) -> &str {
        &self.0[1..]
    }
}

impl fmt::Debug for E164 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.digits();
        write!(f, "+{}***{}", &digits[..1], &digits[digits.len() - 2..])
    }
}

/// The digits of an extension; leading zeros count. `Debug` does not show them.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Extension(String);

impl Extension {
    fn parse(text: &str) -> Option<Self> {
        let is_extension = (1..=MAX_EXTENSION_DIGITS).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        is_extension.then(|| Self(text.to_owned()))
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Extension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// A SIP address without password, parameters and headers, or a client's name: `sip:bob@example.com`,
/// `client:alice`, in lower case. `Debug` shows the scheme only.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Address(String);

impl Address {
    /// The address with its scheme. Not for logs.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = self.0.split(':').next().unwrap_or_default();
        write!(f, "{scheme}:***")
    }
}

/// Loads the number metadata (0.1 to 0.25 s, measured), which the first number without `+` would otherwise wait for.
/// Call it at start, off the async threads.
pub fn warm_up() {
    // The result does not matter; a parse also compiles the patterns that every number goes through.
    drop(normalise("415 555 2671", "US"));
}

fn is_withheld(word: &str) -> bool {
    word == "+" || WITHHELD_WORDS.contains(&word) || is_keypad_word(word.strip_prefix('+').unwrap_or(word))
}

/// RFC 3323: an anonymous caller is `sip:anonymous@anonymous.invalid`; `.invalid` is nobody's domain.
fn is_nowhere(host: &str) -> bool {
    let name = host.split(':').next().unwrap_or_default().trim_end_matches('.');
    name.ends_with(".invalid") || is_withheld(name)
}

fn is_keypad_word(digits: &str) -> bool {
    WITHHELD_KEYPAD.contains(&digits) || digits.strip_prefix('1').is_some_and(|rest| WITHHELD_KEYPAD.contains(&rest))
}

/// Takes the parameters of RFC 3966 off a number. `None` when they make it a number that only some network knows
/// (`phone-context`), or when the extension cannot be read.
fn split_parameters(text: &str) -> Option<(&str, Option<Extension>)> {
    let mut parts = text.split(';');
    let number = parts.next()?;
    let mut extension = None;
    for part in parts {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        match name.trim_matches(' ') {
            "ext" if extension.is_none() => extension = Some(Extension::parse(value.trim_matches(' '))?),
            "ext" | "phone-context" => return None,
            _ => (), // such as `verstat`: about the call, not about the line
        }
    }
    Some((number, extension))
}

/// Splits `415 555 2671 ext. 12`. `None` when what follows the number is no extension.
fn split_extension(text: &str) -> Option<(&str, Option<Extension>)> {
    let end = text.bytes().position(|b| !(b.is_ascii_digit() || is_separator(b) || b == b'+')).unwrap_or(text.len());
    let (number, rest) = text.split_at(end);
    if rest.is_empty() {
        return Some((number, None));
    }
    let digits = EXTENSION_MARKERS.iter().find_map(|marker| rest.strip_prefix(marker))?;
    Some((number, Some(Extension::parse(digits.trim_start_matches(['.', ':', ' ']))?)))
}

/// The visual separators of RFC 3966, and the space and slash that people write.
fn is_separator(byte: u8) -> bool {
    matches!(byte, b' ' | b'-' | b'.' | b'(' | b')' | b'/')
}

/// Brings digits and separators to E.164.
fn normalise(text: &str, region: &str) -> Option<E164> {
    if !text.bytes().all(|b| b.is_ascii_digit() || is_separator(b) || b == b'+') {
        return None;
    }
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    if digits.len() < MIN_DIGITS || is_keypad_word(&digits) {
        return None;
    }
    match text.rfind('+') {
        // A trunk digit in brackets, as in +44 (0)20, stays in some countries and goes in others.
        Some(0) if text.contains("(0)") => library(text, None),
        Some(0) => complete(&digits),
        Some(_) => None,
        None => dialled(&digits, region),
    }
}

/// With its country code, a number is complete: the library would reject or shorten what it does not know, and one
/// number in two spellings would be two callers.
fn complete(digits: &str) -> Option<E164> {
    E164::parse(&format!("+{digits}"))
}

/// Reads a number as it is dialled in `region`, abroad or at home.
fn dialled(digits: &str, region: &str) -> Option<E164> {
    let region = region.to_ascii_uppercase();
    let metadata = DATABASE.by_id(region.as_str())?; // the library panics on a country that it has no metadata for
    if let Some(prefix) = metadata.international_prefix().and_then(|prefix| prefix.find(digits))
        && prefix.start() == 0
    {
        // Not left to the library, which takes the trunk prefix of `region` off the numbers of other countries, too.
        return complete(&digits[prefix.end()..]);
    }
    library(digits, Some(country::Id::from_str(&region).ok()?))
}

/// True for a number in the form of `country`'s, with as many digits as one of their kinds has: without its area code, it
/// would be one line in each area. Whether it is in use is not asked; the library's tables are older than some numbers.
fn is_whole(national: &str, country: &phonenumber::Metadata) -> bool {
    let kinds = country.descriptors();
    // The lengths stand with the kinds only, and the general pattern also matches the beginning of a longer number.
    kinds.general().is_match(national)
        && [
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
        .any(|kind| kind.possible_length().iter().any(|&digits| usize::from(digits) == national.len()))
}

/// Asks the library, and believes it when the number has the form of its country's numbers.
fn library(text: &str, region: Option<country::Id>) -> Option<E164> {
    let number = phonenumber::parse(region, text).ok()?;

    let national = number.national().to_string();
    let countries = DATABASE.by_code(&number.country().code())?;
    if !countries.iter().any(|country| is_whole(&national, country)) {
        return None;
    }

    // Not `to_string`, which panics on the error that the library answers for an unknown country code.
    let mut e164 = String::with_capacity(1 + MAX_DIGITS);
    write!(e164, "{}", number.format().mode(Mode::E164)).ok()?;
    E164::parse(&e164)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What was read, in one line: the number with its extension, the address, or `withheld`.
    fn read_in(raw: &str, region: &str) -> String {
        match CallerAddress::parse(raw, region) {
            CallerAddress::Number(PhoneNumber { e164, extension: None }) => e164.as_str().to_owned(),
            CallerAddress::Number(PhoneNumber { e164, extension: Some(extension) }) => {
                format!("{} x{}", e164.as_str(), extension.as_str())
            }
            CallerAddress::Address(address) => address.as_str().to_owned(),
            CallerAddress::Withheld => "withheld".to_owned(),
        }
    }

    fn read(raw: &str) -> String {
        read_in(raw, "US")
    }

    #[test]
    fn an_e164_number_is_taken_as_it_is() {
        for number in ["+14155550123", "+1234567890", "+1234567", "+123456789012345", "+99999999999", "+390612345678"] {
            assert_eq!(read(number), number);
            assert_eq!(read_in(number, "nowhere"), number, "no region is needed");
        }
    }

    #[test]
    fn one_number_in_many_spellings_is_one_caller() {
        let spellings = [
            "+14155552671",
            "  +14155552671 ",
            "+1 (415) 555-2671",
            "+1.415.555.2671",
            "+1-415-555-2671",
            "tel:+1-415-555-2671",
            "TEL:+14155552671;verstat=TN-Validation-Passed",
            "whatsapp:+14155552671",
            "sip:+14155552671@example.com;user=phone",
            "sip:%2B14155552671@example.com",
            "sips:+14155552671@example.com:5061",
            "SIP:+14155552671;verstat=TN-Validation-Passed@example.com;user=phone",
            "(415) 555-2671",
            "4155552671",
            "14155552671",
            " 14155552671", // a plus that was decoded as a space
            "1-415-555-2671",
            "011 1 415 555 2671",
        ];
        for spelling in spellings {
            assert_eq!(read(spelling), "+14155552671", "{spelling}");
        }
    }

    #[test]
    fn a_number_without_plus_is_read_as_dialled_in_the_region() {
        let cases = [
            ("020 7946 0018", "GB", "+442079460018"),
            ("+44 (0)20 7946 0018", "US", "+442079460018"),
            ("0044 20 7946 0018", "DE", "+442079460018"),
            ("011 44 1632 960001", "US", "+441632960001"), // 1 is the trunk prefix of the US only
            ("8 (495) 123-45-67", "RU", "+74951234567"),
            ("010-2000-0000", "KR", "+821020000000"),
            ("030 901820", "de", "+4930901820"),
            ("06 1234 5678", "IT", "+390612345678"),
            ("0011 1 415 555 2671", "AU", "+14155552671"),
        ];
        for (raw, region, expected) in cases {
            assert_eq!(read_in(raw, region), expected, "{raw} in {region}");
        }
    }

    #[test]
    fn no_countrys_example_number_is_read_as_another_one() {
        let (mut asked, mut withheld) = (0, 0);
        for country in DATABASE.iter().filter(|country| country.id() != "001") {
            let kinds = country.descriptors();
            let examples = [kinds.fixed_line(), kinds.mobile()].into_iter().flatten().filter_map(|kind| kind.example());
            for national in examples {
                let complete = format!("+{}{national}", country.country_code());
                let with_trunk_prefix = format!("{}{national}", country.national_prefix().unwrap_or_default());
                for raw in [national, &with_trunk_prefix] {
                    asked += 1;
                    match read_in(raw, country.id()).as_str() {
                        "withheld" => withheld += 1,
                        read => assert_eq!(read, complete, "{raw} in {}", country.id()),
                    }
                }
            }
        }
        // Countries with numbers of six digits or fewer, and those whose trunk prefix the library does not know.
        assert!(asked > 900 && withheld * 12 < asked, "{withheld} of {asked} withheld");
    }

    #[test]
    fn a_number_without_its_area_code_is_nobody() {
        for raw in ["555-2671", "5552671", "1234567", "911", "12345", "41555526711", "415555267"] {
            assert_eq!(read(raw), "withheld", "{raw}");
        }
    }

    #[test]
    fn without_a_usable_region_only_complete_numbers_are_read() {
        // Antarctica has a code, but no numbers of its own.
        for region in ["", "nowhere", "XX", "AQ", "001", "US;", "\u{130}"] {
            assert_eq!(read_in("4155552671", region), "withheld", "{region}");
            assert_eq!(read_in("+1 415 555 2671", region), "+14155552671", "{region}");
        }
    }

    #[test]
    fn an_extension_is_another_person() {
        let spellings = [
            "+14155552671;ext=12",
            "+1 415 555 2671 x12",
            "(415) 555-2671 ext. 12",
            "4155552671#12",
            "tel:+14155552671;ext=12",
        ];
        for spelling in spellings {
            assert_eq!(read(spelling), "+14155552671 x12", "{spelling}");
        }
        assert_eq!(read("sip:+14155552671;ext=12@example.com"), "+14155552671 x12");
        assert_eq!(read("+14155552671 x012"), "+14155552671 x012");
        for broken in [
            "+14155552671 x",
            "+14155552671 ext=",
            "+14155552671;ext",
            "+14155552671; ext=",
            "+14155552671 x1;ext=2",
            "+14155552671 x12 x13",
            "+14155552671;ext=1;ext=2",
            "+14155552671 x1234567890",
            "sip:+14155552671;ext=a@example.com",
        ] {
            assert_eq!(read(broken), "withheld", "{broken}");
        }
    }

    #[test]
    fn withheld_words_are_nobody() {
        for word in WITHHELD_WORDS.into_iter().chain(["Anonymous", "RESTRICTED", " Unknown ", "", " ", "+"]) {
            for raw in [
                word.to_owned(),
                format!("client:{word}"),
                format!("sip:{word}@example.com"),
                format!("sip:bob@{word}.invalid"),
                format!("sip:bob@{word}.invalid:5060;user=phone"),
                format!("tel:{word}"),
            ] {
                assert_eq!(read(&raw), "withheld", "{raw}");
            }
        }
    }

    #[test]
    fn words_spelled_on_a_keypad_are_nobody() {
        for digits in WITHHELD_KEYPAD {
            for raw in [
                digits.to_owned(),
                format!("+{digits}"),
                format!("1{digits}"),
                format!("+1{digits}"),
                format!("tel:+{digits}"),
                format!("sip:+{digits}@example.com"),
                format!("sip:%2B{digits}@example.com"),
                format!("sip:{digits}@example.com"),
                format!("client:{digits}"),
                format!("+{} {}", &digits[..3], &digits[3..]),
                format!("({}) {}", &digits[..3], &digits[3..]),
                format!("+{digits} x12"),
            ] {
                for region in ["US", "GB", "LS", "RU", "CN", "UG", ""] {
                    assert_eq!(read_in(&raw, region), "withheld", "{raw} in {region}");
                }
            }
        }
    }

    #[test]
    fn sip_and_client_addresses_are_people_without_a_number() {
        let cases = [
            ("client:alice", "client:alice"),
            ("Client:Alice", "client:alice"),
            ("sip:bob@acme.sip.twilio.com", "sip:bob@acme.sip.twilio.com"),
            ("sips:Bob:secret@ACME.example;transport=tls?subject=x", "sip:bob@acme.example"),
            ("sip:bob@other.example", "sip:bob@other.example"),
            ("sip:1000@pbx.example", "sip:1000@pbx.example"),
        ];
        for (raw, expected) in cases {
            assert_eq!(read(raw), expected);
        }
        for raw in [
            "sip:",
            "sip:example.com",
            "sip:@example.com",
            "sip:bob@",
            "client:",
            "sip:a b@example.com",
            "mailto:a@b.c",
        ] {
            assert_eq!(read(raw), "withheld", "{raw}");
        }
    }

    #[test]
    fn hostile_input_is_nobody() {
        for raw in [
            "+0",
            "+04155552671",
            "+1anonymous",
            "+1234567890123456",
            "++14155552671",
            "+1+4155552671",
            "+1415555\u{200b}2671",
            "\u{200b}+14155552671",
            "\u{ff0b}14155552671",
            "+\u{664}\u{665}\u{666}\u{664}\u{665}\u{666}\u{664}\u{665}",
            "+14155552671\0",
            "+14155552671\r\nX-Injected: 1",
            "+14155552671\n",
            "\t+14155552671",
            "+14155552671\u{a0}",
            "';--",
            "sarah:*",
            "{tag}",
            "*",
            "sip:bob\r\n@example.com",
            "client:ali\u{301}ce",
            "client:ali\u{202e}ce",
            ".;phone-context=",
            "+dwPAA;phone-context=AA",
            "tel:555-2671;phone-context=+1415",
            "+1 415 555 2671 or +1 415 555 2672",
            "call 4155552671",
            "1-800-FLOWERS",
        ] {
            assert_eq!(read(raw), "withheld", "{raw:?}");
        }
    }

    #[test]
    fn a_long_text_is_not_cut_down_to_somebody() {
        for raw in [
            "9".repeat(65_536),
            format!("+14155552671{}", "0".repeat(65_536)),
            format!("+14155552671{}1", " ".repeat(60)),
            format!("client:{}", "a".repeat(65_536)),
            format!("sip:+14155552671@{}", "a".repeat(65_536)),
            "\u{e9}".repeat(40),
        ] {
            assert_eq!(read(&raw), "withheld", "{} bytes", raw.len());
        }
        let long = format!("client:{}", "a".repeat(100));
        assert_eq!(read(&long), long);
    }

    #[test]
    fn debug_does_not_tell_who_it_is() {
        let shown = format!("{:?}", CallerAddress::parse("+14155552671;ext=12", "US"));
        assert_eq!(shown, "Number(PhoneNumber { e164: +1***71, extension: Some(***) })");
        assert_eq!(format!("{:?}", CallerAddress::parse("sip:bob@example.com", "US")), "Address(sip:***)");
    }

    /// Separators that may stand between the digits of one number.
    fn spelled(digits: &str, separators: &[usize]) -> String {
        digits.chars().zip(separators).map(|(digit, at)| format!("{digit}{}", ["", " ", "-", ".", "/"][*at])).collect()
    }

    proptest! {
        #[test]
        fn no_text_panics(raw in any::<String>(), region in any::<String>()) {
            CallerAddress::parse(&raw, &region);
        }

        #[test]
        fn no_text_like_a_number_panics(
            raw in r"(tel:|sip:|sips:|client:|whatsapp:)?[+0-9]{0,4}[0-9 ().+x#;*/-]{0,30}(;ext=|;phone-context=|@)?[0-9a+.]{0,8}",
            region in "(US|GB|IT|MX|BR|AR|AU|AQ|LS)",
        ) {
            if let CallerAddress::Number(number) = CallerAddress::parse(&raw, &region) {
                prop_assert_eq!(E164::parse(number.e164.as_str()), Some(number.e164));
            }
        }

        #[test]
        fn separators_make_no_other_caller(
            digits in "[1-9][0-9]{6,14}",
            separators in prop::collection::vec(0_usize..5, 15),
        ) {
            let strict = CallerAddress::parse(&format!("+{digits}"), "US");
            let number = format!("+{}", spelled(&digits, &separators));
            for raw in [number.clone(), format!("tel:{number}"), format!("  {number} ")] {
                prop_assert_eq!(&CallerAddress::parse(&raw, "GB"), &strict, "{}", raw);
            }
        }
    }
}
