//! What a recipient domain's push-back changes, and what it leaves alone.

use super::crowd::{Crowd, MAIL, Mail};
use super::*;
use postledger_core::reply::Enhanced;

const OTHER: Mail<'_> = Mail { domain: "example.org", ..MAIL };

fn deferral(code: u16, enhanced: &str) -> Outcome {
    Outcome::Transient(Reply { code, enhanced: enhanced.parse::<Enhanced>().ok(), text: String::new() })
}

fn fill(crowd: &mut Crowd, count: usize) {
    (0..count).for_each(|_| _ = crowd.accept(MAIL));
}

#[test]
fn a_deferral_halves_what_is_in_flight_and_acceptances_bring_it_back() {
    let mut crowd = Crowd::new(limits(20), &[]);
    fill(&mut crowd, 400);
    assert_eq!(crowd.start_all(), 16);
    crowd.end_first(deferral(451, "4.3.2"));
    (0..15).for_each(|_| _ = crowd.end_first(accepted()));
    let mut widths = Vec::new();
    while crowd.planner.open_deliveries() > 1 {
        widths.push(crowd.start_all());
        (0..*widths.last().expect("just pushed")).for_each(|_| _ = crowd.end_first(accepted()));
    }
    // 8 at the deferral, and 15 acceptances have brought one back and a little.
    assert_eq!(widths.first(), Some(&9));
    assert!(
        widths[..10].is_sorted() && widths[..10].windows(2).all(|pair| pair[1] <= pair[0] + 2),
        "{widths:?}"
    );
    assert!(widths.contains(&16), "in the end nothing is held back: {widths:?}");
}

#[test]
fn a_request_for_silence_parks_the_destination_and_no_other() {
    for outcome in [deferral(421, "4.3.2"), deferral(451, "4.7.28")] {
        let mut crowd = Crowd::new(limits(4), &[]);
        fill(&mut crowd, 50);
        crowd.start_all();
        crowd.end_first(outcome);
        (0..crowd.in_flight.len()).for_each(|_| _ = crowd.end_first(accepted()));
        assert_eq!(crowd.start_all(), 0, "parked");
        let other = crowd.accept(OTHER);
        assert_eq!(crowd.start_all(), 1);
        assert!(crowd.is_under_way(other));
        crowd.end_first(accepted());
        assert!(crowd.planner.poll_timeout(crowd.now).is_some_and(|wait| wait <= seconds(30)));
        crowd.pass(seconds(30));
        assert_eq!(crowd.start_all(), 1, "it begins again with one");
    }
}

#[test]
fn silences_grow_while_they_follow_each_other() {
    let mut crowd = Crowd::new(limits(4), &[]);
    fill(&mut crowd, 20);
    let mut waits = Vec::new();
    for _ in 0..7 {
        let mut waited = 0;
        while crowd.start_all() == 0 {
            crowd.pass(seconds(1));
            waited += 1;
        }
        waits.push(waited);
        (0..crowd.in_flight.len()).for_each(|_| _ = crowd.end_first(deferral(421, "")));
    }
    assert_eq!(waits, [0, 30, 60, 120, 240, 480, 600]);
}

#[test]
fn one_mailbox_that_is_full_says_nothing_of_its_domain() {
    let mut crowd = Crowd::new(limits(4), &[]);
    fill(&mut crowd, 50);
    let width = crowd.start_all();
    (0..width).for_each(|_| _ = crowd.end_first(deferral(452, "4.2.2")));
    assert_eq!(crowd.start_all(), width);
}

#[test]
fn what_the_operator_allows_a_pattern_of_domains_is_kept() {
    let rules = [("*.example.com", 2, None), ("example.net", 10, Some(5.0))];
    let mut crowd = Crowd::new(limits(100), &rules);
    for domain in ["a.example.com", "b.example.com", "example.com"] {
        (0..50).for_each(|_| _ = crowd.accept(Mail { domain, ..MAIL }));
    }
    assert_eq!(crowd.start_all(), 2 + 2 + 50);
    (0..54).for_each(|_| _ = crowd.end_first(accepted()));

    fill(&mut crowd, 100);
    let mut started = 0;
    let mut passed = Duration::ZERO;
    while passed < seconds(10) {
        crowd.start_all();
        started += crowd.in_flight.iter().filter(|job| job.id.message.as_bytes()[7] > 150).count();
        (0..crowd.in_flight.len()).for_each(|_| _ = crowd.end_first(accepted()));
        let wait = crowd.planner.poll_timeout(crowd.now).expect("more comes").max(Duration::from_millis(1));
        crowd.pass(wait);
        passed += wait;
    }
    assert!((50..=51).contains(&started), "{started} in ten seconds at five a second");
}

#[test]
fn a_relays_rate_is_kept_over_all_domains() {
    let mut crowd = Crowd::new(RelayLimits { max_connections: 50, per_second: Some(20.0) }, &[]);
    (0..300).for_each(|n| _ = crowd.accept(if n % 2 == 0 { MAIL } else { OTHER }));
    let mut started = 0;
    let began = crowd.now.monotonic;
    while crowd.now.monotonic - began < seconds(10) {
        started += crowd.start_all();
        (0..crowd.in_flight.len()).for_each(|_| _ = crowd.end_first(accepted()));
        let wait = crowd.planner.poll_timeout(crowd.now).expect("more comes").max(Duration::from_millis(1));
        crowd.pass(wait);
    }
    assert!((199..=202).contains(&started), "{started}");
}

#[test]
fn tenants_take_turns_also_at_a_destination_that_takes_one_at_a_time() {
    let mut crowd = Crowd::new(limits(100), &[("example.net", 1, None)]);
    let tenants: Vec<String> = (0..40).map(|n| format!("tenant{n}")).collect();
    for tenant in &tenants {
        (0..10).for_each(|_| _ = crowd.accept(Mail { tenant, ..MAIL }));
    }
    for _ in 0..10 {
        let mut served: Vec<String> = (0..40)
            .map(|_| {
                assert_eq!(crowd.start_all(), 1);
                crowd.end_first(accepted()).tenant.to_string()
            })
            .collect();
        served.sort();
        served.dedup();
        assert_eq!(served.len(), 40, "each once in a round");
    }
    assert_eq!(crowd.planner.open_deliveries(), 0);
}

#[test]
fn nothing_is_remembered_of_destinations_without_mail() {
    let mut crowd = Crowd::new(limits(4), &[]);
    fill(&mut crowd, 4);
    crowd.start_all();
    crowd.end_first(deferral(421, ""));
    while crowd.planner.open_deliveries() > 0 {
        crowd.start_all();
        (0..crowd.in_flight.len()).for_each(|_| _ = crowd.end_first(accepted()));
        crowd.pass(seconds(10));
    }
    crowd.pass(seconds(3600));
    crowd.start_all();
    assert_eq!(format!("{:?}", crowd.planner.destinations), format!("{:?}", Destinations::default()));
    assert_eq!(crowd.planner.domains.len(), 0);
}

#[test]
fn other_rules_hold_at_once_and_another_relay_begins_anew() {
    let mut crowd = Crowd::new(limits(20), &[("example.net", 2, None)]);
    fill(&mut crowd, 100);
    assert_eq!(crowd.start_all(), 2);
    crowd.configure(limits(20), false, &[("example.net", 5, None)]);
    assert_eq!(crowd.start_all(), 3);
    crowd.configure(limits(20), false, &[]);
    assert_eq!(crowd.start_all(), 11, "as many as normal mail may have");
    crowd.end_first(Outcome::Transient(reply(421)));
    assert_eq!(crowd.start_all(), 0, "parked");
    crowd.configure(limits(20), true, &[]);
    assert_eq!(crowd.start_all(), 1, "another server has said nothing of silence");
    (0..crowd.in_flight.len()).for_each(|_| _ = crowd.end_first(accepted()));
    assert_eq!(crowd.start_all(), 16);
    (0..16).for_each(|_| _ = crowd.end_first(accepted()));
    while crowd.start_all() > 0 {
        (0..crowd.in_flight.len()).for_each(|_| _ = crowd.end_first(accepted()));
    }
    crowd.pass(seconds(20));
    assert_eq!(crowd.start_all(), 1, "the deferred one");
    crowd.end_first(accepted());
    assert_eq!((crowd.planner.open_deliveries(), crowd.planner.domains.len()), (0, 0));
}
