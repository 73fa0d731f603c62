//! What must hold whatever happens, judged by what went into the planner and what came out of it.
//!
//! Each judge keeps books of its own and knows nothing of the planner's.

mod breaker;
mod pace;
mod spread;
mod window;

use super::super::*;
use super::site::{Host, domain_name};
use breaker::Breaker;
use pace::Even;
pub(super) use spread::Spread;
use std::collections::HashMap;
use window::Window;

/// All of them, for one site. The first thing that must not be is kept.
pub(super) struct Judges {
    pub found: Option<String>,
    /// In somebody's hands, by letter.
    taken: Vec<bool>,
    relays: Vec<RelayBook>,
    /// What the operator allows each domain: at once, and a second.
    allowed: Vec<(usize, Option<f64>)>,
    pairs: HashMap<(RelayIndex, usize), Pair>,
    pub spread: Spread,
    /// Domains that asked for less, or for silence.
    pub slower: u64,
    pub parks: u64,
    /// Relays that were shut.
    pub shut: u64,
}

struct RelayBook {
    caps: [usize; shares::CLASSES],
    in_flight: [usize; shares::CLASSES],
    pace: Even,
    breaker: Breaker,
}

struct Pair {
    in_flight: usize,
    pace: Even,
    window: Window,
}

impl Judges {
    pub(super) fn new(hosts: &[Host], pacing: &Pacing, domains: usize) -> Self {
        let book = |host: &Host| RelayBook {
            caps: pacing.shares.caps(host.limits.max_connections),
            in_flight: [0; shares::CLASSES],
            pace: Even::new(host.limits.per_second),
            breaker: Breaker::default(),
        };
        let allowed = |domain: usize| {
            let name = domain_name(domain);
            let rule = pacing.destinations.iter().find(|rule| rule.domain.takes(&name));
            rule.map_or((usize::MAX, None), |rule| {
                (rule.max_connections.unwrap_or(usize::MAX), rule.max_per_second)
            })
        };
        Self {
            found: None,
            taken: Vec::new(),
            relays: hosts.iter().map(book).collect(),
            allowed: (0..domains).map(allowed).collect(),
            pairs: HashMap::new(),
            spread: Spread::default(),
            slower: 0,
            parks: 0,
            shut: 0,
        }
    }

    /// Keeps the first thing that must not be.
    pub(super) fn find(&mut self, what: String) {
        self.found.get_or_insert(what);
    }

    pub(super) fn accepted(&mut self) {
        self.taken.push(false);
    }

    pub(super) fn starts(
        &mut self,
        letter: usize,
        relay: RelayIndex,
        domain: usize,
        urgency: usize,
        now: Duration,
    ) {
        if std::mem::replace(&mut self.taken[letter], true) {
            self.find(format!(
                "twice: letter {letter} was handed out and is in somebody's hands, at {now:?}"
            ));
        }
        let book = &mut self.relays[usize::from(relay)];
        let all: usize = book.in_flight.iter().sum();
        let mut found = book.breaker.starts(all, now).err();
        book.in_flight[urgency] += 1;
        for class in 0..=urgency {
            let used: usize = book.in_flight[class..].iter().sum();
            if used > book.caps[class] {
                found = Some(format!("connections: {used} of {} from class {class} down", book.caps[class]));
            }
        }
        found = found.or(book.pace.starts(now).err());
        let (most, per_second) = self.allowed[domain];
        let pair = self.pairs.entry((relay, domain)).or_insert_with(|| Pair {
            in_flight: 0,
            pace: Even::new(per_second),
            window: Window::default(),
        });
        found = found.or(pair.window.starts(pair.in_flight, now).err()).or(pair.pace.starts(now).err());
        pair.in_flight += 1;
        if pair.in_flight > most {
            found = Some(format!("domain: {} at once where {most} are allowed", pair.in_flight));
        }
        if let Some(found) = found {
            self.find(format!("{found}, at relay {relay}, domain {domain}, {now:?}"));
        }
    }

    /// An attempt came to something, and still has its place.
    pub(super) fn hears(
        &mut self,
        relay: RelayIndex,
        domain: usize,
        outcome: &Outcome,
        started: Duration,
        now: Duration,
        jitter: f64,
    ) {
        let book = &mut self.relays[usize::from(relay)];
        self.shut += u64::from(book.breaker.hears(outcome, started, now));
        let Some(pushback) = pushback::Pushback::of(outcome) else { return };
        self.slower += u64::from(pushback == pushback::Pushback::Slower);
        self.parks += u64::from(pushback == pushback::Pushback::Park);
        let most = book.caps[0];
        let pair = self.pairs.get_mut(&(relay, domain)).expect("it was started");
        pair.window.hears(pushback, pair.in_flight, most, now, jitter);
    }

    /// An attempt gives its place back.
    pub(super) fn frees(&mut self, relay: RelayIndex, domain: usize, urgency: usize, now: Duration) {
        self.relays[usize::from(relay)].in_flight[urgency] -= 1;
        let pair = self.pairs.get_mut(&(relay, domain)).expect("it was started");
        pair.in_flight -= 1;
        pair.window.idles(now);
    }

    /// A delivery was given back, and what came of it recorded.
    pub(super) fn ended(&mut self, letter: usize) {
        self.taken[letter] = false;
    }

    pub(super) fn probe_begins(&mut self, relay: RelayIndex, now: Duration) {
        if let Err(what) = self.relays[usize::from(relay)].breaker.probe_begins(now) {
            self.find(format!("{what}, at relay {relay}, {now:?}"));
        }
    }

    pub(super) fn probe_ends(&mut self, relay: RelayIndex, is_good: bool, now: Duration) {
        self.relays[usize::from(relay)].breaker.probe_ends(is_good, now);
    }

    /// A deferral waits for so long where the schedule says so.
    pub(super) fn deferred(&mut self, wait: Duration, nominal: Duration) {
        self.spread.add(wait, nominal);
    }
}
