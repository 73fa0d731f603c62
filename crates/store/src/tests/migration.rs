//! Formats follow each other: rehearsed on a copy, backed up first, and whole or not at all. The second format of these
//! tests exists in them alone.

use super::support::{Ticking, lively, options, raw, until_crash};
use crate::backup::BackupError;
use crate::ledger::open;
use crate::migration::{MigrateOptions, Migrated, STEPS, Step, migrate_by, newest, rehearse_by};
use crate::{OpenError, Reader, SqliteLedger};
use postledger_core::conformance::submission;
use postledger_core::ledger::Ledger;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

/// Some 16 MB, so that the log grows long before the transaction ends.
const NEXT: &[Step] = &[Step {
    what: "writes a table that nobody needs",
    sql: "CREATE TABLE padding AS WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4000) \
          SELECT i, randomblob(4000) AS bytes FROM n; CREATE INDEX padding_by_i ON padding (i);",
}];

/// A step that would rewrite history.
const FORGER: &[Step] =
    &[NEXT[0], Step { what: "changes an event", sql: "UPDATE event SET tenant = 'other'" }];

async fn opened(dir: &Path, steps: &[Step]) -> Result<Arc<SqliteLedger>, OpenError> {
    open::open(options(dir), steps).await
}

async fn migrate(dir: &Path, backup: &Path, steps: &[Step]) -> Result<Migrated, BackupError> {
    let clock = Ticking::new();
    let options = MigrateOptions { dir, anchor: None, backup, program_version: "0.0.0-test", clock: &*clock };
    migrate_by(steps, options).await
}

async fn of_format_1(dir: &Path) {
    let ledger = opened(dir, STEPS).await.unwrap();
    lively(&ledger).await;
    ledger.close().await.unwrap();
}

/// The rows of the second format's table; `None` where there is no such table.
async fn padding(dir: &Path) -> Option<i64> {
    let mut raw = raw(&dir.join("ledger.db")).await;
    sqlx::query_scalar("SELECT COUNT(bytes) FROM padding").fetch_one(&mut raw).await.ok()
}

async fn verifies(dir: &Path, steps: &[Step]) {
    let reader = Reader::open_knowing(dir, newest(steps)).await.unwrap();
    assert_eq!(reader.format(), newest(steps));
    let verified = reader.verify(&mut |_| {}).await.unwrap();
    assert_eq!(verified.anchored, Some(verified.position));
    reader.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rehearsal_tells_everything_and_changes_nothing() {
    let room = tempfile::tempdir().unwrap();
    let (dir, scratch) = (room.path().join("data"), room.path().join("scratch"));
    let ledger = opened(&dir, STEPS).await.unwrap();
    lively(&ledger).await;
    // Beside a running service, which goes on.
    let rehearsed = rehearse_by(NEXT, &dir, &scratch).await.unwrap();
    assert_eq!((rehearsed.from, rehearsed.to, &rehearsed.steps[..]), (1, 2, &[NEXT[0].what][..]));
    assert_eq!(rehearsed.position, ledger.head().position);
    assert!(rehearsed.extra_bytes > 16_000_000 && !rehearsed.took.is_zero(), "{rehearsed:?}");
    assert_eq!(fs::read_dir(&scratch).unwrap().count(), 0, "the copy is gone");
    ledger.submit(vec![submission(77, 1)]).await.unwrap();
    ledger.close().await.unwrap();
    assert_eq!(padding(&dir).await, None);
    verifies(&dir, STEPS).await;
    let nothing = rehearse_by(STEPS, &dir, &scratch).await.unwrap();
    assert_eq!((nothing.from, nothing.to, nothing.steps.len()), (1, 1, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_migrated_ledger_goes_on_and_its_backup_is_of_the_old_format() {
    let room = tempfile::tempdir().unwrap();
    let (dir, backup) = (room.path().join("data"), room.path().join("backup"));
    of_format_1(&dir).await;
    let refused = opened(&dir, NEXT).await.unwrap_err();
    assert!(matches!(refused, OpenError::OlderFormat { found: 1, known: 2 }), "{refused}");
    let migrated = migrate(&dir, &backup, NEXT).await.unwrap();
    assert_eq!((migrated.from, migrated.to), (1, 2));
    assert_eq!(crate::backup::verify(&backup, &mut |_, _| {}).await.unwrap(), migrated.backup.unwrap());
    verifies(&dir, NEXT).await;
    for _ in 0..2 {
        let ledger = opened(&dir, NEXT).await.unwrap();
        assert_eq!(ledger.histories(vec![submission(1, 1).id]).await.unwrap()[0].len(), 3);
        ledger.close().await.unwrap();
    }
    let refused = opened(&dir, STEPS).await.unwrap_err();
    assert!(matches!(refused, OpenError::NewerFormat { found: 2, known: 1 }), "{refused}");
    let again = migrate(&dir, &room.path().join("second"), NEXT).await.unwrap();
    assert_eq!((again.from, again.backup), (2, None));
    assert!(!room.path().join("second").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_ledger_is_what_a_migrated_one_is() {
    let (new, old) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    of_format_1(old.path()).await;
    migrate(old.path(), &old.path().join("backup"), NEXT).await.unwrap();
    opened(new.path(), NEXT).await.unwrap().close().await.unwrap();
    let mut schemas = Vec::new();
    for dir in [&new, &old] {
        let mut raw = raw(&dir.path().join("ledger.db")).await;
        let schema = "SELECT group_concat(sql, ';') FROM (SELECT sql FROM sqlite_schema ORDER BY name)";
        schemas.push(sqlx::query_scalar::<_, String>(schema).fetch_one(&mut raw).await.unwrap());
    }
    assert_eq!(schemas[0], schemas[1]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_step_that_fails_leaves_the_old_format() {
    let room = tempfile::tempdir().unwrap();
    let (dir, backup) = (room.path().join("data"), room.path().join("backup"));
    of_format_1(&dir).await;
    let failed = migrate(&dir, &backup, FORGER).await.unwrap_err();
    assert!(failed.to_string().contains("append-only"), "{failed}");
    let failed = rehearse_by(FORGER, &dir, room.path()).await.unwrap_err();
    assert!(failed.to_string().contains("append-only"), "{failed}");
    assert_eq!(padding(&dir).await, None);
    verifies(&dir, STEPS).await;
    opened(&dir, STEPS).await.unwrap().close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn neither_a_running_service_nor_a_shorter_ledger_is_migrated() {
    let room = tempfile::tempdir().unwrap();
    let (dir, backup) = (room.path().join("data"), room.path().join("backup"));
    let ledger = opened(&dir, STEPS).await.unwrap();
    let refused = migrate(&dir, &backup, NEXT).await.unwrap_err();
    assert!(matches!(refused, BackupError::Open(OpenError::Locked(_))), "{refused}");
    ledger.close().await.unwrap();
    let older = fs::read(dir.join("ledger.db")).unwrap();
    of_format_1(&dir).await;
    fs::write(dir.join("ledger.db"), older).unwrap();
    let refused = migrate(&dir, &backup, NEXT).await.unwrap_err();
    assert!(matches!(refused, BackupError::Open(OpenError::Anchor(_))), "{refused}");
    assert!(!backup.exists());
}

/// The same test is the process that is killed.
#[test]
fn a_migration_that_is_killed_was_none_or_is_whole() {
    const CHILD: &str = "POSTLEDGER_MIGRATES";
    if let Some(dir) = std::env::var_os(CHILD) {
        let dir = Path::new(&dir);
        until_crash(async { migrate(dir, &dir.join("backup"), NEXT).await.unwrap() });
        return;
    }
    let (mut old, mut new) = (0, 0);
    for log_bytes in [1, 100_000, 4_000_000, 12_000_000, u64::MAX] {
        let dir = tempfile::tempdir().unwrap();
        until_crash(of_format_1(dir.path()));
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "tests::migration::a_migration_that_is_killed_was_none_or_is_whole"])
            .env(CHILD, dir.path())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let log = dir.path().join("ledger.db-wal");
        let has_grown = || fs::metadata(&log).is_ok_and(|log| log.len() >= log_bytes);
        let mut ended = None;
        while ended.is_none() && !has_grown() {
            std::thread::yield_now();
            ended = child.try_wait().unwrap();
        }
        child.kill().unwrap();
        let status = child.wait().unwrap();
        assert!(ended.is_none() || status.success(), "{status}");
        until_crash(async {
            let dir = dir.path();
            let reader = Reader::open_knowing(dir, newest(NEXT)).await.unwrap();
            let format = reader.format();
            reader.close().await;
            let (steps, rows) = if format == 1 { (STEPS, None) } else { (NEXT, Some(4000)) };
            verifies(dir, steps).await;
            assert_eq!(padding(dir).await, rows, "killed at {log_bytes} bytes of log");
            (old, new) = (old + usize::from(format == 1), new + usize::from(format == 2));
            opened(dir, steps).await.unwrap().close().await.unwrap();
            migrate(dir, &dir.join("again"), NEXT).await.unwrap();
            opened(dir, NEXT).await.unwrap().close().await.unwrap();
            verifies(dir, NEXT).await;
        });
    }
    assert!(old >= 3 && new >= 1, "{old} killed before the commit, {new} after it");
}
