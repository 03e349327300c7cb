//! RESP2, as far as the toy needs it: commands in, replies out.

use std::io;

/// What a server answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reply {
    Status(&'static str),
    /// Code and text.
    Error(String),
    Int(i64),
    Bulk(Vec<u8>),
    Nil,
    Array(Vec<Self>),
}

impl Reply {
    pub(crate) fn bulk(text: impl Into<Vec<u8>>) -> Self {
        Self::Bulk(text.into())
    }

    pub(crate) fn error(text: &str) -> Self {
        Self::Error(text.to_owned())
    }

    pub(super) fn or_nil(text: Option<&[u8]>) -> Self {
        text.map_or(Self::Nil, Self::bulk)
    }

    pub(super) fn write_to(&self, out: &mut Vec<u8>) {
        match self {
            Self::Status(text) => out.extend_from_slice(format!("+{text}\r\n").as_bytes()),
            Self::Error(text) => out.extend_from_slice(format!("-{text}\r\n").as_bytes()),
            Self::Int(number) => out.extend_from_slice(format!(":{number}\r\n").as_bytes()),
            Self::Bulk(bytes) => {
                out.extend_from_slice(format!("${}\r\n", bytes.len()).as_bytes());
                out.extend_from_slice(bytes);
                out.extend_from_slice(b"\r\n");
            }
            Self::Nil => out.extend_from_slice(b"$-1\r\n"),
            Self::Array(replies) => {
                out.extend_from_slice(format!("*{}\r\n", replies.len()).as_bytes());
                for reply in replies {
                    reply.write_to(out);
                }
            }
        }
    }
}

/// The first command in `received` with its length in bytes; `None` until it is whole.
///
/// # Errors
/// `InvalidData` when this is no array of bulk strings.
pub(super) fn command(received: &[u8]) -> io::Result<Option<(Vec<Vec<u8>>, usize)>> {
    let Some((count, mut at)) = number(received, 0, b'*')? else { return Ok(None) };
    let mut words = Vec::with_capacity(count);
    for _ in 0..count {
        let Some((length, from)) = number(received, at, b'$')? else { return Ok(None) };
        let Some(word) = received.get(from..from + length) else { return Ok(None) };
        if received.len() < from + length + 2 {
            return Ok(None);
        }
        words.push(word.to_vec());
        at = from + length + 2;
    }
    Ok(Some((words, at)))
}

/// The number in the line that begins at `at` with `mark`, and where the next line begins.
fn number(received: &[u8], at: usize, mark: u8) -> io::Result<Option<(usize, usize)>> {
    let Some(line) = received.get(at..) else { return Ok(None) };
    let Some(end) = line.windows(2).position(|two| two == b"\r\n") else { return Ok(None) };
    let number = line.strip_prefix(&[mark]).and_then(|_| str::from_utf8(&line[1..end]).ok()?.parse().ok());
    let number = number.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "not RESP"))?;
    Ok(Some((number, at + end + 2)))
}
