//! The numbers of a carrier's messages.

/// Tells messages that were lost on the way.
#[derive(Debug, Default)]
pub(super) struct Sequence {
    last: Option<u64>,
}

impl Sequence {
    /// How many messages are missing before the one with this number; `None`: none, as far as is known.
    pub(super) fn gap(&mut self, number: Option<u64>) -> Option<u64> {
        let number = number?;
        let last = self.last.replace(number)?;
        // Saturating, as the numbers are the peer's.
        Some(number.saturating_sub(last).saturating_sub(1)).filter(|gap| *gap > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_counted_and_numbers_that_go_back_are_none() {
        let mut sequence = Sequence::default();
        let gaps = [None, Some(1), Some(2), Some(6), Some(3), Some(1), Some(u64::MAX), Some(u64::MAX), None]
            .map(|number| sequence.gap(number));
        assert_eq!(gaps, [None, None, None, Some(3), None, None, Some(u64::MAX - 2), None, None]);
    }
}
