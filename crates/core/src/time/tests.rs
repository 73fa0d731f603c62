use super::*;

#[test]
fn prints_and_parses_rfc_3339() {
    let at = Timestamp::from_micros(1_796_115_600_000_001);
    assert_eq!(at.to_string(), "2026-12-01T09:00:00.000001Z");
    assert_eq!(at.to_string().parse(), Ok(at));
    assert_eq!("2026-12-01T10:00:00.000001+01:00".parse(), Ok(at));
    for other in [
        "2026-12-01",
        "20261201T090000Z",
        "2026-12-01T09:00Z",
        "2026-12-01T09:00:00",
        "2026-12-01T09:00:00+25:00",
        "2026-12-01T09:00:00+01",
        "2026-12-01T09:00:00Z[UTC]",
        "",
    ] {
        assert_eq!(other.parse::<Timestamp>(), Err(InvalidTimestamp), "{other}");
    }
}

#[test]
fn prints_the_date_of_a_message() {
    assert_eq!(Timestamp::from_micros(1_796_115_600_000_000).rfc5322(), "Tue, 01 Dec 2026 09:00:00 +0000");
}

#[test]
fn arithmetic_saturates() {
    let end = Timestamp::from_micros(i64::MAX);
    assert_eq!(end.plus(Duration::from_secs(1)), end);
    assert_eq!(Timestamp::default().since(end), Duration::ZERO);
    assert!(!end.to_string().is_empty());
}
