//! Ledger files of every released format are read for ever: golden/format_1.db is added to, never edited.

use super::support::{lively, open};
use crate::{Reader, Until};
use postledger_core::id::Hex;
use std::fs;
use std::path::{Path, PathBuf};

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/format_1.db")
}

/// Makes the file where there is none, as it was made once.
async fn make(path: &Path) {
    let room = tempfile::tempdir().unwrap();
    let ledger = open(room.path()).await.unwrap();
    lively(&ledger).await;
    ledger.close().await.unwrap();
    let target = room.path().join("backup");
    crate::backup::create(room.path(), &target, "0.1.0", &*super::support::Ticking::new(), &mut |_, _| {})
        .await
        .unwrap();
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::copy(target.join("ledger.db"), path).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn format_1_is_opened_verified_and_folded() {
    let path = golden();
    if !path.exists() {
        make(&path).await;
    }
    let reader = Reader::open(&path).await.unwrap();
    let verified = reader.verify(&mut |_| {}).await.unwrap();
    let replayed = reader.replay(Until::End, &mut |_| {}).await.unwrap();
    let found = format!("hash {}\nstate {}\n", Hex(&verified.hash), Hex(&replayed.state_digest));
    let digests = path.with_extension("txt");
    let Ok(expected) = fs::read_to_string(&digests) else {
        fs::write(&digests, found).unwrap();
        panic!("{} was missing and is now written: look at it and commit it", digests.display());
    };
    assert_eq!(found, expected, "the golden ledger reads as something else than it did");
}
