//! An API over a ledger in memory, with a composer that renders just enough to be told apart.

use crate::caller::Peer;
use crate::{Api, Limits, Mailbox, Services, Settings};
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use postledger_core::clock::{Clock, Entropy};
use postledger_core::compose::{Composer, Draft, Rendered, Unrenderable};
use postledger_core::content::Content;
use postledger_core::event::{Event, MailEvent, Recorded};
use postledger_core::explanation::{DestinationUse, Explanation, RelayUse, RouteUse, Rule};
use postledger_core::id::{DeliveryId, MessageId, Position, Stream};
use postledger_core::ledger::{
    Append, BoxFuture, Ledger, LedgerError, LedgerHead, MessagePage, MessageQuery, OpenMessage, Submission,
    Submitted, Subscriber, Views, ViewsError,
};
use postledger_core::memory::MemoryLedger;
use postledger_core::message::Message;
use postledger_core::name::{Actor, RelayName, RouteName};
use postledger_core::outcome::{NotSent, Stage, Trouble};
use postledger_core::policy::{Policy, Priority};
use postledger_core::relay::{Breaker, Dispatching, Drill, DrillRefused, RelayStatus};
use postledger_core::route::RouteReason;
use postledger_core::secret::Secret;
use postledger_core::time::Timestamp;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

/// 2026-12-01T09:00:00Z.
pub const NOW: i64 = 1_796_115_600_000_000;

pub struct Service {
    pub api: Arc<Api>,
    pub ledger: Arc<MemoryLedger>,
    pub contended: Arc<Contended>,
    pub clock: Arc<SteeredClock>,
    pub views: Arc<ScanningViews>,
    pub mailbox: Arc<Mailbox>,
}

pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub bytes: Vec<u8>,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_else(|_| panic!("no JSON: {}", self.text()))
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Status, code, and the first field that is named.
    pub fn problem(&self) -> (u16, String, String) {
        assert_eq!(self.header("content-type"), "application/problem+json", "{}", self.text());
        let json = self.json();
        for name in ["type", "title", "status", "detail", "instance", "code", "errors", "request_id"] {
            assert!(json.get(name).is_some(), "{name} is missing in {json}");
        }
        assert_eq!(json["request_id"], self.header("x-request-id"));
        assert_eq!(json["status"], self.status.as_u16());
        let field = json["errors"][0]["field"].as_str().unwrap_or_default().to_owned();
        (self.status.as_u16(), json["code"].as_str().unwrap().to_owned(), field)
    }
}

impl Service {
    pub async fn start() -> Self {
        Self::with_limits(Limits::default()).await
    }

    pub async fn with_limits(limits: Limits) -> Self {
        Self::on(Arc::default(), Policy::default(), limits).await
    }

    /// On a ledger that may have a past.
    pub async fn on(ledger: Arc<MemoryLedger>, defaults: Policy, limits: Limits) -> Self {
        let contended = Arc::new(Contended { ledger: ledger.clone(), conflicts: AtomicUsize::new(0) });
        let clock = Arc::new(SteeredClock(AtomicI64::new(NOW)));
        let views = Arc::new(ScanningViews { ledger: ledger.clone(), is_rebuilding: AtomicBool::new(false) });
        let mailbox = Mailbox::new();
        let services = Services {
            ledger: contended.clone(),
            views: views.clone(),
            composer: Arc::new(PlainComposer),
            dispatching: Arc::new(TwoRelays),
            secret: Secret::new([7; 32]),
            clock: clock.clone(),
            entropy: Arc::new(Counting(AtomicU64::new(1))),
            render_metrics: Arc::new(|| "postledger_up 1\n".into()),
            mailbox: Some(mailbox.clone()),
        };
        let settings = Settings {
            routes: ["default", "bulk"].map(|route| route.parse().unwrap()).into(),
            defaults: Arc::new(defaults),
            bounce_address: None,
            limits,
        };
        let api = Arc::new(Api::new(services, settings).await.unwrap());
        Self { api, ledger, contended, clock, views, mailbox }
    }

    /// A key of `tenant` with these scopes.
    pub async fn key(&self, tenant: &str, scopes: &[&str]) -> String {
        let body = json!({"tenant": tenant, "scopes": scopes});
        let answer = self.control("POST", "/v1/keys", &body).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
        answer.json()["key"].as_str().unwrap().to_owned()
    }

    /// A call over the control socket.
    pub async fn control(&self, method: &str, path: &str, body: &Value) -> Answer {
        self.call(Peer::Control, request(method, path, body.to_string())).await
    }

    /// A call with a key.
    pub async fn with_key(&self, key: &str, method: &str, path: &str, body: &Value) -> Answer {
        let mut request = request(method, path, body.to_string());
        request.headers_mut().insert("authorization", format!("Bearer {key}").parse().unwrap());
        self.call(Peer::Remote, request).await
    }

    pub async fn call(&self, peer: Peer, mut request: Request<Body>) -> Answer {
        request.headers_mut().insert("host", "localhost".parse().unwrap());
        let response = self.api.call(peer, request).await;
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap().to_vec();
        Answer { status: parts.status, headers: parts.headers, bytes }
    }

    /// Submits a message over the control socket and gives its id.
    pub async fn submit(&self, body: &Value) -> String {
        let answer = self.control("POST", "/v1/messages", body).await;
        assert_eq!(answer.status, 202, "{}", answer.text());
        answer.json()["id"].as_str().unwrap().to_owned()
    }

    /// Events of mail in the ledger.
    pub fn mail_events(&self) -> usize {
        self.ledger.events().iter().filter(|event| matches!(event.stream, Stream::Message(_))).count()
    }

    pub fn shared_ledger(&self) -> Arc<dyn Ledger> {
        self.ledger.clone()
    }
}

/// A request with a JSON body.
pub fn request(method: &str, path: &str, body: impl Into<Body>) -> Request<Body> {
    let builder = Request::builder().method(method).uri(path).header("content-type", "application/json");
    builder.body(body.into()).unwrap()
}

/// The smallest message.
pub fn hello() -> Value {
    json!({"from": "shop@shop.example", "to": "ann@example.net", "text": "Hello"})
}

/// `hello` with other or further fields.
pub fn hello_with(fields: Value) -> Value {
    let mut hello = hello();
    for (name, value) in fields.as_object().unwrap() {
        hello[name] = value.clone();
    }
    hello
}

pub struct SteeredClock(pub AtomicI64);

impl Clock for SteeredClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst))
    }
}

struct Counting(AtomicU64);

impl Entropy for Counting {
    fn fill(&self, bytes: &mut [u8]) {
        let mut next = blake3_like(self.0.fetch_add(1, Ordering::SeqCst));
        for byte in bytes {
            next = next.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            *byte = next.to_be_bytes()[0];
        }
    }
}

fn blake3_like(seed: u64) -> u64 {
    seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// Renders a message that shows what it was given; refuses the header field `X-Forbidden`, panics at `X-Panic`.
struct PlainComposer;

impl Composer for PlainComposer {
    fn compose(&self, id: MessageId, draft: &Draft) -> Result<Rendered, Unrenderable> {
        let mut text = format!("From: {}\r\nSubject: {}\r\n", draft.from, draft.subject);
        for (name, value) in &draft.headers {
            match &name[..] {
                "X-Panic" => panic!("asked for"),
                "X-Forbidden" => {
                    let (field, detail) = (format!("headers.{name}"), "not on the list".to_owned());
                    return Err(Unrenderable { field, code: "header_not_allowed", detail });
                }
                _ => text += &format!("{name}: {value}\r\n"),
            }
        }
        text += &format!("\r\n{}\r\n", draft.text.as_deref().or(draft.html.as_deref()).unwrap());
        let mut bytes = text.into_bytes();
        draft.attachments.iter().for_each(|attachment| bytes.extend_from_slice(&attachment.bytes));
        Ok(Rendered { bytes: bytes.into(), message_id_header: format!("<{id}@shop.example>") })
    }
}

/// A ledger where another append may always come first.
pub struct Contended {
    ledger: Arc<MemoryLedger>,
    /// So many of the next appends are conflicts.
    pub conflicts: AtomicUsize,
}

impl Ledger for Contended {
    fn submit(&self, submissions: Vec<Submission>) -> BoxFuture<'_, Result<Vec<Submitted>, LedgerError>> {
        self.ledger.submit(submissions)
    }

    fn append(&self, append: Append) -> BoxFuture<'_, Result<Vec<Recorded>, LedgerError>> {
        let left = self.conflicts.load(Ordering::SeqCst);
        if left == 0 {
            return self.ledger.append(append);
        }
        self.conflicts.store(left - 1, Ordering::SeqCst);
        Box::pin(std::future::ready(Err(LedgerError::Conflict)))
    }

    fn histories(&self, ids: Vec<MessageId>) -> BoxFuture<'_, Result<Vec<Vec<Recorded>>, LedgerError>> {
        self.ledger.histories(ids)
    }

    fn content(&self, id: MessageId) -> BoxFuture<'_, Result<Option<Content>, LedgerError>> {
        self.ledger.content(id)
    }

    fn key_events(&self) -> BoxFuture<'_, Result<Vec<Recorded>, LedgerError>> {
        self.ledger.key_events()
    }

    fn open_messages(
        &self,
        after: Position,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<OpenMessage>, LedgerError>> {
        self.ledger.open_messages(after, limit)
    }

    fn subscribe(&self, subscriber: Arc<dyn Subscriber>) {
        self.ledger.subscribe(subscriber);
    }

    fn head(&self) -> LedgerHead {
        self.ledger.head()
    }
}

/// Views that read the whole ledger each time.
pub struct ScanningViews {
    ledger: Arc<MemoryLedger>,
    pub is_rebuilding: AtomicBool,
}

impl Views for ScanningViews {
    fn list(&self, query: MessageQuery) -> BoxFuture<'_, Result<MessagePage, ViewsError>> {
        if self.is_rebuilding.load(Ordering::SeqCst) {
            return Box::pin(std::future::ready(Err(ViewsError::Rebuilding)));
        }
        let events = self.ledger.events();
        let mut found: Vec<(Position, MessageId)> = Vec::new();
        for first in
            events.iter().rev().filter(|event| query.before.is_none_or(|before| event.position < before))
        {
            let (Stream::Message(id), Event::Mail(MailEvent::Queued(queued))) = (first.stream, &first.event)
            else {
                continue;
            };
            let history = events.iter().filter(|event| event.stream == first.stream);
            let message = Message::fold(history).unwrap().unwrap();
            let personal = queued.personal.as_ref().unwrap();
            let fits = query.tenant.as_ref().is_none_or(|tenant| *tenant == first.tenant)
                && query.status.is_none_or(|status| status == message.status(query.now))
                && query.tag.as_ref().is_none_or(|tag| personal.tags.contains(tag))
                && query.priority.is_none_or(|priority| priority == queued.policy.priority)
                && query.created_before.is_none_or(|time| first.at < time)
                && query.created_after.is_none_or(|time| first.at >= time)
                && query.recipient.as_ref().is_none_or(|wanted| {
                    personal.recipients.iter().any(|address| address.as_str() == wanted)
                });
            if fits {
                found.push((first.position, id));
            }
        }
        let next = (found.len() > query.limit).then(|| found[query.limit - 1].0);
        let ids = found.into_iter().take(query.limit).map(|(_, id)| id).collect();
        Box::pin(std::future::ready(Ok(MessagePage { ids, next })))
    }
}

struct TwoRelays;

impl Dispatching for TwoRelays {
    fn relays(&self) -> Vec<RelayStatus> {
        let status = |name: &str, is_up| RelayStatus {
            name: name.parse().unwrap(),
            host: format!("{name}.relay.example"),
            port: 587,
            is_up,
            breaker: if is_up { Breaker::Closed } else { Breaker::Open },
            since: (!is_up).then_some(Timestamp::from_micros(NOW)),
            drilled_by: None,
            retry_at: (!is_up).then_some(Timestamp::from_micros(NOW)),
            connections: 2,
            in_flight: 1,
            last_trouble: (!is_up).then(|| {
                let not_sent = NotSent { stage: Stage::Connect, trouble: Trouble::Timeout, reply: None };
                (Timestamp::from_micros(NOW), not_sent)
            }),
        };
        vec![status("primary", true), status("backup", false)]
    }

    fn open_deliveries(&self) -> u64 {
        0
    }

    fn begin_drill(&self, relay: &RelayName, span: Duration, _: Actor) -> Result<Drill, DrillRefused> {
        match relay.as_str() {
            "primary" => {
                let routes = vec![
                    (RouteName::default_route(), "backup".parse().ok()),
                    ("bulk".parse().unwrap(), None),
                ];
                Ok(Drill { until: Timestamp::from_micros(NOW).plus(span), routes })
            }
            "backup" => Err(DrillRefused::NotClosed),
            _ => Err(DrillRefused::Unknown),
        }
    }

    fn end_drill(&self, relay: &RelayName, _: Actor) -> Result<(), DrillRefused> {
        if relay.as_str() == "primary" { Ok(()) } else { Err(DrillRefused::NotDrilled) }
    }

    fn probe(&self, relay: RelayName) -> BoxFuture<'_, Option<Result<Duration, NotSent>>> {
        let not_sent = NotSent { stage: Stage::Connect, trouble: Trouble::ProxyTimeout, reply: None };
        let probed = match relay.as_str() {
            "primary" => Some(Ok(Duration::from_millis(12))),
            "backup" => Some(Err(not_sent)),
            _ => None,
        };
        Box::pin(std::future::ready(probed))
    }

    fn explain(&self, _: DeliveryId) -> Option<Explanation> {
        Some(Explanation {
            rule: Rule::DestinationParked,
            until: Some(Timestamp::from_micros(NOW)),
            priority: Priority::Normal,
            route: Some(RouteUse { name: RouteName::default_route(), reason: RouteReason::Matched }),
            due: Some(Timestamp::from_micros(NOW)),
            expires_at: Timestamp::from_micros(NOW),
            relay: Some(RelayUse { name: "primary".parse().unwrap(), in_flight: 3, allowed: 16 }),
            destination: Some(DestinationUse { domain: "example.net".into(), in_flight: 0, window: Some(1) }),
        })
    }
}
