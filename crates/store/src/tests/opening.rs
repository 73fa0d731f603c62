//! What an opening refuses, and in which words.

use super::support::{lively, open, options, raw};
use crate::{OpenError, Reader, SqliteLedger};
use postledger_core::ledger::Ledger;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

async fn closed(dir: &Path) {
    let ledger = open(dir).await.unwrap();
    lively(&ledger).await;
    ledger.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_directory_and_its_files_are_the_owners_alone() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("new").join("data");
    closed(&dir).await;
    let mode = |name: &str| fs::metadata(dir.join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(""), 0o700);
    assert_eq!([mode("ledger.db"), mode("secret"), mode("anchor"), mode("lock")], [0o600; 4]);
    let mut raw = raw(&dir.join("ledger.db")).await;
    let page_size: i64 = sqlx::query_scalar("PRAGMA page_size").fetch_one(&mut raw).await.unwrap();
    let auto_vacuum: i64 = sqlx::query_scalar("PRAGMA auto_vacuum").fetch_one(&mut raw).await.unwrap();
    assert_eq!((page_size, auto_vacuum), (4096, 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_instance_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path()).await.unwrap();
    assert!(matches!(open(dir.path()).await, Err(OpenError::Locked(_))));
    ledger.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_journal_shorter_than_its_anchor_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    closed(dir.path()).await;
    let old = fs::read(dir.path().join("ledger.db")).unwrap();
    let ledger = open(dir.path()).await.unwrap();
    lively_again(&ledger).await;
    ledger.close().await.unwrap();
    fs::write(dir.path().join("ledger.db"), old).unwrap();
    let error = open(dir.path()).await.unwrap_err();
    assert!(error.is_verification());
    let words = error.to_string();
    assert!(words.contains("acknowledged events are missing") && words.contains("restore"), "{words}");
    let reader = Reader::open(dir.path()).await.unwrap();
    let error = reader.verify(&mut |_| {}).await.unwrap_err();
    assert!(error.to_string().contains("its anchor has seen position"), "{error}");
}

async fn lively_again(ledger: &std::sync::Arc<SqliteLedger>) {
    ledger.submit(vec![postledger_core::conformance::submission(77, 1)]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_history_than_the_anchors_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    closed(dir.path()).await;
    let (ledger, anchor) = (dir.path().join("ledger.db"), dir.path().join("anchor"));
    let fork = [&ledger, &anchor].map(|path| fs::read(path).unwrap());
    open(dir.path()).await.unwrap().close().await.unwrap();
    let seen = fs::read(&anchor).unwrap();
    // The same ledger, gone on in another way: another version of the program started it.
    fs::write(&ledger, &fork[0]).unwrap();
    fs::write(&anchor, &fork[1]).unwrap();
    let mut changed = options(dir.path());
    changed.program_version = "0.0.0-fork".into();
    SqliteLedger::open(changed).await.unwrap().close().await.unwrap();
    fs::write(&anchor, seen).unwrap();
    let error = open(dir.path()).await.unwrap_err();
    assert!(error.to_string().contains("differs from its anchor"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_anchor_is_refused_beside_events() {
    let dir = tempfile::tempdir().unwrap();
    closed(dir.path()).await;
    fs::remove_file(dir.path().join("anchor")).unwrap();
    let error = open(dir.path()).await.unwrap_err();
    assert!(matches!(error, OpenError::Anchor(_)), "{error}");
    assert!(error.to_string().contains("is missing"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_torn_anchor_slot_leaves_the_other() {
    let dir = tempfile::tempdir().unwrap();
    closed(dir.path()).await;
    let path = dir.path().join("anchor");
    let whole = fs::read(&path).unwrap();
    for slot in [0, 4096] {
        let mut torn = whole.clone();
        torn[slot + 50] ^= 1;
        fs::write(&path, torn).unwrap();
        open(dir.path()).await.unwrap().close().await.unwrap();
    }
    let mut lost = whole;
    (lost[50], lost[4096 + 50]) = (lost[50] ^ 1, lost[4096 + 50] ^ 1);
    fs::write(&path, lost).unwrap();
    assert!(matches!(open(dir.path()).await, Err(OpenError::Anchor(_))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_ledger_beside_its_anchor_is_not_made_anew() {
    let dir = tempfile::tempdir().unwrap();
    closed(dir.path()).await;
    let path = dir.path().join("ledger.db");
    fs::write(&path, b"").unwrap();
    assert!(matches!(open(dir.path()).await, Err(OpenError::Anchor(_))));
    fs::remove_file(&path).unwrap();
    assert!(matches!(open(dir.path()).await, Err(OpenError::Anchor(_))));
    assert!(!path.exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newer_format_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    closed(dir.path()).await;
    let mut raw = raw(&dir.path().join("ledger.db")).await;
    sqlx::query("UPDATE ledger SET format = 2").execute(&mut raw).await.unwrap();
    drop(raw);
    let error = open(dir.path()).await.unwrap_err();
    assert!(matches!(error, OpenError::NewerFormat { found: 2, known: 1 }), "{error}");
    assert!(matches!(Reader::open(dir.path()).await, Err(OpenError::NewerFormat { .. })));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_secret_and_a_missing_one_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    closed(dir.path()).await;
    let path = dir.path().join("secret");
    fs::write(&path, [7; 32]).unwrap();
    assert!(matches!(open(dir.path()).await, Err(OpenError::Secret(_))));
    fs::remove_file(&path).unwrap();
    assert!(matches!(open(dir.path()).await, Err(OpenError::Secret(_))));
    assert!(!path.exists(), "a lost secret is not replaced by a new one");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_files_are_not_taken_for_a_ledger() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger.db");
    assert!(matches!(Reader::open(dir.path()).await, Err(OpenError::Missing(_))));
    fs::write(&path, vec![b'x'; 10_000]).unwrap();
    assert!(matches!(open(dir.path()).await, Err(OpenError::NotALedger { .. })));
    assert!(matches!(Reader::open(dir.path()).await, Err(OpenError::NotALedger { .. })));
    fs::remove_file(&path).unwrap();
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&path).create_if_missing(true);
    let mut other = <sqlx::SqliteConnection as sqlx::Connection>::connect_with(&options).await.unwrap();
    sqlx::query("CREATE TABLE customer (name TEXT)").execute(&mut other).await.unwrap();
    assert!(matches!(open(dir.path()).await, Err(OpenError::NotALedger { .. })));
}
