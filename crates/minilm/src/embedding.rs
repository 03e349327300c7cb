//! What a sentence means, as a direction.

/// Numbers in an embedding.
pub const DIMENSIONS: usize = 384;

/// What a sentence means, as a direction: 384 numbers of unit length.
#[derive(Debug, Clone, PartialEq)]
pub struct Embedding(Box<[f32]>);

impl Embedding {
    /// Takes numbers that were an embedding before, or the sum of several; they are brought to unit length.
    ///
    /// `None` if they are not [`DIMENSIONS`] many, or have no direction: all are zero, or one is not finite.
    pub fn from_slice(numbers: &[f32]) -> Option<Self> {
        // In f64, where no square of an f32 is too large or too small.
        let length = numbers.iter().map(|&number| f64::from(number).powi(2)).sum::<f64>().sqrt();
        let is_direction = numbers.len() == DIMENSIONS && length.is_finite() && length > 0.0;
        is_direction.then(|| Self(numbers.iter().map(|&number| (f64::from(number) / length) as f32).collect()))
    }

    /// How near the other is: 1 for the same direction, 0 for what has nothing to do with it, at least -1 (the cosine of the angle
    /// between the two).
    pub fn similarity(&self, other: &Self) -> f32 {
        let cosine: f32 = self.0.iter().zip(&other.0).map(|(ours, theirs)| ours * theirs).sum();
        cosine.clamp(-1.0, 1.0)
    }

    /// The numbers.
    pub fn as_slice(&self) -> &[f32] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn along(axis: usize, length: f32) -> [f32; DIMENSIONS] {
        let mut numbers = [0.0; DIMENSIONS];
        numbers[axis] = length;
        numbers
    }

    #[test]
    fn similarity_is_the_cosine_whatever_the_lengths_were() {
        let [east, west, north] = [along(0, 7.0), along(0, -1e-30), along(1, 1e30)];
        let [east, west, north] = [east, west, north].map(|numbers| Embedding::from_slice(&numbers).unwrap());
        assert_eq!(east.similarity(&east), 1.0);
        assert_eq!(east.similarity(&west), -1.0);
        assert_eq!(east.similarity(&north), 0.0);
    }

    #[test]
    fn numbers_come_back_as_they_were_given() {
        let embedding = Embedding::from_slice(&along(3, 2.0)).unwrap();
        assert_eq!(embedding.as_slice(), along(3, 1.0));
        assert_eq!(Embedding::from_slice(embedding.as_slice()), Some(embedding));
    }

    #[test]
    fn what_has_no_direction_is_refused() {
        assert_eq!(Embedding::from_slice(&[]), None);
        assert_eq!(Embedding::from_slice(&[1.0; DIMENSIONS + 1]), None);
        for length in [0.0, f32::NAN, f32::INFINITY] {
            assert_eq!(Embedding::from_slice(&along(0, length)), None);
        }
    }
}
