//! Learns [`Meanings`] from examples: logistic regression over all intents at once, by gradient descent with momentum.

use std::collections::BTreeSet;

use super::{Meanings, score, softmax};
use crate::intent::Intent;

/// Passes over all examples.
const PASSES: usize = 600;
/// How far a pass goes.
const RATE: f32 = 8.0;
/// How much of the last step the next one keeps.
const MOMENTUM: f32 = 0.9;
/// How much large weights cost: as scikit-learn's `C` of 30 with a thousand examples.
const DECAY: f32 = 1.0 / 30.0;

/// The weights that tell these examples apart. The same examples, in the same order, give the same weights.
pub fn learn(examples: &[(Intent, Vec<f32>)]) -> Meanings {
    let intents: Vec<Intent> =
        examples.iter().map(|(intent, _)| *intent).collect::<BTreeSet<_>>().into_iter().collect();
    let width = examples.first().map_or(0, |(_, vector)| vector.len()) + 1;
    let mut rows: Vec<(Intent, Vec<f32>)> = intents.into_iter().map(|intent| (intent, vec![0.0; width])).collect();
    let mut speed = vec![vec![0.0; width]; rows.len()];
    let share = 1.0 / examples.len().max(1) as f32;
    for _ in 0..PASSES {
        let mut slope = vec![vec![0.0; width]; rows.len()];
        for (intent, vector) in examples {
            let likely = softmax(rows.iter().map(|(_, row)| score(row, vector)).collect());
            for (((of, _), slope), likely) in rows.iter().zip(&mut slope).zip(likely) {
                let error = (likely - f32::from(of == intent)) * share;
                slope.iter_mut().zip(vector).for_each(|(slope, value)| *slope += error * value);
                slope[width - 1] += error;
            }
        }
        for (((_, row), speed), slope) in rows.iter_mut().zip(&mut speed).zip(&slope) {
            for (at, ((weight, speed), slope)) in row.iter_mut().zip(speed).zip(slope).enumerate() {
                let decay = if at + 1 < width { DECAY * share * *weight } else { 0.0 };
                *speed = MOMENTUM * *speed - RATE * (slope + decay);
                *weight += *speed;
            }
        }
    }
    Meanings { rows }
}
