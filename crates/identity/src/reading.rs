//! The caller's address as the carrier sends it: a number, a SIP or client address, or nothing usable.
//!
//! Two callers must never end up as one person, so what is not certainly one person's address is
//! [`CallerAddress::Withheld`]: a caller without memory is an inconvenience, a stranger's memory is a leak.

use super::address::{Address, CallerAddress, E164, Extension, PhoneNumber};
use super::number::{is_separator, normalise};
use super::{plan, withheld};

#[cfg(test)]
mod tests;

/// The longest text that can still be a number: 15 digits, every one with a separator, a scheme and an
/// extension. A longer one is not cut, because two callers could then share what is left.
const MAX_NUMBER_BYTES: usize = 64;

/// The longest SIP or client address: room for a user part and a host name of a carrier's trunk.
const MAX_ADDRESS_BYTES: usize = 256;

/// The longest address with a display name before it.
const MAX_BYTES: usize = 2 * MAX_ADDRESS_BYTES;

/// What may stand between an extension's digits and its number, longest first.
const EXTENSION_MARKERS: [&str; 5] = ["extension", "extn", "ext", "x", "#"];

/// RFC 3261, 19.1.2: the port of a SIP address that names none, and of one over TLS.
const SIP_PORT: &str = "5060";
const SIP_TLS_PORT: &str = "5061";

/// What a text says.
#[derive(Debug)]
pub(super) struct Reading {
    /// Who calls.
    pub(super) address: CallerAddress,
    /// Who that was for earlier releases, which took some spellings as they stood.
    as_it_stands: Option<CallerAddress>,
}

impl Reading {
    const WITHHELD: Self = Self { address: CallerAddress::Withheld, as_it_stands: None };

    /// Every number passes here, however it was written, so that no spelling gets around the keypad list or stays
    /// beside another one of the same line.
    fn number(spelled: E164, extension: Option<Extension>) -> Self {
        let line = plan::line(&spelled);
        if withheld::is_keypad_word(spelled.digits()) || withheld::is_keypad_word(line.digits()) {
            return Self::WITHHELD;
        }
        let as_it_stands = (line != spelled)
            .then(|| CallerAddress::Number(PhoneNumber { e164: spelled, extension: extension.clone() }));
        Self { address: CallerAddress::Number(PhoneNumber { e164: line, extension }), as_it_stands }
    }

    fn address(text: String) -> Self {
        Address::parse(text)
            .map_or(Self::WITHHELD, |address| Self { address: CallerAddress::Address(address), as_it_stands: None })
    }

    /// See [`CallerAddress::former`]. The most likely first: what the same trunk has sent before.
    pub(super) fn former(self) -> Vec<CallerAddress> {
        let mut former: Vec<CallerAddress> = self.as_it_stands.into_iter().collect();
        if let CallerAddress::Number(PhoneNumber { e164, extension }) = &self.address {
            let others = plan::former(e164).into_iter().map(|e164| PhoneNumber { e164, extension: extension.clone() });
            for other in others.map(CallerAddress::Number) {
                if !former.contains(&other) {
                    former.push(other);
                }
            }
        }
        former
    }
}

impl CallerAddress {
    /// Reads the `From` of a carrier. What cannot be read is [`Withheld`](Self::Withheld).
    ///
    /// All spellings of one line give the same number, and two lines never do:
    ///
    /// - With a `+`, or after an international prefix (that of the region; else `00` or `011`), a number is complete. A
    ///   trunk prefix behind its country code goes (`+44 (0)20 …`), as do digits that the line once had or did not have
    ///   yet (`+52 1 …`), where the numbering plan leaves no other line that it could be.
    /// - Without one, it is a number of `region`, an ISO 3166 code (`US`), if it is written as numbers are there. If not,
    ///   and it has ten digits or more, it may be a complete one whose `+` got lost (`447…`). Where the numbering
    ///   plans allow both, and do not tell which, it is nobody's. With an unknown region it is nobody's, too.
    /// - A SIP address whose user is such a number is that number, whatever its host and port.
    ///
    /// A number of North America with its `+` needs no look at the library's metadata; any other does
    /// ([`warm_up`](super::warm_up)).
    pub fn parse(raw: &str, region: &str) -> Self {
        of(raw, region).address
    }

    /// The addresses by which earlier releases may have known whoever sends this text, for
    /// [`Keys::older_hashes`](super::Keys::older_hashes). They read more texts as they stood: each spelling was somebody
    /// else.
    pub fn former(raw: &str, region: &str) -> Vec<Self> {
        of(raw, region).former()
    }
}

/// Reads the `From` of a carrier; see [`CallerAddress::parse`].
fn of(raw: &str, region: &str) -> Reading {
    // Spaces only: a line break or tab at either end is somebody's injection, not a number.
    let text = raw.trim_matches(' ');
    if let Some(e164) = E164::parse(text) {
        return Reading::number(e164, None);
    }
    if text.len() > MAX_BYTES {
        return Reading::WITHHELD;
    }
    let Some(text) = without_name(text) else { return Reading::WITHHELD };
    if text.len() > MAX_ADDRESS_BYTES || !text.bytes().all(|b| b == b' ' || b.is_ascii_graphic()) {
        return Reading::WITHHELD;
    }
    let text = text.to_ascii_lowercase();
    match text.split_once(':') {
        Some(("sip", rest)) => sip(rest, false, region),
        Some(("sips", rest)) => sip(rest, true, region),
        Some(("client", name)) => client(name),
        Some(("tel" | "whatsapp", rest)) => telephone(rest, region),
        // Some trunks leave out the scheme, too. Without it only a number is certainly no mail address.
        _ if text.contains('@') => match sip(&text, false, region) {
            reading @ Reading { address: CallerAddress::Number(_), .. } => reading,
            _ => Reading::WITHHELD,
        },
        Some(_) => Reading::WITHHELD,
        None => telephone(&text, region),
    }
}

/// Takes the address out of `"Ana" <sip:ana@example.com>;tag=1` (RFC 3261, 20.10). `None` where there is none, and
/// where the name says that it is withheld.
fn without_name(text: &str) -> Option<&str> {
    let (mut in_quotes, mut is_escaped) = (false, false);
    let bracket = text.bytes().position(|byte| {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if in_quotes => is_escaped = true,
            b'"' => in_quotes = !in_quotes,
            b'<' if !in_quotes => return true,
            _ => (),
        }
        false
    });
    let Some((name, rest)) = bracket.map(|at| text.split_at(at)) else { return Some(text) };
    let name = name.trim_matches(' ');
    if name.contains(':') && !name.starts_with('"') {
        return Some(text); // a scheme: the bracket is part of the address
    }
    let (address, parameters) = rest[1..].split_once('>')?;
    let parameters = parameters.trim_matches(' ');
    let is_well_formed =
        !address.contains('<') && !name.chars().any(char::is_control) && !parameters.chars().any(char::is_control);
    if !is_well_formed || !(parameters.is_empty() || parameters.starts_with(';')) {
        return None;
    }
    let name = name.trim_matches('"').trim_matches(' ').to_ascii_lowercase();
    (name.is_empty() || !withheld::is_word(&name)).then(|| address.trim_matches(' '))
}

/// Reads what follows `sip:`. `sips:` is the same person over TLS.
fn sip(rest: &str, is_secure: bool, region: &str) -> Reading {
    // RFC 3261, 19.1.1: sip:user:password@host:port;parameters?headers. The user part may hold a telephone
    // number's own parameters, so the host is split off first.
    if rest.contains(['<', '>', '"']) {
        return Reading::WITHHELD; // what is left of a name that is none could be taken for the address
    }
    let Some((user, host)) = rest.split_once('@') else {
        // A host alone is all of its callers, and no host begins with a plus.
        return if rest.starts_with('+') { telephone(rest, region) } else { Reading::WITHHELD };
    };
    let (host, parameters) = host.split_at(host.find([';', '?']).unwrap_or(host.len()));
    let user = unescaped(user.split(':').next().unwrap_or_default());
    let subscriber = user.split(';').next().unwrap_or_default();
    let dialled: String =
        subscriber.chars().filter(|letter| !(letter.is_ascii() && is_separator(*letter as u8))).collect();
    if subscriber.is_empty() || host.is_empty() || host.contains('@') || withheld::is_word(&dialled) || is_nowhere(host)
    {
        return Reading::WITHHELD;
    }
    let is_secure = is_secure || parameters.contains(";transport=tls");
    let as_it_stands = format!("sip:{subscriber}@{host}");
    let reading = match telephone(&user, region) {
        reading @ Reading { address: CallerAddress::Number(_), .. } => reading,
        // With a number that only some network knows, or one extension of many, the host would be all of them.
        _ if E164::parse(subscriber).is_some() || !matches!(split_parameters(&user), Some((_, None))) => {
            return Reading::WITHHELD;
        }
        _ => Reading::address(format!("sip:{subscriber}@{}", without_default_port(host, is_secure))),
    };
    if E164::parse(subscriber).is_some() {
        return reading; // that was a number before, too
    }
    let as_it_stands = Reading::address(as_it_stands).address;
    let is_other = as_it_stands != reading.address && as_it_stands != CallerAddress::Withheld;
    Reading { as_it_stands: is_other.then_some(as_it_stands), ..reading }
}

/// A user part without the escapes that its letters do not need (RFC 3261, 19.1.4: it is the same with them).
fn unescaped(user: &str) -> String {
    let mut parts = user.split('%');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let letter = part.get(..2).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match letter.filter(|letter| letter.is_ascii_alphanumeric() || b"+-._()".contains(letter)) {
            Some(letter) => {
                text.push(char::from(letter.to_ascii_lowercase()));
                text.push_str(&part[2..]);
            }
            None => {
                text.push('%');
                text.push_str(part);
            }
        }
    }
    text
}

/// A host and its port, without the port that goes without saying. Another port may be another switchboard.
fn without_default_port(host: &str, is_secure: bool) -> &str {
    let default = if is_secure { SIP_TLS_PORT } else { SIP_PORT };
    match host.rsplit_once(':') {
        Some((name, port)) if port == default && (!name.contains(':') || name.ends_with(']')) => name,
        _ => host,
    }
}

fn client(name: &str) -> Reading {
    if name.is_empty() || withheld::is_word(name) {
        return Reading::WITHHELD;
    }
    Reading::address(format!("client:{name}"))
}

/// Reads a number in any spelling, in lower case, with its extension.
fn telephone(text: &str, region: &str) -> Reading {
    if text.len() > MAX_NUMBER_BYTES {
        return Reading::WITHHELD;
    }
    let Some((number, extension)) = split_parameters(text) else { return Reading::WITHHELD };
    let (number, extension) = match extension {
        Some(extension) => (number, Some(extension)),
        None => match split_extension(number) {
            Some(split) => split,
            None => return Reading::WITHHELD,
        },
    };
    match normalise(number.trim_matches(' '), region) {
        Some(e164) => Reading::number(e164, extension),
        None => Reading::WITHHELD,
    }
}

/// RFC 3323: an anonymous caller is `sip:anonymous@anonymous.invalid`; `.invalid` is nobody's domain.
fn is_nowhere(host: &str) -> bool {
    let name = host.split(':').next().unwrap_or_default().trim_end_matches('.');
    name.ends_with(".invalid") || withheld::is_word(name)
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
