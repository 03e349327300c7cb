//! Who calls, as the rest of this module takes it: a line, a SIP or client address, or nobody in particular.

use std::fmt;

/// The shortest number that names one line: the ITU sets only a maximum, and numbers below seven digits are
/// short codes and internal lines.
pub(super) const MIN_DIGITS: usize = 7;

/// ITU-T E.164: country code and national number together.
pub(super) const MAX_DIGITS: usize = 15;

/// Our own limit: longer than the internal numbers of any switchboard we know of.
const MAX_EXTENSION_DIGITS: usize = 9;

/// Whom the carrier says is calling; read by [`CallerAddress::parse`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum CallerAddress {
    /// A line of the public telephone network.
    Number(PhoneNumber),
    /// A SIP or client address without a number.
    Address(Address),
    /// Nobody in particular: withheld, malformed, or not certainly one line.
    Withheld,
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
    /// its country exists, is not asked; nor whether the same line has another number in this form.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('+')?.as_bytes();
        let is_number = (MIN_DIGITS..=MAX_DIGITS).contains(&digits.len())
            && digits[0] != b'0'
            && digits.iter().all(u8::is_ascii_digit);
        is_number.then(|| Self(text.to_owned()))
    }

    /// The same from the digits without `+`.
    pub(super) fn from_digits(digits: &str) -> Option<Self> {
        Self::parse(&format!("+{digits}"))
    }

    /// The number with its `+`. It names the line, and is not always how one dials it from abroad. Not for logs.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn digits(&self) -> &str {
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
    pub(super) fn parse(text: &str) -> Option<Self> {
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

/// A SIP address without password, default port, parameters and headers, or a client's name: `sip:bob@example.com`,
/// `client:alice`, in lower case. `Debug` shows the scheme only.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Address(String);

impl Address {
    /// `None` for a text with a space in it, which no address has.
    pub(super) fn parse(text: String) -> Option<Self> {
        (!text.contains(' ')).then_some(Self(text))
    }

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
