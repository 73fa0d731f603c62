//! Messages that brought the process down are held before anything is sent.

use crate::engine::{Engine, Unsendable};
use postledger_core::delivery::{Command, decide};
use postledger_core::event::{Event, HoldReason};
use postledger_core::id::{MessageId, Stream};
use postledger_core::ledger::{Append, Change, LedgerError};
use postledger_core::message::Message;
use postledger_core::name::Actor;

/// Holds what is open of a message: all its deliveries would send the same text. One whose record cannot be read is
/// not sent anyhow.
///
/// # Errors
/// The ledger cannot be read or written; it is not held.
pub(crate) async fn hold(engine: &Engine, id: MessageId) -> Result<(), LedgerError> {
    loop {
        let message = match engine.message(id).await {
            Ok(Some(message)) => message,
            Ok(None) | Err(Unsendable::Damaged) => return Ok(()),
            Err(Unsendable::Ledger(error)) => return Err(error),
        };
        let Some(append) = holding(engine, &message) else { return Ok(()) };
        match engine.ledger.append(append).await {
            Ok(_) => {
                tracing::error!(message = %id, "in flight at three crashes of this service; it is held");
                return Ok(());
            }
            Err(LedgerError::Conflict) => {}
            Err(error @ (LedgerError::Busy | LedgerError::Full)) => {
                tokio::time::sleep(engine.suspend(&error)).await;
            }
            Err(error) => return Err(error),
        }
    }
}

/// `None` if nothing of it can be held any more.
fn holding(engine: &Engine, message: &Message) -> Option<Append> {
    let given = engine.given();
    let hold = Command::Hold(HoldReason::Quarantined, Actor::system());
    let changes = message.deliveries.iter().flat_map(|delivery| {
        let events = decide(Some(&delivery.state), hold.clone(), &given).unwrap_or_default();
        Change::run(delivery.id.ordinal, delivery.version, events.into_iter().map(Event::Mail))
    });
    let changes: Vec<_> = changes.collect();
    (!changes.is_empty()).then(|| Append {
        stream: Stream::Message(message.id),
        tenant: message.tenant.clone(),
        at: given.now,
        message_version: Some(message.version),
        changes,
    })
}
