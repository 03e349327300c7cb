//! Reads `.env`: lines of NAME=VALUE, taken as they stand. Nothing is substituted, and no message repeats a value.

use std::collections::BTreeMap;

use super::reader::Fault;

const NO_ASSIGNMENT: &str = "is not NAME=VALUE; begin a comment with #";
const NO_NAME: &str = "what stands before the = is no name: use letters, digits and _, and no digit first";
const NOT_UTF_8: &str = "is not UTF-8";
const OPEN_QUOTE: &str = "its quote is not closed on this line";
const BEHIND_QUOTE: &str = "something follows its closing quote; begin a comment with a space and #";
const NO_ESCAPE: &str =
    "a \\ stands before a character that needs none; write \\\\ for a backslash, or put the value into single quotes";
const ZERO_BYTE: &str = "has a zero byte in it";

/// What a file sets, and what is wrong with it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct DotEnv {
    /// Values by name. A name that is set twice has the later one.
    pub(crate) vars: BTreeMap<String, String>,
    /// One a line that cannot be read, named by file and line.
    pub(crate) faults: Vec<Fault>,
    /// What is read, and likely not meant so.
    pub(crate) warnings: Vec<String>,
}

/// Why a line cannot be read, and whose value it would have been.
struct Wrong<'a> {
    name: Option<&'a str>,
    message: &'static str,
}

impl DotEnv {
    /// Reads a file's bytes; `file` is what messages call it.
    pub(crate) fn parse(file: &str, bytes: &[u8]) -> Self {
        let mut read = Self::default();
        let mut lines_of = BTreeMap::new();
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        for (number, line) in (1..).zip(bytes.split(|byte| *byte == b'\n')) {
            let place = format!("{file}:{number}");
            let line = std::str::from_utf8(line).map_err(|_| Wrong { name: None, message: NOT_UTF_8 });
            match line.and_then(assignment) {
                Ok(None) => (),
                Ok(Some((name, value, is_literal))) => {
                    if !is_literal && value.contains("${") {
                        read.warnings.push(format!(
                            "{place}: {name} has a ${{ in it, which stands for itself: nothing is substituted"
                        ));
                    }
                    if let Some(former) = lines_of.insert(name, number) {
                        read.warnings.push(format!("{place}: {name} is set again; line {former} has no effect"));
                    }
                    read.vars.insert(name.to_owned(), value);
                }
                Err(Wrong { name, message }) => {
                    let message = name.map_or_else(|| message.to_owned(), |name| format!("{name}: {message}"));
                    read.faults.push(Fault { name: place, message });
                }
            }
        }
        read
    }
}

/// The name and the value of a line, and whether the value was in single quotes; `None` when it has nothing to say.
fn assignment(line: &str) -> Result<Option<(&str, String, bool)>, Wrong<'_>> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let exported = line.strip_prefix("export").filter(|rest| rest.starts_with([' ', '\t']));
    let line = exported.map_or(line, str::trim_start);
    let (name, raw) = line.split_once('=').ok_or(Wrong { name: None, message: NO_ASSIGNMENT })?;
    let name = name.trim_end();
    if !is_name(name) {
        // It may be a piece of a secret of several lines: it is not repeated.
        return Err(Wrong { name: None, message: NO_NAME });
    }
    let wrong = |message| Wrong { name: Some(name), message };
    let text = raw.trim_start();
    let (value, rest) = match text.chars().next() {
        Some('\'') => text[1..].split_once('\'').map(|(value, rest)| (value.to_owned(), rest)).ok_or(OPEN_QUOTE),
        Some('"') => double_quoted(&text[1..]),
        _ => Ok((bare(raw).to_owned(), "")),
    }
    .map_err(wrong)?;
    if !bare(rest).is_empty() {
        return Err(wrong(BEHIND_QUOTE));
    }
    if value.contains('\0') {
        return Err(wrong(ZERO_BYTE));
    }
    Ok(Some((name, value, text.starts_with('\''))))
}

fn is_name(name: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
    name.bytes().next().is_some_and(letter) && name.bytes().all(|byte| letter(byte) || byte.is_ascii_digit())
}

/// A value without quotes: to the line's end, or to a # behind white space. A # within a word is a part of it.
fn bare(text: &str) -> &str {
    let comment =
        text.char_indices().zip(text.chars().skip(1)).find(|((_, before), at)| before.is_whitespace() && *at == '#');
    comment.map_or(text, |((at, _), _)| &text[..at]).trim()
}

/// What stands before the closing quote, and what behind it.
fn double_quoted(text: &str) -> Result<(String, &str), &'static str> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => return Ok((value, &text[at + 1..])),
            '\\' => value.push(match chars.next() {
                Some((_, 'n')) => '\n',
                Some((_, 'r')) => '\r',
                Some((_, 't')) => '\t',
                Some((_, char @ ('"' | '\\' | '$' | '\''))) => char,
                Some(_) => return Err(NO_ESCAPE),
                None => return Err(OPEN_QUOTE),
            }),
            char => value.push(char),
        }
    }
    Err(OPEN_QUOTE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(line: &str) -> Option<String> {
        let read = DotEnv::parse(".env", line.as_bytes());
        assert_eq!(read.faults, [], "{line}");
        read.vars.get("NAME").cloned()
    }

    #[test]
    fn values_are_taken_as_they_stand() {
        for (line, expected) in [
            ("NAME=value", Some("value")),
            ("  export\tNAME = value  # a comment\r", Some("value")),
            ("NAME=p#w$ord${HOME}$HOME\\n", Some("p#w$ord${HOME}$HOME\\n")),
            ("NAME=two words", Some("two words")),
            ("NAME=#first", Some("#first")),
            ("NAME= # only a comment", Some("")),
            ("NAME=", Some("")),
            ("NAME=a=b==", Some("a=b==")),
            ("NAME=it's", Some("it's")),
            ("NAME='p $x # \\n \"'", Some("p $x # \\n \"")),
            (r#"NAME="p $x # \n \" \\ \$ 'x'" # why"#, Some("p $x # \n \" \\ $ 'x'")),
            ("NAME=\"\"", Some("")),
            ("NAME=grüße", Some("grüße")),
            ("\u{feff}NAME=first", Some("first")),
            ("exported=x", None),
            ("# NAME=x", None),
            ("", None),
        ] {
            assert_eq!(value(line).as_deref(), expected, "{line:?}");
        }
    }

    #[test]
    fn every_wrong_line_is_told_by_its_place_and_name_and_never_by_its_value() {
        let file = b"GOOD=1\nA='hunter2\nB=\"hunter2\nC=\"hunter2\"x\nhunter2\nD=\"hunter\\2\"\nhunter-2=3\nE=\xffhunter2\nF=hun\0ter2\n1G=x\n\"hunter2\"=x\n";
        let read = DotEnv::parse("conf/.env", file);
        let places: Vec<String> = read.faults.iter().map(ToString::to_string).collect();
        let starts = [
            "conf/.env:2: A: its quote",
            "conf/.env:3: B: its quote",
            "conf/.env:4: C: something follows",
            "conf/.env:5: is not NAME=VALUE",
            "conf/.env:6: D: a \\ stands",
            "conf/.env:7: what stands before the =",
            "conf/.env:8: is not UTF-8",
            "conf/.env:9: F: has a zero byte",
            "conf/.env:10: what stands before the =",
            "conf/.env:11: what stands before the =",
        ];
        assert_eq!(places.len(), starts.len(), "{places:#?}");
        assert!(places.iter().zip(starts).all(|(place, start)| place.starts_with(start)), "{places:#?}");
        assert!(!format!("{read:?}").contains("hun"), "a value is shown: {read:?}");
        assert_eq!(read.vars, BTreeMap::from([("GOOD".to_owned(), "1".to_owned())]));
    }

    #[test]
    fn what_was_likely_meant_otherwise_is_warned_about() {
        let read = DotEnv::parse(".env", b"A=1\nB=x${A}\nC='${A}'\nA=2\n");
        let expected = [
            ".env:2: B has a ${ in it, which stands for itself: nothing is substituted",
            ".env:4: A is set again; line 1 has no effect",
        ];
        assert_eq!(read.warnings, expected);
        assert_eq!(read.vars["A"], "2");
    }
}
