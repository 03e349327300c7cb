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

/// ITU-T E.164, 6.2.1: country code and national number together.
const MAX_DIGITS: usize = 15;

/// Longest extension that RFC 3966 parsers in the field accept without doubt.
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
const EXTENSION_MARKERS: [&str; 6] = [";ext=", "extension", "extn", "ext", "x", "#"];

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
        let subscriber = user.split(';').next().unwrap_or_default();
        if subscriber.is_empty() || host.is_empty() || is_withheld(subscriber) || is_nowhere(host) {
            return Self::Withheld;
        }
        match E164::parse(subscriber) {
            Some(e164) => match split_parameters(user) {
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

/// Loads the number metadata (about 0.1 to 0.2 s, measured), which the first number without `+` would otherwise wait for.
/// Call it at start, off the async threads.
pub fn warm_up() {
    // The result does not matter; a parse also compiles the patterns that every number goes through.
    drop(normalise("415 555 2671", "US"));
}

fn is_withheld(word: &str) -> bool {
    WITHHELD_WORDS.contains(&word) || is_keypad_word(word.strip_prefix('+').unwrap_or(word))
}

/// RFC 3323, 4.1.1.3: an anonymous caller is `sip:anonymous@anonymous.invalid`; `.invalid` is nobody's domain.
fn is_nowhere(host: &str) -> bool {
    host.ends_with(".invalid") || is_withheld(host)
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
        match part.split_once('=') {
            Some(("ext", digits)) if extension.is_none() => extension = Some(Extension::parse(digits)?),
            Some(("ext" | "phone-context", _)) => return None,
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
    if !(MIN_DIGITS..=MAX_DIGITS + 4).contains(&digits.len()) || is_keypad_word(&digits) {
        return None; // the longest prefix dialled before an international number has four digits, as 0011 in Australia
    }
    match text.rfind('+') {
        // A trunk digit in brackets, as in +44 (0)20, stays in some countries and goes in others.
        Some(0) if text.contains("(0)") => library(text, region),
        // With its country code, a number is complete. The library would reject or shorten what it does not know,
        // and one number in two spellings would be two callers.
        Some(0) => E164::parse(&format!("+{digits}")),
        Some(_) => None,
        None => library(text, region),
    }
}

/// Reads a number as it is dialled in `region`, if it is as long as that country's numbers are.
fn library(text: &str, region: &str) -> Option<E164> {
    let region = region.to_ascii_uppercase();
    DATABASE.by_id(region.as_str())?; // the library panics on a country that it has no metadata for
    let country = country::Id::from_str(&region).ok()?;
    let number = phonenumber::parse(Some(country), text).ok()?;

    // A number without its area code is one line in each area.
    let national = number.national();
    let size = u16::try_from(national.to_string().len()).ok()?;
    let is_complete = DATABASE
        .by_code(&number.country().code())?
        .iter()
        .any(|country| country.descriptors().general().possible_length().contains(&size));
    if !is_complete {
        return None;
    }

    // Not `to_string`, which panics on the error that the library answers for an unknown country code.
    let mut e164 = String::with_capacity(1 + MAX_DIGITS);
    write!(e164, "{}", number.format().mode(Mode::E164)).ok()?;
    E164::parse(&e164)
}
