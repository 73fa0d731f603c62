//! Which route a delivery takes, and what a reload makes of those that wait.

use super::*;
use postledger_core::event::QueuedPersonal;
use postledger_core::explanation::RouteUse;
use postledger_core::route::{Match, RouteReason};
use std::collections::BTreeMap;

const ROUTES: [(&str, &[&str]); 3] =
    [("default", &["primary"]), ("special", &["backup"]), ("other", &["backup", "primary"])];

fn rule(route: &str, domains: &[&str], tags: &[&str]) -> Rule {
    let domains = domains.iter().map(|domain| domain.parse().expect("a literal pattern")).collect();
    let tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
    Rule { route: route.parse().expect("a literal name"), takes: Match { domains, tags, ..Match::default() } }
}

impl World {
    fn routed(rules: Vec<Rule>) -> Self {
        let mut world = world(9);
        world.configure(&[("primary", 9), ("backup", 9)], &[], &ROUTES).expect("there is room");
        world.planner.handle_rules(rules, world.now);
        world
    }

    fn accept_to(&mut self, n: u8, policy: Policy, recipients: &[&str], tags: &[&str]) {
        let address = |text: &str| -> Address { text.parse().expect("a literal address") };
        let personal = QueuedPersonal {
            from: postledger_core::address::Mailbox { name: None, address: address("a@shop.example") },
            return_path: address("a@shop.example"),
            recipients: recipients.iter().map(|recipient| address(recipient)).collect(),
            subject: String::new(),
            tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
            metadata: BTreeMap::new(),
        };
        let content = postledger_core::content::Content { salt: [0; 16], bytes: Default::default() };
        let queued = Queued {
            source: Source::api(),
            by: Actor::system(),
            kinds: vec![RecipientKind::To; recipients.len()],
            policy: Arc::new(policy),
            send_at: Some(self.now.wall.plus(seconds(60))),
            content: content.reference(),
            idempotency: None,
            message_id_header: String::new(),
            personal: Some(personal),
        };
        self.record(id(n), Ordinal::MESSAGE, MailEvent::Queued(Arc::new(queued)));
    }

    fn route(&self, n: u8, ordinal: u16) -> (String, RouteReason) {
        let delivery = id(n).delivery(Ordinal(ordinal));
        let explained = self.planner.explain(delivery, self.now).expect("it is pending");
        let RouteUse { name, reason } = explained.route.expect("it is pending");
        (name.to_string(), reason)
    }
}

fn by(name: &str, reason: RouteReason) -> (String, RouteReason) {
    (name.to_owned(), reason)
}

#[test]
fn recipients_of_one_message_take_different_routes_and_what_is_named_is_kept() {
    use RouteReason::{Default, Matched, Named};
    let mut world = World::routed(vec![rule("special", &["*.example.net"], &[])]);
    world.accept_to(1, policy(Priority::Normal), &["a@example.net", "b@Mail.Example.NET"], &[]);
    let named = Policy { route: "default".parse().ok(), ..policy(Priority::Normal) };
    world.accept_to(2, named, &["a@mail.example.net"], &[]);
    assert_eq!([world.route(1, 1), world.route(1, 2)], [by("default", Default), by("special", Matched)]);
    assert_eq!(world.route(2, 1), by("default", Named));
    world.pass(seconds(60));
    let mut starts = world.starts();
    starts.sort_unstable();
    assert_eq!(starts, [(1, PRIMARY), (1, BACKUP), (2, PRIMARY)]);
}

#[test]
fn a_reload_chooses_anew_for_all_that_waits_but_for_tags_that_nobody_asked_for_before() {
    use RouteReason::{Default, Matched};
    let mut world = World::routed(vec![rule("other", &[], &["order"])]);
    world.accept_to(1, policy(Priority::Normal), &["a@example.net"], &["news", "order"]);
    world.accept_to(2, policy(Priority::Normal), &["a@example.net"], &["news"]);
    assert_eq!([world.route(1, 1), world.route(2, 1)], [by("other", Matched), by("default", Default)]);

    // By what is known of every delivery: at once.
    world.planner.handle_rules(vec![rule("special", &["example.net"], &[])], world.now);
    assert_eq!([world.route(1, 1), world.route(2, 1)], [by("special", Matched), by("special", Matched)]);

    // By a tag that a rule asked for when it was accepted: at once. By another: from now on.
    world.planner.handle_rules(vec![rule("special", &[], &["order", "news"])], world.now);
    assert_eq!([world.route(1, 1), world.route(2, 1)], [by("special", Matched), by("default", Default)]);
    world.accept_to(3, policy(Priority::Normal), &["a@example.net"], &["news"]);
    assert_eq!(world.route(3, 1), by("special", Matched));

    // And what is read anew, as after a restart, has all its tags again.
    let mut restarted = World::routed(vec![rule("special", &[], &["order", "news"])]);
    restarted.planner.handle_loaded(&world.message(2), world.now);
    assert_eq!(restarted.route(2, 1), by("special", Matched));

    // No rule is left: everything goes by the default, whatever was chosen before.
    world.planner.handle_rules(Vec::new(), world.now);
    assert_eq!([world.route(1, 1), world.route(3, 1)], [by("default", Default), by("default", Default)]);
    world.pass(seconds(60));
    assert_eq!(world.starts(), [(1, PRIMARY), (2, PRIMARY), (3, PRIMARY)]);
}
