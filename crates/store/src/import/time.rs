//! Times as the older deployments wrote them.

use std::time::UNIX_EPOCH;

use serde_json::Value;

/// A number below this is in seconds, one above in ms: 5138 AD in the one unit, 1973 in the other.
const SECONDS_BELOW: f64 = 1e11;

/// Unix ms of a number (seconds or ms) or of an ISO 8601 text; one without a zone is taken for UTC.
pub(super) fn unix_ms(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => from_number(number.as_f64()?),
        Value::String(text) => from_text(text.trim()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn from_number(number: f64) -> Option<u64> {
    let ms = if number < SECONDS_BELOW { number * 1000.0 } else { number };
    // Before the year 10000, so that nothing that is computed with it overflows.
    (0.0..2.5e14).contains(&ms).then_some(ms.round() as u64)
}

fn from_text(text: &str) -> Option<u64> {
    if let Ok(number) = text.parse::<f64>() {
        return from_number(number);
    }
    let (clock, offset_min) = split_offset(text)?;
    let time = humantime::parse_rfc3339_weak(clock).ok()?;
    let ms = i64::try_from(time.duration_since(UNIX_EPOCH).ok()?.as_millis()).ok()?;
    u64::try_from(ms - offset_min * 60_000).ok()
}

/// Takes `+02:00` or `-0300` off the end; the offset in minutes east of UTC.
fn split_offset(text: &str) -> Option<(&str, i64)> {
    /// `2025-01-20T15:30:00`: no sign before its end is an offset's.
    const CLOCK: usize = 19;
    let Some(sign) = text.get(CLOCK..)?.find(['+', '-']).map(|at| at + CLOCK) else { return Some((text, 0)) };
    let (clock, offset) = text.split_at(sign);
    let digits: String = offset.chars().filter(char::is_ascii_digit).collect();
    let plain = offset.chars().skip(1).all(|c| c.is_ascii_digit() || c == ':');
    let (hours, minutes) = match (plain, digits.len()) {
        (true, 2) => (digits.parse::<i64>().ok()?, 0),
        (true, 4) => (digits[..2].parse::<i64>().ok()?, digits[2..].parse::<i64>().ok()?),
        _ => return None,
    };
    let east = hours * 60 + minutes;
    Some((clock, if offset.starts_with('-') { -east } else { east }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_usual_way_to_write_a_time_is_the_same_time() {
        let ms = 1_737_387_000_000;
        for time in [
            json!("2025-01-20T15:30:00.000Z"),
            json!("2025-01-20T15:30:00"),
            json!("2025-01-20 15:30:00"),
            json!("2025-01-20T15:30:00.000000+00:00"),
            json!("2025-01-20T17:30:00+02:00"),
            json!("2025-01-20T12:30:00-0300"),
            json!("2025-01-20T16:30:00+01"),
            json!(1_737_387_000),
            json!(1_737_387_000.0),
            json!(1_737_387_000_000_u64),
            json!("1737387000"),
        ] {
            assert_eq!(unix_ms(&time), Some(ms), "{time}");
        }
        assert_eq!(unix_ms(&json!("2025-01-20T15:30:00.123456")), Some(ms + 123));
    }

    #[test]
    fn what_is_no_time_is_none() {
        for none in [
            json!(null),
            json!(true),
            json!({}),
            json!([]),
            json!(""),
            json!("yesterday"),
            json!("2025-13-20T15:30:00Z"),
            json!("2025-01-20T15:30:00+ab"),
            json!("2025-01-20T15:30:00+1"),
            json!("1970-01-01T00:00:00+02:00"),
            json!("ééééééééééééééééééé"),
            json!(-5),
            json!(1e300),
            json!("NaN"),
            json!("inf"),
        ] {
            assert_eq!(unix_ms(&none), None, "{none}");
        }
    }
}
