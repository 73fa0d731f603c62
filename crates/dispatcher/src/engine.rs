//! The queue with what the tasks around it share.

use crate::cache::{CAPACITY, Cache, Mail};
use crate::dkim::Signing;
use crate::in_flight::InFlight;
use crate::inbox::Inbox;
use crate::meters;
use crate::notes::Notes;
use crate::planner::{Job, Lease, Now, Planner, RelayIndex, Work};
use crate::pool::Pool;
use crate::transport::Endpoint;
use postledger_core::clock::{Clock, Entropy};
use postledger_core::delivery::Given;
use postledger_core::event::{Attempted, Event, MailEvent};
use postledger_core::id::{DeliveryId, Epoch, MessageId, Stream};
use postledger_core::ledger::{Committed, Ledger, LedgerError};
use postledger_core::message::Message;
use postledger_core::name::RelayName;
use postledger_core::outcome::{NotSent, Outcome, Stage, Trouble};
use postledger_core::time::Timestamp;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long nothing is sent after the ledger was too busy for an append.
const BUSY: Duration = Duration::from_millis(100);
/// And after its disk was full.
const FULL: Duration = Duration::from_secs(2);

pub(crate) struct Engine {
    pub ledger: Arc<dyn Ledger>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    /// By the planner's index. A relay that is configured anew gets a new slot at its old place.
    relays: RwLock<Vec<Arc<RelaySlot>>>,
    queue: Mutex<Queue>,
    pub inbox: Arc<Inbox>,
    pub in_flight: Arc<InFlight>,
    pub signing: Signing,
    began: Instant,
    epoch: Epoch,
    /// No new work.
    pub stopping: CancellationToken,
    /// What is in flight ends now.
    pub abort: CancellationToken,
    pub tasks: TaskTracker,
    /// How often the driver has looked at the queue.
    pub turns: watch::Sender<u64>,
    /// What breakers did, to be written down.
    pub notes: Notes,
}

/// A relay's endpoint and its idle connections, as long as its settings hold.
#[derive(Debug)]
pub(crate) struct RelaySlot {
    pub endpoint: Endpoint,
    pub pool: Pool,
}

impl RelaySlot {
    pub(crate) fn new(endpoint: Endpoint) -> Arc<Self> {
        Arc::new(Self { endpoint, pool: Pool::default() })
    }

    pub(crate) const fn name(&self) -> &RelayName {
        &self.endpoint.config.name
    }
}

struct Queue {
    planner: Planner,
    cache: Cache,
}

impl Engine {
    pub(crate) fn new(
        ledger: Arc<dyn Ledger>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        in_flight: InFlight,
    ) -> Self {
        Self {
            epoch: ledger.head().epoch,
            ledger,
            clock,
            entropy,
            relays: RwLock::default(),
            queue: Mutex::new(Queue { planner: Planner::new(), cache: Cache::new(CAPACITY) }),
            inbox: Arc::new(Inbox::open()),
            in_flight: Arc::new(in_flight),
            signing: Signing::default(),
            began: Instant::now(),
            stopping: CancellationToken::new(),
            abort: CancellationToken::new(),
            tasks: TaskTracker::new(),
            turns: watch::Sender::new(0),
            notes: Notes::default(),
        }
    }

    pub(crate) fn now(&self) -> Now {
        Now { wall: self.clock.now(), monotonic: self.began.elapsed() }
    }

    pub(crate) fn given(&self) -> Given {
        Given { now: self.clock.now(), jitter: self.jitter() }
    }

    pub(crate) fn jitter(&self) -> f64 {
        self.entropy.unit()
    }

    /// Takes in what was committed, then looks at the queue. Short: never awaits, never reads.
    pub(crate) fn with_queue<T>(&self, look: impl FnOnce(&mut Planner, Now) -> T) -> T {
        let now = self.now();
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        // Taken under the queue's lock: commits are folded in their order.
        for committed in self.inbox.take() {
            queue.take_in(&committed, now);
        }
        let seen = look(&mut queue.planner, now);
        let (finished, turns) = (queue.planner.take_finished(), queue.planner.take_turns());
        drop(queue);
        if !turns.is_empty() {
            self.notes.add(turns);
            self.inbox.wake.notify_one();
        }
        finished.iter().for_each(meters::delivery);
        seen
    }

    /// What is to be sent; read from the ledger if it is not at hand.
    ///
    /// # Errors
    /// [`Unsendable`].
    pub(crate) async fn mail(&self, job: &Job) -> Result<Mail, Unsendable> {
        let cached = {
            let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
            queue.cache.mail(job.id.message).cloned()
        };
        // A head that was frozen before this start, or before the mail was cached, is in the history only.
        if let Some(mail) =
            cached.filter(|mail| job.state.attempts == 0 || mail.head(job.id.ordinal).is_some())
        {
            return Ok(mail);
        }
        let content = async { Ok(self.ledger.content(job.id.message).await?) };
        let (message, content) = tokio::try_join!(self.message(job.id.message), content)?;
        let (message, content) = message.zip(content).ok_or(Unsendable::Damaged)?;
        let heads = message.deliveries.iter().filter_map(|d| Some((d.id.ordinal, d.head.clone()?)));
        Ok(Mail { queued: message.queued.clone(), content, heads: heads.collect() })
    }

    /// A message as it stands in the ledger.
    ///
    /// # Errors
    /// [`Unsendable`].
    pub(crate) async fn message(&self, id: MessageId) -> Result<Option<Message>, Unsendable> {
        let histories = self.ledger.histories(vec![id]).await?;
        let history = histories.first().map(Vec::as_slice).unwrap_or_default();
        Message::fold(history).map_err(|_| Unsendable::Damaged)
    }

    /// Reads a message again whose events and queue have come apart.
    pub(crate) async fn reload(&self, id: MessageId) {
        match self.message(id).await {
            Ok(Some(message)) => self.with_queue(|planner, now| planner.handle_loaded(&message, now)),
            Ok(None) | Err(Unsendable::Damaged) => {
                tracing::error!(message = %id, "its history cannot be read; it is set aside");
                self.with_queue(|planner, _| planner.handle_damaged(id));
            }
            Err(Unsendable::Ledger(error)) => {
                tracing::error!(message = %id, %error, "it could not be read again")
            }
        }
    }

    /// Whether a dot may leave: the ledger takes writes and this is still its present start.
    pub(crate) fn may_send(&self) -> bool {
        let head = self.ledger.head();
        head.is_writable && head.epoch == self.epoch
    }

    /// Nothing more is sent: what it came to could not be stored.
    pub(crate) fn halt(&self, error: &LedgerError) {
        if !self.stopping.is_cancelled() {
            tracing::error!(%error, "an outcome could not be stored; nothing more is sent");
        }
        self.with_queue(|planner, _| planner.stop());
        self.stopping.cancel();
    }

    /// The ledger could not take an append; nothing is sent for a moment. Answers how long.
    pub(crate) fn suspend(&self, why: &LedgerError) -> Duration {
        let span = if *why == LedgerError::Full { FULL } else { BUSY };
        self.with_queue(|planner, now| planner.suspend(now.monotonic + span));
        span
    }

    /// The one who had a delivery is done with it.
    pub(crate) fn ended(&self, id: DeliveryId, not_before: Option<Timestamp>) {
        self.with_queue(|planner, now| planner.handle_ended(id, not_before, now));
        self.inbox.wake.notify_one();
    }

    /// Learns from an attempt; whether its delivery can go to another relay.
    pub(crate) fn attempted(
        &self,
        lease: Lease,
        id: DeliveryId,
        outcome: &Outcome,
        started: Duration,
    ) -> bool {
        let relay = lease.relay;
        meters::attempt(&self.relay_name(relay), outcome);
        let jitter = self.jitter();
        let (another_relay, was_up, is_up) = self.with_queue(|planner, now| {
            let was_up = planner.is_up(relay);
            planner.handle_outcome(lease, outcome, started, now, jitter);
            let another_relay = match outcome {
                Outcome::NotSent(not_sent) => planner.has_another_relay(id, relay, not_sent),
                Outcome::Accepted(_)
                | Outcome::Transient(_)
                | Outcome::Permanent(_)
                | Outcome::Unknown(_) => false,
            };
            (another_relay, was_up, planner.is_up(relay))
        });
        if was_up && !is_up {
            tracing::warn!(relay = %self.relay_name(relay), ?outcome, "nothing can be sent there; left alone for a while");
        }
        another_relay
    }

    /// Whether the delivery could go to another relay, should this one not greet.
    pub(crate) fn has_way_round(&self, job: &Job) -> bool {
        let Work::Attempt(Lease { relay, .. }) = job.work else { return false };
        let silent = NotSent { stage: Stage::Banner, trouble: Trouble::Timeout, reply: None };
        self.with_queue(|planner, _| planner.has_another_relay(job.id, relay, &silent))
    }

    /// Frees a relay's slot and takes the next delivery for it, if there is one.
    pub(crate) fn next_for(&self, lease: Lease) -> Option<Job> {
        let next = self.with_queue(|planner, now| {
            planner.handle_slot_free(lease, now);
            planner.poll_start_at(lease.relay, now)
        });
        if next.is_none() {
            // What waits for this relay may now go elsewhere, or the relay may need a probe.
            self.inbox.wake.notify_one();
        }
        next
    }

    /// What a probe came to that was started at `started` (monotonic).
    pub(crate) fn probed(&self, relay: RelayIndex, started: Duration, result: &Result<(), &NotSent>) {
        match result {
            Ok(()) => tracing::info!(relay = %self.relay_name(relay), "it answers again"),
            Err(not_sent) => {
                tracing::warn!(relay = %self.relay_name(relay), ?not_sent, "it still does not answer")
            }
        }
        let jitter = self.jitter();
        self.with_queue(|planner, now| {
            planner.handle_probe(relay, result.map_err(Clone::clone), started, now, jitter)
        });
        self.inbox.wake.notify_one();
    }

    pub(crate) fn relay(&self, relay: RelayIndex) -> Arc<RelaySlot> {
        self.relays.read().unwrap_or_else(PoisonError::into_inner)[usize::from(relay)].clone()
    }

    /// By index, those that are configured no longer included.
    pub(crate) fn relays(&self) -> Vec<Arc<RelaySlot>> {
        self.relays.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Puts other slots in their place. To be called while the queue is looked at, so that it and they agree.
    pub(crate) fn set_relays(&self, relays: Vec<Arc<RelaySlot>>) {
        *self.relays.write().unwrap_or_else(PoisonError::into_inner) = relays;
    }

    pub(crate) fn relay_name(&self, relay: RelayIndex) -> RelayName {
        self.relay(relay).name().clone()
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Engine({:?})", self.relays())
    }
}

impl Queue {
    fn take_in(&mut self, committed: &Committed, now: Now) {
        let contents: HashMap<_, _> = committed.contents.iter().map(|(id, content)| (*id, content)).collect();
        for recorded in &committed.events {
            self.planner.handle_event(recorded, now);
            let (Stream::Message(id), Event::Mail(event)) = (recorded.stream, &recorded.event) else {
                continue;
            };
            let is_wanted = |id| self.planner.is_wanted(id);
            if let MailEvent::Queued(queued) = event {
                if let Some(&content) = contents.get(&id).filter(|_| is_wanted(id)) {
                    let mail = Mail { queued: queued.clone(), content: content.clone(), heads: Vec::new() };
                    self.cache.admit(id, mail, is_wanted);
                }
            } else if let MailEvent::Attempted(Attempted { head: Some(head), .. }) = event {
                self.cache.add_head(id, recorded.ordinal, head);
            } else if !self.planner.holds(id) {
                self.cache.remove(id);
            }
        }
    }
}

/// Why a delivery cannot be sent now.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unsendable {
    /// Its record or its content cannot be read.
    Damaged,
    /// The ledger does not answer.
    Ledger(LedgerError),
}

impl From<LedgerError> for Unsendable {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::Corrupt { .. } => Self::Damaged,
            LedgerError::Busy
            | LedgerError::Full
            | LedgerError::Conflict
            | LedgerError::Stopped
            | LedgerError::Undecided
            | LedgerError::Unreadable(_) => Self::Ledger(error),
        }
    }
}
