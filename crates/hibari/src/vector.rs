//! Exponentials and sines without branches or calls, so that loops over them become vector instructions on any machine.
//!
//! Their errors are below 1e-5, which is -100 dB: a telephone line's μ-law is at -38 dB.

use std::f32::consts::{LOG2_E, PI};

/// Added and subtracted again, it rounds to the nearest whole number; the lowest bits of the sum are that number.
const ROUND: f32 = 1.5 * (1 << 23) as f32;

/// The nearest whole number, for |x| < 2^22.
#[inline(always)]
pub(crate) fn nearest(x: f32) -> f32 {
    (x + ROUND) - ROUND
}

/// e^x; x is held between -80 and 80.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    let x = x.clamp(-80.0, 80.0) * LOG2_E;
    let shifted = x + ROUND;
    // Within half of a power of two, the Taylor series of 2^r.
    let r = (x - (shifted - ROUND)) * std::f32::consts::LN_2;
    let series = 1.0 + r * (1.0 + r * (1.0 / 2.0 + r * (1.0 / 6.0 + r * (1.0 / 24.0 + r * (1.0 / 120.0)))));
    // The whole power goes where an f32 has its exponent.
    f32::from_bits(series.to_bits().wrapping_add(shifted.to_bits() << 23))
}

/// Hyperbolic tangent.
#[inline(always)]
pub(crate) fn tanh(x: f32) -> f32 {
    1.0 - 2.0 / (exp(2.0 * x) + 1.0)
}

/// Sine and cosine of half a turn times x, for |x| ≤ 0.5: both series are short there.
#[inline(always)]
fn half_turn(x: f32) -> (f32, f32) {
    let angle = PI * x;
    let square = angle * angle;
    let sin = 1.0 / 362_880.0 - square / 39_916_800.0;
    let sin = 1.0 - square * (1.0 / 6.0 - square * (1.0 / 120.0 - square * (1.0 / 5040.0 - square * sin)));
    let cos = 1.0 / 40_320.0 - square * (1.0 / 3_628_800.0 - square / 479_001_600.0);
    let cos = 1.0 - square * (1.0 / 2.0 - square * (1.0 / 24.0 - square * (1.0 / 720.0 - square * cos)));
    (angle * sin, cos)
}

/// Sine and cosine of x whole turns, for |x| < 2^22.
#[inline(always)]
pub(crate) fn turns(x: f32) -> (f32, f32) {
    let (sin, cos) = half_turn(x - nearest(x));
    (2.0 * sin * cos, 1.0 - 2.0 * sin * sin)
}

/// Sine of half of x turns, for |x| ≤ 0.5.
#[inline(always)]
pub(crate) fn sin_half(x: f32) -> f32 {
    half_turn(x).0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The worst error over a range, against the standard library at double precision.
    fn worst(from: f32, to: f32, ours: impl Fn(f32) -> f32, wanted: impl Fn(f64) -> f64) -> f64 {
        let step = (to - from) / 100_000.0;
        let xs = (0..=100_000).map(|at| from + step * at as f32);
        xs.map(|x| (f64::from(ours(x)) - wanted(f64::from(x))).abs()).fold(0.0, f64::max)
    }

    #[test]
    fn they_agree_with_the_standard_library() {
        assert!(worst(-12.0, 7.0, |x| exp(x) / x.exp(), |_| 1.0) < 1e-5);
        assert!(worst(-10.0, 10.0, tanh, f64::tanh) < 1e-5);
        let tau = std::f64::consts::TAU;
        assert!(worst(-3.0, 3.0, |x| turns(x).0, |x| (x * tau).sin()) < 1e-5);
        assert!(worst(-3.0, 3.0, |x| turns(x).1, |x| (x * tau).cos()) < 1e-5);
        assert!(worst(-0.5, 0.5, sin_half, |x| (x * tau / 2.0).sin()) < 1e-5);
    }

    #[test]
    fn extremes_stay_finite() {
        for x in [-1e30, -200.0, 0.0, 200.0, 1e30] {
            assert!(exp(x).is_finite() && tanh(x).abs() <= 1.0, "{x}");
        }
    }
}
