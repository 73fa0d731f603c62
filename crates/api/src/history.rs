//! Reads messages from the ledger: never behind an answered commit.

use crate::api::Shared;
use crate::caller::Caller;
use crate::problem::{Problem, code};
use postledger_core::event::Recorded;
use postledger_core::id::MessageId;
use postledger_core::message::{BrokenHistory, Message};

/// The events of a message, as stored and folded; the same 404 for what is unknown and what is another's.
pub(crate) async fn seen_by(
    shared: &Shared,
    caller: &Caller,
    id: MessageId,
) -> Result<(Message, Vec<Recorded>), Problem> {
    let history = shared.services.ledger.histories(vec![id]).await?.pop().unwrap_or_default();
    let message = fold(&history)?.filter(|message| caller.sees(&message.tenant));
    message.map(|message| (message, history)).ok_or_else(Problem::not_found)
}

/// The message, whoever asks.
pub(crate) async fn message(shared: &Shared, id: MessageId) -> Result<Option<Message>, Problem> {
    fold(&shared.services.ledger.histories(vec![id]).await?.pop().unwrap_or_default())
}

/// Several messages, in the order asked for; without those that are unknown.
pub(crate) async fn messages(shared: &Shared, ids: Vec<MessageId>) -> Result<Vec<Message>, Problem> {
    let histories = shared.services.ledger.histories(ids).await?;
    histories.iter().filter_map(|history| fold(history).transpose()).collect()
}

fn fold(history: &[Recorded]) -> Result<Option<Message>, Problem> {
    Message::fold(history).map_err(|broken| self::broken(&broken))
}

/// A history that cannot be: damage, told to the operator by the log and to the caller by a code.
pub(crate) fn broken(broken: &BrokenHistory) -> Problem {
    tracing::error!(%broken, "a message's history cannot be folded");
    Problem::new(code::CORRUPT_RECORD, "its record cannot be read")
}
