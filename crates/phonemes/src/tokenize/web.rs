//! Addresses on the web and of mailboxes, which are one token: example.com/help, john.smith@example.com.

/// Whether the text is an address: a scheme or a mailbox if any, labels with dots between, a lower-case top level.
pub(super) fn is_address(text: &str) -> bool {
    let after_scheme = match text.split_once("://") {
        Some((scheme, rest)) if scheme.len() >= 2 && scheme.chars().all(is_scheme) => rest,
        Some(_) => return false,
        None => text,
    };
    let host = match after_scheme.rsplit_once('@') {
        Some((mailbox, host)) if !mailbox.is_empty() => host,
        Some(_) => return false,
        None => after_scheme,
    };
    let host = host.split(['/', '?', '#']).next().unwrap_or(host);
    let host = host.split_once(':').map_or(host, |(host, _port)| host);
    let Some((labels, top)) = host.rsplit_once('.') else { return false };
    (2..=63).contains(&top.chars().count())
        && top.chars().all(char::is_lowercase)
        && labels.split('.').all(|label| !label.is_empty() && label.chars().all(is_label))
}

fn is_scheme(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '+' | '-' | '.' | '_')
}

fn is_label(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '-' | '_')
}

#[cfg(test)]
mod tests {
    use super::is_address;

    #[test]
    fn addresses_are_known_from_words_with_dots() {
        for address in ["www.example.com", "example.com/help", "https://www.acme-plumbing.com", "a.b@mail.co.uk"] {
            assert!(is_address(address), "{address}");
        }
        for words in ["Hello.World", "e.g", "3.14", "and/or", "well-known", "@home", ""] {
            assert!(!is_address(words), "{words}");
        }
    }
}
