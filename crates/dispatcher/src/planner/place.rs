//! Where each delivery stands: aside, waiting for a time, ready in a lane, or in somebody's hands. It stands in
//! one place only, and whoever changes it takes it out and puts it back.

use super::entry::{Entry, Identity, Place, Tally};
use super::relay::Relay;
use super::slab::Slot;
use super::{Finished, Job, Now, Planner, RelayIndex, Work};
use postledger_core::delivery::State;
use postledger_core::id::DeliveryId;
use postledger_core::name::Tenant;
use postledger_core::time::Timestamp;

/// Timers looked at per call, so that none takes long when a million are due at once; `poll_timeout` is zero
/// while some are left.
const MAX_PER_ADVANCE: usize = 1024;

/// The route of a delivery whose own is not known.
pub(super) const NO_ROUTE: u16 = u16::MAX;

impl Planner {
    pub(super) fn relay_mut(&mut self, relay: RelayIndex) -> Option<&mut Relay> {
        self.relays.get_mut(usize::from(relay))
    }

    pub(super) fn may_start(&self, now: Now) -> bool {
        !self.is_loading && !self.is_stopped && self.suspended_until <= now.monotonic
    }

    /// Moves what has become due into its lane, and what has expired to the decisions.
    pub(super) fn advance(&mut self, now: Now) {
        self.pass_turn(now);
        self.pass_drills(now);
        for _ in 0..MAX_PER_ADVANCE {
            let Some((_, slot)) = self.next_timer().filter(|(at, _)| *at <= now.wall) else { break };
            self.timers.remove(&mut self.entries, slot);
            let Some(entry) = self.entries.entry(slot) else { continue };
            let is_ready = entry.place == Place::Ready;
            if entry.expires_at() <= now.wall || entry.route == NO_ROUTE {
                if is_ready {
                    self.lanes.remove(slot, &mut self.entries);
                }
                self.await_decision(slot, now);
            } else if !is_ready {
                self.link(slot, None, now);
            }
        }
    }

    /// What happens next without any input, and when.
    pub(super) fn next_timer(&self) -> Option<(Timestamp, Slot)> {
        let slot = self.timers.first(&self.entries)?;
        self.entries.entry(slot).map(|entry| (entry.wake_at, slot))
    }

    /// Stands outside timers and lanes until `poll_decision` hands it out.
    fn await_decision(&mut self, slot: Slot, now: Now) {
        self.recount(slot, |entry| (entry.place, entry.wake_at) = (Place::Waiting, now.wall));
        if let Some(entry) = self.entries.entry(slot) {
            self.decisions.push_back(entry.message.delivery(entry.ordinal));
        }
    }

    /// Gives a delivery away until `handle_ended`.
    pub(super) fn hand_out(&mut self, slot: Slot, work: Work, now: Now) -> Option<Job> {
        self.unlink(slot);
        self.recount(slot, |entry| entry.place = Place::InFlight);
        let id = self.entries.entry(slot).map(|entry| entry.message.delivery(entry.ordinal))?;
        if matches!(work, Work::Attempt(_)) && self.suspects.begin(id, now) {
            self.place_suspects(now);
        }
        let entry = self.entries.entry(slot)?;
        Some(Job {
            id,
            tenant: self.tenants.get(entry.tenant as usize)?.clone(),
            state: entry.state(&self.names),
            version: entry.version,
            message_version: entry.message_version,
            work,
        })
    }

    /// Takes in a delivery at its own and its message's version, unless it has ended.
    pub(super) fn insert(
        &mut self,
        id: DeliveryId,
        (version, message_version): (u32, u32),
        tenant: &Tenant,
        (domain, tags): (&str, &[String]),
        state: &State,
        now: Now,
    ) {
        if state.phase.is_final() {
            return;
        }
        let (name, tags) = (domain.to_ascii_lowercase(), self.tags_number(tags));
        let route = self.route_for(&state.policy, tenant, &name, tags);
        let domain = self.domains.acquire(&name);
        let tenant = self.tenant_number(tenant);
        let identity = Identity {
            message: id.message,
            ordinal: id.ordinal,
            version,
            message_version,
            tenant,
            domain,
            route,
            tags,
        };
        let policy = self.policies.intern(&state.policy);
        if let Some(entry) = Entry::new(identity, policy, state, &self.names) {
            self.count(entry.tally(), 1);
            let slot = self.entries.insert(entry);
            self.link(slot, None, now);
        }
    }

    fn tenant_number(&mut self, tenant: &Tenant) -> u32 {
        if let Some(&number) = self.tenant_numbers.get(tenant) {
            return number;
        }
        let number = u32::try_from(self.tenants.len()).unwrap_or(u32::MAX);
        self.tenants.push(tenant.clone());
        self.tenant_numbers.insert(tenant.clone(), number);
        number
    }

    /// Takes over a state decided at `at`; what has ended is not held any more.
    pub(super) fn replace(
        &mut self,
        slot: Slot,
        state: &State,
        versions: (u32, u32),
        at: Timestamp,
        now: Now,
    ) {
        let is_in_flight = self.entries.entry(slot).is_some_and(|entry| entry.place == Place::InFlight);
        self.unlink(slot);
        if state.phase.is_final() {
            if let Some(entry) = self.entries.remove(slot) {
                self.domains.release(entry.domain);
                self.count(entry.tally(), -1);
            }
            self.finished.push(Finished { latency: at.since(state.ready_at), state: state.clone() });
            return;
        }
        let names = &self.names;
        let Some(entry) = self.entries.entry_mut(slot) else { return };
        let before = entry.tally();
        entry.set_state(state, names);
        (entry.version, entry.message_version) = versions;
        let after = entry.tally();
        self.count(before, -1);
        self.count(after, 1);
        if !is_in_flight {
            self.link(slot, None, now);
        }
    }

    /// Puts a delivery that stands nowhere where it belongs.
    pub(super) fn link(&mut self, slot: Slot, not_before: Option<Timestamp>, now: Now) {
        let Some(entry) = self.entries.entry(slot) else { return };
        let Some(due) = entry.due() else {
            return self.recount(slot, |entry| entry.place = Place::Aside);
        };
        let (expires_at, start_at) = (entry.expires_at(), not_before.map_or(due, |time| time.max(due)));
        if expires_at <= now.wall || entry.route == NO_ROUTE && start_at <= now.wall {
            return self.await_decision(slot, now);
        }
        let must_wait = self.suspects.must_wait(entry.message.delivery(entry.ordinal));
        let is_ready = start_at <= now.wall && !must_wait;
        let place = if is_ready { Place::Ready } else { Place::Waiting };
        let wake_at = if is_ready || must_wait { expires_at } else { start_at.min(expires_at) };
        self.recount(slot, |entry| (entry.place, entry.wake_at) = (place, wake_at));
        self.timers.insert(&mut self.entries, slot);
        if is_ready {
            self.lanes.insert(slot, &mut self.entries);
        }
    }

    /// Takes it out of timers and lanes; its place says so no longer.
    fn unlink(&mut self, slot: Slot) {
        let Some(place) = self.entries.entry(slot).map(|entry| entry.place) else { return };
        if matches!(place, Place::Ready | Place::Waiting) {
            self.timers.remove(&mut self.entries, slot);
        }
        if place == Place::Ready {
            self.lanes.remove(slot, &mut self.entries);
        }
    }

    /// Changes what decides where a delivery stands.
    pub(super) fn change(&mut self, slot: Slot, now: Now, change: impl FnOnce(&mut Entry)) {
        let Some((place, wake_at)) = self.entries.entry(slot).map(|entry| (entry.place, entry.wake_at))
        else {
            return;
        };
        self.unlink(slot);
        if let Some(entry) = self.entries.entry_mut(slot) {
            change(entry);
        }
        match place {
            Place::Ready => self.link(slot, None, now),
            // It may wait for longer than its state says, for a reason of its own.
            Place::Waiting => self.link(slot, Some(wake_at), now),
            Place::Aside | Place::InFlight => {}
        }
    }

    /// Out of all queues.
    pub(super) fn set_aside(&mut self, slot: Slot) {
        self.unlink(slot);
        self.recount(slot, |entry| entry.place = Place::Aside);
    }

    fn recount(&mut self, slot: Slot, change: impl FnOnce(&mut Entry)) {
        let Some(entry) = self.entries.entry_mut(slot) else { return };
        let before = entry.tally();
        change(entry);
        let after = entry.tally();
        self.count(before, -1);
        self.count(after, 1);
    }

    fn count(&mut self, tally: Tally, by: i64) {
        self.depth[tally.urgency][tally.standing] += by;
        self.unresolved += if tally.is_unresolved { by } else { 0 };
    }
}
