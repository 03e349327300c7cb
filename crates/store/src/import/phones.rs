//! Whose number is whose: a CSV file for the layouts that know people by other ids.

use std::collections::HashMap;

use redial_identity::{Caller, CallerAddress, Keys};

/// Callers by the id that the source knows them by. The numbers themselves are gone once this is made.
#[derive(Debug, Default)]
pub struct Phones(HashMap<String, Caller>);

/// A line that names nobody. Neither id nor number is repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PhonesError {
    /// Not two fields.
    #[error("line {0}: an id, a comma and a phone number are expected")]
    Form(usize),
    /// The number is withheld, or none.
    #[error("line {0}: the second field is no phone number; write it as +14155550123")]
    Number(usize),
    /// The id stands on an earlier line as well, with another number.
    #[error("line {0}: this id has another number further up; one of them must go")]
    Twice(usize),
}

impl Phones {
    /// Reads lines of `id,number`. Empty lines, lines that begin with `#`, and a first line `id,…` are skipped; quotes
    /// around a field are taken off. `region` is where a number without `+` is dialled.
    ///
    /// # Errors
    /// Names the first line that names nobody.
    pub fn read(text: &str, keys: &Keys, region: &str) -> Result<Self, PhonesError> {
        let mut phones = HashMap::new();
        let mut heading = true;
        for (at, line) in (1..).zip(text.trim_start_matches('\u{feff}').lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            // An id may have a comma, a number has none.
            let (id, number) = line.rsplit_once(',').ok_or(PhonesError::Form(at))?;
            let (id, number) = (unquoted(id), unquoted(number));
            if std::mem::take(&mut heading) && id.eq_ignore_ascii_case("id") {
                continue;
            }
            if id.is_empty() {
                return Err(PhonesError::Form(at));
            }
            let caller = match CallerAddress::parse(number, region) {
                address @ CallerAddress::Number(_) => keys.caller(&address),
                CallerAddress::Address(_) | CallerAddress::Withheld => return Err(PhonesError::Number(at)),
            };
            match phones.get(id) {
                Some(known) if *known != caller => return Err(PhonesError::Twice(at)),
                Some(_) | None => phones.insert(id.to_owned(), caller),
            };
        }
        Ok(Self(phones))
    }

    /// The caller whom the source knows by this id.
    pub fn caller(&self, id: &str) -> Option<&Caller> {
        self.0.get(id)
    }
}

fn unquoted(field: &str) -> &str {
    let field = field.trim();
    field.strip_prefix('"').and_then(|field| field.strip_suffix('"')).unwrap_or(field).trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> Keys {
        Keys::derive(&"0123456789abcdef0123456789abcdef".into()).unwrap()
    }

    #[test]
    fn a_file_says_whose_number_is_whose() {
        let text = "\u{feff}id,number\r\n# ours\r\n\r\nuser_123,+14155552671\r\n\"a,b\", \"(415) 555-2671\"\r\n";
        let phones = Phones::read(text, &keys(), "US").unwrap();
        let ana = keys().caller(&CallerAddress::parse("+14155552671", "US"));
        assert_eq!(phones.caller("user_123"), Some(&ana));
        assert_eq!(phones.caller("a,b"), Some(&ana));
        assert_eq!(phones.caller("id"), None);
        assert!(!format!("{phones:?}").contains("4155552671"), "a number is kept");
    }

    #[test]
    fn a_line_that_names_nobody_is_named_and_not_repeated() {
        for (text, error) in [
            ("user_123", PhonesError::Form(1)),
            ("\n,+14155552671", PhonesError::Form(2)),
            ("a,+14155552671\nb,anonymous", PhonesError::Number(2)),
            ("a,sip:bob@example.com", PhonesError::Number(1)),
            ("a,+14155552671\na,+14155552672", PhonesError::Twice(2)),
        ] {
            assert_eq!(Phones::read(text, &keys(), "US").unwrap_err(), error, "{text}");
        }
    }
}
