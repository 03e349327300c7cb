//! What a Rust file names of its own crate.

use std::collections::BTreeSet;

use super::tokens::{Token, tokens};

/// A path from the crate's root on.
pub(super) type Path = Vec<String>;

/// The paths that `source`, the file of `module`, names of its own crate; not those that it only passes on from below
/// it (`pub use self::…`), and none of its `#[cfg(test)] mod tests`.
pub(super) fn named(module: &[String], source: &str) -> BTreeSet<Path> {
    let tokens = without_tests(tokens(source));
    let children = children(&tokens);
    let mut reader = Reader { module, children, inline: Vec::new(), depth: 0, paths: BTreeSet::new() };
    reader.read(&tokens);
    reader.paths
}

/// The source without the modules that only tests are built with.
fn without_tests(tokens: Vec<Token>) -> Vec<Token> {
    let mut left = Vec::new();
    let mut rest = tokens.as_slice();
    while let Some(token) = rest.first() {
        match after_tests(rest) {
            Some(after) => rest = after,
            None => {
                left.push(token.clone());
                rest = &rest[1..];
            }
        }
    }
    left
}

/// What follows `#[cfg(test)] mod tests { … }`, if that stands here.
fn after_tests(tokens: &[Token]) -> Option<&[Token]> {
    let word = |word: &str| Token::Word(word.to_owned());
    let attribute = [
        Token::Sign('#'),
        Token::Sign('['),
        word("cfg"),
        Token::Sign('('),
        word("test"),
        Token::Sign(')'),
        Token::Sign(']'),
    ];
    let body = tokens.strip_prefix(&attribute)?.strip_prefix(&[word("mod"), word("tests"), Token::Sign('{')])?;
    let mut depth = 1;
    let end = body.iter().position(|token| {
        match token {
            Token::Sign('{') => depth += 1,
            Token::Sign('}') => depth -= 1,
            Token::Word(_) | Token::Join | Token::Sign(_) => (),
        }
        depth == 0
    });
    Some(end.map(|end| &body[end + 1..]).unwrap_or_default())
}

/// The modules that have files of their own below this one.
fn children(tokens: &[Token]) -> BTreeSet<String> {
    let declared = tokens.windows(3).filter_map(|three| match three {
        [keyword, Token::Word(name), Token::Sign(';')] if keyword.is("mod") => Some(name.clone()),
        _ => None,
    });
    declared.collect()
}

struct Reader<'a> {
    module: &'a [String],
    children: BTreeSet<String>,
    /// The modules in this file that are open, and how many braces are around each.
    inline: Vec<(String, usize)>,
    depth: usize,
    paths: BTreeSet<Path>,
}

impl Reader<'_> {
    fn read(&mut self, mut tokens: &[Token]) {
        let mut passes_on = false;
        let mut is_path_before = false;
        while let [token, after @ ..] = tokens {
            let joined = std::mem::replace(&mut is_path_before, *token == Token::Join);
            tokens = match token {
                Token::Word(word) if word == "pub" => {
                    passes_on = true;
                    tokens = after_visibility(after);
                    continue;
                }
                Token::Word(word) if word == "use" && after.first() != Some(&Token::Sign('<')) => {
                    let mut leaves = Vec::new();
                    let rest = tree(after, &[], &mut leaves);
                    for leaf in leaves {
                        self.note(&leaf, passes_on);
                    }
                    rest
                }
                Token::Word(word) if word == "mod" => {
                    if let [Token::Word(name), Token::Sign('{'), ..] = after {
                        self.inline.push((name.clone(), self.depth));
                    }
                    after
                }
                Token::Word(_) if !joined => {
                    let (path, rest) = path(tokens);
                    if path.len() > 1 {
                        self.note(&path, false);
                    }
                    rest
                }
                Token::Sign('{') => {
                    self.depth += 1;
                    after
                }
                Token::Sign('}') => {
                    self.depth = self.depth.saturating_sub(1);
                    if self.inline.last().is_some_and(|(_, depth)| *depth == self.depth) {
                        self.inline.pop();
                    }
                    after
                }
                Token::Word(_) | Token::Join | Token::Sign(_) => after,
            };
            passes_on = false;
        }
    }

    fn note(&mut self, path: &[String], passes_on: bool) {
        let Some(path) = self.absolute(path) else { return };
        let is_below = path.len() > self.module.len() && path.starts_with(self.module);
        if !(passes_on && is_below) {
            self.paths.insert(path);
        }
    }

    /// The same path from the crate's root on; `None` for one that leads to another crate, or names a thing at hand.
    fn absolute(&self, path: &[String]) -> Option<Path> {
        let mut here: Path = self.module.to_vec();
        here.extend(self.inline.iter().map(|(name, _)| name.clone()));
        let mut rest = path;
        match rest.first()?.as_str() {
            "crate" => return Some(rest[1..].to_vec()),
            "self" | "super" => {
                while let [step, after @ ..] = rest
                    && matches!(step.as_str(), "self" | "super")
                {
                    if step == "super" {
                        here.pop();
                    }
                    rest = after;
                }
            }
            child if self.inline.is_empty() && self.children.contains(child) => (),
            _ => return None,
        }
        here.extend_from_slice(rest);
        Some(here)
    }
}

/// What follows `(crate)`, `(super)`, `(self)` or `(in …)` behind a `pub`.
fn after_visibility(tokens: &[Token]) -> &[Token] {
    let [Token::Sign('('), inside @ ..] = tokens else { return tokens };
    let end = inside.iter().position(|token| *token == Token::Sign(')')).unwrap_or(inside.len());
    let is_visibility = match &inside[..end] {
        [only] => ["crate", "super", "self"].iter().any(|word| only.is(word)),
        [first, ..] => first.is("in"),
        [] => false,
    };
    if is_visibility { inside.get(end + 1..).unwrap_or_default() } else { tokens }
}

/// The words of a path that are joined, and what follows them.
fn path(tokens: &[Token]) -> (Path, &[Token]) {
    let mut path = Vec::new();
    let mut rest = tokens;
    while let [Token::Word(word), after @ ..] = rest {
        path.push(word.clone());
        match after {
            [Token::Join, next @ ..] if matches!(next.first(), Some(Token::Word(_))) => rest = next,
            _ => return (path, after),
        }
    }
    (path, rest)
}

/// Takes a `use` apart into the paths that it names; answers what follows it.
fn tree<'a>(tokens: &'a [Token], prefix: &[String], leaves: &mut Vec<Path>) -> &'a [Token] {
    let mut path = prefix.to_vec();
    let mut rest = tokens;
    while let [token, after @ ..] = rest {
        match token {
            Token::Word(word) if word == "as" => rest = after.get(1..).unwrap_or_default(),
            Token::Word(word) => {
                path.push(word.clone());
                rest = after;
            }
            // `use ::name` is another crate.
            Token::Join if path.is_empty() => {
                path.push(String::new());
                rest = after;
            }
            Token::Join => rest = after,
            Token::Sign('*') => {
                path.push("*".to_owned());
                rest = after;
            }
            Token::Sign('{') => {
                rest = after;
                while let [token, after @ ..] = rest {
                    rest = match token {
                        Token::Sign('}') => return after,
                        Token::Sign(_) => after,
                        Token::Word(_) | Token::Join => tree(rest, &path, leaves),
                    };
                }
                return rest;
            }
            Token::Sign(_) => break,
        }
    }
    if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
        path.pop(); // `use a::{self, b}`
    }
    leaves.push(path);
    rest
}

#[test]
fn every_way_to_name_something_of_the_own_crate_is_found() {
    let source = "
        mod child;
        pub(crate) mod other;
        pub use self::child::Passed;
        pub(crate) use other::{Also, passed::On};
        pub(super) use super::Sibling;
        use std::fmt::{self, Debug};
        use ::redis::Client;
        use crate::{one, two::{self, Two as Second, three::*}};
        use super::super::{Far};
        pub(in crate::never) struct A(pub(crate) child::B, pub (crate::in_a_pair::C, u8));
        macro_rules! m { () => { $crate::of_a_macro::go() } }
        fn f() -> impl Sized + use<> { value.child::<u8>(); foreign::child::x(); self.field; other::call::<super::t::T>() }
        mod inline {
            use super::other::Inner;
            use super::super::Outer;
            fn g() { child::not_in_scope() }
        }
        fn h() { self::child::after_inline() }
        #[cfg(test)]
        mod tests { use crate::only::Tests; fn f() { {} } }
    ";
    let named = named(&["top".to_owned(), "file".to_owned()], source);
    let named: BTreeSet<String> = named.into_iter().map(|path| path.join("::")).collect();
    let expected = [
        "Far",
        "in_a_pair::C",
        "of_a_macro::go",
        "one",
        "top::Outer",
        "top::Sibling",
        "top::file::child::B",
        "top::file::child::after_inline",
        "top::file::other::Inner",
        "top::file::other::call",
        "top::t::T",
        "two",
        "two::Two",
        "two::three::*",
    ];
    assert_eq!(named, expected.map(str::to_owned).into());
}
