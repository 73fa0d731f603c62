//! A ledger that is the same, byte by byte, whenever and wherever it is made: one message for each kind of story.

use postledger_core::clock::{Clock, Entropy};
use postledger_core::content::Content;
use postledger_core::delivery::{Command, Given, decide};
use postledger_core::event::{Event, HoldReason, Queued, QueuedPersonal, RecipientKind, Resolution};
use postledger_core::id::{KeyId, MessageId, Ordinal, Stream};
use postledger_core::key::{KeyCreated, KeyEvent, Scope};
use postledger_core::ledger::{Append, Change, Ledger, Submission};
use postledger_core::message::Message;
use postledger_core::name::{Actor, Source, Tenant};
use postledger_core::outcome::{NotSent, Outcome, Stage, Trouble};
use postledger_core::policy::{OnUnknown, Policy, Priority};
use postledger_core::reply::{Enhanced, Reply};
use postledger_core::time::Timestamp;
use postledger_store::{LedgerOptions, SqliteLedger};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

/// A Monday at nine, long ago: nothing in the ledger is yet to come, but for what is scheduled for the next century.
fn beginning() -> Timestamp {
    "2026-01-05T09:00:00Z".parse().unwrap()
}

struct Standing;

impl Clock for Standing {
    fn now(&self) -> Timestamp {
        beginning()
    }
}

struct Counting(AtomicU8);

impl Entropy for Counting {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(self.0.fetch_add(1, Ordering::Relaxed));
    }
}

/// One message, and the clock of its story.
struct Story {
    ledger: Arc<SqliteLedger>,
    id: MessageId,
    now: Timestamp,
}

/// Makes the ledger in `dir`.
pub async fn make(dir: &Path) {
    let entropy = Arc::new(Counting(AtomicU8::new(1)));
    let options = LedgerOptions {
        dir: dir.to_owned(),
        anchor: None,
        program_version: "0.1.0".into(),
        clock: Arc::new(Standing),
        entropy,
    };
    let ledger = SqliteLedger::open(options).await.unwrap();
    keys(&ledger).await;
    let begin =
        |n: u8, recipients: &'static [&'static str], policy: Policy, send_at: Option<&'static str>| {
            begin(ledger.clone(), n, recipients, policy, send_at)
        };
    let one = &["ann@example.net"];
    let usual = Policy::default;
    let hold = || Policy { on_unknown: OnUnknown::Hold, ..Policy::default() };
    let dropped = || Outcome::Unknown(Trouble::Closed);

    begin(1, one, usual(), None).await.attempt("primary", 130, accepted()).await;

    let mut twice = begin(2, one, usual(), None).await;
    twice.attempt("primary", 90, later()).await;
    twice.wait(10_000).attempt("primary", 2_500, later()).await;
    twice.wait(60_000).attempt("primary", 80, accepted()).await;

    let critical = Policy { priority: Priority::Critical, ..Policy::default() };
    let mut failover = begin(3, one, critical, None).await;
    let nobody = NotSent { stage: Stage::Connect, trouble: Trouble::Timeout, reply: None };
    failover.attempt_of_several("primary", 5_000, Outcome::NotSent(nobody)).await;
    failover.attempt("backup", 120, accepted()).await;

    begin(4, one, usual(), None).await.attempt("primary", 60, refused()).await;

    let mut again = begin(5, one, usual(), None).await;
    again.attempt("primary", 600_000, Outcome::Unknown(Trouble::Timeout)).await;
    again.wait(10_000).attempt("primary", 95, accepted()).await;

    begin(6, one, hold(), None).await.attempt("primary", 40, dropped()).await;

    let mut resolved = begin(7, one, hold(), None).await;
    resolved.attempt("primary", 40, dropped()).await;
    let reason = "the relay has it in its log".to_owned();
    resolved.wait(3_900_000).then(1, Command::Resolve(Resolution::Delivered, reason, Actor::control())).await;

    let mut released = begin(8, one, usual(), None).await;
    released.wait(400).then(1, Command::Hold(HoldReason::Operator, Actor::control())).await;
    released.wait(90_000_000).then(1, Command::Release(Actor::control())).await;

    let mut cancelled = begin(9, one, usual(), Some("2026-01-06T09:00:00Z")).await;
    cancelled.wait(2_000).then(1, Command::Cancel(Actor::control())).await;

    begin(10, one, usual(), Some("2126-01-05T09:00:00Z")).await;

    let mut redriven = begin(11, one, usual(), None).await;
    redriven.attempt("primary", 60, refused()).await;
    redriven.wait(7_200_000).then(1, Command::Redrive(None, Actor::control())).await;
    redriven.wait(20).attempt("primary", 75, accepted()).await;

    let mut three =
        begin(12, &["ann@example.net", "bob@example.net", "eve@example.net"], usual(), None).await;
    three.attempt("primary", 130, accepted()).await;
    three.attempt_for(2, "primary", 20, refused(), false).await;
    three.attempt_for(3, "primary", 25, later(), false).await;
    three.wait(1_000).then(3, Command::Hold(HoldReason::Operator, Actor::control())).await;
    ledger.close().await.unwrap();
}

fn accepted() -> Outcome {
    Outcome::Accepted(reply(250, 2, "queued as 4F1A"))
}

fn later() -> Outcome {
    Outcome::Transient(reply(451, 4, "greylisted, come back"))
}

fn refused() -> Outcome {
    Outcome::Permanent(reply(550, 5, "no such user here"))
}

fn reply(code: u16, class: u16, text: &str) -> Reply {
    Reply { code, enhanced: Some(Enhanced { class, subject: 1, detail: 0 }), text: text.into() }
}

async fn keys(ledger: &Arc<SqliteLedger>) {
    let key = |n: u8, version: u32, event: KeyEvent| Append {
        stream: Stream::Key(KeyId([n; 8])),
        tenant: Tenant::default_tenant(),
        at: beginning(),
        message_version: None,
        changes: Change::run(Ordinal::MESSAGE, version, [Event::Key(event)]),
    };
    let created = |expires_at: Option<&str>, scopes: &[Scope]| {
        let expires_at = expires_at.map(|at| at.parse().unwrap());
        let scopes = scopes.iter().copied().collect();
        KeyEvent::Created(KeyCreated { digest: [7; 32], scopes, expires_at, by: Actor::control() })
    };
    let all = [
        key(0xa1, 0, created(None, &[Scope::Send, Scope::Read])),
        key(0xb2, 0, created(Some("2026-02-05T09:00:00Z"), &[Scope::Admin])),
        key(0xc3, 0, created(None, &[Scope::Operate])),
        key(0xc3, 1, KeyEvent::Revoked { by: Actor::control() }),
    ];
    for append in all {
        ledger.append(append).await.unwrap();
    }
}

async fn begin(
    ledger: Arc<SqliteLedger>,
    n: u8,
    recipients: &[&str],
    policy: Policy,
    send_at: Option<&str>,
) -> Story {
    let at = beginning().plus(Duration::from_secs(60 * u64::from(n)));
    let content =
        Content { salt: [n; 16], bytes: format!("Subject: Order {n}\r\n\r\nHello\r\n").into_bytes().into() };
    let personal = QueuedPersonal {
        from: "Shop <no-reply@shop.example>".parse().unwrap(),
        return_path: "bounces@shop.example".parse().unwrap(),
        recipients: recipients.iter().map(|address| address.parse().unwrap()).collect(),
        subject: format!("Order {n}"),
        tags: vec!["order".into()],
        metadata: [("order".to_owned(), n.to_string())].into(),
    };
    let queued = Queued {
        source: Source::api(),
        by: Actor::control(),
        kinds: vec![RecipientKind::To; recipients.len()],
        policy: Arc::new(policy),
        send_at: send_at.map(|at| at.parse().unwrap()),
        content: content.reference(),
        idempotency: None,
        message_id_header: format!("<{n}@shop.example>"),
        personal: Some(personal),
    };
    let id = MessageId::new(at, [n; 10]);
    let submission =
        Submission { id, tenant: Tenant::default_tenant(), at, queued: Arc::new(queued), content };
    ledger.submit(vec![submission]).await.unwrap();
    Story { ledger, id, now: at }
}

impl Story {
    fn wait(&mut self, millis: u64) -> &mut Self {
        self.now = self.now.plus(Duration::from_millis(millis));
        self
    }

    async fn then(&mut self, ordinal: u16, command: Command) {
        let history = self.ledger.histories(vec![self.id]).await.unwrap().remove(0);
        let message = Message::fold(&history).unwrap().unwrap();
        let state = &message.delivery(Ordinal(ordinal)).unwrap().state;
        let events = decide(Some(state), command, &Given { now: self.now, jitter: 0.5 }).unwrap();
        self.ledger.append(Append::to_delivery(&message, Ordinal(ordinal), self.now, events)).await.unwrap();
    }

    async fn attempt(&mut self, relay: &str, took_ms: u64, outcome: Outcome) {
        self.attempt_for(1, relay, took_ms, outcome, false).await;
    }

    async fn attempt_of_several(&mut self, relay: &str, took_ms: u64, outcome: Outcome) {
        self.attempt_for(1, relay, took_ms, outcome, true).await;
    }

    async fn attempt_for(
        &mut self,
        ordinal: u16,
        relay: &str,
        took_ms: u64,
        outcome: Outcome,
        another_relay: bool,
    ) {
        self.wait(3).then(ordinal, Command::Begin { relay: relay.parse().unwrap(), head: None }).await;
        let history = self.ledger.histories(vec![self.id]).await.unwrap().remove(0);
        let message = Message::fold(&history).unwrap().unwrap();
        let attempt = message.delivery(Ordinal(ordinal)).unwrap().state.attempts;
        self.wait(took_ms).then(ordinal, Command::Conclude { attempt, outcome, another_relay }).await;
    }
}
