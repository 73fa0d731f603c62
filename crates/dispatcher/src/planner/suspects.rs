//! Deliveries that were in flight when the process died: one of them at a time is sent, so that a further crash
//! tells which it was. All other mail flows meanwhile.

use super::entry::Place;
use super::{Now, Planner};
use postledger_core::id::DeliveryId;
use std::collections::HashSet;
use std::time::Duration;

/// Who has not ended within this time waits for its relay, and the next one may begin. An input that brings the
/// process down does so while it is worked on.
const TURN: Duration = Duration::from_secs(10);

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Suspects {
    ids: HashSet<DeliveryId>,
    /// Who is being sent, and until when it is alone (monotonic).
    turn: Option<(DeliveryId, Duration)>,
}

impl Suspects {
    pub(super) fn must_wait(&self, id: DeliveryId) -> bool {
        self.turn.is_some_and(|(other, _)| other != id) && self.ids.contains(&id)
    }

    /// True if it is one: the others have to wait.
    pub(super) fn begin(&mut self, id: DeliveryId, now: Now) -> bool {
        let is_suspect = self.ids.contains(&id);
        if is_suspect {
            self.turn = Some((id, now.monotonic + TURN));
        }
        is_suspect
    }

    /// It is cleared. True if the next one may begin.
    pub(super) fn end(&mut self, id: DeliveryId) -> bool {
        self.ids.remove(&id) && self.turn.take_if(|(of, _)| *of == id).is_some()
    }

    /// True if a turn has lasted long enough, once.
    fn pass(&mut self, now: Now) -> bool {
        self.turn.take_if(|(_, until)| *until <= now.monotonic).is_some()
    }

    /// When the next one may begin at the latest (monotonic).
    pub(super) fn next_turn(&self) -> Option<Duration> {
        self.turn.map(|(_, until)| until)
    }
}

impl Planner {
    /// These were in flight when an earlier start died. Answers those of whose message nothing is pending.
    pub(crate) fn handle_suspects(&mut self, ids: Vec<DeliveryId>) -> Vec<DeliveryId> {
        let (pending, ended): (Vec<_>, Vec<_>) = ids.into_iter().partition(|id| self.holds(id.message));
        self.suspects.ids = pending.into_iter().collect();
        ended
    }

    pub(super) fn pass_turn(&mut self, now: Now) {
        if self.suspects.pass(now) {
            self.place_suspects(now);
        }
    }

    /// Puts those that wait for their time or their turn where they belong now.
    pub(super) fn place_suspects(&mut self, now: Now) {
        let slots: Vec<_> = self.suspects.ids.iter().filter_map(|id| self.entries.find(*id)).collect();
        for slot in slots {
            let place = self.entries.entry(slot).map(|entry| entry.place);
            if matches!(place, Some(Place::Ready | Place::Waiting)) {
                self.set_aside(slot);
                self.link(slot, None, now);
            }
        }
    }
}
