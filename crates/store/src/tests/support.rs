//! A ledger in a fresh directory, with a clock and chance that repeat.

use crate::{LedgerOptions, OpenError, SqliteLedger};
use postledger_core::clock::{Clock, Entropy};
use postledger_core::time::Timestamp;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// A second later at each look.
#[derive(Debug)]
pub(crate) struct Ticking(AtomicI64);

impl Ticking {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(1_796_115_600)))
    }
}

impl Clock for Ticking {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.fetch_add(1, Ordering::Relaxed) * 1_000_000)
    }
}

/// The same bytes in each run.
#[derive(Debug)]
pub(crate) struct Counting(AtomicU64);

impl Counting {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(AtomicU64::new(1)))
    }
}

impl Entropy for Counting {
    fn fill(&self, bytes: &mut [u8]) {
        let count = self.0.fetch_add(1, Ordering::Relaxed);
        blake3::Hasher::new().update(&count.to_le_bytes()).finalize_xof().fill(bytes);
    }
}

pub(crate) fn options(dir: &Path) -> LedgerOptions {
    LedgerOptions {
        dir: dir.to_owned(),
        anchor: None,
        program_version: "0.0.0-test".into(),
        clock: Ticking::new(),
        entropy: Counting::new(),
    }
}

pub(crate) async fn open(dir: &Path) -> Result<Arc<SqliteLedger>, OpenError> {
    SqliteLedger::open(options(dir)).await
}
