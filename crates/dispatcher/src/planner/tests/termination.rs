//! Everything ends (G8): a walk of 100,000 steps in virtual time, with people who interfere, relays of every temper, and
//! crashes, judged by the events alone.
//!
//! The driver of this walk is as lazy as the real one: it looks at the queue after a commit, after the end of an attempt,
//! and when [`Planner::poll_timeout`] says so. A delivery that nobody is woken for stays where it is, and is found.

use super::dice::Dice;
use super::*;
use postledger_core::delivery::Phase;
use postledger_core::event::Resolution;
use postledger_core::outcome::interrupted;
use postledger_core::policy::Prepare;

/// A delivery must have ended so long after its expiry, or after the attempt in flight or the start that came later.
const BAR: Duration = Duration::from_secs(60);
/// The driver sleeps no longer.
const TICK: Duration = Duration::from_secs(5);
/// More open messages would make the steps slower, not different.
const MOST_OPEN: usize = 40;

/// An attempt under way. It comes to its outcome either before or after `Attempted` was recorded.
struct Flight {
    job: Job,
    started: Duration,
    begins: Option<Timestamp>,
    ends: Timestamp,
    outcome: Outcome,
    has_begun: bool,
}

/// What a walk came by.
#[derive(Debug, Default, Clone)]
pub(super) struct Counts {
    pub events: u64,
    pub starts: u64,
    /// Delivered, failed, unknown, cancelled.
    pub ended: [u64; 4],
    pub reopened: u64,
}

impl Counts {
    pub(super) fn add(&mut self, other: &Self) {
        self.events += other.events;
        self.starts += other.starts;
        self.reopened += other.reopened;
        for (ended, more) in self.ended.iter_mut().zip(other.ended) {
            *ended += more;
        }
    }
}

struct Walk {
    dice: Dice,
    planner: Planner,
    wall: Timestamp,
    started: Timestamp,
    messages: std::collections::BTreeMap<MessageId, Message>,
    flights: Vec<Flight>,
    /// When something last happened to a delivery, recorded or not.
    touched: HashMap<DeliveryId, Timestamp>,
    /// What the relays do: outcomes that are likely now.
    weather: u64,
    next_id: u64,
    counts: Counts,
}

impl Walk {
    fn new(seed: u64) -> Self {
        let mut walk = Self {
            dice: Dice::new(seed),
            planner: Planner::default(),
            wall: START,
            started: START,
            messages: Default::default(),
            flights: Vec::new(),
            touched: HashMap::new(),
            weather: 0,
            next_id: 1,
            counts: Counts::default(),
        };
        walk.start();
        walk
    }

    fn now(&self) -> Now {
        Now { wall: self.wall, monotonic: self.wall.since(self.started) }
    }

    fn given(&mut self) -> Given {
        let tenths = u32::try_from(self.dice.below(11)).expect("few");
        Given { now: self.wall, jitter: f64::from(tenths) / 10.0 }
    }

    fn record(&mut self, id: MessageId, ordinal: Ordinal, event: MailEvent) {
        let message = self.messages.get_mut(&id).expect("it was accepted");
        let version = message.delivery(ordinal).map_or(message.version, |delivery| delivery.version);
        self.counts.events += 1;
        let recorded = Recorded {
            position: Position(i64::try_from(self.counts.events).expect("few")),
            stream: Stream::Message(id),
            ordinal,
            version: version + 1,
            epoch: Epoch(1),
            tenant: Tenant::default_tenant(),
            at: self.wall,
            hash: [0; 32],
            event: Event::Mail(event),
        };
        message.apply(&recorded).expect("what decide makes, apply takes");
        self.touched.insert(id.delivery(ordinal), self.wall);
        let now = self.now();
        self.planner.handle_event(&recorded, now);
    }

    /// As anybody does who commands: decides on the present state, and records what that makes. False if refused.
    fn command(&mut self, id: DeliveryId, command: Command) -> bool {
        let given = self.given();
        let before = self.state(id);
        let may_reopen = matches!(command, Command::Redrive(..) | Command::Resolve(..));
        let Ok(events) = decide(Some(&before), command, &given) else { return false };
        for event in events {
            self.record(id.message, id.ordinal, event);
        }
        let after = self.state(id);
        if before.phase.is_final() {
            assert!(may_reopen || before.phase == after.phase, "{before:?} became {after:?}");
            self.counts.reopened += u64::from(!after.phase.is_final());
        } else if after.phase.is_final() {
            self.judge_end(&after);
        }
        true
    }

    fn state(&self, id: DeliveryId) -> State {
        self.messages[&id.message].delivery(id.ordinal).expect("it exists").state.clone()
    }

    fn judge_end(&mut self, state: &State) {
        let place = match state.phase {
            Phase::Delivered => 0,
            Phase::Failed { .. } => 1,
            Phase::Unknown { .. } => 2,
            Phase::Cancelled => 3,
            _ => panic!("{state:?} is no end"),
        };
        self.counts.ended[place] += 1;
        if let Phase::Failed { .. } | Phase::Cancelled = state.phase {
            assert!(!state.is_unresolved, "an end that hides an unknown attempt: {state:?}");
        }
    }

    fn submit(&mut self) {
        let retry = RetryPolicy {
            max_attempts: self.dice.is(40).then(|| 1 + u32::try_from(self.dice.below(4)).expect("few")),
            schedule: [seconds(1 + self.dice.below(20)), seconds(10 + self.dice.below(120))].into(),
        };
        let prepare = self.dice.is(15).then(|| Prepare { commit_within: seconds(60), check_url: None });
        let route =
            ["default", "default", "alone", "nowhere"][usize::try_from(self.dice.below(4)).expect("few")];
        let policy = Policy {
            priority: Priority::ALL[usize::try_from(self.dice.below(4)).expect("few")],
            retry,
            expires_after: seconds(60 + self.dice.below(600)),
            on_unknown: if self.dice.is(30) { OnUnknown::Hold } else { OnUnknown::Retry },
            route: route.parse().ok(),
            prepare,
        };
        let mut bytes = [0; 16];
        bytes[8..].copy_from_slice(&self.next_id.to_be_bytes());
        self.next_id += 1;
        let id = MessageId::from_bytes(bytes);
        let content = postledger_core::content::Content { salt: [0; 16], bytes: Default::default() };
        let queued = Queued {
            source: Source::api(),
            by: Actor::system(),
            kinds: vec![RecipientKind::To; 1 + usize::try_from(self.dice.below(3)).expect("few")],
            policy: Arc::new(policy),
            send_at: self.dice.is(20).then(|| self.wall.plus(self.dice.span(300))),
            content: content.reference(),
            idempotency: None,
            message_id_header: String::new(),
            personal: None,
        };
        self.counts.events += 1;
        let recorded = Recorded {
            position: Position(i64::try_from(self.counts.events).expect("few")),
            stream: Stream::Message(id),
            ordinal: Ordinal::MESSAGE,
            version: 1,
            epoch: Epoch(1),
            tenant: Tenant::default_tenant(),
            at: self.wall,
            hash: [0; 32],
            event: Event::Mail(MailEvent::Queued(Arc::new(queued))),
        };
        self.messages.insert(id, Message::begin(&recorded).expect("it begins"));
        let now = self.now();
        self.planner.handle_event(&recorded, now);
    }

    fn anyone(&mut self) -> Option<DeliveryId> {
        let at = usize::try_from(self.dice.below(self.messages.len().max(1) as u64)).expect("few");
        let message = self.messages.values().nth(at)?;
        let ordinal = 1 + u16::try_from(self.dice.below(message.deliveries.len() as u64)).expect("few");
        Some(message.id.delivery(Ordinal(ordinal)))
    }

    fn interfere(&mut self) {
        let Some(id) = self.anyone() else { return };
        let by = Actor::control;
        let command = match self.dice.below(8) {
            0 => Command::Hold(HoldReason::Operator, by()),
            1 | 2 => Command::Release(by()),
            3 => Command::Cancel(by()),
            4 => Command::Reschedule(self.wall.plus(self.dice.span(300)), by()),
            5 => Command::Resolve(Resolution::Delivered, String::new(), by()),
            6 => Command::Resolve(Resolution::NotDelivered, String::new(), by()),
            _ => Command::Redrive(Some(seconds(60 + self.dice.below(100))), by()),
        };
        self.command(id, command);
    }

    /// An application that says yes or no to what it prepared.
    fn answer(&mut self) {
        let Some(id) = self.anyone() else { return };
        let message = &self.messages[&id.message];
        let is_open = message.deliveries.iter().any(|it| matches!(it.state.phase, Phase::Prepared));
        let is_committed = message.deliveries.iter().any(|it| it.state.is_committed);
        if is_open && !is_committed && self.dice.is(70) {
            self.record(id.message, Ordinal::MESSAGE, MailEvent::Committed);
        } else if is_open && !is_committed {
            self.abort(id.message);
        }
    }

    fn abort(&mut self, id: MessageId) {
        self.record(id, Ordinal::MESSAGE, MailEvent::Aborted);
        let ordinals: Vec<_> = self.messages[&id].deliveries.iter().map(|it| it.id).collect();
        for id in ordinals {
            self.command(id, Command::Abort);
        }
    }

    fn take_off(&mut self, job: Job) {
        let kind = if self.dice.is(30) { self.dice.below(6) } else { self.weather };
        let outcome = match kind {
            0 => accepted(),
            1 => Outcome::Transient(reply(451)),
            2 => Outcome::Permanent(reply(550)),
            3 => refused(),
            4 => not_sent(Stage::Mail, Trouble::Unsupported),
            _ => Outcome::Unknown(Trouble::Timeout),
        };
        let opens = self.wall.plus(self.dice.span(20));
        let begins = !matches!(outcome, Outcome::NotSent(_)) || self.dice.is(20);
        // A relay that says nothing after the dot is waited for.
        let wait = if matches!(outcome, Outcome::Unknown(_)) { 600 } else { 10 };
        let ends = if begins { opens.plus(self.dice.span(wait)) } else { opens };
        let (begins, started) = (begins.then_some(opens), self.now().monotonic);
        self.flights.push(Flight { job, started, begins, ends, outcome, has_begun: false });
    }

    /// As the worker: `Attempted`, unless somebody came first or its time has passed.
    fn begin(&mut self, flight: &mut Flight) -> bool {
        let (id, relay) = (flight.job.id, lease(&flight.job).relay);
        let message = &self.messages[&id.message];
        let version = message.delivery(id.ordinal).expect("it exists").version;
        let is_same = (version, message.version) == (flight.job.version, flight.job.message_version);
        let relay = self.planner.names[usize::from(relay)].clone();
        is_same && self.command(id, Command::Begin { relay, head: None })
    }

    fn advance_flight(&mut self, mut flight: Flight) {
        let id = flight.job.id;
        if flight.begins.take_if(|at| *at <= self.wall).is_some() {
            if !self.begin(&mut flight) {
                return self.land(&flight, None, Some(Duration::from_millis(500)));
            }
            flight.has_begun = true;
        }
        if flight.ends > self.wall {
            return self.flights.push(flight);
        }
        if !flight.has_begun && !self.begin(&mut flight) {
            return self.land(&flight, None, None);
        }
        let outcome = flight.outcome.clone();
        let lease = lease(&flight.job);
        let another_relay = match &outcome {
            Outcome::NotSent(not_sent) => self.planner.has_another_relay(id, lease.relay, not_sent),
            _ => false,
        };
        let attempt = self.state(id).attempts;
        let concluded =
            self.command(id, Command::Conclude { attempt, outcome: outcome.clone(), another_relay });
        assert!(concluded, "an open attempt takes its outcome");
        self.land(&flight, Some(outcome), None);
    }

    /// Gives the slot and the delivery back.
    fn land(&mut self, flight: &Flight, outcome: Option<Outcome>, not_before: Option<Duration>) {
        let (now, lease) = (self.now(), lease(&flight.job));
        if let Some(outcome) = outcome {
            self.planner.handle_outcome(lease, &outcome, flight.started, now, 0.5);
        }
        let message = self.messages[&flight.job.id.message].clone();
        self.planner.handle_loaded(&message, now);
        self.planner.handle_slot_free(lease, now);
        let not_before = not_before.map(|span| self.wall.plus(span));
        self.planner.handle_ended(flight.job.id, not_before, now);
        self.touched.insert(flight.job.id, self.wall);
    }

    /// As the driver: everything that can be done now.
    fn look(&mut self) {
        loop {
            let now = self.now();
            let (ready, rest) = std::mem::take(&mut self.flights)
                .into_iter()
                .partition(|it: &Flight| it.begins.unwrap_or(it.ends) <= self.wall);
            self.flights = rest;
            let mut is_done = ready.is_empty();
            ready.into_iter().for_each(|flight: Flight| self.advance_flight(flight));
            while let Some(missed) = self.planner.poll_missed() {
                let message = self.messages[&missed].clone();
                self.planner.handle_loaded(&message, now);
            }
            while let Some(job) = self.planner.poll_decision(now) {
                let command = match job.work {
                    Work::Expire => Command::Expire,
                    Work::Refuse(cause) => Command::Refuse(cause),
                    Work::Attempt(_) => panic!("no decision"),
                };
                self.command(job.id, command);
                self.planner.handle_ended(job.id, None, now);
                is_done = false;
            }
            while let Some(relay) = self.planner.poll_probe(now) {
                let failure = NotSent { stage: Stage::Connect, trouble: Trouble::Timeout, reply: None };
                let result = if self.dice.is(70) { Ok(()) } else { Err(failure) };
                self.planner.handle_probe(relay, result, now.monotonic, now, 0.5);
            }
            while let Some(job) = self.planner.poll_start(now) {
                assert!(self.flights.iter().all(|it| it.job.id != job.id), "{:?} twice", job.id);
                self.take_off(job);
                is_done = false;
            }
            self.planner.take_finished();
            if is_done {
                return;
            }
        }
    }

    fn pass(&mut self, span: Duration) {
        let until = self.wall.plus(span);
        while self.wall < until {
            let flights = self.flights.iter().map(|it| it.begins.unwrap_or(it.ends));
            let sleep = self.planner.poll_timeout(self.now()).unwrap_or(TICK).min(TICK);
            // Real time passes between two looks.
            let woken = self.wall.plus(sleep.max(Duration::from_millis(1)));
            self.wall = flights.chain([woken, until]).min().expect("two of them").max(self.wall);
            self.look();
            self.judge();
        }
    }

    /// Whoever could have ended has.
    fn judge(&self) {
        for delivery in self.messages.values().flat_map(|message| &message.deliveries) {
            let state = &delivery.state;
            let waits = matches!(state.phase, Phase::Held { .. } | Phase::Prepared);
            let is_flying = || self.flights.iter().any(|it| it.job.id == delivery.id);
            if state.phase.is_final() || waits || state.expires_at().plus(BAR) >= self.wall || is_flying() {
                continue;
            }
            let touched = self.touched.get(&delivery.id).copied().unwrap_or(START);
            let late = self.wall.since(touched.max(self.started).max(state.expires_at()));
            assert!(late <= BAR, "{} has not ended for {late:?}: {state:?}", delivery.id);
        }
    }

    fn crash(&mut self) {
        let suspects: Vec<_> = self.flights.drain(..).map(|flight| flight.job.id).collect();
        self.wall = self.wall.plus(self.dice.span(200));
        self.start();
        let held = |id: &DeliveryId| self.planner.entries.find(*id).is_some();
        let (pending, _): (Vec<_>, Vec<_>) = suspects.into_iter().partition(held);
        self.planner.handle_suspects(pending);
    }

    /// A new process on the same ledger: what was left open is unknown, before anything is sent.
    fn start(&mut self) {
        self.started = self.wall;
        self.counts.starts += 1;
        self.planner = Planner::new();
        let relay = |name: &str| RelayPlan {
            name: name.parse().expect("a literal name"),
            limits: limits(3),
            is_changed: false,
        };
        let route = |name: &str, relays: &[&str]| {
            let relays = relays.iter().map(|relay| relay.parse().expect("a literal name")).collect();
            (name.parse().expect("a literal name"), relays)
        };
        let routes = [route("default", &["primary", "backup"]), route("alone", &["primary"])];
        let configured = self.planner.handle_configured(
            &[relay("primary"), relay("backup")],
            &routes,
            &Pacing::default(),
            self.now(),
        );
        assert_eq!(configured, Ok(vec![PRIMARY, BACKUP]));
        // What has ended long ago is nobody's concern any more.
        self.messages.retain(|_, message| !message.is_final());
        for message in self.messages.values() {
            self.planner.handle_loaded(message, Now { wall: self.wall, monotonic: Duration::ZERO });
        }
        let left_open: Vec<_> = self
            .messages
            .values()
            .flat_map(|message| &message.deliveries)
            .filter(|delivery| delivery.state.phase == Phase::Sending)
            .map(|delivery| (delivery.id, delivery.state.attempts))
            .collect();
        for (id, attempt) in left_open {
            let outcome = interrupted(true);
            assert!(self.command(id, Command::Conclude { attempt, outcome, another_relay: false }));
            let now = self.now();
            self.planner.handle_ended(id, None, now);
        }
        self.planner.handle_all_loaded();
    }

    fn step(&mut self) {
        match self.dice.below(1000) {
            0..300 if self.messages.values().filter(|it| !it.is_final()).count() < MOST_OPEN => self.submit(),
            300..450 => self.interfere(),
            450..500 => self.answer(),
            500..520 => self.weather = [0, 0, 0, 1, 3, 5][usize::try_from(self.dice.below(6)).expect("few")],
            520..525 => self.crash(),
            _ => {
                let span = self.dice.span(6);
                self.pass(span);
            }
        }
        self.look();
    }

    /// Nobody interferes any more; what waits for somebody gets its answer.
    fn come_to_an_end(&mut self) {
        self.weather = 0;
        let waiting: Vec<_> = self.messages.keys().copied().collect();
        for id in waiting {
            let (is_open, is_committed) = {
                let deliveries = &self.messages[&id].deliveries;
                let is_open = deliveries.iter().any(|it| !it.state.phase.is_final());
                (is_open, deliveries.iter().any(|it| it.state.is_committed))
            };
            if is_open && !is_committed {
                self.abort(id);
            }
        }
        for _ in 0..50 {
            let all: Vec<_> = self.messages.values().flat_map(|it| &it.deliveries).map(|it| it.id).collect();
            for id in all {
                if matches!(self.state(id).phase, Phase::Held { .. }) {
                    self.command(id, Command::Release(Actor::control()));
                }
            }
            self.pass(seconds(60));
        }
    }
}

/// So many steps, and then to the end of everything.
pub(super) fn walk(seed: u64, steps: u32) -> Counts {
    let mut walk = Walk::new(seed);
    for _ in 0..steps {
        walk.step();
    }
    walk.come_to_an_end();
    let open: Vec<_> = walk.messages.values().filter(|message| !message.is_final()).collect();
    assert!(open.is_empty(), "{open:#?}");
    assert_eq!(walk.planner.open_deliveries(), 0);
    walk.counts
}

/// Of the test command, beside the shorter walks of many seeds.
const STEPS: u32 = 20_000;

#[test]
fn everything_ends_whatever_happens() {
    let counts = walk(1, STEPS);
    // A walk that never came by would prove nothing.
    let least = u64::from(STEPS) / 1000;
    let Counts { starts, reopened, ended, .. } = counts;
    assert!(starts > least && reopened > least && ended.iter().all(|ended| *ended > least), "{counts:?}");
}
