//! The ledger in SQLite: the only crate that knows SQL.
//!
//! It knows how events are stored, hashed, anchored, read, projected into views, backed up and restored. It must
//! not know what a delivery may do next (that is core), SMTP, HTTP, or the command line.
//!
//! Reading order: `chain` (the hash), `codec` (events as stored), `sql` (schema and statements), [`migration`] (its
//! formats), `writer` (the one that commits), [`SqliteLedger`] (the port), `anchor`, `fold` and `views` (what is made of the journal),
//! [`Reader`] (verify, replay, compare), [`backup`].

mod anchor;
pub mod backup;
pub mod chain;
pub mod codec;
mod connect;
mod disk;
mod fault;
mod filesystem;
mod fold;
mod idempotency;
mod identity;
mod ledger;
pub mod migration;
mod pages;
mod queue;
mod read;
mod reader;
mod row;
#[cfg(feature = "sabotage")]
mod sabotage;
mod secret;
mod shared;
mod sql;
mod views;
mod writer;

pub use connect::{Sqlite, sqlite};
pub use disk::{Disk, RESERVE_BYTES, SyncTimes};
pub use fault::{OpenError, ReadError};
pub use ledger::{CloseError, LedgerOptions, SqliteLedger};
pub use reader::{Examined, Reader, Replayed, Until, Verified, VerifyError, ViewsChecked};
pub use views::ViewsState;

#[cfg(test)]
mod tests;
