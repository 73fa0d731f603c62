//! The views: query tables projected from the journal, disposable.

use crate::SqliteLedger;
use postledger_core::ledger::{BoxFuture, MessagePage, MessageQuery, Views, ViewsError};

impl Views for SqliteLedger {
    fn list(&self, _query: MessageQuery) -> BoxFuture<'_, Result<MessagePage, ViewsError>> {
        Box::pin(std::future::ready(Err(ViewsError::Rebuilding)))
    }
}
