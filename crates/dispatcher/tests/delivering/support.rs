//! A bench for the dispatcher: a ledger in memory, a clock, and a server that follows a script.
#![allow(dead_code, reason = "each test file uses its own part of the bench")]

pub mod gate;
pub mod proxy;
pub mod server;

use bytes::Bytes;
use postledger_core::clock::{Clock, Entropy};
use postledger_core::content::Content;
use postledger_core::delivery::{Command, Given, decide};
use postledger_core::event::{Event, MailEvent, Queued, QueuedPersonal, RecipientKind, Recorded};
use postledger_core::id::{MessageId, Ordinal, Stream};
use postledger_core::ledger::{Append, Ledger, Submission};
use postledger_core::memory::MemoryLedger;
use postledger_core::message::Message;
use postledger_core::name::{Actor, Source, Tenant};
use postledger_core::policy::{OnUnknown, Policy, Priority, RetryPolicy};
use postledger_core::time::Timestamp;
use postledger_dispatcher::{Dispatcher, DispatcherOptions, Pacing, RelayConfig, Route, Timeouts, TlsMode};
use server::Server;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::Instant;

pub const START: Timestamp = Timestamp::from_micros(1_796_115_600_000_000);

/// Runs with the runtime's clock from a fixed beginning.
pub struct TestClock(Instant);

impl Default for TestClock {
    fn default() -> Self {
        Self(Instant::now())
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        START.plus(self.0.elapsed())
    }
}

/// A fixed sequence.
#[derive(Default)]
pub struct TestEntropy(AtomicU64);

impl Entropy for TestEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        for byte in bytes {
            let n = self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
            *byte = n.to_le_bytes()[7];
        }
    }
}

pub fn short() -> Timeouts {
    let ms = Duration::from_millis;
    Timeouts {
        connect: ms(400),
        banner: ms(400),
        command: ms(400),
        data: ms(400),
        body: ms(400),
        dot: ms(400),
        quit: ms(200),
    }
}

pub fn relay(name: &str, server: &Server) -> RelayConfig {
    RelayConfig {
        name: name.parse().expect("a literal name"),
        host: "127.0.0.1".into(),
        port: server.port(),
        tls: TlsMode::Off,
        credentials: None,
        max_connections: 4,
        max_per_second: None,
        timeouts: short(),
        source_address: None,
        proxy: None,
        ca_file: None,
        hello_name: "sender.example".into(),
    }
}

pub fn route(relays: &[RelayConfig]) -> Route {
    Route {
        name: "default".parse().expect("a literal name"),
        relays: relays.iter().map(|relay| relay.name.clone()).collect(),
        takes: Default::default(),
    }
}

/// Retries soon, and holds what is unknown so that it stays visible.
pub fn policy() -> Policy {
    Policy {
        retry: RetryPolicy { max_attempts: None, schedule: [Duration::from_secs(3600)].into() },
        on_unknown: OnUnknown::Hold,
        ..Policy::default()
    }
}

pub fn with_priority(priority: Priority) -> Policy {
    Policy { priority, ..policy() }
}

pub fn submission(n: u32, policy: Policy, recipients: &[&str], content: &[u8]) -> Submission {
    let content = Content { salt: [7; 16], bytes: Bytes::copy_from_slice(content) };
    let mut random = [0; 10];
    random[..4].copy_from_slice(&n.to_be_bytes());
    random[6..].copy_from_slice(&n.to_be_bytes());
    Submission {
        id: MessageId::new(START, random),
        tenant: Tenant::default_tenant(),
        at: START,
        queued: Arc::new(Queued {
            source: Source::api(),
            by: Actor::system(),
            kinds: vec![RecipientKind::To; recipients.len()],
            policy: Arc::new(policy),
            send_at: None,
            content: content.reference(),
            idempotency: None,
            message_id_header: format!("<{n}@shop.example>"),
            personal: Some(QueuedPersonal {
                from: "shop@shop.example".parse().expect("a literal address"),
                return_path: "bounce@shop.example".parse().expect("a literal address"),
                recipients: recipients.iter().map(|r| r.parse().expect("a literal address")).collect(),
                subject: "Order".into(),
                tags: vec![],
                metadata: Default::default(),
            }),
        }),
        content,
    }
}

pub const CONTENT: &[u8] = b"Subject: Order\r\n\r\nHello\r\n.dotted\r\n";

/// A ledger, and a dispatcher that delivers from it.
pub struct Bench {
    pub ledger: Arc<MemoryLedger>,
    pub clock: Arc<TestClock>,
    pub relays: Vec<RelayConfig>,
    pub dispatcher: Option<Arc<Dispatcher>>,
}

impl Bench {
    pub fn new(relays: Vec<RelayConfig>) -> Self {
        Self {
            ledger: Arc::new(MemoryLedger::default()),
            clock: Arc::new(TestClock::default()),
            relays,
            dispatcher: None,
        }
    }

    pub async fn started(relays: Vec<RelayConfig>) -> Self {
        let mut bench = Self::new(relays);
        bench.start().await;
        bench
    }

    pub async fn start(&mut self) {
        self.start_on(self.ledger.clone()).await;
    }

    pub async fn start_on(&mut self, ledger: Arc<dyn Ledger>) {
        let options = DispatcherOptions { ledger, ..self.options() };
        self.dispatcher = Some(Dispatcher::start(options).await.expect("it starts"));
    }

    pub fn options(&self) -> DispatcherOptions {
        DispatcherOptions {
            pacing: Pacing::default(),
            routes: vec![route(&self.relays)],
            relays: self.relays.clone(),
            dkim: Default::default(),
            ledger: self.ledger.clone(),
            clock: self.clock.clone(),
            entropy: Arc::new(TestEntropy::default()),
            in_flight: None,
        }
    }

    /// Carries out a command on the first delivery, as others do beside the dispatcher.
    pub async fn command(&self, id: MessageId, command: Command) {
        let message = self.message(id);
        let given = Given { now: self.clock.now(), jitter: 0.5 };
        let delivery = message.delivery(Ordinal(1)).expect("a first delivery");
        let events = decide(Some(&delivery.state), command, &given).expect("the state allows it");
        let append = Append::to_delivery(&message, Ordinal(1), given.now, events);
        self.ledger.append(append).await.expect("nobody else appends");
    }

    pub fn dispatcher(&self) -> &Arc<Dispatcher> {
        self.dispatcher.as_ref().expect("it was started")
    }

    pub async fn submit(&self, submission: Submission) -> MessageId {
        let id = submission.id;
        self.ledger.submit(vec![submission]).await.expect("the ledger takes it");
        id
    }

    pub async fn send(&self, n: u32) -> MessageId {
        self.submit(submission(n, policy(), &["ann@example.net"], CONTENT)).await
    }

    pub fn events(&self, id: MessageId) -> Vec<Recorded> {
        let mut events = self.ledger.events();
        events.retain(|event| event.stream == Stream::Message(id));
        events
    }

    pub fn message(&self, id: MessageId) -> Message {
        Message::fold(&self.events(id)).expect("a whole history").expect("it was accepted")
    }

    /// Kinds of its events, as `queued attempted delivered`.
    pub fn kinds(&self, id: MessageId) -> String {
        let kinds: Vec<_> = self.events(id).iter().map(|event| event.event.kind()).collect();
        kinds.join(" ")
    }

    /// Waits until its events satisfy `is_so`, which they must within seconds.
    pub async fn until(&self, id: MessageId, is_so: impl Fn(&str) -> bool) -> String {
        let events = Watch::on(&*self.ledger);
        let waited = tokio::time::timeout(Duration::from_secs(20), async {
            while !is_so(&self.kinds(id)) {
                events.0.notified().await;
            }
        });
        let is_so = waited.await.is_ok();
        assert!(is_so, "still {}: {:?}", self.kinds(id), self.ends(id));
        self.kinds(id)
    }

    /// Waits for the outcome of an attempt and gives the whole history.
    pub async fn outcome(&self, id: MessageId) -> String {
        const ENDS: [&str; 5] = ["delivered", "deferred", "failed", "unknown", "held"];
        self.until(id, |kinds| ENDS.iter().any(|end| kinds.contains(end))).await
    }

    /// What each attempt came to, as far as events tell.
    pub fn ends(&self, id: MessageId) -> Vec<MailEvent> {
        self.events(id)
            .into_iter()
            .filter_map(|recorded| match recorded.event {
                Event::Mail(event @ (MailEvent::Delivered { .. } | MailEvent::Deferred { .. })) => {
                    Some(event)
                }
                Event::Mail(event @ (MailEvent::Unknown { .. } | MailEvent::Failed { .. })) => Some(event),
                _ => None,
            })
            .collect()
    }

    pub async fn stop(&mut self) {
        if let Some(dispatcher) = self.dispatcher.take() {
            dispatcher.shutdown(Duration::from_secs(5)).await;
        }
    }
}

/// Wakes at every commit.
pub struct Watch(pub Arc<tokio::sync::Notify>);

struct Bell(Arc<tokio::sync::Notify>);

impl postledger_core::ledger::Subscriber for Bell {
    fn committed(&self, _: &Arc<postledger_core::ledger::Committed>) {
        self.0.notify_one();
    }
}

impl Watch {
    pub fn on(ledger: &dyn Ledger) -> Self {
        let notify = Arc::new(tokio::sync::Notify::new());
        ledger.subscribe(Arc::new(Bell(notify.clone())));
        Self(notify)
    }
}

pub fn is_not_sent(event: &MailEvent) -> bool {
    matches!(event, MailEvent::Deferred { reason: postledger_core::event::Deferral::NotSent(_), .. })
}
