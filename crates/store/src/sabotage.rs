//! Known mistakes, for the suites that must catch them. Compiled with the feature `sabotage` only, and made only when
//! the environment names one in `POSTLEDGER_SABOTAGE`.

#[cfg(not(debug_assertions))]
compile_error!("the feature `sabotage` makes the service lose mail: it is for tests and never released");

use crate::ledger::{SqliteLedger, submit};
use postledger_core::event::{Event, MailEvent, Recorded};
use postledger_core::id::{Ordinal, Position, Stream};
use postledger_core::ledger::{Ledger, LedgerError, Submission, Submitted};
use sqlx::sqlite::SqliteConnection;
use std::sync::Arc;

/// Whether this mistake is to be made.
pub(crate) fn makes(mistake: &str) -> bool {
    std::env::var_os("POSTLEDGER_SABOTAGE").is_some_and(|named| named == mistake)
}

/// `synchronous_normal`: after it was read back that commits are synced, they are not any more.
pub(crate) async fn synchronous_normal(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    if makes("synchronous_normal") {
        sqlx::query("PRAGMA synchronous = NORMAL").execute(connection).await?;
    }
    Ok(())
}

/// `answer_before_commit`: who submits is answered while the submission waits for the writer.
pub(crate) fn answer_before_commit(
    ledger: &SqliteLedger,
    submissions: &[Submission],
) -> Result<Option<Vec<Submitted>>, LedgerError> {
    if !makes("answer_before_commit") {
        return Ok(None);
    }
    tokio::spawn(submit::submit(ledger.queue()?, submissions.to_vec(), Arc::clone(&ledger.entropy)));
    let head = ledger.head();
    let accepted = |submission: &Submission| {
        Submitted::Accepted(Box::new(Recorded {
            position: Position(head.position.0 + 1),
            stream: Stream::Message(submission.id),
            ordinal: Ordinal::MESSAGE,
            version: 1,
            epoch: head.epoch,
            tenant: submission.tenant.clone(),
            at: submission.at,
            hash: head.hash,
            event: Event::Mail(MailEvent::Queued(submission.queued.clone())),
        }))
    };
    Ok(Some(submissions.iter().map(accepted).collect()))
}
