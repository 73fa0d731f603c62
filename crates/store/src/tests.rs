//! Tests of the whole crate, one file per behaviour.

mod append_only;
mod backup_and_restore;
mod conformance;
mod corruption;
mod crash;
mod erasure;
mod golden_ledger;
mod idempotency_rebuilt;
mod migration;
mod opening;
mod replay;
mod statements;
pub(crate) mod support;
mod views_rebuilt;
mod write_faults;
