//! Negative controls: the planner is told something else than what happens, or is not asked when it must be. Each of
//! these stands for a mistake that a planner could make, and a judge must notice it.

use super::super::*;
use std::sync::Arc;

/// See the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lie {
    None,
    /// A delivery counts as given back as soon as it was handed out.
    GivenBackEarly,
    /// A relay has one connection more.
    MoreConnections,
    /// A relay and a domain take a fifth more a second.
    Faster,
    /// A domain may have one more at once.
    MoreAtOnce,
    /// Deferrals count as acceptances.
    Deaf,
    /// A request for silence is taken for one for less.
    Restless,
    /// Each acceptance counts three times.
    Eager,
    /// What could not be sent says nothing of its relay.
    Careless,
    /// A good probe opens it for all.
    Trusting,
    /// A probe counts as failed while it is under way.
    Impatient,
    /// Every tenant is the same one.
    OneTenant,
    /// Who waits for higher classes waits for ever.
    NoAgeing,
    /// Every message has the same class.
    OneClass,
    /// Only the first relay is looked at.
    LooksAway,
    /// Nothing is left to chance.
    NoJitter,
}

impl Lie {
    pub(super) fn limits(self, limits: &RelayLimits) -> RelayLimits {
        let faster = |rate: f64| if self == Self::Faster { rate * 1.2 } else { rate };
        RelayLimits {
            max_connections: limits.max_connections + usize::from(self == Self::MoreConnections),
            per_second: limits.per_second.map(faster),
        }
    }

    pub(super) fn pacing(self, pacing: &Pacing) -> Pacing {
        let mut pacing = pacing.clone();
        if self == Self::NoAgeing {
            pacing.ageing = Duration::from_secs(1_000_000);
        }
        for rule in &mut pacing.destinations {
            if self == Self::MoreAtOnce {
                rule.max_connections = rule.max_connections.map(|most| most + 1);
            }
            if self == Self::Faster {
                rule.max_per_second = rule.max_per_second.map(|rate| rate * 1.2);
            }
        }
        pacing
    }

    pub(super) fn policy(self, policy: &Arc<Policy>) -> Arc<Policy> {
        if self == Self::OneClass {
            Arc::new(Policy { priority: Priority::Normal, ..(**policy).clone() })
        } else {
            policy.clone()
        }
    }

    pub(super) fn tenant(self, tenant: usize) -> usize {
        if self == Self::OneTenant { 0 } else { tenant }
    }

    pub(super) fn jitter(self, jitter: f64) -> f64 {
        if self == Self::NoJitter { 0.5 } else { jitter }
    }

    pub(super) fn poll_start(self, planner: &mut Planner, now: Now) -> Option<Job> {
        if self == Self::LooksAway { planner.poll_start_at(PRIMARY, now) } else { planner.poll_start(now) }
    }

    /// What the planner hears of an attempt.
    pub(super) fn outcomes(self, outcome: &Outcome) -> Vec<Outcome> {
        match (self, outcome) {
            (Self::Deaf, Outcome::Transient(_)) => vec![accepted()],
            (Self::Restless, Outcome::Transient(it)) if it.code == 421 => {
                vec![Outcome::Transient(reply(451))]
            }
            (Self::Eager, Outcome::Accepted(_)) => vec![outcome.clone(); 3],
            (Self::Careless, Outcome::NotSent(_) | Outcome::Unknown(_)) => vec![],
            _ => vec![outcome.clone()],
        }
    }

    pub(super) fn on_start(self, planner: &mut Planner, id: DeliveryId, now: Now) {
        if self == Self::GivenBackEarly {
            planner.handle_ended(id, None, now);
        }
    }

    pub(super) fn on_probe(self, planner: &mut Planner, relay: RelayIndex, now: Now) {
        if self == Self::Impatient {
            let failure = NotSent { stage: Stage::Connect, trouble: Trouble::Timeout, reply: None };
            // As one that failed long ago.
            planner.handle_probe(relay, Err(failure), now.monotonic, now, 0.0);
        }
    }

    pub(super) fn on_good_probe(self, planner: &mut Planner, relay: RelayIndex, now: Now) {
        if self == Self::Trusting {
            planner.handle_outcome(at(relay), &accepted(), now.monotonic, now, 0.0);
        }
    }
}
