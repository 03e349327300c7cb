//! A script's answer, read as strictly as the scripts are written: whoever answers anything else, be it a proxy, a server
//! of another kind or a script of somebody else's, is not believed, and the error names script and key.

use redis::Value;

use super::advice::Trouble;

/// The largest counter that is believed: 15 digits, as Lua's doubles hold these exactly; the scripts have the same limit.
pub(super) const MAX_COUNTER: u64 = 999_999_999_999_999;

/// What a script answered.
pub(super) struct Answer {
    script: &'static str,
    /// The first of its keys; it holds no number.
    key: String,
    value: Value,
}

impl Answer {
    pub(super) fn of(script: &'static str, key: String, value: Value) -> Self {
        Self { script, key, value }
    }

    /// That it is none that the script gives.
    pub(super) fn nonsense(&self) -> Trouble {
        Trouble::Nonsense { script: self.script, key: self.key.clone() }
    }

    /// A list of so many parts.
    pub(super) fn parts<const N: usize>(&mut self) -> Result<[Value; N], Trouble> {
        match std::mem::take(&mut self.value) {
            Value::Array(parts) => parts.try_into().map_err(|_| self.nonsense()),
            _ => Err(self.nonsense()),
        }
    }

    /// One of the words that the script knows.
    pub(super) fn word(&self, part: Value, known: &[&'static str]) -> Result<&'static str, Trouble> {
        let text = self.bytes(part)?;
        known.iter().find(|word| word.as_bytes() == text).copied().ok_or_else(|| self.nonsense())
    }

    pub(super) fn bytes(&self, part: Value) -> Result<Vec<u8>, Trouble> {
        match part {
            Value::BulkString(bytes) => Ok(bytes),
            _ => Err(self.nonsense()),
        }
    }

    /// A number from 0 on.
    pub(super) fn number(&self, part: &Value, most: u64) -> Result<u64, Trouble> {
        match part {
            Value::Int(number) => {
                u64::try_from(*number).ok().filter(|number| *number <= most).ok_or_else(|| self.nonsense())
            }
            _ => Err(self.nonsense()),
        }
    }

    /// The place of one of so many keys, counted from 1 there and from 0 here; of an answer that is about no key, nothing.
    pub(super) fn place(&self, part: &Value, about_a_key: bool, keys: usize) -> Result<Option<usize>, Trouble> {
        let number = usize::try_from(self.number(part, MAX_COUNTER)?).map_err(|_| self.nonsense())?;
        match number.checked_sub(1) {
            Some(place) if about_a_key && place < keys => Ok(Some(place)),
            _ if about_a_key => Err(self.nonsense()),
            _ => Ok(None),
        }
    }

    /// How long a key lives, in ms; -1: for ever, -2: it is not there.
    pub(super) fn ttl_ms(&self, part: &Value) -> Result<i64, Trouble> {
        match part {
            Value::Int(ttl) if *ttl >= -2 => Ok(*ttl),
            _ => Err(self.nonsense()),
        }
    }

    pub(super) fn list(&self, part: Value) -> Result<Vec<Value>, Trouble> {
        match part {
            Value::Array(parts) => Ok(parts),
            _ => Err(self.nonsense()),
        }
    }

    /// Texts.
    pub(super) fn texts(&self, part: Value) -> Result<Vec<Vec<u8>>, Trouble> {
        self.list(part)?.into_iter().map(|text| self.bytes(text)).collect()
    }

    /// Texts by twos.
    pub(super) fn pairs(&self, part: Value) -> Result<Vec<Vec<u8>>, Trouble> {
        Some(self.texts(part)?).filter(|texts| texts.len() % 2 == 0).ok_or_else(|| self.nonsense())
    }

    /// So many fields of a hash, or none at all.
    pub(super) fn fields(&self, part: Value, count: usize) -> Result<Vec<Option<Vec<u8>>>, Trouble> {
        let fields = self.list(part)?;
        if !fields.is_empty() && fields.len() != count {
            return Err(self.nonsense());
        }
        let field = |field| match field {
            Value::Nil => Ok(None),
            field => self.bytes(field).map(Some),
        };
        fields.into_iter().map(field).collect()
    }

    /// 1 or 0.
    pub(super) fn yes(self) -> Result<bool, Trouble> {
        Ok(self.number(&self.value, 1)? == 1)
    }

    /// A revision, or -1 for none.
    pub(super) fn revision(self) -> Result<Option<u64>, Trouble> {
        match &self.value {
            Value::Int(-1) => Ok(None),
            value => self.number(value, MAX_COUNTER).map(Some),
        }
    }
}

/// A counter in text: 1 to 15 digits.
pub(super) fn counter(text: &[u8]) -> Option<u64> {
    let digits = (1..=15).contains(&text.len()) && text.iter().all(u8::is_ascii_digit);
    if digits { str::from_utf8(text).ok()?.parse().ok() } else { None }
}
