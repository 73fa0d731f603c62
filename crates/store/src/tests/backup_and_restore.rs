//! A backup is whole or none, and a restore sends nothing by itself.

use super::support::{Counting, Ticking, lively, open};
use crate::backup::{self, BackupError, Manifest, RestoreOptions, Restored};
use crate::{OpenError, Reader, Replayed, Until};
use postledger_core::conformance::{keyed, submission};
use postledger_core::delivery::{Phase, Status};
use postledger_core::event::HoldReason;
use postledger_core::id::Position;
use postledger_core::ledger::{Ledger, Submitted};
use sqlx::ConnectOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode};
use std::fs;
use std::path::Path;

async fn create(data: &Path, target: &Path) -> Result<Manifest, BackupError> {
    backup::create(data, target, "0.0.0-test", &*Ticking::new(), &mut |_, _| {}).await
}

async fn restore(backup: &Path, into: &Path, secret: Option<&Path>) -> Result<Restored, BackupError> {
    let (clock, entropy) = (Ticking::new(), Counting::new());
    let options = RestoreOptions {
        backup,
        into,
        secret,
        anchor: None,
        program_version: "0.0.0-test",
        clock: &*clock,
        entropy: &*entropy,
    };
    backup::restore(options, &mut |_, _| {}).await
}

async fn replay(path: &Path, until: Until) -> Replayed {
    Reader::open(path).await.unwrap().replay(until, &mut |_| {}).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restored_ledger_has_the_same_state_and_holds_what_was_open() {
    let room = tempfile::tempdir().unwrap();
    let (data, target, into) = (room.path().join("data"), room.path().join("b/1"), room.path().join("new"));
    let ledger = open(&data).await.unwrap();
    lively(&ledger).await;
    let manifest = create(&data, &target).await.unwrap();
    assert_eq!(manifest.position, ledger.head().position);
    assert_eq!(backup::verify(&target, &mut |_, _| {}).await.unwrap(), manifest);
    assert_eq!(backup::list(&room.path().join("b")).unwrap(), [(target.clone(), manifest.clone())]);
    ledger.close().await.unwrap();

    let restored = restore(&target, &into, Some(&data.join("secret"))).await.unwrap();
    assert_eq!((restored.held, restored.epoch.term()), (4 - 1, 1), "one was held before");
    let until = Until::Position(manifest.position);
    assert_eq!(replay(&into, until).await, replay(&data, until).await);
    let after = replay(&into, Until::End).await;
    assert_eq!((after.by_status[&Status::Held], after.open, after.balance), (4, 4, 0));

    let ledger = open(&into).await.unwrap();
    assert_eq!((ledger.head().epoch.term(), ledger.head().epoch.start()), (1, 1));
    let open = ledger.open_messages(Position(0), 100).await.unwrap();
    let deliveries = open.iter().flat_map(|open| &open.message.deliveries);
    let reasons: Vec<_> = deliveries
        .filter_map(|d| if let Phase::Held { reason } = d.state.phase { Some(reason) } else { None })
        .collect();
    use HoldReason::{Operator, Restored};
    assert_eq!(reasons, [Operator, Restored, Restored, Restored]);
    let again = ledger.submit(vec![keyed(submission(30, 1), 9, 9)]).await.unwrap();
    assert_eq!(again, [Submitted::Replayed(submission(5, 1).id)]);
    ledger.close().await.unwrap();
    Reader::open(&into).await.unwrap().verify(&mut |_| {}).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_must_not_be_restored_is_refused_and_leaves_no_ledger() {
    let room = tempfile::tempdir().unwrap();
    let (data, target, into) = (room.path().join("data"), room.path().join("b"), room.path().join("new"));
    let ledger = open(&data).await.unwrap();
    lively(&ledger).await;
    ledger.close().await.unwrap();
    create(&data, &target).await.unwrap();
    let secret = data.join("secret");

    assert!(matches!(create(&data, &target).await, Err(BackupError::Exists(_))));
    assert!(matches!(restore(&target, &data, None).await, Err(BackupError::Exists(_))));
    assert!(matches!(restore(&target, &into, None).await, Err(BackupError::Open(OpenError::Secret(_)))));
    let wrong = room.path().join("wrong");
    fs::write(&wrong, [3; 32]).unwrap();
    let refused = restore(&target, &into, Some(&wrong)).await;
    assert!(matches!(refused, Err(BackupError::Open(OpenError::Secret(_)))));

    let copy = target.join("ledger.db");
    let whole = fs::read(&copy).unwrap();
    fs::write(&copy, &whole[..whole.len() - 4096]).unwrap();
    assert!(matches!(backup::verify(&target, &mut |_, _| {}).await, Err(BackupError::Differs(_))));
    assert!(matches!(restore(&target, &into, Some(&secret)).await, Err(BackupError::Differs(_))));
    let mut altered = whole.clone();
    altered[whole.len() / 2] ^= 1;
    fs::write(&copy, altered).unwrap();
    assert!(matches!(restore(&target, &into, Some(&secret)).await, Err(BackupError::Differs(_))));
    fs::write(&copy, whole).unwrap();
    let manifest = fs::read_to_string(target.join("manifest.json")).unwrap();
    fs::write(target.join("manifest.json"), &manifest[..manifest.len() / 2]).unwrap();
    assert!(matches!(restore(&target, &into, Some(&secret)).await, Err(BackupError::NotABackup { .. })));
    fs::remove_file(target.join("manifest.json")).unwrap();
    assert!(matches!(restore(&target, &into, Some(&secret)).await, Err(BackupError::NotABackup { .. })));
    assert!(!into.join("ledger.db").exists());

    create(&data, &target).await.unwrap();
    restore(&target, &into, Some(&secret)).await.unwrap();
}

/// What a restore that was killed leaves behind is a database with a journal that wants to be rolled back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interrupted_restore_has_no_part_in_the_next() {
    let room = tempfile::tempdir().unwrap();
    let (data, target, into) = (room.path().join("data"), room.path().join("b"), room.path().join("new"));
    let ledger = open(&data).await.unwrap();
    lively(&ledger).await;
    ledger.close().await.unwrap();
    create(&data, &target).await.unwrap();

    let killed = room.path().join("killed.db");
    let options = SqliteConnectOptions::new().filename(&killed).create_if_missing(true);
    let mut raw = options.journal_mode(SqliteJournalMode::Delete).connect().await.unwrap();
    // A cache of one page spills into the file before the commit, and so the journal is on the disk.
    for statement in [
        "PRAGMA cache_size = 1",
        "CREATE TABLE old (text TEXT)",
        "INSERT INTO old VALUES (hex(randomblob(9000)))",
        "BEGIN",
        "UPDATE old SET text = hex(randomblob(90000))",
        "INSERT INTO old SELECT hex(randomblob(90000)) FROM old",
    ] {
        sqlx::query(statement).execute(&mut raw).await.unwrap();
    }
    fs::create_dir(&into).unwrap();
    fs::copy(&killed, into.join("ledger.db.partial")).unwrap();
    let journal = into.join("ledger.db.partial-journal");
    fs::copy(room.path().join("killed.db-journal"), &journal).unwrap();
    assert!(fs::metadata(&journal).unwrap().len() > 512);

    restore(&target, &into, Some(&data.join("secret"))).await.unwrap();
    Reader::open(&into).await.unwrap().verify(&mut |_| {}).await.unwrap();
    let left: Vec<_> = fs::read_dir(&into).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().contains("partial")), "{left:?}");
}
