//! What breakers did, on its way to the ledger. Mail does not wait for it: what a crash takes along is told by the start
//! after it, with which every breaker is closed.

use crate::engine::Engine;
use postledger_core::event::{Event, NodeEvent};
use postledger_core::id::{Ordinal, Stream};
use postledger_core::ledger::{Append, Change, LedgerError};
use postledger_core::name::Tenant;
use postledger_core::time::Timestamp;
use std::sync::{Arc, Mutex, PoisonError};

/// Kept while the ledger takes nothing: breakers change a few times a minute at most.
const CAPACITY: usize = 10_000;

#[derive(Debug, Default)]
pub(crate) struct Notes(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    waiting: Vec<(Timestamp, NodeEvent)>,
    is_being_written: bool,
}

impl Notes {
    pub(crate) fn add(&self, turns: Vec<(Timestamp, NodeEvent)>) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let room = CAPACITY.saturating_sub(state.waiting.len());
        state.waiting.extend(turns.into_iter().take(room));
    }

    /// Whether there is something, and nobody writes it yet; the caller does from now on.
    fn begin(&self) -> bool {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        !state.waiting.is_empty() && !std::mem::replace(&mut state.is_being_written, true)
    }

    /// Everything of the first time; `None`, and nobody writes any more, once there is nothing.
    fn take(&self) -> Option<(Timestamp, Vec<NodeEvent>)> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(&(at, _)) = state.waiting.first() else {
            state.is_being_written = false;
            return None;
        };
        let count = state.waiting.iter().take_while(|(time, _)| *time == at).count();
        Some((at, state.waiting.drain(..count).map(|(_, event)| event).collect()))
    }
}

/// Writes down what there is, unless that is being done already.
pub(crate) fn write(engine: &Arc<Engine>) {
    if engine.notes.begin() {
        let writing = engine.clone();
        engine.tasks.spawn(async move { write_all(&writing).await });
    }
}

async fn write_all(engine: &Engine) {
    while let Some((at, events)) = engine.notes.take() {
        loop {
            let append = Append {
                stream: Stream::Node,
                tenant: Tenant::default_tenant(),
                at,
                message_version: None,
                changes: Change::run(Ordinal::MESSAGE, 0, events.iter().cloned().map(Event::Node)),
            };
            match engine.ledger.append(append).await {
                Err(error @ (LedgerError::Busy | LedgerError::Full)) if !engine.stopping.is_cancelled() => {
                    tokio::time::sleep(engine.suspend(&error)).await;
                }
                Ok(_) => break,
                Err(error) => {
                    tracing::warn!(%error, "what a breaker did could not be recorded");
                    break;
                }
            }
        }
    }
}
