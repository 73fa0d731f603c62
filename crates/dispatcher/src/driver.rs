//! The task that starts all others: it wakes at commits, results and due times, and hands out what can start.

use crate::attempt::Flight;
use crate::engine::Engine;
use crate::meters;
use crate::planner::{Job, Lease, RelayIndex, Work};
use crate::transport::{Patience, connect};
use crate::{notes, record, worker};
use postledger_core::delivery::Command;
use postledger_core::id::MessageId;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// How often the gauges are refreshed and idle connections looked at.
const TICK: Duration = Duration::from_secs(5);
/// Looks at the queue are short: so many deliveries are handed out per look.
const MAX_PER_LOOK: usize = 32;
/// Decisions and reloads at the same time: after a long stop thousands may have expired.
const MAX_DECISIONS: usize = 64;

#[derive(Default)]
struct Due {
    attempts: Vec<(Lease, Job)>,
    decisions: Vec<Job>,
    missed: Vec<MessageId>,
    probes: Vec<RelayIndex>,
    looked_at: Duration,
    wait: Option<Duration>,
}

impl Due {
    fn is_full(&self) -> bool {
        self.attempts.len() == MAX_PER_LOOK || self.decisions.len() + self.missed.len() == MAX_DECISIONS
    }
}

pub(crate) async fn run(engine: Arc<Engine>) {
    let permits = Arc::new(Semaphore::new(MAX_DECISIONS));
    let mut next_tick = tokio::time::Instant::now();
    loop {
        let due = look(&engine, permits.available_permits());
        let (is_full, wait) = (due.is_full(), due.wait.unwrap_or(TICK).min(TICK));
        start(&engine, due, &permits);
        notes::write(&engine);
        engine.turns.send_modify(|turns| *turns += 1);
        if next_tick.elapsed() > Duration::ZERO {
            next_tick = tokio::time::Instant::now() + TICK;
            keep_house(&engine);
        }
        if is_full {
            tokio::task::yield_now().await;
            continue;
        }
        tokio::select! {
            () = engine.inbox.wake.notified() => {}
            () = tokio::time::sleep(wait) => {}
            () = engine.stopping.cancelled() => break,
        }
    }
}

fn look(engine: &Engine, free: usize) -> Due {
    engine.with_queue(|planner, now| {
        let mut due = Due { looked_at: now.monotonic, ..Due::default() };
        while due.attempts.len() < MAX_PER_LOOK
            && let Some(job) = planner.poll_start(now)
        {
            if let Work::Attempt(lease) = job.work {
                due.attempts.push((lease, job));
            }
        }
        while due.missed.len() < free
            && let Some(missed) = planner.poll_missed()
        {
            due.missed.push(missed);
        }
        while due.missed.len() + due.decisions.len() < free
            && let Some(job) = planner.poll_decision(now)
        {
            due.decisions.push(job);
        }
        while let Some(relay) = planner.poll_probe(now) {
            due.probes.push(relay);
        }
        due.wait = planner.poll_timeout(now);
        due
    })
}

fn start(engine: &Arc<Engine>, due: Due, permits: &Arc<Semaphore>) {
    for (lease, job) in due.attempts {
        engine.tasks.spawn(worker::run(engine.clone(), lease, job));
    }
    for job in due.decisions {
        let command = match job.work {
            Work::Expire => Command::Expire,
            Work::Refuse(cause) => Command::Refuse(cause),
            Work::Attempt(_) => continue,
        };
        let (engine, permits) = (engine.clone(), permits.clone());
        engine.clone().tasks.spawn(async move {
            let _permit = permits.acquire().await;
            // A decision names no relay; where there was no attempt, any name will do.
            let relay = job.state.relay.clone().unwrap_or_else(|| engine.relay_name(0));
            record::decision(engine, Flight::new(&job, relay), command).await;
        });
    }
    for message in due.missed {
        let (engine, permits) = (engine.clone(), permits.clone());
        engine.clone().tasks.spawn(async move {
            let _permit = permits.acquire().await;
            engine.reload(message).await;
            engine.inbox.wake.notify_one();
        });
    }
    for relay in due.probes {
        let (engine, slot) = (engine.clone(), engine.relay(relay));
        engine.clone().tasks.spawn(async move {
            let probed = connect(&slot.endpoint, Patience::Usual, &engine.abort).await;
            let result = probed.map(|connection| slot.pool.put(connection));
            engine.probed(relay, due.looked_at, &result.as_ref().map(drop));
            if let Ok(Some(unwanted)) = result {
                unwanted.quit().await;
            }
        });
    }
}

fn keep_house(engine: &Arc<Engine>) {
    engine.with_queue(|planner, now| meters::queue(planner, now.wall));
    for relay in engine.relays() {
        for connection in relay.pool.take_stale() {
            engine.tasks.spawn(connection.quit());
        }
    }
}
