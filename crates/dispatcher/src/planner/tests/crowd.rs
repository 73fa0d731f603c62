//! Many tenants, many domains, two relays, in virtual time.

use super::*;
use postledger_core::address::Address;
use postledger_core::event::QueuedPersonal;
use std::collections::BTreeMap;

/// A planner and what it has handed out.
pub(super) struct Crowd {
    pub planner: Planner,
    pub now: Now,
    accepted: u64,
    versions: BTreeMap<DeliveryId, u32>,
    pub in_flight: Vec<Job>,
}

/// Who has mail, for where, and how urgent it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mail<'a> {
    pub tenant: &'a str,
    pub domain: &'a str,
    pub priority: Priority,
}

pub(super) const MAIL: Mail<'_> =
    Mail { tenant: "default", domain: "example.net", priority: Priority::Normal };

impl Crowd {
    /// One relay, and what domains take: pattern, connections, rate.
    pub(super) fn new(limits: RelayLimits, rules: &[(&str, usize, Option<f64>)]) -> Self {
        let now = Now { wall: START, monotonic: Duration::ZERO };
        let (planner, versions, in_flight) = (Planner::new(), BTreeMap::new(), Vec::new());
        let mut crowd = Self { planner, now, accepted: 0, versions, in_flight };
        crowd.configure(limits, false, rules);
        crowd.planner.handle_all_loaded();
        crowd
    }

    /// The relay is this now; another one where it `is_changed`.
    pub(super) fn configure(
        &mut self,
        limits: RelayLimits,
        is_changed: bool,
        rules: &[(&str, usize, Option<f64>)],
    ) {
        let rule =
            |&(domain, max_connections, max_per_second): &(&str, usize, Option<f64>)| DestinationLimits {
                domain: domain.parse().expect("a literal pattern"),
                max_connections: Some(max_connections),
                max_per_second,
            };
        let pacing = Pacing { destinations: rules.iter().map(rule).collect(), ..Pacing::default() };
        let name: RelayName = "primary".parse().expect("a literal name");
        let relay = RelayPlan { name: name.clone(), limits, is_changed };
        let route = ("default".parse().expect("a literal name"), vec![name]);
        self.planner.handle_configured(&[relay], &[route], &pacing, self.now).expect("there is room");
    }

    pub(super) fn pass(&mut self, span: Duration) {
        self.now = Now { wall: self.now.wall.plus(span), monotonic: self.now.monotonic + span };
    }

    pub(super) fn accept(&mut self, mail: Mail<'_>) -> MessageId {
        self.accepted += 1;
        self.pass(Duration::from_micros(1));
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.accepted.to_be_bytes());
        let message = MessageId::from_bytes(bytes);
        let recipient: Address = format!("someone@{}", mail.domain).parse().expect("an address");
        let content = postledger_core::content::Content { salt: [0; 16], bytes: Default::default() };
        let personal = QueuedPersonal {
            from: postledger_core::address::Mailbox { name: None, address: recipient.clone() },
            return_path: recipient.clone(),
            recipients: vec![recipient],
            subject: String::new(),
            tags: Vec::new(),
            metadata: BTreeMap::new(),
        };
        let queued = Queued {
            source: Source::api(),
            by: Actor::system(),
            kinds: vec![RecipientKind::To],
            policy: Arc::new(policy(mail.priority)),
            send_at: None,
            content: content.reference(),
            idempotency: None,
            message_id_header: String::new(),
            personal: Some(personal),
        };
        let tenant = mail.tenant.parse().expect("a literal name");
        self.record(message, tenant, (Ordinal::MESSAGE, 1), MailEvent::Queued(Arc::new(queued)));
        message
    }

    fn record(
        &mut self,
        message: MessageId,
        tenant: Tenant,
        (ordinal, version): (Ordinal, u32),
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

    /// Starts what can start now.
    pub(super) fn start_all(&mut self) -> usize {
        let before = self.in_flight.len();
        self.in_flight.extend(std::iter::from_fn(|| self.planner.poll_start(self.now)));
        self.in_flight.len() - before
    }

    /// Ends the attempt that began first.
    pub(super) fn end_first(&mut self, outcome: Outcome) -> Job {
        let job = self.in_flight.remove(0);
        self.end(&job, outcome);
        job
    }

    pub(super) fn end(&mut self, job: &Job, outcome: Outcome) {
        let given = Given { now: self.now.wall, jitter: 0.5 };
        self.planner.handle_outcome(lease(job), &outcome, self.now.monotonic, self.now, 1.0);
        let relay = "primary".parse().expect("a literal name");
        let begin =
            decide(Some(&job.state), Command::Begin { relay, head: None }, &given).expect("it is due");
        let state = begin
            .iter()
            .try_fold(job.state.clone(), |state, event| apply(Some(state), job.id.ordinal, given.now, event));
        let state = state.expect("legal");
        let conclude = Command::Conclude { attempt: state.attempts, outcome, another_relay: false };
        let end = decide(Some(&state), conclude, &given).expect("it is open");
        for event in begin.into_iter().chain(end) {
            let version = self.versions.entry(job.id).or_default();
            *version += 1;
            let at = (job.id.ordinal, *version);
            self.record(job.id.message, job.tenant.clone(), at, event);
        }
        self.planner.handle_slot_free(lease(job), self.now);
        self.planner.handle_ended(job.id, None, self.now);
    }

    pub(super) fn is_under_way(&self, message: MessageId) -> bool {
        self.in_flight.iter().any(|job| job.id.message == message)
    }
}
