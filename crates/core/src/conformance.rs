//! What every ledger must do, as cases that any implementation can run: each takes a fresh, empty ledger.

use crate::address::{Address, Mailbox};
use crate::content::Content;
use crate::delivery::{Command, Given, decide};
use crate::event::{
    Event, Idempotency, MailEvent, NodeEvent, Queued, QueuedPersonal, RecipientKind, Recorded,
};
use crate::id::{KeyId, MessageId, Ordinal, Position, Stream};
use crate::key::{KeyCreated, KeyEvent, Scope};
use crate::ledger::{
    Append, BoxFuture, Change, Committed, Ledger, LedgerError, Submission, Submitted, Subscriber,
};
use crate::message::Message;
use crate::name::{Actor, Source, Tenant};
use crate::outcome::Outcome;
use crate::policy::Policy;
use crate::reply::Reply;
use crate::time::Timestamp;
use bytes::Bytes;
use std::sync::{Arc, Mutex, PoisonError};

/// A case: what went wrong, in words.
pub type Case = fn(Arc<dyn Ledger>) -> BoxFuture<'static, Result<(), String>>;

/// Every case by name.
pub const CASES: &[(&str, Case)] = &[
    ("an accepted message can be read back at once", |ledger| Box::pin(reads_back(ledger))),
    ("positions rise by one and the hash changes with each event", |ledger| Box::pin(positions_rise(ledger))),
    ("a stale version is a conflict and stores nothing", |ledger| Box::pin(stale_version(ledger))),
    ("a change of the message makes a delivery's append stale", |ledger| Box::pin(stale_message(ledger))),
    ("one key makes one message, in one batch and across batches", |ledger| Box::pin(one_key(ledger))),
    ("another request under a used key is refused", |ledger| Box::pin(key_reused(ledger))),
    ("keys of other tenants do not meet", |ledger| Box::pin(keys_by_tenant(ledger))),
    ("open messages come in order, in pages, without those that ended", |ledger| {
        Box::pin(open_messages(ledger))
    }),
    ("subscribers see every commit in order", |ledger| Box::pin(subscribers(ledger))),
    ("key streams are read apart from mail", |ledger| Box::pin(key_streams(ledger))),
    ("events of the node follow what stands there", |ledger| Box::pin(node_events(ledger))),
    ("a large content comes back whole", |ledger| Box::pin(large_content(ledger))),
];

/// A submission to `recipients` addresses, with a fixed time and an id made of `n`.
pub fn submission(n: u8, recipients: u16) -> Submission {
    let content = Content { salt: [n; 16], bytes: Bytes::from(format!("Subject: {n}\r\n\r\nHello {n}\r\n")) };
    let address = |text: String| -> Address { text.parse().expect("a literal address is valid") };
    let personal = QueuedPersonal {
        from: Mailbox { name: Some("Shop".into()), address: address("shop@shop.example".into()) },
        return_path: address("bounce@shop.example".into()),
        recipients: (1..=recipients).map(|i| address(format!("r{i}@example.net"))).collect(),
        subject: format!("Nr {n}"),
        tags: vec!["order".into()],
        metadata: [("order".to_owned(), n.to_string())].into(),
    };
    let at = Timestamp::from_micros(1_796_115_600_000_000 + i64::from(n));
    Submission {
        id: MessageId::new(at, [n; 10]),
        tenant: Tenant::default_tenant(),
        at,
        queued: Arc::new(Queued {
            source: Source::api(),
            by: Actor::system(),
            kinds: vec![RecipientKind::To; usize::from(recipients)],
            policy: Arc::new(Policy::default()),
            send_at: None,
            content: content.reference(),
            idempotency: None,
            message_id_header: format!("<{n}@shop.example>"),
            personal: Some(personal),
        }),
        content,
    }
}

/// The same with an idempotency key and a request digest.
pub fn keyed(mut submission: Submission, key: u8, request: u8) -> Submission {
    let idempotency = Idempotency {
        key: [key; 32],
        request: [request; 32],
        secret: [1; 8],
        fingerprint_version: 1,
        keep_until: Timestamp::from_micros(i64::MAX),
    };
    Arc::make_mut(&mut submission.queued).idempotency = Some(idempotency);
    submission
}

macro_rules! ensure {
    ($condition:expr) => {
        if !$condition {
            return Err(format!("line {}: {}", line!(), stringify!($condition)));
        }
    };
}

fn said(error: LedgerError) -> String {
    error.to_string()
}

async fn accept(ledger: &Arc<dyn Ledger>, submissions: Vec<Submission>) -> Result<Vec<Submitted>, String> {
    ledger.submit(submissions).await.map_err(said)
}

async fn message(ledger: &Arc<dyn Ledger>, id: MessageId) -> Result<Message, String> {
    let history = ledger.histories(vec![id]).await.map_err(said)?.remove(0);
    Message::fold(&history).map_err(|broken| broken.to_string())?.ok_or_else(|| "no such message".into())
}

/// Carries out a command on a delivery, as it stands in the ledger.
pub async fn command(
    ledger: &Arc<dyn Ledger>,
    id: MessageId,
    ordinal: u16,
    command: Command,
) -> Result<Vec<Recorded>, String> {
    let message = message(ledger, id).await?;
    let append = decided(&message, ordinal, command)?;
    ledger.append(append).await.map_err(said)
}

fn decided(message: &Message, ordinal: u16, command: Command) -> Result<Append, String> {
    let given = Given { now: message.created_at.plus(std::time::Duration::from_secs(1)), jitter: 0.5 };
    let state = message.delivery(Ordinal(ordinal)).map(|delivery| &delivery.state);
    let events = decide(state, command, &given).map_err(|refusal| refusal.to_string())?;
    Ok(Append::to_delivery(message, Ordinal(ordinal), given.now, events))
}

/// Begins an attempt and concludes it as accepted.
pub async fn deliver(ledger: &Arc<dyn Ledger>, id: MessageId, ordinal: u16) -> Result<(), String> {
    let relay = "primary".parse().map_err(|_| "a literal name is valid")?;
    command(ledger, id, ordinal, Command::Begin { relay, head: None }).await?;
    let attempt = message(ledger, id).await?.delivery(Ordinal(ordinal)).map_or(0, |d| d.state.attempts);
    let outcome = Outcome::Accepted(Reply { code: 250, enhanced: None, text: "ok".into() });
    command(ledger, id, ordinal, Command::Conclude { attempt, outcome, another_relay: false }).await?;
    Ok(())
}

async fn reads_back(ledger: Arc<dyn Ledger>) -> Result<(), String> {
    let given = submission(1, 2);
    let answer = accept(&ledger, vec![given.clone()]).await?;
    let [Submitted::Accepted(recorded)] = &answer[..] else { return Err(format!("{answer:?}")) };
    ensure!(recorded.event == Event::Mail(MailEvent::Queued(given.queued.clone())));
    ensure!(ledger.head().position == recorded.position && ledger.head().hash == recorded.hash);
    let histories = ledger.histories(vec![MessageId::from_bytes([9; 16]), given.id]).await.map_err(said)?;
    ensure!(histories[0].is_empty());
    ensure!(histories[1] == [recorded.as_ref().clone()]);
    ensure!(ledger.content(given.id).await == Ok(Some(given.content)));
    ensure!(ledger.content(MessageId::from_bytes([9; 16])).await == Ok(None));
    Ok(())
}

async fn positions_rise(ledger: Arc<dyn Ledger>) -> Result<(), String> {
    let start = ledger.head().position;
    let ids: Vec<_> = (1..=5).map(|n| submission(n, 1)).collect();
    accept(&ledger, ids.clone()).await?;
    for submission in &ids {
        deliver(&ledger, submission.id, 1).await?;
    }
    let histories = ledger.histories(ids.iter().map(|s| s.id).collect()).await.map_err(said)?;
    let mut events: Vec<_> = histories.into_iter().flatten().collect();
    events.sort_by_key(|event| event.position);
    let positions: Vec<_> = events.iter().map(|event| event.position.0 - start.0).collect();
    ensure!(positions == (1..=15).collect::<Vec<_>>());
    ensure!(events.windows(2).all(|pair| pair[0].hash != pair[1].hash));
    ensure!(ledger.head().position.0 == start.0 + 15);
    Ok(())
}

async fn stale_version(ledger: Arc<dyn Ledger>) -> Result<(), String> {
    let id = submission(1, 1).id;
    accept(&ledger, vec![submission(1, 1)]).await?;
    let before = message(&ledger, id).await?;
    let cancel = decided(&before, 1, Command::Cancel(Actor::control()))?;
    let hold = decided(&before, 1, Command::Hold(crate::event::HoldReason::Operator, Actor::control()))?;
    ledger.append(hold).await.map_err(said)?;
    let position = ledger.head().position;
    ensure!(ledger.append(cancel).await == Err(LedgerError::Conflict));
    ensure!(ledger.head().position == position);
    ensure!(message(&ledger, id).await?.deliveries[0].version == 1);
    Ok(())
}

async fn stale_message(ledger: Arc<dyn Ledger>) -> Result<(), String> {
    let id = submission(1, 1).id;
    accept(&ledger, vec![submission(1, 1)]).await?;
    deliver(&ledger, id, 1).await?;
    let before = message(&ledger, id).await?;
    let stream = Stream::Message(id);
    let (tenant, at) = (before.tenant.clone(), before.created_at);
    let bounce = Reply { code: 550, enhanced: None, text: String::new() };
    let stale = decided(&before, 1, Command::Bounce(bounce))?;
    let changes = Change::run(Ordinal::MESSAGE, 1, [Event::Mail(MailEvent::ContentRemoved)]);
    ledger.append(Append { stream, tenant, at, message_version: Some(1), changes }).await.map_err(said)?;
    ensure!(ledger.append(stale).await == Err(LedgerError::Conflict));
    ensure!(message(&ledger, id).await?.content_removed_at.is_some());
    Ok(())
}

async fn one_key(ledger: Arc<dyn Ledger>) -> Result<(), String> {
    let first = submission(1, 1).id;
    let batch = vec![keyed(submission(1, 1), 7, 1), keyed(submission(2, 1), 7, 1)];
    let answer = accept(&ledger, batch).await?;
    ensure!(matches!(answer[0], Submitted::Accepted(_)));
    ensure!(answer[1] == Submitted::Replayed(first));
    ensure!(accept(&ledger, vec![keyed(submission(3, 1), 7, 1)]).await? == [Submitted::Replayed(first)]);
    ensure!(ledger.content(submission(2, 1).id).await == Ok(None));
    ensure!(ledger.content(submission(3, 1).id).await == Ok(None));
    Ok(())
}

async fn key_reused(ledger: Arc<dyn Ledger>) -> Result<(), String> {
    let first = submission(1, 1).id;
    accept(&ledger, vec![keyed(submission(1, 1), 7, 1)]).await?;
    let position = ledger.head().position;
    ensure!(accept(&ledger, vec![keyed(submission(2, 1), 7, 2)]).await? == [Submitted::KeyReused(first)]);
    ensure!(ledger.head().position == position);
    Ok(())
}

async fn keys_by_tenant(ledger: Arc<dyn Ledger>) -> Result<(), String> {
    accept(&ledger, vec![keyed(submission(1, 1), 7, 1)]).await?;
    let mut other = keyed(submission(2, 1), 7, 2);
    other.tenant = "other".parse().map_err(|_| "a literal name is valid")?;
    ensure!(matches!(accept(&ledger, vec![other]).await?[..], [Submitted::Accepted(_)]));
    Ok(())
}

async fn open_messages(ledger: Arc<dyn Ledger>) -> Result<(), String> {
    let ids: Vec<_> = (1..=5).map(|n| submission(n, 1).id).collect();
    accept(&ledger, (1..=5).map(|n| submission(n, 1)).collect()).await?;
    deliver(&ledger, ids[1], 1).await?;
    command(&ledger, ids[3], 1, Command::Cancel(Actor::control())).await?;
    let (mut after, mut open) = (Position(0), Vec::new());
    loop {
        let page = ledger.open_messages(after, 2).await.map_err(said)?;
        ensure!(page.len() <= 2);
        let Some(last) = page.last() else { break };
        after = last.position;
        open.extend(page.into_iter().map(|open| open.message.id));
    }
    ensure!(open == [ids[0], ids[2], ids[4]]);
    Ok(())
}

#[derive(Default)]
struct Seen(Mutex<Vec<(Position, &'static str)>>);

impl Subscriber for Seen {
    fn committed(&self, committed: &Arc<Committed>) {
        let events = committed.events.iter().map(|event| (event.position, event.event.kind()));
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(events);
    }
}

async fn subscribers(ledger: Arc<dyn Ledger>) -> Result<(), String> {
    let seen = Arc::new(Seen::default());
    ledger.subscribe(seen.clone());
    let start = ledger.head().position.0;
    accept(&ledger, vec![submission(1, 1)]).await?;
    deliver(&ledger, submission(1, 1).id, 1).await?;
    let seen = seen.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let expected: Vec<_> = (start + 1..).map(Position).zip(["queued", "attempted", "delivered"]).collect();
    ensure!(seen == expected);
    Ok(())
}

async fn key_streams(ledger: Arc<dyn Ledger>) -> Result<(), String> {
    accept(&ledger, vec![submission(1, 1)]).await?;
    let created = KeyCreated {
        digest: [3; 32],
        scopes: [Scope::Send, Scope::Read].into(),
        expires_at: None,
        by: Actor::control(),
    };
    let events = [KeyEvent::Created(created), KeyEvent::Revoked { by: Actor::control() }];
    let append = Append {
        stream: Stream::Key(KeyId([5; 8])),
        tenant: Tenant::default_tenant(),
        at: Timestamp::from_micros(1),
        message_version: None,
        changes: Change::run(Ordinal::MESSAGE, 0, events.clone().map(Event::Key)),
    };
    ledger.append(append).await.map_err(said)?;
    let read: Vec<_> =
        ledger.key_events().await.map_err(said)?.into_iter().map(|event| event.event).collect();
    ensure!(read == events.map(Event::Key));
    Ok(())
}

async fn node_events(ledger: Arc<dyn Ledger>) -> Result<(), String> {
    let mut versions = Vec::new();
    for _ in 0..2 {
        let relay = "primary".parse().map_err(|_| "a literal name")?;
        let probing = Event::Node(NodeEvent::BreakerProbing { relay });
        let append = Append {
            stream: Stream::Node,
            tenant: Tenant::default_tenant(),
            at: submission(1, 1).at,
            message_version: None,
            changes: Change::run(Ordinal::MESSAGE, 0, [probing.clone(), probing]),
        };
        let recorded = ledger.append(append).await.map_err(|error| error.to_string())?;
        versions.extend(recorded.iter().map(|recorded| recorded.version));
    }
    let rises = versions.windows(2).all(|pair| pair[1] == pair[0] + 1);
    if rises && versions.len() == 4 { Ok(()) } else { Err(format!("versions {versions:?}")) }
}

async fn large_content(ledger: Arc<dyn Ledger>) -> Result<(), String> {
    let mut large = submission(1, 1);
    large.content.bytes = (0..1_000_000u32).flat_map(|i| i.to_le_bytes()).collect();
    Arc::make_mut(&mut large.queued).content = large.content.reference();
    accept(&ledger, vec![submission(2, 1), large.clone()]).await?;
    ensure!(ledger.content(large.id).await == Ok(Some(large.content)));
    Ok(())
}
