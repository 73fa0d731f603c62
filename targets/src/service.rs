//! The API in this process, over a ledger in memory and the real renderer.

use bytes::Bytes;
use http::{Request, Response};
use postledger_api::{Api, Limits, Services, Settings};
use postledger_core::clock::{Clock, Entropy};
use postledger_core::explanation::Explanation;
use postledger_core::id::{DeliveryId, MessageId};
use postledger_core::ledger::{BoxFuture, Ledger, MessagePage, MessageQuery, Views, ViewsError};
use postledger_core::memory::MemoryLedger;
use postledger_core::name::{Actor, RelayName};
use postledger_core::outcome::NotSent;
use postledger_core::policy::Policy;
use postledger_core::relay::{Dispatching, Drill, DrillRefused, RelayStatus};
use postledger_core::secret::Secret;
use postledger_core::time::Timestamp;
use postledger_dispatcher::MimeComposer;
use serde_json::Value;
use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};

/// Messages in one ledger, before it is thrown away with them.
const MESSAGES: usize = 200;

/// One service, and the runtime it lives in.
pub(crate) struct Service {
    runtime: Runtime,
    api: Api,
    ledger: Arc<MemoryLedger>,
}

/// What a submission came to.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

impl Service {
    /// Lends the service of this thread, a fresh one when its ledger has grown.
    pub(crate) fn with(what: impl FnOnce(&Self)) {
        thread_local!(static PRESENT: RefCell<Option<Service>> = const { RefCell::new(None) });
        PRESENT.with_borrow_mut(|present| {
            if present.as_ref().is_some_and(|service| service.ledger.events().len() >= MESSAGES) {
                *present = None;
            }
            what(present.get_or_insert_with(Service::new));
        });
    }

    fn new() -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let ledger = Arc::new(MemoryLedger::default());
        let services = Services {
            ledger: ledger.clone(),
            views: Arc::new(Nothing),
            composer: Arc::new(MimeComposer),
            dispatching: Arc::new(Nothing),
            secret: Secret::new([7; 32]),
            clock: Arc::new(Nothing),
            entropy: Arc::new(Counting(AtomicU64::new(1))),
            render_metrics: Arc::new(String::new),
            mailbox: None,
        };
        let settings = Settings {
            routes: ["default", "bulk"].map(|route| route.parse().expect("a route")).into(),
            defaults: Arc::new(Policy::default()),
            bounce_address: None,
            limits: Limits { message_bytes: 1 << 20, ..Limits::default() },
        };
        let api = runtime.block_on(Api::new(services, settings)).expect("no keys are in it");
        Self { runtime, api, ledger }
    }

    /// Submits a body, and holds what must hold of every answer: no 5xx, a problem that says what is wrong, nothing
    /// stored of what was refused, one event for what was accepted.
    pub(crate) fn submit(&self, body: &[u8]) -> Answer {
        let before = self.ledger.events().len();
        let request = Request::post("/v1/messages").header("content-type", "application/json");
        let request = request.body(Bytes::copy_from_slice(body)).expect("a request");
        let response: Response<Bytes> = self.runtime.block_on(self.api.answer(request));
        let status = response.status().as_u16();
        let body: Value = serde_json::from_slice(response.body()).expect("every answer is JSON");
        let stored = self.ledger.events().len() - before;
        match status {
            202 => assert_eq!(stored, 1),
            400..=499 => {
                assert_eq!(stored, 0);
                assert_eq!(response.headers()["content-type"], "application/problem+json");
                for name in ["type", "title", "code", "detail", "request_id"] {
                    assert!(body[name].as_str().is_some_and(|it| !it.is_empty()), "{name}: {body}");
                }
            }
            other => panic!("{other}: {body}"),
        }
        Answer { status, body }
    }

    /// The message as it was rendered.
    pub(crate) fn content(&self, answer: &Answer) -> Bytes {
        let id: MessageId = answer.body["id"].as_str().expect("an id").parse().expect("an id");
        let content = self.runtime.block_on(self.ledger.content(id)).expect("it is readable");
        content.expect("what was accepted has content").bytes
    }
}

/// No searches, no relays, and a clock that stands still.
struct Nothing;

impl Views for Nothing {
    fn list(&self, _query: MessageQuery) -> BoxFuture<'_, Result<MessagePage, ViewsError>> {
        Box::pin(async { Ok(MessagePage { ids: Vec::new(), next: None }) })
    }
}

impl Dispatching for Nothing {
    fn relays(&self) -> Vec<RelayStatus> {
        Vec::new()
    }

    fn begin_drill(&self, _: &RelayName, _: Duration, _: Actor) -> Result<Drill, DrillRefused> {
        Err(DrillRefused::Unknown)
    }

    fn end_drill(&self, _: &RelayName, _: Actor) -> Result<(), DrillRefused> {
        Err(DrillRefused::Unknown)
    }

    fn probe(&self, _: RelayName) -> BoxFuture<'_, Option<Result<Duration, NotSent>>> {
        Box::pin(std::future::ready(None))
    }

    fn open_deliveries(&self) -> u64 {
        0
    }

    fn explain(&self, _delivery: DeliveryId) -> Option<Explanation> {
        None
    }
}

impl Clock for Nothing {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(1_800_000_000_000_000)
    }
}

/// The same input must always do the same.
struct Counting(AtomicU64);

impl Entropy for Counting {
    fn fill(&self, bytes: &mut [u8]) {
        let number = self.0.fetch_add(1, Ordering::Relaxed).to_le_bytes();
        for (byte, of) in bytes.iter_mut().zip(number.iter().cycle()) {
            *byte = *of;
        }
    }
}
