//! A relay host or three, recipients of every temper, and a planner in between, in virtual time.
//!
//! The driver is as lazy as the real one: it looks at the queue when something has happened, and when
//! [`Planner::poll_timeout`] says so. What the relays do is decided here; what the planner is told of it is the
//! same, unless a [`Lie`] stands in between, which a judge must notice.

use super::super::dice::Dice;
use super::super::*;
use super::judges::Judges;
use super::lies::Lie;
use postledger_core::address::{Address, Mailbox};
use postledger_core::event::QueuedPersonal;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

/// The driver sleeps no longer.
const TICK: Duration = Duration::from_secs(5);
/// Deliveries handed out per look, as the driver has it.
const MAX_PER_LOOK: usize = 32;

/// A relay as it really is.
#[derive(Debug, Clone)]
pub(super) struct Host {
    pub limits: RelayLimits,
    pub is_up: bool,
    /// How often it went away.
    pub falls: u64,
    /// A transaction takes from so many to so many milliseconds.
    pub takes_ms: (u64, u64),
}

/// What a recipient domain answers, in percent of its transactions; otherwise it takes the mail.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Temper {
    /// 451 4.3.2: fewer at once.
    pub slower: u64,
    /// 421 4.7.28: silence.
    pub park: u64,
    /// 452 4.2.2: one mailbox.
    pub full: u64,
    /// 550.
    pub refused: u64,
    /// Nothing after the dot.
    pub silent: u64,
}

/// A message with one recipient.
#[derive(Debug, Clone)]
pub(super) struct Letter {
    pub tenant: usize,
    pub domain: usize,
    pub policy: Arc<Policy>,
    /// When it was accepted, and when it was first handed out.
    pub accepted: Duration,
    pub started: Option<Duration>,
    pub has_ended: bool,
}

struct Flight {
    letter: usize,
    job: Job,
    started: Duration,
    /// How often its relay had gone away when it began.
    falls: u64,
    outcome: Outcome,
}

enum Happening {
    Accepted { tenant: usize, domain: usize, policy: Arc<Policy> },
    Done(Flight),
    Recorded(Flight, bool),
    Probed(RelayIndex, Duration),
    Weather(RelayIndex, bool),
    Tempers(Temper),
}

/// See the module.
pub(super) struct Site {
    pub dice: Dice,
    pub planner: Planner,
    pub now: Duration,
    pub hosts: Vec<Host>,
    pub tempers: Vec<Temper>,
    pub letters: Vec<Letter>,
    pub judges: Judges,
    pub starts: u64,
    pub failures: u64,
    pub probes: u64,
    lie: Lie,
    tenants: Vec<Tenant>,
    domains: Vec<Address>,
    happenings: BinaryHeap<Reverse<(Duration, usize)>>,
    /// What is to happen, by its number.
    pending: Vec<Option<Happening>>,
    under_way: usize,
}

/// What a site is made of.
pub(super) struct Plan<'a> {
    pub hosts: Vec<Host>,
    /// By name, the relays by index in their order.
    pub routes: &'a [(&'a str, Vec<usize>)],
    pub tenants: usize,
    pub domains: usize,
    pub pacing: Pacing,
}

fn message(letter: usize) -> MessageId {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&(letter as u64).to_be_bytes());
    MessageId::from_bytes(bytes)
}

/// Of the letter that the message is.
fn number(message: MessageId) -> usize {
    let bytes = message.as_bytes()[..8].try_into().expect("eight bytes");
    usize::try_from(u64::from_be_bytes(bytes)).expect("few")
}

/// The name of a domain by its number.
pub(super) fn domain_name(domain: usize) -> String {
    format!("d{domain}.example")
}

impl Site {
    pub(super) fn new(dice: Dice, lie: Lie, plan: Plan<'_>) -> Self {
        let name = |relay: usize| format!("relay{relay}").parse::<RelayName>().expect("a name");
        let hosts = plan.hosts.iter().enumerate();
        let relays: Vec<_> = hosts
            .map(|(at, host)| RelayPlan {
                name: name(at),
                limits: lie.limits(&host.limits),
                is_changed: false,
            })
            .collect();
        let route = |(route, relays): &(&str, Vec<usize>)| {
            (route.parse().expect("a literal name"), relays.iter().map(|&relay| name(relay)).collect())
        };
        let routes: Vec<_> = plan.routes.iter().map(route).collect();
        let mut planner = Planner::new();
        let now = Now { wall: START, monotonic: Duration::ZERO };
        planner.handle_configured(&relays, &routes, &lie.pacing(&plan.pacing), now).expect("there is room");
        planner.handle_all_loaded();
        Self {
            dice,
            planner,
            now: Duration::ZERO,
            judges: Judges::new(&plan.hosts, &plan.pacing, plan.domains),
            hosts: plan.hosts,
            tempers: vec![Temper::default(); plan.domains],
            letters: Vec::new(),
            starts: 0,
            failures: 0,
            probes: 0,
            lie,
            tenants: (0..plan.tenants).map(|n| format!("t{n}").parse().expect("a name")).collect(),
            domains: (0..plan.domains)
                .map(|n| format!("a@{}", domain_name(n)).parse().expect("an address"))
                .collect(),
            happenings: BinaryHeap::new(),
            pending: Vec::new(),
            under_way: 0,
        }
    }

    /// The planner's time.
    fn now(&self) -> Now {
        Now { wall: START.plus(self.now), monotonic: self.now }
    }

    fn schedule(&mut self, at: Duration, happening: Happening) {
        self.happenings.push(Reverse((at, self.pending.len())));
        self.pending.push(Some(happening));
    }

    pub(super) fn accept_at(&mut self, at: Duration, tenant: usize, domain: usize, policy: &Arc<Policy>) {
        self.schedule(at, Happening::Accepted { tenant, domain, policy: policy.clone() });
    }

    /// A relay goes away or comes back.
    pub(super) fn weather_at(&mut self, at: Duration, relay: usize, is_up: bool) {
        self.schedule(at, Happening::Weather(RelayIndex::try_from(relay).expect("few"), is_up));
    }

    /// All recipients change their minds.
    pub(super) fn tempers_at(&mut self, at: Duration, temper: Temper) {
        self.schedule(at, Happening::Tempers(temper));
    }

    /// A message of one delivery; its number.
    pub(super) fn accept(&mut self, tenant: usize, domain: usize, policy: &Arc<Policy>) -> usize {
        let letter = self.letters.len();
        let recipient = &self.domains[domain];
        let personal = QueuedPersonal {
            from: Mailbox { name: None, address: recipient.clone() },
            return_path: recipient.clone(),
            recipients: vec![recipient.clone()],
            subject: String::new(),
            tags: Vec::new(),
            metadata: BTreeMap::new(),
        };
        let content = postledger_core::content::Content { salt: [0; 16], bytes: Default::default() };
        let queued = Queued {
            source: Source::api(),
            by: Actor::system(),
            kinds: vec![RecipientKind::To],
            policy: self.lie.policy(policy),
            send_at: None,
            content: content.reference(),
            idempotency: None,
            message_id_header: String::new(),
            personal: Some(personal),
        };
        self.letters.push(Letter {
            tenant,
            domain,
            policy: policy.clone(),
            accepted: self.now,
            started: None,
            has_ended: false,
        });
        self.judges.accepted();
        let tenant = self.tenants[self.lie.tenant(tenant)].clone();
        self.record(letter, tenant, (Ordinal::MESSAGE, 1), MailEvent::Queued(Arc::new(queued)));
        letter
    }

    fn record(
        &mut self,
        letter: usize,
        tenant: Tenant,
        (ordinal, version): (Ordinal, u32),
        event: MailEvent,
    ) {
        let recorded = Recorded {
            position: Position(0),
            stream: Stream::Message(message(letter)),
            ordinal,
            version,
            epoch: Epoch(1),
            tenant,
            at: START.plus(self.now),
            hash: [0; 32],
            event: Event::Mail(event),
        };
        let now = self.now();
        self.planner.handle_event(&recorded, now);
    }

    /// Lets time pass, and what happens in it happen.
    pub(super) fn run_until(&mut self, end: Duration) {
        self.look();
        while self.judges.found.is_none() {
            let sleep = self.planner.poll_timeout(self.now()).unwrap_or(TICK).min(TICK);
            // Timers are no finer than a millisecond.
            let woken = self.now + sleep.max(Duration::from_millis(1));
            let next = self.happenings.peek().map_or(end, |Reverse((at, _))| *at);
            if next.min(woken) > end {
                self.now = end;
                break;
            }
            self.now = next.min(woken).max(self.now);
            while let Some(&Reverse((at, number))) = self.happenings.peek()
                && at <= self.now
            {
                self.happenings.pop();
                let happening = self.pending[number].take().expect("everything happens once");
                self.happen(happening);
            }
            self.look();
            if self.now >= end {
                break;
            }
        }
    }

    /// Lets time pass until nothing is pending; true if that came by `end`.
    pub(super) fn run_dry(&mut self, end: Duration) -> bool {
        let pace = Duration::from_secs(1);
        while self.now < end && self.judges.found.is_none() && !self.is_dry() {
            self.run_until((self.now + pace).min(end));
        }
        self.is_dry()
    }

    fn is_dry(&self) -> bool {
        self.planner.open_deliveries() == 0
            && self.under_way == 0
            && self.letters.iter().all(|it| it.has_ended)
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Accepted { tenant, domain, policy } => _ = self.accept(tenant, domain, &policy),
            Happening::Done(flight) => self.done(flight),
            Happening::Recorded(flight, another_relay) => self.recorded(&flight, another_relay),
            Happening::Probed(relay, began) => self.probed(relay, began),
            Happening::Weather(relay, is_up) => {
                let host = &mut self.hosts[usize::from(relay)];
                host.falls += u64::from(host.is_up && !is_up);
                host.is_up = is_up;
            }
            Happening::Tempers(temper) => self.tempers.fill(temper),
        }
    }

    /// As the driver: everything that can be done now.
    fn look(&mut self) {
        loop {
            let now = self.now();
            let mut is_done = true;
            for _ in 0..MAX_PER_LOOK {
                let Some(job) = self.lie.poll_start(&mut self.planner, now) else { break };
                self.take_off(job);
                is_done = false;
            }
            while let Some(job) = self.planner.poll_decision(now) {
                assert_eq!(job.work, Work::Expire);
                let given = Given { now: now.wall, jitter: 0.5 };
                let events = decide(Some(&job.state), Command::Expire, &given).expect("it has expired");
                self.record_all(&job, events);
                self.planner.handle_ended(job.id, None, self.now());
                is_done = false;
            }
            while let Some(relay) = self.planner.poll_probe(now) {
                self.probes += 1;
                self.judges.probe_begins(relay, self.now);
                // Some hosts that are down say nothing at all.
                let is_silent = !self.hosts[usize::from(relay)].is_up && self.dice.is(30);
                let takes = if is_silent { 5000 } else { 1 + self.dice.below(50) };
                self.schedule(self.now + Duration::from_millis(takes), Happening::Probed(relay, self.now));
                self.lie.on_probe(&mut self.planner, relay, now);
                is_done = false;
            }
            self.planner.take_finished();
            if self.planner.poll_missed().is_some() {
                self.judges.find("a delivery was lost sight of".into());
            }
            if is_done || self.judges.found.is_some() {
                break;
            }
        }
        self.look_for_the_idle();
    }

    /// What waits has a rule that says so; with nothing in its way it would have been started.
    fn look_for_the_idle(&mut self) {
        if self.letters.is_empty() {
            return;
        }
        let letter = self.dice.within(0, self.letters.len() - 1);
        let id = message(letter).delivery(Ordinal(1));
        if let Some(explanation) = self.planner.explain(id, self.now())
            && explanation.rule == postledger_core::explanation::Rule::Next
        {
            self.judges.find(format!("letter {letter} is next, and does not start: {explanation:?}"));
        }
    }

    fn take_off(&mut self, job: Job) {
        let letter = number(job.id.message);
        let lease = lease(&job);
        let of = &mut self.letters[letter];
        of.started.get_or_insert(self.now);
        let (domain, urgency) = (of.domain, of.policy.priority as usize);
        self.judges.starts(letter, lease.relay, domain, urgency, self.now);
        self.starts += 1;
        self.under_way += 1;
        let host = self.hosts[usize::from(lease.relay)].clone();
        let (least, most) = host.takes_ms;
        let takes =
            if host.is_up { least + self.dice.below(most - least + 1) } else { 1 + self.dice.below(20) };
        let outcome = if host.is_up { self.answer(domain) } else { refused() };
        let now = self.now();
        self.lie.on_start(&mut self.planner, job.id, now);
        let flight = Flight { letter, job, started: self.now, falls: host.falls, outcome };
        self.schedule(self.now + Duration::from_millis(takes), Happening::Done(flight));
    }

    fn answer(&mut self, domain: usize) -> Outcome {
        let temper = self.tempers[domain];
        let deferral = |code: u16, enhanced: &str| {
            Outcome::Transient(Reply { code, enhanced: enhanced.parse().ok(), text: String::new() })
        };
        let chance = self.dice.below(100);
        let table = [
            (temper.slower, deferral(451, "4.3.2")),
            (temper.park, deferral(421, "4.7.28")),
            (temper.full, deferral(452, "4.2.2")),
            (temper.refused, Outcome::Permanent(reply(550))),
            (temper.silent, Outcome::Unknown(Trouble::Timeout)),
        ];
        let mut bound = 0;
        let found = table.into_iter().find(|(percent, _)| {
            bound += percent;
            chance < bound
        });
        found.map_or_else(accepted, |(_, outcome)| outcome)
    }

    fn done(&mut self, mut flight: Flight) {
        let lease = lease(&flight.job);
        if self.hosts[usize::from(lease.relay)].falls != flight.falls {
            let is_unknown = self.dice.is(20);
            flight.outcome = if is_unknown {
                Outcome::Unknown(Trouble::Closed)
            } else {
                not_sent(Stage::Mail, Trouble::Closed)
            };
        }
        self.failures += u64::from(matches!(flight.outcome, Outcome::NotSent(_)));
        let (jitter, now) = (self.dice.unit(), self.now());
        let domain = self.letters[flight.letter].domain;
        self.judges.hears(lease.relay, domain, &flight.outcome, flight.started, self.now, jitter);
        for told in self.lie.outcomes(&flight.outcome) {
            self.planner.handle_outcome(lease, &told, flight.started, now, jitter);
        }
        let another_relay = match &flight.outcome {
            Outcome::NotSent(not_sent) => {
                self.planner.has_another_relay(flight.job.id, lease.relay, not_sent)
            }
            _ => false,
        };
        self.judges.frees(
            lease.relay,
            domain,
            self.letters[flight.letter].policy.priority as usize,
            self.now,
        );
        self.planner.handle_slot_free(lease, now);
        let next = self.planner.poll_start_at(lease.relay, now);
        // The commit takes a moment, and the slot does not wait for it.
        let commit = Duration::from_millis(self.dice.below(20));
        self.schedule(self.now + commit, Happening::Recorded(flight, another_relay));
        if let Some(job) = next {
            self.take_off(job);
        }
    }

    fn recorded(&mut self, flight: &Flight, another_relay: bool) {
        let job = &flight.job;
        let relay = self.planner.names[usize::from(lease(job).relay)].clone();
        let began = Given { now: START.plus(flight.started), jitter: 0.5 };
        let mut events =
            decide(Some(&job.state), Command::Begin { relay, head: None }, &began).expect("it was due");
        let mut state = job.state.clone();
        for event in &events {
            state = apply(Some(state), job.id.ordinal, began.now, event).expect("legal");
        }
        let jitter = self.lie.jitter(self.dice.unit());
        let given = Given { now: START.plus(self.now), jitter };
        let conclude =
            Command::Conclude { attempt: state.attempts, outcome: flight.outcome.clone(), another_relay };
        events.extend(decide(Some(&state), conclude, &given).expect("it is open"));
        if let Some(MailEvent::Deferred { reason: Deferral::Transient(_), due, .. }) = events.last() {
            let nominal = state.policy.retry.interval(state.spent, 0.5);
            self.judges.deferred(due.since(given.now), nominal);
        }
        self.record_all(job, events);
        self.judges.ended(flight.letter);
        self.under_way -= 1;
        let now = self.now();
        self.planner.handle_ended(job.id, None, now);
    }

    fn record_all(&mut self, job: &Job, events: Vec<MailEvent>) {
        let letter = number(job.id.message);
        for (version, event) in (job.version + 1..).zip(events) {
            let is_end = matches!(event, MailEvent::Delivered { .. } | MailEvent::Failed { .. });
            self.letters[letter].has_ended |= is_end;
            self.record(letter, job.tenant.clone(), (job.id.ordinal, version), event);
        }
    }

    fn probed(&mut self, relay: RelayIndex, began: Duration) {
        let (jitter, now) = (self.dice.unit(), self.now());
        let failure = NotSent { stage: Stage::Connect, trouble: Trouble::Reset, reply: None };
        let result = if self.hosts[usize::from(relay)].is_up { Ok(()) } else { Err(failure) };
        self.judges.probe_ends(relay, result.is_ok(), self.now);
        let is_good = result.is_ok();
        self.planner.handle_probe(relay, result, began, now, jitter);
        if is_good {
            self.lie.on_good_probe(&mut self.planner, relay, now);
        }
    }
}
