//! What every ledger must do.

use super::support::open;
use postledger_core::conformance::CASES;
use postledger_core::ledger::Ledger;
use std::sync::Arc;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_conforms() {
    for (name, case) in CASES {
        let dir = tempfile::tempdir().unwrap();
        let ledger = open(dir.path()).await.unwrap();
        let result = case(Arc::clone(&ledger) as Arc<dyn Ledger>).await;
        result.unwrap_or_else(|reason| panic!("{name}: {reason}"));
        ledger.close().await.unwrap();
    }
}
