//! Names that nobody reads: which of ours was meant.

use std::collections::BTreeSet;

use super::variables::Variable;

/// Shorter names have neighbours that mean something else: `PORT` and `SORT`.
const SHORTEST: usize = 6;
/// From so many characters on, two slips are believed.
const LONG: usize = 10;

/// The names that are read.
pub(super) struct Names(BTreeSet<String>);

impl Names {
    pub(super) fn of(variables: impl Iterator<Item = Variable>) -> Self {
        let names = variables
            .flat_map(|Variable { name, secret, .. }| [Some(name.to_owned()), secret.then(|| format!("{name}_FILE"))]);
        Self(names.flatten().collect())
    }

    pub(super) fn contains(&self, name: &str) -> bool {
        self.0.contains(name)
    }

    /// True when the name's first word is one of ours: `REDIS_…`.
    pub(super) fn are_like(&self, name: &str) -> bool {
        let first = |name: &str| name.split_once('_').map(|(first, _)| first.to_ascii_uppercase());
        first(name).is_some_and(|word| self.0.iter().any(|known| first(known).as_ref() == Some(&word)))
    }

    /// The name that this one misses by a slip or two, or by its case.
    pub(super) fn meant(&self, name: &str) -> Option<&str> {
        let upper = name.to_ascii_uppercase();
        let slips = match name.len() {
            ..SHORTEST => 0,
            SHORTEST..LONG => 1,
            LONG.. => 2,
        };
        let near = self.0.iter().map(|known| (distance(&upper, known), known)).filter(|(far, _)| *far <= slips);
        near.min().map(|(_, known)| known.as_str())
    }
}

/// Slips from one to the other: a character too many, too few, another one, or two that changed places.
fn distance(one: &str, other: &str) -> usize {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    if one.len().abs_diff(other.len()) > 2 {
        return usize::MAX;
    }
    let mut rows: Vec<Vec<usize>> = vec![(0..=other.len()).collect()];
    for (row, byte) in (1..).zip(one) {
        let mut next = vec![row];
        for (column, wanted) in (1..).zip(other) {
            let above: usize = rows[row - 1][column];
            let mut least =
                (rows[row - 1][column - 1] + usize::from(byte != wanted)).min(above + 1).min(next[column - 1] + 1);
            if row > 1 && column > 1 && *byte == other[column - 2] && one[row - 2] == *wanted {
                least = least.min(rows[row - 2][column - 2] + 1);
            }
            next.push(least);
        }
        rows.push(next);
    }
    rows[one.len()][other.len()]
}

#[cfg(test)]
mod tests {
    use super::super::variables_and_aliases;
    use super::*;

    #[test]
    fn a_slip_leads_to_the_name_that_was_meant_and_a_strange_name_to_none() {
        let names = Names::of(variables_and_aliases());
        for (name, meant) in [
            ("TWILO_AUTH_TOKEN", Some("TWILIO_AUTH_TOKEN")),
            ("TWILIO_AUHT_TOKEN", Some("TWILIO_AUTH_TOKEN")),
            ("twilio_auth_token", Some("TWILIO_AUTH_TOKEN")),
            ("TWILIO_AUTHTOKEN_FILE", Some("TWILIO_AUTH_TOKEN_FILE")),
            ("REDIS_URI", Some("REDIS_URL")),
            ("REDIS_PASWORD", Some("REDIS_PASSWORD")),
            ("PUBLICURL", Some("PUBLIC_URL")),
            ("DATA_DI", Some("DATA_DIR")),
            ("Port", Some("PORT")),
            ("SORT", None),
            ("HOME", None),
            ("PATH", None),
            ("REDIS_SERVICE_HOST", None),
            ("XDG_DATA_DIRS", None),
            ("LC_ALL", None),
            ("", None),
        ] {
            assert_eq!(names.meant(name), meant, "{name}");
        }
        assert!(names.are_like("SPOOL_SIZE") && names.are_like("twilio_x"));
        assert!(!names.are_like("PATH") && !names.are_like("POSTGRES_URL"));
    }
}
