//! A pending delivery in few bytes: [`State`] without what other deliveries share.

use super::class::{Bin, DomainIndex, TenantIndex};
use super::routing::TagsIndex;
use super::slab::{NONE, Slot};
use super::tree::TREES;
use postledger_core::delivery::{Phase, State};
use postledger_core::event::HoldReason;
use postledger_core::explanation::Rule;
use postledger_core::id::{MessageId, Ordinal};
use postledger_core::name::RelayName;
use postledger_core::policy::Policy;
use postledger_core::time::Timestamp;
use std::num::NonZeroU8;
use std::sync::Arc;
use std::time::Duration;

/// A relay by its place in the configuration.
pub(crate) type RelayIndex = u8;

/// A set of relays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct RelaySet(u32);

impl RelaySet {
    /// So many relays can be configured.
    pub(crate) const CAPACITY: usize = 32;
    pub(crate) const EMPTY: Self = Self(0);

    pub(crate) fn insert(&mut self, relay: RelayIndex) {
        self.0 |= 1 << relay;
    }

    pub(crate) fn remove(&mut self, relay: RelayIndex) {
        self.0 &= !(1 << relay);
    }

    pub(crate) fn extend(&mut self, relay: Option<RelayIndex>) {
        relay.into_iter().for_each(|relay| self.insert(relay));
    }

    pub(crate) const fn contains(self, relay: RelayIndex) -> bool {
        self.0 & 1 << relay != 0
    }

    pub(crate) const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// What is open about a delivery; one that has ended is not held here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Open {
    Prepared,
    Queued,
    Sending,
    Deferred,
    Held(HoldReason),
}

/// In which queue a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// In none: it waits for somebody else, or its record is damaged.
    Aside,
    /// Among the timers, until `wake_at`.
    Waiting,
    /// In a lane; among the timers only for its expiry.
    Ready,
    /// A worker has it.
    InFlight,
}

/// See the module. An unconfigured relay is not remembered: it is no candidate.
#[derive(Debug)]
// What a walk through a tree reads stands first and together: nearly every step of it is a miss of the caches.
#[repr(C)]
pub(crate) struct Entry {
    /// Its places in trees.
    pub links: [[Slot; 2]; TREES],
    pub tenant: TenantIndex,
    pub domain: DomainIndex,
    /// The end of time stands for none.
    pub due: Timestamp,
    pub wake_at: Timestamp,
    pub message: MessageId,
    pub policy: Arc<Policy>,
    ready_at: Timestamp,
    /// The end of time stands for none.
    send_at: Timestamp,
    expires_after_us: u64,
    pub tried: RelaySet,
    /// Relays of this round that lack an extension the message needs.
    pub incapable: RelaySet,
    attempts: u32,
    spent: u32,
    unknown_attempts: u32,
    idle_rounds: u32,
    pub version: u32,
    pub message_version: u32,
    /// The next delivery of the same message.
    pub next: Slot,
    pub ordinal: Ordinal,
    pub route: u16,
    pub tags: TagsIndex,
    /// One more than its index: with the niche it takes one byte.
    relay: Option<NonZeroU8>,
    open: Open,
    pub place: Place,
    flags: u8,
}

const IS_COMMITTED: u8 = 1;
const IS_CONTENT_GONE: u8 = 2;
const IS_BOUNCED: u8 = 4;
const IS_COMPLAINED: u8 = 8;
const IS_UNRESOLVED: u8 = 16;

const NEVER: Timestamp = Timestamp::from_micros(i64::MAX);

/// The relays' names, by index.
pub(crate) type RelayNames = [RelayName];

/// What an entry is made of beside its state.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Identity {
    pub message: MessageId,
    pub ordinal: Ordinal,
    pub version: u32,
    pub message_version: u32,
    pub tenant: TenantIndex,
    pub domain: DomainIndex,
    pub route: u16,
    pub tags: TagsIndex,
}

impl Entry {
    /// `None` for a delivery that has ended.
    pub(crate) fn new(
        identity: Identity,
        policy: Arc<Policy>,
        state: &State,
        names: &RelayNames,
    ) -> Option<Self> {
        let mut entry = Self {
            message: identity.message,
            policy,
            due: NEVER,
            wake_at: NEVER,
            ready_at: state.ready_at,
            send_at: NEVER,
            expires_after_us: 0,
            tried: RelaySet::default(),
            incapable: RelaySet::default(),
            attempts: 0,
            spent: 0,
            unknown_attempts: 0,
            idle_rounds: 0,
            version: identity.version,
            message_version: identity.message_version,
            tenant: identity.tenant,
            domain: identity.domain,
            next: NONE,
            links: [[NONE; 2]; TREES],
            ordinal: identity.ordinal,
            route: identity.route,
            tags: identity.tags,
            relay: None,
            open: Open::Sending,
            place: Place::Aside,
            flags: 0,
        };
        entry.set_state(state, names).then_some(entry)
    }

    /// False, and nothing changed, for a delivery that has ended.
    pub(crate) fn set_state(&mut self, state: &State, names: &RelayNames) -> bool {
        let (open, due) = match state.phase {
            Phase::Prepared => (Open::Prepared, NEVER),
            Phase::Queued { due } => (Open::Queued, due),
            Phase::Sending => (Open::Sending, NEVER),
            Phase::Deferred { due } => (Open::Deferred, due),
            Phase::Held { reason } => (Open::Held(reason), NEVER),
            Phase::Delivered | Phase::Failed { .. } | Phase::Unknown { .. } | Phase::Cancelled => {
                return false;
            }
        };
        let index = |name: &RelayName| {
            names.iter().position(|n| n == name).and_then(|i| RelayIndex::try_from(i).ok())
        };
        (self.open, self.due) = (open, due);
        self.ready_at = state.ready_at;
        self.send_at = state.send_at.unwrap_or(NEVER);
        self.expires_after_us = u64::try_from(state.expires_after.as_micros()).unwrap_or(u64::MAX);
        self.tried = RelaySet::default();
        state.tried.iter().filter_map(index).for_each(|relay| self.tried.insert(relay));
        if self.tried.is_empty() {
            self.incapable = RelaySet::default();
        }
        (self.attempts, self.spent) = (state.attempts, state.spent);
        (self.unknown_attempts, self.idle_rounds) = (state.unknown_attempts, state.idle_rounds);
        self.relay = state.relay.as_ref().and_then(index).and_then(|relay| NonZeroU8::new(relay + 1));
        self.flags = [
            (state.is_committed, IS_COMMITTED),
            (state.is_content_gone, IS_CONTENT_GONE),
            (state.is_bounced, IS_BOUNCED),
            (state.is_complained, IS_COMPLAINED),
            (state.is_unresolved, IS_UNRESOLVED),
        ]
        .into_iter()
        .fold(0, |flags, (is_set, flag)| if is_set { flags | flag } else { flags });
        true
    }

    /// The state in full.
    pub(crate) fn state(&self, names: &RelayNames) -> State {
        let is = |flag| self.flags & flag != 0;
        let name = |relay: RelayIndex| names.get(usize::from(relay)).cloned();
        State {
            phase: match self.open {
                Open::Prepared => Phase::Prepared,
                Open::Queued => Phase::Queued { due: self.due },
                Open::Sending => Phase::Sending,
                Open::Deferred => Phase::Deferred { due: self.due },
                Open::Held(reason) => Phase::Held { reason },
            },
            policy: self.policy.clone(),
            send_at: Some(self.send_at).filter(|&send_at| send_at != NEVER),
            ready_at: self.ready_at,
            expires_after: Duration::from_micros(self.expires_after_us),
            is_committed: is(IS_COMMITTED),
            is_content_gone: is(IS_CONTENT_GONE),
            is_bounced: is(IS_BOUNCED),
            is_complained: is(IS_COMPLAINED),
            attempts: self.attempts,
            spent: self.spent,
            unknown_attempts: self.unknown_attempts,
            is_unresolved: self.is_unresolved(),
            idle_rounds: self.idle_rounds,
            tried: (0..=u8::MAX)
                .take(names.len())
                .filter(|&relay| self.tried.contains(relay))
                .filter_map(name)
                .collect(),
            relay: self.relay().and_then(name),
        }
    }

    pub(crate) const fn is_unresolved(&self) -> bool {
        self.flags & IS_UNRESOLVED != 0
    }

    /// The relay of the last attempt.
    pub(crate) fn relay(&self) -> Option<RelayIndex> {
        self.relay.map(|relay| relay.get() - 1)
    }

    /// Whether it remembers anything of the relay.
    pub(crate) fn mentions(&self, relay: RelayIndex) -> bool {
        self.tried.contains(relay) || self.incapable.contains(relay) || self.relay() == Some(relay)
    }

    /// Remembers nothing of it any more, as of any relay that is not known.
    pub(crate) fn forget(&mut self, relay: RelayIndex) {
        self.tried.remove(relay);
        self.incapable.remove(relay);
        self.relay = self.relay.filter(|known| known.get() - 1 != relay);
    }

    /// The earliest attempt, where the dispatcher is to make one.
    pub(crate) fn due(&self) -> Option<Timestamp> {
        match self.open {
            Open::Queued | Open::Deferred => Some(self.due),
            Open::Prepared | Open::Sending | Open::Held(_) => None,
        }
    }

    pub(crate) fn expires_at(&self) -> Timestamp {
        self.ready_at.plus(Duration::from_micros(self.expires_after_us))
    }

    /// Why it stands in no queue.
    pub(crate) const fn rule_aside(&self) -> Rule {
        match self.open {
            Open::Prepared => Rule::Prepared,
            Open::Held(_) => Rule::Held,
            Open::Sending => Rule::Sending,
            Open::Queued | Open::Deferred => Rule::Damaged,
        }
    }

    pub(crate) const fn bin(&self) -> Bin {
        Bin { tenant: self.tenant, domain: self.domain }
    }

    /// Where it counts.
    pub(crate) fn tally(&self) -> Tally {
        let urgency = self.policy.priority as usize;
        Tally { urgency, standing: self.standing(), is_unresolved: self.is_unresolved() }
    }

    const fn standing(&self) -> usize {
        match (self.open, self.place) {
            (Open::Prepared, _) => 0,
            (Open::Held(_), _) => 5,
            (_, Place::InFlight) | (Open::Sending, _) => 3,
            (Open::Deferred, _) => 4,
            (Open::Queued, Place::Waiting) => 1,
            (Open::Queued, Place::Aside | Place::Ready) => 2,
        }
    }
}

/// How a delivery counts in the metrics.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tally {
    /// By `Priority::ALL`.
    pub urgency: usize,
    /// By [`STATES`].
    pub standing: usize,
    pub is_unresolved: bool,
}

/// The values of the label `state` of `postledger_queue_depth`.
pub(crate) const STATES: [&str; 6] = ["prepared", "scheduled", "queued", "sending", "deferred", "held"];
