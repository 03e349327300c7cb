//! The tagger's weights: 80,000 features with a few tags each, read straight into one list.

use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, Visitor};

use crate::hash::QuickMap;

/// What each feature says for and against each tag.
#[derive(Default)]
pub(super) struct Weights {
    /// A feature's range in `list`.
    features: QuickMap<Box<str>, (u32, u8)>,
    /// Tag and weight, in tenths.
    list: Vec<(u8, i16)>,
    /// The names behind the tags' numbers.
    tags: QuickMap<Box<str>, u8>,
}

impl Weights {
    /// Gives the tags the numbers that they have in `tags`; `Err` is a name that is not there.
    pub(super) fn number(mut self, tags: &QuickMap<&str, u8>) -> Result<Self, String> {
        let mut numbers = vec![0; self.tags.len()];
        for (name, own) in &self.tags {
            numbers[usize::from(*own)] = *tags.get(&**name).ok_or_else(|| format!("`{name}` is not a tag"))?;
        }
        for (tag, _) in &mut self.list {
            *tag = numbers[usize::from(*tag)];
        }
        Ok(self)
    }

    /// Adds what the feature says to the tags' scores.
    pub(super) fn add(&self, feature: &str, scores: &mut [i32]) {
        let Some((start, count)) = self.features.get(feature) else { return };
        let start = *start as usize;
        for (tag, weight) in &self.list[start..start + usize::from(*count)] {
            scores[usize::from(*tag)] += i32::from(*weight);
        }
    }

    fn own_number(&mut self, tag: &str) -> Option<u8> {
        if let Some(number) = self.tags.get(tag) {
            return Some(*number);
        }
        let number = u8::try_from(self.tags.len()).ok()?;
        self.tags.insert(tag.into(), number);
        Some(number)
    }
}

/// Weights are kept in tenths, which is how the file rounds them.
#[expect(clippy::cast_possible_truncation, reason = "a weight is below 100, and `as` saturates")]
fn tenths(weight: f64) -> i16 {
    (weight * 10.0).round() as i16
}

impl<'de> Deserialize<'de> for Weights {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Features)
    }
}

struct Features;

impl<'de> Visitor<'de> for Features {
    type Value = Weights;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("features with their weights")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Weights, A::Error> {
        let mut weights = Weights::default();
        // As many as the file has, so that the table does not grow in steps.
        weights.features.reserve(80_000);
        weights.list.reserve(300_000);
        while let Some(feature) = map.next_key::<Box<str>>()? {
            let start = weights.list.len();
            map.next_value_seed(ByTag(&mut weights))?;
            let count = u8::try_from(weights.list.len() - start).map_err(|_| A::Error::custom("too many tags"))?;
            let start = u32::try_from(start).map_err(|_| A::Error::custom("too many weights"))?;
            weights.features.insert(feature, (start, count));
        }
        Ok(weights)
    }
}

/// The weights of one feature.
struct ByTag<'a>(&'a mut Weights);

impl<'de> DeserializeSeed<'de> for ByTag<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for ByTag<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("tags with weights")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some((tag, weight)) = map.next_entry::<Tag<'de>, f64>()? {
            let tag = self.0.own_number(&tag.0).ok_or_else(|| A::Error::custom("more than 256 tags"))?;
            self.0.list.push((tag, tenths(weight)));
        }
        Ok(())
    }
}

/// A tag's name, borrowed where it can be.
#[derive(Deserialize)]
struct Tag<'a>(#[serde(borrow)] std::borrow::Cow<'a, str>);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_added_to_the_tags_they_name() {
        let weights: Weights = serde_json::from_str(r#"{"b":{"NN":1.5,"''":-0.3},"w=the":{"DT":66.2}}"#).unwrap();
        let tags: QuickMap<&str, u8> = [("DT", 0), ("NN", 1), ("''", 2)].into_iter().collect();
        let weights = weights.number(&tags).unwrap();
        let mut scores = [0; 3];
        weights.add("b", &mut scores);
        weights.add("w=the", &mut scores);
        weights.add("w=unknown", &mut scores);
        assert_eq!(scores, [662, 15, -3]);
    }

    #[test]
    fn an_unknown_tag_is_named() {
        let weights: Weights = serde_json::from_str(r#"{"b":{"NN":1.5}}"#).unwrap();
        assert_eq!(weights.number(&QuickMap::default()).err().unwrap(), "`NN` is not a tag");
    }
}
