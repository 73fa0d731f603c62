//! How and when a message wants to be delivered.

use super::Findings;
use crate::request::{NewRetry, Object, Parsed, Span};
use postledger_core::name::RouteName;
use postledger_core::policy::{OnUnknown, Policy, Priority, RetryPolicy};
use postledger_core::time::Timestamp;
use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86400);
const MONTH: Duration = Duration::from_secs(30 * 86400);
const YEAR: Duration = Duration::from_secs(366 * 86400);

/// The fields of a request that a policy is made of.
#[derive(Debug)]
pub(super) struct Wishes {
    pub priority: Option<Parsed<Priority>>,
    pub expires_after: Option<Span>,
    pub retry: Option<Object<NewRetry>>,
    pub on_unknown: Option<Parsed<OnUnknown>>,
    pub route: Option<String>,
}

/// The policy of a message; the very defaults for one that says nothing.
pub(super) fn policy(
    wishes: Wishes,
    defaults: &Arc<Policy>,
    routes: &BTreeSet<RouteName>,
    findings: &mut Findings,
) -> Arc<Policy> {
    let mut policy = defaults.as_ref().clone();
    if let Some(priority) = wishes.priority {
        match priority.0 {
            Ok(priority) => policy.priority = priority,
            Err(_) => findings.add("priority", "unknown_value", words(Priority::ALL)),
        }
    }
    if let Some(on_unknown) = wishes.on_unknown {
        match on_unknown.0 {
            Ok(on_unknown) => policy.on_unknown = on_unknown,
            Err(_) => findings.add("on_unknown", "unknown_value", words(OnUnknown::ALL)),
        }
    }
    if let Some(span) = wishes.expires_after.and_then(|span| lifetime("expires_after", span, findings)) {
        policy.expires_after = span;
    }
    if let Some(Object(wish)) = wishes.retry {
        retry(wish, &mut policy.retry, findings);
    }
    if let Some(route) = wishes.route {
        // Not among the configured ones covers what is no name at all.
        match route.parse() {
            Ok(route) if routes.contains(&route) => policy.route = Some(route),
            Ok(_) | Err(_) => findings.add("route", "unknown_route", words(routes)),
        }
    }
    if policy == **defaults { defaults.clone() } else { Arc::new(policy) }
}

fn retry(wish: NewRetry, policy: &mut RetryPolicy, findings: &mut Findings) {
    if let Some(attempts) = wish.max_attempts {
        if matches!(attempts, 1..=100) {
            policy.max_attempts = Some(attempts);
        } else {
            findings.add("retry.max_attempts", "out_of_range", "1 to 100 attempts");
        }
    }
    let Some(schedule) = wish.schedule else { return };
    if !matches!(schedule.count, 1..=50) {
        findings.add("retry.schedule", "out_of_range", "1 to 50 intervals");
        return;
    }
    let intervals = schedule.kept.into_iter().enumerate().filter_map(|(index, interval)| {
        span(&format!("retry.schedule[{index}]"), interval, Duration::from_secs(1)..=MONTH, findings)
    });
    policy.schedule = intervals.collect();
}

/// A lifetime: 1 minute to 30 days.
pub(crate) fn lifetime(field: &str, given: Span, findings: &mut Findings) -> Option<Duration> {
    span(field, given, MINUTE..=MONTH, findings)
}

/// A duration in that range.
pub(crate) fn span(
    field: &str,
    given: Span,
    range: RangeInclusive<Duration>,
    findings: &mut Findings,
) -> Option<Duration> {
    let Some(span) = given.0 else {
        findings.add(
            field,
            "invalid_duration",
            "a duration is a whole number and s, m, h or d: 90s, 15m, 24h",
        );
        return None;
    };
    if range.contains(&span) {
        return Some(span);
    }
    let detail = format!("{} to {}", Span::text(*range.start()), Span::text(*range.end()));
    findings.add(field, "out_of_range", detail);
    None
}

/// Not before when: up to a year ahead, up to a day past (clocks differ, and a late request is still meant).
pub(crate) fn send_at(
    given: Parsed<Timestamp>,
    now: Timestamp,
    findings: &mut Findings,
) -> Option<Timestamp> {
    match given.0 {
        Ok(time) if time <= now.plus(YEAR) && time >= now.minus(DAY) => Some(time),
        Ok(_) => {
            findings.add("send_at", "out_of_range", "at most one year ahead and at most one day past");
            None
        }
        Err(invalid) => {
            findings.add("send_at", "invalid_time", invalid.to_string());
            None
        }
    }
}

fn words<'a, T: std::fmt::Display + 'a>(known: impl IntoIterator<Item = &'a T>) -> String {
    let known: Vec<_> = known.into_iter().map(T::to_string).collect();
    format!("one of: {}", known.join(", "))
}
