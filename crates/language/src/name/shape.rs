//! What a name looks like, whoever gives it: letters, titles, capitals, length.

use crate::data::english;
use crate::words;

/// How to address somebody once: the first name, or the title with the last one.
pub fn address(say: &str) -> &str {
    match say.split_once(' ') {
        Some((first, _)) if title(first).is_none() => first,
        Some(_) | None => say,
    }
}

/// Letters that make a word of a name: no digits, no spelling, nobody's ("Ana's"), no two words in one ("I'm").
pub(super) fn is_name_shaped(raw: &str) -> bool {
    let lower = raw.to_lowercase().replace('’', "'");
    let letters_only = lower.chars().all(|c| c.is_alphabetic() || matches!(c, '\'' | '-')) || is_initial(raw);
    let ends = |c: char| c.is_alphabetic() || c == '.';
    letters_only
        && lower.starts_with(char::is_alphabetic)
        && lower.ends_with(ends)
        && !is_spelling(&lower)
        && !words::is_contraction(&lower)
}

/// "J-E-N" and "J.E.N".
pub(super) fn is_spelling(raw: &str) -> bool {
    raw.contains(['-', '.'])
        && raw.split(['-', '.']).all(|letter| letter.chars().count() <= 1)
        && raw.chars().filter(|c| c.is_alphabetic()).count() >= 2
}

/// "J" and "J.", but nobody's "I".
pub(super) fn is_initial(raw: &str) -> bool {
    let mut letters = raw.trim_end_matches('.').chars();
    letters.next().is_some_and(|c| c.is_uppercase()) && letters.next().is_none() && !raw.starts_with("I")
}

/// A small word inside names: "de", "van".
pub(super) fn is_particle(raw: &str) -> bool {
    english().name.particles.has(&raw.to_lowercase())
}

/// The title that `part` is, as it is written.
pub(super) fn title(part: &str) -> Option<&'static str> {
    let lower = part.trim_end_matches('.').to_lowercase();
    english().name.titles.get(&lower).map(String::as_str)
}

/// `raw` in lower case and without accents, as the lists are written; apostrophes and hyphens stay.
pub(super) fn folded(raw: &str) -> String {
    raw.to_lowercase()
        .chars()
        .filter_map(|c| match c {
            'à' | 'á' | 'â' | 'ã' | 'ä' | 'å' | 'ā' | 'ă' | 'ą' => Some('a'),
            'ç' | 'ć' | 'č' => Some('c'),
            'è' | 'é' | 'ê' | 'ë' | 'ē' | 'ę' | 'ě' => Some('e'),
            'ì' | 'í' | 'î' | 'ï' | 'ī' | 'ı' => Some('i'),
            'ł' => Some('l'),
            'ñ' | 'ń' | 'ň' => Some('n'),
            'ò' | 'ó' | 'ô' | 'õ' | 'ö' | 'ø' | 'ō' | 'ő' => Some('o'),
            'ř' => Some('r'),
            'ś' | 'š' | 'ş' | 'ș' => Some('s'),
            'ť' | 'ț' => Some('t'),
            'ù' | 'ú' | 'û' | 'ü' | 'ū' | 'ů' | 'ű' => Some('u'),
            'ý' | 'ÿ' => Some('y'),
            'ź' | 'ż' | 'ž' => Some('z'),
            'đ' => Some('d'),
            '’' => Some('\''),
            '.' => None,
            c => Some(c),
        })
        .collect()
}

/// "jennifer" and "JENNIFER" as Jennifer, "o'neil" as O'Neil, "de" inside as it was; McDonald stays.
pub(super) fn title_case(part: &str, at: usize) -> String {
    if let Some(title) = title(part).filter(|_| at == 0) {
        return title.to_owned();
    }
    let mixed = part.starts_with(char::is_uppercase) && part.chars().any(char::is_lowercase);
    if mixed || (at > 0 && is_particle(part) && part.starts_with(char::is_lowercase)) {
        return part.to_owned();
    }
    let mut start = true;
    let mut cased = String::with_capacity(part.len());
    for c in part.chars() {
        if start {
            cased.extend(c.to_uppercase());
        } else {
            cased.extend(c.to_lowercase());
        }
        start = matches!(c, '-' | '\'' | '’');
    }
    cased
}
