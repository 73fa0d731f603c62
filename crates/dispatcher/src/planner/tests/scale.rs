//! What a pending delivery costs: bytes of memory, and the time of each step, by how many there are.
//!
//! One size and mix a run; `cargo xtask bench queue` makes many. The short form holds the bar in every test run.

use super::entry::Place;
use super::*;
use postledger_core::address::{Address, Mailbox};
use postledger_core::event::{Attempted, QueuedPersonal};
use std::collections::BTreeMap;

/// Bytes a pending delivery may take, whatever the mix.
const BAR: f64 = 200.0;
/// Tenants, and domains, of the mixes with many: one for so many deliveries, but no more than ten thousand.
const SHARE: u64 = 100;
const MANY: u64 = 10_000;
/// What is not due yet is due within this time, in microseconds.
const DAY: u64 = 86_400_000_000;
/// Steps that are timed: a part of what waits, so that their cost is that of so many, but no more than these.
const STEPS: u64 = 100_000;

/// What waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mix {
    /// One tenant's mail to one domain, due.
    One,
    /// Mail of many tenants to many domains, due.
    Now,
    /// The same, each scheduled for some time within a day.
    Later,
    /// The same, after an attempt that is to be repeated within a day.
    Deferred,
    /// The same, held.
    Held,
}

const MIXES: [(&str, Mix); 5] = [
    ("one", Mix::One),
    ("now", Mix::Now),
    ("later", Mix::Later),
    ("deferred", Mix::Deferred),
    ("held", Mix::Held),
];

/// SplitMix64.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.roll() % end
    }

    fn one_of<T: Clone>(&mut self, those: &[T]) -> T {
        those[usize::try_from(self.below(those.len() as u64)).expect("it was a length")].clone()
    }
}

/// The planner, filled from events as in the service.
struct Scale {
    mix: Mix,
    planner: Planner,
    now: Now,
    dice: Dice,
    tenants: Vec<Tenant>,
    addresses: Vec<Address>,
    policies: Vec<Arc<Policy>>,
    accepted: u64,
}

impl Scale {
    fn new(mix: Mix, size: u64) -> Self {
        let now = Now { wall: START, monotonic: Duration::ZERO };
        let mut planner = Planner::new();
        let name: RelayName = "primary".parse().expect("a literal name");
        let relay = RelayPlan { name: name.clone(), limits: limits(100), is_changed: false };
        let route = ("default".parse().expect("a literal name"), vec![name]);
        let configured = planner.handle_configured(&[relay], &[route], &Pacing::default(), now);
        configured.expect("there is room");
        planner.handle_all_loaded();
        let many = if mix == Mix::One { 1 } else { (size / SHARE).clamp(1, MANY) };
        let tenant = |n: u64| format!("tenant{n}").parse().expect("a name");
        let address = |n: u64| format!("someone@domain-{n}.example").parse().expect("an address");
        let policy = |priority: &Priority| {
            Arc::new(Policy { expires_after: Duration::from_secs(7 * 86_400), ..policy(*priority) })
        };
        Self {
            mix,
            planner,
            now,
            dice: Dice(1),
            tenants: (0..many).map(tenant).collect(),
            addresses: (0..many).map(address).collect(),
            policies: Priority::ALL.iter().map(policy).collect(),
            accepted: 0,
        }
    }

    fn pass(&mut self, span: Duration) {
        self.now = Now { wall: self.now.wall.plus(span), monotonic: self.now.monotonic + span };
    }

    fn record(
        &mut self,
        message: MessageId,
        ordinal: Ordinal,
        version: u32,
        tenant: Tenant,
        event: MailEvent,
    ) {
        let recorded = Recorded {
            position: Position(0),
            stream: Stream::Message(message),
            ordinal,
            version,
            epoch: Epoch(1),
            tenant,
            at: self.now.wall,
            hash: [0; 32],
            event: Event::Mail(event),
        };
        self.planner.handle_event(&recorded, self.now);
    }

    fn id(number: u64) -> MessageId {
        let mut random = [0; 10];
        random[..8].copy_from_slice(&Dice(number).roll().to_be_bytes());
        MessageId::new(START, random)
    }

    fn accept(&mut self) {
        self.pass(Duration::from_micros(1));
        let id = Self::id(self.accepted);
        self.accepted += 1;
        let tenant = self.dice.one_of(&self.tenants);
        let recipient = self.dice.one_of(&self.addresses);
        let policy = self.dice.one_of(&self.policies);
        let personal = QueuedPersonal {
            from: Mailbox { name: None, address: self.addresses[0].clone() },
            return_path: self.addresses[0].clone(),
            recipients: vec![recipient],
            subject: String::new(),
            tags: Vec::new(),
            metadata: BTreeMap::new(),
        };
        let later = self.now.wall.plus(Duration::from_micros(self.dice.below(DAY)));
        let content = postledger_core::content::Content { salt: [0; 16], bytes: Default::default() };
        let queued = Queued {
            source: Source::api(),
            by: Actor::system(),
            kinds: vec![RecipientKind::To],
            // As from the ledger: equal, and not the same.
            policy: Arc::new((*policy).clone()),
            send_at: (self.mix == Mix::Later).then_some(later),
            content: content.reference(),
            idempotency: None,
            message_id_header: String::new(),
            personal: Some(personal),
        };
        self.record(id, Ordinal::MESSAGE, 1, tenant.clone(), MailEvent::Queued(Arc::new(queued)));
        let first = Ordinal(1);
        match self.mix {
            Mix::One | Mix::Now | Mix::Later => {}
            Mix::Held => {
                let held = MailEvent::Held { reason: HoldReason::Operator, by: Actor::control() };
                self.record(id, first, 1, tenant, held);
            }
            Mix::Deferred => {
                let relay = "primary".parse().expect("a literal name");
                let attempted = MailEvent::Attempted(Attempted { attempt: 1, relay, head: None });
                self.record(id, first, 1, tenant.clone(), attempted);
                let reason = Deferral::Transient(reply(451));
                self.record(id, first, 2, tenant, MailEvent::Deferred { attempt: 1, reason, due: later });
            }
        }
    }
}

impl Scale {
    /// Two events for each: held and released, or the other way round.
    fn fold(&mut self, steps: u64) {
        let stride = self.accepted / steps;
        for step in 0..steps {
            let id = Self::id(step * stride);
            let hold = MailEvent::Held { reason: HoldReason::Operator, by: Actor::control() };
            let release = MailEvent::Released { by: Actor::control() };
            let (known, events) = match self.mix {
                Mix::One | Mix::Now | Mix::Later => (0, [hold, release]),
                Mix::Deferred => (2, [hold, release]),
                Mix::Held => (1, [release, hold]),
            };
            for (version, event) in (known + 1..).zip(events) {
                self.record(id, Ordinal(1), version, Tenant::default_tenant(), event);
            }
        }
    }

    /// What the service does for each delivery that it sends.
    fn send(&mut self, steps: u64) {
        for _ in 0..steps {
            self.pass(Duration::from_micros(1));
            let job = self.planner.poll_start_at(PRIMARY, self.now).expect("something is due");
            let relay = "primary".parse().expect("a literal name");
            let attempted = MailEvent::Attempted(Attempted { attempt: 1, relay, head: None });
            let delivered = MailEvent::Delivered { attempt: 1, reply: reply(250) };
            let (id, version) = (job.id, job.version);
            self.record(id.message, id.ordinal, version + 1, job.tenant.clone(), attempted);
            self.planner.handle_outcome(lease(&job), &accepted(), self.now.monotonic, self.now, 0.5);
            self.planner.handle_slot_free(lease(&job), self.now);
            self.record(id.message, id.ordinal, version + 2, job.tenant, delivered);
            self.planner.handle_ended(id, None, self.now);
            self.planner.take_finished();
        }
    }

    /// Time passes until about so many are due, and they are put into their lanes.
    fn fall_due(&mut self, steps: u64) {
        self.pass(Duration::from_micros(DAY / self.accepted * steps));
        while self.planner.poll_timeout(self.now).is_some_and(|wait| wait.is_zero()) {
            self.planner.advance(self.now);
        }
    }

    fn ready(&self) -> u64 {
        let entries = self.planner.entries.all().filter_map(|slot| self.planner.entries.entry(slot));
        entries.filter(|entry| entry.place == Place::Ready).count() as u64
    }
}

/// What one run comes to.
#[derive(Debug, Default)]
struct Figures {
    /// Bytes asked for, a delivery.
    bytes_allocated: f64,
    /// Bytes that the process grew by: with what the allocator keeps for itself.
    bytes_resident: f64,
    queued_per_s: f64,
    slowest_queued_ms: f64,
    folded_per_s: f64,
    started_and_ended_per_s: Option<f64>,
    fallen_due_per_s: Option<f64>,
}

impl Figures {
    fn print(&self) {
        let figures = [
            ("bytes_allocated", Some(self.bytes_allocated)),
            ("bytes_resident", Some(self.bytes_resident)),
            ("queued_per_s", Some(self.queued_per_s)),
            ("slowest_queued_ms", Some(self.slowest_queued_ms)),
            ("folded_per_s", Some(self.folded_per_s)),
            ("started_and_ended_per_s", self.started_and_ended_per_s),
            ("fallen_due_per_s", self.fallen_due_per_s),
        ];
        for (name, value) in figures {
            value.inspect(|value| println!("figure {name} {value}"));
        }
    }
}

fn measure(mix: Mix, size: u64) -> Figures {
    let mut scale = Scale::new(mix, size);
    let before = resident();
    let mut slowest = Duration::ZERO;
    let mut filling = Duration::ZERO;
    let counted = allocation_counter::measure(|| {
        filling = timed(|| {
            for _ in 0..size {
                slowest = slowest.max(timed(|| scale.accept()));
            }
        });
    });
    let grown = resident().saturating_sub(before);
    let (count, steps) = (float(size), STEPS.min(size / 10));
    let mut figures = Figures {
        bytes_allocated: float(u64::try_from(counted.bytes_current).expect("it holds something")) / count,
        bytes_resident: float(grown) / count,
        queued_per_s: count / filling.as_secs_f64(),
        slowest_queued_ms: slowest.as_secs_f64() * 1000.0,
        folded_per_s: 2.0 * float(steps) / timed(|| scale.fold(steps)).as_secs_f64(),
        ..Figures::default()
    };
    match mix {
        Mix::One | Mix::Now => {
            let took = timed(|| scale.send(steps));
            figures.started_and_ended_per_s = Some(float(steps) / took.as_secs_f64());
        }
        Mix::Later | Mix::Deferred => {
            let before = scale.ready();
            let took = timed(|| scale.fall_due(steps));
            figures.fallen_due_per_s = Some(float(scale.ready() - before) / took.as_secs_f64());
        }
        Mix::Held => {}
    }
    figures
}

#[expect(clippy::cast_precision_loss, reason = "figures are rounded")]
fn float(count: u64) -> f64 {
    count as f64
}

/// The processor's time of this thread alone: the planner never waits, and others may use the machine meanwhile.
fn timed(act: impl FnOnce()) -> Duration {
    let now = || {
        let spent = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        Duration::try_from(spent).expect("it has run for some time")
    };
    let began = now();
    act();
    now() - began
}

/// Bytes of this process that are in memory.
fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("Linux tells");
    let pages: u64 = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok()).expect("its second field");
    pages * rustix::param::page_size() as u64
}

/// The run that the environment asks for, as lines of name and value; or the short form.
#[test]
fn a_pending_delivery_takes_few_bytes() {
    let asked = |name: &str| std::env::var(format!("POSTLEDGER_QUEUE_{name}")).ok();
    if let (Some(mix), Some(size)) = (asked("MIX"), asked("SIZE")) {
        let (_, mix) = MIXES.into_iter().find(|(name, _)| *name == mix).expect("a mix");
        let figures = measure(mix, size.parse().expect("a number"));
        figures.print();
        return;
    }
    for (name, mix) in MIXES {
        // The mix that takes most, and of the others enough to tell.
        let figures = measure(mix, if mix == Mix::Now { 100_000 } else { 10_000 });
        assert!((50.0..BAR).contains(&figures.bytes_allocated), "{name}: {figures:?}");
    }
}
