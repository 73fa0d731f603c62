//! Times and spans as people read them. Times are UTC, as everywhere; JSON has them to the microsecond.

use postledger_core::time::Timestamp;
use serde_json::Value;
use std::time::Duration;

/// A time in JSON; `None` for null.
pub fn of(value: &Value) -> Option<Timestamp> {
    value.as_str()?.parse().ok()
}

/// `2026-12-01`.
pub fn date(at: Timestamp) -> String {
    at.to_string()[..10].to_owned()
}

/// `09:00:00.123`.
pub fn clock(at: Timestamp) -> String {
    at.to_string()[11..23].to_owned()
}

/// `2026-12-01 09:00:00`, or `-` for null.
pub fn moment(value: &Value) -> String {
    of(value).map_or_else(|| "-".to_owned(), |at| at.to_string()[..19].replacen('T', " ", 1))
}

/// `3 ms`, `1.2 s`, `42 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`: two units at most, and never more than is known.
pub fn span(span: Duration) -> String {
    let seconds = span.as_secs();
    let two = |large: u64, unit: &str, small: u64, other: &str| match small {
        0 => format!("{large} {unit}"),
        _ => format!("{large} {unit} {small} {other}"),
    };
    match seconds {
        0 => format!("{} ms", span.as_millis()),
        1..10 => format!("{seconds}.{} s", span.subsec_millis() / 100),
        10..60 => format!("{seconds} s"),
        60..3600 => two(seconds / 60, "min", seconds % 60, "s"),
        3600..86_400 => two(seconds / 3600, "h", seconds % 3600 / 60, "min"),
        _ => two(seconds / 86_400, "d", seconds % 86_400 / 3600, "h"),
    }
}

/// A span of which the larger unit is enough: `3 min`, `2 h`.
pub fn about(span: Duration) -> String {
    let span =
        if span.as_secs() > 0 { self::span(Duration::from_secs(span.as_secs())) } else { self::span(span) };
    span.replace(".0 s", " s").split(' ').take(2).collect::<Vec<_>>().join(" ")
}

/// `3 min ago`, `just now`, `in 9 s`.
pub fn from(at: Timestamp, now: Timestamp) -> String {
    match (now.since(at), at.since(now)) {
        (Duration::ZERO, ahead) if !ahead.is_zero() => format!("in {}", about(ahead)),
        (past, _) if past.as_secs() == 0 => "just now".to_owned(),
        (past, _) => format!("{} ago", about(past)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_two_units_at_most() {
        let table = [
            (0, "0 ms"),
            (12, "12 ms"),
            (1_250, "1.2 s"),
            (42_900, "42 s"),
            (60_000, "1 min"),
            (200_000, "3 min 20 s"),
            (7_500_000, "2 h 5 min"),
            (273_600_000, "3 d 4 h"),
        ];
        for (millis, words) in table {
            assert_eq!(span(Duration::from_millis(millis)), words);
        }
    }

    #[test]
    fn what_was_and_what_comes() {
        let at = Timestamp::from_micros(1_000_000_000);
        let hour = Duration::from_secs(3600);
        let found = [at.minus(hour), at.plus(hour), at].map(|other| from(other, at));
        assert_eq!(found, ["1 h ago", "in 1 h", "just now"]);
    }
}
