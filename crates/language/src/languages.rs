//! The languages that callers ask for, by their English names.

/// English name in lower case, and BCP 47 tag.
const LANGUAGES: &[(&str, &str)] = &[
    ("arabic", "ar"),
    ("cantonese", "yue"),
    ("chinese", "zh"),
    ("dutch", "nl"),
    ("english", "en"),
    ("french", "fr"),
    ("german", "de"),
    ("greek", "el"),
    ("hindi", "hi"),
    ("italian", "it"),
    ("japanese", "ja"),
    ("korean", "ko"),
    ("mandarin", "zh"),
    ("polish", "pl"),
    ("portuguese", "pt"),
    ("punjabi", "pa"),
    ("romanian", "ro"),
    ("russian", "ru"),
    ("spanish", "es"),
    ("tagalog", "tl"),
    ("turkish", "tr"),
    ("ukrainian", "uk"),
    ("urdu", "ur"),
    ("vietnamese", "vi"),
];

/// The tag of a language by its English name in lower case.
pub fn tag(name: &str) -> Option<&'static str> {
    LANGUAGES.iter().find(|(known, _)| *known == name).map(|(_, tag)| *tag)
}

/// The tag of the first language that `text` names: of "prefers Spanish" it is `es`.
pub fn named_in(text: &str) -> Option<&'static str> {
    text.to_lowercase().split(|c: char| !c.is_alphabetic()).find_map(tag)
}
