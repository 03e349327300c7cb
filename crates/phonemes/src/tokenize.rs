//! Text to tokens, by the rules that the tagger's training text was cut with (spaCy's for English).
//!
//! Each stretch between spaces is looked up among the special cases (`don't` → `do`, `n't`); otherwise punctuation is
//! taken off its front and back, one mark at a time, and the special cases are asked again after each. What remains is
//! cut at the marks inside it, unless it is an address on the web.

mod affixes;
mod web;

use std::collections::HashMap;

use crate::LoadError;
use crate::data::Folder;
use crate::token::Token;

/// Longer stretches without a space are not English; they are cut, so that the work stays linear.
const MAX_STRETCH_BYTES: usize = 400;

/// The rules and their special cases.
pub(crate) struct Tokenizer {
    special: HashMap<String, Vec<String>>,
}

impl Tokenizer {
    pub(crate) fn load(folder: &Folder<'_>) -> Result<Self, LoadError> {
        let special = folder.json("tokenizer_exceptions.json", "table of special tokens")?;
        Ok(Self { special })
    }

    /// The tokens of normalised text, in order.
    pub(crate) fn tokens(&self, text: &str) -> Vec<Token> {
        let mut tokens = Vec::new();
        for stretch in text.split(' ').filter(|stretch| !stretch.is_empty()) {
            let mut rest = stretch;
            while rest.len() > MAX_STRETCH_BYTES {
                let cut = (0..=MAX_STRETCH_BYTES).rev().find(|at| rest.is_char_boundary(*at)).unwrap_or(rest.len());
                self.cut(&rest[..cut], &mut tokens);
                rest = &rest[cut..];
            }
            self.cut(rest, &mut tokens);
            if let Some(last) = tokens.last_mut() {
                last.space = true;
            }
        }
        if let Some(last) = tokens.last_mut() {
            last.space = false;
        }
        tokens
    }

    fn cut(&self, stretch: &str, tokens: &mut Vec<Token>) {
        let mut rest = stretch;
        let mut suffixes = Vec::new();
        while !rest.is_empty() && !self.special.contains_key(rest) {
            let prefix = affixes::prefix(rest);
            if prefix > 0 && self.special.contains_key(&rest[prefix..]) {
                tokens.push(Token::new(&rest[..prefix]));
                rest = &rest[prefix..];
                break;
            }
            let suffix = affixes::suffix(&rest[prefix..]);
            if suffix > 0 && self.special.contains_key(&rest[..rest.len() - suffix]) {
                suffixes.push(&rest[rest.len() - suffix..]);
                rest = &rest[..rest.len() - suffix];
                break;
            }
            if prefix == 0 && suffix == 0 {
                break;
            }
            if prefix > 0 {
                tokens.push(Token::new(&rest[..prefix]));
            }
            if suffix > 0 {
                suffixes.push(&rest[rest.len() - suffix..]);
            }
            rest = &rest[prefix..rest.len() - suffix];
        }
        if let Some(pieces) = self.special.get(rest) {
            tokens.extend(pieces.iter().map(Token::new));
        } else if web::is_address(rest) {
            tokens.push(Token::new(rest));
        } else {
            affixes::inside(rest, tokens);
        }
        tokens.extend(suffixes.into_iter().rev().map(Token::new));
    }
}
