//! Who goes first: the urgent, but nobody is forgotten; tenants in turns.

use super::crowd::{Crowd, MAIL, Mail};
use super::*;
use std::collections::BTreeMap;

const LOW: Mail<'_> = Mail { priority: Priority::Low, ..MAIL };
const CRITICAL: Mail<'_> = Mail { priority: Priority::Critical, ..MAIL };

#[test]
fn a_critical_delivery_starts_at_once_behind_any_backlog() {
    let mut crowd = Crowd::new(limits(10), &[]);
    (0..5000).for_each(|_| _ = crowd.accept(LOW));
    assert_eq!(crowd.start_all(), 6, "the rest of the connections is kept for more urgent mail");
    let critical = crowd.accept(CRITICAL);
    assert_eq!(crowd.start_all(), 1);
    assert!(crowd.is_under_way(critical));
}

#[test]
fn with_one_connection_it_waits_for_one_transaction() {
    let mut crowd = Crowd::new(limits(1), &[]);
    (0..100).for_each(|_| _ = crowd.accept(LOW));
    crowd.start_all();
    let critical = crowd.accept(CRITICAL);
    assert_eq!(crowd.start_all(), 0);
    crowd.end_first(accepted());
    crowd.start_all();
    assert!(crowd.is_under_way(critical));
}

#[test]
fn what_has_waited_too_long_has_a_share_of_the_starts_and_no_more() {
    let mut crowd = Crowd::new(limits(1), &[]);
    let low = crowd.accept(LOW);
    // There is always more urgent mail than the relay can take.
    let starts = |crowd: &mut Crowd, count: usize| {
        for _ in 0..count {
            crowd.accept(CRITICAL);
            crowd.start_all();
            if crowd.end_first(accepted()).id.message == low {
                return true;
            }
        }
        false
    };
    assert!(!starts(&mut crowd, 100), "critical mail comes first");
    crowd.pass(seconds(15 * 60 + 1));
    assert!(starts(&mut crowd, 4), "one start in four is for who has waited for a quarter of an hour");
}

#[test]
fn a_tenants_million_does_not_delay_anothers_one() {
    let mut crowd = Crowd::new(limits(1), &[]);
    (0..2000).for_each(|_| _ = crowd.accept(Mail { tenant: "noisy", ..MAIL }));
    crowd.start_all();
    let quiet = crowd.accept(Mail { tenant: "quiet", ..MAIL });
    crowd.end_first(accepted());
    crowd.start_all();
    assert!(crowd.is_under_way(quiet));
}

#[test]
fn tenants_take_turns_and_who_was_away_has_saved_nothing_up() {
    let mut crowd = Crowd::new(limits(1), &[]);
    let mut served = BTreeMap::new();
    let mut serve = |crowd: &mut Crowd, count: usize| {
        served.clear();
        for _ in 0..count {
            crowd.start_all();
            let tenant = crowd.end_first(accepted()).tenant.to_string();
            *served.entry(tenant).or_insert(0) += 1;
        }
        served.clone()
    };
    for tenant in ["a", "b"] {
        (0..500).for_each(|_| _ = crowd.accept(Mail { tenant, ..MAIL }));
    }
    assert_eq!(serve(&mut crowd, 300), [("a".into(), 150), ("b".into(), 150)].into());
    (0..200).for_each(|_| _ = crowd.accept(Mail { tenant: "late", ..MAIL }));
    let thirds = [("a".into(), 100), ("b".into(), 100), ("late".into(), 100)].into();
    assert_eq!(serve(&mut crowd, 300), thirds);
}

#[test]
fn a_tenants_own_mail_goes_in_the_order_in_which_it_became_due() {
    let mut crowd = Crowd::new(limits(1), &[]);
    let mut messages = Vec::new();
    for n in 0..20 {
        let domain = if n % 3 == 0 { "example.org" } else { "example.net" };
        messages.push(crowd.accept(Mail { domain, ..MAIL }));
        crowd.pass(Duration::from_millis(1));
    }
    let started: Vec<_> = messages
        .iter()
        .map(|_| {
            crowd.start_all();
            crowd.end_first(accepted()).id.message
        })
        .collect();
    assert_eq!(started, messages);
}
